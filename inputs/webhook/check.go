package webhook

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

const (
	maxDepth = 32  // of nested values; a real event has 4, and what reads the queue must be able to follow
	maxName  = 128 // octets of an event's name; the longest real one has 37
)

// bodyError says why a request is refused; it is what the sender gets to read.
type bodyError struct {
	Text  string `json:"error"`
	Field string `json:"field,omitempty"` // the member that is wrong; empty when the body as a whole is
}

func (e *bodyError) Error() string {
	if e.Field == "" {
		return e.Text
	}
	return e.Field + ": " + e.Text
}

// What each member has to be.
const (
	wantEvent   = `expected the name of an event as text like "VOLUME_START": 1 to 128 printable ASCII characters`
	wantMessage = "expected an object with the fields of the event"
	wantNode    = "expected the UUID of a node as text, or null"
	wantTS      = "expected a whole number of seconds since 1970"

	wantName      = `expected the name of an event as text like "volume.created": 1 to 128 printable ASCII characters`
	wantData      = "expected an object with the fields of the event"
	wantOrigin    = "expected the UUID of a node as text"
	wantTimestamp = "expected a time as text like 2018-01-30T17:03:02.697693264+05:30"
)

// Check says whether the webhook takes a body. If not, the error is what the sender of one gets to read.
func (c *Config) Check(body []byte) error {
	if len(body) > int(c.MaxBody) {
		return c.tooLarge()
	}
	if _, fault := check(body); fault != nil { // a nil *bodyError would not be a nil error
		return fault
	}
	return nil
}

func (c *Config) tooLarge() *bodyError {
	return &bodyError{Text: fmt.Sprintf("the body is larger than %s (max_body)", c.MaxBody)}
}

// check says whether body is a Gluster event: one JSON object with event (a text), message (an object), ts (a whole
// number of any size and sign) and nodeid (a text, null or absent), as glustereventsd builds it (events/src/utils.py).
// An object without event may be one as glusterd2 builds it (glusterd2/events): name and timestamp (texts), origin (a text)
// and data (an object), which may be absent. Further members are ignored. Of a repeated member every value has to be right, so it does not matter which one
// a reader takes. One pass, nothing is decoded and nothing allocated: decoding happens when the event is read from
// the queue. node is the nodeid of a right body, without its quotes; empty when it has none.
func check(body []byte) (node []byte, fault *bodyError) {
	s := scanner{b: body}
	s.space()
	if s.peek() != '{' {
		return nil, &bodyError{Text: "the body is not a JSON object: expected one as glustereventsd posts it"}
	}
	var event, message, ts bool
	var bad *bodyError // the first one; broken JSON goes before it
	var name, timestamp bool
	var bad2 *bodyError // the same, taken for an event of glusterd2
	valid := s.members('}', func() bool {
		key, ok := s.key()
		if !ok {
			return false
		}
		start := s.i
		if !s.value(2) {
			return false
		}
		value := body[start:s.i]
		var fault, fault2 *bodyError
		// The conversions do not allocate.
		switch string(plain(key)) {
		case `"event"`:
			if event = true; !isName(plain(value)) {
				fault = wrong("event", wantEvent, value)
			}
		case `"message"`:
			if message = true; value[0] != '{' {
				fault = wrong("message", wantMessage, value)
			}
		case `"nodeid"`:
			if value[0] != '"' && value[0] != 'n' {
				fault = wrong("nodeid", wantNode, value)
			}
			if value[0] == '"' {
				node = value[1 : len(value)-1]
			}
		case `"ts"`:
			if ts = true; !isInteger(value) {
				fault = wrong("ts", wantTS, value)
			}
		case `"name"`:
			if name = true; !isName(plain(value)) {
				fault2 = wrong("name", wantName, value)
			}
		case `"data"`:
			if value[0] != '{' {
				fault2 = wrong("data", wantData, value)
			}
		case `"origin"`:
			if value[0] != '"' {
				fault2 = wrong("origin", wantOrigin, value)
			}
		case `"timestamp"`:
			if timestamp = true; !isTime(plain(value)) {
				fault2 = wrong("timestamp", wantTimestamp, value)
			}
		}
		if bad == nil {
			bad = fault
		}
		if bad2 == nil {
			bad2 = fault2
		}
		return true
	})
	end := s.i
	s.space()
	switch {
	case s.deep:
		return nil, &bodyError{Text: fmt.Sprintf("the body nests values more than %d deep", maxDepth)}
	case !valid:
		return nil, &bodyError{Text: fmt.Sprintf("the body stops being valid JSON after octet %d", end)}
	case s.i < len(body):
		return nil, &bodyError{Text: fmt.Sprintf("the body goes on after the object, which ends at octet %d: expected one event for each request", end)}
	case !event && name && timestamp:
		return nil, bad2
	case bad != nil:
		return nil, bad
	case !event:
		return nil, &bodyError{"is missing: " + wantEvent, "event"}
	case !message:
		return nil, &bodyError{"is missing: " + wantMessage, "message"}
	case !ts:
		return nil, &bodyError{"is missing: " + wantTS, "ts"}
	}
	return node, nil
}

// wrong words the mistake; value is valid JSON.
func wrong(field, want string, value []byte) *bodyError {
	var got string
	switch value[0] {
	case '{':
		got = "an object"
	case '[':
		got = "a list"
	case '"':
		got = "the text "
	}
	if value[0] != '{' && value[0] != '[' {
		if len(value) > 40 {
			got += string(value[:40]) + "..."
		} else {
			got += string(value)
		}
	}
	return &bodyError{want + ", got " + got, field}
}

// plain returns a JSON text with its quotes and without escapes; other values as they are. Python's json and
// glusterd2 escape nothing in names, so that the slow way is for strangers.
func plain(value []byte) []byte {
	if value[0] != '"' || bytes.IndexByte(value, '\\') < 0 {
		return value
	}
	var s string
	if err := json.Unmarshal(value, &s); err != nil {
		return value // not reached: the scanner found it valid
	}
	return append(append([]byte{'"'}, s...), '"')
}

// isName reports whether a text in quotes can be the name of an event. Spaces inside are allowed: glusterd2 has
// "cleanup leader elected".
func isName(text []byte) bool {
	if len(text) < 3 || len(text) > maxName+2 || text[0] != '"' {
		return false
	}
	name := text[1 : len(text)-1]
	for _, c := range name {
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return name[0] != ' ' && name[len(name)-1] != ' '
}

// isTime reports whether a text in quotes is a time as RFC 3339 has it.
func isTime(text []byte) bool {
	if len(text) < 2 || text[0] != '"' {
		return false
	}
	_, err := time.Parse(time.RFC3339Nano, string(text[1:len(text)-1]))
	return err == nil
}

// isGlusterd2Test reports whether an event is what glusterd2 posts to try a webhook: one named test, without data.
func isGlusterd2Test(body []byte) bool {
	if !bytes.Contains(body, []byte(`"test"`)) || bytes.Contains(body, []byte(`"message"`)) {
		return false
	}
	var ev struct {
		Event, Name string
		Data        json.RawMessage
	}
	return json.Unmarshal(body, &ev) == nil && ev.Event == "" && ev.Name == "test" && ev.Data == nil
}

// isInteger reports whether a valid JSON value is a number without fraction and exponent.
func isInteger(v []byte) bool {
	if v[0] == '-' {
		v = v[1:]
	}
	for _, c := range v {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}
