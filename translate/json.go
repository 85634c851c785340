package translate

import (
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth bounds the nesting of values.
const maxDepth = 32

// decoder is a small JSON reader: encoding/json costs several times as much for bodies of this size, and every event
// is decoded once per output.
type decoder struct {
	s string
	i int
}

func (d *decoder) errorf(format string, args ...any) error {
	return fmt.Errorf("at octet %d: %w", d.i, fmt.Errorf(format, args...))
}

func (d *decoder) space() {
	for d.i < len(d.s) {
		switch d.s[d.i] {
		case ' ', '\t', '\r', '\n':
			d.i++
		default:
			return
		}
	}
}

// peek skips white space and returns the next octet, 0 at the end.
func (d *decoder) peek() byte {
	d.space()
	if d.i < len(d.s) {
		return d.s[d.i]
	}
	return 0
}

func (d *decoder) expect(c byte) error {
	if d.peek() != c {
		return d.errorf("expected %q", c)
	}
	d.i++
	return nil
}

// object reads an object and calls member after each key; member reads the value.
func (d *decoder) object(member func(key string) error) error {
	if err := d.expect('{'); err != nil {
		return err
	}
	if d.peek() == '}' {
		d.i++
		return nil
	}
	for {
		if d.peek() != '"' {
			return d.errorf("expected a key")
		}
		key, err := d.str()
		if err != nil {
			return err
		}
		if err := d.expect(':'); err != nil {
			return err
		}
		if err := member(key); err != nil {
			return err
		}
		switch d.peek() {
		case ',':
			d.i++
		case '}':
			d.i++
			return nil
		default:
			return d.errorf("expected ',' or '}'")
		}
	}
}

// array reads an array and calls element before each value, which element reads.
func (d *decoder) array(element func() error) error {
	d.i++ // the bracket
	if d.peek() == ']' {
		d.i++
		return nil
	}
	for {
		if err := element(); err != nil {
			return err
		}
		switch d.peek() {
		case ',':
			d.i++
		case ']':
			d.i++
			return nil
		default:
			return d.errorf("expected ',' or ']'")
		}
	}
}

// text reads any value as text: see Field.
func (d *decoder) text(depth int) (string, error) {
	if depth > maxDepth {
		return "", d.errorf("nested too deeply")
	}
	switch c := d.peek(); {
	case c == '"':
		return d.str()
	case c == '[':
		var parts []string
		pair := true
		err := d.array(func() error {
			pair = pair && d.peek() == '"'
			v, err := d.text(depth + 1)
			parts = append(parts, v)
			return err
		})
		// VOLUME_SET has its options as a list of [key, value].
		if depth > 0 && pair && len(parts) == 2 {
			return parts[0] + "=" + parts[1], err
		}
		return strings.Join(parts, ", "), err
	case c == '{':
		var parts []string
		err := d.object(func(key string) error {
			v, err := d.text(depth + 1)
			parts = append(parts, key+"="+v)
			return err
		})
		return strings.Join(parts, ", "), err
	case c == 0:
		return "", d.errorf("expected a value")
	default:
		return d.literal()
	}
}

// literal reads a number, true, false or null, which is the empty text.
func (d *decoder) literal() (string, error) {
	start := d.i
	for d.i < len(d.s) && strings.IndexByte(",]} \t\r\n", d.s[d.i]) < 0 {
		d.i++
	}
	v := d.s[start:d.i]
	switch {
	case v == "null":
		return "", nil
	case v == "true", v == "false", isNumber(v):
		return v, nil
	}
	d.i = start
	return "", d.errorf("%.20q is not a value", v)
}

// isNumber is the grammar of RFC 8259 section 6.
func isNumber(s string) bool {
	s = strings.TrimPrefix(s, "-")
	n := digits(s)
	if n == 0 || n > 1 && s[0] == '0' {
		return false
	}
	s = s[n:]
	if strings.HasPrefix(s, ".") {
		if n = digits(s[1:]); n == 0 {
			return false
		}
		s = s[1+n:]
	}
	if s != "" && (s[0] == 'e' || s[0] == 'E') {
		s = s[1:]
		if s != "" && (s[0] == '+' || s[0] == '-') {
			s = s[1:]
		}
		if n = digits(s); n == 0 {
			return false
		}
		s = s[n:]
	}
	return s == ""
}

func digits(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}

func (d *decoder) skip() error {
	_, err := d.text(0)
	return err
}

// str reads a string. Without escapes it is a part of the body.
func (d *decoder) str() (string, error) {
	d.i++ // the quote
	start := d.i
	for ; d.i < len(d.s); d.i++ {
		switch c := d.s[d.i]; {
		case c == '"':
			d.i++
			return d.s[start : d.i-1], nil
		case c == '\\':
			return d.escaped(start)
		case c < 0x20:
			return "", d.errorf("control character in a string")
		}
	}
	return "", d.errorf("string without an end")
}

func (d *decoder) escaped(start int) (string, error) {
	b := make([]byte, 0, 2*(d.i-start)+32)
	b = append(b, d.s[start:d.i]...)
	for d.i < len(d.s) {
		c := d.s[d.i]
		switch {
		case c == '"':
			d.i++
			return string(b), nil
		case c < 0x20:
			return "", d.errorf("control character in a string")
		case c != '\\':
			b = append(b, c)
			d.i++
			continue
		}
		d.i++
		if d.i >= len(d.s) {
			break
		}
		c = d.s[d.i]
		d.i++
		switch c {
		case '"', '\\', '/':
			b = append(b, c)
		case 'b':
			b = append(b, '\b')
		case 'f':
			b = append(b, '\f')
		case 'n':
			b = append(b, '\n')
		case 'r':
			b = append(b, '\r')
		case 't':
			b = append(b, '\t')
		case 'u':
			r, ok := d.hex4()
			if !ok {
				return "", d.errorf("\\u needs four hexadecimal digits")
			}
			if utf16.IsSurrogate(r) {
				r = d.lowSurrogate(r)
			}
			b = utf8.AppendRune(b, r)
		default:
			return "", d.errorf("unknown escape \\%c", c)
		}
	}
	return "", d.errorf("string without an end")
}

// lowSurrogate reads the second half of a pair; a lone half is U+FFFD, as encoding/json has it.
func (d *decoder) lowSurrogate(high rune) rune {
	if strings.HasPrefix(d.s[d.i:], `\u`) {
		back := d.i
		d.i += 2
		if low, ok := d.hex4(); ok {
			if r := utf16.DecodeRune(high, low); r != utf8.RuneError {
				return r
			}
		}
		d.i = back
	}
	return utf8.RuneError
}

func (d *decoder) hex4() (rune, bool) {
	if d.i+4 > len(d.s) {
		return 0, false
	}
	var r rune
	for k := range 4 {
		c := d.s[d.i+k]
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	d.i += 4
	return r, true
}
