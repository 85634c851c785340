package schema

import (
	"cmp"
	"fmt"
	"strings"
)

// Walk calls f for every key with its path: outputs[].snmp.target, cluster.nodes.*.name.
func (n *Node) Walk(f func(path string, n *Node)) { n.walk("", f) }

func (n *Node) walk(path string, f func(string, *Node)) {
	if n.Name != "" {
		f(path, n)
	}
	for _, k := range n.inside() {
		k.walk(join(path+n.suffix(), k.Name), f)
	}
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// inside are the keys in the value of a key, or in each of its items.
func (n *Node) inside() []*Node {
	if n.item != nil {
		return n.item.inside()
	}
	return n.keys
}

// suffix is what the path has between the key and those inside.
func (n *Node) suffix() string {
	switch n.kind {
	case list:
		return "[]"
	case table:
		return ".*"
	}
	return ""
}

// fewKeys are shown in the table of the group around them.
const fewKeys = 4

// Reference is the file in Markdown: a table for each group of keys, under headings of the level. With effect it says when a
// change counts, for the file that is read once at the start.
func (n *Node) Reference(level int, effect bool) string {
	var b strings.Builder
	n.section(&b, "", level, effect)
	return b.String()
}

func (n *Node) section(b *strings.Builder, path string, level int, effect bool) {
	if path != "" {
		fmt.Fprintf(b, "\n%s %s\n\n%s.\n", strings.Repeat("#", level), path, upper(n.Text))
		if n.Example != "" {
			fmt.Fprintf(b, "\n```yaml\n%s: %s\n```\n", n.Name, n.Example)
		}
	}
	var rows strings.Builder
	type later struct {
		path string
		node *Node
	}
	var sections []later
	var row func(path string, n *Node)
	row = func(path string, k *Node) {
		if len(k.inside()) > fewKeys || len(k.inside()) > 0 && path == k.Name {
			sections = append(sections, later{path, k})
			return
		}
		fmt.Fprintf(&rows, "| `%s` | %s | %s | %s | %s |", path, k.form(), k.defaultText(), cell(k.meaning()), code(k.Example))
		if effect {
			fmt.Fprintf(&rows, " %s |", k.effect())
		}
		rows.WriteString("\n")
		for _, in := range k.inside() {
			row(join(path+k.suffix(), in.Name), in)
		}
	}
	top := path == ""
	for _, k := range n.inside() {
		sub := k.Name
		if !top {
			sub = join(path+n.suffix(), k.Name)
		}
		row(sub, k)
	}
	if rows.Len() > 0 {
		head, line := "| key | type | default | meaning | example |", "| --- | --- | --- | --- | --- |"
		if effect {
			head, line = head+" a change counts |", line+" --- |"
		}
		fmt.Fprintf(b, "\n%s\n%s\n%s", head, line, rows.String())
	}
	for _, s := range sections {
		s.node.section(b, s.path, level, effect)
	}
}

func upper(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// mostValues are listed; of more the schema has the list.
const mostValues = 30

func (n *Node) meaning() string {
	s := n.Text
	if v := n.Values; len(v) > 0 && len(v) <= mostValues {
		s += "; one of `" + strings.Join(v, "`, `") + "`"
	}
	if v := n.Known; len(v) > 0 && len(v) <= mostValues {
		s += "; such as `" + strings.Join(v, "`, `") + "`"
	}
	return s
}

// form is the type with its unit.
func (n *Node) form() string {
	if n.Unit != "" {
		return fmt.Sprintf("%s (%s)", n, n.Unit)
	}
	return n.String()
}

func (n *Node) effect() string {
	if n.kind == group {
		return ""
	}
	if n.Reread {
		return "the file's content at once, its name at a restart"
	}
	return "at a restart"
}

func (n *Node) defaultText() string {
	switch {
	case n.Required:
		return "required"
	case n.kind == group:
		return ""
	case n.defaultValue() == nil:
		return "none"
	}
	return code(fmt.Sprint(n.defaultValue()))
}

// code is a text in the code font of a table.
func code(s string) string {
	if s == "" {
		return ""
	}
	return "`" + cell(s) + "`"
}

func cell(s string) string { return strings.ReplaceAll(cmp.Or(s, " "), "|", `\|`) }
