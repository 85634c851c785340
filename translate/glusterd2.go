package translate

import (
	"errors"
	"strings"
	"time"
)

// decodeGlusterd2 reads an event as glusterd2 posts it: an object with id, name, data (text to text, absent when empty),
// origin (the UUID of the node) and timestamp (RFC 3339). What comes out is the event of GlusterFS that says the same,
// with its keys, so that everything behind treats both alike. What glusterfs has no event for becomes an unknown event:
// "cleanup leader elected" is CLEANUP_LEADER_ELECTED.
func decodeGlusterd2(s string) (Event, error) {
	var ev Event
	var name, timestamp string
	d := decoder{s: s}
	err := d.object(func(key string) error {
		var err error
		switch key {
		case "name":
			if name = ""; d.peek() != '"' {
				return d.skip()
			}
			name, err = d.str()
		case "origin":
			ev.NodeID, err = d.text(0)
		case "timestamp":
			timestamp, err = d.text(0)
		case "data":
			ev.Message, err = d.message()
		default:
			err = d.skip()
		}
		return err
	})
	if err != nil {
		return Event{}, err
	}
	t, err := time.Parse(time.RFC3339Nano, timestamp)
	if name == "" || err != nil {
		return Event{}, errors.New("no event name")
	}
	ev.TS = t.Unix()
	ev.Name = glusterd2Name(&ev, name)
	return ev, nil
}

// renames says which event of GlusterFS an event of glusterd2 is, and how its keys are called there: "FROM TO".
type renames struct {
	event string
	keys  []string
}

var (
	volumeName = []string{"volume.name name"}
	volumeKey  = []string{"volume.name volume"}
	peerKeys   = []string{"peer.name host", "peer.id uuid"}
	georepKeys = []string{"master.name primary"}
	brickKeys  = []string{"id brick"}
	svcKeys    = []string{"name svc_name"}
)

var glusterd2Events = map[string]renames{
	"volume.created":          {"VOLUME_CREATE", volumeName},
	"volume.expanded":         {"VOLUME_ADD_BRICK", volumeKey},
	"volume.started":          {"VOLUME_START", volumeName},
	"volume.stopped":          {"VOLUME_STOP", volumeName},
	"volume.deleted":          {"VOLUME_DELETE", volumeName},
	"peer.added":              {"PEER_ATTACH", peerKeys},
	"peer.removed":            {"PEER_DETACH", peerKeys},
	"peer_add":                {"PEER_ATTACH", peerKeys},
	"peer_remove":             {"PEER_DETACH", peerKeys},
	"peer.connected.store":    {"PEER_CONNECT", peerKeys},
	"peer.disconnected.store": {"PEER_DISCONNECT", peerKeys},
	"georep.created":          {"GEOREP_CREATE", georepKeys},
	"georep.started":          {"GEOREP_START", georepKeys},
	"georep.stopped":          {"GEOREP_STOP", georepKeys},
	"georep.deleted":          {"GEOREP_DELETE", georepKeys},
	"georep.paused":           {"GEOREP_PAUSE", georepKeys},
	"georep.resumed":          {"GEOREP_RESUME", georepKeys},
	"georep.config.set":       {"GEOREP_CONFIG_SET", georepKeys},
	"georep.config.reset":     {"GEOREP_CONFIG_RESET", georepKeys},
	"daemon.startfailed":      {"SVC_MANAGER_FAILED", svcKeys},
	"daemon.started":          {"SVC_CONNECTED", svcKeys},
}

// brickDaemon is the program of a brick; its id is the path of the brick.
const brickDaemon = "glusterfsd"

// glusterd2Name renames the keys and returns the name.
func glusterd2Name(ev *Event, name string) string {
	r, ok := glusterd2Events[name]
	if !ok {
		return wireName(name)
	}
	if daemon, _ := ev.Get("name"); daemon == brickDaemon && strings.HasPrefix(name, "daemon.") {
		r = renames{map[string]string{"daemon.startfailed": "BRICK_START_FAILED", "daemon.started": "BRICK_CONNECTED"}[name], brickKeys}
		if args, _ := ev.Get("args"); volumeOfArgs(args, ev.NodeID) != "" {
			ev.Message = append(ev.Message, Field{"volume", volumeOfArgs(args, ev.NodeID)})
		}
	}
	for i := range ev.Message {
		for _, k := range r.keys {
			if from, to, _ := strings.Cut(k, " "); ev.Message[i].Key == from {
				ev.Message[i].Key = to
			}
		}
	}
	if volume, ok := ev.Get("remote.name"); ok && strings.HasPrefix(r.event, "GEOREP_") {
		host, _ := ev.Get("remote.host")
		ev.Message = append(ev.Message, Field{"secondary", host + "::" + volume})
	}
	return r.event
}

// volumeOfArgs finds the volume in the arguments of a brick: --volfile-id VOLUME.NODE.PATH.
func volumeOfArgs(args, node string) string {
	_, rest, ok := strings.Cut(args, "--volfile-id ")
	if volume, _, found := strings.Cut(rest, "."+node+"."); ok && found && node != "" && !strings.Contains(volume, " ") {
		return volume
	}
	return ""
}

// wireName spells a name of glusterd2 as glusterfs spells names. Events of bricks and clients are relayed with their own
// names in lower case.
func wireName(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		}
		return '_'
	}, name)
}
