package policy

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// patterns is a list of which any may fit.
type patterns []pattern

// pattern is one text of a matcher, compiled.
type pattern struct {
	text string // as written
	kind kind
	lit  string // of literal, prefix, suffix
	glob []token
	re   *regexp.Regexp
}

type kind uint8

const (
	literal kind = iota
	prefix       // prod-*
	suffix       // *-scratch
	glob
	expression // /.../
)

// match reports whether one pattern fits. What is absent fits only the empty text.
func (ps patterns) match(s string) bool {
	for i := range ps {
		if ps[i].match(s) {
			return true
		}
	}
	return false
}

// matchAny reports whether a pattern fits one of the values that are there; none there counts as one empty value.
func (ps patterns) matchAny(a, b, c string) bool {
	if a == "" && b == "" && c == "" {
		return ps.match("")
	}
	return a != "" && ps.match(a) || b != "" && ps.match(b) || c != "" && ps.match(c)
}

// source is the list as written, for messages.
func (ps patterns) source() string {
	texts := make([]string, len(ps))
	for i := range ps {
		texts[i] = ps[i].text
	}
	return quoted(texts)
}

func (p *pattern) match(s string) bool {
	if p.kind == literal {
		return s == p.lit
	}
	if s == "" {
		return false
	}
	switch p.kind {
	case prefix:
		return strings.HasPrefix(s, p.lit)
	case suffix:
		return strings.HasSuffix(s, p.lit)
	case glob:
		return matchGlob(p.glob, s)
	default:
		return p.re.MatchString(s)
	}
}

// compile makes a pattern of its written form.
func compile(text string) (pattern, error) {
	p := pattern{text: text, kind: glob}
	if len(text) >= 2 && text[0] == '/' && text[len(text)-1] == '/' {
		src := text[1 : len(text)-1]
		if src == "" {
			return p, errors.New(`"//" is an empty regular expression: write something between the slashes`)
		}
		_, err := regexp.Compile(src)
		if err == nil {
			p.kind = expression
			p.re, err = regexp.Compile(`\A(?s:` + src + `)\z`)
		}
		if err != nil {
			return p, fmt.Errorf("%q is not a regular expression: %s", text, strings.TrimPrefix(err.Error(), "error parsing regexp: "))
		}
		return p, nil
	}
	tokens, err := parseGlob(text)
	if err != nil {
		return p, fmt.Errorf("%q is not a glob: %w", text, err)
	}
	stars := 0
	var lit strings.Builder
	for _, t := range tokens {
		switch t.kind {
		case oneRune:
			lit.WriteString(t.lit)
		case anyRunes:
			stars++
		default:
			stars = 2
		}
	}
	p.lit = lit.String()
	switch {
	case stars == 0:
		p.kind = literal
	case stars == 1 && tokens[len(tokens)-1].kind == anyRunes:
		p.kind = prefix
	case stars == 1 && tokens[0].kind == anyRunes:
		p.kind = suffix
	default:
		p.glob = tokens
	}
	return p, nil
}

// token is one element of a glob.
type token struct {
	kind   tokenKind
	lit    string    // the character of oneRune
	negate bool      // of a set
	ranges [][2]rune // of a set
}

type tokenKind uint8

const (
	oneRune  tokenKind = iota
	anyRune            // ?
	anyRunes           // *
	set                // [a-z]
)

func parseGlob(text string) ([]token, error) {
	var tokens []token
	for text != "" {
		c, rest, err := nextRune(text)
		switch {
		case err != nil:
			return nil, err
		case text[0] == '*':
			if n := len(tokens); n == 0 || tokens[n-1].kind != anyRunes {
				tokens = append(tokens, token{kind: anyRunes})
			}
		case text[0] == '?':
			tokens = append(tokens, token{kind: anyRune})
		case text[0] == '[':
			var t token
			if t, rest, err = parseSet(text[1:]); err != nil {
				return nil, err
			}
			tokens = append(tokens, t)
		default:
			tokens = append(tokens, token{lit: c})
		}
		text = rest
	}
	return tokens, nil
}

// parseSet reads what follows a '['.
func parseSet(text string) (t token, rest string, err error) {
	t.kind = set
	if text != "" && (text[0] == '!' || text[0] == '^') {
		t.negate, text = true, text[1:]
	}
	for text != "" && text[0] != ']' {
		lo, rest, err := nextRune(text)
		if err != nil {
			return t, "", err
		}
		hi := lo
		if len(rest) > 1 && rest[0] == '-' && rest[1] != ']' {
			if hi, rest, err = nextRune(rest[1:]); err != nil {
				return t, "", err
			}
		}
		from, _ := utf8.DecodeRuneInString(lo)
		to, _ := utf8.DecodeRuneInString(hi)
		if from > to {
			return t, "", fmt.Errorf("the range %s-%s runs backwards: write %s-%s", lo, hi, hi, lo)
		}
		t.ranges, text = append(t.ranges, [2]rune{from, to}), rest
	}
	switch {
	case text == "":
		return t, "", errors.New(`the [ has no ]: write \[ for the character itself`)
	case len(t.ranges) == 0:
		return t, "", errors.New(`the [] is empty: write \[ for the character itself`)
	}
	return t, text[1:], nil
}

// nextRune takes one character, which a backslash may precede, off the front of text.
func nextRune(text string) (c, rest string, err error) {
	if text[0] == '\\' {
		if text = text[1:]; text == "" {
			return "", "", errors.New(`it ends in a single \: write \\ for the character itself`)
		}
	}
	_, n := utf8.DecodeRuneInString(text)
	return text[:n], text[n:], nil
}

// matchGlob goes back to the last star only: what an earlier one took can never help more.
func matchGlob(tokens []token, s string) bool {
	t, i := 0, 0
	star, from := -1, 0
	for i < len(s) {
		if t < len(tokens) {
			if tokens[t].kind == anyRunes {
				star, from = t, i
				t++
				continue
			}
			if n := tokens[t].take(s[i:]); n > 0 {
				t, i = t+1, i+n
				continue
			}
		}
		if star < 0 {
			return false
		}
		_, n := utf8.DecodeRuneInString(s[from:])
		from += n
		t, i = star+1, from
	}
	for t < len(tokens) && tokens[t].kind == anyRunes {
		t++
	}
	return t == len(tokens)
}

// take returns how many octets at the front of s the token stands for, 0 when it does not fit.
func (t *token) take(s string) int {
	if t.kind == oneRune {
		if strings.HasPrefix(s, t.lit) {
			return len(t.lit)
		}
		return 0
	}
	r, n := utf8.DecodeRuneInString(s)
	if t.kind == set && t.negate == slices.ContainsFunc(t.ranges, func(p [2]rune) bool { return p[0] <= r && r <= p[1] }) {
		return 0
	}
	return n
}
