package conffile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one mistake in a file. It prints as FILE:LINE: PATH: what is wrong and what would be right.
type Problem struct {
	File string
	Line int    // from 1; 0 when the mistake has no place in the file
	Path string // YAML path, "outputs[1].snmp.target"; empty when the mistake is not at a key
	Err  error
}

func (p *Problem) Error() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d", p.Line)
	}
	b.WriteString(": ")
	if p.Path != "" {
		b.WriteString(oneLine(p.Path) + ": ")
	}
	b.WriteString(oneLine(p.Err.Error()))
	return b.String()
}

// Unwrap returns the mistake without its place.
func (p *Problem) Unwrap() error { return p.Err }

// Problems are all the mistakes of a file in the order of its lines, printed one per line.
type Problems []*Problem

func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns each Problem, so that errors.Is and errors.As see the causes.
func (ps Problems) Unwrap() []error {
	errs := make([]error, len(ps))
	for i, p := range ps {
		errs[i] = p
	}
	return errs
}

// sorted returns the problems by line as an error, nil when there are none.
func (ps Problems) sorted() error {
	if len(ps) == 0 {
		return nil
	}
	ps = slices.Clone(ps)
	slices.SortStableFunc(ps, func(a, b *Problem) int { return cmp.Compare(a.Line, b.Line) })
	return ps
}

// oneLine keeps one problem on one line of a terminal, whatever bytes the file put into it.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\r', r == '\t':
			return ' '
		case r < ' ', r >= 0x7f && r < 0xa0, r == 0x2028, r == 0x2029:
			return '?'
		}
		return r
	}, s)
}

// Suggest returns the known word that was probably meant, or "" when none is near.
func Suggest(word string, known []string) string {
	if len(word) > 64 {
		return ""
	}
	folded := foldWord(word)
	best, bestDist := "", max(1, len(word)/3)+1
	for _, k := range known {
		if d := distance(folded, foldWord(k)); d < bestDist && d < len(word) {
			best, bestDist = k, d
		}
	}
	return best
}

// DidYouMean is Suggest worded for the end of a message: `: did you mean "x"?`, else `: expected one of ...`.
func DidYouMean(word string, known []string) string {
	if s := Suggest(word, known); s != "" {
		return fmt.Sprintf(": did you mean %q?", s)
	}
	if len(known) == 0 {
		return ""
	}
	return ": expected one of " + strings.Join(known, ", ")
}

func foldWord(s string) string { return strings.ReplaceAll(strings.ToLower(s), "-", "_") }

// distance counts the single-octet edits between a and b; a swap of neighbours is one edit.
func distance(a, b string) int {
	var prev2 []int
	prev := make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := range len(a) {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(row[j]+1, prev[j+1]+1, prev[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], prev2[j-1]+1)
			}
		}
		prev2, prev = prev, row
	}
	return prev[len(b)]
}
