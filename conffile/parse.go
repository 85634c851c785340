package conffile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// parse reads the first document and the line where a second one begins, 0 when there is none. The root is nil
// for an empty file.
func parse(data []byte) (root *yaml.Node, second int, err error) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var first, next yaml.Node
	switch err := dec.Decode(&first); {
	case errors.Is(err, io.EOF):
		return nil, 0, nil
	case err != nil:
		return nil, 0, err
	}
	switch err := dec.Decode(&next); {
	case errors.Is(err, io.EOF):
	case err != nil:
		return nil, 0, err
	default:
		second = max(next.Line, 1)
	}
	if len(first.Content) > 0 {
		root = first.Content[0]
	}
	return root, second, nil
}

// syntaxProblems words the parser's error. The parser gives up at the first mistake, so there is one of these per
// run, except for tabs: those are all listed.
func syntaxProblems(file string, data []byte, err error) Problems {
	at := func(line int, format string, args ...any) Problems {
		return Problems{{File: file, Line: line, Err: fmt.Errorf(format, args...)}}
	}
	if i := badByte(data); i >= 0 {
		return at(lineAt(data, i), "octet 0x%02x is not text: save the file as UTF-8 without control characters", data[i])
	}
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	if m := unknownAnchor.FindStringSubmatch(text); m != nil {
		// The parser reports no line for this one. The usual cause is a glob without quotes.
		i := bytes.Index(data, []byte("*"+m[1]))
		return at(lineAt(data, i), "*%s is an alias and nothing is marked &%s: quote a pattern that begins with *", m[1], m[1])
	}
	line := 1
	if m := syntaxLine.FindStringSubmatch(text); m != nil {
		if n, err := strconv.Atoi(m[1]); err == nil {
			line = n
		}
		text = text[len(m[0]):]
	}
	lines := bytes.SplitAfter(data, []byte("\n"))
	line = errorLine(data, lines, line)
	var tabs Problems
	for i, l := range lines {
		indent := l[:len(l)-len(bytes.TrimLeft(l, " \t"))]
		if i+1 >= line && bytes.IndexByte(indent, '\t') >= 0 {
			tabs = append(tabs, at(i+1, "a tab in the indentation: use spaces")...)
		}
	}
	if len(tabs) > 0 && tabs[0].Line == line {
		return tabs
	}
	for _, w := range syntaxWords {
		if strings.Contains(text, w.parser) {
			return at(line, "%s", w.ours)
		}
	}
	return at(line, "not YAML: %s", text)
}

var (
	unknownAnchor = regexp.MustCompile(`^unknown anchor '(.*)' referenced$`)
	syntaxLine    = regexp.MustCompile(`^line (\d+): `)
)

// syntaxWords says in words of the file what the parser says in words of the YAML grammar.
var syntaxWords = []struct{ parser, ours string }{
	{"did not find expected comment or line break", `a value cannot begin with > or | : put it in quotes, ">= major"`},
	{"did not find expected alphabetic or numeric character", `a value cannot begin with * or & : put it in quotes, "*"`},
	{"found character that cannot start any token", "a value cannot begin with this character: put it in quotes"},
	{"found unknown escape character", `between " and " a backslash begins an escape: put the value between ' and '`},
	{"mapping values are not allowed", "a ':' where no key can be: check the indentation, or put the value in quotes"},
	{"did not find expected key", "expected a key like the ones around it: check the indentation and the quotes"},
	{"could not find expected ':'", "expected KEY: VALUE, the ':' is missing"},
	{"did not find expected '-' indicator", "expected a list item that begins with '- ': check the indentation"},
	{"did not find expected ',' or ']'", "the list that begins here is not closed: expected ',' or ']'"},
	{"did not find expected ',' or '}'", "the { that begins here is not closed: expected ',' or '}'"},
	{"found unexpected end of stream", "the quote that begins here is not closed"},
	{"did not find expected node content", "expected a value: check the brackets, or put the value in quotes"},
}

// errorLine returns the line of a syntax error: the one after the longest run of lines that parses. The parser's
// own line is that of the construct around the error, and one too small for half of its messages; it is
// good enough for files of more lines than anyone writes by hand.
func errorLine(data []byte, lines [][]byte, reported int) int {
	if len(lines) > 1000 {
		return reported
	}
	end := len(data)
	for k := len(lines) - 1; k >= 0; k-- {
		end -= len(lines[k])
		if len(bytes.TrimSpace(lines[k])) == 0 {
			continue
		}
		if _, _, err := parse(data[:end]); err == nil {
			return k + 1
		}
	}
	return reported
}

// badByte returns the index of the first octet that YAML does not allow, -1 when there is none.
func badByte(data []byte) int {
	for i := 0; i < len(data); {
		r, n := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && n == 1 || r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0x7f {
			return i
		}
		i += n
	}
	return -1
}

func lineAt(data []byte, i int) int { return 1 + bytes.Count(data[:max(i, 0)], []byte("\n")) }
