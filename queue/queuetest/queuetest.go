// Package queuetest is the conformance suite of queue.Queue: any implementation must pass it. It is called from the
// implementation's own tests and knows nothing but the interface.
package queuetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/queue"
)

// Run runs the suite. newStore is called once for each test; the function it returns opens that test's store, empty
// at first and with everything it held when it is opened again after Close. What it opens is ready for use.
func Run(t *testing.T, newStore func(t *testing.T) (open func() queue.Queue)) {
	for _, tc := range []struct {
		name string
		fn   func(t *testing.T, open func() queue.Queue)
	}{
		{"append and read", appendRead},
		{"read in parts", readParts},
		{"any octets", anyOctets},
		{"attach", attach},
		{"commit", commit},
		{"commit refused", commitRefused},
		{"detach", detach},
		{"state", state},
		{"wait", wait},
		{"reopen", reopen},
		{"many at once", manyAtOnce},
		{"status", status},
		{"context", contexts},
		{"close", closing},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			tc.fn(t, newStore(t))
		})
	}
}

var start = time.Date(2026, 11, 23, 1, 2, 3, 456789, time.UTC)

func record(n int) *queue.Record {
	return &queue.Record{Received: start.Add(time.Duration(n) * time.Second), Input: "webhook",
		Remote: fmt.Sprintf("192.0.2.%d", n%250), Body: fmt.Appendf(nil, `{"event": "E%d"}`, n)}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// fill appends records 1 to n, which get these numbers in an empty store.
func fill(t *testing.T, q queue.Queue, n int) []queue.Record {
	t.Helper()
	var want []queue.Record
	for i := 1; i <= n; i++ {
		rec := record(i)
		must(t, q.Append(context.Background(), rec))
		want = append(want, *rec)
	}
	return want
}

func read(t *testing.T, q queue.Queue, after uint64, max int) []queue.Record {
	t.Helper()
	got, err := q.Read(context.Background(), after, max, nil)
	must(t, err)
	return got
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: got %+v, want %+v", what, got, want)
	}
}

func shut(t *testing.T, q queue.Queue) {
	t.Helper()
	must(t, q.Close())
}

func appendRead(t *testing.T, open func() queue.Queue) {
	q := open()
	defer shut(t, q)
	same(t, "empty", len(read(t, q, 0, 10)), 0)
	must(t, q.Append(context.Background()))
	recs := []*queue.Record{record(1), record(2), record(3)}
	must(t, q.Append(context.Background(), recs...))
	last := record(4)
	must(t, q.Append(context.Background(), last))
	var want []queue.Record
	for i, rec := range append(recs, last) {
		same(t, "seq", rec.Seq, uint64(i+1))
		want = append(want, *rec)
	}
	same(t, "records", read(t, q, 0, 10), want)
	same(t, "after the last", len(read(t, q, 4, 10)), 0)
	same(t, "far after the last", len(read(t, q, 400, 10)), 0)
}

func readParts(t *testing.T, open func() queue.Queue) {
	q := open()
	defer shut(t, q)
	want := fill(t, q, 25)
	var got []queue.Record
	for after := uint64(0); ; after = got[len(got)-1].Seq {
		n := len(got)
		var err error
		got, err = q.Read(context.Background(), after, 7, got)
		must(t, err)
		if len(got)-n > 7 {
			t.Fatalf("got %d records, want at most 7", len(got)-n)
		}
		if len(got) == n {
			break
		}
	}
	same(t, "records", got, want)
}

func anyOctets(t *testing.T, open func() queue.Queue) {
	q := open()
	defer shut(t, q)
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	var want []queue.Record
	for _, rec := range []queue.Record{
		{Received: start, Input: "a", Body: all},
		{Received: start, Input: "", Remote: "", Body: []byte{}},
		{Received: start, Input: "ü", Remote: "2001:db8::1", Body: bytes.Repeat(all, 1024)},
	} {
		must(t, q.Append(context.Background(), &rec))
		want = append(want, rec)
	}
	same(t, "records", read(t, q, 0, 10), want)
}

