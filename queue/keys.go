package queue

import "github.com/gluster-trapgw/gluster-trapgw/conffile"

// Keys implements what package schema asks for.
func (Config) Keys() conffile.Keys {
	return conffile.Keys{
		"max_bytes": {Text: "how large database and write-ahead log may get, 8MiB and eight times webhook.max_body at least; 0 is no bound. What goes first is the oldest, delivered or not",
			Example: "1GiB"},
		"max_age": {Text: "how long an event is kept, 1m at least; 0 is no bound", Example: "7d"},
	}
}
