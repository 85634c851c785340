package translate

import (
	"slices"
	"strings"
)

// GlusterFS spells one and the same thing in many ways; this file is where they become one.

// The parts of alarm identities and the placeholders of texts that are not message keys.
var partNames = []string{"node", "volume", "brick", "peer", "peername", "subvol", "svc", "path", "secondary", "snapshot",
	"clone", "gfid", "file", "client", "bricks"}

func isPart(name string) bool { return slices.Contains(partNames, name) }

// label is what a text shows for a placeholder: names for people where part has identifiers.
func (n *Notification) label(name string) string {
	switch name {
	case "node":
		return n.Host()
	case "peer":
		return n.Peer
	default:
		return n.part(name)
	}
}

// part returns a part of an identity or, for other names, the value of the message key.
func (n *Notification) part(name string) string {
	switch name {
	case "node":
		return n.NodeID
	case "volume":
		return n.Volume
	case "brick":
		return n.Brick
	case "peer":
		if n.PeerID != "" {
			return n.PeerID
		}
		return n.Peer
	case "peername":
		return n.Peer
	case "subvol":
		return n.Subvol
	case "svc":
		return n.Service
	case "secondary":
		return n.Secondary
	case "client":
		return n.Client
	case "snapshot":
		return n.field("snapshot_name")
	case "clone":
		return n.field("clone_name")
	case "bricks":
		return strings.TrimSpace(n.field("bricks"))
	default:
		return n.field(name)
	}
}

// field returns the value of the first of the keys that the message has.
func (n *Notification) field(keys ...string) string {
	for _, k := range keys {
		for i := range n.Fields {
			if n.Fields[i].Key == k {
				return n.Fields[i].Value
			}
		}
	}
	return ""
}

// resources fills in what the event is about.
func (t *Translator) resources(n *Notification) {
	if n.Event == "VOLUME_CREATE" || n.Group == "volume" || n.Group == "bitrot" {
		n.Volume = n.field("name")
	}
	if n.Volume == "" {
		n.Volume = n.field("volume", "Volume", "volume_name", "primary_volume", "master_volume", "primary", "master")
	}
	n.Subvol = n.field("subvol")
	if n.Volume == "" {
		n.Volume = volumeOfSubvol(n.Subvol)
	}
	t.peer(n)
	t.brick(n)
	t.georep(n)
	if uid := n.field("client_uid"); uid != "" {
		if n.Volume == "" {
			n.Volume = volumeOfClient(uid)
		}
		if n.Client = hostOf(n.field("client_identifier")); n.Client == "" {
			n.Client = uid
		}
	}
	if n.Service = n.field("svc_name"); n.Service == "snapd" && n.Volume != "" {
		n.Service += "." + n.Volume // the one service that runs once per volume
	}
}

// peer: PEER_CONNECT has host and uuid, PEER_DISCONNECT peer and uuid, PEER_ATTACH and PEER_DETACH host only,
// UNKNOWN_PEER a UUID as peer, PEER_REJECT address:port.
func (t *Translator) peer(n *Notification) {
	if n.Group != "peer" {
		return
	}
	n.Peer, n.PeerID = n.field("host", "peer"), strings.ToLower(n.field("uuid"))
	if n.PeerID == "" && isUUID(n.Peer) {
		n.PeerID = strings.ToLower(n.Peer)
	}
	if n.PeerID == "" {
		n.PeerID = t.uuids[n.Peer]
	}
	if nd, ok := t.nodes[n.PeerID]; ok && nd.name != "" {
		n.Peer = nd.name
	}
	if n.Peer == "" {
		n.Peer = n.PeerID
	}
}

// brick: always host:/path in the end. BRICK_* have peer and path, POSIX_* "host:/path" or "host:/path timeout is N",
// BRICK_RESET_* and BRICK_REPLACE source-brick, CLIENT_* brick_path at the node that server_identifier names,
// GEOREP_* brick_path at primary_node, BITROT_BAD_FILE the path alone.
func (t *Translator) brick(n *Notification) {
	brick := n.field("brick", "ta-brick", "source-brick", "brick_path")
	if brick == "" {
		return
	}
	if i := strings.Index(brick, " timeout is "); i > 0 {
		brick = brick[:i]
	}
	if !strings.HasPrefix(brick, "/") {
		n.Brick = brick
		return
	}
	host := n.field("peer", "primary_node", "master_node")
	if host == "" && n.NodeName != "" {
		host = n.NodeName
	}
	if host == "" {
		host = hostOf(n.field("server_identifier"))
	}
	if host == "" {
		host = n.Host()
	}
	n.Brick = host + ":" + brick
}

// georep: the commands name the session primary and secondary "host::volume" (master and slave before GlusterFS 10),
// the workers primary_volume, secondary_host and secondary_volume.
func (t *Translator) georep(n *Notification) {
	if n.Group != "georep" {
		return
	}
	if n.Secondary = n.field("secondary", "slave"); n.Secondary != "" {
		// The command takes [user@]host::volume, the workers know the host only.
		if i := strings.IndexByte(n.Secondary, '@'); i >= 0 {
			n.Secondary = n.Secondary[i+1:]
		}
		return
	}
	host, volume := n.field("secondary_host", "slave_host"), n.field("secondary_volume", "slave_volume")
	if host != "" || volume != "" {
		n.Secondary = host + "::" + volume
	}
}

// volumeOfSubvol cuts what the translators append: gv0-replicate-0, gv0-disperse-1, gv0-client-2. The volume's own name
// may hold dashes.
func volumeOfSubvol(subvol string) string {
	for _, kind := range []string{"-replicate-", "-disperse-", "-client-"} {
		if i := strings.LastIndex(subvol, kind); i > 0 && digits(subvol[i+len(kind):]) == len(subvol)-i-len(kind) {
			return subvol[:i]
		}
	}
	return ""
}

// volumeOfClient finds the volume in a client's process name: CTX_ID:...-PC_NAME:gv0-client-1-RECON_NO:-0.
func volumeOfClient(uid string) string {
	i := strings.LastIndex(uid, "-PC_NAME:")
	if i < 0 {
		return ""
	}
	name := uid[i+len("-PC_NAME:"):]
	if k := strings.LastIndex(name, "-RECON_NO:"); k >= 0 {
		name = name[:k]
	}
	return volumeOfSubvol(name)
}

// hostOf cuts the port off host:port; an IPv6 address may come without brackets.
func hostOf(s string) string {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return s
	}
	return strings.Trim(s[:i], "[]")
}
