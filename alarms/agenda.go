package alarms

import (
	"cmp"
	"container/heap"
	"time"
)

// agenda holds the alarms to which something happens by itself, the soonest first. Each knows its place, so that it can
// be moved and taken off: what is over must not stay in memory for a day.
type agenda []*alarm

func (g agenda) Len() int { return len(g) }
func (g agenda) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(g[i].at, g[j].at), byAge(g[i], g[j])) < 0
}
func (g agenda) Swap(i, j int) {
	g[i], g[j] = g[j], g[i]
	g[i].slot, g[j].slot = i, j
}

// Push implements heap.Interface.
func (g *agenda) Push(x any) {
	a := x.(*alarm)
	a.slot = len(*g)
	*g = append(*g, a)
}

// Pop implements heap.Interface.
func (g *agenda) Pop() any {
	old := *g
	a := old[len(old)-1]
	old[len(old)-1] = nil
	*g = old[:len(old)-1]
	return a
}

// deadline is when something happens to the alarm by itself; 0 is never.
func (t *Table) deadline(a *alarm) int64 {
	switch {
	case a.gone:
		return 0
	case a.held && a.due != 0:
		return a.due
	}
	if age := t.ages[a.Class]; age > 0 {
		return a.last + int64(age)
	}
	return 0
}

// schedule puts the alarm where it belongs on the agenda.
func (t *Table) schedule(a *alarm) {
	switch d := t.deadline(a); {
	case a.at == d:
	case d == 0:
		heap.Remove(&t.agenda, a.slot)
		a.at = 0
	case a.at == 0:
		a.at = d
		heap.Push(&t.agenda, a)
	default:
		a.at = d
		heap.Fix(&t.agenda, a.slot)
	}
}

// Due returns when Advance may have something to say; zero when nothing is planned.
func (t *Table) Due() time.Time {
	if t.review {
		return stamp(1) // at once
	}
	if len(t.agenda) == 0 {
		return time.Time{}
	}
	return stamp(t.agenda[0].at)
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
		a := t.agenda[0]
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
