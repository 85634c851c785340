package alarms

import (
	"testing"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

// When the clock is set back, what waits comes at the time that was set for it by the clock: later, and once.
func TestClockSetBack(t *testing.T) {
	tr := newTranslator(t, nil)
	ev, err := translate.Decode([]byte(`{"event":"BRICK_DISCONNECTED","ts":1795388400,"nodeid":null,"message":{"peer":"gfs2","volume":"gv0","brick":"/b/1"}}`))
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Unix(1795388400, 0).UTC()
	ev.Seq, ev.Received = 1, begin
	table := New(DefaultConfig(), tr)
	if steps := table.Apply(nil, tr.Translate(&ev), Want{Sends: true, Hold: 30 * time.Second}); len(steps) != 1 || steps[0].Verdict != Held {
		t.Fatalf("got %+v, want that it is held", steps)
	}
	// A report after the clock was set back is one more of the same.
	ev.Seq, ev.Received = 2, begin.Add(-time.Hour)
	if steps := table.Apply(nil, tr.Translate(&ev), Want{Sends: true, Hold: 30 * time.Second}); len(steps) != 1 || steps[0].Verdict != Held {
		t.Fatalf("got %+v, want that it is held still", steps)
	}
	if due, want := table.Due(), begin.Add(30*time.Second); !due.Equal(want) {
		t.Errorf("due at %s, want %s", due, want)
	}
	steps := table.Advance(nil, begin.Add(30*time.Second))
	if len(steps) != 1 || steps[0].Verdict != Heard || steps[0].Notification.State != translate.Raise {
		t.Errorf("got %+v, want the raise", steps)
	}
	if steps := table.Advance(nil, begin.Add(time.Minute)); len(steps) != 0 {
		t.Errorf("got %+v, want nothing more", steps)
	}
}
