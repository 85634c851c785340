package snmp

import (
	"math"
	"net/netip"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/gosnmp/gosnmp"

	"github.com/gluster-trapgw/gluster-trapgw/mibs"
	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

// FuzzRender: whatever is in a Notification, the packet decodes again, with the same values where they were not cut,
// and fits.
func FuzzRender(f *testing.F) {
	mib := testMIB(f)
	f.Add("prod", "gv0", "Volume gv0 is down", "gfs2:/bricks/b1", "{}", uint64(7), int64(1795395723), byte(3), byte(2), []byte{192, 0, 2, 1}, uint16(1472), uint8(9))
	f.Add("", "", "", "", "", uint64(math.MaxUint64), int64(math.MinInt64), byte(0), byte(255), []byte{}, uint16(484), uint8(0))
	f.Add(long(200), long(300), long(600), long(700), long(2000), uint64(1)<<32, int64(math.MaxInt64), byte(7), byte(4), []byte{1}, uint16(600), uint8(30))
	outs := []*Output{newOutput(f, config("127.0.0.1:162", func(c *Config) { c.Version = "1" })), newOutput(f, config("127.0.0.1:162"))}
	f.Fuzz(func(t *testing.T, cluster, volume, text, brick, raw string, seq uint64, sec int64, sev, state byte, addr []byte, size uint16, which uint8) {
		all := mib.Notifications()
		def := all[int(which)%len(all)]
		max := minMaxSize + int(size)
		n := &translate.Notification{Name: def.Name, OID: def.OID, Event: "E", Cluster: cluster, Volume: volume, Text: text, Brick: brick, Raw: raw,
			AlarmKey: cluster + volume, NodeName: volume, Seq: seq, Time: time.Unix(sec, 0), Severity: translate.Severity(sev), State: translate.AlarmState(state)}
		n.NodeAddr, _ = netip.AddrFromSlice(addr)
		for _, o := range outs {
			o.maxSize = max
			m := render(t, o, n)
			if len(m.Data) > max {
				t.Errorf("%d octets, at most %d are allowed", len(m.Data), max)
			}
			p, err := (&gosnmp.GoSNMP{}).UnmarshalTrap(m.Data, false)
			if err != nil {
				t.Fatal(err)
			}
			checkValues(t, mib, p, n, def.Objects)
		}
	})
}

func checkValues(t *testing.T, mib *mibs.MIB, p *gosnmp.SnmpPacket, n *translate.Notification, objects []*mibs.Object) {
	t.Helper()
	got := map[string]any{}
	var order []string
	for _, v := range p.Variables {
		got[v.Name] = v.Value
		if _, ok := mib.Instance(v.Name); ok {
			order = append(order, v.Name)
		}
	}
	value := func(name string) any {
		obj, _ := mib.Object(name)
		return got[obj.OID]
	}
	cut := value(truncated) != nil
	for i, obj := range objects {
		if i >= len(mib.Unknown().Objects) && cut {
			break
		}
		if i >= len(order) || order[i] != obj.OID {
			t.Fatalf("object %d is not %s", i, obj.Name)
		}
	}
	for name, want := range map[string]string{"gtgEvClusterId": n.Cluster, "gtgEvVolume": n.Volume, message: n.Text,
		alarmKey: n.AlarmKey, "gtgEvBrick": n.Brick, raw: n.Raw} {
		have, there := value(name).([]byte)
		switch {
		case !there && (want == "" || cut):
		case string(have) == want:
		case !cut:
			t.Errorf("%s: got %q, want %q", name, have, want)
		case len(have) > len(want):
			t.Errorf("%s: grew to %q from %q", name, have, want)
		case utf8.ValidString(want) && !utf8.Valid(have):
			t.Errorf("%s: half a character in %q", name, have)
		}
	}
	if v := value("gtgEvSequence"); v != uint(uint32(n.Seq)) {
		t.Errorf("sequence: got %v, want %d", v, uint32(n.Seq))
	}
	if v := value("gtgEvSeverity"); v != int(n.Severity) {
		t.Errorf("severity: got %v, want %d", v, n.Severity)
	}
	if v, _ := value("gtgEvDateAndTime").([]byte); len(v) != 11 {
		t.Errorf("DateAndTime has %d octets", len(v))
	}
}

// FuzzDecode: no packet makes the receiver panic.
func FuzzDecode(f *testing.F) {
	mib := testMIB(f)
	for _, version := range []string{"1", "2c"} {
		o := newOutput(f, config("127.0.0.1:162", func(c *Config) { c.Version = version }))
		f.Add(render(f, o, quorumLost(f)).Data)
	}
	f.Fuzz(func(t *testing.T, packet []byte) {
		if r, err := Decode(mib, packet); err == nil && r == nil {
			t.Error("neither a result nor an error")
		}
	})
}

// FuzzAnswer: nothing that anybody sends to the socket of an inform makes it panic or passes for an acknowledgement.
func FuzzAnswer(f *testing.F) {
	plain, v3 := newOutput(f, informer("127.0.0.1:162")), newOutput(f, informer("127.0.0.1:162", withUser(alice)))
	v3.discoverAs(f, "engine-1")
	n := quorumLost(f)
	f.Add(render(f, plain, n).Data)
	f.Add(render(f, v3, n).Data)
	report := gosnmp.SnmpPacket{Version: gosnmp.Version3, SecurityModel: gosnmp.UserSecurityModel, PDUType: gosnmp.Report,
		SecurityParameters: &gosnmp.UsmSecurityParameters{AuthoritativeEngineID: "another"},
		Variables:          []gosnmp.SnmpPDU{{Name: usmUnknownEngineIDs, Type: gosnmp.Counter32, Value: uint32(1)}}}
	data, err := report.MarshalMsg()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	any := func(uint32) bool { return true }
	f.Fuzz(func(t *testing.T, packet []byte) {
		if p, err := plain.openAnswer(packet, any); err == nil && p != nil && p.Version != gosnmp.Version2c {
			t.Errorf("took %v for an answer", p.PDUType)
		}
		if p, err := v3.openAnswer(packet, any); err == nil && p != nil && p.PDUType == gosnmp.GetResponse {
			t.Error("took a packet of a stranger for an acknowledgement")
		}
	})
}

// discoverAs makes an engine known without asking one.
func (o *Output) discoverAs(t testing.TB, engineID string) {
	t.Helper()
	if _, err := o.remote.learn(engineID, 1, 1); err != nil {
		t.Fatal(err)
	}
}
