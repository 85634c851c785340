package translate

import (
	"bytes"
	_ "embed" // the catalogue
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"gopkg.in/yaml.v3"
)

//go:embed catalogue.yaml
var catalogueSource []byte

// Catalogue holds what is known of each event type beyond the MIB; see the head of catalogue.yaml.
type Catalogue struct {
	Classes map[string][]string // alarm class to the parts of its identity
	Events  []*Entry            // in the order of the MIB
	Own     []*Entry            // the gateway's own notifications, by their names in the MIB
	byName  map[string]*Entry
	own     map[string]*Entry
	control map[string]*Entry // what the gateway notes for its outputs to act upon
}

// Entry is one event type.
type Entry struct {
	Event    string
	Group    string
	Severity Severity
	Raises   string    // alarm class, or empty
	Clears   []Closing // the main one first
	Ends     string    // "volume", "brick", "bricks", "peer" or empty: whatever alarm depended on that is over too
	Local    bool      // the brick is on the node that sent the event
	Text     string    // the template of the text, see catalogue.yaml
	template []segment
}

// Closing is one class of alarms that an event ends.
type Closing struct {
	Class string
	By    []string // the parts by which the alarms are found: the whole identity unless the event knows less
}

// Entry returns the entry of an event type, nil when the catalogue has none.
func (c *Catalogue) Entry(event string) *Entry { return c.byName[event] }

// entry returns the entry of a notification. What an event calls itself does not make it one of the gateway's own.
func (c *Catalogue) entry(n *Notification) *Entry {
	if n.Group == OwnGroup {
		return c.own[n.Event]
	}
	return c.byName[n.Event]
}

// EventNames returns the names of all event types.
func (c *Catalogue) EventNames() []string {
	names := make([]string, len(c.Events))
	for i, e := range c.Events {
		names[i] = e.Event
	}
	return names
}

// Names returns all names that a notification's event can have: of event types, and of the gateway's own notifications.
func (c *Catalogue) Names() []string {
	names := c.EventNames()
	for _, e := range c.Own {
		names = append(names, e.Event)
	}
	return names
}

type rawCatalogue struct {
	Classes map[string][]string `yaml:"classes"`
	Events  []rawEntry          `yaml:"events"`
	Own     []rawEntry          `yaml:"own"`
	Control []rawEntry          `yaml:"control"`
}

type rawEntry struct {
	Event    string       `yaml:"event"`
	Group    string       `yaml:"group"`
	Severity string       `yaml:"severity"`
	Raises   string       `yaml:"raises"`
	Clears   []rawClosing `yaml:"clears"`
	Ends     string       `yaml:"ends"`
	Local    bool         `yaml:"local"`
	Text     string       `yaml:"text"`
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

// LoadCatalogue returns the built-in catalogue, which is read once and must not be changed. It fails only when the
// catalogue contradicts itself.
func LoadCatalogue() (*Catalogue, error) { return builtIn() }

var builtIn = sync.OnceValues(func() (*Catalogue, error) { return parseCatalogue(catalogueSource) })

func parseCatalogue(data []byte) (*Catalogue, error) {
	var raw rawCatalogue
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	if err := d.Decode(&raw); err != nil {
		return nil, fmt.Errorf("read the event catalogue: %w", err)
	}
	c := &Catalogue{Classes: raw.Classes, byName: map[string]*Entry{}, own: map[string]*Entry{}, control: map[string]*Entry{}}
	var errs []error
	for _, class := range slices.Sorted(maps.Keys(raw.Classes)) {
		for _, p := range raw.Classes[class] {
			if !isPart(p) {
				errs = append(errs, fmt.Errorf("class %q: %q is not a part of an identity", class, p))
			}
		}
	}
	for i := range raw.Events {
		e, err := raw.Events[i].entry(raw.Classes)
		if c.byName[e.Event] != nil {
			err = errors.Join(err, fmt.Errorf("event %q: is listed twice", e.Event))
		}
		errs = append(errs, err)
		c.byName[e.Event] = e
		c.Events = append(c.Events, e)
	}
	for i := range raw.Own {
		raw.Own[i].Group = OwnGroup
		e, err := raw.Own[i].entry(raw.Classes)
		errs = append(errs, err)
		c.own[e.Event] = e
		c.Own = append(c.Own, e)
	}
	for i := range raw.Control {
		raw.Control[i].Group = ControlGroup
		e, err := raw.Control[i].entry(raw.Classes)
		errs = append(errs, err)
		c.control[e.Event] = e
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("read the event catalogue: %w", err)
	}
	return c, nil
}

// entry checks and completes what the file says.
func (r *rawEntry) entry(classes map[string][]string) (*Entry, error) {
	var errs []error
	e := &Entry{Event: r.Event, Group: r.Group, Raises: r.Raises, Ends: r.Ends, Local: r.Local, Text: r.Text}
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("event %q: %w", r.Event, fmt.Errorf(format, args...)))
	}
	var ok bool
	if e.Severity, ok = ParseSeverity(r.Severity); !ok {
		bad("%q is not a severity", r.Severity)
	}
	if r.Raises != "" {
		if _, ok := classes[r.Raises]; !ok {
			bad("raises the unknown class %q", r.Raises)
		}
	}
	for i, cl := range r.Clears {
		parts, ok := classes[cl.Class]
		if !ok {
			bad("clears the unknown class %q", cl.Class)
		}
		for _, p := range cl.By {
			// The key of a clear is that of its first class, so it must be made of the parts of the identity;
			// further ones are found by all that is known of an alarm.
			if i == 0 && r.Raises == "" && !slices.Contains(parts, p) {
				bad("class %q has no part %q", cl.Class, p)
			} else if !slices.Contains(parts, p) && !slices.Contains(further, p) {
				bad("alarms of class %q have no part %q", cl.Class, p)
			}
		}
		if len(cl.By) == 0 {
			cl.By = parts
		}
		e.Clears = append(e.Clears, Closing(cl))
	}
	if !slices.Contains([]string{"", "volume", "brick", "bricks", "peer"}, r.Ends) {
		bad("ends %q, expected volume, brick, bricks or peer", r.Ends)
	}
	var err error
	if e.template, err = compile(r.Text); err != nil {
		bad("text: %w", err)
	}
	if r.Event == "" || r.Group == "" || r.Text == "" {
		bad("event, group and text must not be empty")
	}
	return e, errors.Join(errs...)
}

// Groups returns the names of the groups, in the order in which they first occur; that of unknown events is the last.
func (c *Catalogue) Groups() []string {
	var groups []string
	for _, e := range slices.Concat(c.Events, c.Own) {
		if !slices.Contains(groups, e.Group) {
			groups = append(groups, e.Group)
		}
	}
	return append(groups, unknownGroup)
}
