package translate

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"
)

// errNotEvent is the reason why Decode refuses a body.
var errNotEvent = errors.New("body is not a Gluster event")

// Decode reads the JSON body of an event as glustereventsd posts it: an object with event, message, nodeid and ts. It
// is lenient where that cannot mislead: other top-level keys are ignored, nodeid may be null or absent, ts of any size
// saturates, values of any type become text, octets that are not UTF-8 become U+FFFD, of a repeated key the last counts.
// Only a body that is not a JSON object or has no event name is an error. An object without event that has name and
// timestamp is an event of glusterd2. The caller fills in Seq, Received, Input and
// Remote.
func Decode(body []byte) (Event, error) {
	// One copy: every string of the event that has no escape in it shares it.
	ev := Event{Raw: string(body)}
	d := decoder{s: ev.Raw}
	if !utf8.ValidString(d.s) {
		d.s = string([]rune(d.s)) // one U+FFFD for each octet
	}
	err := d.object(func(key string) error {
		var err error
		switch key {
		case "event":
			if ev.Name = ""; d.peek() != '"' {
				return d.skip()
			}
			ev.Name, err = d.str()
		case "nodeid":
			ev.NodeID, err = d.text(0)
		case "ts":
			var s string
			s, err = d.text(0)
			ev.TS = saturate(s)
		case "message":
			ev.Message, err = d.message()
		default:
			err = d.skip()
		}
		return err
	})
	if d.space(); err == nil && d.i < len(d.s) {
		err = d.errorf("text after the object")
	}
	if err == nil && ev.Name == "" {
		raw := ev.Raw
		ev, err = decodeGlusterd2(d.s)
		ev.Raw = raw
	}
	if err != nil {
		return Event{}, fmt.Errorf("%w: %w", errNotEvent, err)
	}
	return ev, nil
}

// fewFields is how many fields are searched one by one for a repeated key; events have less than 20.
const fewFields = 32

// message reads the fields. Of a repeated key the last value counts, at the first one's place. What is not an object has
// no fields.
func (d *decoder) message() ([]Field, error) {
	if d.peek() != '{' {
		return nil, d.skip()
	}
	fields := make([]Field, 0, 8)
	var index map[string]int // of many fields, so that a message made of keys does not take forever
	err := d.object(func(key string) error {
		value, err := d.text(0)
		if err != nil {
			return err
		}
		if index != nil {
			if i, ok := index[key]; ok {
				fields[i].Value = value
				return nil
			}
			index[key] = len(fields)
			fields = append(fields, Field{key, value})
			return nil
		}
		for i := range fields {
			if fields[i].Key == key {
				fields[i].Value = value
				return nil
			}
		}
		if fields = append(fields, Field{key, value}); len(fields) == fewFields {
			index = make(map[string]int, 2*fewFields)
			for i := range fields {
				index[fields[i].Key] = i
			}
		}
		return nil
	})
	return fields, err
}

// saturate reads a number of any size and form as int64, without its fraction; what is no number is 0.
func saturate(s string) int64 {
	if !isNumber(s) {
		return 0
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err == nil || errors.Is(err, strconv.ErrRange) {
		return n // at the end of the range in the second case
	}
	switch f, _ := strconv.ParseFloat(s, 64); { // out of range it is infinite
	case f >= math.MaxInt64:
		return math.MaxInt64
	case f <= math.MinInt64:
		return math.MinInt64
	default:
		return int64(f)
	}
}
