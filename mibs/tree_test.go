package mibs

import (
	"context"
	"fmt"
	"os"
	"sort"
	"strings"
	"testing"

	"github.com/golangsnmp/gomib"
)

// What Load does not keep is published too: tables, columns and groups stay where they are, as notifications and
// scalars do (TestOIDsAreFrozen).
func TestTreeIsFrozen(t *testing.T) {
	lib, err := gomib.Load(context.Background(), gomib.WithSource(gomib.FS("bundled", modules)), gomib.WithModules(EventsModule))
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	now := map[string]bool{}
	for n := range lib.Nodes() {
		if n.Name() == "" || n.Module() == nil || n.Module().Name() != EventsModule && n.Module().Name() != RootModule {
			continue
		}
		line := n.Name() + " ." + n.OID().String()
		if o := n.Object(); o != nil && o.IsColumn() {
			line += fmt.Sprintf(" %s %s %v %v", o.Type().Name(), o.Access(), o.EffectiveSizes(), o.EffectiveRanges())
		}
		lines, now[line] = append(lines, line), true
	}
	sort.Strings(lines)
	text := strings.Join(lines, "\n") + "\n"
	const file = "testdata/tree.golden"
	old, err := os.ReadFile(file)
	if err != nil && !(*update && os.IsNotExist(err)) {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(old)) {
		if line = strings.TrimSuffix(line, "\n"); !now[line] {
			t.Errorf("published definition moved or is gone: %s", line)
		}
	}
	switch {
	case t.Failed():
	case *update:
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	case string(old) != text:
		t.Errorf("%s lacks new definitions: run go test ./mibs -update", file)
	}
}
