package translate

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/gluster-trapgw/gluster-trapgw/mibs"
)

var update = flag.Bool("update", false, "rewrite golden files")

var testCluster = Cluster{ID: "q1", Name: "prod", Nodes: map[string]Node{
	"c6ad9be2-5ce9-46e0-9574-6917a91bcfb6": {Name: "gfs1", Address: "192.0.2.11"},
	"1a6111b8-4f13-4c02-9739-2c473e398b41": {Name: "gfs2", Address: "192.0.2.12"},
}}

func newTranslator(t testing.TB, c Cluster) *Translator {
	t.Helper()
	m, err := mibs.Load("")
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	tr, err := New(m, c)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func translateBody(t testing.TB, tr *Translator, body string) *Notification {
	t.Helper()
	ev, err := Decode([]byte(body))
	if err != nil {
		t.Fatalf("decode %s: %v", body, err)
	}
	ev.Seq, ev.Received, ev.Input, ev.Remote = 7, time.Unix(1795390000, 0), "webhook", "198.51.100.9"
	return tr.Translate(&ev)
}

func TestEvents(t *testing.T) {
	tr := newTranslator(t, testCluster)
	files, err := filepath.Glob("../testdata/events/*.json")
	if err != nil || len(files) != 142 {
		t.Fatalf("%d files in testdata/events (%v), want one for each of the 142 events", len(files), err)
	}
	var b strings.Builder
	for _, f := range files {
		body, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		n := translateBody(t, tr, string(body))
		if want := strings.TrimSuffix(filepath.Base(f), ".json"); n.Event != want {
			t.Errorf("%s holds %s", f, n.Event)
		}
		if strings.Contains(n.Text, "?") {
			t.Errorf("%s: the text has a gap: %q", n.Event, n.Text)
		}
		fmt.Fprintf(&b, "%s %s %s %s\n  %s\n  volume=%s brick=%s peer=%s/%s subvol=%s secondary=%s client=%s service=%s\n",
			n.Event, n.Severity, n.State, n.AlarmKey, n.Text, n.Volume, n.Brick, n.Peer, n.PeerID, n.Subvol, n.Secondary, n.Client, n.Service)
	}
	golden(t, "testdata/events.golden", b.String())
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		gl, wl := strings.Split(got, "\n"), strings.Split(string(want), "\n")
		for i := range gl {
			if i >= len(wl) || gl[i] != wl[i] {
				t.Fatalf("%s line %d:\n got %s\nwant %s", file, i+1, gl[i], append(wl, "")[min(i, len(wl))])
			}
		}
		t.Fatalf("%s is longer than what came out", file)
	}
}

