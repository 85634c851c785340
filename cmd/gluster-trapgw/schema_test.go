package main

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"

	"github.com/gluster-trapgw/gluster-trapgw/conffile"
	"github.com/gluster-trapgw/gluster-trapgw/schema"
)

// Each of the two files has its schema, its loader, and a directory entry in schema/.
var schemas = map[string]struct {
	file     string
	text     func() ([]byte, error)
	describe func() (*schema.Node, error)
	load     func(file string, data []byte) error
}{
	"config": {"gluster-trapgw.schema.json", configSchema, describedConfig, func(file string, data []byte) error {
		cfg := defaultConfig()
		doc, err := conffile.Decode(file, data, cfg)
		if doc == nil {
			return err
		}
		return doc.Locate(cfg.validate())
	}},
	"policy": {"policy.schema.json", policySchema, describedPolicy, func(file string, data []byte) error {
		_, err := loadPolicy(file, data, nil)
		return err
	}},
}

func compileSchema(t *testing.T, kind string) *jsonschema.Schema {
	t.Helper()
	text, err := schemas[kind].text()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("file.json", raw); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("file.json") // which checks it against the metaschema
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// plainYAML is a document as editors see it: of YAML 1.2, in which a date is a text.
func plainYAML(t *testing.T, text string) any {
	t.Helper()
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	if len(doc.Content) == 0 {
		return nil
	}
	return plainNode(t, doc.Content[0])
}

func plainNode(t *testing.T, n *yaml.Node) any {
	switch {
	case n.Kind == yaml.AliasNode:
		return plainNode(t, n.Alias)
	case n.Kind == yaml.MappingNode:
		m := map[string]any{}
		for i := 0; i < len(n.Content); i += 2 {
			m[n.Content[i].Value] = plainNode(t, n.Content[i+1])
		}
		return m
	case n.Kind == yaml.SequenceNode:
		list := []any{}
		for _, item := range n.Content {
			list = append(list, plainNode(t, item))
		}
		return list
	case n.ShortTag() == "!!timestamp":
		return n.Value
	}
	var v any
	if err := n.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

// The files that ship are those of the types, every key is described, and every example fits.
func TestSchemasAreFresh(t *testing.T) {
	t.Parallel()
	for kind, s := range schemas {
		text, err := s.text()
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		fresh(t, filepath.Join("../../schema", s.file), text)
		n, err := s.describe()
		if err != nil {
			t.Fatal(err)
		}
		sch := compileSchema(t, kind)
		n.Walk(func(path string, k *schema.Node) {
			if k.Example == "" {
				return
			}
			// The example in its place: outputs[].snmp.target becomes {outputs: [{snmp: {target: ...}}]}.
			v := plainYAML(t, k.Example)
			parts := strings.Split(strings.ReplaceAll(path, "[]", ".[]"), ".")
			for _, p := range slices.Backward(parts) {
				switch p {
				case "[]":
					v = []any{v}
				case "*":
					v = map[string]any{"x": v}
				default:
					v = map[string]any{p: v}
				}
			}
			var verr *jsonschema.ValidationError
			if err := sch.Validate(v); errors.As(err, &verr) && !onlyMissing(verr) {
				t.Errorf("%s: the example %s: %v", path, k.Example, err)
			}
		})
	}
}

// onlyMissing reports whether nothing is wrong but keys that are not there.
func onlyMissing(e *jsonschema.ValidationError) bool {
	if len(e.Causes) == 0 {
		return slices.Contains(e.ErrorKind.KeywordPath(), "required")
	}
	return !slices.ContainsFunc(e.Causes, func(c *jsonschema.ValidationError) bool { return !onlyMissing(c) })
}

// fresh compares a file with what generates it.
func fresh(t *testing.T, file string, want []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("%s is not up to date: go test ./cmd/... -run %s -update", file, t.Name())
	}
}

var yamlBlock = regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$")

// Whatever the loaders accept the schemas accept.
func TestSchemasAcceptWhatLoads(t *testing.T) {
	t.Parallel()
	files := map[string][]string{
		"config": {"sample-config.yaml", "../../deploy/package/config.yaml", "../../deploy/container/config.yaml", "../../deploy/container/try.yaml"},
		"policy": {"../../policy/default.yaml", "../../policy/testdata/good-*.yaml", "testdata/stories/*.yaml"},
	}
	blocks := []string{"../../README.md", "../../docs/*.md", "../../docs/*/*.md"}
	count := map[string]int{}
	check := func(kind, name, text string) {
		count[kind]++
		if err := compileSchema(t, kind).Validate(plainYAML(t, text)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for kind, globs := range files {
		for _, file := range expand(t, globs) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			check(kind, file, string(text))
		}
	}
	for _, file := range expand(t, blocks) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range yamlBlock.FindAllStringSubmatch(string(text), -1) {
			for kind, s := range schemas {
				if s.load(file, []byte(m[1])) == nil {
					check(kind, file, m[1])
				}
			}
		}
	}
	for kind, least := range map[string]int{"config": 4, "policy": 7} {
		if count[kind] < least {
			t.Errorf("%s: only %d files and examples were found", kind, count[kind])
		}
	}
}

func expand(t *testing.T, globs []string) (files []string) {
	t.Helper()
	for _, g := range globs {
		found, err := filepath.Glob(g)
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: found %d files, %v", g, len(found), err)
		}
		files = append(files, found...)
	}
	return files
}

