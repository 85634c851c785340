package mibs_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gluster-trapgw/gluster-trapgw/mibs"
	"github.com/gluster-trapgw/gluster-trapgw/mibs/mibtest"
)

// net-snmp takes 4294967295 for 0 in a module, so that legal arc is left out.
var roots = []string{"", "1.3.6.1.4.1.32473.1", "1.3.6.1.4.1.99999.12.2147483647.7"}

// smilint exits with 0 whatever it finds, so any output is a failure.
func TestSmilintIsSilent(t *testing.T) {
	smilint := mibtest.Tool(t, "smilint")
	for _, root := range roots {
		dir := mibtest.Dir(t, root)
		for _, module := range []string{mibs.RootModule, mibs.EventsModule} {
			cmd := exec.Command(smilint, "-m", "-l", "6", "./"+module)
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "SMIPATH="+dir)
			out, err := cmd.CombinedOutput()
			if err != nil || len(bytes.TrimSpace(out)) > 0 {
				t.Errorf("root %q: smilint %s: %v\n%s", root, module, err, out)
			}
		}
	}
}

func TestSnmptranslateSeesEveryNotification(t *testing.T) {
	tool := mibtest.Tool(t, "snmptranslate")
	for _, root := range roots {
		dir := mibtest.Dir(t, root)
		m, err := mibs.Load(root)
		if err != nil {
			t.Fatal(err)
		}
		args := []string{"-M", dir, "-m", mibs.EventsModule, "-On"}
		var want []string
		for _, n := range m.Notifications() {
			args = append(args, mibs.EventsModule+"::"+n.Name)
			want = append(want, n.OID)
		}
		cmd := exec.Command(tool, args...)
		cmd.Env = append(os.Environ(), "SNMP_PERSISTENT_DIR="+t.TempDir())
		out, err := cmd.Output() // at its first run it tells on stderr of directories that it makes
		if err != nil {
			t.Fatalf("snmptranslate: %v\n%s", err, out)
		}
		got := strings.Fields(string(out))
		if len(got) != len(want) {
			t.Fatalf("root %q: snmptranslate knows %d of %d notifications:\n%.300s", root, len(got), len(want), out)
		}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("root %q: snmptranslate says %s, Load %s", root, got[i], want[i])
			}
		}
	}
}

// snmpttconvertmib loses notifications without an error when a DESCRIPTION has words it takes for syntax.
func TestSnmpttconvertmibSeesEveryNotification(t *testing.T) {
	tool := mibtest.Tool(t, "snmpttconvertmib")
	dir := mibtest.Dir(t, "")
	conf := filepath.Join(t.TempDir(), "snmptt.conf")
	cmd := exec.Command(tool, "--in="+filepath.Join(dir, mibs.EventsModule), "--out="+conf)
	cmd.Env = append(os.Environ(), "MIBDIRS="+dir, "MIBS=ALL", "SNMP_PERSISTENT_DIR="+t.TempDir())
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("snmpttconvertmib: %v\n%s", err, out)
	}
	text, err := os.ReadFile(conf)
	if err != nil {
		t.Fatal(err)
	}
	m, err := mibs.Load("")
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range m.Notifications() {
		if !strings.Contains(string(text), "EVENT "+n.Name+" "+n.OID+" ") {
			t.Errorf("snmptt.conf has no EVENT for %s", n.Name)
		}
	}
}

func TestSourceRefusesUnknownModule(t *testing.T) {
	if _, err := mibs.Source("IF-MIB", ""); err == nil || !strings.Contains(err.Error(), mibs.EventsModule) {
		t.Errorf("got %v, want an error that names the modules there are", err)
	}
}
