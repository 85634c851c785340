package alarms

import (
	"slices"
	"strings"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

// cause is a rule by which active alarms keep others back.
type cause struct {
	source func(a *alarm) []string // what the alarm explains, nil when it is no source
	// What would explain the alarm as n reports it, nil when it is no target.
	target func(a *alarm, n *translate.Notification) []string
	active map[string]int // what is explained now, by how many alarms
}

func newCauses(cfg *Config) []*cause {
	var all []*cause
	if cfg.PeerHides {
		all = append(all, &cause{source: peerGone, target: onPeer, active: map[string]int{}})
	}
	for i := range cfg.Inhibit {
		r := &cfg.Inhibit[i]
		equal := func(a *alarm) []string {
			values := make([]string, len(r.Equal))
			for i, p := range r.Equal {
				values[i] = a.part(p)
			}
			return []string{strings.Join(values, "\x00")} // no part has control characters
		}
		all = append(all, &cause{active: map[string]int{},
			source: func(a *alarm) []string {
				if !slices.Contains(r.Source, a.Class) {
					return nil
				}
				return equal(a)
			},
			target: func(a *alarm, _ *translate.Notification) []string {
				if !slices.Contains(r.Target, a.Class) {
					return nil
				}
				return equal(a)
			}})
	}
	return all
}

// peerGone: a disconnected peer explains what happens on it, known by its UUID or its name.
func peerGone(a *alarm) []string {
	if a.Class != "peer" {
		return nil
	}
	return known(a.part("peer"), a.part("peername"))
}

// onPeer: where a brick is, where a service runs. A sub-volume is spread over nodes, and all of its bricks down is worse
// than one node down; but what a disconnected node itself says of a sub-volume is only that it is alone.
func onPeer(a *alarm, n *translate.Notification) []string {
	switch a.Class {
	case "brick", "brick-stop", "georep-worker":
		host, _, _ := strings.Cut(a.part("brick"), ":/")
		return known(host, a.part("peer"))
	case "svc", "svc-reconfigure", "quorum":
		return known(a.part("node"))
	case "replica", "replica-quorum", "disperse":
		if n != nil {
			return known(n.NodeID)
		}
		return known(a.node)
	default:
		return nil
	}
}

func known(names ...string) []string {
	return slices.DeleteFunc(names, func(s string) bool { return s == "" })
}

// blocked reports whether the alarm, as n reports it, is explained by an active one. Without n it is the report that
// the alarm was made of.
func (t *Table) blocked(a *alarm, n *translate.Notification) bool {
	for _, c := range t.causes {
		if len(c.active) == 0 {
			continue
		}
		for _, what := range c.target(a, n) {
			if c.active[what] > 0 {
				return true
			}
		}
	}
	return false
}

// on is called when no cause keeps an alarm back: it may explain others.
func (t *Table) on(a *alarm, now time.Time, changes []Change) []Change {
	if a.explains {
		return changes
	}
	a.explains = true
	return t.explain(a, +1, now, changes)
}

// off is called when an alarm is over.
func (t *Table) off(a *alarm, now time.Time, changes []Change) []Change {
	if !a.explains {
		return changes
	}
	a.explains = false
	return t.explain(a, -1, now, changes)
}

func (t *Table) explain(a *alarm, by int, now time.Time, changes []Change) []Change {
	touched := false
	for _, c := range t.causes {
		for _, what := range c.source(a) {
			touched = true
			if c.active[what] += by; c.active[what] <= 0 {
				delete(c.active, what)
			}
		}
	}
	if !touched || len(t.held) == 0 || now.IsZero() {
		return changes
	}
	return t.reviewHeld(now, changes)
}

// reviewHeld sets the time at which those come out whose cause is over, and takes it back where there is a cause again.
func (t *Table) reviewHeld(now time.Time, changes []Change) []Change {
	var touched []*alarm
	for a := range t.held {
		if a.held == byThrottle {
			continue // it waits to be reported again
		}
		switch blocked := t.blocked(a, nil); {
		case blocked && a.due != 0:
			a.held, a.due, a.silence = byCause, 0, ""
		case !blocked && a.due == 0:
			a.due = max(1, now.Add(t.grace).UnixNano(), a.wait)
		default:
			continue
		}
		touched = append(touched, a)
	}
	sortByAge(touched)
	for _, a := range touched {
		t.schedule(a)
		changes = append(changes, a.change())
	}
	return changes
}
