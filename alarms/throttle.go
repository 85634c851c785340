package alarms

import (
	"cmp"
	"container/heap"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

// throttlePrefix is how the keys of rows of throttle windows begin.
const throttlePrefix = "throttle/"

// maxWindows bounds what keys that differ can make a table hold; beyond it all others of a rule are counted together.
const maxWindows = 10_000

// window is one span of time of one throttle key.
type window struct {
	key  string // of its row
	slot int    // its place among the windows
	windowState
}

// windowState is what changes in the window, and is saved.
type windowState struct {
	end   int64
	every int64
	sent  int
	held  int // counted and not sent

	severity translate.Severity // the worst of those that were not sent
	last     *report            // the last of them
	// What all of them have in common; empty when they differ.
	event, volume, brick, peer, subvol string
}

func (w *window) before(v *window) bool {
	return cmp.Or(cmp.Compare(w.end, v.end), cmp.Compare(w.key, v.key)) < 0
}
func (w *window) place(slot int) { w.slot = slot }

// pass counts n and reports whether it may go out.
func (t *Table) pass(l *Limit, n *translate.Notification, now time.Time, changes []Change) (bool, []Change) {
	if l == nil {
		return true, changes
	}
	key := throttlePrefix + l.Key
	w := t.throttled[key]
	if w == nil && len(t.throttled) >= maxWindows {
		key = throttlePrefix + l.Rule
		w = t.throttled[key]
	}
	if w == nil {
		w = &window{key: key, windowState: windowState{end: now.UnixNano() + int64(l.Every), every: int64(l.Every)}}
		t.open(w)
	}
	ok := w.sent < l.Max
	if ok {
		w.sent++
	} else {
		w.hold(n)
	}
	return ok, append(changes, Change{row: &windowRow{key: w.key, windowState: w.windowState}})
}

func (t *Table) open(w *window) {
	t.throttled[w.key] = w
	heap.Push(&t.windows, w)
}

func (w *window) hold(n *translate.Notification) {
	same := func(all *string, one string) {
		if w.held == 0 {
			*all = one
		} else if *all != one {
			*all = ""
		}
	}
	same(&w.event, n.Event)
	same(&w.volume, n.Volume)
	same(&w.brick, n.Brick)
	same(&w.peer, n.Peer)
	same(&w.subvol, n.Subvol)
	if w.held++; w.held == 1 || n.Severity.Rank() > w.severity.Rank() {
		w.severity = n.Severity
	}
	w.last = newReport("", n)
}

// close ends the window: what was not sent is summed up.
func (t *Table) close(w *window, now time.Time) Step {
	delete(t.throttled, w.key)
	heap.Remove(&t.windows, w.slot)
	s := Step{Verdict: Throttled, Changes: []Change{{row: &windowRow{key: w.key, gone: true}}}}
	if w.held == 0 {
		return s
	}
	n := w.last.notification(t.tr)
	n.ID = furtherID(n.ID, "more")
	n.State, n.AlarmClass, n.AlarmKey, n.Severity = translate.Stateless, "", "", w.severity
	n.Time, n.Received = stamp(w.end), now.UTC()
	n.Volume, n.Brick, n.Subvol, n.Peer = w.volume, w.brick, w.subvol, w.peer
	if w.peer == "" {
		n.PeerID = ""
	}
	if w.held > 1 {
		n.Client, n.Service, n.Secondary = "", "", ""
	}
	n.Text = w.text()
	if id, _ := t.silenced(n, now); id == "" {
		s.Notification, s.Verdict = n, Heard
	}
	return s
}

// text is "37 more CLIENT_CONNECT of volume gv0 in 10m, the last: ...".
func (w *window) text() string {
	what := w.event
	if what == "" {
		what = "notifications"
	}
	for _, p := range [...][2]string{{" of volume ", w.volume}, {" in ", w.subvol}, {" at brick ", w.brick}, {" at peer ", w.peer}} {
		if p[1] != "" && (w.brick == "" || p[1] != w.peer) {
			what += p[0] + p[1]
		}
	}
	return strconv.Itoa(w.held) + " more " + what + " in " + Span(time.Duration(w.every)) + ", the last: " + w.last.text
}

// windowRow is the saved form of a window.
type windowRow struct {
	windowState
	key  string
	gone bool
}

type windowJSON struct {
	Version  int        `json:"v"`
	End      time.Time  `json:"end"`
	Every    int64      `json:"every"`
	Sent     int        `json:"sent"`
	Held     int        `json:"held,omitempty"`
	Severity string     `json:"severity,omitempty"`
	Event    string     `json:"event,omitempty"`
	Volume   string     `json:"volume,omitempty"`
	Brick    string     `json:"brick,omitempty"`
	Peer     string     `json:"peer,omitempty"`
	Subvol   string     `json:"subvol,omitempty"`
	Last     *savedLast `json:"last,omitempty"`
}

// savedLast is a report beside those of alarms.
type savedLast struct {
	Seq      uint64    `json:"seq"`
	Received time.Time `json:"received"`
	Event    string    `json:"event"`
	Text     string    `json:"text"`
	Remote   string    `json:"remote,omitempty"`
	Own      bool      `json:"own,omitempty"`
	Body     string    `json:"body"`
}

func (r *windowRow) rowKey() string { return r.key }

func (r *windowRow) value() []byte {
	if r.gone {
		return nil
	}
	v := windowJSON{Version: 1, End: stamp(r.end), Every: r.every, Sent: r.sent, Held: r.held, Event: r.event, Volume: r.volume,
		Brick: r.brick, Peer: r.peer, Subvol: r.subvol}
	if l := r.last; l != nil {
		v.Severity = r.severity.String()
		v.Last = &savedLast{Seq: l.seq, Received: stamp(l.received), Event: l.event, Text: l.text, Own: l.own, Body: l.raw}
		if l.remote.IsValid() {
			v.Last.Remote = l.remote.String()
		}
	}
	b, err := json.Marshal(&v)
	if err != nil {
		return nil // never: there is nothing in it that could fail
	}
	return b
}

func (t *Table) restoreWindow(key string, value []byte) error {
	var v windowJSON
	if err := json.Unmarshal(value, &v); err != nil {
		return fmt.Errorf("read throttle %q: %w", key, err)
	}
	if v.Version != 1 || v.Held > 0 && v.Last == nil {
		return fmt.Errorf("read throttle %q: version %d is not known", key, v.Version)
	}
	w := &window{key: key, windowState: windowState{end: v.End.UnixNano(), every: v.Every, sent: v.Sent, held: v.Held,
		event: v.Event, volume: v.Volume, brick: v.Brick, peer: v.Peer, subvol: v.Subvol}}
	if l := v.Last; l != nil {
		severity, ok := translate.ParseSeverity(v.Severity)
		if !ok {
			return fmt.Errorf("read throttle %q: %q is not a severity", key, v.Severity)
		}
		w.severity = severity
		var err error
		if w.last, err = restoreReport(l.Body, l.Event, l.Text, l.Remote, l.Own, l.Seq, l.Received); err != nil {
			return fmt.Errorf("read throttle %q: %w", key, err)
		}
	}
	if t.throttled[key] == nil {
		t.open(w)
	}
	return nil
}
