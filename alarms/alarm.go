package alarms

import (
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

// alarm is one raised alarm. 100,000 of them have to fit into 100 MB, so it keeps the event that reported it as
// text and makes the notification of it anew when it is needed.
type alarm struct {
	translate.Alarm // as the table finds it; its key is another than the report's when the configuration has changed
	*report
	status
	seq   uint64 // of the first raise
	begun int64  // its event time
	at    int64  // when something happens to it by itself; 0 is never
	slot  int    // its place on the agenda when at is not 0
	more  bool   // its parts are not only those that the report tells: they are saved
	taken bool   // while the ended ones are collected
	gone  bool
}

// report is the event that speaks for the alarm: the first, or a later one that told another severity. It never
// changes, so that saved rows may point to it.
type report struct {
	key      string // as the output heard it
	event    string
	text     string
	node     string // UUID of the reporter
	raw      string
	own      bool // a notification of the gateway itself
	remote   netip.Addr
	seq      uint64
	received int64
}

// status is what changes while the alarm is active. Times are in nanoseconds since 1970.
type status struct {
	severity translate.Severity
	held     reason // why the output has not heard of it
	explains bool   // it counts among the causes that keep others back
	count    int
	last     int64  // receipt of the last raise
	wait     int64  // it is held at least until then
	due      int64  // when it comes out or, when it was heard, its update
	repeat   int64  // how often it is sent again while it is active; 0 is never
	next     int64  // when it is sent again
	silence  string // the silence that keeps it or its update back until due
	limit    *Limit // by which it goes out
}

func newReport(key string, n *translate.Notification) *report {
	return &report{key: key, event: n.Event, text: n.Text, node: n.NodeID, raw: n.Raw, own: n.Group == translate.OwnGroup, remote: n.NodeAddr, seq: n.Seq,
		received: n.Received.UnixNano()}
}

func newAlarm(tr *translate.Translator, n *translate.Notification) *alarm {
	a := &alarm{report: newReport(n.AlarmKey, n), seq: n.Seq, begun: nanos(n.Time),
		status: status{severity: n.Severity, count: 1, last: n.Received.UnixNano()}}
	a.identify(tr, n)
	return a
}

// identify finds out how the table finds the alarm.
func (a *alarm) identify(tr *translate.Translator, n *translate.Notification) {
	var ok bool
	if a.Alarm, ok = tr.Alarm(n); !ok {
		a.Alarm = translate.Alarm{Class: n.AlarmClass, Key: n.AlarmKey}
	}
	if a.Key == a.report.key {
		a.Key = a.report.key // one string in memory instead of two
	}
}

// part returns a part of the alarm, "" when it has none of that name.
func (a *alarm) part(name string) string {
	for i := range a.Parts {
		if a.Parts[i].Key == name {
			return a.Parts[i].Value
		}
	}
	return ""
}

func (a *alarm) activeAt(t time.Time) time.Duration {
	return max(0, time.Duration(nanos(t)-a.begun))
}

// lastNanos is the end of the year 2200: an event may claim a time beyond what nanoseconds can count.
const lastNanos = 7289654399 * int64(time.Second)

func nanos(t time.Time) int64 {
	if t.Unix() >= lastNanos/int64(time.Second) {
		return lastNanos
	}
	return t.UnixNano()
}

// notification makes the raise again, with what later reports told.
func (a *alarm) notification(tr *translate.Translator) *translate.Notification {
	n := a.report.notification(tr)
	a.Fill(n)
	return n
}

// notification makes the raise again.
func (r *report) notification(tr *translate.Translator) *translate.Notification {
	ev, err := translate.Decode([]byte(r.raw))
	if err != nil {
		ev = translate.Event{Name: r.event, NodeID: r.node, Raw: r.raw} // never: it was decoded before
	}
	ev.Seq, ev.Received = r.seq, time.Unix(0, r.received).UTC()
	switch {
	case r.own:
		ev.Input = translate.OwnInput
	case r.remote.IsValid():
		ev.Input, ev.Remote = "webhook", r.remote.String()
	}
	n := tr.Translate(&ev)
	n.Text = r.text
	return n
}

// raised is the raise of an alarm that was kept back.
func (t *Table) raised(a *alarm) *translate.Notification {
	n := a.notification(t.tr)
	n.State, n.AlarmClass, n.AlarmKey, n.Severity, n.Count = translate.Raise, a.Class, a.report.key, a.severity, a.count
	return n
}

// over is the clear of an alarm that n ends.
func (t *Table) over(a *alarm, n *translate.Notification) *translate.Notification {
	c := *n
	c.State, c.Severity, c.AlarmClass, c.AlarmKey = translate.Clear, translate.Cleared, a.Class, a.report.key
	c.Active, c.Count = a.activeAt(n.Time), a.count
	c.ID = furtherID(n.ID, strconv.FormatUint(a.seq, 10))
	if a.Class == n.AlarmClass && n.State == translate.Clear && !strings.Contains(n.AlarmKey, "*") {
		c.Text = n.Text + " (" + a.history(c.Active) + ")"
		return &c
	}
	r := a.notification(t.tr)
	c.Volume, c.Brick, c.Peer, c.PeerID, c.Subvol = r.Volume, r.Brick, r.Peer, r.PeerID, r.Subvol
	c.Secondary, c.Client, c.Service = r.Secondary, r.Client, r.Service
	c.Text = "Over: " + a.text + " (" + a.history(c.Active) + "): " + n.Text
	return &c
}

// history is "after 2m10s", "after 3h5m, reported 12 times".
func (a *alarm) history(active time.Duration) string { return "after " + a.reports(active) }

// sofar is "for 2m10s", "for 3h5m, reported 12 times".
func (a *alarm) sofar(active time.Duration) string { return "for " + a.reports(active) }

func (a *alarm) reports(active time.Duration) string {
	s := Span(active)
	if a.count > 1 {
		s += ", reported " + strconv.Itoa(a.count) + " times"
	}
	return s
}

// Span writes a duration for people: 45s, 2m10s, 3h5m, 2d4h.
func Span(d time.Duration) string {
	s := int64(d.Round(time.Second) / time.Second)
	two := func(a int64, ua string, b int64, ub string) string {
		text := strconv.FormatInt(a, 10) + ua
		if b > 0 {
			text += strconv.FormatInt(b, 10) + ub
		}
		return text
	}
	switch {
	case s < 60:
		return strconv.FormatInt(s, 10) + "s"
	case s < 3600:
		return two(s/60, "m", s%60, "s")
	case s < 86400:
		return two(s/3600, "h", s%3600/60, "m")
	default:
		return two(s/86400, "d", s%86400/3600, "h")
	}
}

// furtherID makes the ID of one more notification for the event that id belongs to. It is the same whenever the
// event is applied again.
func furtherID(id, what string) string {
	if id = id + "-" + what; len(id) <= 64 {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:16])
}
