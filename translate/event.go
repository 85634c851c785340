package translate

import "time"

// Event is one GlusterFS event as an input received it, decoded from the raw body of a queued record.
type Event struct {
	Seq      uint64    // position in the durable log, 1 and up; 0 when the event never was in one (test, demo)
	Received time.Time // when the input accepted it
	Input    string    // name of the input, "webhook"
	Remote   string    // IP address of the sender, without port; empty when unknown

	Name    string  // "BRICK_DISCONNECTED": without EVENT_, as on the wire
	NodeID  string  // UUID of the emitting node; empty when the body said null
	TS      int64   // seconds since 1970 as sent by the emitter: may be 0, negative or absurdly large; saturates at the ends of int64
	Message []Field // keys as on the wire (" subvol" keeps its space), in the order of the body
	Raw     string  // the body, byte for byte
}

// Field is one key of an event's message with its value as text: strings as they are, booleans as true and
// false, numbers as written, lists of options as "k=v, k=v".
type Field struct{ Key, Value string }

// Get returns the value of the first of the named keys that the message has, and whether one was there.
func (ev *Event) Get(keys ...string) (string, bool) {
	for _, k := range keys {
		for i := range ev.Message {
			if ev.Message[i].Key == k {
				return ev.Message[i].Value, true
			}
		}
	}
	return "", false
}
