package policy

import (
	"path"
	"strings"
	"testing"
)

func TestPattern(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text    string
		fits    []string
		differs []string
	}{
		{"abc", []string{"abc"}, []string{"", "ab", "abcd", "ABC"}},
		{"", []string{""}, []string{"a"}},
		{"*", []string{"a", "/a/b", "\n"}, []string{""}},
		{"a*", []string{"a", "ab", "a/b"}, []string{"", "ba"}},
		{"*a", []string{"a", "ba", "/b/a"}, []string{"", "ab"}},
		{"a*b", []string{"ab", "axxb", "a/b", "abb"}, []string{"a", "b", "abc"}},
		{"*a*", []string{"a", "bab"}, []string{"", "b"}},
		{"**a**b**", []string{"ab", "xaxbx"}, []string{"ba", "a"}},
		{"a*bc*bd", []string{"abcbd", "abcbcbd"}, []string{"abcb", "abd"}},
		{"?", []string{"a", "é", "世"}, []string{"", "ab"}},
		{"a?c", []string{"abc", "aéc"}, []string{"ac", "abbc"}},
		{"[abc]", []string{"a", "c"}, []string{"d", "", "ab"}},
		{"[a-cx]*", []string{"b", "xyz"}, []string{"d"}},
		{"[!a-c]", []string{"d", "é"}, []string{"a", ""}},
		{"[^a-c]", []string{"d"}, []string{"a"}},
		{"[à-é]", []string{"à", "é"}, []string{"a"}},
		{`[\]\-]`, []string{"]", "-"}, []string{`\`}},
		{"[a-]", []string{"a", "-"}, []string{"b"}},
		{`\*`, []string{"*"}, []string{"a", `\*`}},
		{`a\*b*`, []string{"a*b", "a*bc"}, []string{"axb"}},
		{`\[::1\]:/b*`, []string{"[::1]:/b1"}, []string{":"}},
		{"/", []string{"/"}, []string{"", "a"}},
		{"/a/b", []string{"/a/b"}, []string{"a"}},
		{"/bricks/*", []string{"/bricks/b1", "/bricks/b1/c"}, []string{"/brick"}},
		{"/a|b/", []string{"a", "b"}, []string{"ab", "", "xa"}},
		{"/a.c/", []string{"abc", "a\nc"}, []string{"xabc", "abcx"}},
		{"/(?i)abc/", []string{"ABC", "abc"}, []string{"abcd"}},
		{"/a?/", []string{"a"}, []string{"", "aa"}},
	} {
		p, err := compile(c.text)
		if err != nil {
			t.Errorf("%q: %v", c.text, err)
			continue
		}
		for _, s := range c.fits {
			if !p.match(s) {
				t.Errorf("%q does not fit %q", c.text, s)
			}
		}
		for _, s := range c.differs {
			if p.match(s) {
				t.Errorf("%q fits %q", c.text, s)
			}
		}
	}
}

func TestPatternBad(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"[", "a[b", "[]", "[!]", "[a", `[a\`, "[z-a]", `a\`, "//", "/(/", "/a)(b/", "/[z-a]/", "/*/"} {
		if p, err := compile(text); err == nil {
			t.Errorf("%q: got %+v, want an error", text, p)
		} else if strings.Contains(err.Error(), "(?s:") {
			t.Errorf("%q: got %v, which shows what we added", text, err)
		}
	}
}

// FuzzGlob compares with path.Match, which is the same language except that its * and ? stop at a slash, it allows
// neither ! nor a literal - or ] in a set, and the empty value is nothing special.
func FuzzGlob(f *testing.F) {
	for _, s := range [][2]string{{"a*b?c", "axxbyc"}, {"[a-c]*", "b"}, {`\*`, "*"}, {"*a*b*a*", "aabbaabb"}} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, pat, s string) {
		p, err := compile(pat)
		if err != nil {
			return
		}
		got := p.match(s)
		if p.kind == expression || s == "" || strings.Contains(s, "/") || strings.Contains(pat, "[!") {
			return
		}
		if want, err := path.Match(pat, s); err == nil && got != want {
			t.Errorf("%q with %q: got %t, path.Match says %t", pat, s, got, want)
		}
	})
}
