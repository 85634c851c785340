package schema

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/gluster-trapgw/gluster-trapgw/conffile"
)

type poor struct {
	Bare    string                       `yaml:"bare"`
	Count   int                          `yaml:"count"`
	NoForm  string                       `yaml:"no_form"`
	Mode    string                       `yaml:"mode"`
	Inner   undescribed                  `yaml:"inner"`
	Ages    map[string]conffile.Duration `yaml:"ages"`
	Broken  string                       `yaml:"broken"`
	Unnamed string
	Hidden  func() `yaml:"-"`
}

type undescribed struct {
	X string `yaml:"x"`
}

func (poor) Keys() conffile.Keys {
	return conffile.Keys{
		"count":   {Text: "how many"},
		"no_form": {Text: "something"},
		"mode":    {Text: "which", Values: []string{"a", "b"}},
		"inner":   {Text: "more"},
		"ages":    {Text: "ages"},
		"broken":  {Text: "broken", Example: "[a"},
		"gone":    {Text: "a key that was removed"},
	}
}

// Every way to forget something about a key is found.
func TestDescribeFindsPoorKeys(t *testing.T) {
	t.Parallel()
	_, err := Describe(&poor{Mode: "c"})
	if err == nil {
		t.Fatal("got no error")
	}
	for _, want := range []string{
		"bare: has no description",
		"count: has no unit",
		"no_form: has no example",
		`mode: the default "c" is not one of ["a" "b"]`,
		"inner: schema.undescribed has no method Keys",
		"broken: the example cannot stand in a file",
		`describes "gone", which is not a key`,
		"the field Unnamed of schema.poor has no name",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got\n%v\nwant a line with %s", err, want)
		}
	}
	if n := strings.Count(err.Error(), "\n") + 1; n != 8 {
		t.Errorf("got %d mistakes, want 8:\n%v", n, err)
	}
}

type good struct {
	Every conffile.Duration `yaml:"every"`
	Level string            `yaml:"level"`
	Port  uint16            `yaml:"port"`
	To    *receiver         `yaml:"to"`
}

func (good) Keys() conffile.Keys {
	return conffile.Keys{
		"every": {Text: "how often"},
		"level": {Text: "which | what", Values: []string{"1", "high"}},
		"port":  {Text: "where", Unit: "port number", Example: "162"},
		"to":    {Text: "the receiver"},
	}
}

type receiver struct {
	Host string        `yaml:"host"`
	Size conffile.Size `yaml:"size"`
}

func (receiver) Keys() conffile.Keys {
	return conffile.Keys{"host": {Text: "its name", Example: "a", Required: true, Reread: true}, "size": {Text: "how large"}}
}

func (r *receiver) UnmarshalYAML(unmarshal func(any) error) error {
	type plain receiver
	*r = receiver{Size: 1 << 10}
	return unmarshal((*plain)(r))
}

func TestSchemaAndReference(t *testing.T) {
	t.Parallel()
	n, err := Describe(&good{Every: 60e9, Level: "high"})
	if err != nil {
		t.Fatal(err)
	}
	text, err := n.JSON(Header{Title: "x", Filled: true})
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Properties map[string]struct {
			Default    any
			Enum       []any
			Maximum    float64
			Required   []string
			Additional *bool `json:"additionalProperties"`
			Properties map[string]struct{ Default any }
		}
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	p := got.Properties
	to := p["to"]
	if p["every"].Default != "1m" || len(p["level"].Enum) != 3 || p["port"].Maximum != 65535 ||
		len(to.Required) != 1 || to.Additional == nil || *to.Additional || to.Properties["size"].Default != "1KiB" {
		t.Errorf("got %+v", got)
	}
	ref := n.Reference(2, true)
	for _, want := range []string{
		"| `every` | duration | `1m` | how often |  | at a restart |",
		"| `level` | text | `high` | which \\| what; one of `1`, `high` |  | at a restart |",
		"| `port` | whole number (port number) | `0` | where | `162` | at a restart |",
		"\n## to\n\nThe receiver.\n",
		"| `to.host` | text | required | its name | `a` | the file's content at once, its name at a restart |",
		"| `to.size` | size | `1KiB` | how large |  | at a restart |",
	} {
		if !strings.Contains(ref, want) {
			t.Errorf("got\n%s\nwant %s", ref, want)
		}
	}
}
