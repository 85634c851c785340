package mibs_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gluster-trapgw/gluster-trapgw/mibs"
	"github.com/gluster-trapgw/gluster-trapgw/mibs/mibtest"
)

// translated runs snmptranslate over many arguments and returns what it prints. Its remarks go to stderr, the one
// about a new persistent directory too, so that they are shown only when it fails.
func translated(t *testing.T, dir, flag string, args []string) string {
	t.Helper()
	tool := mibtest.Tool(t, "snmptranslate")
	cmd := exec.Command(tool, append([]string{"-M", dir, "-m", mibs.EventsModule, flag}, args...)...)
	cmd.Env = append(cmd.Environ(), "SNMP_PERSISTENT_DIR="+t.TempDir())
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("snmptranslate: %v\n%s", err, stderr.String())
	}
	return string(out)
}

func TestSnmptranslateNamesEveryOID(t *testing.T) {
	for _, root := range roots {
		dir := mibtest.Dir(t, root)
		m, err := mibs.Load(root)
		if err != nil {
			t.Fatal(err)
		}
		var oids, want []string
		for _, n := range m.Notifications() {
			oids, want = append(oids, n.OID), append(want, mibs.EventsModule+"::"+n.Name)
		}
		for _, o := range m.Unknown().Objects {
			oids, want = append(oids, o.OID), append(want, mibs.EventsModule+"::"+o.Name+".0")
		}
		got := strings.Fields(translated(t, dir, "-OS", oids))
		if len(got) != len(want) {
			t.Fatalf("root %q: snmptranslate names %d of %d OIDs", root, len(got), len(want))
		}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("root %q: snmptranslate names %s %s, want %s", root, oids[i], got[i], want[i])
			}
		}
	}
}

// -Td prints the definition as net-snmp has read it: a DESCRIPTION or a list of objects that it lost would show.
func TestSnmptranslateReadsEveryDefinition(t *testing.T) {
	dir := mibtest.Dir(t, "")
	m, err := mibs.Load("")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, n := range m.Notifications() {
		names = append(names, mibs.EventsModule+"::"+n.Name)
	}
	out := strings.Join(strings.Fields(translated(t, dir, "-Td", names)), " ")
	for _, n := range m.Notifications() {
		var objects []string
		for _, o := range n.Objects {
			objects = append(objects, o.Name)
		}
		want := n.Name + " NOTIFICATION-TYPE -- FROM " + mibs.EventsModule + " OBJECTS { " + strings.Join(objects, ", ") +
			` } DESCRIPTION "` + n.Description + `"`
		if !strings.Contains(out, want) {
			t.Errorf("snmptranslate -Td has not: %s", want)
		}
	}
}

// A new root changes one file only, and the bundled text is what the default root gives.
func TestExportChangesTheRootModuleOnly(t *testing.T) {
	for _, root := range roots {
		events, err := mibs.Source(mibs.EventsModule, root)
		if err != nil {
			t.Fatal(err)
		}
		plain, err := mibs.Source(mibs.EventsModule, "")
		if err != nil {
			t.Fatal(err)
		}
		if events != plain {
			t.Errorf("root %q changes %s", root, mibs.EventsModule)
		}
	}
	if err := mibs.Export("1.3.6.1.2.1", t.TempDir()); err == nil {
		t.Error("Export took a root outside enterprises")
	}
	if err := mibs.Export("", filepath.Join(t.TempDir(), "missing")); err == nil {
		t.Error("Export wrote into a directory that is not there")
	}
}
