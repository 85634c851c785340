// Package alarms decides what an operator hears of raises and clears: each alarm once when it begins, once when it gets
// worse, once when it is over, and nothing of what is only its consequence.
//
// A Table is the state of one output and a fold over the log: Apply takes the notification of each record in order and
// says what the output hears. The last Step is the record's own; those before it are more notifications for the
// same record, such as the clears of all alarms of a deleted volume. Every step carries the rows that change with it,
// so that whoever saves the rows of a step together with the cursor can be killed at any moment: when the first of
// three clears was saved and the record was not, applying the record again yields the other two. For this the steps
// before the last count as done before their record (Seq of the record before it), and only the last moves the cursor.
//
// Time is that of receipt, taken from the records, so that a backlog folds as it would have on time. Only who has
// come to the end of the log calls Advance with the clock, at the time that Due returns; its steps, too, count as
// done before the next record. A table reads no clock and no file.
//
// An alarm exists for an output from the first raise that the policy sends there. What ends the alarm is then sent,
// whatever the policy says of clears: who got the raise must get the clear. A clear without an alarm is not sent when
// it is nothing but a clear (severity cleared); other events that end alarms are news by themselves.
// An alarm is kept back while its cause is active: see Config.PeerHides and Config.Inhibit. It comes out when it is
// still there some time after the cause is over, and nothing is said of it when it ended before that. The same holds for
// what the policy has wait (Want.Hold) or counts as too many (Want.Limit), and for what falls under a silence; a clear or
// an update of an alarm that was heard is never throttled. An active alarm is sent again (Want.Repeat) as an update.
//
// What operators ask for, such as to end an alarm or to send all of them again, comes as records too: see control.go.
//
// The readers of the log in cmd are the callers. A Table is for one goroutine.
package alarms

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

// Verdict is why an output hears what it hears.
type Verdict uint8

// The verdicts. Only a Heard step has a notification.
const (
	Heard     Verdict = iota
	Unwanted          // the policy does not send it to this output
	Repeated          // a raise of an alarm that the output knows
	NoAlarm           // a clear of nothing that the output was sent
	Held              // a raise that is kept back because its cause is known, or because it may be over soon
	Silenced          // nobody wants to hear of it now
	Throttled         // there were too many; it is counted
	Noted             // not a notification: what an operator asked for was done
)

// Step is one thing that an output hears, or the reason why it hears nothing.
type Step struct {
	Notification *translate.Notification
	Verdict      Verdict
	Changes      []Change // to be saved when the notification was delivered
}

// maxAlarms bounds what a flood of raises that differ can make a table hold; beyond it raises and clears pass as they
// come.
const maxAlarms = 100_000

// levels are the classes whose raises tell a level, so that a lesser severity is news as well. In all others it is
// another report of the same fault.
var levels = map[string]bool{"tier-watermark": true, "snapshot-limit": true}

// Table holds the alarms of one output.
type Table struct {
	Output   string   // its name; set before the first use, like Silences
	Silences Silences // nil when there are none

	tr      *translate.Translator
	classes map[string][]string // parts of the identities
	ending  map[string]bool     // events that end alarms
	ages    map[string]time.Duration
	grace   time.Duration

	active map[string]map[string]*alarm // by class and key
	count  int
	agenda agenda[*alarm]
	causes []*cause
	held   map[*alarm]bool
	review bool // the held ones must be looked at: rows were restored

	throttled map[string]*window // by the key of the row
	windows   agenda[*window]    // the same, the first that ends first
	resync    *resync            // nil when none is unfinished
}

// New returns an empty table. The configuration was validated.
func New(cfg Config, tr *translate.Translator) *Table {
	cat := tr.Catalogue()
	t := &Table{tr: tr, classes: cat.Classes, ending: map[string]bool{}, ages: cfg.ages(cat), grace: time.Duration(cfg.Grace),
		active: map[string]map[string]*alarm{}, held: map[*alarm]bool{}, causes: newCauses(&cfg), throttled: map[string]*window{}}
	for _, e := range slices.Concat(cat.Events, cat.Own) {
		if len(e.Clears) > 0 || e.Ends != "" {
			t.ending[e.Event] = true
		}
	}
	return t
}

// Len returns the number of alarms, held ones included.
func (t *Table) Len() int { return t.count }

