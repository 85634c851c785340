package webhook

import (
	"encoding/json"
	"fmt"
)

// bodyError says why a body is not an event.
type bodyError struct {
	Field string `json:"field,omitempty"` // the member that is wrong; empty when the body as a whole is
	Text  string `json:"error"`
}

func (e *bodyError) Error() string {
	if e.Field == "" {
		return e.Text
	}
	return e.Field + ": " + e.Text
}

// check says whether body is a Gluster event: one JSON object with event (a text), message (an object), ts (a whole
// number of any size and sign) and nodeid (a text, null or absent), as gluster's events/src/peer_eventsapi.py and
// glustereventsd build it. Nothing is decoded: that happens when the event is read from the queue.
func check(body []byte) *bodyError {
	if !json.Valid(body) {
		return &bodyError{Text: "the body is not JSON: expected one object as glustereventsd posts it"}
	}
	s := scanner{b: body}
	if s.kind() != '{' {
		return &bodyError{Text: "the body is not a JSON object"}
	}
	var event, message, ts bool
	s.i++
	for s.kind() == '"' {
		key := s.value()
		s.kind() // to the colon
		s.i++
		kind := s.kind()
		value := s.value()
		switch string(key) {
		case `"event"`:
			event = kind == '"' && len(value) > 2
			if !event {
				return &bodyError{"event", "expected the name of an event as text, got " + show(value)}
			}
		case `"message"`:
			if message = kind == '{'; !message {
				return &bodyError{"message", "expected an object, got " + show(value)}
			}
		case `"nodeid"`:
			if kind != '"' && kind != 'n' {
				return &bodyError{"nodeid", "expected the UUID of a node as text, or null, got " + show(value)}
			}
		case `"ts"`:
			if ts = isInteger(value); !ts {
				return &bodyError{"ts", "expected a whole number of seconds since 1970, got " + show(value)}
			}
		}
		if s.kind() == ',' {
			s.i++
		}
	}
	switch {
	case !event:
		return &bodyError{"event", "is missing: expected the name of an event"}
	case !message:
		return &bodyError{"message", "is missing: expected an object with the fields of the event"}
	case !ts:
		return &bodyError{"ts", "is missing: expected a whole number of seconds since 1970"}
	}
	return nil
}

// show quotes the beginning of a value for an error text.
func show(v []byte) string {
	if len(v) > 40 {
		return fmt.Sprintf("%q...", v[:40])
	}
	return fmt.Sprintf("%q", v)
}

func isInteger(v []byte) bool {
	if len(v) > 0 && v[0] == '-' {
		v = v[1:]
	}
	for _, c := range v {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(v) > 0
}

// scanner steps over the values of JSON that is known to be valid.
type scanner struct {
	b []byte
	i int
}

// kind skips white space and returns the next octet, 0 at the end.
func (s *scanner) kind() byte {
	for s.i < len(s.b) {
		switch c := s.b[s.i]; c {
		case ' ', '\t', '\r', '\n':
			s.i++
		default:
			return c
		}
	}
	return 0
}

// value steps over the value at the current place and returns its octets.
func (s *scanner) value() []byte {
	start, depth := s.i, 0
	for s.i < len(s.b) {
		c := s.b[s.i]
		switch c {
		case '"':
			for s.i++; s.i < len(s.b) && s.b[s.i] != '"'; s.i++ {
				if s.b[s.i] == '\\' {
					s.i++
				}
			}
			s.i++
			if depth == 0 {
				return s.b[start:min(s.i, len(s.b))]
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return s.b[start:s.i]
			}
			if depth--; depth == 0 {
				s.i++
				return s.b[start:s.i]
			}
		case ',', ':', ' ', '\t', '\r', '\n':
			if depth == 0 {
				return s.b[start:s.i]
			}
		}
		s.i++
	}
	return s.b[start:s.i]
}
