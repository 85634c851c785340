package inputs

import (
	"maps"
	"slices"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// Body is an event as the inputs that do not receive JSON put it into a record.
type Body struct {
	Event   string
	NodeID  string // null when empty
	TS      int64
	Message map[string]any // of nil, bool, int64, Number, string, []any, map[string]any
}

// Number is a JSON number that is kept as it was written.
type Number string

// JSON writes the body octet for octet as glustereventsd posts it (Python's json.dumps with sort_keys), so that one
// event heard over two paths has one body.
func (b *Body) JSON() []byte {
	dst := make([]byte, 0, 256)
	dst = append(dst, `{"event": `...)
	dst = appendText(dst, b.Event)
	dst = append(dst, `, "message": `...)
	if b.Message == nil {
		dst = append(dst, "{}"...)
	} else {
		dst = appendValue(dst, b.Message)
	}
	dst = append(dst, `, "nodeid": `...)
	if b.NodeID == "" {
		dst = append(dst, "null"...)
	} else {
		dst = appendText(dst, b.NodeID)
	}
	dst = append(dst, `, "ts": `...)
	dst = strconv.AppendInt(dst, b.TS, 10)
	return append(dst, '}')
}

func appendValue(dst []byte, v any) []byte {
	switch v := v.(type) {
	case bool:
		return strconv.AppendBool(dst, v)
	case int64:
		return strconv.AppendInt(dst, v, 10)
	case Number:
		return append(dst, v...)
	case string:
		return appendText(dst, v)
	case []any:
		dst = append(dst, '[')
		for i, item := range v {
			if i > 0 {
				dst = append(dst, ", "...)
			}
			dst = appendValue(dst, item)
		}
		return append(dst, ']')
	case map[string]any:
		dst = append(dst, '{')
		for i, k := range slices.Sorted(maps.Keys(v)) {
			if i > 0 {
				dst = append(dst, ", "...)
			}
			dst = appendText(dst, k)
			dst = append(dst, ": "...)
			dst = appendValue(dst, v[k])
		}
		return append(dst, '}')
	default:
		return append(dst, "null"...)
	}
}

const hexDigits = "0123456789abcdef"

// appendText writes a string in ASCII; octets that are not UTF-8 become U+FFFD.
func appendText(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c <= '~' {
			if c == '"' || c == '\\' {
				dst = append(dst, '\\')
			}
			dst = append(dst, c)
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		i += n
		switch r {
		case '\n':
			dst = append(dst, `\n`...)
		case '\r':
			dst = append(dst, `\r`...)
		case '\t':
			dst = append(dst, `\t`...)
		case '\b':
			dst = append(dst, `\b`...)
		case '\f':
			dst = append(dst, `\f`...)
		default:
			if r > 0xffff {
				hi, lo := utf16.EncodeRune(r)
				dst = appendEscape(dst, hi)
				r = lo
			}
			dst = appendEscape(dst, r)
		}
	}
	return append(dst, '"')
}

func appendEscape(dst []byte, r rune) []byte {
	return append(dst, '\\', 'u', hexDigits[r>>12&15], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
}