// Apply appends to steps what the output hears of the next record; w is what the policy says of it. What became
// due before the record was received comes first.
func (t *Table) Apply(steps []Step, n *translate.Notification, w Want) []Step {
	now := n.Received
	steps = t.Advance(steps, now)
	switch {
	case n.Group == translate.ControlGroup:
		return append(steps, t.control(n, now))
	case !Addressed(n, t.Output):
		return append(steps, Step{Verdict: Unwanted})
	case n.Group == translate.OwnGroup && n.Event == translate.Resync:
		return append(steps, t.begin(n, &w))
	}
	ends := t.count > 0 && t.ending[n.Event]
	switch {
	case n.State == translate.Raise:
		var own Step
		if ends {
			steps, own.Changes = t.end(steps, n, now)
		}
		return append(steps, t.raise(own, n, &w, now))
	case ends:
		return t.clear(steps, n, &w, now)
	case n.State == translate.Clear:
		return append(steps, t.orphan(Step{}, n, &w, now))
	case !w.Sends:
		return append(steps, Step{Verdict: Unwanted})
	default:
		return append(steps, t.news(Step{}, n, &w, now))
	}
}

// raise begins the alarm of n, or takes n for one more report of it.
func (t *Table) raise(own Step, n *translate.Notification, w *Want, now time.Time) Step {
	a := t.active[n.AlarmClass][n.AlarmKey]
	if a != nil {
		own.Changes = t.learn(a, n, now, own.Changes)
	}
	if !w.Sends {
		own.Verdict = Unwanted
		if a != nil { // still there, and so not older
			a.count++
			a.last = now.UnixNano()
			t.schedule(a)
			own.Changes = append(own.Changes, a.change())
		}
		return own
	}
	if a == nil {
		if t.count >= maxAlarms {
			return t.news(own, n, w, now)
		}
		a = newAlarm(t.tr, n)
		t.add(a)
		a.repeat, a.limit = int64(w.Repeat), w.Limit
		if w.Hold > 0 {
			a.wait = now.UnixNano() + int64(w.Hold)
		}
		if own.Verdict, own.Changes = t.admit(a, n, true, now, own.Changes); own.Verdict == Heard {
			own.Notification = n
		}
		own.Changes = append(own.Changes, a.change())
		return own
	}
	a.count++
	a.last = now.UnixNano()
	a.terms(w, now)
	t.schedule(a)
	rises := n.Severity.Rank() > a.severity.Rank()
	falls := n.Severity.Rank() < a.severity.Rank() && levels[a.Class]
	if rises || falls {
		a.report, a.severity = newReport(a.report.key, n), n.Severity
		a.more = true // the report before may have told what this one does not
	}
	switch {
	case a.held != heard:
		// It comes out when somebody who is not behind the cause has the same fault.
		if own.Verdict, own.Changes = t.admit(a, n, false, now, own.Changes); own.Verdict == Heard {
			r := *n
			r.AlarmKey, r.Count = a.report.key, a.count
			a.Fill(&r)
			own.Notification = &r
		}
	case rises || falls:
		own = t.worse(own, a, n, now)
	default:
		own.Verdict = Repeated
	}
	own.Changes = append(own.Changes, a.change())
	return own
}

// learn takes over what one more report of the alarm tells beside its identity: POSIX_* do not know the volume of a
// brick, BRICK_* do, and by the volume the alarm may end. What the alarm explains may be another thing then.
func (t *Table) learn(a *alarm, n *translate.Notification, now time.Time, changes []Change) []Change {
	known := a.Alarm
	if !a.Learn(n) {
		return changes
	}
	a.more = true
	if !a.explains {
		return changes
	}
	told := a.Alarm
	a.Alarm = known
	t.off(a, time.Time{}, nil)
	a.Alarm = told
	return t.on(a, now, changes)
}

// clear ends the alarms that n ends. When n says no more than that, the last of the clears is the record's own.
func (t *Table) clear(steps []Step, n *translate.Notification, w *Want, now time.Time) []Step {
	before := len(steps)
	unsaid := t.unsaid(n)
	steps, changes := t.end(steps, n, now)
	own := Step{Changes: changes}
	switch {
	case n.Severity != translate.Cleared && n.Severity != translate.Informational:
		return append(steps, t.orphan(own, n, w, now))
	case len(steps) == before && unsaid != Heard:
		own.Verdict = unsaid
		return append(steps, own)
	case len(steps) == before:
		return append(steps, t.orphan(own, n, w, now))
	}
	last := &steps[len(steps)-1]
	last.Notification.ID = n.ID
	last.Changes = append(last.Changes, changes...)
	return steps
}

