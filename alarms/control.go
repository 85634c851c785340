package alarms

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/conffile"
	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

// What operators ask of the alarms are records of the log: every table comes to them in their place among the events,
// and after a crash as well.

// Addressed reports whether a record that the gateway wrote itself is meant for the output; most are for all.
func Addressed(n *translate.Notification, output string) bool {
	if n.Group != translate.OwnGroup || n.Event != translate.Resync {
		return true
	}
	name, _ := n.Get("output")
	return name == "" || name == output
}

// control does what a record asks for.
func (t *Table) control(n *translate.Notification, now time.Time) (own Step) {
	own.Verdict = Noted
	switch n.Event {
	case translate.ControlClear:
		key, _ := n.Get("key")
		a := t.find(key)
		switch {
		case a == nil:
		case a.held != heard:
			own.Changes = t.remove(a, now, nil)
		default:
			own.Notification, own.Verdict = t.byHand(a, n), Heard
			own.Changes = t.remove(a, now, nil)
		}
	case translate.ControlSilence:
		own.Changes = t.reviewSilenced(now, nil)
	}
	return own
}

// find returns the alarm of a key as the output heard it.
func (t *Table) find(key string) *alarm {
	class, _, _ := strings.Cut(key, "/")
	if a := t.active[class][key]; a != nil && a.report.key == key {
		return a
	}
	for _, class := range t.active {
		for _, a := range class {
			if a.report.key == key {
				return a
			}
		}
	}
	return nil
}

// byHand is the clear of an alarm that n ends by hand.
func (t *Table) byHand(a *alarm, n *translate.Notification) *translate.Notification {
	c := t.closing(a, n.Received)
	c.ID, c.Seq = n.ID, n.Seq
	c.Text += "ended by hand"
	if by, ok := n.Get("author"); ok {
		c.Text += " by " + by
	}
	if comment, ok := n.Get("comment"); ok {
		c.Text += ": " + comment
	}
	return c
}

// aged is the clear of an alarm that nothing was heard of for too long.
func (t *Table) aged(a *alarm, now time.Time) *translate.Notification {
	c := t.closing(a, now)
	c.ID = furtherID(c.ID, "aged")
	c.Text += "not reported again for " + conffile.Duration(t.ages[a.Class]).String()
	return c
}

// closing begins the clear of an alarm that no event ends.
func (t *Table) closing(a *alarm, now time.Time) *translate.Notification {
	c := a.notification(t.tr)
	c.State, c.Severity, c.AlarmClass, c.AlarmKey = translate.Clear, translate.Cleared, a.Class, a.report.key
	c.Active, c.Count = a.activeAt(now), a.count
	c.Time, c.Received = now.UTC(), now.UTC()
	c.Text = "Over: " + a.text + " (" + a.history(c.Active) + "): "
	return c
}

// resyncKey is the row of an unfinished resync; resyncChunk is how many alarms of it Advance returns at once.
const (
	resyncKey   = "resync"
	resyncChunk = 256
)

// resync is the sending again of all alarms that the output knows, while it goes on: the oldest first, and the place of
// the last one is saved with it.
type resync struct {
	Version int    `json:"v"`
	Seq     uint64 `json:"seq"`   // of the record that asks for it
	Begun   uint64 `json:"alarm"` // first event of the last alarm that was sent again
	Key     string `json:"key"`
	pending []*alarm
	listed  bool
}

type resyncRow struct {
	resync
	gone bool
}

func (r *resyncRow) rowKey() string { return resyncKey }

func (r *resyncRow) value() []byte {
	if r.gone {
		return nil
	}
	b, err := json.Marshal(&r.resync)
	if err != nil {
		return nil // never: it is two numbers and two texts
	}
	return b
}

// begin begins a resync; the record is the announcement, and the alarms follow it. When somebody asked for it at this
// output, the policy has no say.
func (t *Table) begin(n *translate.Notification, w *Want) Step {
	t.resync = &resync{Version: 1, Seq: n.Seq}
	t.list()
	own := Step{Verdict: Unwanted, Changes: []Change{{row: &resyncRow{resync: *t.resync}}}}
	if _, asked := n.Get("output"); asked || w.Sends {
		own.Verdict = Heard
		own.Notification = t.tr.WithFields(n, translate.Field{Key: "gtgAlarmActiveCount", Value: strconv.Itoa(len(t.resync.pending))},
			translate.Field{Key: "gtgLogHighestSequence", Value: strconv.FormatUint(n.Seq, 10)})
	}
	if len(t.resync.pending) == 0 {
		own.Changes[0].row = &resyncRow{gone: true}
		t.resync = nil
	}
	return own
}

// list finds what is left to be sent again.
func (t *Table) list() {
	r := t.resync
	r.listed = true
	for _, class := range t.active {
		for _, a := range class {
			if a.held == heard && a.seq < r.Seq && (a.seq > r.Begun || a.seq == r.Begun && a.report.key > r.Key) {
				r.pending = append(r.pending, a)
			}
		}
	}
	slices.SortFunc(r.pending, func(a, b *alarm) int {
		if c := byAge(a, b); a.seq != b.seq {
			return c
		}
		return strings.Compare(a.report.key, b.report.key)
	})
}

// goOn sends some more alarms again.
func (t *Table) goOn(steps []Step, now time.Time) []Step {
	r := t.resync
	if !r.listed {
		t.list()
	}
	before := len(steps)
	for range resyncChunk {
		if len(r.pending) == 0 {
			break
		}
		a := r.pending[0]
		r.pending = r.pending[1:]
		r.Begun, r.Key = a.seq, a.report.key
		s := Step{Verdict: Noted, Changes: []Change{{row: &resyncRow{resync: resync{Version: 1, Seq: r.Seq, Begun: r.Begun, Key: r.Key}, gone: len(r.pending) == 0}}}}
		if !a.gone && a.held == heard {
			s.Notification, s.Verdict = t.resent(a, now), Heard
		}
		steps = append(steps, s)
	}
	if len(r.pending) == 0 {
		if len(steps) == before { // nothing was left after a restart
			steps = append(steps, Step{Verdict: Noted, Changes: []Change{{row: &resyncRow{gone: true}}}})
		}
		t.resync = nil
	}
	return steps
}

// resent is the raise of an active alarm for a receiver that may have forgotten it.
func (t *Table) resent(a *alarm, now time.Time) *translate.Notification {
	n := t.raised(a)
	n.Active = a.activeAt(now)
	n.ID = furtherID(n.ID, "resync-"+strconv.FormatUint(t.resync.Seq, 10))
	n.Received = now.UTC()
	n.Text += " (" + a.sofar(n.Active) + ")"
	return n
}

func (t *Table) restoreResync(value []byte) error {
	r := &resync{}
	if err := json.Unmarshal(value, r); err != nil {
		return fmt.Errorf("read resync: %w", err)
	}
	if r.Version != 1 {
		return fmt.Errorf("read resync: version %d is not known", r.Version)
	}
	t.resync = r
	return nil
}
