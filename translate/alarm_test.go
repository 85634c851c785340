package translate

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

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

// sameThing are the values that the keys of messages have in TestPairs when both events are about the same thing.
var sameThing = map[string]string{"name": "gv0", "volume": "gv0", "Volume": "gv0", "volume_name": "gv0", "primary": "gv0",
	"primary_volume": "gv0", "secondary": "root@far::gv1", "secondary_host": "far", "secondary_volume": "gv1",
	"primary_node": "gfs2", "host": "gfs2", "peer": "gfs2", "uuid": "1a6111b8-4f13-4c02-9739-2c473e398b41",
	"brick": "gfs2:/b/1", "source-brick": "gfs2:/b/1", "brick_path": "/b/1", "bricks": " gfs2:/b/1 gfs3:/b/1",
	"subvol": "gv0-replicate-0", " subvol": "gv0-replicate-0", "path": "/d", "svc_name": "glustershd", "snapshot_name": "s1",
	"clone_name": "c1", "client_identifier": "192.0.2.7:1023", "server_identifier": "192.0.2.12:49152"}

// about returns an event with the keys that its sample has and values from sameThing.
func about(t *testing.T, event string) *Event {
	t.Helper()
	body, err := os.ReadFile("../testdata/events/" + event + ".json")
	if err != nil {
		t.Fatal(err)
	}
	ev, err := Decode(body)
	if err != nil {
		t.Fatal(err)
	}
	ev.NodeID = "1a6111b8-4f13-4c02-9739-2c473e398b41"
	for i := range ev.Message {
		f := &ev.Message[i]
		v, ok := sameThing[f.Key]
		switch {
		case !ok:
			continue
		case f.Key == "brick" && strings.HasPrefix(f.Value, "/"):
			v = "/b/1"
		case f.Key == "brick" && strings.Contains(f.Value, " timeout is "):
			v += " timeout is 20"
		}
		f.Value = v
	}
	return &ev
}

// testdata/pairs lists for every fault of the event list what ends it. The clear must find the alarm, and carry its key
// when it names the class first and knows the whole identity.
func TestPairs(t *testing.T) {
	file, err := os.ReadFile("testdata/pairs")
	if err != nil {
		t.Fatal(err)
	}
	pairs := strings.Split(strings.TrimSpace(string(file)), "\n")
	if len(pairs) != 66 {
		t.Errorf("%d pairs, want 66", len(pairs))
	}
	for name, cluster := range map[string]Cluster{"names known": testCluster, "names unknown": {ID: "q"}} {
		tr := newTranslator(t, cluster)
		for _, pair := range pairs {
			t.Run(name+"/"+pair, func(t *testing.T) {
				first, second, _ := strings.Cut(pair, " ")
				raise, clear := tr.Translate(about(t, first)), tr.Translate(about(t, second))
				alarm, ok := tr.Alarm(raise)
				if !ok || raise.State != Raise || raise.AlarmKey != alarm.Key {
					t.Fatalf("%s is %v with key %q, alarm %+v", first, raise.State, raise.AlarmKey, alarm)
				}
				// A lesser state of the same thing replaces the alarm, it does not end it.
				if clear.AlarmClass == alarm.Class && clear.State == Raise {
					if clear.AlarmKey != alarm.Key || clear.Severity.Rank() >= raise.Severity.Rank() {
						t.Errorf("got key %q %v, want %q and less severe", clear.AlarmKey, clear.Severity, alarm.Key)
					}
					return
				}
				if !covered(tr.Ends(clear), &alarm) {
					t.Errorf("%+v does not cover %+v", tr.Ends(clear), alarm)
				}
				if clear.AlarmClass != alarm.Class || strings.Contains(clear.AlarmKey, "*") {
					return
				}
				// A detached peer is named by its host; only a configured node has its UUID too.
				if second == "PEER_DETACH" && len(cluster.Nodes) == 0 {
					return
				}
				if clear.AlarmKey != alarm.Key {
					t.Errorf("key of the clear is %q, of the raise %q", clear.AlarmKey, alarm.Key)
				}
			})
		}
	}
}

func covered(ends []Match, a *Alarm) bool {
	return slices.ContainsFunc(ends, func(m Match) bool { return m.Covers(a) })
}

