package alarms

import (
	"cmp"
	"container/heap"
	"time"
)

// entry is something that happens by itself at some time.
type entry[E any] interface {
	before(E) bool
	place(slot int) // is told its place on the agenda, so that it can be moved and taken off
}

// agenda holds entries, the soonest first. What is over is taken off: it must not stay in memory for a day.
type agenda[E entry[E]] []E

func (g agenda[E]) Len() int           { return len(g) }
func (g agenda[E]) Less(i, j int) bool { return g[i].before(g[j]) }
func (g agenda[E]) Swap(i, j int) {
	g[i], g[j] = g[j], g[i]
	g[i].place(i)
	g[j].place(j)
}

// Push implements heap.Interface.
func (g *agenda[E]) Push(x any) {
	e := x.(E)
	e.place(len(*g))
	*g = append(*g, e)
}

// Pop implements heap.Interface.
func (g *agenda[E]) Pop() any {
	old := *g
	e := old[len(old)-1]
	clear(old[len(old)-1:])
	*g = old[:len(old)-1]
	return e
}

func (a *alarm) before(b *alarm) bool { return cmp.Or(cmp.Compare(a.at, b.at), byAge(a, b)) < 0 }
func (a *alarm) place(slot int)       { a.slot = slot }

// deadline is when something happens to the alarm by itself; 0 is never.
func (t *Table) deadline(a *alarm) int64 {
	if a.gone {
		return 0
	}
	at := soonest(a.due, a.next)
	if age := t.ages[a.Class]; age > 0 {
		at = soonest(at, a.last+int64(age))
	}
	return at
}

// soonest returns the earlier of two times of which 0 is never.
func soonest(a, b int64) int64 {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
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
	if t.review || t.resync != nil {
		return stamp(1) // at once
	}
	switch at := t.soonest(); at {
	case 0:
		return time.Time{}
	default:
		return stamp(at)
	}
}

func (t *Table) soonest() (at int64) {
	if len(t.agenda) > 0 {
		at = t.agenda[0].at
	}
	if len(t.windows) > 0 {
		at = soonest(at, t.windows[0].end)
	}
	return at
}

// Advance appends to steps what happened by itself until now: alarms that were kept back come out, others are repeated or
// too old, throttled notifications are summed up, and a resync goes on.
func (t *Table) Advance(steps []Step, now time.Time) []Step {
	if t.review {
		t.review = false
		if changes := t.reviewSilenced(now, t.reviewHeld(now, nil)); changes != nil {
			steps = append(steps, Step{Verdict: Held, Changes: changes})
		}
	}
	if t.resync != nil {
		steps = t.goOn(steps, now)
	}
	for {
		at := t.soonest()
		if at == 0 || at > now.UnixNano() {
			return steps
		}
		if len(t.windows) > 0 && t.windows[0].end == at {
			steps = append(steps, t.close(t.windows[0], now))
			continue
		}
		a := t.agenda[0]
		switch {
		case a.due == at && a.held != heard:
			steps = append(steps, t.out(a, now))
		case a.due == at:
			steps = append(steps, t.owed(a, now))
		case a.next == at:
			steps = append(steps, t.again(a, now))
		case a.held != heard:
			steps = append(steps, Step{Verdict: Held, Changes: t.remove(a, now, nil)})
		default:
			n := t.aged(a, now)
			steps = append(steps, Step{Notification: n, Changes: t.remove(a, now, nil)})
		}
	}
}
