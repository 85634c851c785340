package conffile

import (
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// Locate gives the PathErrors in err, a tree that At, In and errors.Join made, their lines, and returns them together with
// the mistakes that Decode found, as Problems in the order of the file. A key that is missing has the line of its
// nearest parent. A PathError at, above or below a key that Decode complained of only follows from that mistake
// and is left out. Locate returns nil when there is no mistake.
func (d *Doc) Locate(err error) error {
	all := append(Problems(nil), d.found...)
	for _, p := range d.place("", 0, err) {
		if !d.follows(p.Path) {
			all = append(all, p)
		}
	}
	return all.sorted()
}

// place turns err, found at the value of path on line, into Problems.
func (d *Doc) place(path string, line int, err error) Problems {
	switch e := err.(type) {
	case nil:
		return nil
	case Problems:
		return e
	case *Problem:
		return Problems{e}
	case *PathError:
		full := e
		if path != "" {
			full = In(path, e).(*PathError)
		}
		at, _ := d.Line(full.Path)
		return Problems{{File: d.file, Line: at, Path: full.Path, Err: full.Err}}
	case interface{ Unwrap() []error }:
		var all Problems
		for _, sub := range e.Unwrap() {
			all = append(all, d.place(path, line, sub)...)
		}
		return all
	default:
		return Problems{{File: d.file, Line: line, Path: path, Err: err}}
	}
}

func (d *Doc) follows(path string) bool {
	for _, bad := range d.bad {
		if path != "" && (within(path, bad) || within(bad, path)) {
			return true
		}
	}
	return false
}

// within reports whether path is parent or lies below it.
func within(path, parent string) bool {
	rest, ok := strings.CutPrefix(path, parent)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[' || parent == "")
}

// Line returns the line of the value at a YAML path and whether it is in the file; when it is not, the line of its
// nearest parent there.
func (d *Doc) Line(path string) (line int, ok bool) {
	n, line := d.root, 1
	for path != "" {
		if n == nil {
			return line, false
		}
		next, at, rest := step(target(n), path)
		if next == nil {
			return line, false
		}
		n, line, path = next, at, rest
	}
	return line, true
}

// step follows the first element of path from n. A key may hold dots, so the longest that fits is the one.
func step(n *yaml.Node, path string) (next *yaml.Node, line int, rest string) {
	switch n.Kind {
	case yaml.SequenceNode:
		num, after, ok := strings.Cut(strings.TrimPrefix(path, "["), "]")
		if i, err := strconv.Atoi(num); ok && err == nil && i >= 0 && i < len(n.Content) {
			return n.Content[i], n.Content[i].Line, strings.TrimPrefix(after, ".")
		}
	case yaml.MappingNode:
		longest := 0
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := target(n.Content[i])
			if key.Kind == yaml.ScalarNode && len(key.Value) > longest && within(path, key.Value) {
				longest = len(key.Value)
				next, line = n.Content[i+1], n.Content[i].Line
			}
		}
		rest = strings.TrimPrefix(path[longest:], ".")
	}
	return next, line, rest
}