func TestTranslate(t *testing.T) {
	tr := newTranslator(t, testCluster)
	n := translateBody(t, tr, `{"event":"BRICK_DISCONNECTED","message":{"peer":"gfs2","volume":"gv0","brick":"/bricks/b1","severity":"cleared","oid":"1.2"},"nodeid":"1a6111b8-4f13-4c02-9739-2c473e398b41","ts":1795388845}`)
	if n.Text != "Brick gfs2:/bricks/b1 of volume gv0 is down" || n.Severity != Critical || n.OID != ".1.3.6.1.4.1.8072.9999.9999.24007.1.1.0.1077" {
		t.Errorf("got %+v", n)
	}
	if n.ID != "q1-7" || n.NodeName != "gfs2" || n.NodeAddr.String() != "192.0.2.12" || !n.Time.Equal(time.Unix(1795388845, 0)) {
		t.Errorf("got %+v", n)
	}
	t.Run("unknown type", func(t *testing.T) {
		n := translateBody(t, tr, `{"event":"NEW_THING","message":{"volume":"gv0","x":"1"},"nodeid":null,"ts":-5}`)
		if n.Name != "glusterUnknownEvent" || n.Severity != Indeterminate || n.State != Stateless || n.Volume != "gv0" ||
			n.Text != "Unknown GlusterFS event NEW_THING: volume=gv0, x=1" {
			t.Errorf("got %+v", n)
		}
		if !n.Time.Equal(n.Received) || n.TS != -5 || n.NodeAddr.String() != "198.51.100.9" || n.Host() != "198.51.100.9" {
			t.Errorf("got time %v, ts %d, host %s", n.Time, n.TS, n.Host())
		}
	})
	t.Run("nothing known of the node", func(t *testing.T) {
		ev := Event{Name: "PEER_DISCONNECT", Received: time.Unix(1795390000, 0), Input: "eventsd", Remote: "198.51.100.9",
			Message: []Field{{"peer", "gfs3"}, {"uuid", "d99d4578-93c0-410b-9d94-278198626ce6"}}}
		n := tr.Translate(&ev)
		if n.NodeAddr.IsValid() || n.Host() != "" || n.Text != "Peer gfs3 is disconnected" {
			t.Errorf("got %+v, want no node and a text without one", n)
		}
	})
	t.Run("loopback is no node", func(t *testing.T) {
		for _, remote := range []string{"127.0.0.1", "::1", "::ffff:127.0.0.1", "0.0.0.0", "::", "", "x"} {
			ev := Event{Name: "QUOTA_ENABLE", Input: "webhook", Remote: remote}
			if n := tr.Translate(&ev); n.NodeAddr.IsValid() {
				t.Errorf("remote %q gives the address %v, want none", remote, n.NodeAddr)
			}
		}
	})
	t.Run("times", func(t *testing.T) {
		received := time.Unix(1795390000, 5)
		for ts, want := range map[int64]time.Time{1: time.Unix(1, 0), lastTime - 1: time.Unix(lastTime-1, 0), 0: received,
			-1: received, lastTime: received, math.MaxInt64: received, math.MinInt64: received} {
			ev := Event{Name: "QUOTA_ENABLE", TS: ts, Received: received}
			if n := tr.Translate(&ev); !n.Time.Equal(want) || n.Time.Location() != time.UTC || n.TS != ts {
				t.Errorf("ts %d gives %v, want %v", ts, n.Time, want)
			}
		}
	})
	t.Run("identity", func(t *testing.T) {
		ev := Event{Seq: math.MaxUint64}
		tr := newTranslator(t, Cluster{ID: strings.Repeat("i", maxID)})
		if n := tr.Translate(&ev); len(n.ID) != 64 {
			t.Errorf("the longest ID has %d octets, want 64: %s", len(n.ID), n.ID)
		}
		m, err := mibs.Load("")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := New(m, Cluster{ID: strings.Repeat("i", maxID+1)}); err == nil {
			t.Error("a log identity that makes IDs too long is taken")
		}
	})
	t.Run("control characters", func(t *testing.T) {
		n := translateBody(t, tr, `{"event":"VOLUME_SET","message":{"name":"g\nv\u0000\u001b[31m\u202e\u00fc","options":[["a","b\nc"],["d"]]}}`)
		if n.Volume != "g v  [31m ü" || n.Text != "Options of volume g v  [31m ü were set: a=b c, d" {
			t.Errorf("got volume %q, text %q", n.Volume, n.Text)
		}
	})
}

