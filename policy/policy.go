// Package policy decides where a notification goes. A policy is an ordered list of rules in a YAML file: each has
// matchers, which must all hold, and an action: drop, send to named outputs, set the severity. The first rule that
// matches decides; a notification that no rule matches goes to every output as it is.
//
// A matcher is a text or a list of texts, any of which may fit. A text is a glob: * stands for any characters, '/'
// included, ? for one, [a-z] and [!a-z] for one of a set, and \ takes the next character as it is. Between slashes, /.../, it
// is a regular expression that must fit the whole value. Both heed the case of letters. What a notification does
// not have fits only the empty text: volume: "" holds for events without a volume, volume: "*" for those with one.
//
// Deciding is pure: a Policy is built once, reads no clock and no file, never changes, and may be used by many
// goroutines. The reader of each output and the test command are its callers.
package policy

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

//go:embed default.yaml
var defaultSource []byte

// DefaultSource returns the built-in policy as the commented file that users print and edit.
func DefaultSource() []byte { return slices.Clone(defaultSource) }

var builtin = sync.OnceValue(func() *Policy {
	p, err := Load("default.yaml", defaultSource, nil)
	if err != nil {
		panic(err) // part of the program: a test loads it
	}
	return p
})

// Default returns the built-in policy.
func Default() *Policy { return builtin() }

// Policy is a checked and compiled policy file.
type Policy struct {
	rules   []*rule
	byEvent map[string][]*rule // for each event known when loading: the rules that its name fits, in order
	others  []*rule            // for all other events: the rules that may fit them, in order
}

// Decision says what becomes of a notification.
type Decision struct {
	Rule     string             // name of the rule that decided; empty when none matched
	Line     int                // its line in the file; 0 when none matched
	Dropped  bool               // it goes nowhere
	SendTo   []string           // names of the outputs, not to be changed; nil is all of them
	Severity translate.Severity // the one to send it with
}

// Sends reports whether the notification goes to the named output.
func (d Decision) Sends(output string) bool {
	return !d.Dropped && (d.SendTo == nil || slices.Contains(d.SendTo, output))
}

// Len returns the number of rules.
func (p *Policy) Len() int { return len(p.rules) }

// Decide returns what the first matching rule says.
func (p *Policy) Decide(n *translate.Notification) Decision {
	v := view{n: n}
	rules, indexed := p.byEvent[n.Event]
	if !indexed {
		rules = p.others
	}
	for _, r := range rules {
		if (indexed || r.fitsEvent(n.Event)) && r.failing(&v) == nil {
			return r.decide(n)
		}
	}
	return Decision{Severity: n.Severity}
}

// Apply returns the notification as it is to be sent: n itself, or a copy with the severity that the rule sets.
func (p *Policy) Apply(n *translate.Notification, d Decision) *translate.Notification {
	if d.Severity == n.Severity {
		return n
	}
	changed := *n
	changed.Severity = d.Severity
	return &changed
}

// Step is one rule that was tried.
type Step struct {
	Rule    string
	Line    int
	Matched bool
	Why     string // what did not hold: `volume is "gv0", expected "prod-*"`; empty when all did
}

// Explain returns each rule that Decide tries for n in order, up to the one that decides.
func (p *Policy) Explain(n *translate.Notification) []Step {
	v := view{n: n}
	var steps []Step
	for _, r := range p.rules {
		s := Step{Rule: r.decision.Rule, Line: r.decision.Line}
		if !r.fitsEvent(n.Event) {
			s.Why = fmt.Sprintf("event is %q, expected %s", n.Event, r.event.source())
		} else if m := r.failing(&v); m != nil {
			s.Why = m.why(&v)
		} else {
			s.Matched = true
		}
		if steps = append(steps, s); s.Matched {
			break
		}
	}
	return steps
}

// rule is one compiled rule.
type rule struct {
	event    patterns  // empty: any
	matchers []matcher // the other ones, cheapest first
	decision Decision  // Severity is 0 when the rule sets none
}

func (r *rule) fitsEvent(event string) bool { return len(r.event) == 0 || r.event.match(event) }

