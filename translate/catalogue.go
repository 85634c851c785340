package translate

import (
	_ "embed" // the catalogue
	"errors"
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

//go:embed catalogue.yaml
var catalogueSource []byte

// Catalogue holds what is known of each event type beyond the MIB; see the head of catalogue.yaml.
type Catalogue struct {
	Classes map[string][]string // alarm class to the parts of its identity
	Events  []*Entry            // in the order of the MIB
	byName  map[string]*Entry
}

// Entry is one event type.
type Entry struct {
	Event    string
	Group    string
	Severity Severity
	Raises   string    // alarm class, or empty
	Clears   []Closing // the main one first
	Ends     string    // "volume", "brick", "peer" or empty: alarms that depended on it are over too
	text     []segment
}

// Closing is one class of alarms that an event ends.
type Closing struct {
	Class string
	By    []string // the parts of the identity that the event has; all of them unless it has fewer
}

// Entry returns the entry of an event type, nil when the catalogue has none.
func (c *Catalogue) Entry(event string) *Entry { return c.byName[event] }

// EventNames returns the names of all event types.
func (c *Catalogue) EventNames() []string {
	names := make([]string, len(c.Events))
	for i, e := range c.Events {
		names[i] = e.Event
	}
	return names
}

type rawCatalogue struct {
	Classes map[string][]string `yaml:"classes"`
	Events  []struct {
		Event    string       `yaml:"event"`
		Group    string       `yaml:"group"`
		Severity string       `yaml:"severity"`
		Raises   string       `yaml:"raises"`
		Clears   []rawClosing `yaml:"clears"`
		Ends     string       `yaml:"ends"`
		Text     string       `yaml:"text"`
	} `yaml:"events"`
}

type rawClosing Closing

// UnmarshalYAML reads a class name, or {class: NAME, by: [PARTS]}.
func (c *rawClosing) UnmarshalYAML(unmarshal func(any) error) error {
	if err := unmarshal(&c.Class); err == nil {
		return nil
	}
	var v struct {
		Class string   `yaml:"class"`
		By    []string `yaml:"by"`
	}
	err := unmarshal(&v)
	c.Class, c.By = v.Class, v.By
	return err
}

// LoadCatalogue reads the built-in catalogue. It fails only when the catalogue contradicts itself.
func LoadCatalogue() (*Catalogue, error) { return parseCatalogue(catalogueSource) }

func parseCatalogue(data []byte) (*Catalogue, error) {
	var raw rawCatalogue
	if err := yaml.Unmarshal(data, &raw); err != nil {
		return nil, fmt.Errorf("read the event catalogue: %w", err)
	}
	c := &Catalogue{Classes: raw.Classes, byName: map[string]*Entry{}}
	var errs []error
	for class, parts := range raw.Classes {
		for _, p := range parts {
			if !isPart(p) {
				errs = append(errs, fmt.Errorf("class %q: %q is not a part of an identity", class, p))
			}
		}
	}
	for _, r := range raw.Events {
		e := &Entry{Event: r.Event, Group: r.Group, Raises: r.Raises, Ends: r.Ends, text: compile(r.Text)}
		bad := func(format string, args ...any) {
			errs = append(errs, fmt.Errorf("event %q: %w", r.Event, fmt.Errorf(format, args...)))
		}
		var ok bool
		if e.Severity, ok = ParseSeverity(r.Severity); !ok {
			bad("%q is not a severity", r.Severity)
		}
		if r.Raises != "" {
			if _, ok := raw.Classes[r.Raises]; !ok {
				bad("raises the unknown class %q", r.Raises)
			}
		}
		for _, cl := range r.Clears {
			parts, ok := raw.Classes[cl.Class]
			if !ok {
				bad("clears the unknown class %q", cl.Class)
			}
			for _, p := range cl.By {
				if !slices.Contains(parts, p) {
					bad("class %q has no part %q", cl.Class, p)
				}
			}
			if len(cl.By) == 0 {
				cl.By = parts
			}
			e.Clears = append(e.Clears, Closing(cl))
		}
		if !slices.Contains([]string{"", "volume", "brick", "peer"}, r.Ends) {
			bad("ends %q, expected volume, brick or peer", r.Ends)
		}
		if r.Event == "" || r.Group == "" || r.Text == "" {
			bad("event, group and text must not be empty")
		}
		if c.byName[r.Event] != nil {
			bad("is listed twice")
		}
		c.byName[r.Event] = e
		c.Events = append(c.Events, e)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("read the event catalogue: %w", err)
	}
	return c, nil
}

// segment is a piece of a compiled text: literal text, a placeholder, or an optional group of pieces.
type segment struct {
	literal string
	name    string
	group   []segment
}

// compile reads the template language of the catalogue: {name} and [optional].
func compile(s string) []segment {
	var segs []segment
	for s != "" {
		switch i := strings.IndexAny(s, "{["); {
		case i < 0:
			return append(segs, segment{literal: s})
		case i > 0:
			segs = append(segs, segment{literal: s[:i]})
			s = s[i:]
		case s[0] == '{':
			name, rest, _ := strings.Cut(s[1:], "}")
			segs = append(segs, segment{name: name})
			s = rest
		default:
			inner, rest, _ := strings.Cut(s[1:], "]")
			segs = append(segs, segment{group: compile(inner)})
			s = rest
		}
	}
	return segs
}

// appendText fills in the template. An empty placeholder outside of an optional group shows as "?".
func (n *Notification) appendText(b []byte, segs []segment) []byte {
	for i := range segs {
		switch s := &segs[i]; {
		case s.group != nil:
			if n.filled(s.group) {
				b = n.appendText(b, s.group)
			}
		case s.name != "":
			if v := n.label(s.name); v != "" {
				b = append(b, v...)
			} else {
				b = append(b, '?')
			}
		default:
			b = append(b, s.literal...)
		}
	}
	return b
}

func (n *Notification) filled(segs []segment) bool {
	for i := range segs {
		if segs[i].name != "" && n.label(segs[i].name) == "" {
			return false
		}
	}
	return true
}
