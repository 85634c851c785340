// Package policy decides where a notification goes. A policy is an ordered list of rules in a YAML file: each has
// matchers, which must all hold, and actions: drop, send to named outputs, set the severity or the text, and what is
// done over time (hold, repeat, throttle), which package alarms does. The first rule that matches decides; a
// notification that no rule matches goes to every output as it is.
//
// A rule with continue lets later rules have a part as well: their outputs add up, and of the other actions the first
// that sets a thing wins. A later drop only takes it from the outputs that no rule has named. All matchers look at the
// notification as it came.
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
	"text/template"
	"time"

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
	columns []*column
	memo    memo
}

// Decision says what becomes of a notification.
type Decision struct {
	Rule     string             // names of the rules that had a part in it, the deciding one last; empty when none matched
	Line     int                // line of the deciding rule in the file; 0 when none matched
	Dropped  bool               // it goes nowhere
	SendTo   []string           // names of the outputs, not to be changed; nil is all of them
	Severity translate.Severity // the one to send it with

	Hold     time.Duration // a raise waits so long, and is not sent when it is over by then
	Repeat   time.Duration // an active alarm is sent again every so often
	Throttle *Throttle     // nil is no limit

	// Fault is what went wrong while deciding: an expression that failed, and so did not match. Nobody else is told.
	Fault error

	text *template.Template // nil keeps the text
}

// Sends reports whether the notification goes to the named output.
func (d Decision) Sends(output string) bool {
	return !d.Dropped && (d.SendTo == nil || slices.Contains(d.SendTo, output))
}

// Len returns the number of rules.
func (p *Policy) Len() int { return len(p.rules) }

