package snmp

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gluster-trapgw/gluster-trapgw/outputs"
	"github.com/gluster-trapgw/gluster-trapgw/outputs/snmp/snmptest"
)

// asPrinted are the values of expected in the form that snmptrapd gives them, where it differs.
func asPrinted(name, value string) string {
	switch name {
	case "gtgEvDateAndTime.0":
		return "2026-11-23,1:2:3.4,+0:0"
	case "gtgEvSeverity.0", "gtgEvAlarmState.0":
		return value[:strings.IndexByte(value, '(')]
	}
	return value
}

// checkTrap compares what snmptrapd logged with expected, in order and by name.
func checkTrap(t *testing.T, tr snmptest.Trap, version string) {
	t.Helper()
	var want []snmptest.Varbind
	for _, e := range expected {
		// A v1 trap has these two in its header.
		if version == "1" && (e[0] == "snmpTrapOID.0" || e[0] == "snmpTrapAddress.0") {
			continue
		}
		want = append(want, snmptest.Varbind{Name: e[0], Value: asPrinted(e[0], e[1])})
	}
	got := tr.Varbinds
	if version != "1" {
		if len(got) == 0 || got[0].Name != "sysUpTime.0" {
			t.Fatalf("the first varbind is not sysUpTime: %v", got)
		}
		got = got[1:]
	}
	if g, w := fmt.Sprint(got), fmt.Sprint(want); g != w {
		t.Errorf("snmptrapd printed\n %s\nwant\n %s", g, w)
	}
}

func TestSnmptrapdReadsTraps(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"1", "2c"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			d := snmptest.Start(t, snmptest.Options{Community: "s3cret"})
			o := newOutput(t, config(d.Addr, func(c *Config) { c.Version, c.Community = version, "s3cret" }))
			n := quorumLost(t)
			sendAll(t, o, []outputs.Message{render(t, o, n)})
			tr := d.Wait(1)[0]
			checkTrap(t, tr, version)
			if tr.Name != "glusterQuorumLost" {
				t.Errorf("notification %q", tr.Name)
			}
		})
	}
}

func TestSnmptrapdReadsTrimmedTrap(t *testing.T) {
	t.Parallel()
	d := snmptest.Start(t, snmptest.Options{})
	o := newOutput(t, config(d.Addr, func(c *Config) { c.MaxSize = minMaxSize }))
	n := quorumLost(t)
	n.Text = long(400)
	sendAll(t, o, []outputs.Message{render(t, o, n)})
	tr := d.Wait(1)[0]
	if tr.Value("gtgEvTruncated.0") != "true" || !strings.HasSuffix(tr.Value("gtgEvMessage.0"), "…") || tr.Value("gtgEvAlarmKey.0") != n.AlarmKey {
		t.Errorf("got %+v", tr)
	}
}
