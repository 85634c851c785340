package alarms

import (
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

// Want is what the policy says of a record at the output.
type Want struct {
	Sends  bool
	Hold   time.Duration // a raise waits for so long, and is not sent when it is over by then
	Repeat time.Duration // an active alarm is sent again every so often; 0 is never
	Limit  *Limit        // nil is none
}

// Limit bounds how many notifications of one kind go out: at most Max in each span of Every, counted from the first.
// The others are counted and summed up in one notification at the end of the span.
type Limit struct {
	Rule  string        `json:"rule"`
	Key   string        `json:"key"` // what is counted together; it differs from those of other rules
	Max   int           `json:"max"`
	Every time.Duration `json:"every"`
}

// Silences knows what nobody wants to hear of for a while. It must answer the same for the same time, whenever it is
// asked, except that a silence can be ended early: then a record of the log has the table ask again.
type Silences interface {
	// Silenced returns the silence that n falls under and when it ends; id is empty when there is none.
	Silenced(n *translate.Notification, at time.Time) (id string, until time.Time)
}

func (t *Table) silenced(n *translate.Notification, now time.Time) (id string, until int64) {
	if t.Silences == nil {
		return "", 0
	}
	id, end := t.Silences.Silenced(n, now)
	return id, nanos(end)
}

// reason is why the output has not heard of an alarm.
type reason uint8

const (
	heard      reason = iota // it has
	byCause                  // its cause is known, or was until a moment ago
	byHold                   // it may be over soon
	bySilence                // nobody wants to hear of it now
	byThrottle               // there were too many; it waits until it is reported again
)

var reasonNames = [...]string{"", "cause", "hold", "silence", "throttle"}

func (r reason) verdict() Verdict {
	switch r {
	case bySilence:
		return Silenced
	case byThrottle:
		return Throttled
	default:
		return Held
	}
}

// terms takes over what the policy says of the alarm's newest report.
func (a *alarm) terms(w *Want, now time.Time) {
	if a.repeat != int64(w.Repeat) {
		if a.repeat, a.next = int64(w.Repeat), 0; a.held == heard {
			a.rest(now)
		}
	}
	a.limit = w.Limit
}

// rest sets when the alarm is sent again, counted from now.
func (a *alarm) rest(now time.Time) {
	if a.repeat > 0 {
		a.next = now.UnixNano() + a.repeat
	}
}

// admit decides whether the output hears now of an alarm that it has not heard of, as n reports it.
func (t *Table) admit(a *alarm, n *translate.Notification, fresh bool, now time.Time, changes []Change) (Verdict, []Change) {
	if t.blocked(a, n) {
		if fresh {
			t.keep(a, byCause, 0)
		}
		return Held, changes
	}
	// What is kept back for another reason than its cause is there all the same, and explains others.
	changes = t.on(a, now, changes)
	if now.UnixNano() < a.wait {
		t.keep(a, byHold, a.wait)
		return Held, changes
	}
	if id, until := t.silenced(n, now); id != "" {
		t.keep(a, bySilence, until)
		a.silence = id
		return Silenced, changes
	}
	ok, changes := t.pass(a.limit, n, now, changes)
	if !ok {
		t.keep(a, byThrottle, 0)
		return Throttled, changes
	}
	a.held, a.wait, a.due, a.silence = heard, 0, 0, ""
	delete(t.held, a)
	a.rest(now)
	t.schedule(a)
	return Heard, changes
}

// keep keeps the alarm back, until due unless that is 0.
func (t *Table) keep(a *alarm, why reason, due int64) {
	a.held, a.due, a.next, a.silence = why, due, 0, ""
	t.held[a] = true
	t.schedule(a)
}

// news is the step of a notification that belongs to no alarm.
func (t *Table) news(own Step, n *translate.Notification, w *Want, now time.Time) Step {
	if id, _ := t.silenced(n, now); id != "" {
		own.Verdict = Silenced
		return own
	}
	ok, changes := t.pass(w.Limit, n, now, own.Changes)
	if own.Changes = changes; !ok {
		own.Verdict = Throttled
		return own
	}
	own.Notification = n
	return own
}

// worse is the update of an alarm that the output knows and that has another severity now.
func (t *Table) worse(own Step, a *alarm, n *translate.Notification, now time.Time) Step {
	if id, until := t.silenced(n, now); id != "" {
		a.due, a.silence = until, id // then
		t.schedule(a)
		own.Verdict = Silenced
		return own
	}
	u := *n
	u.State, u.AlarmKey, u.Count, u.Active = translate.Update, a.report.key, a.count, a.activeAt(n.Time)
	a.Fill(&u)
	own.Notification = &u
	a.due, a.silence = 0, ""
	a.rest(now)
	t.schedule(a)
	return own
}

// owed is that update when a silence kept it back until now.
func (t *Table) owed(a *alarm, now time.Time) Step {
	n := t.raised(a)
	s := t.worse(Step{}, a, n, now)
	s.Changes = append(s.Changes, a.change())
	return s
}

// out is the step of an alarm that was kept back until now.
func (t *Table) out(a *alarm, now time.Time) (s Step) {
	n := t.raised(a)
	if s.Verdict, s.Changes = t.admit(a, n, false, now, nil); s.Verdict == Heard {
		s.Notification = n
	}
	s.Changes = append(s.Changes, a.change())
	return s
}

// again is the step of an alarm that is to be repeated now. What would not be sent now is not repeated either.
func (t *Table) again(a *alarm, now time.Time) Step {
	n := t.raised(a)
	blocked := t.blocked(a, n)
	id, _ := t.silenced(n, now)
	n.State, n.Active = translate.Update, a.activeAt(now)
	n.ID = furtherID(n.ID, "still-"+stamp(a.next).Format("20060102T150405"))
	n.Time, n.Received = now.UTC(), now.UTC()
	n.Text = "Still: " + n.Text + " (" + a.sofar(n.Active) + ")"
	// However long nobody looked, it is said once.
	for a.next <= now.UnixNano() {
		a.next += max(a.repeat, 1, (now.UnixNano()-a.next)/a.repeat*a.repeat)
	}
	t.schedule(a)
	switch {
	case blocked:
		return Step{Verdict: Held, Changes: []Change{a.change()}}
	case id != "":
		return Step{Verdict: Silenced, Changes: []Change{a.change()}}
	default:
		return Step{Notification: n, Changes: []Change{a.change()}}
	}
}

// reviewSilenced looks again at what silences keep back.
func (t *Table) reviewSilenced(now time.Time, changes []Change) []Change {
	var touched []*alarm
	for _, class := range t.active {
		for _, a := range class {
			if a.silence == "" {
				continue
			}
			id, until := t.silenced(t.raised(a), now)
			if id == "" {
				id, until = a.silence, max(1, now.UnixNano()) // comes out at once
			}
			if id != a.silence || until != a.due {
				a.silence, a.due = id, until
				touched = append(touched, a)
			}
		}
	}
	sortByAge(touched)
	for _, a := range touched {
		t.schedule(a)
		changes = append(changes, a.change())
	}
	return changes
}