// Outputs returns the names of outputs that rules send to, in the order in which they first occur.
func (p *Policy) Outputs() []string {
	var names []string
	for _, r := range p.rules {
		for _, name := range r.decision.SendTo {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// Decide returns what the matching rules say: the first, and those after it as long as they say continue.
func (p *Policy) Decide(n *translate.Notification) Decision {
	m := merger{d: Decision{Severity: n.Severity}, n: n}
	v := view{n: n}
	p.candidates(n, func(r *rule) bool {
		if len(r.late) > 0 {
			if why := r.lateFailing(&v); why != nil {
				return true
			}
		}
		return m.add(r)
	})
	d := m.end()
	d.Fault = v.fault
	return d
}

// merger puts the actions of the matching rules together.
type merger struct {
	d      Decision
	n      *translate.Notification
	some   bool     // a rule has matched
	set    bool     // a severity was set
	all    bool     // a rule that said continue sends to all outputs
	sendTo []string // or to these
}

// add takes in the next matching rule and reports whether further ones count.
func (m *merger) add(r *rule) bool {
	d, src := &m.d, &r.decision
	if m.some {
		d.Rule += ", " + src.Rule
	} else {
		d.Rule = src.Rule
	}
	m.some, d.Line = true, src.Line
	// A clear stays a clear whatever the rule says, else the receiver would keep the alarm for ever. Not all are cleared:
	// VOLUME_REBALANCE_COMPLETE is informational.
	if src.Severity != 0 && !m.set && m.n.State != translate.Clear && m.n.Severity != translate.Cleared {
		d.Severity, m.set = src.Severity, true
	}
	if d.text == nil {
		d.text = src.text
	}
	if d.Hold == 0 {
		d.Hold = src.Hold
	}
	if d.Repeat == 0 {
		d.Repeat = src.Repeat
	}
	if d.Throttle == nil {
		d.Throttle = src.Throttle
	}
	switch {
	case r.more:
		m.all = m.all || r.all
		m.name(src.SendTo)
		return true
	case src.Dropped:
		d.Dropped = !m.all && len(m.sendTo) == 0
	case src.SendTo == nil:
		m.all = true
	case len(m.sendTo) == 0:
		m.sendTo = src.SendTo
	default:
		m.name(src.SendTo)
	}
	return false
}

// name adds outputs.
func (m *merger) name(outputs []string) {
	for _, o := range outputs {
		if !slices.Contains(m.sendTo, o) {
			m.sendTo = append(slices.Clip(m.sendTo), o)
		}
	}
}

func (m *merger) end() Decision {
	if !m.all {
		m.d.SendTo = m.sendTo
	}
	return m.d
}

// Apply returns the notification as it is to be sent: n itself, or a copy with what the rules set. A template that fails
// leaves the text as it is; Explain says so.
func (p *Policy) Apply(n *translate.Notification, d Decision) *translate.Notification {
	if d.Severity == n.Severity && d.text == nil {
		return n
	}
	changed := *n
	changed.Severity = d.Severity
	if d.text != nil {
		if text, err := render(d.text, n); err == nil {
			changed.Text = text
		}
	}
	return &changed
}

// Step is one rule that was tried.
type Step struct {
	Rule    string
	Line    int
	Matched bool
	Why     string // what did not hold: `volume is "gv0", expected "prod-*"`; of a match what is wrong with it, empty when nothing
}

// Explain returns each rule that Decide tries for n in order, up to the one that decides.
func (p *Policy) Explain(n *translate.Notification) []Step {
	v := view{n: n}
	var steps []Step
	for _, r := range p.rules {
		s := Step{Rule: r.decision.Rule, Line: r.decision.Line}
		if m := r.failing(n); m != nil {
			s.Why = m.why(n)
		} else if why := r.lateFailing(&v); why != nil {
			s.Why = why()
		} else {
			s.Matched = true
			if r.decision.text != nil {
				if _, err := render(r.decision.text, n); err != nil {
					s.Why = "the text stays as it is: " + err.Error()
				}
			}
		}
		if steps = append(steps, s); s.Matched && !r.more {
			break
		}
	}
	return steps
}

// rule is one compiled rule.
type rule struct {
	matchers []matcher // what a column can remember
	late     []condition
	more     bool     // continue: later rules count as well
	all      bool     // send_to: "*"
	decision Decision // Severity is 0 when the rule sets none
}

// condition is a matcher that depends on more than one value, or on time. It returns nil when it holds, else why not.
type condition interface {
	failing(v *view) (why func() string)
}

// failing returns the first matcher that does not hold, nil when all do.
func (r *rule) failing(n *translate.Notification) *matcher {
	for i := range r.matchers {
		if !r.matchers[i].holds(n) {
			return &r.matchers[i]
		}
	}
	return nil
}

func (r *rule) lateFailing(v *view) func() string {
	for _, c := range r.late {
		if why := c.failing(v); why != nil {
			return why
		}
	}
	return nil
}

// field is what a matcher looks at.
type field uint8

const (
	byEvent field = iota
	bySeverity
	byState
	byGroup
	byVolume
	byNode
	byPeer
	byBrick
	bySubvol
	byMessage
)

var fieldNames = [...]string{"event", "severity", "state", "group", "volume", "node", "peer", "brick", "subvol", "message"}

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
	n     *translate.Notification
	env   map[string]any // made when first needed
	fault error          // the first expression that failed
}

func (m *matcher) holds(n *translate.Notification) bool {
	switch m.field {
	case byEvent:
		return m.patterns.match(n.Event)
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
		return m.patterns.matchAny(n.NodeName, n.NodeID, addrText(n))
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
func (m *matcher) why(n *translate.Notification) string {
	name, want := fieldNames[m.field], m.patterns.source()
	var got string
	switch m.field {
	case bySeverity:
		return fmt.Sprintf("severity is %s, expected %s", n.Severity, m.source)
	case byState:
		return fmt.Sprintf("state is %s, expected %s", n.State, m.source)
	case byEvent:
		got = n.Event
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
		got = either(n.NodeName, n.NodeID, addrText(n))
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

func addrText(n *translate.Notification) string {
	if !n.NodeAddr.IsValid() {
		return ""
	}
	return n.NodeAddr.String()
}

func either(values ...string) string {
	return strings.Join(slices.DeleteFunc(values, func(s string) bool { return s == "" }), " or ")
}

// OfType returns what the rules say of a notification of which only the type is known: event, group, severity and
// state. Rules that look at more, at the volume for one, are passed over, as they may hold for some and not for others.
func (p *Policy) OfType(n *translate.Notification) Decision {
	m := merger{d: Decision{Severity: n.Severity}, n: n}
	for _, r := range p.rules {
		more := func(m matcher) bool { return m.field > byGroup }
		if len(r.late) == 0 && !slices.ContainsFunc(r.matchers, more) && r.failing(n) == nil && !m.add(r) {
			break
		}
	}
	return m.end()
}
