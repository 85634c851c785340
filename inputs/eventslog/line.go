package eventslog

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gluster-trapgw/gluster-trapgw/inputs"
)

var errNotEvent = errors.New("not the text of an event")

// event returns the record for a line of events.log. Such a line is written by log_event() in glustereventsd's utils.py:
//
//	[2026-11-23 02:12:48,123] INFO [utils - 65:log_event] - {'nodeid': '...', 'ts': 1, 'event': 'A', 'message': {...}}
//
// with the repr of a Python dict behind the dash, of Python 3 or 2. The other lines of the file are messages to humans:
// for them ok is false and err nil. A line that should have been an event and cannot be read is an error.
func event(line string) (body []byte, ok bool, err error) {
	text, found := dictText(line)
	if !found {
		return nil, false, nil
	}
	p := literal{s: text}
	v, err := p.value(0)
	if err != nil {
		return nil, false, err
	}
	if strings.TrimSpace(p.s[p.i:]) != "" {
		return nil, false, errNotEvent
	}
	d, isDict := v.(map[string]any)
	if !isDict {
		return nil, false, errNotEvent
	}
	b := inputs.Body{}
	name, isText := d["event"].(string)
	message, hasMessage := d["message"].(map[string]any)
	if !isText || name == "" || !hasMessage {
		return nil, false, errNotEvent
	}
	b.Event, b.Message = name, message
	b.NodeID, _ = d["nodeid"].(string) // None: no node
	ts, isNumber := d["ts"].(inputs.Number)
	if !isNumber {
		return nil, false, errNotEvent
	}
	b.TS, err = strconv.ParseInt(string(ts), 10, 64)
	if errors.Is(err, strconv.ErrSyntax) {
		return nil, false, errNotEvent
	} // out of range it is the nearest number
	return b.JSON(), true, nil
}

// dictText returns the dict of a line that log_event wrote: what follows the bracket with module and function.
func dictText(line string) (string, bool) {
	head, text, ok := strings.Cut(line, "] - ")
	return text, ok && strings.HasPrefix(head, "[") && strings.HasPrefix(text, "{")
}

// literal reads a Python literal as repr() writes it.
type literal struct {
	s string
	i int
}

// maxDepth bounds nested values; a real event has 4.
const maxDepth = 32

func (p *literal) space() {
	for p.i < len(p.s) && strings.IndexByte(" \t\r", p.s[p.i]) >= 0 {
		p.i++
	}
}

func (p *literal) peek() byte {
	if p.i < len(p.s) {
		return p.s[p.i]
	}
	return 0
}

// take goes past c if it is next.
func (p *literal) take(c byte) bool {
	p.space()
	if p.peek() == c && p.i < len(p.s) {
		p.i++
		return true
	}
	return false
}

func (p *literal) value(depth int) (any, error) {
	if depth > maxDepth {
		return nil, errNotEvent
	}
	p.space()
	switch c := p.peek(); {
	case c == '{':
		return p.dict(depth)
	case c == '[':
		return p.list(']', depth)
	case c == '(':
		return p.list(')', depth)
	case c == '\'' || c == '"':
		return p.text()
	case (c == 'u' || c == 'b') && p.i+1 < len(p.s) && (p.s[p.i+1] == '\'' || p.s[p.i+1] == '"'):
		p.i++
		return p.text()
	case c == '-' || c >= '0' && c <= '9':
		return p.number()
	}
	for word, v := range map[string]any{"None": nil, "True": true, "False": false} {
		if strings.HasPrefix(p.s[p.i:], word) {
			p.i += len(word)
			return v, nil
		}
	}
	return nil, errNotEvent
}

func (p *literal) dict(depth int) (any, error) {
	p.i++
	d := map[string]any{}
	for first := true; !p.take('}'); first = false {
		if !first && !p.take(',') {
			return nil, errNotEvent
		}
		k, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		key, ok := k.(string)
		if !ok || !p.take(':') {
			return nil, errNotEvent
		}
		if d[key], err = p.value(depth + 1); err != nil {
			return nil, err
		}
	}
	return d, nil
}

func (p *literal) list(end byte, depth int) (any, error) {
	p.i++
	l := []any{}
	for first := true; !p.take(end); first = false {
		if !first && !p.take(',') {
			return nil, errNotEvent
		}
		if !first && p.take(end) { // a tuple of one: (1,)
			return l, nil
		}
		v, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		l = append(l, v)
	}
	return l, nil
}

// number reads an int of any size, or a float.
func (p *literal) number() (any, error) {
	start := p.i
	for p.i < len(p.s) && strings.IndexByte("+-.eE0123456789", p.s[p.i]) >= 0 {
		p.i++
	}
	n := p.s[start:p.i]
	if p.peek() == 'L' { // a long of Python 2
		p.i++
	}
	if !json.Valid([]byte(n)) {
		return nil, errNotEvent
	}
	return inputs.Number(n), nil
}

// text reads a string in either quotes. Python 2 writes the octets of a str as \xNN, Python 3 writes characters and uses
// \xNN only for those that cannot be printed: octets that are UTF-8 together are taken for that.
func (p *literal) text() (any, error) {
	quote := p.s[p.i]
	p.i++
	var b strings.Builder
	var octets []byte // of \xNN above 0x7f, not yet written
	flush := func() {
		if len(octets) > 0 {
			b.WriteString(octetsText(octets))
			octets = octets[:0]
		}
	}
	for p.i < len(p.s) {
		c := p.s[p.i]
		p.i++
		if c == quote {
			flush()
			return b.String(), nil
		}
		if c != '\\' {
			flush()
			b.WriteByte(c)
			continue
		}
		esc := p.peek()
		p.i++
		width := 0
		switch esc {
		case 'x':
			width = 2
		case 'u':
			width = 4
		case 'U':
			width = 8
		}
		if width > 0 {
			if p.i+width > len(p.s) {
				return nil, errNotEvent
			}
			n, err := strconv.ParseUint(p.s[p.i:p.i+width], 16, 32)
			if err != nil {
				return nil, errNotEvent
			}
			p.i += width
			if width == 2 && n >= 0x80 {
				octets = append(octets, byte(n))
				continue
			}
			flush()
			b.WriteRune(rune(n)) // half a surrogate pair becomes U+FFFD
			continue
		}
		flush()
		switch esc {
		case '\\', '\'', '"':
			b.WriteByte(esc)
		case 'n':
			b.WriteByte('\n')
		case 'r':
			b.WriteByte('\r')
		case 't':
			b.WriteByte('\t')
		default:
			return nil, errNotEvent
		}
	}
	return nil, errNotEvent
}

// octetsText reads octets as UTF-8, or as Latin-1 where they are not.
func octetsText(octets []byte) string {
	if utf8.Valid(octets) {
		return string(octets)
	}
	runes := make([]rune, len(octets))
	for i, c := range octets {
		runes[i] = rune(c)
	}
	return string(runes)
}
