// Package schema describes the project's YAML files out of the Go types that conffile fills: as JSON Schema (2020-12), for
// editors and for tests, and as tables for the documentation. What a key means stands beside its type, in the method
// Keys; its type and its default are those of the field. cmd is the caller, and knows the types.
//
// A schema accepts whatever the loader accepts. It refuses unknown keys, values of a wrong type and words that are not
// among those allowed; what needs more knowledge (files, names of outputs, ranges) is left to config check and policy check.
package schema

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/gluster-trapgw/gluster-trapgw/conffile"
)

// Node is a file, a key of it, or an item of a list or map.
type Node struct {
	conffile.Key
	Name    string // empty for the file itself and for items
	Default reflect.Value

	kind kind
	typ  reflect.Type
	keys []*Node // of a group
	item *Node   // of a list or map
}

type kind int

const (
	text kind = iota
	boolean
	integer
	number
	duration
	size
	group // a struct
	list
	texts // a text or a list of them
	table // a map
)

type keyed interface{ Keys() conffile.Keys }

// Describe walks the type of defaults, a pointer to a struct that holds the defaults. It returns every key that has no
// description, or a poor one, as an error.
func Describe(defaults any) (*Node, error) {
	v := reflect.ValueOf(defaults)
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		return nil, fmt.Errorf("describe a %T: expected a pointer to a struct", defaults)
	}
	w := &walker{}
	n := w.value(v.Elem(), "")
	return n, errors.Join(w.errs...)
}

type walker struct{ errs []error }

func (w *walker) add(path, format string, args ...any) {
	w.errs = append(w.errs, fmt.Errorf("%s: %s", path, fmt.Sprintf(format, args...)))
}

func (w *walker) value(v reflect.Value, path string) *Node {
	t := v.Type()
	if t.Kind() == reflect.Pointer {
		n := w.value(reflect.New(t.Elem()).Elem(), path)
		n.Default = reflect.Value{} // it is not there
		return n
	}
	if t.Kind() == reflect.Struct {
		v = ownDefaults(v)
	}
	n := &Node{Default: v, typ: t}
	switch p := reflect.New(t).Interface().(type) {
	case *conffile.Duration:
		n.kind = duration
		return n
	case *conffile.Size:
		n.kind = size
		return n
	case *conffile.Texts:
		n.kind = texts
		return n
	case encoding.TextUnmarshaler:
		return n
	case interface{ UnmarshalYAML(func(any) error) error }:
		if t.Kind() != reflect.Struct {
			w.add(path, "%T has a form of its own that package schema does not know", p)
		}
	}
	switch t.Kind() {
	case reflect.Struct:
		n.kind = group
		w.group(n, v, path)
	case reflect.Slice:
		n.kind, n.item = list, w.value(reflect.New(t.Elem()).Elem(), path+"[]")
	case reflect.Map:
		n.kind, n.item = table, w.value(reflect.New(t.Elem()).Elem(), path+".*")
	case reflect.Bool:
		n.kind = boolean
	case reflect.Float32, reflect.Float64:
		n.kind = number
	case reflect.String:
	default:
		if !v.CanInt() && !v.CanUint() {
			w.add(path, "package schema does not know the type %s", t)
		}
		n.kind = integer
	}
	return n
}

// ownDefaults are those that a struct gives itself when it is read from nothing.
func ownDefaults(v reflect.Value) reflect.Value {
	p := reflect.New(v.Type())
	if u, ok := p.Interface().(interface{ UnmarshalYAML(func(any) error) error }); ok {
		if err := u.UnmarshalYAML(func(any) error { return nil }); err == nil {
			return p.Elem()
		}
	}
	return v
}

func (w *walker) group(n *Node, v reflect.Value, path string) {
	p := reflect.New(n.typ)
	k, ok := p.Interface().(keyed)
	if !ok {
		w.add(path, "%s has no method Keys that describes it", n.typ)
		return
	}
	described := k.Keys()
	var names []string
	for i := range n.typ.NumField() {
		f := n.typ.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if !f.IsExported() || name == "-" {
			continue
		}
		if name == "" {
			w.add(path, "the field %s of %s has no name in the file", f.Name, n.typ)
			continue
		}
		sub := name
		if path != "" {
			sub = path + "." + name
		}
		child := w.value(v.Field(i), sub)
		child.Name, child.Key = name, described[name]
		w.check(child, sub)
		n.keys = append(n.keys, child)
		names = append(names, name)
	}
	for name := range described {
		if !slices.Contains(names, name) {
			w.add(path, "%s describes %q, which is not a key", n.typ, name)
		}
	}
}

// check finds what an operator would miss.
func (w *walker) check(n *Node, path string) {
	plain := n.kind == text || n.kind == texts
	switch {
	case n.Text == "":
		w.add(path, "has no description: add it to Keys of the struct that it is in")
	case (n.kind == integer || n.kind == number) && n.Unit == "":
		w.add(path, "has no unit")
	case n.Example == "" && len(n.Values) == 0 && plain && n.empty():
		w.add(path, "has no example, and neither a default nor a list of values to show how it is written")
	case plain && len(n.Values) > 0 && !n.empty() && !slices.Contains(n.Values, n.Default.String()):
		w.add(path, "the default %q is not one of %q", n.Default, n.Values)
	}
	var v any
	if err := yaml.Unmarshal([]byte(n.Example), &v); err != nil {
		w.add(path, "the example cannot stand in a file: %v", err)
	}
}

func (n *Node) empty() bool { return !n.Default.IsValid() || n.Default.IsZero() }
