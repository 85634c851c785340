package eventsd

import "github.com/gluster-trapgw/gluster-trapgw/conffile"

// Keys implements what package schema asks for.
func (Config) Keys() conffile.Keys {
	return conffile.Keys{
		"listen": {Text: "[host:]port of the daemons' events, 55555 by default (24009 before GlusterFS 10); loopback is 127.0.0.1 and ::1; empty turns the input off",
			Example: "127.0.0.1:55555"},
		"node_id":       {Text: "UUID of this node; empty takes it from glusterd_info", Example: "1a6111b8-4f13-4c02-9739-2c473e398b41"},
		"glusterd_info": {Text: "file with a line UUID=, by which this node is known", Example: "/var/lib/glusterd/glusterd.info"},
		"release":       {Text: "release of GlusterFS: 3.9.0 numbers its events otherwise than all later ones", Values: []string{"auto", "3.9.0"}},
	}
}
