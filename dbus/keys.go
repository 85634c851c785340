package dbus

import "github.com/gluster-trapgw/gluster-trapgw/conffile"

// Keys implements what package schema asks for.
func (Config) Keys() conffile.Keys {
	return conffile.Keys{
		"bus": {Text: "the bus that gets each event as a signal: system, session, or a D-Bus address; empty turns it off",
			Known: []string{"system", "session"}, Example: "system"},
	}
}
