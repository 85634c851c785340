package conffile

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "rewrite the .err files")

// site has one field of every kind that Decode knows.
type site struct {
	Listen   string           `yaml:"listen"`
	Every    Duration         `yaml:"every"`
	MaxBody  Size             `yaml:"max_body"`
	Token    Secret           `yaml:"token"`
	Rate     int              `yaml:"rate"`
	Port     uint16           `yaml:"port"`
	Total    uint64           `yaml:"total"`
	Level    int8             `yaml:"level"`
	Share    float64          `yaml:"share"`
	Enabled  bool             `yaml:"enabled"`
	Allow    []netip.Prefix   `yaml:"allow"`
	Nodes    map[string]node  `yaml:"nodes"`
	Outputs  []output         `yaml:"outputs"`
	Labels   map[label]string `yaml:"labels"`
	Tree     *tree            `yaml:"tree"`
	Settings `yaml:",inline"`
	Ignored  func()                `yaml:"-"`
	Plain    string                // keyed "plain"
	SendTo   Texts                 `yaml:"send_to"`
	Drop     Texts                 `yaml:"drop"`
	Peers    map[netip.Addr]string `yaml:"peers"`
}

// Settings are inlined into site.
type Settings struct {
	Color string `yaml:"color"`
}

type node struct {
	Name    string     `yaml:"name"`
	Address netip.Addr `yaml:"address"`
}

type output struct {
	Name string `yaml:"name"`
	SNMP *snmp  `yaml:"snmp"`
}

type snmp struct {
	Target  string `yaml:"target"`
	Version string `yaml:"version"`
}

type tree struct {
	Name string           `yaml:"name"`
	Sub  map[string]*tree `yaml:"sub"`
}

type label string

func (l *label) UnmarshalText(b []byte) error {
	if strings.ContainsAny(string(b), " ") {
		return errors.New("a label has no spaces: write it in one word")
	}
	*l = label(b)
	return nil
}

func defaults() *site {
	return &site{Listen: "127.0.0.1:9000", Every: Duration(time.Minute), MaxBody: 64 << 10, Rate: 1000, Enabled: true}
}

// Validate is what a package with a Config does.
func (s *site) Validate() error {
	var errs []error
	if s.Rate < 0 {
		errs = append(errs, At("rate", "%d is negative: use 0 for no limit", s.Rate))
	}
	for i, o := range s.Outputs {
		path := fmt.Sprintf("outputs[%d]", i)
		switch {
		case o.SNMP == nil:
			errs = append(errs, At(path, "the output has no kind: add snmp: with its target"))
		case o.SNMP.Target == "":
			errs = append(errs, In(path+".snmp", At("target", "missing, expected HOST:PORT")))
		case !strings.Contains(o.SNMP.Target, ":"):
			errs = append(errs, In(path, In("snmp", At("target", "%q has no port: write it like 192.0.2.20:162", o.SNMP.Target))))
		}
	}
	return errors.Join(errs...)
}

func check(file string, data []byte, s *site) error {
	doc, err := Decode(file, data, s)
	if doc == nil {
		return err
	}
	return doc.Locate(s.Validate())
}

func TestDecodeGood(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/good-*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("found %d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := check(file, data, defaults()); err != nil {
				t.Errorf("got %v, want no mistakes", err)
			}
		})
	}
}

func TestDecodeValues(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/good-all.yaml")
	if err != nil {
		t.Fatal(err)
	}
	got := defaults()
	if err := check("all.yaml", data, got); err != nil {
		t.Fatal(err)
	}
	want := &site{
		Listen: "127.0.0.1:9000", Every: Duration(7 * 24 * time.Hour), MaxBody: 1 << 20, Token: "0123", Port: 65535,
		Total: 1 << 63, Level: -128, Share: 0.5, Enabled: false,
		Allow: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::/32")},
		Nodes: map[string]node{
			"3f1b6a52-0000-0000-0000-000000000001": {Name: "gfs1", Address: netip.MustParseAddr("192.0.2.11")},
			"gfs2.example.org":                     {Name: "gfs2"},
		},
		Outputs:  []output{{Name: "noc", SNMP: &snmp{Target: "192.0.2.20:162", Version: "3"}}, {Name: "b", SNMP: &snmp{Target: "192.0.2.20:162", Version: "3"}}},
		Labels:   map[label]string{"a": "yes", "b": "1.10"},
		Tree:     &tree{Name: "root", Sub: map[string]*tree{"x": {Name: "leaf"}, "y": nil}},
		Settings: Settings{Color: "blue"},
		SendTo:   Texts{"noc"},
		Drop:     Texts{"a", "2"},
		Plain:    "text\n",
		Peers:    map[netip.Addr]string{netip.MustParseAddr("2001:db8::1"): "gfs9"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestDecodeEmpty(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"nothing": "", "comment": "# all defaults\n", "marker": "---\n", "null": "~\n", "keys without value": "listen:\nallow:\ntree:\n",
	} {
		got := defaults()
		doc, err := Decode("empty.yaml", []byte(text), got)
		if err != nil || !reflect.DeepEqual(got, defaults()) {
			t.Errorf("%s: got %+v, %v, want the defaults", name, got, err)
			continue
		}
		err = doc.Locate(At("tree.sub", "missing"))
		want := "empty.yaml:1: tree.sub: missing"
		if name == "keys without value" {
			want = "empty.yaml:3: tree.sub: missing"
		}
		if err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", name, err, want)
		}
	}
}

// TestDecodeBad compares all mistakes of each testdata/bad-NAME.yaml with bad-NAME.err.
func TestDecodeBad(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/bad-*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("found %d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			err = check(filepath.Base(file), data, defaults())
			if err == nil {
				t.Fatal("got no mistake, want some")
			}
			got := err.Error() + "\n"
			golden := strings.TrimSuffix(file, ".yaml") + ".err"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got:\n%swant:\n%s", got, want)
			}
		})
	}
}

