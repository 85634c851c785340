package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/gluster-trapgw/gluster-trapgw/schema"
)

// The tables of the documentation are those of the types.
func TestReferenceIsFresh(t *testing.T) {
	for kind, doc := range map[string]string{"config": "../../docs/configuration.md", "policy": "../../docs/policy.md"} {
		n, err := schemas[kind].describe()
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(doc)
		if err != nil {
			t.Fatal(err)
		}
		head, rest, ok := strings.Cut(string(text), " -update -->\n")
		_, tail, ok2 := strings.Cut(rest, "<!-- end -->")
		if !ok || !ok2 {
			t.Fatalf("%s has no place for the tables", doc)
		}
		fresh(t, doc, []byte(head+" -update -->\n"+n.Reference(3, kind == "config")+"\n<!-- end -->"+tail))
	}
}

var commentedKey = regexp.MustCompile(`(?m)^( +)# ([a-z_]+: .*)$`)

// The sample has every key, some of them commented out, and no other.
func TestSampleHasEveryKey(t *testing.T) {
	n, err := describedConfig()
	if err != nil {
		t.Fatal(err)
	}
	sample := plainYAML(t, commentedKey.ReplaceAllString(string(sampleConfig), "$1$2"))
	if err := compileSchema(t, "config").Validate(sample); err != nil {
		t.Errorf("the sample has a key or value that is not in the reference: %v", err)
	}
	n.Walk(func(path string, _ *schema.Node) {
		if strings.Contains(path, "*") || strings.HasPrefix(path, "alarms.inhibit[]") {
			return // shown as an example in a comment
		}
		has := func(path string) bool { return hasPath(sample, strings.Split(strings.ReplaceAll(path, "[]", ""), ".")) }
		// Of a secret one of the two ways is enough: token, token_file.
		if name, ok := strings.CutSuffix(path, "_file"); !has(path) && !has(path+"_file") && (!ok || !has(name)) {
			t.Errorf("%s is in the reference but not in sample-config.yaml", path)
		}
	})
}

func hasPath(v any, path []string) bool {
	if len(path) == 0 {
		return true
	}
	switch v := v.(type) {
	case map[string]any:
		in, ok := v[path[0]]
		return ok && hasPath(in, path[1:])
	case []any:
		for _, item := range v {
			if hasPath(item, path) {
				return true
			}
		}
	}
	return false
}
