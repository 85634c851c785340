package translate

import "github.com/gluster-trapgw/gluster-trapgw/conffile"

// Keys implements what package schema asks for.
func (Cluster) Keys() conffile.Keys {
	return conffile.Keys{
		"name": {Text: "how notifications call the cluster, at most 64 octets", Example: "prod"},
		"nodes": {Text: "the nodes by UUID (gluster pool list), so that notifications say names and the many spellings of one host are one",
			Example: "{1a6111b8-4f13-4c02-9739-2c473e398b41: {name: gfs2, address: 192.0.2.12}}"},
	}
}

// Keys implements what package schema asks for.
func (Node) Keys() conffile.Keys {
	return conffile.Keys{
		"name":    {Text: "how notifications call the node", Example: "gfs2"},
		"address": {Text: "its IP address, which its notifications give as snmpTrapAddress", Example: "192.0.2.12"},
	}
}