func TestLocatePlaces(t *testing.T) {
	t.Parallel()
	text := "nodes:\n  gfs1.example.org:\n    name: gfs1\n  gfs1:\n    name: other\noutputs:\n\n  - name: a\n    snmp:\n      version: 2c\n  - {name: b,\n     snmp: {}}\n"
	doc, err := Decode("f.yaml", []byte(text), defaults())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path string
		line int
		ok   bool
	}{
		{"nodes", 1, true},
		{"nodes.gfs1.example.org", 2, true},
		{"nodes.gfs1.example.org.name", 3, true},
		{"nodes.gfs1.name", 5, true},
		{"nodes.gfs1.address", 4, false},
		{"outputs[0]", 8, true},
		{"outputs[0].snmp.target", 9, false},
		{"outputs[1].snmp", 12, true},
		{"outputs[2]", 6, false},
		{"outputs[-1]", 6, false},
		{"outputs[x", 6, false},
		{"queue.max_age", 1, false},
		{"", 1, true},
	} {
		if line, ok := doc.Line(c.path); line != c.line || ok != c.ok {
			t.Errorf("Line(%q): got %d %t, want %d %t", c.path, line, ok, c.line, c.ok)
		}
	}
}

func TestLocateKeepsCauses(t *testing.T) {
	t.Parallel()
	doc, err := Decode("f.yaml", []byte("listen: x\nrate: 5\n"), defaults())
	if err != nil {
		t.Fatal(err)
	}
	err = doc.Locate(errors.Join(At("rate", "too high"), errors.New("no outputs"), In("listen", fs.ErrNotExist)))
	want := "f.yaml: no outputs\nf.yaml:1: listen: file does not exist\nf.yaml:2: rate: too high"
	if err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		t.Error("the cause is not in the tree")
	}
	var p *Problem
	if !errors.As(err, &p) || p.File != "f.yaml" {
		t.Errorf("got %+v, want a Problem of f.yaml", p)
	}
	if again := doc.Locate(err); again.Error() != want {
		t.Errorf("located twice: got %q, want %q", again, want)
	}
	if err := doc.Locate(nil); err != nil {
		t.Errorf("got %v, want nil", err)
	}
}

func TestDecodeTarget(t *testing.T) {
	t.Parallel()
	if _, err := Decode("f.yaml", nil, site{}); err == nil {
		t.Error("got nil, want an error for a target that is no pointer")
	}
}

func TestDecodeManyAliases(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("tree:\n  sub:\n    a0: &a0 {name: x}\n")
	for i := 1; i < 10; i++ {
		fmt.Fprintf(&b, "    a%d: &a%d {sub: {", i, i)
		for j := range 10 {
			fmt.Fprintf(&b, "k%d: *a%d, ", j, i-1)
		}
		b.WriteString("}}\n")
	}
	for text, want := range map[string]string{
		b.String():                       "use fewer aliases",
		"tree: &t {sub: {a: *t}}\n":      "an alias may contain itself",
		"tree: {sub: &t {a: {sub: *t}}}": "an alias may contain itself",
	} {
		_, err := Decode("f.yaml", []byte(text), defaults())
		if err == nil || !strings.Contains(err.Error(), want) || strings.Count(err.Error(), "\n") > 0 {
			t.Errorf("got %v, want one line with %q", err, want)
		}
	}
}

func TestSuggest(t *testing.T) {
	t.Parallel()
	known := []string{"listen", "max_body", "token_file", "BRICK_DISCONNECTED"}
	for word, want := range map[string]string{
		"lisen": "listen", "lsiten": "listen", "max-body": "max_body", "tokenfile": "token_file", "Listen": "listen",
		"brick_disconected": "BRICK_DISCONNECTED", "port": "", "x": "", "": "", strings.Repeat("a", 100): "",
	} {
		if got := Suggest(word, known); got != want {
			t.Errorf("Suggest(%q): got %q, want %q", word, got, want)
		}
	}
}

var problemLine = regexp.MustCompile(`^f\.yaml(:[1-9]\d*)?: .`)

func FuzzDecode(f *testing.F) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte("tree: &t {sub: {a: *t}}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s := defaults()
		doc, err := Decode("f.yaml", data, s)
		if doc == nil && err == nil {
			t.Fatal("neither a document nor a mistake")
		}
		if doc != nil {
			err = doc.Locate(errors.Join(s.Validate(), At(string(data), "x")))
		}
		for line := range strings.SplitSeq(err.Error(), "\n") {
			if !problemLine.MatchString(line) {
				t.Fatalf("got %q, want FILE:LINE: text", line)
			}
		}
	})
}