func TestCapturesTranslate(t *testing.T) {
	tr := newTranslator(t, Cluster{ID: "q"})
	f, err := os.Open("../testdata/captures/webhook-real.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	s.Buffer(nil, 1<<20)
	bodies := 0
	for s.Scan() {
		var c struct{ Body, Origin string }
		if err := json.Unmarshal(s.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		if c.Body == "" {
			continue
		}
		bodies++
		n := translateBody(t, tr, c.Body)
		if c.Origin == "gluster" && (strings.Contains(n.Text, "?") || n.State == Raise && strings.Contains(n.AlarmKey+"/", "//") && n.AlarmClass != "quota") {
			t.Errorf("something is missing in %q, key %q: %s", n.Text, n.AlarmKey, c.Body)
		}
		if n.Name == "glusterUnknownEvent" {
			t.Errorf("unknown event in a capture: %s", c.Body)
		}
		checkClean(t, n)
	}
	if bodies < 1000 {
		t.Errorf("only %d bodies in the captures", bodies)
	}
}

func checkClean(t *testing.T, n *Notification) {
	t.Helper()
	for _, s := range append([]string{n.ID, n.Event, n.Name, n.AlarmKey, n.NodeID, n.Volume, n.Brick, n.Peer, n.PeerID, n.Subvol,
		n.Secondary, n.Client, n.Service, n.Text, n.Raw, n.Cluster}, fieldStrings(n)...) {
		if !utf8.ValidString(s) || strings.ContainsFunc(s, isControl) {
			t.Fatalf("%q has control characters or is not UTF-8", s)
		}
	}
}

func fieldStrings(n *Notification) []string {
	var all []string
	for _, f := range n.Fields {
		all = append(all, f.Key, f.Value)
	}
	return all
}

func FuzzTranslate(f *testing.F) {
	tr := newTranslator(f, testCluster)
	files, err := filepath.Glob("../testdata/events/*.json")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
	f.Add([]byte(`{"event":"X\ud800","message":{"a":[["k","v"],["x"]],"b":{"c":1.5e3}},"ts":99999999999999999999}`))
	f.Add([]byte("{\"event\":\"VOLUME_SET\",\"message\":{\"name\":\"\xff\u202e\u2028\x7f\u0085\",\"\\u0000\":\"\"},\"nodeid\":\"\\n\"}"))
	f.Fuzz(func(t *testing.T, body []byte) {
		ev, err := Decode(body)
		if err != nil {
			return
		}
		ev.Input, ev.Remote = "webhook", "192.0.2.1"
		n := tr.Translate(&ev)
		checkClean(t, n)
		if len(n.AlarmKey) > maxKey || len(n.Event) > 64 || n.Severity == 0 || n.State == 0 || n.OID == "" || n.Text == "" {
			t.Fatalf("got %+v", n)
		}
		ends := tr.Ends(n)
		if n.State == Clear && len(ends) == 0 && !strings.HasSuffix(n.AlarmKey, "*") && !strings.Contains(n.AlarmKey, "/*/") {
			t.Fatalf("clear %q ends nothing", n.AlarmKey)
		}
		if a, ok := tr.Alarm(n); ok != (n.State == Raise) || ok && a.Key != n.AlarmKey {
			t.Fatalf("alarm %+v, %v of %+v", a, ok, n)
		}
	})
}

var benchBodies = map[string]string{
	"brick":  `{"event": "BRICK_DISCONNECTED", "message": {"brick": "/bricks/rep3/b1", "peer": "gfs2", "volume": "rep3"}, "nodeid": "1a6111b8-4f13-4c02-9739-2c473e398b41", "ts": 1795388845}`,
	"client": `{"event": "CLIENT_CONNECT", "message": {"brick_path": "/bricks/dist/b1", "client_identifier": "10.99.0.1:49009", "client_uid": "CTX_ID:dfb85c7d-6e1f-42d8-a9f1-1af1d565b392-GRAPH_ID:0-PID:30673-HOST:gfs1-PC_NAME:dist-client-0-RECON_NO:-0", "server_identifier": "10.99.0.1:57108", "subdir_mount": "(null)"}, "nodeid": "c6ad9be2-5ce9-46e0-9574-6917a91bcfb6", "ts": 1795388984}`,
	"peer":   `{"event": "PEER_DISCONNECT", "message": {"peer": "gfs2", "state": "Peer in Cluster", "uuid": "1a6111b8-4f13-4c02-9739-2c473e398b41"}, "nodeid": "c6ad9be2-5ce9-46e0-9574-6917a91bcfb6", "ts": 1795388845}`,
	"create": `{"event": "VOLUME_CREATE", "message": {"bricks": " gfs1:/bricks/rep3/b1 gfs2:/bricks/rep3/b1 gfs3:/bricks/rep3/b1", "name": "rep3"}, "nodeid": "c6ad9be2-5ce9-46e0-9574-6917a91bcfb6", "ts": 1795388671}`,
}

// Every output decodes and translates every event; a dozen allocations would show in the drain rate.
func TestFewAllocations(t *testing.T) {
	tr := newTranslator(t, testCluster)
	for name, body := range benchBodies {
		raw := []byte(body)
		if allocs := testing.AllocsPerRun(100, func() {
			ev, err := Decode(raw)
			if err != nil {
				t.Fatal(err)
			}
			tr.Translate(&ev)
		}); allocs >= 12 {
			t.Errorf("%s takes %v allocations, want less than 12", name, allocs)
		}
	}
}

func BenchmarkDecodeTranslate(b *testing.B) {
	tr := newTranslator(b, testCluster)
	for _, name := range slices.Sorted(maps.Keys(benchBodies)) {
		body := []byte(benchBodies[name])
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				ev, err := Decode(body)
				if err != nil {
					b.Fatal(err)
				}
				tr.Translate(&ev)
			}
		})
	}
}

