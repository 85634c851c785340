package queue

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/conffile"
)

// A clock that was wrong costs no event, and keeps none for ever: what is there when it jumps stays for another max_age.
func TestClockThatWasWrong(t *testing.T) {
	const maxAge = 10 * time.Minute
	for _, tt := range []struct {
		name    string
		wrong   time.Duration // at first
		restart bool
	}{
		{"at 1970, then right", -56 * 365 * 24 * time.Hour, false},
		{"at 1970, right after a restart", -56 * 365 * 24 * time.Hour, true},
		{"years ahead, then right", 5 * 365 * 24 * time.Hour, false},
		{"years ahead, right after a restart", 5 * 365 * 24 * time.Hour, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				offset := tt.wrong
				cfg := Config{MaxAge: conffile.Duration(maxAge), Now: func() time.Time { return time.Now().Add(offset) }}
				q := stepped(t, dir, cfg)
				put := func(n int) {
					t.Helper()
					for range n {
						if err := q.appendNow(cfg.Now()); err != nil {
							t.Fatal(err)
						}
					}
				}
				holds := func(when string, want uint64) {
					t.Helper()
					if err := q.appendNow(cfg.Now()); err != nil { // it is the transactions that look
						t.Fatal(err)
					}
					want++
					if st, err := q.Status(t.Context()); err != nil || st.Events != want {
						t.Fatalf("%s: got %d events, %v, want %d", when, st.Events, err, want)
					}
				}
				put(10)
				offset = 0
				if tt.restart {
					if err := q.Close(); err != nil {
						t.Fatal(err)
					}
					q = stepped(t, dir, cfg)
				}
				holds("set right", 10)
				time.Sleep(maxAge - time.Second)
				holds("a second before max_age has passed", 11)
				time.Sleep(2 * time.Second)
				holds("max_age has passed", 1) // the last one alone is younger
				if err := q.Close(); err != nil {
					t.Fatal(err)
				}
			})
		})
	}
}

// steppedQueue has no goroutine of its own: each append is a transaction.
type steppedQueue struct{ *SQLite }

func stepped(t *testing.T, dir string, cfg Config) *steppedQueue {
	t.Helper()
	q, err := Open(dir, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return &steppedQueue{q}
}

func (q *steppedQueue) appendNow(received time.Time) error {
	req := &request{recs: []*Record{{Received: received, Input: "w", Body: []byte("x")}}}
	q.w.write([]*request{req})
	return req.err
}
