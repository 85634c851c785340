package outputs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Whatever part of a batch an output takes, in whatever order errors come: each is sent once, in order, and the
// commits are the items in order.
func TestWorkerLosesAndRepeatsNothing(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 1))
			o := &scriptedOutput{}
			for range 200 {
				o.script = append(o.script, func(b []Message) (int, error) {
					switch rnd.IntN(4) {
					case 0:
						return len(b), nil
					case 1:
						return len(b), errors.New("an error though all were taken")
					case 2:
						return rnd.IntN(len(b) + 1), nil
					default:
						return rnd.IntN(len(b) + 1), errors.New("refused")
					}
				})
			}
			l := &memoryLog{n: 1000}
			w := &Worker{Name: "o", Output: o, Log: l, BatchSize: 1 + rnd.IntN(100), Rate: float64(rnd.IntN(2)) * 500}
			run(t, w, l)
			if !slices.Equal(o.got, wantSent(1000)) {
				t.Errorf("seed %d: sent %v", seed, o.got)
			}
		})
	}
}

// Send's last word on a batch that it took whole is not held against anything.
func TestWorkerPermanentErrorAfterTheLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &scriptedOutput{script: []func([]Message) (int, error){
			func(b []Message) (int, error) { return len(b), ErrPermanent },
			func(b []Message) (int, error) { return len(b) - 1, ErrPermanent },
		}}
		l := &memoryLog{n: 4}
		w := &Worker{Name: "o", Output: o, Log: l, BatchSize: 2}
		run(t, w, l)
		if s := w.Status(); s.Sent != 2 || s.Failed != 1 || s.Dropped != 1 {
			t.Errorf("status %s, want 2 sent, 1 failed, 1 dropped", s)
		}
	})
}

// One line when it starts to fail and one when it works again, also when each try gets a little further.
func TestWorkerLogsStreaksNotTries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &scriptedOutput{}
		for range 5 {
			o.script = append(o.script, func([]Message) (int, error) { return 0, errors.New("refused") },
				func([]Message) (int, error) { return 1, errors.New("refused") })
		}
		var log bytes.Buffer
		l := &memoryLog{n: 100}
		w := &Worker{Name: "o", Output: o, Log: l, Logger: slog.New(slog.NewTextHandler(&log, nil))}
		run(t, w, l)
		if got := strings.Count(log.String(), "\n"); got != 2 || !strings.Contains(log.String(), "output fails") ||
			!strings.Contains(log.String(), "works again") || !strings.Contains(log.String(), "tries=10") {
			t.Errorf("%d lines, want one for the beginning and one for the end:\n%s", got, log.String())
		}
	})
}

func TestWorkerLogsManyPermanentErrorsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &scriptedOutput{}
		for range 200 {
			o.script = append(o.script, func([]Message) (int, error) { return 0, fmt.Errorf("too large: %w", ErrPermanent) })
		}
		var log bytes.Buffer
		l := &memoryLog{n: 300}
		w := &Worker{Name: "o", Output: o, Log: l, Logger: slog.New(slog.NewTextHandler(&log, nil))}
		run(t, w, l)
		if got := strings.Count(log.String(), "\n"); got != 1 || w.Status().Failed != 200 {
			t.Errorf("%d failed, %d lines, want 200 and 1:\n%s", w.Status().Failed, got, log.String())
		}
	})
}

// nextLog fails before it gives items, or gives nothing.
type nextLog struct {
	*memoryLog
	script []error
}

func (l *nextLog) Next(ctx context.Context, max int) ([]Item, error) {
	if len(l.script) > 0 {
		err := l.script[0]
		l.script = l.script[1:]
		return nil, err
	}
	return l.memoryLog.Next(ctx, max)
}

func TestWorkerWaitsForAnUnreadableLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := errors.New("input/output error")
		var log bytes.Buffer
		o := &scriptedOutput{}
		l := &memoryLog{n: 30}
		w := &Worker{Name: "o", Output: o, Log: &nextLog{l, []error{disk, disk, nil, disk}}, Logger: slog.New(slog.NewTextHandler(&log, nil))}
		run(t, w, l)
		if !slices.Equal(o.got, wantSent(30)) {
			t.Errorf("sent %v", o.got)
		}
		if got := strings.Count(log.String(), "\n"); got != 2 {
			t.Errorf("%d lines, want 2:\n%s", got, log.String())
		}
	})
}

