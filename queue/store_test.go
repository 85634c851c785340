package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// logCount is a slog handler that counts messages.
type logCount struct {
	mu sync.Mutex // guards n
	n  map[string]int
}

func (l *logCount) logger() *slog.Logger                         { return slog.New(l) }
func (l *logCount) Enabled(_ context.Context, v slog.Level) bool { return v >= slog.LevelInfo }
func (l *logCount) WithAttrs([]slog.Attr) slog.Handler           { return l }
func (l *logCount) WithGroup(string) slog.Handler                { return l }
func (l *logCount) Handle(_ context.Context, r slog.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.n == nil {
		l.n = map[string]int{}
	}
	l.n[r.Message]++
	return nil
}

func (l *logCount) count(message string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.n[message]
}

func TestOpenLocked(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, stop := started(t, dir, Config{})
	_, err := Open(dir, Config{})
	if want := fmt.Sprintf("open queue %q: in use by process %d", dir, os.Getpid()); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	stop()
	_, stop = started(t, dir, Config{})
	stop()
}

func TestOpenNewerSchema(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, stop := started(t, dir, Config{})
	stop()
	c, err := sqlite.OpenConn(dbPath(dir), sqlite.OpenReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	if err := sqlitex.ExecuteTransient(c, "PRAGMA user_version=99", nil); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	_, writeErr := Open(dir, Config{})
	_, readErr := OpenReadOnly(dir)
	for _, err := range []error{writeErr, readErr} {
		if err == nil || !strings.Contains(err.Error(), "schema 99 is newer than this program knows (1)") {
			t.Errorf("got %v", err)
		}
	}
}

func TestOpenReadOnly(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := OpenReadOnly(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("empty directory: got %v", err)
	}
	q, stop := started(t, dir, Config{})
	fill(t, q, 10)
	r, err := OpenReadOnly(dir)
	if err != nil {
		t.Fatal(err)
	}
	fill(t, q, 10)
	if n := countGood(t, r); n != 20 {
		t.Errorf("live: got %d records, want 20", n)
	}
	if st, err := r.Status(context.Background()); err != nil || st.Events != 20 || st.ID != q.ID() {
		t.Errorf("live: got %+v, error %v", st, err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	stop()
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(dir, 0o700)
	if r, err = OpenReadOnly(dir); err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if n := countGood(t, r); n != 20 {
		t.Errorf("closed: got %d records, want 20", n)
	}
}

func TestBoundBytes(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var told [][2]uint64
	log := &logCount{}
	cfg := Config{MaxBytes: minBytes, Log: log.logger(), OnLost: func(output string, first, last uint64) {
		mu.Lock()
		defer mu.Unlock()
		if output != "behind" {
			t.Errorf("output %q lost %d to %d", output, first, last)
		}
		told = append(told, [2]uint64{first, last})
	}}
	dir := t.TempDir()
	q, stop := started(t, dir, cfg)
	ctx := context.Background()
	for _, name := range []string{"behind", "ahead"} {
		if _, err := q.Attach(ctx, name); err != nil {
			t.Fatal(err)
		}
	}
	const total = 80000
	for n := 1000; n <= total; n += 1000 {
		fill(t, q, 1000)
		if err := q.Commit(ctx, "ahead", Progress{Cursor: uint64(n), Runs: []Run{{N: 1000, Outcome: "sent", Rule: fmt.Sprint(n)}}}); err != nil {
			t.Fatal(err)
		}
	}
	settle(t, q)
	st, err := q.Status(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if st.First < total/4 || st.Last != total || st.Events != st.Last-st.First+1 || st.Bytes > minBytes+2<<20 {
		t.Errorf("got %+v", st)
	}
	for i := range st.Outputs {
		st.Outputs[i].Oldest, st.Outputs[i].Updated = time.Time{}, time.Time{}
	}
	want := []OutputStatus{{Name: "ahead", Cursor: total}, {Name: "behind", Waiting: st.Events, Lost: st.First - 1}}
	if !reflect.DeepEqual(st.Outputs, want) {
		t.Errorf("got outputs %+v, want %+v", st.Outputs, want)
	}
	if n := countGood(t, q); n != st.Events {
		t.Errorf("got %d records, want %d", n, st.Events)
	}
	if rows, err := countRows(dir, "deliveries"); err != nil || rows > 4+int64(st.Events)/1000 {
		t.Errorf("got %d rows in deliveries, error %v", rows, err)
	}
	stop()
	mu.Lock()
	defer mu.Unlock()
	next := uint64(1)
	for _, r := range told {
		if r[0] != next {
			t.Errorf("told of %v, want it to begin at %d", told, next)
		}
		next = r[1] + 1
	}
	if next != st.First || len(told) != 2 {
		t.Errorf("told of %v, want two ranges up to %d", told, st.First-1)
	}
	if a, b := log.count("queue is full, events are given up that an output has not sent"), log.count("queue gave up events"); a != 1 || b != 1 {
		t.Errorf("logged %d beginnings and %d ends, want one each", a, b)
	}
}

// What a full log gives up is what the bound demands, however large records are, and never what was just acknowledged.
func TestBoundBytesOfLargeRecords(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name                string
		small, large, batch int
		least               uint64 // octets that stay in the log when it is full
	}{
		{"large records", 0, 200 << 10, 1, 5 << 20},
		{"large ones after small ones", 25000, 200 << 10, 1, 5 << 20},
		{"batches of half the bound", 0, 400 << 10, 10, 4 << 20},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			q, stop := started(t, t.TempDir(), Config{MaxBytes: minBytes, Log: slog.New(slog.DiscardHandler)})
			defer stop()
			ctx := context.Background()
			if tt.small > 0 {
				fill(t, q, tt.small)
			}
			for total := 0; total < 3*minBytes; total += tt.batch * tt.large {
				recs := make([]*Record, tt.batch)
				for i := range recs {
					recs[i] = &Record{Received: time.Now(), Input: "w", Body: make([]byte, tt.large)}
				}
				if err := q.Append(ctx, recs...); err != nil {
					t.Fatal(err)
				}
				if got, err := q.Read(ctx, recs[0].Seq-1, len(recs), nil); err != nil || len(got) != len(recs) {
					t.Fatalf("read %d records of %d that were just acknowledged, error %v", len(got), len(recs), err)
				}
				st, err := q.Status(ctx)
				if err != nil {
					t.Fatal(err)
				}
				if held := st.Events * uint64(tt.large); total > 2*minBytes && held < tt.least {
					t.Fatalf("%d octets held after %d, want %d at least", held, total, tt.least)
				}
				if st.Bytes > minBytes+8<<20 {
					t.Fatalf("%d octets on disk after %d, the bound is %d", st.Bytes, total, minBytes)
				}
			}
		})
	}
}

// A program that keeps a transaction open makes the log grow, which is no reason to give up events.
func TestReaderOfAnotherProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	log := &logCount{}
	cfg := Config{MaxBytes: minBytes, Log: log.logger()}
	q, stop := started(t, dir, cfg)
	defer stop()
	ctx := context.Background()
	if _, err := q.Attach(ctx, "noc"); err != nil {
		t.Fatal(err)
	}
	c, err := sqlite.OpenConn(dbPath(dir), sqlite.OpenReadOnly)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := sqlitex.ExecuteTransient(c, "BEGIN", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := queryInt(c, "SELECT count(*) FROM events"); err != nil {
		t.Fatal(err)
	}
	n := uint64(0)
	for walSize(t, dir) < 5*int64(cfg.MaxBytes)/4 { // each transaction writes the same pages of the table again
		fill(t, q, 4)
		n += 4
	}
	if st, err := q.Status(ctx); err != nil || st.Events != n || st.Outputs[0].Lost != 0 {
		t.Errorf("got %+v, error %v, want %d events and none lost", st, err, n)
	}
	if got := log.count("queue log grows beyond its size: another process keeps a transaction open on the database"); got != 1 {
		t.Errorf("logged %d times, want once", got)
	}
	if err := sqlitex.ExecuteTransient(c, "COMMIT", nil); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); walSize(t, dir) > cfg.walLimit(); {
		if time.Now().After(deadline) {
			t.Fatalf("the log still has %d octets", walSize(t, dir))
		}
		fill(t, q, 64)
	}
}

