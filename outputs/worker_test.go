package outputs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

// memoryLog is a log of n items in memory, of which every third is not for this output.
type memoryLog struct {
	mu       sync.Mutex // guards all below
	n        int
	next     int
	done     []Item
	failures int // commits that fail before one works
}

func (l *memoryLog) Next(ctx context.Context, max int) ([]Item, error) {
	l.mu.Lock()
	var items []Item
	for len(items) < max && l.next < l.n {
		l.next++
		it := Item{Seq: uint64(l.next)}
		if l.next%3 == 0 {
			it.Outcome = Dropped
		} else {
			it.Notification = &translate.Notification{Seq: uint64(l.next), Event: "E"}
		}
		items = append(items, it)
	}
	l.mu.Unlock()
	if items == nil {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return items, nil
}

func (l *memoryLog) Commit(_ context.Context, done []Item) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failures > 0 {
		l.failures--
		return errors.New("disk is full")
	}
	l.done = append(l.done, done...)
	return nil
}

// scriptedOutput accepts what its script says, then everything.
type scriptedOutput struct {
	script []func(batch []Message) (int, error)
	got    []string
	times  []time.Time
	render func(n *translate.Notification) error
}

func (o *scriptedOutput) Render(n *translate.Notification, ord uint64) (Message, error) {
	if o.render != nil {
		if err := o.render(n); err != nil {
			return Message{}, err
		}
	}
	return Message{Data: fmt.Appendf(nil, "%d/%d", n.Seq, ord)}, nil
}

func (o *scriptedOutput) Send(_ context.Context, batch []Message) (int, error) {
	n, err := len(batch), error(nil)
	if len(o.script) > 0 {
		n, err = o.script[0](batch)
		o.script = o.script[1:]
	}
	for _, m := range batch[:n] {
		o.got = append(o.got, string(m.Data))
		o.times = append(o.times, time.Now())
	}
	return n, err
}

func (*scriptedOutput) Close() error { return nil }

// want is what n items must lead to: each third dropped, the others sent in order and numbered from 1.
func wantSent(n int) []string {
	var want []string
	for i := 1; i <= n; i++ {
		if i%3 != 0 {
			want = append(want, fmt.Sprintf("%d/%d", i, len(want)+1))
		}
	}
	return want
}

// run runs the worker until everything is quiet and returns how long that took on the fake clock.
func run(t *testing.T, w *Worker, l *memoryLog) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	for i := 0; ; i++ {
		time.Sleep(time.Second) // of the fake clock
		synctest.Wait()
		l.mu.Lock()
		finished := len(l.done) == l.n
		l.mu.Unlock()
		if finished || i > 100_000 {
			break
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Run returned %v, want nil", err)
	}
	for i, it := range l.done {
		if it.Seq != uint64(i+1) {
			t.Fatalf("commit %d is of item %d", i+1, it.Seq)
		}
	}
	if len(l.done) != l.n {
		t.Errorf("%d items committed, want %d", len(l.done), l.n)
	}
}

func TestWorkerRetriesWhatWasNotTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		boom := errors.New("boom")
		o := &scriptedOutput{script: []func([]Message) (int, error){
			func([]Message) (int, error) { return 0, boom },
			func([]Message) (int, error) { return 3, boom },
			func([]Message) (int, error) { return 1, nil }, // fewer without an error is an error too
			func([]Message) (int, error) { return 0, boom },
		}}
		l := &memoryLog{n: 500}
		w := &Worker{Name: "o", Output: o, Log: l}
		run(t, w, l)
		if !slices.Equal(o.got, wantSent(500)) {
			t.Errorf("sent %v", o.got)
		}
		if s := w.Status(); s.Sent != 334 || s.Dropped != 166 || s.Retries != 4 || !s.FailingSince.IsZero() {
			t.Errorf("status %s, failing since %v", s, s.FailingSince)
		}
		for _, it := range l.done {
			if want := map[bool]Outcome{true: Sent, false: Dropped}[it.Notification != nil]; it.Outcome != want {
				t.Errorf("item %d is %s, want %s", it.Seq, it.Outcome, want)
			}
		}
	})
}

func TestWorkerSkipsPermanentErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &scriptedOutput{
			script: []func([]Message) (int, error){
				func([]Message) (int, error) { return 2, fmt.Errorf("too large: %w", ErrPermanent) }, // third, item 4
			},
			render: func(n *translate.Notification) error {
				if n.Seq == 100 {
					return fmt.Errorf("cannot be encoded: %w", ErrPermanent)
				}
				return nil
			},
		}
		l := &memoryLog{n: 200}
		w := &Worker{Name: "o", Output: o, Log: l}
		run(t, w, l)
		for _, it := range l.done {
			want := Sent
			if it.Seq%3 == 0 {
				want = Dropped
			}
			if it.Seq == 4 || it.Seq == 100 {
				want = Failed
			}
			if it.Outcome != want {
				t.Errorf("item %d is %s, want %s", it.Seq, it.Outcome, want)
			}
		}
		if s := w.Status(); s.Failed != 2 || s.Sent != 132 {
			t.Errorf("status %s, want 132 sent and 2 failed", s)
		}
	})
}

func TestWorkerBackoffGrowsToItsCap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tries []time.Time
		o := &scriptedOutput{}
		for range 12 {
			o.script = append(o.script, func([]Message) (int, error) {
				tries = append(tries, time.Now())
				return 0, errors.New("refused")
			})
		}
		l := &memoryLog{n: 1}
		w := &Worker{Name: "o", Output: o, Log: l, RetryMin: time.Second, RetryMax: 8 * time.Second}
		run(t, w, l)
		for i := 1; i < len(tries); i++ {
			pause, want := tries[i].Sub(tries[i-1]), min(time.Second<<(i-1), 8*time.Second)
			if pause < want*3/4 || pause > want*5/4 {
				t.Errorf("pause %d is %v, want %v or a quarter around it", i, pause, want)
			}
		}
	})
}

func TestWorkerPaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &scriptedOutput{}
		l := &memoryLog{n: 3000}
		w := &Worker{Name: "o", Output: o, Log: l, Rate: 100, Burst: 10}
		run(t, w, l)
		if !slices.Equal(o.got, wantSent(3000)) {
			t.Fatalf("sent %d, want 2000 in order", len(o.got))
		}
		took := o.times[len(o.times)-1].Sub(o.times[0])
		if took < 19*time.Second || took > 21*time.Second {
			t.Errorf("2000 notifications at 100 per second took %v", took)
		}
		for i := 20; i < len(o.times); i++ {
			if o.times[i].Sub(o.times[i-20]) < 50*time.Millisecond {
				t.Fatalf("20 notifications within %v: the burst is 10", o.times[i].Sub(o.times[i-20]))
			}
		}
	})
}

func TestWorkerSurvivesAFullDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &scriptedOutput{}
		l := &memoryLog{n: 10, failures: 5}
		w := &Worker{Name: "o", Output: o, Log: l}
		run(t, w, l)
		if !slices.Equal(o.got, wantSent(10)) {
			t.Errorf("sent %v", o.got)
		}
	})
}

func TestWorkerStopsPromptlyAndCommitsWhatItSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		o := &scriptedOutput{script: []func([]Message) (int, error){
			func([]Message) (int, error) { cancel(); return 5, errors.New("refused") },
		}}
		l := &memoryLog{n: 100}
		w := &Worker{Name: "o", Output: o, Log: l}
		start := time.Now()
		if err := w.Run(ctx); err != nil {
			t.Fatal(err)
		}
		if time.Since(start) > time.Second {
			t.Errorf("stopping took %v", time.Since(start))
		}
		sent := 0
		for _, it := range l.done {
			if it.Outcome == Sent {
				sent++
			}
		}
		if sent != 5 {
			t.Errorf("%d committed as sent, want the 5 that were", sent)
		}
	})
}

// nullOutput accepts everything at once.
type nullOutput struct{}

func (nullOutput) Render(n *translate.Notification, _ uint64) (Message, error) { return Message{}, nil }
func (nullOutput) Send(_ context.Context, b []Message) (int, error)            { return len(b), nil }
func (nullOutput) Close() error                                                { return nil }

func BenchmarkWorker(b *testing.B) {
	ctx, cancel := context.WithCancel(b.Context())
	l := &endlessLog{n: b.N, finished: cancel}
	w := &Worker{Name: "o", Output: nullOutput{}, Log: l}
	if err := w.Run(ctx); err != nil {
		b.Fatal(err)
	}
}

type endlessLog struct {
	n, next, done int
	finished      func()
}

var sharedNotification = &translate.Notification{Event: "E"}

func (l *endlessLog) Next(ctx context.Context, max int) ([]Item, error) {
	items := make([]Item, min(max, l.n-l.next))
	for i := range items {
		l.next++
		items[i] = Item{Seq: uint64(l.next), Notification: sharedNotification}
	}
	if len(items) == 0 {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return items, nil
}

func (l *endlessLog) Commit(_ context.Context, done []Item) error {
	if l.done += len(done); l.done == l.n {
		l.finished()
	}
	return nil
}
