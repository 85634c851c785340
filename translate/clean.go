package translate

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Clean makes text fit for a varbind and a syslog line: control characters of every kind (C0, C1, line and paragraph
// separators, bidirectional overrides) become spaces, octets that are not UTF-8 become U+FFFD.
func Clean(s string) string {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < 0x20 || c >= 0x7f {
			return clean(s)
		}
	}
	return s
}

func clean(s string) string {
	changed := !utf8.ValidString(s)
	if !changed {
		changed = strings.ContainsFunc(s, isControl)
	}
	if !changed {
		return s
	}
	return strings.Map(func(r rune) rune {
		if isControl(r) {
			return ' '
		}
		return r // strings.Map hands on U+FFFD for an invalid octet
	}, s)
}

func isControl(r rune) bool {
	switch {
	case unicode.IsControl(r), r == '\u2028', r == '\u2029', r == '\ufeff':
		return true
	case r >= '\u202a' && r <= '\u202e', r >= '\u2066' && r <= '\u2069', r == '\u200e', r == '\u200f', r == '\u061c':
		return true
	}
	return false
}
