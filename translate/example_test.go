package translate_test

import (
	"fmt"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/mibs"
	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

func ExampleDecode() {
	ev, err := translate.Decode([]byte(`{"event": "VOLUME_SET", "message": {"name": "gv0", "options": [["nfs.disable", "on"]]}, "nodeid": null, "ts": 1795388671}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(ev.Name, ev.TS)
	for _, f := range ev.Message {
		fmt.Printf("%s: %s\n", f.Key, f.Value)
	}
	_, err = translate.Decode([]byte(`{"message": {}}`))
	fmt.Println(err)
	// Output:
	// VOLUME_SET 1795388671
	// name: gv0
	// options: nfs.disable=on
	// body is not a Gluster event: no event name
}

func ExampleTranslator_Translate() {
	m, err := mibs.Load("")
	if err != nil {
		fmt.Println(err)
		return
	}
	t, err := translate.New(m, translate.Cluster{ID: "f81d4fae", Name: "prod", Nodes: map[string]translate.Node{
		"1a6111b8-4f13-4c02-9739-2c473e398b41": {Name: "gfs2", Address: "192.0.2.12"},
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	n := t.Translate(&translate.Event{Seq: 7, Received: time.Now(), Input: "webhook", Name: "BRICK_DISCONNECTED",
		NodeID: "1a6111b8-4f13-4c02-9739-2c473e398b41", TS: 1795388845,
		Message: []translate.Field{{Key: "peer", Value: "192.0.2.12"}, {Key: "volume", Value: "gv0"}, {Key: "brick", Value: "/bricks/b1"}}})
	fmt.Println(n.ID, n.Time.Format(time.RFC3339), n.Host())
	fmt.Println(n.Name, n.Severity, n.State, n.AlarmKey)
	fmt.Println(n.Text)
	// Output:
	// f81d4fae-7 2026-11-22T23:07:25Z gfs2
	// glusterBrickDisconnected critical raise brick/gfs2:/bricks/b1
	// Brick gfs2:/bricks/b1 of volume gv0 is down
}

// A volume that is deleted takes its alarms with it.
func ExampleTranslator_Ends() {
	m, err := mibs.Load("")
	if err != nil {
		fmt.Println(err)
		return
	}
	t, err := translate.New(m, translate.Cluster{})
	if err != nil {
		fmt.Println(err)
		return
	}
	alarm, _ := t.Alarm(t.Translate(&translate.Event{Name: "AFR_SUBVOLS_DOWN",
		Message: []translate.Field{{Key: " subvol", Value: "gv0-replicate-0"}}}))
	fmt.Println(alarm.Key)
	deleted := t.Translate(&translate.Event{Name: "VOLUME_DELETE", Message: []translate.Field{{Key: "name", Value: "gv0"}}})
	for _, m := range t.Ends(deleted) {
		fmt.Printf("%q %v %v\n", m.Class, m.Parts, m.Covers(&alarm))
	}
	// Output:
	// replica/gv0-replicate-0
	// "volume-stopped" [{volume gv0}] false
	// "" [{volume gv0}] true
}
