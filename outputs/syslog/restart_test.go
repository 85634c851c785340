package syslog

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/outputs"
	"github.com/gluster-trapgw/gluster-trapgw/outputs/syslog/syslogtest"
)

// steadyLog gives items at a steady pace until it is stopped and keeps what was committed as sent.
type steadyLog struct {
	stop chan struct{}

	mu         sync.Mutex // guards all below
	next, done int
}

func (l *steadyLog) Next(ctx context.Context, max int) ([]outputs.Item, error) {
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-l.stop:
		<-ctx.Done()
		return nil, ctx.Err()
	case <-time.After(time.Millisecond):
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	var items []outputs.Item
	for range min(max, 20) {
		n := *sample()
		n.ID = wantIDs(l.next, l.next+1)[0]
		l.next++
		items = append(items, outputs.Item{Seq: uint64(l.next), Notification: &n})
	}
	return items, nil
}

func (l *steadyLog) Commit(_ context.Context, done []outputs.Item) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.done += len(done)
	return nil
}

func (l *steadyLog) progress() (next, done int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.next, l.done
}

// A worker sends without a pause while the collector is stopped, killed and started again; afterwards it is counted what
// is missing. A collector that is stopped in good order must have everything. One that is killed takes with it what it
// had read and not written, so there only what came after is demanded; but over RELP nothing may be missing.
func TestCollectorRestartedUnderLoad(t *testing.T) {
	a := syslogtest.NewAuthority(t)
	for _, transport := range []struct {
		name  string
		acked bool // a killed collector loses nothing
		start func(t testing.TB) (*syslogtest.Collector, Config)
	}{
		{"rsyslog tcp", false, func(t testing.TB) (*syslogtest.Collector, Config) {
			r := syslogtest.Start(t)
			return r, config("tcp://" + r.TCP)
		}},
		{"rsyslog tls", false, func(t testing.TB) (*syslogtest.Collector, Config) {
			r := syslogtest.StartTLS(t, a, "gateway")
			return r, tlsConfig(r.TLS, a, "gateway")
		}},
		{"rsyslog relp", true, func(t testing.TB) (*syslogtest.Collector, Config) {
			r := syslogtest.StartRELP(t, nil, "")
			return r, config("relp://" + r.RELP)
		}},
		{"rsyslog relp+tls", true, func(t testing.TB) (*syslogtest.Collector, Config) {
			r := syslogtest.StartRELP(t, a, "gateway")
			return r, relpConfig(r.RELPTLS, a, "gateway")
		}},
		{"syslog-ng tcp", false, func(t testing.TB) (*syslogtest.Collector, Config) {
			r := syslogtest.StartSyslogNG(t, a)
			return r, config("tcp://" + r.TCP)
		}},
		{"syslog-ng tls", false, func(t testing.TB) (*syslogtest.Collector, Config) {
			r := syslogtest.StartSyslogNG(t, a)
			return r, tlsConfig(r.TLS, a, "gateway")
		}},
	} {
		for _, end := range []struct {
			name string
			end  func(*syslogtest.Collector)
			lose bool
		}{
			{"stopped", (*syslogtest.Collector).Stop, false},
			{"killed", (*syslogtest.Collector).Kill, !transport.acked},
		} {
			t.Run(transport.name+" "+end.name, func(t *testing.T) {
				r, cfg := transport.start(t)
				restartUnderLoad(t, cfg, func() { end.end(r) }, r.Restart, end.lose, r.Wait)
			})
		}
	}
}

// restartUnderLoad ends and starts a collector three times while a worker sends to it, and counts what came.
func restartUnderLoad(t *testing.T, cfg Config, end, start func(), lose bool, wait func(func([]syslogtest.Message) bool) []syslogtest.Message) {
	t.Helper()
	l := &steadyLog{stop: make(chan struct{})}
	w := &outputs.Worker{Name: "o", Output: newOutput(t, cfg), Log: l, RetryMin: 5 * time.Millisecond, RetryMax: 50 * time.Millisecond}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error)
	go func() { ended <- w.Run(ctx) }()
	waitFor := func(what string, ok func() bool) {
		t.Helper()
		for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%s did not happen: %s", what, w.Status())
			}
		}
	}
	progress := func() {
		t.Helper()
		_, before := l.progress()
		waitFor("progress", func() bool { _, done := l.progress(); return done > before+1000 })
	}
	for range 3 {
		progress()
		end()
		waitFor("failure", func() bool { return !w.Status().FailingSince.IsZero() })
		start()
		waitFor("recovery", func() bool { return w.Status().FailingSince.IsZero() })
	}
	progress()
	close(l.stop)
	total := 0
	waitFor("the last commit", func() bool { next, done := l.progress(); total = next; return next == done })
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	last := wantIDs(total-1, total)[0]
	var got map[string]int
	wait(func(all []syslogtest.Message) bool {
		got = ids(all)
		return got[last] > 0 && (lose || len(got) >= total)
	})
	repeated := 0
	for _, n := range got {
		repeated += n - 1
	}
	t.Logf("%d sent, %d missing, %d came twice", total, total-len(got), repeated)
}