func attach(t *testing.T, open func() queue.Queue) {
	ctx, q := context.Background(), open()
	defer shut(t, q)
	cursor, err := q.Attach(ctx, "first")
	must(t, err)
	same(t, "cursor in an empty store", cursor, uint64(0))
	fill(t, q, 5)
	cursor, err = q.Attach(ctx, "later")
	must(t, err)
	same(t, "cursor of one that comes later", cursor, uint64(5))
	cursor, err = q.Attach(ctx, "first")
	must(t, err)
	same(t, "cursor of one that is known", cursor, uint64(0))
}

func commit(t *testing.T, open func() queue.Queue) {
	ctx, q := context.Background(), open()
	defer shut(t, q)
	_, err := q.Attach(ctx, "noc")
	must(t, err)
	fill(t, q, 10)
	must(t, q.Commit(ctx, "noc", queue.Progress{Cursor: 4, Runs: []queue.Run{{N: 3, Outcome: "sent"}, {N: 1, Outcome: "dropped", Rule: "client churn"}}}))
	must(t, q.Commit(ctx, "noc", queue.Progress{Cursor: 4}))
	must(t, q.Commit(ctx, "noc", queue.Progress{Cursor: 7, Runs: []queue.Run{{N: 3, Outcome: "sent", Rule: `quo"te`}}}))
	cursor, err := q.Attach(ctx, "noc")
	must(t, err)
	same(t, "cursor", cursor, uint64(7))
}

func commitRefused(t *testing.T, open func() queue.Queue) {
	ctx, q := context.Background(), open()
	defer shut(t, q)
	_, err := q.Attach(ctx, "noc")
	must(t, err)
	fill(t, q, 10)
	must(t, q.Commit(ctx, "noc", queue.Progress{Cursor: 5}))
	for _, tc := range []struct {
		name, output string
		p            queue.Progress
	}{
		{"unknown output", "siem", queue.Progress{Cursor: 6}},
		{"backwards", "noc", queue.Progress{Cursor: 4}},
		{"beyond the newest", "noc", queue.Progress{Cursor: 11}},
		{"more outcomes than events", "noc", queue.Progress{Cursor: 6, Runs: []queue.Run{{N: 2, Outcome: "sent"}}}},
		{"empty run", "noc", queue.Progress{Cursor: 6, Runs: []queue.Run{{Outcome: "sent"}}}},
	} {
		tc.p.Changes = []queue.Change{{Key: "k", Value: []byte("v")}}
		if err := q.Commit(ctx, tc.output, tc.p); err == nil {
			t.Errorf("%s: got no error", tc.name)
		}
	}
	cursor, err := q.Attach(ctx, "noc")
	must(t, err)
	same(t, "cursor", cursor, uint64(5))
	same(t, "state", rows(t, q, "noc"), []string(nil))
}

func detach(t *testing.T, open func() queue.Queue) {
	ctx, q := context.Background(), open()
	defer shut(t, q)
	_, err := q.Attach(ctx, "noc")
	must(t, err)
	fill(t, q, 3)
	must(t, q.Commit(ctx, "noc", queue.Progress{Cursor: 1, Changes: []queue.Change{{Key: "k", Value: []byte("v")}}}))
	must(t, q.Detach(ctx, "noc"))
	must(t, q.Detach(ctx, "never attached"))
	same(t, "state", rows(t, q, "noc"), []string(nil))
	if err := q.Commit(ctx, "noc", queue.Progress{Cursor: 2}); err == nil {
		t.Error("commit after detach: got no error")
	}
	cursor, err := q.Attach(ctx, "noc")
	must(t, err)
	same(t, "cursor", cursor, uint64(3))
}

// rows lists the state as key=value.
func rows(t *testing.T, q queue.Queue, output string) (list []string) {
	t.Helper()
	must(t, q.State(context.Background(), output, func(key string, value []byte) error {
		list = append(list, key+"="+string(value))
		return nil
	}))
	return list
}

