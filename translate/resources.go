package translate

import (
	"cmp"
	"slices"
	"strings"
)

// GlusterFS spells one and the same thing in many ways; this file is where they become one.

// The parts of alarm identities and the placeholders of texts that are not message keys.
var partNames = []string{"node", "volume", "brick", "peer", "peername", "subvol", "svc", "path", "secondary", "snapshot",
	"clone", "gfid", "file", "client", "bricks", "source"}

func isPart(name string) bool { return slices.Contains(partNames, name) }

// label is what a text shows for a placeholder: names for people where part has identifiers.
func (n *Notification) label(name string) string {
	switch name {
	case "node":
		return n.Host()
	case "peer":
		return n.Peer
	case "scope":
		if n.Volume == "" && n.field("name") == allVolumes {
			return "the whole cluster"
		}
		return "volume " + cmp.Or(n.Volume, "?")
	case "file":
		file := n.part(name)
		if isUUID(file) {
			return "gfid " + file
		}
		return file
	default:
		return n.part(name)
	}
}

// part returns a part of an identity or, for other names, the value of the message key. The name tells which, never the
// event: a message cannot turn one into the other.
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
	case "source":
		return n.field("gtgGwSource")
	case "file":
		return splitFile(n.field("file", "gfid"))
	default:
		return n.field(name)
	}
}

// field returns the value of the first of the keys that the message has. "(null)" is how C prints a missing one.
func (n *Notification) field(keys ...string) string {
	for _, k := range keys {
		for i := range n.Fields {
			if f := &n.Fields[i]; f.Key == k && f.Value != "(null)" {
				return f.Value
			}
		}
	}
	return ""
}

// allVolumes is what commands have in place of a volume when they are about the cluster; no volume can be called so.
const allVolumes = "all"

// resources fills in what the event is about; local says that its brick is on the node that sent it.
func (t *Translator) resources(n *Notification, local bool) {
	if n.Group == "volume" || n.Group == "bitrot" || n.Group == unknownGroup && strings.HasPrefix(n.Event, "VOLUME_") {
		n.Volume = n.field("name")
	}
	if n.Volume == "" {
		n.Volume = n.field("volume", "Volume", "volume_name", "primary_volume", "master_volume", "primary", "master")
	}
	if n.Volume == allVolumes {
		n.Volume = ""
	}
	n.Subvol = n.field("subvol")
	if n.Volume == "" {
		n.Volume = volumeOfSubvol(n.Subvol)
	}
	t.peer(n, local)
	t.brick(n, local)
	georep(n)
	if uid := n.field("client_uid"); uid != "" {
		if n.Volume == "" {
			n.Volume = volumeOfClient(uid)
		}
		if n.Client = hostOf(n.field("client_identifier")); n.Client == "" {
			n.Client = uid
		}
	}
	if n.Service = n.field("svc_name"); n.Service == "snapd" && n.Volume != "" {
		n.Service += "." + n.Volume // the one service that tells its volume when it is up, too
	}
}

// peer: PEER_CONNECT has host and uuid, PEER_DISCONNECT peer and uuid, PEER_ATTACH and PEER_DETACH host only,
// UNKNOWN_PEER a UUID as peer, PEER_REJECT address:port with a port that changes; BRICK_* name the brick's host.
func (t *Translator) peer(n *Notification, local bool) {
	if n.Peer = n.field("peer"); n.Group == "peer" {
		if n.Peer == "" {
			n.Peer = n.field("host")
		}
		n.PeerID = strings.ToLower(n.field("uuid"))
	}
	// An IPv6 address and a port of four digits are an address as well: what a node has is the right reading.
	if host := hostOf(n.Peer); !hostAddr(n.Peer) || n.Event == "PEER_REJECT" && t.nodes.uuid(n.Peer) == "" && t.nodes.uuid(host) != "" {
		n.Peer = host
	}
	switch {
	case n.PeerID != "":
	case isUUID(n.Peer):
		n.PeerID = strings.ToLower(n.Peer)
	case n.Peer != "":
		if n.PeerID = t.nodes.uuid(n.Peer); n.PeerID == "" && local {
			n.PeerID = n.NodeID
		}
	default:
		return
	}
	if nd := t.nodes.byUUID[n.PeerID]; nd.name != "" {
		n.Peer = nd.name
	}
	if n.Peer == "" {
		n.Peer = n.PeerID
	}
}

// brick: always host:/path in the end. BRICK_* have peer and path, POSIX_* "host:/path" or "host:/path timeout is N",
// BRICK_RESET_* and BRICK_REPLACE source-brick, CLIENT_* brick_path at the node that server_identifier names,
// GEOREP_* brick_path at primary_node, BITROT_BAD_FILE the path alone. BRICK_* have the host as the volume was created
// with, POSIX_* as the node calls itself: a configured name makes them one.
func (t *Translator) brick(n *Notification, local bool) {
	brick := n.field("brick", "ta-brick", "source-brick", "brick_path")
	if brick == "" {
		return
	}
	if i := strings.LastIndex(brick, " timeout is "); i > 0 && n.Group == "posix" {
		brick = brick[:i]
	}
	host, path := splitBrick(brick)
	if host == "" {
		host = n.field("peer", "primary_node", "master_node")
	}
	switch {
	case path == "": // not a brick's name, but nothing better is known
		n.Brick = brick
		return
	case t.nodes.uuid(host) != "":
		host = t.nodes.name(host)
	case local && n.NodeName != "":
		host = n.NodeName
	case host == "":
		if host = hostOf(n.field("server_identifier")); host == "" {
			host = n.Host()
		}
	}
	if n.Brick = path; host != "" {
		n.Brick = host + ":" + path
	}
}

// brickName spells the host of a brick as configured.
func (t *Translator) brickName(brick string) string {
	host, path := splitBrick(brick)
	if host == "" || path == "" {
		return brick
	}
	return t.nodes.name(host) + ":" + path
}

// splitBrick takes host:/path apart, where the host may be an IPv6 address.
func splitBrick(brick string) (host, path string) {
	if strings.HasPrefix(brick, "/") {
		return "", brick
	}
	if i := strings.Index(brick, ":/"); i >= 0 {
		return brick[:i], brick[i+1:]
	}
	return "", ""
}

// georep: the commands name the session primary and secondary "host::volume" (master and slave before GlusterFS 10),
// the workers primary_volume, secondary_host and secondary_volume.
func georep(n *Notification) {
	if n.Group != "georep" {
		return
	}
	n.Secondary = n.field("secondary", "slave")
	if n.Secondary == "" {
		host, volume := n.field("secondary_host", "slave_host"), n.field("secondary_volume", "slave_volume")
		if host != "" || volume != "" {
			n.Secondary = host + "::" + volume
		}
	}
	// The command takes [user@]host::volume, the workers know the host only.
	if i := strings.IndexByte(n.Secondary, '@'); i >= 0 {
		n.Secondary = n.Secondary[i+1:]
	}
}

// splitFile takes away the surplus > that AFR_SPLIT_BRAIN has after <gfid:PARENT>/NAME> when gfids differ.
func splitFile(file string) string {
	if strings.HasPrefix(file, "<gfid:") && strings.Contains(file, ">/") {
		return strings.TrimSuffix(file, ">")
	}
	return file
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
	if i := strings.LastIndexByte(s, ':'); i >= 0 && i+1+digits(s[i+1:]) == len(s) {
		s = s[:i]
	}
	return strings.Trim(s, "[]")
}