// Slow sending does not leave what was sent uncommitted for long.
func TestWorkerCommitsBeforeItWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &scriptedOutput{}
		l := &memoryLog{n: 100}
		w := &Worker{Name: "o", Output: o, Log: l, Rate: 0.1, Burst: 3}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- w.Run(ctx) }()
		time.Sleep(time.Second) // of the fake clock: the burst of 3 is out, the next has to wait
		synctest.Wait()
		l.mu.Lock()
		committed := len(l.done)
		l.mu.Unlock()
		if len(o.got) != 3 || committed != 4 {
			t.Errorf("%d sent and %d items committed, want 3 and the 4 items up to the third", len(o.got), committed)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// slowCommit takes longer than any patience; a commit that is given up and repeated would be refused by the queue.
type slowCommit struct {
	*memoryLog
	took, givenUp time.Duration
}

func (l *slowCommit) Commit(ctx context.Context, done []Item) error {
	start := time.Now()
	select {
	case <-time.After(l.took):
		return l.memoryLog.Commit(ctx, done)
	case <-ctx.Done():
		l.givenUp = time.Since(start)
		return ctx.Err()
	}
}

func TestWorkerWaitsForASlowCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &scriptedOutput{}
		l := &slowCommit{memoryLog: &memoryLog{n: 10}, took: 10 * time.Minute}
		w := &Worker{Name: "o", Output: o, Log: l}
		run(t, w, l.memoryLog)
		if l.givenUp != 0 {
			t.Errorf("the commit was given up after %v", l.givenUp)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		l := &slowCommit{memoryLog: &memoryLog{n: 10}, took: 10 * time.Minute}
		start := time.Now()
		if err := (&Worker{Name: "o", Output: &scriptedOutput{}, Log: l}).Run(ctx); err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took > time.Second+stopCommit {
			t.Errorf("stopping took %v", took)
		}
	})
}

// Stopping in the middle of a batch, while the batch before is still being committed, commits both.
func TestWorkerStopsDuringACommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		o := &scriptedOutput{script: []func([]Message) (int, error){
			func(b []Message) (int, error) { return len(b), nil },
			func(b []Message) (int, error) { cancel(); return 3, errors.New("refused") },
		}}
		l := &slowCommit{memoryLog: &memoryLog{n: 100}, took: time.Second}
		if err := (&Worker{Name: "o", Output: o, Log: l, BatchSize: 10}).Run(ctx); err != nil {
			t.Error(err)
		}
		sent := 0
		for i, it := range l.done {
			if it.Seq != uint64(i+1) {
				t.Fatalf("commit %d is of item %d", i+1, it.Seq)
			}
			if it.Outcome == Sent {
				sent++
			}
		}
		if sent != len(o.got) || sent != 10 {
			t.Errorf("%d committed as sent, %d were", sent, len(o.got))
		}
	})
}

func TestWorkerShowsItsLag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		received := time.Now()
		o := &scriptedOutput{script: slices.Repeat([]func([]Message) (int, error){
			func([]Message) (int, error) { return 0, errors.New("refused") }}, 1000)}
		l := &oneLog{Item{Seq: 1, Notification: sharedNotification}}
		n := *sharedNotification
		n.Received = received
		l.it.Notification = &n
		w := &Worker{Name: "o", Output: o, Log: l}
		ended := make(chan error, 1)
		go func() { ended <- w.Run(ctx) }()
		time.Sleep(time.Minute) // of the fake clock
		synctest.Wait()
		if s := w.Status(); s.Lag(time.Now()) != time.Minute || s.FailingSince != received || s.LastErr != "refused" {
			t.Errorf("lag %v, failing since %v, last error %q", s.Lag(time.Now()), s.FailingSince, s.LastErr)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// oneLog has one item.
type oneLog struct{ it Item }

func (l *oneLog) Next(ctx context.Context, _ int) ([]Item, error) {
	if l.it.Seq == 1 {
		it := l.it
		l.it.Seq++
		return []Item{it}, nil
	}
	<-ctx.Done()
	return nil, ctx.Err()
}

func (l *oneLog) Commit(context.Context, []Item) error { return nil }

// The pause stays within its cap for any settings.
func TestBackoffNeverOverflows(t *testing.T) {
	for _, first := range []time.Duration{1, time.Millisecond, time.Hour, 100 * time.Hour} {
		w := &Worker{RetryMin: first, RetryMax: 24 * time.Hour}
		for try := range 200 {
			if d := w.backoff(try); d < 0 || d > 30*time.Hour {
				t.Fatalf("pause %d from %v is %v", try, first, d)
			}
		}
	}
}
