package alarms

import (
	"cmp"
	"container/heap"
	"time"
)

// agenda holds what becomes due, soonest first. An entry counts only while its alarm says the same time.
type agenda []entry

type entry struct {
	at int64
	a  *alarm
}

func (g agenda) Len() int { return len(g) }
func (g agenda) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(g[i].at, g[j].at), byAge(g[i].a, g[j].a)) < 0
}
func (g agenda) Swap(i, j int) { g[i], g[j] = g[j], g[i] }

// Push implements heap.Interface.
func (g *agenda) Push(x any) { *g = append(*g, x.(entry)) }

// Pop implements heap.Interface.
func (g *agenda) Pop() any {
	old := *g
	e := old[len(old)-1]
	old[len(old)-1] = entry{}
	*g = old[:len(old)-1]
	return e
}

// deadline is when something happens to the alarm by itself; 0 is never.
func (t *Table) deadline(a *alarm) int64 {
	if a.held && a.due != 0 {
		return a.due
	}
	if age := t.ages[a.Class]; age > 0 {
		return a.last + int64(age)
	}
	return 0
}

// schedule puts the alarm on the agenda. A deadline that moved away is looked at again when the old one is due.
func (t *Table) schedule(a *alarm) {
	if d := t.deadline(a); d != 0 && (a.at == 0 || d < a.at) {
		a.at = d
		heap.Push(&t.agenda, entry{d, a})
	}
}

// Due returns when Advance may have something to say; zero when nothing is planned.
func (t *Table) Due() time.Time {
	if len(t.agenda) == 0 {
		return time.Time{}
	}
	return time.Unix(0, t.agenda[0].at)
}

// Advance appends to steps what happened by itself until now: alarms that were kept back come out, others are too old.
func (t *Table) Advance(steps []Step, now time.Time) []Step {
	if t.review {
		t.review = false
		if changes := t.reviewHeld(now, nil); changes != nil {
			steps = append(steps, Step{Verdict: Held, Changes: changes})
		}
	}
	for len(t.agenda) > 0 && t.agenda[0].at <= now.UnixNano() {
		e := heap.Pop(&t.agenda).(entry)
		a := e.a
		if a.gone || a.at != e.at {
			continue
		}
		a.at = 0
		if d := t.deadline(a); d == 0 || d > now.UnixNano() {
			t.schedule(a)
			continue
		}
		switch {
		case a.held && a.due != 0:
			s := Step{Notification: t.raised(a)}
			s.Changes = append(t.on(a, now, nil), a.change())
			steps = append(steps, s)
		case a.held:
			steps = append(steps, Step{Verdict: Held, Changes: t.remove(a, now, nil)})
		default:
			n := t.aged(a, now)
			steps = append(steps, Step{Notification: n, Changes: t.remove(a, now, nil)})
		}
	}
	return steps
}