func walSize(t *testing.T, dir string) int64 {
	t.Helper()
	fi, err := os.Stat(filepath.Join(dir, walFile))
	if err != nil {
		t.Fatal(err)
	}
	return fi.Size()
}

// settle writes until nothing has to be given up any more.
func settle(t *testing.T, q *SQLite) {
	t.Helper()
	for over := true; over; {
		if err := q.Probe(t.Context()); err != nil {
			t.Fatal(err)
		}
		q.turn.Lock()
		over = q.w.trim.over
		q.turn.Unlock()
	}
}

func countRows(dir, table string) (int64, error) {
	c, err := openReader(dbPath(dir))
	if err != nil {
		return 0, err
	}
	defer c.Close()
	return queryInt(c, "SELECT count(*) FROM "+table)
}

// When nothing was lost for a while the episode is over, and is told to be.
func TestLossesEnd(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	now := time.Now()
	lost, kept := make(chan string, 8), make(chan string, 8)
	q, stop := started(t, t.TempDir(), Config{MaxAge: 1, Log: slog.New(slog.DiscardHandler),
		OnLost: func(output string, _, _ uint64) { lost <- output },
		OnKept: func(output string) { kept <- output },
		Now: func() time.Time {
			mu.Lock()
			defer mu.Unlock()
			return now
		}})
	defer stop()
	if _, err := q.Attach(context.Background(), "behind"); err != nil {
		t.Fatal(err)
	}
	later := func(d time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		now = now.Add(d)
	}
	fill(t, q, 10)
	later(time.Hour)
	if got := <-lost; got != "behind" {
		t.Errorf("output %q lost events", got)
	}
	select {
	case got := <-kept:
		t.Errorf("output %q loses nothing any more, too early", got)
	default:
	}
	later(2 * quietAfter)
	if got := <-kept; got != "behind" {
		t.Errorf("output %q loses nothing any more", got)
	}
}

