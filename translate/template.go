package translate

import (
	"fmt"
	"strings"
)

// segment is a piece of a compiled text: literal text, a placeholder, or an optional group of pieces. text/template
// would cost more than all the rest of a translation.
type segment struct {
	literal string
	name    string
	group   []segment
}

// compile reads the template language of the catalogue: {name} and [optional], without nesting.
func compile(s string) ([]segment, error) {
	var segs []segment
	for s != "" {
		i := strings.IndexAny(s, "{}[]")
		if i < 0 {
			return append(segs, segment{literal: s}), nil
		}
		if i > 0 {
			segs = append(segs, segment{literal: s[:i]})
			s = s[i:]
		}
		var end byte
		switch s[0] {
		case '{':
			end = '}'
		case '[':
			end = ']'
		default:
			return nil, fmt.Errorf("%q closes nothing", s[:1])
		}
		k := strings.IndexByte(s, end)
		if k < 0 {
			return nil, fmt.Errorf("%q is not closed", s)
		}
		inner := s[1:k]
		s = s[k+1:]
		if end == '}' {
			if inner == "" || strings.ContainsAny(inner, "{[] ") {
				return nil, fmt.Errorf("%q is not a placeholder", "{"+inner+"}")
			}
			segs = append(segs, segment{name: inner})
			continue
		}
		group, err := compile(inner)
		if err != nil {
			return nil, err
		}
		if !strings.Contains(inner, "{") {
			return nil, fmt.Errorf("optional part %q has no placeholder", "["+inner+"]")
		}
		segs = append(segs, segment{group: group})
	}
	return segs, nil
}

// appendText fills in the template. An empty placeholder outside of an optional group shows as "?".
func (n *Notification) appendText(b []byte, segs []segment) []byte {
	for i := range segs {
		switch s := &segs[i]; {
		case s.group != nil:
			if n.filled(s.group) {
				b = n.appendText(b, s.group)
			}
		case s.name != "":
			if v := n.label(s.name); v != "" {
				b = append(b, v...)
			} else {
				b = append(b, '?')
			}
		default:
			b = append(b, s.literal...)
		}
	}
	return b
}

func (n *Notification) filled(segs []segment) bool {
	for i := range segs {
		if segs[i].name != "" && n.label(segs[i].name) == "" {
			return false
		}
	}
	return true
}
