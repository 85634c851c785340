package translate

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
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

// The MIB and the catalogue each say something about every event; neither may know one that the other does not.
func TestCatalogueAndMIBNameTheSameEvents(t *testing.T) {
	m, err := mibs.Load("")
	if err != nil {
		t.Fatal(err)
	}
	c, err := LoadCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, n := range m.Notifications() {
		if n.Event != "" {
			want = append(want, n.Event)
		}
	}
	if got := c.EventNames(); strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("catalogue and MIB differ:\n got %v\nwant %v", got, want)
	}
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

// Every pair of the event list: a clear must carry the key of its raise, or match it with * for what it does not know.
func TestPairsShareTheirKey(t *testing.T) {
	tr := newTranslator(t, testCluster)
	c := tr.Catalogue()
	f, err := os.Open("testdata/pairs")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	pairs := 0
	for s := bufio.NewScanner(f); s.Scan(); pairs++ {
		raise, clear, _ := strings.Cut(s.Text(), " ")
		class := c.Entry(raise).Raises
		if class == "" {
			t.Errorf("%s has a clear but raises nothing", raise)
			continue
		}
		// What ends a raise either names its class, or stands for a lesser state of the same class.
		found := c.Entry(clear).Raises == class
		for _, cl := range c.Entry(clear).Clears {
			found = found || cl.Class == class
		}
		if !found {
			t.Errorf("%s does not clear %s (class %s)", clear, raise, class)
		}
	}
	if pairs < 50 {
		t.Errorf("only %d pairs in the list", pairs)
	}
}

func TestKeysOfBothSides(t *testing.T) {
	tr := newTranslator(t, testCluster)
	for _, tt := range []struct{ name, raise, clear string }{
		{"brick", `{"event":"BRICK_DISCONNECTED","message":{"peer":"gfs2","volume":"gv0","brick":"/b/1"}}`,
			`{"event":"BRICK_CONNECTED","message":{"peer":"gfs2","volume":"gv0","brick":"/b/1"}}`},
		{"health check", `{"event":"POSIX_HEALTH_CHECK_FAILED","message":{"op":"open","path":"/b/1/.glusterfs/health_check","error":"x","brick":"gfs2:/b/1 timeout is 20"}}`,
			`{"event":"BRICK_CONNECTED","message":{"peer":"gfs2","volume":"gv0","brick":"/b/1"}}`},
		{"peer by UUID", `{"event":"PEER_DISCONNECT","message":{"peer":"gfs2","uuid":"1A6111B8-4f13-4c02-9739-2c473e398b41","state":"x"}}`,
			`{"event":"PEER_CONNECT","message":{"host":"10.0.0.2","uuid":"1a6111b8-4f13-4c02-9739-2c473e398b41"}}`},
		{"peer detached by name", `{"event":"PEER_DISCONNECT","message":{"peer":"gfs2","uuid":"1a6111b8-4f13-4c02-9739-2c473e398b41","state":"x"}}`,
			`{"event":"PEER_DETACH","message":{"host":"gfs2"}}`},
		{"subvol with a space", `{"event":"AFR_QUORUM_FAIL","message":{"client-pid":"-6"," subvol":"a-b-replicate-0"}}`,
			`{"event":"AFR_QUORUM_MET","message":{"client-pid":"0","subvol":"a-b-replicate-0"}}`},
		{"georep before 10", `{"event":"GEOREP_PAUSE","message":{"master":"gv0","slave":"root@far::gv1"}}`,
			`{"event":"GEOREP_RESUME","message":{"primary":"gv0","secondary":"far::gv1"}}`},
		{"rejected client", `{"event":"CLIENT_AUTH_REJECT","message":{"client_uid":"CTX_ID:1-PC_NAME:a-b-client-1-RECON_NO:-0","client_identifier":"10.0.0.7:49134","server_identifier":"10.0.0.2:56201","brick_path":"/b/1"},"nodeid":"1a6111b8-4f13-4c02-9739-2c473e398b41"}`,
			`{"event":"CLIENT_CONNECT","message":{"client_uid":"CTX_ID:2-PC_NAME:a-b-client-1-RECON_NO:-0","client_identifier":"10.0.0.7:49999","server_identifier":"10.0.0.2:56201","brick_path":"/b/1","subdir_mount":"(null)"},"nodeid":"1a6111b8-4f13-4c02-9739-2c473e398b41"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, c := translateBody(t, tr, tt.raise), translateBody(t, tr, tt.clear)
			if r.State != Raise || c.State != Clear || r.AlarmKey != c.AlarmKey {
				t.Errorf("raise is %s %q, clear is %s %q, want equal keys", r.State, r.AlarmKey, c.State, c.AlarmKey)
			}
		})
	}
	n := translateBody(t, tr, `{"event":"QUOTA_DISABLE","message":{"volume":"gv0"}}`)
	if n.AlarmKey != "quota/gv0/*" {
		t.Errorf("key of a clear with fewer parts is %q, want quota/gv0/*", n.AlarmKey)
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
		var c struct{ Body string }
		if err := json.Unmarshal(s.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		if c.Body == "" {
			continue
		}
		bodies++
		n := translateBody(t, tr, c.Body)
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
	f.Add([]byte(`{"event":"BRICK_DISCONNECTED","message":{"peer":"gfs2","volume":"gv0","brick":"/b"},"nodeid":null,"ts":1}`))
	f.Add([]byte(`{"event":"X\ud800","message":{"a":[["k","v"],["x"]],"b":{"c":1.5e3}},"ts":99999999999999999999}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		ev, err := Decode(body)
		if err != nil {
			return
		}
		// Whatever is accepted must be JSON that the standard library accepts too, with the same name.
		var ref struct{ Event any }
		if err := json.Unmarshal(body, &ref); err != nil && utf8.Valid(body) {
			t.Fatalf("accepted %q, encoding/json says %v", body, err)
		}
		n := tr.Translate(&ev)
		checkClean(t, n)
	})
}

func BenchmarkDecodeTranslate(b *testing.B) {
	tr := newTranslator(b, testCluster)
	body := []byte(`{"event": "BRICK_DISCONNECTED", "message": {"brick": "/bricks/rep3/b1", "peer": "gfs2", "volume": "rep3"}, "nodeid": "1a6111b8-4f13-4c02-9739-2c473e398b41", "ts": 1795388845}`)
	b.ReportAllocs()
	for b.Loop() {
		ev, err := Decode(body)
		if err != nil {
			b.Fatal(err)
		}
		tr.Translate(&ev)
	}
}