func TestEnds(t *testing.T) {
	tr := newTranslator(t, testCluster)
	// Open alarms: one of each class, all about volume gv0 and brick gfs2:/b/1 as far as they know.
	open := map[string]Alarm{}
	for _, e := range tr.Catalogue().Events {
		if a, ok := tr.Alarm(tr.Translate(about(t, e.Event))); ok {
			if old := open[a.Class]; len(old.Parts) <= len(a.Parts) {
				open[a.Class] = a
			}
		}
	}
	if want := len(tr.Catalogue().Classes) - 2; len(open) != want { // two are the gateway's own
		t.Errorf("%d classes have a raise, want %d", len(open), want)
	}
	const node = `,"nodeid":"c6ad9be2-5ce9-46e0-9574-6917a91bcfb6"}`
	for _, tt := range []struct{ name, body, want string }{
		{"volume stopped", `{"event":"VOLUME_STOP","message":{"name":"gv0","force":false}` + node,
			"brick brick-stop disperse georep-worker quorum rebalance rebalance-status replica replica-quorum"},
		{"volume deleted", `{"event":"VOLUME_DELETE","message":{"name":"gv0"}` + node,
			"add-brick brick brick-reset brick-stop compare-volume disk-usage disperse georep-paused georep-stopped georep-worker " +
				"import-quota import-volume inode-usage quorum quota rebalance rebalance-status remove-brick remove-brick-commit " +
				"remove-brick-failed remove-brick-force remove-brick-start remove-brick-stop replica replica-quorum " +
				"snapshot-limit split-brain tier-paused tier-watermark volume-stopped"},
		{"another volume deleted", `{"event":"VOLUME_DELETE","message":{"name":"gv"}` + node, ""},
		{"no volume", `{"event":"VOLUME_DELETE","message":{}` + node, ""},
		{"null volume", `{"event":"VOLUME_STOP","message":{"name":"(null)"}` + node, ""},
		{"brick replaced", `{"event":"BRICK_REPLACE","message":{"Volume":"gv0","source-brick":"192.0.2.12:/b/1","destination-brick":"gfs3:/b/2"}` + node,
			"bad-file brick brick-acl brick-reset brick-stop client-auth georep-worker import-brick same-gfid"},
		{"bricks removed", `{"event":"VOLUME_REMOVE_BRICK_COMMIT","message":{"volume":"gv0","bricks":" gfs2:/b/1 gfs3:/b/1"}` + node,
			"bad-file brick brick-acl brick-reset brick-stop client-auth georep-worker import-brick remove-brick remove-brick-commit same-gfid"},
		{"quota off", `{"event":"QUOTA_DISABLE","message":{"volume":"gv0"}` + node, "quota"},
		{"session stopped", `{"event":"GEOREP_STOP","message":{"primary":"gv0","secondary":"far::gv1"}` + node, "georep-paused georep-worker"},
		{"another session deleted", `{"event":"GEOREP_DELETE","message":{"primary":"gv0","secondary":"far::gv2"}` + node, ""},
		{"rebalance restarted", `{"event":"VOLUME_REBALANCE_START","message":{"volume":"gv0"}` + node, "rebalance"},
		{"rebalance done elsewhere", `{"event":"VOLUME_REBALANCE_COMPLETE","message":{"volume":"gv0"}` + node, ""},
		{"peer detached", `{"event":"PEER_DETACH","message":{"host":"gfs2"}` + node,
			"brick brick-stop compare-volume ganesha import-brick import-quota import-volume peer peer-reject peer-rpc peer-store " +
				"peer-unknown quorum rebalance rebalance-status svc svc-reconfigure"},
		{"another peer detached", `{"event":"PEER_DETACH","message":{"host":"gfs3"}` + node, ""},
		{"snapshot deleted", `{"event":"SNAPSHOT_DELETED","message":{"snapshot_name":"s1"}` + node,
			"snapshot-activate snapshot-deactivate snapshot-delete snapshot-restore"},
		{"unknown type", `{"event":"VOLUME_GONE","message":{"name":"gv0"}` + node, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ends := tr.Ends(translateBody(t, tr, tt.body))
			var got []string
			for _, class := range slices.Sorted(maps.Keys(open)) {
				a := open[class]
				if covered(ends, &a) {
					got = append(got, class)
				}
			}
			if s := strings.Join(got, " "); s != tt.want {
				t.Errorf("ends\n     %s\nwant %s", s, tt.want)
			}
		})
	}
}

