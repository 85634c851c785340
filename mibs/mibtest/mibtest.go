// Package mibtest lays out our MIB modules and the IETF ones they need for tests that run real SNMP tools. The IETF
// files come from the module cache of the MIB library: they are not ours to ship.
package mibtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gluster-trapgw/gluster-trapgw/mibs"
)

// Tool returns the path of an installed program. Without it the test is skipped, or fails when TRAPGW_PEERS=1 says
// that it must be there.
func Tool(t testing.TB, name string) string {
	t.Helper()
	for _, dir := range []string{"", "/usr/sbin/", "/usr/bin/", "/sbin/"} {
		if p, err := exec.LookPath(dir + name); err == nil {
			return p
		}
	}
	if os.Getenv("TRAPGW_PEERS") == "1" {
		t.Fatalf("%s is not installed and TRAPGW_PEERS=1", name)
	}
	t.Skipf("%s is not installed", name)
	return ""
}

// Dir writes our modules under the given root (empty: the default one) and the base modules into a temporary
// directory, which suits -M of the net-snmp tools and SMIPATH of libsmi.
func Dir(t testing.TB, root string) string {
	t.Helper()
	dir := t.TempDir()
	if err := mibs.Export(root, dir); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/golangsnmp/gomib").Output()
	if err != nil {
		t.Fatalf("find the MIB library's files: %v", err)
	}
	base := filepath.Join(strings.TrimSpace(string(out)), "testdata", "corpus", "primary", "ietf")
	for _, m := range []string{"SNMPv2-SMI", "SNMPv2-TC", "SNMPv2-CONF", "SNMPv2-MIB", "SNMP-FRAMEWORK-MIB", "SNMP-COMMUNITY-MIB", "SNMP-TARGET-MIB"} {
		text, err := os.ReadFile(filepath.Join(base, m+".mib"))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, m), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
