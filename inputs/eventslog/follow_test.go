package eventslog

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/inputs"
)

// site is a log, a position file, and what was handed on.
type site struct {
	t     *testing.T
	dir   string
	path  string
	n     int // lines written
	noted []string
	mu    sync.Mutex // guards got
	got   []string
	fail  int // how often accept fails yet
	log   bytes.Buffer
}

func newSite(t *testing.T) *site {
	dir := t.TempDir()
	return &site{t: t, dir: dir, path: filepath.Join(dir, "events.log")}
}

func (s *site) check(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// write appends n events to a file of the log: event 1, event 2, and so on.
func (s *site) write(name string, n int) {
	s.t.Helper()
	f, err := os.OpenFile(filepath.Join(s.dir, name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	s.check(err)
	for range n {
		s.n++
		_, err := fmt.Fprintf(f, "%s{'nodeid': None, 'ts': 1, 'event': 'A', 'message': {'n': %d}}\n", head, s.n)
		s.check(err)
	}
	s.check(f.Close())
}

func (s *site) rename(from, to string) {
	s.t.Helper()
	s.check(os.Rename(filepath.Join(s.dir, from), filepath.Join(s.dir, to)))
}

// copyTruncate is what logrotate does with copytruncate.
func (s *site) copyTruncate(to string) {
	s.t.Helper()
	b, err := os.ReadFile(s.path)
	s.check(err)
	s.check(os.WriteFile(filepath.Join(s.dir, to), b, 0o600))
	s.check(os.Truncate(s.path, 0))
}

func (s *site) compress(name string) {
	s.t.Helper()
	file := filepath.Join(s.dir, name)
	b, err := os.ReadFile(file)
	s.check(err)
	info, err := os.Stat(file)
	s.check(err)
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	_, err = w.Write(b)
	s.check(errors.Join(err, w.Close()))
	s.check(os.WriteFile(file+".gz", z.Bytes(), 0o600))
	s.check(os.Chtimes(file+".gz", info.ModTime(), info.ModTime()))
	s.check(os.Remove(file))
}

func (s *site) accept(_ context.Context, r inputs.Received) error {
	if s.fail > 0 {
		s.fail--
		return errors.New("disk full")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got = append(s.got, number(r))
	return nil
}

func number(r inputs.Received) string {
	_, rest, _ := strings.Cut(string(r.Body), `"n": `)
	n, _, _ := strings.Cut(rest, "}")
	return n
}

// open is a start of the gateway.
func (s *site) open() *Input {
	s.t.Helper()
	s.noted = nil
	in := New(Config{Path: s.path}, filepath.Join(s.dir, "position"), func(r inputs.Received) { s.noted = append(s.noted, number(r)) }, slog.New(slog.NewTextHandler(&s.log, nil)))
	in.retry = time.Millisecond
	if _, err := in.Open(); err != nil {
		s.t.Fatal(err)
	}
	in.Note()
	return in
}

// want compares what was handed on since the last call.
func (s *site) want(first, last int) {
	s.t.Helper()
	var want []string
	for n := first; n <= last; n++ {
		want = append(want, fmt.Sprint(n))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if fmt.Sprint(s.got) != fmt.Sprint(want) {
		s.t.Errorf("handed on %v, want %v\n%s", s.got, want, &s.log)
	}
	s.got = nil
}

func TestInputCatchUp(t *testing.T) {
	for _, tt := range []struct {
		name  string
		away  func(s *site) // what happens while the gateway is away; the log had 10 events
		first int           // of the events handed on afterwards, up to the last written
		gaps  uint64
	}{
		{"nothing", func(*site) {}, 11, 0},
		{"more events", func(s *site) { s.write("events.log", 5) }, 11, 0},
		{"rotated by name", func(s *site) {
			s.write("events.log", 5)
			s.rename("events.log", "events.log.1")
			s.write("events.log", 5)
		}, 11, 0},
		{"rotated by name, nothing since", func(s *site) { s.write("events.log", 5); s.rename("events.log", "events.log.1") }, 11, 0},
		{"rotated with a date", func(s *site) {
			s.write("events.log", 5)
			s.rename("events.log", "events.log-20261123")
			s.write("events.log", 5)
		}, 11, 0},
		{"rotated twice", func(s *site) {
			s.write("events.log", 5)
			s.rename("events.log", "events.log.2")
			s.write("events.log.1", 5)
			s.write("events.log", 5)
		}, 11, 0},
		{"rotated and compressed", func(s *site) {
			s.write("events.log", 5)
			s.rename("events.log", "events.log.2")
			s.compress("events.log.2")
			s.write("events.log.1", 5)
			s.write("events.log", 5)
		}, 11, 0},
		{"rotated, the writer keeps to the old file", func(s *site) {
			s.rename("events.log", "events.log.1")
			s.check(os.WriteFile(s.path, nil, 0o600))
			s.write("events.log.1", 5)
		}, 11, 0},
		{"copied and truncated", func(s *site) { s.write("events.log", 5); s.copyTruncate("events.log.1"); s.write("events.log", 5) }, 11, 0},
		{"copied and truncated, longer since", func(s *site) {
			s.write("events.log", 5)
			s.copyTruncate("events.log.1")
			s.write("events.log", 100)
		}, 11, 0},
		{"copied by an administrator", func(s *site) {
			b, err := os.ReadFile(s.path)
			s.check(err)
			s.check(os.WriteFile(s.path+".bak", b, 0o600))
			s.write("events.log", 5)
		}, 11, 0},
		{"removed", func(s *site) { s.write("events.log", 5); s.check(os.Remove(s.path)); s.write("events.log", 5) }, 16, 1},
		{"emptied", func(s *site) { s.check(os.Truncate(s.path, 0)); s.write("events.log", 2) }, 11, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSite(t)
			s.write("events.log", 4)
			s.open()
			s.write("events.log", 6)
			s.open().CatchUp(t.Context(), s.accept)
			s.want(5, 10) // not what was logged before the first start
			tt.away(s)
			in := s.open()
			if (tt.gaps == 0) != (fmt.Sprint(s.noted) == "[1 2 3 4 5 6 7 8 9 10]") {
				t.Errorf("noted %v", s.noted)
			}
			in.CatchUp(t.Context(), s.accept)
			s.want(tt.first, s.n)
			if n := in.Counters.Gaps.Load(); n != tt.gaps {
				t.Errorf("%d gaps, want %d", n, tt.gaps)
			}
			// And it goes on from there.
			name := "events.log"
			if strings.Contains(tt.name, "writer keeps") {
				name = "events.log.1"
			}
			first := s.n + 1
			s.write(name, 3)
			s.open().CatchUp(t.Context(), s.accept)
			s.want(first, s.n)
			s.open().CatchUp(t.Context(), s.accept)
			s.want(1, 0)
		})
	}
}

func TestInputNoLogYet(t *testing.T) {
	s := newSite(t)
	in := s.open()
	in.CatchUp(t.Context(), s.accept)
	s.write("events.log", 3)
	s.open().CatchUp(t.Context(), s.accept)
	s.want(1, 3)
}

func TestInputPositionDamaged(t *testing.T) {
	s := newSite(t)
	s.write("events.log", 3)
	s.check(os.WriteFile(filepath.Join(s.dir, "position"), []byte("{"), 0o600))
	s.open().CatchUp(t.Context(), s.accept)
	s.want(1, 0)
	s.write("events.log", 3)
	s.open().CatchUp(t.Context(), s.accept)
	s.want(4, 6)
}

// A line that is being written waits for its end.
func TestInputPartialLine(t *testing.T) {
	s := newSite(t)
	in := s.open()
	s.write("events.log", 2)
	b, err := os.ReadFile(s.path)
	s.check(err)
	for _, cut := range []int{len(b) - 1, len(b) - 30, len(b)/2 + 1} {
		s.check(os.WriteFile(s.path, b[:cut], 0o600))
		in.CatchUp(t.Context(), s.accept)
	}
	s.want(1, 1)
	s.check(os.WriteFile(s.path, b, 0o600))
	in.CatchUp(t.Context(), s.accept)
	s.want(2, 2)
}

// What cannot be stored is tried again, and the position does not pass it.
func TestInputAcceptFails(t *testing.T) {
	s := newSite(t)
	in := s.open()
	s.write("events.log", 3)
	s.fail = 5
	in.CatchUp(t.Context(), s.accept)
	s.want(1, 3)
	if n := strings.Count(s.log.String(), "cannot be stored"); n != 1 {
		t.Errorf("%d complaints\n%s", n, &s.log)
	}
	s.write("events.log", 3)
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	in.CatchUp(ctx, func(ctx context.Context, r inputs.Received) error {
		if n++; n == 2 {
			cancel()
			return ctx.Err()
		}
		return s.accept(ctx, r)
	})
	s.want(4, 4)
	s.open().CatchUp(t.Context(), s.accept)
	s.want(5, 6)
}

// Running, it stays behind so that the webhook is first, and follows every rotation.
func TestInputRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		in := s.open()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- in.Run(ctx, s.accept) }()
		wait := func(d time.Duration) { time.Sleep(d); synctest.Wait() }
		wait(time.Millisecond)
		s.write("events.log", 2)
		wait(behind)
		s.want(1, 0) // seen for the first time
		wait(behind)
		s.want(1, 2)
		s.write("events.log", 2)
		s.rename("events.log", "events.log.1")
		s.write("events.log", 2)
		wait(3 * behind)
		s.want(3, 6)
		s.write("events.log", 2)
		s.copyTruncate("events.log.1")
		s.write("events.log", 3)
		wait(3 * behind)
		s.want(7, 11)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestConfigValidate(t *testing.T) {
	for path, ok := range map[string]bool{"": true, "/var/log/glusterfs/events.log": true, "events.log": false} {
		if err := (&Config{Path: path}).Validate(); (err == nil) != ok {
			t.Errorf("%q: got %v", path, err)
		}
	}
}
