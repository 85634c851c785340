package outputs

import (
	"fmt"
	"maps"
	"time"
)

// Status is how a worker stands.
type Status struct {
	Sent         uint64
	Failed       uint64    // permanent errors
	Dropped      uint64    // not for this output
	Retries      uint64    // failed tries
	LastErr      string    // of the current or last streak of failures
	FailingSince time.Time // zero when the last try worked
	LastSent     time.Time
	Oldest       time.Time // receipt of the oldest notification read and not delivered yet; zero when there is none
	Trouble      Trouble   // what kind of failure it is now; empty when the last try worked

	Outcomes map[Outcome]uint64 // events committed, by what became of them
	Rules    map[string]uint64  // events committed, by the policy rule that decided; "" when none matched
	Failures map[Trouble]uint64 // failed tries

	streak uint64 // Retries when the current streak of failures began
}

// String is for logs and tests.
func (s Status) String() string {
	return fmt.Sprintf("sent %d, failed %d, dropped %d, retries %d", s.Sent, s.Failed, s.Dropped, s.Retries)
}

// Lag is how long the oldest notification in hand has been waiting; 0 when none waits.
func (s Status) Lag(now time.Time) time.Duration {
	if s.Oldest.IsZero() {
		return 0
	}
	return max(0, now.Sub(s.Oldest))
}

// Status returns a snapshot. It may be called from any goroutine.
func (w *Worker) Status() Status {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.status
	s.Outcomes, s.Rules, s.Failures = maps.Clone(s.Outcomes), maps.Clone(s.Rules), maps.Clone(s.Failures)
	return s
}

func (w *Worker) count(fn func(*Status)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	fn(&w.status)
}

func (w *Worker) inHand(oldest time.Time) { w.count(func(s *Status) { s.Oldest = oldest }) }

func (w *Worker) delivered(n int) {
	if n > 0 {
		now := time.Now()
		w.count(func(s *Status) { s.Sent, s.LastSent = s.Sent+uint64(n), now })
	}
}

func (w *Worker) committed(items []Item) {
	w.count(func(s *Status) {
		if s.Outcomes == nil {
			s.Outcomes, s.Rules = map[Outcome]uint64{}, map[string]uint64{}
		}
		// Neighbours are mostly alike, and a map takes longer than all else here.
		for i := 0; i < len(items); {
			from := i
			for i < len(items) && items[i].Outcome == items[from].Outcome && items[i].Rule == items[from].Rule && items[i].Extra == items[from].Extra {
				i++
			}
			n := uint64(i - from)
			s.Outcomes[items[from].Outcome] += n
			if !items[from].Extra {
				s.Rules[items[from].Rule] += n
			}
			if items[from].Outcome == Dropped {
				s.Dropped += n
			}
		}
	})
}

// works ends a streak of failures: all that was tried was delivered. A part of it does not end one, or an output that
// takes a few at each try would fill the log.
func (w *Worker) works() {
	now := time.Now()
	var before Status
	w.count(func(s *Status) {
		before = *s
		s.FailingSince, s.Trouble = time.Time{}, ""
	})
	if !before.FailingSince.IsZero() {
		w.Logger.Info("output works again", "output", w.Name, "failed_for", now.Sub(before.FailingSince).Round(time.Second),
			"tries", before.Retries-before.streak, "behind", before.Lag(now).Round(time.Second))
		if w.Recovered != nil {
			w.Recovered(now.Sub(before.FailingSince))
		}
	}
}

// failing counts a failed try and logs the first of a streak.
func (w *Worker) failing(err error) {
	first, kind := false, TroubleOf(err)
	var before Trouble
	w.count(func(s *Status) {
		if first = s.FailingSince.IsZero(); first {
			s.FailingSince, s.streak = time.Now(), s.Retries
		}
		s.Retries++
		s.LastErr = err.Error()
		before, s.Trouble = s.Trouble, kind
		if s.Failures == nil {
			s.Failures = map[Trouble]uint64{}
		}
		s.Failures[kind]++
	})
	switch {
	case first:
		w.Logger.Warn("output fails: it will be tried again until it works", "output", w.Name, "trouble", kind, "err", err)
	case before != kind:
		w.Logger.Warn("output fails in another way", "output", w.Name, "trouble", kind, "before", before, "err", err)
	}
}

// failed gives one notification up.
func (w *Worker) failed(it *Item, err error) {
	it.Outcome = Failed
	w.count(func(s *Status) {
		s.Failed++
		s.LastErr = err.Error()
	})
	if more, ok := w.quiet.speak(time.Now()); ok {
		w.Logger.Error("notification cannot be sent", "output", w.Name, "event", it.Notification.Event, "seq", it.Seq, "err", err,
			"more_like_it", more)
	}
}

// silence keeps a log line from being repeated more than once a minute.
type silence struct {
	last  time.Time
	count int
}

// speak reports whether the line may be written now and how many were left out since the last one.
func (s *silence) speak(now time.Time) (left int, ok bool) {
	if !s.last.IsZero() && now.Sub(s.last) < time.Minute {
		s.count++
		return 0, false
	}
	left, s.count, s.last = s.count, 0, now
	return left, true
}
