package translate

import (
	"strings"
	"testing"

	"github.com/gluster-trapgw/gluster-trapgw/mibs"
)

// The MIB and the catalogue each say something about every event; neither may know one that the other does not.
func TestCatalogueAndMIBNameTheSameEvents(t *testing.T) {
	m, err := mibs.Load("")
	if err != nil {
		t.Fatal(err)
	}
	c, err := LoadCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, n := range m.Notifications() {
		if n.Event != "" {
			want = append(want, n.Event)
		}
	}
	if got := c.EventNames(); strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("catalogue and MIB differ:\n got %v\nwant %v", got, want)
	}
}

func TestCatalogueMistakes(t *testing.T) {
	const classes = "classes: {brick: [brick], quota: [volume, path]}\n"
	for _, tt := range []struct{ name, yaml, want string }{
		{"not YAML", "events: [", "did not find expected"},
		{"empty", "", "EOF"},
		{"unknown key", "events:\n  - {event: A, group: g, severity: major, txt: x}", `field txt not found`},
		{"unknown part", "classes: {x: [colour]}", `class "x": "colour" is not a part of an identity`},
		{"severity", "events:\n  - {event: A, group: g, severity: bad, text: x}", `event "A": "bad" is not a severity`},
		{"raises", "events:\n  - {event: A, group: g, severity: major, raises: y, text: x}", `event "A": raises the unknown class "y"`},
		{"clears", "events:\n  - {event: A, group: g, severity: major, clears: [y], text: x}", `event "A": clears the unknown class "y"`},
		{"key of a clear", classes + "events:\n  - {event: A, group: g, severity: major, clears: [{class: brick, by: [volume]}], text: x}",
			`event "A": class "brick" has no part "volume"`},
		{"further part", classes + "events:\n  - {event: A, group: g, severity: major, clears: [quota, {class: brick, by: [gfid]}], text: x}",
			`event "A": alarms of class "brick" have no part "gfid"`},
		{"key of a closing", classes + "events:\n  - {event: A, group: g, severity: major, clears: [{clas: brick}], text: x}", `field clas not found`},
		{"ends", "events:\n  - {event: A, group: g, severity: major, ends: world, text: x}", `event "A": ends "world", expected volume`},
		{"no text", "events:\n  - {event: A, group: g, severity: major}", `event "A": event, group and text must not be empty`},
		{"twice", "events:\n  - {event: A, group: g, severity: major, text: x}\n  - {event: A, group: g, severity: major, text: x}", `event "A": is listed twice`},
		{"open brace", "events:\n  - {event: A, group: g, severity: major, text: 'a {b'}", `event "A": text: "{b" is not closed`},
		{"open bracket", "events:\n  - {event: A, group: g, severity: major, text: 'a [b'}", `event "A": text: "[b" is not closed`},
		{"stray brace", "events:\n  - {event: A, group: g, severity: major, text: 'a }b'}", `event "A": text: "}" closes nothing`},
		{"empty name", "events:\n  - {event: A, group: g, severity: major, text: 'a {}'}", `event "A": text: "{}" is not a placeholder`},
		{"always there", "events:\n  - {event: A, group: g, severity: major, text: 'a [b]'}", `event "A": text: optional part "[b]" has no placeholder`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parseCatalogue([]byte(tt.yaml))
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "read the event catalogue: ") {
				t.Errorf("got error %v, want %s", err, tt.want)
			}
		})
	}
}

func TestTemplate(t *testing.T) {
	n := &Notification{Volume: "gv0", Fields: []Field{{"a", "1"}, {"none", "(null)"}, {"braces", "{volume}[x]"}}}
	for text, want := range map[string]string{
		"plain":                       "plain",
		"{volume} {a}{a}":             "gv0 11",
		"{volume}[: {a}][, {b}]":      "gv0: 1",
		"[{a} and {b}]{peer}":         "?",
		"{none}[, {none}]":            "?",
		"{braces}":                    "{volume}[x]", // a value is no template
		"Ü{volume}[ ({a}, {braces})]": "Ügv0 (1, {volume}[x])",
	} {
		segs, err := compile(text)
		if err != nil {
			t.Errorf("compile %q: %v", text, err)
			continue
		}
		if got := string(n.appendText(nil, segs)); got != want {
			t.Errorf("%q gives %q, want %q", text, got, want)
		}
	}
}

func TestClusterValidate(t *testing.T) {
	const a, b = "c6ad9be2-5ce9-46e0-9574-6917a91bcfb6", "1a6111b8-4f13-4c02-9739-2c473e398b41"
	for _, tt := range []struct {
		name    string
		cluster Cluster
		want    []string
	}{
		{"nothing", Cluster{}, nil},
		{"good", Cluster{Name: "prod", Nodes: map[string]Node{a: {"gfs1", "192.0.2.11"}, b: {Name: "gfs2"}}}, nil},
		{"name is the address", Cluster{Nodes: map[string]Node{a: {"192.0.2.11", "192.0.2.11"}}}, nil},
		{"cluster name", Cluster{Name: "a\nb"}, []string{`"a\nb" is not a cluster name`}},
		{"all at once", Cluster{Nodes: map[string]Node{"x": {}, a: {"g\x00", "300.1.1.1"}}},
			[]string{`"x" is not the UUID of a node`, `"g\x00" is not a node name`, `"300.1.1.1" is not an IP address`}},
		{"same name", Cluster{Nodes: map[string]Node{a: {Name: "gfs1"}, b: {Name: "GFS1"}}}, []string{`name "gfs1" is that of node ` + b + ` too`}},
		{"same address", Cluster{Nodes: map[string]Node{a: {Address: "::ffff:192.0.2.1"}, b: {Address: "192.0.2.1"}}}, []string{`address "192.0.2.1" is that of node`}},
		{"same UUID", Cluster{Nodes: map[string]Node{a: {}, strings.ToUpper(a): {}}}, []string{`is that of node`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.cluster.Validate()
			if (err == nil) != (len(tt.want) == 0) {
				t.Fatalf("got %v, want %q", err, tt.want)
			}
			for _, w := range tt.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("got %v, want %s", err, w)
				}
			}
		})
	}
}
