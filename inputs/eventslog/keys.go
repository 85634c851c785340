package eventslog

import "github.com/gluster-trapgw/gluster-trapgw/conffile"

// Keys implements what package schema asks for.
func (Config) Keys() conffile.Keys {
	return conffile.Keys{
		"path": {Text: "absolute path of glustereventsd's log on this node, from which missed events are recovered; empty turns the input off",
			Example: "/var/log/glusterfs/events.log"},
	}
}