// unsaid tells why the output has not heard of the alarm that n is the clear of, Heard when it has or when a cause kept
// it back. What was not sent has no clear either, even when that would be news by itself.
func (t *Table) unsaid(n *translate.Notification) Verdict {
	if n.State != translate.Clear || len(t.held) == 0 {
		return Heard
	}
	if a := t.active[n.AlarmClass][n.AlarmKey]; a != nil && a.held > byCause {
		return a.held.verdict()
	}
	return Heard
}

// orphan is an event that ends alarms, apart from the alarms.
func (t *Table) orphan(own Step, n *translate.Notification, w *Want, now time.Time) Step {
	switch {
	case !w.Sends:
		own.Verdict = Unwanted
	case n.State != translate.Clear:
		return t.news(own, n, w, now)
	case t.count >= maxAlarms:
		own.Notification = n // the alarm may have been one too many
	case n.Severity == translate.Cleared:
		own.Verdict = NoAlarm
	default:
		news := *n
		news.State, news.AlarmClass, news.AlarmKey = translate.Stateless, "", ""
		return t.news(own, &news, w, now)
	}
	return own
}

// end ends what n ends, with a step for each alarm that was heard; the changes are those of the others.
func (t *Table) end(steps []Step, n *translate.Notification, now time.Time) ([]Step, []Change) {
	var quiet []Change
	for _, a := range t.ended(n) {
		if a.held != heard {
			quiet = t.remove(a, now, quiet)
			continue
		}
		steps = append(steps, Step{Notification: t.over(a, n), Changes: t.remove(a, now, nil)})
	}
	return steps, quiet
}

// ended returns the alarms that n ends, in the order of the matches and then of their age.
func (t *Table) ended(n *translate.Notification) []*alarm {
	var all []*alarm
	take := func(a *alarm) {
		if a != nil && !a.taken {
			a.taken = true
			all = append(all, a)
		}
	}
	scan := func(class string, m *translate.Match) {
		for _, a := range t.active[class] {
			if m.Covers(&a.Alarm) {
				take(a)
			}
		}
	}
	for _, m := range t.tr.Ends(n) {
		from := len(all)
		if m.Class == "" {
			for class := range t.active {
				scan(class, &m)
			}
		} else if len(t.active[m.Class]) > 0 {
			if key, ok := t.wholeKey(n, &m); ok {
				take(t.active[m.Class][key])
			} else {
				scan(m.Class, &m)
			}
		}
		slices.SortFunc(all[from:], byAge)
	}
	for _, a := range all {
		a.taken = false
	}
	return all
}

func sortByAge(all []*alarm) { slices.SortFunc(all, byAge) }

func byAge(a, b *alarm) int { return cmp.Or(cmp.Compare(a.seq, b.seq), strings.Compare(a.Key, b.Key)) }

// wholeKey returns the key of the one alarm that a match describes, when it knows the whole identity.
func (t *Table) wholeKey(n *translate.Notification, m *translate.Match) (string, bool) {
	parts := t.classes[m.Class]
	if len(parts) != len(m.Parts) {
		return "", false
	}
	size := len(m.Class)
	for i := range parts {
		if m.Parts[i].Key != parts[i] {
			return "", false
		}
		size += 1 + len(m.Parts[i].Value)
	}
	if m.Class == n.AlarmClass && n.State == translate.Clear {
		return n.AlarmKey, true
	}
	if size > 255 {
		return "", false // such keys end in a digest
	}
	b := make([]byte, 0, size)
	b = append(b, m.Class...)
	for _, p := range m.Parts {
		b = append(append(b, '/'), p.Value...)
	}
	return string(b), true
}

func (t *Table) add(a *alarm) {
	c := t.active[a.Class]
	if c == nil {
		c = map[string]*alarm{}
		t.active[a.Class] = c
	}
	if c[a.Key] == nil {
		t.count++
	}
	c[a.Key] = a
}

// remove forgets the alarm and appends what changes with it.
func (t *Table) remove(a *alarm, now time.Time, changes []Change) []Change {
	delete(t.active[a.Class], a.Key)
	t.count--
	a.gone = true
	t.schedule(a)
	changes = append(changes, a.change())
	if a.held != heard {
		delete(t.held, a)
	}
	return t.off(a, now, changes)
}
