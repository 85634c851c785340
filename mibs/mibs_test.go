package mibs

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite golden files; the OID file only ever grows")

func TestLoadHasEveryEvent(t *testing.T) {
	m, err := Load("")
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open("testdata/events")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	names := 0
	for s := bufio.NewScanner(f); s.Scan(); names++ {
		number, name := 0, ""
		if _, err := fmt.Sscan(s.Text(), &number, &name); err != nil {
			t.Fatal(err)
		}
		n, ok := m.Event(name)
		if !ok {
			t.Errorf("no notification for %s", name)
			continue
		}
		if want := uint32(1001 + number); n.Number != want {
			t.Errorf("%s has number %d, want %d", name, n.Number, want)
		}
		if n.Description == "" {
			t.Errorf("%s has no description", name)
		}
	}
	if names != 142 || len(m.byEvent) != names {
		t.Errorf("%d events in the list, %d in the module, want 142 of each", names, len(m.byEvent))
	}
	if len(m.Notifications()) != 152 {
		t.Errorf("%d notifications, want 152", len(m.Notifications()))
	}
	if m.Unknown() == nil || m.Unknown().Number != 1000 {
		t.Errorf("generic notification is %+v, want number 1000", m.Unknown())
	}
}

func TestNotificationsShareTheirFirstTenObjects(t *testing.T) {
	m, err := Load("")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"gtgEvClusterId", "gtgEvNodeName", "gtgEvName", "gtgEvDateAndTime", "gtgEvSeverity",
		"gtgEvAlarmState", "gtgEvAlarmKey", "gtgEvSequence", "gtgEvVolume", "gtgEvMessage"}
	for _, n := range m.Notifications() {
		if len(n.Objects) < len(want) || n.Number >= 1000 && len(n.Objects) != len(want) {
			t.Errorf("%s has %d objects", n.Name, len(n.Objects))
			continue
		}
		for i, name := range want {
			if n.Objects[i] == nil || n.Objects[i].Name != name {
				t.Errorf("object %d of %s is %+v, want %s", i+1, n.Name, n.Objects[i], name)
			}
		}
	}
}

func TestObjectSyntax(t *testing.T) {
	m, err := Load("")
	if err != nil {
		t.Fatal(err)
	}
	get := func(name string) *Object {
		o, ok := m.Object(name)
		if !ok {
			t.Fatalf("no object %s", name)
		}
		return o
	}
	if o := get("gtgEvMessage"); o.Kind != Octets || !o.IsText || o.MaxSize != 512 {
		t.Errorf("gtgEvMessage is %+v, want text of at most 512 octets", o)
	}
	if o := get("gtgEvDateAndTime"); o.Kind != Octets || o.IsText || o.MaxSize != 11 {
		t.Errorf("gtgEvDateAndTime is %+v, want octets of at most 11", o)
	}
	if o := get("gtgEvSeverity"); o.Kind != Integer || o.Label(3) != "critical" || o.Labels()["info"] != 7 || o.Label(9) != "" {
		t.Errorf("gtgEvSeverity is %+v, want the enumeration of severities", o)
	}
	if o := get("gtgEvSequence"); o.Kind != Unsigned {
		t.Errorf("gtgEvSequence is %+v, want Unsigned32", o)
	}
	if o := get("gtgGwReceived"); o.Kind != Counter {
		t.Errorf("gtgGwReceived is %+v, want Counter32", o)
	}
}

// A published OID never moves: the golden file may only grow, even with -update.
func TestOIDsAreFrozen(t *testing.T) {
	m, err := Load("")
	if err != nil {
		t.Fatal(err)
	}
	const file = "testdata/oids.golden"
	now := map[string]string{}
	var b strings.Builder
	for _, n := range m.Notifications() {
		line := n.Name + " " + n.OID
		for _, o := range n.Objects {
			line += " " + o.Name
		}
		now[n.Name] = line
		fmt.Fprintln(&b, line)
	}
	for _, o := range sortedObjects(m) {
		line := fmt.Sprintf("%s %s kind=%d size=%d %v", o.Name, o.OID, o.Kind, o.MaxSize, o.enum)
		now[o.Name] = line
		fmt.Fprintln(&b, line)
	}
	old, err := os.ReadFile(file)
	if err != nil && !(*update && os.IsNotExist(err)) {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(old)) {
		line = strings.TrimSuffix(line, "\n")
		name, _, _ := strings.Cut(line, " ")
		if now[name] != line {
			t.Errorf("published definition changed:\n got %s\nwant %s", now[name], line)
		}
	}
	switch {
	case t.Failed():
	case *update:
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	case string(old) != b.String():
		t.Errorf("%s lacks new definitions: run go test ./mibs -update", file)
	}
}