// A reader that is behind everything that was given up has nothing to read, and so waits.
func TestWaitAfterLosses(t *testing.T) {
	t.Parallel()
	var passed atomic.Int64
	begin := time.Now()
	lost := make(chan string, 8)
	q, stop := started(t, t.TempDir(), Config{MaxAge: 1, Log: slog.New(slog.DiscardHandler),
		OnLost: func(output string, _, _ uint64) { lost <- output },
		Now:    func() time.Time { return begin.Add(time.Duration(passed.Load())) }})
	defer stop()
	ctx := context.Background()
	if _, err := q.Attach(ctx, "behind"); err != nil {
		t.Fatal(err)
	}
	fill(t, q, 10)
	if err := q.Wait(ctx, 0); err != nil {
		t.Fatal(err)
	}
	passed.Store(int64(time.Hour))
	<-lost
	if err := q.Wait(ctxFor(t, 50*time.Millisecond), 0); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v from Wait without a record, want that it waits", err)
	}
	if err := q.Append(ctx, &Record{Received: begin.Add(time.Hour), Body: []byte("x")}); err != nil {
		t.Fatal(err)
	}
	if err := q.Wait(ctx, 0); err != nil {
		t.Fatal(err)
	}
	if recs, err := q.Read(ctx, 0, 10, nil); err != nil || len(recs) != 1 || recs[0].Seq != 11 {
		t.Errorf("got %d records, error %v, want number 11", len(recs), err)
	}
}

