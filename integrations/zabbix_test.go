package integrations

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/gluster-trapgw/gluster-trapgw/mibs/mibtest"
	"github.com/gluster-trapgw/gluster-trapgw/outputs/snmp/snmptest"
	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

// The shipped handler behind a real snmptrapd: each notification becomes one record with a group that the template has.
func TestZabbixHandlerWritesWhatTheTemplateReads(t *testing.T) {
	t.Parallel()
	mibtest.Tool(t, "perl")
	s := hostile(t)
	dir := write(t, "zabbix", s)
	out := filepath.Join(dir, "traps.log")
	trapd := snmptest.Start(t, snmptest.Options{Root: s.MIB.Root(), Output: "n",
		Config: []string{"traphandle default " + filepath.Join(dir, "gluster-zabbix-trap.pl") + " " + out}})
	var all []*translate.Notification
	for i, n := range every(t, s) {
		if i%5 == 0 || n.Group == "brick" || n.Group == "gateway" {
			n.Text += " 05:19:29 2026/11/23 ZBXTRAP 10.0.0.1"
			all = append(all, n)
		}
	}
	send(t, s, trapd.Addr, all)
	var text []byte
	for deadline := time.Now().Add(20 * time.Second); strings.Count(string(text), "\ntext: ") < len(all) && time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		text, _ = os.ReadFile(out) // not there yet
	}
	header := regexp.MustCompile(`(?m)^\d\d:\d\d:\d\d \d{4}/\d\d/\d\d ZBXTRAP 127\.0\.0\.1\ngluster-trapgw\n`)
	records := header.Split(string(text), -1)[1:]
	if len(records) != len(all) || strings.Count(string(text), "ZBXTRAP") != len(all) {
		t.Fatalf("%d records and %d marks for %d notifications:\n%.3000s", len(records), strings.Count(string(text), "ZBXTRAP"), len(all), text)
	}
	v, err := newView(s)
	if err != nil {
		t.Fatal(err)
	}
	classGroup := map[string]string{}
	for _, c := range v.Classes {
		classGroup[c.Name] = c.Group
	}
	for i, n := range all {
		group := n.Group
		if n.Event == "gtgHeartbeat" {
			group = "heartbeat"
		} else if n.State != translate.Stateless {
			group = classGroup[n.AlarmClass]
		}
		want := fmt.Sprintf("group: %s\nstate: %s\nseverity: %s\nkey: %s\nevent: %s\ncluster: %s\nnode: gfs1\nvolume: gv0\nbrick: gfs2:/b1\nid: %s\ntext: %s\n",
			group, n.State, label(n.Severity), n.AlarmKey, n.Event, n.Cluster, n.ID, strings.ReplaceAll(n.Text, "ZBXTRAP", "ZBX-TRAP"))
		if records[i] != want {
			t.Fatalf("got\n%s\nwant\n%s", records[i], want)
		}
	}
}

// Without a MIB snmptrapd writes what is more than ASCII in hexadecimal; other senders' traps are kept as they are.
func TestZabbixHandlerReadsWhateverSnmptrapdWrites(t *testing.T) {
	t.Parallel()
	perl := mibtest.Tool(t, "perl")
	dir := write(t, "zabbix", site(t, ""))
	for in, want := range map[string]string{
		`gw
UDP/IPv6: [2001:db8::1]:53423->[::1]:162
iso.3.6.1.2.1.1.3.0 0:0:01:00.00
iso.3.6.1.6.3.1.1.4.1.0 iso.3.6.1.4.1.8072.9999.9999.24007.1.1.0.1077
NET-SNMP-MIB::netSnmpPlaypen.24007.1.1.1.1.4.0 "BRICK_DISCONNECTED"
.1.3.6.1.4.1.8072.9999.9999.24007.1.1.1.1.7.0 3
.1.3.6.1.4.1.8072.9999.9999.24007.1.1.1.1.8.0 critical
.1.3.6.1.4.1.8072.9999.9999.24007.1.1.1.1.16.0 "42 72 69 63 6B 20 E2 80 A6 "
`: "ZBXTRAP 2001:db8::1\ngluster-trapgw\ngroup: brick\nstate: unknown\nseverity: critical\nkey: \nevent: BRICK_DISCONNECTED\ncluster: \nnode: \nvolume: \nbrick: \nid: \ntext: Brick …\n",
		"sw\nUDP: [192.0.2.9]:1->[127.0.0.1]:162\n.1.3.6.1.6.3.1.1.4.1.0 .1.3.6.1.6.3.1.1.5.3\n.1.3.6.1.2.1.2.2.1.1 ZBXTRAP\n": "ZBXTRAP 192.0.2.9\n  .1.3.6.1.6.3.1.1.4.1.0 .1.3.6.1.6.3.1.1.5.3\n  .1.3.6.1.2.1.2.2.1.1 ZBX-TRAP\n",
	} {
		file := filepath.Join(t.TempDir(), "traps.log")
		cmd := exec.Command(perl, filepath.Join(dir, "gluster-zabbix-trap.pl"), file)
		cmd.Stdin = strings.NewReader(in)
		if msg, err := cmd.CombinedOutput(); err != nil || len(msg) > 0 {
			t.Fatalf("%v %s", err, msg)
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if _, got, _ := strings.Cut(string(text), " 20"); got == "" || !strings.HasSuffix(string(text), want) {
			t.Errorf("got %q, want %q", text, want)
		}
	}
}

// Everything in the template has a UUID of its own that stays the same for every site.
func TestZabbixTemplate(t *testing.T) {
	uuids := func(s Site) []string {
		files, err := Files("zabbix", s)
		if err != nil {
			t.Fatal(err)
		}
		var doc map[string]any
		if err := yaml.Unmarshal(files[1].Data, &doc); err != nil {
			t.Fatal(err)
		}
		var all []string
		var walk func(v any)
		walk = func(v any) {
			switch v := v.(type) {
			case map[string]any:
				for key, x := range v {
					if key == "uuid" {
						all = append(all, fmt.Sprint(x))
					}
					walk(x)
				}
			case []any:
				for _, x := range v {
					walk(x)
				}
			}
		}
		walk(doc)
		slices.Sort(all)
		return all
	}
	a, b := uuids(site(t, "")), uuids(hostile(t))
	if !slices.Equal(a, b) {
		t.Error("another site has other UUIDs")
	}
	form := regexp.MustCompile(`^[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}$`)
	for i, u := range a {
		if !form.MatchString(u) || i > 0 && a[i-1] == u {
			t.Errorf("%q is not a UUID of its own", u)
		}
	}
	if len(a) < 100 {
		t.Errorf("%d UUIDs", len(a))
	}
}
