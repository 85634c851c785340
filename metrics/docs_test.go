package metrics

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the list of metrics in docs/monitoring.md")

// docs/monitoring.md lists every metric there is, as the code describes it.
func TestDocsAreComplete(t *testing.T) {
	const file, begin, end = "../docs/monitoring.md", "<!-- metrics: go test ./metrics -update -->\n", "<!-- end of metrics -->\n"
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	from, to := strings.Index(text, begin), strings.Index(text, end)
	if from < 0 || to < from {
		t.Fatalf("%s has no marks for the list", file)
	}
	all := Docs()
	slices.SortFunc(all, func(a, b Doc) int { return strings.Compare(a.Name, b.Name) })
	var b strings.Builder
	b.WriteString("| metric | labels | what it is |\n| --- | --- | --- |\n")
	for _, d := range all {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", d.Name, strings.Join(d.Labels, ", "), d.Help)
	}
	want := text[:from] + begin + b.String() + text[to:]
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if text != want {
		t.Errorf("the list of metrics in %s is not that of the code: go test ./metrics -update", file)
	}
}