// One brick has one key, whatever the message calls its host.
func TestBrickSpellings(t *testing.T) {
	c := Cluster{ID: "q", Nodes: map[string]Node{
		"1a6111b8-4f13-4c02-9739-2c473e398b41": {Name: "gfs2", Address: "2001:db8::12"},
		"c6ad9be2-5ce9-46e0-9574-6917a91bcfb6": {Name: "gfs1"},
	}}
	tr := newTranslator(t, c)
	for _, tt := range []struct{ name, event, message, want string }{
		{"as glusterd knows it", "BRICK_DISCONNECTED", `{"peer":"2001:db8:0::12","volume":"gv0","brick":"/b/1"}`, "gfs2:/b/1"},
		{"other case", "BRICK_DISCONNECTED", `{"peer":"GFS2","volume":"gv0","brick":"/b/1"}`, "gfs2:/b/1"},
		{"as the node calls itself", "POSIX_BRICK_NOT_IN_VOLUME", `{"brick":"gfs2.lab.example:/b/1"}`, "gfs2:/b/1"},
		{"with a timeout", "POSIX_HEALTH_CHECK_FAILED", `{"brick":"gfs2.lab.example:/b/1 timeout is 20"}`, "gfs2:/b/1"},
		{"path only", "BITROT_BAD_FILE", `{"brick":"/b/1","gfid":"x","path":"/f"}`, "gfs2:/b/1"},
		{"by a client", "CLIENT_AUTH_REJECT", `{"brick_path":"/b/1","server_identifier":"2001:db8::99:49152"}`, "gfs2:/b/1"},
		{"worker", "GEOREP_FAULTY", `{"brick_path":"/b/1","primary_node":"gfs2.lab.example"}`, "gfs2:/b/1"},
		{"command run elsewhere", "BRICK_REPLACE", `{"source-brick":"gfs1:/b/1"}`, "gfs1:/b/1"},
		{"address with colons", "BRICK_REPLACE", `{"source-brick":"2001:db8::12:/b/1"}`, "gfs2:/b/1"},
		{"host that is not configured", "BRICK_REPLACE", `{"source-brick":"gfs9:/b/1"}`, "gfs9:/b/1"},
		{"colon in the path", "BRICK_REPLACE", `{"source-brick":"gfs9:/b:/1"}`, "gfs9:/b:/1"},
		{"not a brick", "BRICK_REPLACE", `{"source-brick":"x"}`, "x"},
		{"null", "BRICK_REPLACE", `{"source-brick":"(null)"}`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := translateBody(t, tr, `{"event":"`+tt.event+`","message":`+tt.message+`,"nodeid":"1a6111b8-4f13-4c02-9739-2c473e398b41"}`)
			if n.Brick != tt.want {
				t.Errorf("got %q, want %q", n.Brick, tt.want)
			}
		})
	}
}

func TestLongKeys(t *testing.T) {
	tr := newTranslator(t, testCluster)
	key := func(path string) string {
		body, err := json.Marshal(map[string]any{"event": "QUOTA_CROSSED_SOFT_LIMIT", "message": map[string]string{"volume": "gv0", "path": path}})
		if err != nil {
			t.Fatal(err)
		}
		return translateBody(t, tr, string(body)).AlarmKey
	}
	long := "/" + strings.Repeat("ü", 2000)
	a, b := key(long+"a"), key(long+"b")
	if a == b || a != key(long+"a") || len(a) > maxKey || len(a) < maxKey-4 || !strings.HasPrefix(a, "quota/gv0//üü") {
		t.Errorf("keys of long paths are %q and %q", a, b)
	}
	if k := key("/" + strings.Repeat("x", maxKey-len("quota/gv0//"))); len(k) != maxKey || strings.Contains(k, "~") {
		t.Errorf("a key that just fits is %q", k)
	}
}
