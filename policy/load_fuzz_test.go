package policy

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

// FuzzLoad loads anything without a panic, and what it accepts decides about any notification, with the index and
// without it alike.
func FuzzLoad(f *testing.F) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range append(files, "default.yaml") {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, "BRICK_DISCONNECTED", "prod-web", "gfs2:/bricks/b1", uint8(3))
	}
	f.Fuzz(func(t *testing.T, data []byte, event, volume, brick string, severity uint8) {
		p, err := Load("p.yaml", data, testOutputs)
		if err != nil {
			for line := range strings.SplitSeq(err.Error(), "\n") {
				if !strings.HasPrefix(line, "p.yaml:") {
					t.Fatalf("got %q, want a line of the file", line)
				}
			}
			return
		}
		n := brickDown()
		n.Event, n.Volume, n.Brick, n.Severity = event, volume, brick, translate.Severity(severity)
		d := p.Decide(n)
		steps := p.Explain(n)
		var matched []string
		for _, s := range steps {
			if s.Matched {
				matched = append(matched, s.Rule)
			}
		}
		rule := strings.Join(matched, ", ")
		if d.Rule != rule {
			t.Errorf("Decide says %q, Explain %q", d.Rule, rule)
		}
		if got := p.Apply(n, d); got.Severity != d.Severity {
			t.Errorf("got severity %s, want %s", got.Severity, d.Severity)
		}
		if d.Dropped && d.Sends("noc") {
			t.Errorf("got %+v, which is dropped and sent", d)
		}
	})
}
