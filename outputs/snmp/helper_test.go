package snmp

import (
	"context"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/conffile"
	"github.com/gluster-trapgw/gluster-trapgw/mibs"
	"github.com/gluster-trapgw/gluster-trapgw/outputs"
	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

var loadMIB = sync.OnceValues(func() (*mibs.MIB, error) { return mibs.Load("") })

func testMIB(t testing.TB) *mibs.MIB {
	t.Helper()
	m, err := loadMIB()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// config is the default configuration with a target, changed by the given functions.
func config(target string, change ...func(*Config)) Config {
	c := DefaultConfig()
	c.Target, c.Community = target, "public"
	for _, f := range change {
		f(&c)
	}
	return c
}

func newOutput(t testing.TB, cfg Config) *Output {
	t.Helper()
	engines, err := OpenEngines(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	o, err := New(cfg, Env{MIB: testMIB(t), Start: time.Now(), Engines: engines})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { o.Close() })
	return o
}

// quorumLost is a notification with every part filled.
func quorumLost(t testing.TB) *translate.Notification {
	t.Helper()
	ev, ok := testMIB(t).Event("QUORUM_LOST")
	if !ok {
		t.Fatal("the MIB has no QUORUM_LOST")
	}
	return &translate.Notification{
		ID: "01-5f3a", Seq: 4711, Event: "QUORUM_LOST", Name: ev.Name, OID: ev.OID, Group: "quorum",
		Time: time.Date(2026, 11, 23, 1, 2, 3, 400e6, time.UTC), TS: 1795395723,
		Severity: translate.Critical, State: translate.Raise, AlarmClass: "quorum", AlarmKey: "prod/gv0/quorum",
		Cluster: "prod", NodeID: "3f1b6a3e-57a1-4bfc-8b8e-6e3f0a4b2c11", NodeName: "gfs1", NodeAddr: netip.MustParseAddr("192.0.2.11"),
		Volume: "gv0", Brick: "gfs2:/bricks/b1", Peer: "gfs2", Subvol: "gv0-replicate-0",
		Text: "Volume gv0 lost its server quorum – größer \"is\" besser",
		Raw:  `{"nodeid":"3f1b6a3e-57a1-4bfc-8b8e-6e3f0a4b2c11","ts":1795395723,"event":"QUORUM_LOST","message":{"volume":"gv0"}}`,
	}
}

// expected are the varbinds of quorumLost by name as the MIB's formatter shows them, without sysUpTime.
var expected = [][2]string{
	{"snmpTrapOID.0", "glusterQuorumLost"},
	{"gtgEvClusterId.0", "prod"},
	{"gtgEvNodeName.0", "gfs1"},
	{"gtgEvName.0", "QUORUM_LOST"},
	{"gtgEvDateAndTime.0", "2026-11-23 01:02:03.4 +00:00"},
	{"gtgEvSeverity.0", "critical(3)"},
	{"gtgEvAlarmState.0", "raise(2)"},
	{"gtgEvAlarmKey.0", "prod/gv0/quorum"},
	{"gtgEvSequence.0", "4711"},
	{"gtgEvVolume.0", "gv0"},
	{"gtgEvMessage.0", "Volume gv0 lost its server quorum – größer \"is\" besser"},
	{"gtgEvBrick.0", "gfs2:/bricks/b1"},
	{"gtgEvPeer.0", "gfs2"},
	{"gtgEvSubvol.0", "gv0-replicate-0"},
	{"gtgEvNodeId.0", "3f1b6a3e-57a1-4bfc-8b8e-6e3f0a4b2c11"},
	{"gtgEvNotificationId.0", "01-5f3a"},
	{"gtgEvEpoch.0", "1795395723"},
	{"gtgEvRaw.0", `{"nodeid":"3f1b6a3e-57a1-4bfc-8b8e-6e3f0a4b2c11","ts":1795395723,"event":"QUORUM_LOST","message":{"volume":"gv0"}}`},
	{"snmpTrapAddress.0", "192.0.2.11"},
}

func render(t testing.TB, o *Output, n *translate.Notification) outputs.Message {
	t.Helper()
	m, err := o.Render(n, 1)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// sendAll sends until everything is delivered, as the worker would, for some seconds.
func sendAll(t testing.TB, o *Output, batch []outputs.Message) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for len(batch) > 0 {
		n, err := o.Send(ctx, batch)
		batch = batch[n:]
		if err != nil && ctx.Err() != nil {
			t.Fatalf("not delivered: %v", err)
		}
	}
}

func long(n int) string { return strings.Repeat("ü", n/2) }

func longSecret(n int) conffile.Secret { return conffile.Secret(strings.Repeat("x", n)) }