func state(t *testing.T, open func() queue.Queue) {
	ctx, q := context.Background(), open()
	for _, name := range []string{"noc", "siem"} {
		_, err := q.Attach(ctx, name)
		must(t, err)
	}
	must(t, q.Commit(ctx, "noc", queue.Progress{Changes: []queue.Change{
		{Key: "a", Value: []byte("1")}, {Key: "b", Value: []byte("2")}, {Key: "c", Value: []byte{}}}}))
	must(t, q.Commit(ctx, "noc", queue.Progress{Changes: []queue.Change{
		{Key: "a"}, {Key: "b", Value: []byte("3")}, {Key: "never there"}}}))
	must(t, q.Commit(ctx, "siem", queue.Progress{Changes: []queue.Change{{Key: "a", Value: []byte("x\x00y")}}}))
	for range 2 {
		same(t, "state of noc", rows(t, q, "noc"), []string{"b=3", "c="})
		same(t, "state of siem", rows(t, q, "siem"), []string{"a=x\x00y"})
		same(t, "state of nobody", rows(t, q, "nobody"), []string(nil))
		shut(t, q)
		q = open()
	}
	stop := errors.New("stop")
	if err := q.State(ctx, "noc", func(string, []byte) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("error of the callback: got %v, want %v", err, stop)
	}
	shut(t, q)
}

func wait(t *testing.T, open func() queue.Queue) {
	ctx, q := context.Background(), open()
	defer shut(t, q)
	woken := make(chan error)
	for i := range 8 {
		go func() { woken <- q.Wait(ctx, uint64(i%2)) }()
	}
	fill(t, q, 2)
	for range 8 {
		must(t, <-woken)
	}
	must(t, q.Wait(ctx, 1))
	short, cancel := context.WithCancel(ctx)
	go func() { woken <- q.Wait(short, 2) }()
	cancel()
	if err := <-woken; !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: got %v", err)
	}
}

func reopen(t *testing.T, open func() queue.Queue) {
	ctx, q := context.Background(), open()
	_, err := q.Attach(ctx, "noc")
	must(t, err)
	want := fill(t, q, 20)
	must(t, q.Commit(ctx, "noc", queue.Progress{Cursor: 8, Runs: []queue.Run{{N: 8, Outcome: "sent"}}}))
	id := q.ID()
	if id == "" {
		t.Error("the store has no id")
	}
	shut(t, q)
	q = open()
	defer shut(t, q)
	same(t, "id", q.ID(), id)
	same(t, "records", read(t, q, 0, 100), want)
	must(t, q.Wait(ctx, 19))
	cursor, err := q.Attach(ctx, "noc")
	must(t, err)
	same(t, "cursor", cursor, uint64(8))
	rec := record(21)
	must(t, q.Append(ctx, rec))
	same(t, "next number", rec.Seq, uint64(21))
}

