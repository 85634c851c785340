package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/gluster-trapgw/gluster-trapgw/conffile"
	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

// An Option tells Load more about the world, so that it finds more mistakes.
type Option func(*loader)

// KnownEvents gives the names that events can have. An event matcher without wildcards must be one of them.
func KnownEvents(names []string) Option { return func(l *loader) { l.events = names } }

// KnownGroups gives the groups of events. A group matcher without wildcards must be one of them.
func KnownGroups(names []string) Option { return func(l *loader) { l.groups = names } }

// Load reads a policy file. The outputs are the names that send_to may use; nil when they are not known, and
// then send_to is not checked. The error holds every mistake of the file, as conffile.Problems.
func Load(file string, data []byte, outputs []string, opts ...Option) (*Policy, error) {
	var f policyFile
	doc, err := conffile.Decode(file, data, &f)
	if doc == nil {
		return nil, err
	}
	l := &loader{doc: doc, outputs: outputs, names: map[string]string{}}
	for _, o := range opts {
		o(l)
	}
	p := &Policy{}
	if f.Rules == nil { // a file that was cut off while it was written, too
		l.add("rules", "missing: write `rules: []` to send everything everywhere")
	}
	l.intervals(f.Intervals)
	for i := range f.Rules {
		p.rules = append(p.rules, l.rule(fmt.Sprintf("rules[%d]", i), &f.Rules[i]))
	}
	if err := doc.Locate(errors.Join(l.errs...)); err != nil {
		return nil, err
	}
	p.arrange()
	return p, nil
}

// policyFile is the file as users write it.
type policyFile struct {
	Intervals []intervalSource `yaml:"time_intervals"`
	Rules     []ruleSource     `yaml:"rules"`
}

type ruleSource struct {
	Name     string            `yaml:"name"`
	Match    matchSource       `yaml:"match"`
	Drop     bool              `yaml:"drop"`
	SendTo   conffile.Texts    `yaml:"send_to"`
	Severity string            `yaml:"severity"`
	Text     string            `yaml:"text"`
	Hold     conffile.Duration `yaml:"hold"`
	Repeat   conffile.Duration `yaml:"repeat"`
	Throttle throttleSource    `yaml:"throttle"`
	Continue bool              `yaml:"continue"`
}

type throttleSource struct {
	Max   int               `yaml:"max"`
	Every conffile.Duration `yaml:"every"`
	By    conffile.Texts    `yaml:"by"`
}

type matchSource struct {
	Event    conffile.Texts            `yaml:"event"`
	Group    conffile.Texts            `yaml:"group"`
	Severity conffile.Texts            `yaml:"severity"`
	State    conffile.Texts            `yaml:"state"`
	Node     conffile.Texts            `yaml:"node"`
	Volume   conffile.Texts            `yaml:"volume"`
	Brick    conffile.Texts            `yaml:"brick"`
	Peer     conffile.Texts            `yaml:"peer"`
	Subvol   conffile.Texts            `yaml:"subvol"`
	Message  map[string]conffile.Texts `yaml:"message"`
	During   conffile.Texts            `yaml:"during"`
	Outside  conffile.Texts            `yaml:"outside"`
	When     string                    `yaml:"when"`
}

// loader compiles rules and collects their mistakes.
type loader struct {
	doc     *conffile.Doc
	outputs []string
	events  []string
	groups  []string
	names   map[string]string // of the rules so far, with their paths
	times   map[string]*interval
	errs    []error
}

func (l *loader) add(path, format string, args ...any) {
	l.errs = append(l.errs, conffile.At(path, format, args...))
}

func (l *loader) has(path string) bool {
	_, ok := l.doc.Line(path)
	return ok
}

// given reports whether the key at path has a value. A key without one is a mistake: it would quietly match
// everything or do nothing.
func (l *loader) given(path string, values int, help string) bool {
	if values == 0 && l.has(path) {
		l.add(path, "empty: %s", help)
	}
	return values > 0
}

// item is the path of one of several values; a single text has no index.
func (l *loader) item(path string, i int) string {
	if sub := fmt.Sprintf("%s[%d]", path, i); l.has(sub) {
		return sub
	}
	return path
}

func (l *loader) rule(path string, src *ruleSource) *rule {
	r := &rule{decision: Decision{Rule: src.Name, Dropped: src.Drop}}
	r.decision.Line, _ = l.doc.Line(path)
	l.name(path+".name", src.Name)
	l.match(path+".match", &src.Match, r)

	sends := l.given(path+".send_to", len(src.SendTo), `name an output, or "*" for all; to send nowhere write drop: true`)
	if sends {
		r.decision.SendTo = l.sendTo(path+".send_to", src.SendTo)
	}
	sets := l.given(path+".severity", len(src.Severity), "name a severity, or remove the key")
	if sets {
		r.decision.Severity = l.severity(path+".severity", src.Severity)
	}
	r.more = src.Continue
	r.all = sends && r.decision.SendTo == nil
	acts := l.actions(path, src, r)
	if src.Drop && sends {
		l.add(path+".send_to", "the rule drops the event, so it cannot be sent: remove drop or send_to")
	}
	if src.Drop && sets {
		l.add(path+".severity", "the rule drops the event, so nobody sees the severity: remove drop or severity")
	}
	if src.Drop {
		for _, key := range acts {
			l.add(path+"."+key, "the rule drops the event, so nothing else can be done with it: remove drop or %s", key)
		}
	}
	if src.Drop && src.Continue {
		l.add(path+".continue", "the rule drops the event, so no later rule can have a part: remove drop or continue")
	}
	if !src.Drop && !l.has(path+".send_to") && !l.has(path+".severity") && len(acts) == 0 {
		l.add(path, "the rule has no action: add drop: true, send_to:, severity:, text:, hold:, repeat: or throttle:")
	}
	return r
}

func (l *loader) name(path, name string) {
	first, taken := l.names[name]
	switch {
	case strings.TrimSpace(name) == "":
		l.add(path, "missing: give the rule a name, by which history shows it")
	case len(name) > 100 || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }):
		l.add(path, "%.40q is not a name: use at most 100 octets on one line", name)
	case taken:
		line, _ := l.doc.Line(first)
		l.add(path, "%q is the name of the rule on line %d already: give each its own", name, line)
	default:
		l.names[name] = path
	}
}

func (l *loader) sendTo(path string, names []string) []string {
	all := false
	for i, name := range names {
		switch {
		case name == "*":
			all = true
		case name == "":
			l.add(l.item(path, i), `empty: name an output, or "*" for all; to send nowhere write drop: true`)
		case l.outputs == nil || slices.Contains(l.outputs, name):
		case len(l.outputs) == 0:
			l.add(l.item(path, i), "%q is not an output: the configuration has none", name)
		default:
			hint := ""
			if s := conffile.Suggest(name, l.outputs); s != "" {
				hint = fmt.Sprintf("did you mean %q? ", s)
			}
			l.add(l.item(path, i), "%q is not an output: %sthe outputs are %s", name, hint, strings.Join(l.outputs, ", "))
		}
	}
	if all {
		return nil
	}
	return names
}

func (l *loader) severity(path, name string) translate.Severity {
	s, ok := translate.ParseSeverity(name)
	if !ok {
		l.add(path, "%q is not a severity%s", name, conffile.DidYouMean(name, translate.Severities))
	} else if s == translate.Cleared {
		l.add(path, `"cleared" would end an alarm that is not over: use informational, or drop: true`)
	}
	return s
}