// failing returns the first matcher that does not hold, nil when all do.
func (r *rule) failing(v *view) *matcher {
	for i := range r.matchers {
		if !r.matchers[i].holds(v) {
			return &r.matchers[i]
		}
	}
	return nil
}

func (r *rule) decide(n *translate.Notification) Decision {
	d := r.decision
	// A clear stays a clear whatever the rule says, else the receiver would keep the alarm for ever.
	if d.Severity == 0 || n.Severity == translate.Cleared {
		d.Severity = n.Severity
	}
	return d
}

// field is what a matcher looks at.
type field uint8

const (
	bySeverity field = iota
	byState
	byGroup
	byVolume
	byNode
	byPeer
	byBrick
	bySubvol
	byMessage
)

var fieldNames = [...]string{"severity", "state", "group", "volume", "node", "peer", "brick", "subvol", "message"}

// matcher is one condition of a rule. Severities and states are sets of numbers, all else is patterns.
type matcher struct {
	field    field
	key      string // of the message
	set      uint16 // bit n is on when severity or state n is meant
	patterns patterns
	source   string // of a set, for Explain
}

// view is a notification while it is being decided about.
type view struct {
	n    *translate.Notification
	addr string // text of n.NodeAddr, made when first needed
}

func (m *matcher) holds(v *view) bool {
	n := v.n
	switch m.field {
	case bySeverity:
		return m.set&(1<<n.Severity) != 0
	case byState:
		return m.set&(1<<n.State) != 0
	case byGroup:
		return m.patterns.match(n.Group)
	case byVolume:
		return m.patterns.match(n.Volume)
	case byBrick:
		return m.patterns.match(n.Brick)
	case bySubvol:
		return m.patterns.match(n.Subvol)
	case byPeer:
		return m.patterns.matchAny(n.Peer, n.PeerID, "")
	case byNode:
		if v.addr == "" && n.NodeAddr.IsValid() {
			v.addr = n.NodeAddr.String()
		}
		return m.patterns.matchAny(n.NodeName, n.NodeID, v.addr)
	default:
		for i := range n.Fields {
			if n.Fields[i].Key == m.key {
				return m.patterns.match(n.Fields[i].Value)
			}
		}
		return m.patterns.match("")
	}
}

// why says in words that the matcher does not hold.
func (m *matcher) why(v *view) string {
	n := v.n
	name, want := fieldNames[m.field], m.patterns.source()
	var got string
	switch m.field {
	case bySeverity:
		return fmt.Sprintf("severity is %s, expected %s", n.Severity, m.source)
	case byState:
		return fmt.Sprintf("state is %s, expected %s", n.State, m.source)
	case byGroup:
		got = n.Group
	case byVolume:
		got = n.Volume
	case byBrick:
		got = n.Brick
	case bySubvol:
		got = n.Subvol
	case byPeer:
		got = either(n.Peer, n.PeerID)
	case byNode:
		got = either(n.NodeName, n.NodeID, v.addr)
	case byMessage:
		name += "." + m.key
		for i := len(n.Fields) - 1; i >= 0; i-- {
			if n.Fields[i].Key == m.key {
				got = n.Fields[i].Value
			}
		}
	}
	if got == "" {
		return fmt.Sprintf("the event has no %s, expected %s", name, want)
	}
	return fmt.Sprintf("%s is %q, expected %s", name, got, want)
}

func either(values ...string) string {
	return strings.Join(slices.DeleteFunc(values, func(s string) bool { return s == "" }), " or ")
}

// OfType returns what the rules say of a notification of which only the type is known: event, group, severity and
// state. Rules that look at more, at the volume for one, are passed over, as they may hold for some and not for others.
func (p *Policy) OfType(n *translate.Notification) Decision {
	v := view{n: n}
	for _, r := range p.rules {
		more := func(m matcher) bool { return m.field > byGroup }
		if r.fitsEvent(n.Event) && !slices.ContainsFunc(r.matchers, more) && r.failing(&v) == nil {
			return r.decide(n)
		}
	}
	return Decision{Severity: n.Severity}
}