// A reader that nobody has attached since the start loses events that are counted; nobody is told, for nobody waits.
func TestLossesOfNobody(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	log := &logCount{}
	q, stop := started(t, dir, Config{Log: log.logger()})
	if _, err := q.Attach(context.Background(), "removed"); err != nil {
		t.Fatal(err)
	}
	fill(t, q, 10)
	stop()
	q, stop = started(t, dir, Config{MaxAge: 1, Log: log.logger(), OnLost: func(output string, _, _ uint64) { t.Errorf("told of the losses of %q", output) }})
	fill(t, q, 1)
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		st, err := q.Status(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if len(st.Outputs) == 1 && st.Outputs[0].Lost >= 10 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("got %+v, want 10 lost", st.Outputs)
		}
	}
	stop()
	if n := log.count("queue is full, events are given up that an output has not sent"); n != 0 {
		t.Errorf("logged %d times", n)
	}
}

func TestBoundAgeAndSpaceGivenBack(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	q, stop := started(t, dir, Config{})
	ctx := context.Background()
	fill(t, q, 60000)
	full, err := q.Status(ctx)
	if err != nil || full.Events != 60000 {
		t.Fatalf("got %+v, error %v", full, err)
	}
	stop()
	q, stop = started(t, dir, Config{MaxAge: 1})
	// The writer tidies up when it is idle; there is nothing to wait on but the result.
	deadline := time.Now().Add(30 * time.Second)
	for {
		st, err := q.Status(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if st.Events == 0 && st.Bytes < full.Bytes/2 {
			if st.First != 60000 || st.Last != 60000 {
				t.Errorf("got %+v", st)
			}
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("got %+v", st)
		}
		if err := q.Wait(ctxFor(t, 50*time.Millisecond), 1<<60); err == nil {
			t.Fatal("got a record out of nothing")
		}
	}
	stop()
	q, stop = started(t, dir, Config{})
	defer stop()
	rec := &Record{Received: time.Now()}
	if err := q.Append(ctx, rec); err != nil || rec.Seq != 60001 {
		t.Errorf("got number %d, error %v, want 60001", rec.Seq, err)
	}
}

func ctxFor(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

// A worker may have records in hand that are given up meanwhile; what it then finished was not lost.
func TestLostButSent(t *testing.T) {
	t.Parallel()
	q, stop := started(t, t.TempDir(), Config{MaxBytes: minBytes})
	defer stop()
	ctx := context.Background()
	if _, err := q.Attach(ctx, "noc"); err != nil {
		t.Fatal(err)
	}
	fill(t, q, 40000)
	settle(t, q)
	st, err := q.Status(ctx)
	if err != nil || st.First < 1000 {
		t.Fatalf("got %+v, error %v", st, err)
	}
	// 300 are finished, the rest of what was given up is never seen.
	if err := q.Commit(ctx, "noc", Progress{Cursor: 300, Runs: []Run{{N: 300, Outcome: "sent"}}}); err != nil {
		t.Fatal(err)
	}
	if err := q.Commit(ctx, "noc", Progress{Cursor: st.First, Runs: []Run{{N: 1, Outcome: "sent"}}}); err != nil {
		t.Fatal(err)
	}
	lost := st.First - 1 - 300
	if st, err = q.Status(ctx); err != nil || st.Outputs[0].Lost != lost {
		t.Errorf("got %+v, error %v, want %d lost", st.Outputs, err, lost)
	}
}

func TestHistory(t *testing.T) {
	t.Parallel()
	q, stop := started(t, t.TempDir(), Config{})
	defer stop()
	ctx := context.Background()
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	add := func(from, to int) {
		for i := from; i <= to; i++ {
			if err := q.Append(ctx, &Record{Received: start.Add(time.Duration(i) * time.Hour), Body: fmt.Appendf(nil, "<%d>", i)}); err != nil {
				t.Fatal(err)
			}
		}
	}
	attach := func(name string) {
		if _, err := q.Attach(ctx, name); err != nil {
			t.Fatal(err)
		}
	}
	commit := func(name string, cursor uint64, runs ...Run) {
		if err := q.Commit(ctx, name, Progress{Cursor: cursor, Runs: runs}); err != nil {
			t.Fatal(err)
		}
	}
	attach("noc")
	attach("old")
	add(1, 3)
	attach("late")
	add(4, 600)
	commit("noc", 2, Run{1, "sent", "a"}, Run{1, "dropped", "b"})
	commit("noc", 5, Run{2, "dropped", "b"}, Run{1, "sent", "a"})
	commit("late", 5, Run{2, "failed", ""})
	commit("old", 4, Run{3, "sent", "c"}) // one less than the cursor moves
	if err := q.Detach(ctx, "old"); err != nil {
		t.Fatal(err)
	}
	list := func(query Query) (got []string) {
		t.Helper()
		if err := q.History(ctx, query, func(it Item) error {
			line := fmt.Sprint(it.Seq)
			for _, o := range it.Outcomes {
				line += " " + strings.Join([]string{o.Output, o.Outcome, o.Rule}, "/")
			}
			got = append(got, line)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return got
	}
	first := []string{
		"1 noc/sent/a old/lost/", "2 noc/dropped/b old/sent/c", "3 noc/dropped/b old/sent/c",
		"4 late/failed/ noc/dropped/b old/sent/c", "5 late/failed/ noc/sent/a", "6 late/waiting/ noc/waiting/",
	}
	for _, tc := range []struct {
		name string
		q    Query
		want []string
	}{
		{"limit", Query{Limit: 6}, first},
		{"newest of a range", Query{Newest: true, After: 3, Before: 6}, []string{first[4], first[3]}},
		{"newest", Query{Newest: true, Limit: 1}, []string{"600 late/waiting/ noc/waiting/"}},
		{"time", Query{From: start.Add(2 * time.Hour), To: start.Add(4 * time.Hour)}, first[1:3]},
		{"time, newest first", Query{From: start.Add(2 * time.Hour), To: start.Add(4 * time.Hour), Newest: true}, []string{first[2], first[1]}},
		{"before everything", Query{To: start}, nil},
		{"after everything", Query{From: start.Add(601 * time.Hour)}, nil},
		{"text", Query{Contains: "<6>"}, first[5:6]},
	} {
		if got := list(tc.q); !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s: got %q, want %q", tc.name, got, tc.want)
		}
	}
	if got := len(list(Query{})); got != 600 {
		t.Errorf("everything: got %d, want 600", got)
	}
	enough := errors.New("enough")
	if err := q.History(ctx, Query{}, func(Item) error { return enough }); err != enough {
		t.Errorf("got %v, want the callback's error", err)
	}
}

func TestConfigValidate(t *testing.T) {
	t.Parallel()
	if err := DefaultConfig().Validate(); err != nil {
		t.Error(err)
	}
	err := Config{MaxBytes: 1 << 20, MaxAge: 5}.Validate()
	want := "max_bytes: 1MiB is too small: at least 8MiB, or 0 for no bound\nmax_age: 5ns is too short: at least 1m, or 0 for no bound"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// The format that the sqlite3 program and scripts of operators see.
func TestTables(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	q, stop := started(t, dir, Config{})
	defer stop()
	ctx := context.Background()
	if _, err := q.Attach(ctx, "noc"); err != nil {
		t.Fatal(err)
	}
	fill(t, q, 13)
	if err := q.Commit(ctx, "noc", Progress{Cursor: 13, Runs: []Run{{12, "sent", "everything else"}, {1, "dropped", "client churn"}}}); err != nil {
		t.Fatal(err)
	}
	c, err := openReader(filepath.Join(dir, dbFile))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var got []string
	if err := sqlitex.Execute(c, "SELECT output, first, last, runs FROM deliveries", &sqlitex.ExecOptions{
		ResultFunc: func(st *sqlite.Stmt) error {
			got = append(got, fmt.Sprint(st.ColumnText(0), st.ColumnInt(1), " ", st.ColumnInt(2), st.ColumnText(3)))
			return nil
		}}); err != nil {
		t.Fatal(err)
	}
	if want := []string{`noc1 13[[12,"sent","everything else"],[1,"dropped","client churn"]]`}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