func manyAtOnce(t *testing.T, open func() queue.Queue) {
	const producers, each, readers = 16, 50, 4
	ctx, q := context.Background(), open()
	defer shut(t, q)
	var wg sync.WaitGroup
	var mu sync.Mutex
	bodies := map[uint64]string{}
	for i := range readers {
		name := fmt.Sprint("output", i)
		cursor, err := q.Attach(ctx, name)
		must(t, err)
		wg.Go(func() {
			for cursor < producers*each {
				if err := q.Wait(ctx, cursor); err != nil {
					t.Error(err)
					return
				}
				recs, err := q.Read(ctx, cursor, 64, nil)
				if err != nil || len(recs) == 0 {
					t.Errorf("read after %d: got %d records, error %v", cursor, len(recs), err)
					return
				}
				for _, rec := range recs {
					if cursor++; rec.Seq != cursor || rec.Damaged {
						t.Errorf("got record %d (damaged %v), want %d", rec.Seq, rec.Damaged, cursor)
						return
					}
				}
				if err := q.Commit(ctx, name, queue.Progress{Cursor: cursor, Runs: []queue.Run{{N: len(recs), Outcome: "sent"}}}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for p := range producers {
		wg.Go(func() {
			for i := range each {
				rec := record(p*each + i)
				if err := q.Append(ctx, rec); err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				bodies[rec.Seq] = string(rec.Body)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	same(t, "numbers given", len(bodies), producers*each)
	for _, rec := range read(t, q, 0, producers*each+1) {
		if string(rec.Body) != bodies[rec.Seq] {
			t.Fatalf("record %d: got %s, want %s", rec.Seq, rec.Body, bodies[rec.Seq])
		}
	}
}

func status(t *testing.T, open func() queue.Queue) {
	ctx, q := context.Background(), open()
	defer shut(t, q)
	st, err := q.Status(ctx)
	must(t, err)
	if st.ID != q.ID() || st.Events != 0 || st.Last != 0 || len(st.Outputs) != 0 || st.WriteErr != "" {
		t.Errorf("empty: got %+v", st)
	}
	for _, name := range []string{"noc", "siem"} {
		_, err := q.Attach(ctx, name)
		must(t, err)
	}
	want := fill(t, q, 10)
	must(t, q.Commit(ctx, "noc", queue.Progress{Cursor: 10}))
	must(t, q.Commit(ctx, "siem", queue.Progress{Cursor: 3}))
	st, err = q.Status(ctx)
	must(t, err)
	if st.First != 1 || st.Last != 10 || st.Events != 10 || st.Bytes <= 0 || st.Damaged != 0 || len(st.Outputs) != 2 {
		t.Fatalf("got %+v", st)
	}
	for i := range st.Outputs {
		if st.Outputs[i].Updated.IsZero() {
			t.Errorf("output %q: no time of the last commit", st.Outputs[i].Name)
		}
		st.Outputs[i].Updated = time.Time{}
	}
	same(t, "outputs", st.Outputs, []queue.OutputStatus{
		{Name: "noc", Cursor: 10}, {Name: "siem", Cursor: 3, Waiting: 7, Oldest: want[3].Received}})
}

func contexts(t *testing.T, open func() queue.Queue) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	q := open()
	defer shut(t, q)
	_, attachErr := q.Attach(ctx, "noc")
	_, readErr := q.Read(ctx, 0, 1, nil)
	for what, err := range map[string]error{
		"append": q.Append(ctx, record(1)), "attach": attachErr, "read": readErr, "wait": q.Wait(ctx, 0),
		"detach": q.Detach(ctx, "noc"), "commit": q.Commit(ctx, "noc", queue.Progress{}),
	} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v, want %v", what, err, context.Canceled)
		}
	}
	same(t, "records", len(read(t, q, 0, 10)), 0)
}

func closing(t *testing.T, open func() queue.Queue) {
	ctx, q := context.Background(), open()
	acknowledged := make(chan uint64, 1000)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for {
				rec := record(1)
				err := q.Append(ctx, rec)
				if errors.Is(err, queue.ErrClosed) {
					return
				}
				if err != nil {
					t.Error(err)
					return
				}
				select {
				case acknowledged <- rec.Seq:
				default:
				}
			}
		})
	}
	waiting := make(chan error, 1)
	go func() { waiting <- q.Wait(ctx, 1<<60) }()
	must(t, q.Wait(ctx, 100))
	shut(t, q)
	wg.Wait()
	if err := <-waiting; !errors.Is(err, queue.ErrClosed) {
		t.Errorf("wait: got %v, want %v", err, queue.ErrClosed)
	}
	must(t, q.Close())
	_, attachErr := q.Attach(ctx, "noc")
	_, readErr := q.Read(ctx, 0, 1, nil)
	_, statusErr := q.Status(ctx)
	for what, err := range map[string]error{
		"append": q.Append(ctx, record(1)), "attach": attachErr, "read": readErr, "status": statusErr,
		"detach": q.Detach(ctx, "noc"), "commit": q.Commit(ctx, "noc", queue.Progress{}),
		"state": q.State(ctx, "noc", func(string, []byte) error { return nil }),
	} {
		if !errors.Is(err, queue.ErrClosed) {
			t.Errorf("%s: got %v, want %v", what, err, queue.ErrClosed)
		}
	}
	if id := q.ID(); strings.TrimSpace(id) == "" {
		t.Error("the id is gone")
	}
	q = open()
	defer shut(t, q)
	close(acknowledged)
	highest := uint64(0)
	for seq := range acknowledged {
		highest = max(highest, seq)
	}
	if got := read(t, q, highest-1, 1); len(got) != 1 || got[0].Seq != highest {
		t.Errorf("record %d was acknowledged, got %v", highest, got)
	}
}