// What is wrong by its form both refuse.
func TestSchemasRefuse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, kind, text string }{
		{"unknown key", "config", "webhok: {}"},
		{"unknown key inside", "config", "webhook: {lisen: 127.0.0.1:9000}"},
		{"unknown key of an output", "config", "outputs: [{name: a, snmp: {target: '192.0.2.1:162', community: x, port: 5}}]"},
		{"unknown key of a node", "config", "cluster: {nodes: {1a6111b8-4f13-4c02-9739-2c473e398b41: {nam: a}}}"},
		{"text for a group", "config", "queue: 1GiB"},
		{"list for a group", "config", "log: [info]"},
		{"list for a text", "config", "state_dir: [a]"},
		{"text for a list", "config", "outputs: noc"},
		{"text for a number", "config", "webhook: {max_rate: many}"},
		{"number in quotes", "config", `outputs: [{name: a, snmp: {target: "192.0.2.1:162", community: x, window: "5"}}]`},
		{"fraction for a whole number", "config", `outputs: [{name: a, snmp: {target: "192.0.2.1:162", community: x, rate: 1.5}}]`},
		{"word for a boolean", "config", "alarms: {peer_hides: yes}"},
		{"duration without unit", "config", "heartbeat: {every: 60}"},
		{"duration in words", "config", "heartbeat: {every: 1 hour}"},
		{"negative duration", "config", "alarms: {grace: -5s}"},
		{"wrong unit of a size", "config", "queue: {max_bytes: 1GB}"},
		{"negative size", "config", "queue: {max_bytes: -1}"},
		{"level", "config", "log: {level: notice}"},
		{"log format", "config", "log: {format: xml}"},
		{"facility", "config", `outputs: [{name: a, syslog: {target: "tcp://192.0.2.1:601", facility: local8}}]`},
		{"framing", "config", `outputs: [{name: a, syslog: {target: "tcp://192.0.2.1:601", framing: crlf}}]`},
		{"version", "config", `outputs: [{name: a, snmp: {target: "192.0.2.1:162", version: 2, community: x}}]`},
		{"kind", "config", `outputs: [{name: a, snmp: {target: "192.0.2.1:162", kind: traps, community: x}}]`},
		{"release", "config", "eventsd: {release: 3.8.0}"},
		{"output without name", "config", `outputs: [{snmp: {target: "192.0.2.1:162", community: x}}]`},
		{"receiver without target", "config", "outputs: [{name: a, snmp: {community: x}}]"},
		{"alarm class", "config", "alarms: {inhibit: [{source: bricks, target: quota}]}"},
		{"inhibit without target", "config", "alarms: {inhibit: [{source: brick}]}"},
		{"unknown key", "policy", "rule: []"},
		{"policy without rules", "policy", "time_intervals: [{name: a, weekdays: sunday}]"},
		{"rules without a value", "policy", "rules:"},
		{"unknown matcher", "policy", "rules: [{name: a, drop: true, match: {events: X}}]"},
		{"unknown action", "policy", "rules: [{name: a, send-to: noc}]"},
		{"rule that is a text", "policy", "rules: [a]"},
		{"rule without name", "policy", "rules: [{drop: true}]"},
		{"rules by name", "policy", "rules: {a: {drop: true}}"},
		{"word for a boolean", "policy", "rules: [{name: a, drop: yes}]"},
		{"group for a pattern", "policy", "rules: [{name: a, drop: true, match: {volume: {name: gv0}}}]"},
		{"list in a list", "policy", "rules: [{name: a, drop: true, match: {event: [[BRICK_DISCONNECTED]]}}]"},
		{"text for message", "policy", "rules: [{name: a, drop: true, match: {message: gv0}}]"},
		{"severity", "policy", "rules: [{name: a, severity: fatal}]"},
		{"cleared", "policy", "rules: [{name: a, severity: cleared}]"},
		{"severity that is matched", "policy", "rules: [{name: a, drop: true, match: {severity: '>= high'}}]"},
		{"comparison", "policy", "rules: [{name: a, drop: true, match: {severity: '=> major'}}]"},
		{"state", "policy", "rules: [{name: a, drop: true, match: {state: raised}}]"},
		{"matcher without a value", "policy", "rules: [{name: a, drop: true, match: {event: }}]"},
		{"hold without unit", "policy", "rules: [{name: a, hold: 30}]"},
		{"throttle without max", "policy", "rules: [{name: a, throttle: {every: 5m}}]"},
		{"throttle by what is not there", "policy", "rules: [{name: a, throttle: {max: 1, every: 5m, by: [bricks]}}]"},
		{"interval without name", "policy", "{time_intervals: [{weekdays: sunday}], rules: []}"},
	} {
		t.Run(c.kind+" "+c.name, func(t *testing.T) {
			t.Parallel()
			if err := schemas[c.kind].load("f.yaml", []byte(c.text)); err == nil {
				t.Errorf("the loader accepts %s", c.text)
			}
			if err := compileSchema(t, c.kind).Validate(plainYAML(t, c.text)); err == nil {
				t.Errorf("the schema accepts %s", c.text)
			}
		})
	}
}
