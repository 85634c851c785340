package snmp

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/gluster-trapgw/gluster-trapgw/mibs"
	"github.com/gluster-trapgw/gluster-trapgw/outputs"
	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

func decoded(t testing.TB, packet []byte) *Received {
	t.Helper()
	r, err := Decode(testMIB(t), packet)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func pairs(r *Received) [][2]string {
	var got [][2]string
	for _, v := range r.Varbinds {
		got = append(got, [2]string{v.Name, v.Value})
	}
	return got
}

func TestRenderV2c(t *testing.T) {
	t.Parallel()
	o := newOutput(t, config("127.0.0.1:162"))
	r := decoded(t, render(t, o, quorumLost(t)).Data)
	if r.Version != "2c" || r.Kind != "trap" || r.Name != "glusterQuorumLost" {
		t.Errorf("got version %q, kind %q, name %q", r.Version, r.Kind, r.Name)
	}
	got := pairs(r)
	if got[0][0] != "sysUpTime.0" {
		t.Errorf("first varbind is %q, want sysUpTime.0", got[0][0])
	}
	if g, w := fmt.Sprint(got[1:]), fmt.Sprint(expected); g != w {
		t.Errorf("varbinds\n got %s\nwant %s", g, w)
	}
}

func TestRenderEmptyNotificationHasAllObjects(t *testing.T) {
	t.Parallel()
	o := newOutput(t, config("127.0.0.1:162"))
	mib := testMIB(t)
	for _, def := range mib.Notifications() {
		r := decoded(t, render(t, o, &translate.Notification{Name: def.Name, OID: def.OID}).Data)
		if len(r.Varbinds) < 2+len(def.Objects) {
			t.Fatalf("%s: %d varbinds, want at least %d", def.Name, len(r.Varbinds), 2+len(def.Objects))
		}
		for i, obj := range def.Objects {
			if got := r.Varbinds[2+i].Name; got != obj.Name+".0" {
				t.Errorf("%s: varbind %d is %s, want %s.0", def.Name, i+3, got, obj.Name)
			}
		}
	}
}

func TestRenderGatewayFiguresComeFromFields(t *testing.T) {
	t.Parallel()
	o := newOutput(t, config("127.0.0.1:162"))
	def, _ := testMIB(t).Notification("gtgHeartbeat")
	n := &translate.Notification{Name: def.Name, OID: def.OID, Event: def.Name, Fields: []translate.Field{
		{Key: "gtgLogHighestSequence", Value: "4294967299"}, {Key: "gtgAlarmActiveCount", Value: "3"}, {Key: "gtgGwSent", Value: "77"}}}
	r := decoded(t, render(t, o, n).Data)
	for name, want := range map[string]string{"gtgLogHighestSequence.0": "4294967295", "gtgAlarmActiveCount.0": "3", "gtgGwSent.0": "77", "gtgGwFailed.0": "0"} {
		if got := r.Value(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

func TestRenderAddresses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ addr, want string }{
		{"192.0.2.1", "192.0.2.1"}, {"::ffff:192.0.2.2", "192.0.2.2"}, {"2001:db8::1", ""}, {"", ""},
	} {
		n := quorumLost(t)
		n.NodeAddr, _ = netip.ParseAddr(c.addr)
		for _, version := range []string{"1", "2c"} {
			o := newOutput(t, config("127.0.0.1:162", func(c *Config) { c.Version = version }))
			r := decoded(t, render(t, o, n).Data)
			if got := r.Value("snmpTrapAddress.0"); got != c.want || r.Version != version {
				t.Errorf("node %q in version %s (wanted %s): got %q, want %q", c.addr, r.Version, version, got, c.want)
			}
		}
	}
}

func TestRenderV1IsTheSameByRFC3584(t *testing.T) {
	t.Parallel()
	o := newOutput(t, config("127.0.0.1:162", func(c *Config) { c.Version = "1" }))
	got := pairs(decoded(t, render(t, o, quorumLost(t)).Data))
	if g, w := fmt.Sprint(got[1:]), fmt.Sprint(expected); g != w {
		t.Errorf("varbinds\n got %s\nwant %s", g, w)
	}
}

func TestRenderUnknownNameIsPermanent(t *testing.T) {
	t.Parallel()
	o := newOutput(t, config("127.0.0.1:162"))
	if _, err := o.Render(&translate.Notification{Name: "glusterNoSuch"}, 1); !errors.Is(err, outputs.ErrPermanent) {
		t.Errorf("got %v, want a permanent error", err)
	}
}

func TestRenderIsConcurrent(t *testing.T) {
	t.Parallel()
	o := newOutput(t, config("127.0.0.1:162"))
	n := quorumLost(t)
	var wg sync.WaitGroup
	tags := make([][]uint64, 4)
	for i := range tags {
		wg.Go(func() {
			for range 200 {
				m, err := o.Render(n, 1)
				if err != nil {
					t.Error(err)
					return
				}
				tags[i] = append(tags[i], m.Tag)
			}
		})
	}
	wg.Wait()
	seen := map[uint64]bool{}
	for _, list := range tags {
		for _, tag := range list {
			if seen[tag] {
				t.Fatalf("request-id %d was given twice", tag)
			}
			seen[tag] = true
		}
	}
}

// full is a notification with every string longer than its object.
func full(t testing.TB) *translate.Notification {
	n := quorumLost(t)
	n.Cluster, n.NodeID, n.NodeName, n.AlarmKey, n.ID = long(80), long(80), long(300), long(300), long(80)
	n.Volume, n.Brick, n.Peer, n.Subvol, n.Text, n.Raw = long(300), long(600), long(300), long(300), long(600), long(2000)
	return n
}

func TestRenderCutsToSize(t *testing.T) {
	t.Parallel()
	mib := testMIB(t)
	o := newOutput(t, config("127.0.0.1:162", func(c *Config) { c.MaxSize = maxMaxSize }))
	r := decoded(t, render(t, o, full(t)).Data)
	for _, v := range r.Varbinds {
		obj, ok := mib.Instance(v.OID)
		if !ok || !obj.IsText {
			continue
		}
		if len(v.Value) > obj.MaxSize || !utf8.ValidString(v.Value) {
			t.Errorf("%s has %d octets of at most %d, valid UTF-8: %v", v.Name, len(v.Value), obj.MaxSize, utf8.ValidString(v.Value))
		}
		if v.Name != "gtgEvName.0" && len(v.Value) < obj.MaxSize-4 {
			t.Errorf("%s has only %d octets of %d", v.Name, len(v.Value), obj.MaxSize)
		}
	}
	if got := r.Value("gtgEvTruncated.0"); got != "true(1)" {
		t.Errorf("gtgEvTruncated is %q", got)
	}
	if got := r.Value("gtgEvMessage.0"); !strings.HasSuffix(got, "…") {
		t.Errorf("the cut message does not end in an ellipsis: %q", got)
	}
}

func TestRenderTrimsInOrder(t *testing.T) {
	t.Parallel()
	n := quorumLost(t)
	n.Text, n.AlarmKey = long(400), long(200)
	var before []string
	for size := 1472; size >= minMaxSize; size -= 4 {
		o := newOutput(t, config("127.0.0.1:162", func(c *Config) { c.MaxSize = size }))
		data := render(t, o, n).Data
		if len(data) > size {
			t.Fatalf("max_size %d: got %d octets", size, len(data))
		}
		r := decoded(t, data)
		var have []string
		for _, name := range []string{"Raw", "Epoch", "NotificationId", "NodeId", "Subvol", "Peer", "Brick"} {
			if r.Value("gtgEv"+name+".0") != "" {
				have = append(have, name)
			}
		}
		if !strings.HasSuffix(strings.Join(before, " "), strings.Join(have, " ")) && before != nil {
			t.Errorf("max_size %d: has %v after %v", size, have, before)
		}
		before = have
		if len(have) > 0 && len(r.Value("gtgEvMessage.0")) < 390 {
			t.Errorf("max_size %d: the message was cut while %v is there", size, have)
		}
		if len(r.Value("gtgEvAlarmKey.0")) < 200 && len(r.Value("gtgEvMessage.0")) > 3 {
			t.Errorf("max_size %d: the key was cut before the message", size)
		}
		if len(have) < 7 && r.Value("gtgEvTruncated.0") != "true(1)" {
			t.Errorf("max_size %d: cut and not said", size)
		}
		if !utf8.ValidString(r.Value("gtgEvMessage.0")) || !utf8.ValidString(r.Value("gtgEvAlarmKey.0")) {
			t.Errorf("max_size %d: half a character", size)
		}
		if size-len(data) > 150 && len(have) < 7 && len(have) > 0 {
			t.Errorf("max_size %d: only %d octets used with %v", size, len(data), have)
		}
	}
	if len(before) != 0 {
		t.Errorf("at %d octets the extras %v are still there", minMaxSize, before)
	}
}

func TestRenderLeastSizeHoldsEverythingFull(t *testing.T) {
	t.Parallel()
	o := newOutput(t, config("127.0.0.1:162", func(c *Config) { c.MaxSize = minMaxSize }))
	data := render(t, o, full(t)).Data
	r := decoded(t, data)
	if len(data) > minMaxSize || len(r.Varbinds) < 12 || r.Value("gtgEvTruncated.0") == "" {
		t.Errorf("got %d octets with %d varbinds", len(data), len(r.Varbinds))
	}
}

func TestCutKeyKeepsKeysApartAndEqual(t *testing.T) {
	t.Parallel()
	a, b := long(300)+"a", long(300)+"b"
	if cutKey(a, 255) == cutKey(b, 255) {
		t.Error("two keys became one")
	}
	if got := cutKey(a, 255); got != cutKey(a, 255) || len(got) > 255 || !utf8.ValidString(got) {
		t.Errorf("got %q", got)
	}
}

func TestCutLeavesNoHalfCharacter(t *testing.T) {
	t.Parallel()
	for max := range 9 {
		if got := cut("ü€𝄞x", max); !utf8.ValidString(got) || len(got) > max {
			t.Errorf("cut to %d: %q", max, got)
		}
	}
}

func TestVarbindsAreThoseOfThePacket(t *testing.T) {
	t.Parallel()
	o := newOutput(t, config("127.0.0.1:162"))
	n := quorumLost(t)
	got, err := o.Varbinds(n)
	if err != nil {
		t.Fatal(err)
	}
	want := decoded(t, render(t, o, n).Data).Varbinds
	if g, w := fmt.Sprint(got[1:]), fmt.Sprint(want[1:]); g != w {
		t.Errorf("got  %s\nwant %s", g, w)
	}
}

func TestRenderUnderAnotherRoot(t *testing.T) {
	t.Parallel()
	mib, err := mibs.Load("1.3.6.1.4.1.99999.7")
	if err != nil {
		t.Fatal(err)
	}
	o, err := New(config("127.0.0.1:162"), Env{MIB: mib, Start: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	def, _ := mib.Event("QUORUM_LOST")
	n := quorumLost(t)
	n.OID = def.OID
	r, err := Decode(mib, render(t, o, n).Data)
	if err != nil {
		t.Fatal(err)
	}
	if r.Name != "glusterQuorumLost" || !strings.HasPrefix(r.OID, ".1.3.6.1.4.1.99999.7.") || r.Value("gtgEvVolume.0") != "gv0" {
		t.Errorf("got %+v", r)
	}
}

// The limit holds for v3 too, where the packet has an engine, a user, a digest and padding besides.
func TestRenderLeastSizeV3(t *testing.T) {
	t.Parallel()
	for _, auth := range AuthProtocols {
		for _, priv := range []string{"", "DES", "AES-256"} {
			for _, kind := range []string{"trap", "inform"} {
				u := User{Name: "alice", Auth: auth.Name, AuthKey: "authpass12345", Priv: priv}
				if priv != "" {
					u.PrivKey = "privpass12345"
				}
				o := newOutput(t, config("127.0.0.1:162", withUser(u), func(c *Config) { c.MaxSize, c.Kind = 600, kind }))
				data := render(t, o, full(t)).Data
				keys := o.own
				if kind == "inform" {
					keys = o.remote.newest()
				}
				p, err := keys.open(data)
				if err != nil {
					t.Fatal(err)
				}
				if len(data) > 600 || len(data) < 580 || len(p.Variables) < 12 {
					t.Errorf("%s %s %s: %d octets, %d varbinds", kind, auth.Name, priv, len(data), len(p.Variables))
				}
			}
		}
	}
	o := newOutput(t, config("127.0.0.1:162", withUser(alice), func(c *Config) { c.MaxSize = minMaxSize }))
	if data := render(t, o, full(t)).Data; len(data) > minMaxSize {
		t.Errorf("%d octets", len(data))
	}
}