// Texts whose events come in several shapes, and without what is mostly there.
func TestTexts(t *testing.T) {
	tr := newTranslator(t, testCluster)
	for _, c := range []struct{ body, want string }{
		{`{"event":"AFR_SPLIT_BRAIN","message":{"file":"e4db8f6d-e1f8-450b-b53d-82a9fe0a44b1","subvol":"gv0-replicate-0","type":"data"}}`,
			"Split-brain in replica set gv0-replicate-0 of volume gv0 on gfid e4db8f6d-e1f8-450b-b53d-82a9fe0a44b1 (data)"},
		{`{"event":"AFR_SPLIT_BRAIN","message":{"gfid":"e4db8f6d-e1f8-450b-b53d-82a9fe0a44b1","subvol":"gv0-replicate-0"}}`,
			"Split-brain in replica set gv0-replicate-0 of volume gv0 on gfid e4db8f6d-e1f8-450b-b53d-82a9fe0a44b1"},
		{`{"event":"AFR_SPLIT_BRAIN","message":{"file":"<gfid:1>/f>","subvol":"gv0-replicate-0","type":"gfid"}}`,
			"Split-brain in replica set gv0-replicate-0 of volume gv0 on <gfid:1>/f (gfid)"},
		{`{"event":"SVC_RECONFIGURE_FAILED","message":{"svc_name":""},"nodeid":"1a6111b8-4f13-4c02-9739-2c473e398b41"}`,
			"Service on node gfs2 could not be reconfigured"},
		{`{"event":"VOLUME_SET","message":{"name":"all","options":[["cluster.server-quorum-ratio","51%"]]}}`,
			"Options of the whole cluster were set: cluster.server-quorum-ratio=51%"},
		{`{"event":"VOLUME_RESET","message":{"name":"all","option":"cluster.max-op-version"}}`,
			"Options of the whole cluster were reset: cluster.max-op-version"},
		{`{"event":"VOLUME_RESET","message":{"name":"gv0","option":"all"}}`, "Options of volume gv0 were reset: all"},
		{`{"event":"VOLUME_SET","message":{"scope":"x"}}`, "Options of volume ? were set"},
		{`{"event":"POSIX_ALREADY_PART_OF_VOLUME","message":{"brick":"gfs1:/b","volume-id":"0011"}}`,
			"Brick gfs1:/b is part of another volume already: volume-id 0011"},
		{`{"event":"SNAPSHOT_SCHEDULER_SCHEDULE_ADDED","message":{"status":"Successfully added job nightly"}}`,
			"A snapshot schedule was added: Successfully added job nightly"},
		{`{"event":"SNAPSHOT_SCHEDULER_SCHEDULE_DELETED","message":{}}`, "A snapshot schedule was deleted"},
		{`{"event":"PEER_REJECT","message":{"peer":"gfs9"},"nodeid":null}`, "Peer gfs9 was rejected"},
		{`{"event":"COMPARE_FRIEND_VOLUME_FAILED","message":{"volume":"gv0"},"nodeid":null}`,
			"The definition of volume gv0 differs from that of a peer"},
		{`{"event":"BITROT_BAD_FILE","message":{"gfid":"g","path":"/d","brick":"/bricks/b"},"nodeid":null}`,
			"File /d on brick /bricks/b is corrupted"},
	} {
		ev, err := Decode([]byte(c.body))
		if err != nil {
			t.Fatal(err)
		}
		n := tr.Translate(&ev)
		if n.Text != c.want {
			t.Errorf("%s: got %q, want %q", c.body, n.Text, c.want)
		}
		if n.Volume == "all" {
			t.Errorf("%s: the volume is %q", c.body, n.Volume)
		}
	}
}

// PEER_REJECT has address:port without brackets, and the port differs each time.
func TestRejectedPeer(t *testing.T) {
	tr := newTranslator(t, Cluster{ID: "q1", Nodes: map[string]Node{
		"c6ad9be2-5ce9-46e0-9574-6917a91bcfb6": {Name: "gfs1", Address: "2001:db8::1"},
		"1a6111b8-4f13-4c02-9739-2c473e398b41": {Name: "gfs2", Address: "2001:db8::2:1021"},
	}})
	for peer, want := range map[string]string{
		"2001:db8::1:1021":   "gfs1",
		"2001:db8::1:49141":  "gfs1",
		"[2001:db8::1]:1021": "gfs1",
		"2001:db8:0::1:1021": "gfs1",
		"2001:db8::1":        "gfs1",
		"2001:db8::2:1021":   "gfs2", // the whole is one, too
		"2001:db8::9:1021":   "2001:db8::9:1021",
		"192.0.2.11:1021":    "192.0.2.11",
		"gfs2:1021":          "gfs2",
	} {
		n := translateBody(t, tr, `{"event":"PEER_REJECT","message":{"peer":"`+peer+`"}}`)
		if n.Peer != want || n.AlarmKey != "peer-reject//"+want {
			t.Errorf("%s: got peer %s, key %s, want %s", peer, n.Peer, n.AlarmKey, want)
		}
	}
	// Elsewhere there is no port.
	n := translateBody(t, tr, `{"event":"BRICK_DISCONNECTED","message":{"peer":"2001:db8::1:1021","volume":"gv0","brick":"/b"}}`)
	if n.Peer != "2001:db8::1:1021" {
		t.Errorf("got peer %s of a brick", n.Peer)
	}
}
