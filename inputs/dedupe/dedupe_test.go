package dedupe

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/inputs"
)

type store struct {
	mu   sync.Mutex
	got  []string
	fail error
}

func (s *store) accept(_ context.Context, r inputs.Received) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return s.fail
	}
	s.got = append(s.got, r.Input+r.Via+" "+string(r.Body))
	return nil
}

// Each step is "INPUT/VIA BODY", "stored INPUT BODY", "again INPUT BODY" or "had INPUT BODY".
func TestFilter(t *testing.T) {
	for _, tt := range []struct {
		name       string
		steps      []string
		want       []string
		duplicates uint64
	}{
		{"one path, equal events", []string{"w/1 a", "w/1 a", "w/1 b"}, []string{"w/1 a", "w/1 a", "w/1 b"}, 0},
		{"two webhooks", []string{"w/1 a", "w/2 a", "w/2 b", "w/1 b"}, []string{"w/1 a", "w/2 b"}, 2},
		{"two webhooks, equal events", []string{"w/1 a", "w/1 a", "w/2 a", "w/2 a"}, []string{"w/1 a", "w/1 a"}, 2},
		{"two webhooks, equal events in turns", []string{"w/1 a", "w/2 a", "w/1 a", "w/2 a"}, []string{"w/1 a", "w/1 a"}, 2},
		{"the log has one more", []string{"w/1 a", "l a", "l a"}, []string{"w/1 a", "l a"}, 1},
		{"the log was first", []string{"l a", "w/1 a", "w/1 a"}, []string{"l a", "w/1 a"}, 1},
		{"stored before the start, the log follows", []string{"stored w a", "l a", "l a"}, []string{"l a"}, 1},
		{"stored before the start, an equal one now", []string{"stored w a", "w/1 a"}, []string{"w/1 a"}, 0},
		{"stored before the start, by two webhooks now", []string{"stored w a", "w/1 a", "w/2 a"}, []string{"w/1 a"}, 1},
		{"the log was read before the start and is read again", []string{"again l a", "l a", "l a"}, []string{"l a"}, 1},
		{"lines before the saved position", []string{"stored w a", "had l a", "l a"}, []string{"l a"}, 0},
		{"lines before the saved position, from the log", []string{"again l a", "had l a", "l a"}, []string{"l a"}, 0},
		{"lines that the queue has forgotten", []string{"had l a", "w/1 a"}, nil, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var s store
			f := New(s.accept)
			for _, step := range tt.steps {
				var a, b, c string
				n, err := fmt.Sscan(step, &a, &b, &c)
				switch {
				case n == 3 && a == "stored":
					f.Stored(b, []byte(c), false)
				case n == 3 && a == "again":
					f.Stored(b, []byte(c), true)
				case n == 3 && a == "had":
					f.Had(inputs.Received{Input: b, Body: []byte(c)})
				case n == 2:
					if err := f.Accept(t.Context(), inputs.Received{Input: a[:1], Via: a[1:], Body: []byte(b)}); err != nil {
						t.Fatal(err)
					}
				default:
					t.Fatal(step, err)
				}
			}
			if fmt.Sprint(s.got) != fmt.Sprint(tt.want) || f.Duplicates.Load() != tt.duplicates {
				t.Errorf("stored %q and %d duplicates, want %q and %d", s.got, f.Duplicates.Load(), tt.want, tt.duplicates)
			}
		})
	}
}

// What could not be stored does not count as stored.
func TestFilterStoreFails(t *testing.T) {
	s := store{fail: errors.New("disk full")}
	f := New(s.accept)
	if err := f.Accept(t.Context(), inputs.Received{Input: "w", Body: []byte("a")}); !errors.Is(err, s.fail) {
		t.Errorf("got %v", err)
	}
	s.fail = nil
	for _, input := range []string{"l", "w"} {
		if err := f.Accept(t.Context(), inputs.Received{Input: input, Body: []byte("a")}); err != nil {
			t.Error(err)
		}
	}
	if len(s.got) != 1 || s.got[0] != "l a" || f.Duplicates.Load() != 1 {
		t.Errorf("stored %q, %d duplicates", s.got, f.Duplicates.Load())
	}
}