func sortedObjects(m *MIB) []*Object {
	var all []*Object
	for _, o := range m.objects {
		all = append(all, o)
	}
	for i := range all {
		for k := i; k > 0 && all[k].Name < all[k-1].Name; k-- {
			all[k], all[k-1] = all[k-1], all[k]
		}
	}
	return all
}

func TestRebase(t *testing.T) {
	m, err := Load("1.3.6.1.4.1.32473.7.1")
	if err != nil {
		t.Fatal(err)
	}
	n, _ := m.Event("QUORUM_LOST")
	if want := ".1.3.6.1.4.1.32473.7.1.1.1.0.1081"; n.OID != want {
		t.Errorf("QUORUM_LOST is %s, want %s", n.OID, want)
	}
	if want := ".1.3.6.1.4.1.32473.7.1.1.1"; m.EnterpriseOID() != want {
		t.Errorf("enterprise is %s, want %s", m.EnterpriseOID(), want)
	}
	if name, ok := m.Name(".1.3.6.1.4.1.32473.7.1.1.1.1.1.7.0"); !ok || name != "gtgEvSeverity.0" {
		t.Errorf("name is %q, want gtgEvSeverity.0", name)
	}
	if o, ok := m.Instance(".1.3.6.1.4.1.32473.7.1.1.1.1.1.7.0"); !ok || o.Name != "gtgEvSeverity" {
		t.Errorf("instance is %+v, want gtgEvSeverity", o)
	}
}

func TestRootWarnings(t *testing.T) {
	const experiments, own = "the range of net-snmp for experiments is assigned to nobody and can collide: ", "set an arc of your own enterprise number"
	const big = "the tools of net-snmp misread numbers above 2147483647, such as 2147483648: use a smaller one"
	for root, want := range map[string]string{
		"":                                  experiments + own,
		DefaultRoot:                         experiments + own,
		"." + DefaultRoot:                   experiments + own,
		"1.3.6.1.4.1.8072.9999.9999":        experiments + own,
		"1.3.6.1.4.1.8072.9999.9999.1":      experiments + own,
		"1.3.6.1.4.1.08072.9999.9999.1":     experiments + own,
		"1.3.6.1.4.1.8072.9999.1":           "enterprise number 8072 is that of net-snmp: " + own,
		"1.3.6.1.4.1.8072":                  "enterprise number 8072 is that of net-snmp: " + own,
		".1.3.6.1.4.1.2312.7":               "enterprise number 2312 is that of Red Hat: " + own,
		"1.3.6.1.4.1.32473.1":               "enterprise number 32473 is for examples in documents (RFC 5612): " + own,
		"1.3.6.1.4.1.0.1":                   "enterprise number 0 is reserved: " + own,
		"1.3.6.1.4.1.64512.2147483648.1":    big,
		"1.3.6.1.4.1.2312.2147483648":       "enterprise number 2312 is that of Red Hat: " + own + "\n" + big,
		"1.3.6.1.4.1.64512.8072.2147483647": "",
		"1.2.3":                             "",
	} {
		if got := strings.Join(RootWarnings(root), "\n"); got != want {
			t.Errorf("%q: got %q, want %q", root, got, want)
		}
	}
}

func TestLoadRefusesRoots(t *testing.T) {
	for name, root := range map[string]string{
		"outside enterprises":  "1.3.6.1.2.1.5",
		"enterprises itself":   "1.3.6.1.4.1",
		"not a number":         "1.3.6.1.4.1.acme",
		"empty number":         "1.3.6.1.4.1.5..6",
		"number over 32 bits":  "1.3.6.1.4.1.4294967296",
		"too long":             "1.3.6.1.4.1" + strings.Repeat(".1", 120),
		"UUID arc (2.25.UUID)": "2.25.329800735698586629295641978511506172918",
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Load(root); err == nil || !strings.Contains(err.Error(), root[:8]) {
				t.Errorf("Load(%q) = %v, want an error that names the root", root, err)
			}
		})
	}
}

func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		if _, err := Load(""); err != nil {
			b.Fatal(err)
		}
	}
}
