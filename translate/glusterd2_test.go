package translate

import (
	"reflect"
	"testing"

	"github.com/gluster-trapgw/gluster-trapgw/mibs"
)

func TestDecodeGlusterd2(t *testing.T) {
	const node = "a425ca99-03c6-4068-851d-4bc7b7bf5866"
	const rest = `,"origin":"` + node + `","timestamp":"2018-01-30T17:03:02.697693264+05:30"}`
	for _, tt := range []struct {
		name, body, event string
		message           []Field
	}{
		{"volume", `{"id":"a67d","name":"volume.created","data":{"volume.id":"9809a21f","volume.name":"test"}` + rest, "VOLUME_CREATE", []Field{{"volume.id", "9809a21f"}, {"name", "test"}}},
		{"expanded", `{"id":"a","name":"volume.expanded","data":{"volume.name":"test"}` + rest, "VOLUME_ADD_BRICK", []Field{{"volume", "test"}}},
		{"peer", `{"id":"a","name":"peer.disconnected.store","data":{"peer.id":"4ad3"}` + rest, "PEER_DISCONNECT", []Field{{"uuid", "4ad3"}}},
		{"peer over UDP", `{"id":"a","name":"peer_add","data":{"host":"gfs2"}` + rest, "PEER_ATTACH", []Field{{"host", "gfs2"}}},
		{"brick", `{"id":"a","name":"daemon.startfailed","data":{"args":" --volfile-id my.vol.` + node + `.export-b1 -p x","id":"/export/b1","name":"glusterfsd"}` + rest, "BRICK_START_FAILED",
			[]Field{{"args", " --volfile-id my.vol." + node + ".export-b1 -p x"}, {"brick", "/export/b1"}, {"name", "glusterfsd"}, {"volume", "my.vol"}}},
		{"other daemon", `{"id":"a","name":"daemon.started","data":{"name":"glustershd"}` + rest, "SVC_CONNECTED", []Field{{"svc_name", "glustershd"}}},
		{"daemon without counterpart", `{"id":"a","name":"daemon.stopping","data":{"name":"glustershd"}` + rest, "DAEMON_STOPPING", []Field{{"name", "glustershd"}}},
		{"georep", `{"id":"a","name":"georep.paused","data":{"master.name":"m","remote.host":"h","remote.name":"r"}` + rest, "GEOREP_PAUSE",
			[]Field{{"primary", "m"}, {"remote.host", "h"}, {"remote.name", "r"}, {"secondary", "h::r"}}},
		{"relayed", `{"id":"a","name":"afr_subvols_down","data":{"client-pid":"-6","subvol":"v-replicate-0"}` + rest, "AFR_SUBVOLS_DOWN", []Field{{"client-pid", "-6"}, {"subvol", "v-replicate-0"}}},
		{"no data", `{"id":"a","name":"cleanup leader elected"` + rest, "CLEANUP_LEADER_ELECTED", nil},
		{"an empty event of the other shape", `{"event":"","name":"volume.created"` + rest, "VOLUME_CREATE", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			want := Event{Name: tt.event, NodeID: node, TS: 1517311982, Message: tt.message, Raw: tt.body}
			if got, err := Decode([]byte(tt.body)); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("decode %s\n got %+v, %v\nwant %+v", tt.body, got, err, want)
			}
		})
	}
	for _, body := range []string{`{"name":"volume.created","origin":"x"}`, `{"name":"volume.created","timestamp":"now"}`, `{"name":5` + rest, `{"data":{}` + rest} {
		if ev, err := Decode([]byte(body)); err == nil {
			t.Errorf("decode %s: got %+v, want an error", body, ev)
		}
	}
}

// Every event that glusterd2 has a counterpart for has a notification of its own.
func TestGlusterd2EventsAreKnown(t *testing.T) {
	m, err := mibs.Load(mibs.DefaultRoot)
	if err != nil {
		t.Fatal(err)
	}
	for name, r := range glusterd2Events {
		if _, ok := m.Event(r.event); !ok {
			t.Errorf("%s: no notification for %s", name, r.event)
		}
	}
}
