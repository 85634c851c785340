package eventsd

import (
	"encoding/json"
	"maps"
	"testing"
)

func TestParse(t *testing.T) {
	n := numbering{names: names(t)}
	for _, tt := range []struct {
		name, datagram, event string
		ts                    int64
		message               string // as JSON
	}{
		{"= in a value", "1 6 name=v;options=,auth.allow,a=b", "VOLUME_SET", 1, `{"name":"v","options":[["auth.allow","a=b"]]}`},
		{"; in a value", "1 36 error=a;b ;c;snapshot_name=s", "SNAPSHOT_CREATE_FAILED", 1, `{"error":"a;b ;c","snapshot_name":"s"}`},
		{"; at the end of a value", "1 36 error=a;;snapshot_name=s", "SNAPSHOT_CREATE_FAILED", 1, `{"error":"a;","snapshot_name":"s"}`},
		{"a value repeats an earlier key", "1 27 volume=v;path=/e;volume=evil", "QUOTA_SET_USAGE_LIMIT", 1, `{"volume":"v","path":"/e;volume=evil"}`},
		{"a value repeats its own key", "1 36 error=a;error=b", "SNAPSHOT_CREATE_FAILED", 1, `{"error":"a;error=b"}`},
		{"a value has what cannot be a key", "1 36 error=a;b c=d;/x=y", "SNAPSHOT_CREATE_FAILED", 1, `{"error":"a;b c=d;/x=y"}`},
		{"a file name poses as the brick", "1 96 gfid=g;path=/x;brick=evil;brick=h:/b", "BITROT_BAD_FILE", 1, `{"gfid":"g","path":"/x;brick=evil","brick":"h:/b"}`},
		{"an option's value poses as the volumes", "1 17 option=o;value=x;primary=p;secondary=s;primary=v;secondary=h::v", "GEOREP_CONFIG_SET", 1,
			`{"option":"o","value":"x;primary=p;secondary=s","primary":"v","secondary":"h::v"}`},
		{"only a last field", "1 102 brick=h:/b", "POSIX_BRICK_NOT_IN_VOLUME", 1, `{"brick":"h:/b"}`},
		{"only a last field, free text before it elsewhere", "1 96 brick=h:/b", "BITROT_BAD_FILE", 1, `{"brick":"h:/b"}`},
		{"no body but text", "1 19 (null)", "BITROT_ENABLE", 1, `{}`},
		{"null value", "1 97 subdir_mount=(null)", "CLIENT_CONNECT", 1, `{"subdir_mount":"(null)"}`},
		{"key with a space", "1 106 client-pid=-6; subvol=r", "AFR_QUORUM_MET", 1, `{"client-pid":"-6"," subvol":"r"}`},
		{"more spaces", "  1   106  client-pid=-6 \r\n", "AFR_QUORUM_MET", 1, `{" client-pid":"-6"}`},
		{"keys that look like members of the body", "1 3 name=v;event=PEER_DETACH;nodeid=x;ts=9;message=m;severity=critical", "VOLUME_START", 1,
			`{"name":"v","event":"PEER_DETACH","nodeid":"x","ts":"9","message":"m","severity":"critical"}`},
		{"number without a name", "1 142 a=b", "UNKNOWN_142", 1, `{"a":"b"}`},
		{"negative number", "1 -1 a=b", "UNKNOWN_-1", 1, `{"a":"b"}`},
		{"no options", "1 6 name=v", "VOLUME_SET", 1, `{"name":"v","options":[[""]]}`},
		{"port that is none", "1 11 ssh-port=x", "GEOREP_CREATE", 1, `{"ssh-port":"x"}`},
		{"time before 1970", "-5 3 name=v", "VOLUME_START", -5, `{"name":"v"}`},
		{"time with a fraction", "1.75 3 name=v", "VOLUME_START", 1, `{"name":"v"}`},
		{"time beyond all numbers", "99999999999999999999 3 name=v", "VOLUME_START", 1<<63 - 1, `{"name":"v"}`},
		{"not UTF-8", "1 3 name=a\xfc\xc3(", "VOLUME_START", 1, `{"name":"a\ufffd\ufffd("}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, err := parse([]byte(tt.datagram), n)
			if err != nil {
				t.Fatal(err)
			}
			var body struct {
				Event   string
				Message map[string]any
				NodeID  *string
				TS      int64
			}
			if err := json.Unmarshal(w.body("node"), &body); err != nil {
				t.Fatal(err)
			}
			var want map[string]any
			if err := json.Unmarshal([]byte(tt.message), &want); err != nil {
				t.Fatal(err)
			}
			got, err := json.Marshal(body.Message)
			if err != nil {
				t.Fatal(err)
			}
			text, err := json.Marshal(want)
			if err != nil {
				t.Fatal(err)
			}
			if body.Event != tt.event || body.TS != tt.ts || *body.NodeID != "node" || string(got) != string(text) {
				t.Errorf("%q\n got %s %d %s\nwant %s %d %s", tt.datagram, body.Event, body.TS, got, tt.event, tt.ts, text)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	n := numbering{names: names(t)}
	for _, s := range []string{"", " ", "1", "1 ", "x 3 name=v", "1. x", "1x 3 a=b", "1.x 3 a=b", "1 VOLUME_START a=b", "1 1000000 a=b", "1 99999999999999999999 a=b",
		"GET / HTTP/1.1", `{"event": "VOLUME_START"}`, "\x00\x01\x02"} {
		if w, err := parse([]byte(s), n); err == nil {
			t.Errorf("%q: got %+v, want an error", s, w)
		}
	}
}

// The numbers of 3.9.0 after its extra event are one higher.
func TestNumbering(t *testing.T) {
	list := names(t)
	usual, shifted := numbering{names: list}, numbering{names: list, shifted: true}
	for number, want := range map[int][2]string{
		0: {"PEER_ATTACH", "PEER_ATTACH"}, 77: {"BRICK_CONNECTED", "BRICK_CONNECTED"}, 78: {"BRICKPATH_RESOLVE_FAILED", "BRICKS_START_FAILED"},
		79: {"NOTIFY_UNKNOWN_OP", "BRICKPATH_RESOLVE_FAILED"}, 141: {"DHT_INODES_USAGE", "DHT_DISK_USAGE"}, 143: {"UNKNOWN_143", "UNKNOWN_143"},
	} {
		a, _ := usual.lookup(number)
		b, _ := shifted.lookup(number)
		if a != want[0] || b != want[1] {
			t.Errorf("%d: got %s and in 3.9.0 %s, want %v", number, a, b, want)
		}
	}
}

// What comes out always is the JSON of an event, and nothing that came in moves to another place in it.
func FuzzParse(f *testing.F) {
	f.Add([]byte("1795388746 97 client_uid=CTX_ID:9a;subdir_mount=(null)"))
	f.Add([]byte("1 6 name=rep3;options=,a,b,c;force=1;ssh-port=22;"))
	f.Add([]byte("1 96 path=/x;brick=evil;brick=h:/b=;;\xff"))
	f.Add([]byte(`1 3 a","event":"X=b\`))
	n := numbering{names: names(f)}
	f.Fuzz(func(t *testing.T, data []byte) {
		w, err := parse(data, n)
		if err != nil {
			return
		}
		var top map[string]any
		if err := json.Unmarshal(w.body("node"), &top); err != nil {
			t.Fatalf("%q gave %s: %v", data, w.body("node"), err)
		}
		keys := maps.Clone(top)
		for _, k := range []string{"event", "message", "nodeid", "ts"} {
			delete(keys, k)
		}
		if len(top) != 4 || len(keys) != 0 || top["event"] != w.name || top["nodeid"] != "node" {
			t.Fatalf("%q gave %v", data, top)
		}
	})
}