// The same event by two paths at one moment: the second is acknowledged when the first is stored, not before.
func TestFilterWaitsForTheStore(t *testing.T) {
	entered, release := make(chan bool, 2), make(chan error)
	f := New(func(context.Context, inputs.Received) error {
		entered <- true
		return <-release
	})
	results := make(chan error, 2)
	for _, via := range []string{"1", "2"} {
		go func() {
			results <- f.Accept(context.Background(), inputs.Received{Input: "w", Via: via, Body: []byte("a")})
		}()
	}
	<-entered
	select {
	case err := <-results:
		t.Fatalf("acknowledged before anything was stored: %v", err)
	default:
	}
	release <- errors.New("disk full")
	<-entered // now the other one tries
	release <- nil
	if a, b := <-results, <-results; (a == nil) == (b == nil) {
		t.Errorf("got %v and %v, want one error", a, b)
	}
}

func TestFilterForgets(t *testing.T) {
	var s store
	now := time.Unix(0, 0)
	f := newFilter(s.accept, func() time.Time { return now }, 10)
	accept := func(input, body string) {
		if err := f.Accept(t.Context(), inputs.Received{Input: input, Body: []byte(body)}); err != nil {
			t.Fatal(err)
		}
	}
	accept("w", "a")
	now = now.Add(Window)
	accept("l", "a") // in the older generation, comes into the young one
	now = now.Add(Window)
	accept("x", "a")
	if len(s.got) != 1 {
		t.Errorf("stored %q", s.got)
	}
	now = now.Add(Window)
	accept("w", "b")
	now = now.Add(Window)
	accept("y", "a")
	if len(s.got) != 3 {
		t.Errorf("stored %q: the oldest was not forgotten", s.got)
	}
	for i := range 1000 {
		accept("w", fmt.Sprint(i))
		if n := len(f.young) + len(f.old); n > 20 {
			t.Fatalf("%d events are remembered, want 20 at most", n)
		}
	}
	for i := range 2 * maxPaths {
		accept(fmt.Sprint("path", i), "z")
	}
	if len(f.paths) > maxPaths {
		t.Errorf("%d paths are remembered", len(f.paths))
	}
}

// What came by one path is known when another one begins, as far back as events are remembered, and what is being stored
// by then is waited for.
func TestFilterBeginsToCompare(t *testing.T) {
	t.Parallel()
	const remembered = 100
	var stored atomic.Int64
	f := newFilter(func(_ context.Context, r inputs.Received) error {
		stored.Add(1)
		return nil
	}, time.Now, remembered)
	accept := func(via string, i int) {
		if err := f.Accept(t.Context(), inputs.Received{Input: "w", Via: via, Body: fmt.Append(nil, i)}); err != nil {
			t.Error(err)
		}
	}
	for i := range 3*remembered + 7 {
		accept("1", i)
	}
	if n := len(f.young) + len(f.old); n != 0 {
		t.Errorf("%d events of the only path are looked up", n)
	}
	for i := 2*remembered + 7; i < 3*remembered+7; i++ {
		accept("2", i)
	}
	if got := stored.Load(); got != 3*remembered+7 || f.Duplicates.Load() != remembered {
		t.Errorf("stored %d events and %d duplicates, want %d and %d", got, f.Duplicates.Load(), 3*remembered+7, remembered)
	}

	f = newFilter(f.next, time.Now, 10*remembered)
	stored.Store(0)
	var wg sync.WaitGroup
	for _, via := range []string{"1", "2", "3"} {
		for from := range 4 {
			wg.Go(func() {
				for i := from; i < 5*remembered; i += 4 {
					accept(via, i)
				}
			})
		}
	}
	wg.Wait()
	if got := stored.Load(); got != 5*remembered {
		t.Errorf("stored %d events that came by three paths, want %d", got, 5*remembered)
	}
}

func BenchmarkAccept(b *testing.B) {
	for _, paths := range []string{"one path", "two paths"} {
		b.Run(paths, func(b *testing.B) {
			f := New(func(context.Context, inputs.Received) error { return nil })
			if paths == "two paths" {
				f.expect()
			}
			body := make([]byte, 300)
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				i++
				body[0], body[1], body[2] = byte(i), byte(i>>8), byte(i>>16)
				if err := f.Accept(b.Context(), inputs.Received{Input: "webhook", Via: "gw:9000/listen", Body: body}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
