package conffile

import (
	"encoding"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// Doc is a decoded file; it knows where each key stands.
type Doc struct {
	file  string
	root  *yaml.Node
	found Problems
	bad   []string // paths that found is about
}

// Decode reads one YAML document into the struct that into points to, whose fields hold the defaults before. It
// decodes all that can be decoded and returns every mistake as Problems: unknown and repeated keys, values of a
// wrong type, a second document; after a syntax error there is only that, and no Doc. An empty file and a key
// without a value leave the defaults alone. With a Doc, a caller goes on to Validate and reports with Locate.
//
// Fields are named as gopkg.in/yaml.v3 names them. They are structs, slices, maps with text keys, pointers,
// scalars, and types with UnmarshalYAML(func(any) error) or encoding.TextUnmarshaler.
func Decode(file string, data []byte, into any) (*Doc, error) {
	v := reflect.ValueOf(into)
	if v.Kind() != reflect.Pointer || v.IsNil() {
		return nil, fmt.Errorf("decode %q: the target is a %T, expected a pointer", file, into)
	}
	root, second, err := parse(data)
	if err != nil {
		return nil, syntaxProblems(file, data, err).sorted()
	}
	doc := &Doc{file: file, root: root}
	if second > 0 {
		doc.found = Problems{{File: file, Line: second,
			Err: errors.New("a second document begins here and would be ignored: put everything in one")}}
	}
	if root != nil {
		d := &decoder{doc: doc, left: &limits{nodes: maxNodes, depth: maxDepth}}
		d.value(root, v.Elem(), "", root.Line)
		doc.found, doc.bad = append(doc.found, d.found...), d.bad
	}
	return doc, doc.found.sorted()
}

// Aliases of aliases multiply, and one that contains itself never ends: both are cut off.
const (
	maxNodes = 1 << 18
	maxDepth = 64
)

type limits struct{ nodes, depth int }

// decoder collects the mistakes of one walk over the nodes.
type decoder struct {
	doc   *Doc
	left  *limits // shared by the whole walk
	found Problems
	bad   []string
}

func (d *decoder) add(path string, line int, format string, args ...any) {
	d.found = append(d.found, &Problem{File: d.doc.file, Line: line, Path: path, Err: fmt.Errorf(format, args...)})
	d.bad = append(d.bad, path)
}

// value decodes n into v. The line is that of the key, which is where a reader looks; a list item has its own.
func (d *decoder) value(n *yaml.Node, v reflect.Value, path string, line int) {
	if d.left.nodes--; d.left.nodes <= 0 {
		if d.left.nodes == 0 {
			d.add(path, line, "more than %d values: use fewer aliases", maxNodes)
		}
		return
	}
	if d.left.depth == 0 {
		d.add(path, line, "nested more than %d deep: an alias may contain itself", maxDepth)
		d.left.nodes = 0
		return
	}
	d.left.depth--
	defer func() { d.left.depth++ }()
	n = target(n)
	if n.Style&yaml.TaggedStyle != 0 {
		d.add(path, line, "tag %s has no meaning here: remove it, or put the value in quotes", clip(n.Tag))
		return
	}
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" {
		return
	}
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		d.value(n, v.Elem(), path, line)
		return
	}
	switch u := v.Addr().Interface().(type) {
	case interface{ UnmarshalYAML(func(any) error) error }:
		err := u.UnmarshalYAML(func(x any) error {
			in := &decoder{doc: d.doc, left: d.left}
			in.value(n, reflect.ValueOf(x).Elem(), path, line)
			return in.found.sorted()
		})
		for _, p := range d.doc.place(path, line, err) {
			d.found, d.bad = append(d.found, p), append(d.bad, p.Path)
		}
		return
	case encoding.TextUnmarshaler:
		if n.Kind != yaml.ScalarNode {
			d.add(path, line, "expected %s, got %s", want(v.Type()), got(n))
		} else if err := u.UnmarshalText([]byte(n.Value)); err != nil {
			if example[v.Type()] != "" {
				err = fmt.Errorf("%q is not %s", clip(n.Value), example[v.Type()])
			}
			d.add(path, line, "%w", err)
		}
		return
	}
	switch v.Kind() {
	case reflect.Struct, reflect.Map:
		d.mapping(n, v, path, line)
	case reflect.Slice:
		if one, ok := v.Addr().Interface().(*Texts); ok && n.Kind == yaml.ScalarNode {
			*one = Texts{n.Value}
			return
		}
		if n.Kind != yaml.SequenceNode {
			d.add(path, line, "expected %s, got %s", want(v.Type()), got(n))
			return
		}
		list := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
		for i, item := range n.Content {
			d.value(item, list.Index(i), fmt.Sprintf("%s[%d]", path, i), item.Line)
		}
		v.Set(list)
	default:
		if n.Kind != yaml.ScalarNode {
			d.add(path, line, "expected %s, got %s", want(v.Type()), got(n))
		} else if !setScalar(n, v) {
			hint := ""
			if bare := (&yaml.Node{Kind: yaml.ScalarNode, Value: n.Value}); n.ShortTag() == "!!str" && setScalar(bare, v) {
				hint = " as a text: remove the quotes"
			}
			d.add(path, line, "expected %s, got %q%s", want(v.Type()), clip(n.Value), hint)
		}
	}
}

// mapping decodes n into a struct or a map.
func (d *decoder) mapping(n *yaml.Node, v reflect.Value, path string, line int) {
	var fields map[string]reflect.Value
	var known []string
	if v.Kind() == reflect.Struct {
		fields = map[string]reflect.Value{}
		known = structFields(v, fields, nil)
	}
	if n.Kind != yaml.MappingNode {
		if known == nil {
			d.add(path, line, "expected KEY: VALUE pairs, got %s", got(n))
		} else {
			d.add(path, line, "expected keys (%s), got %s", strings.Join(known, ", "), got(n))
		}
		return
	}
	if v.Kind() == reflect.Map && v.IsNil() {
		v.Set(reflect.MakeMap(v.Type()))
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, val := target(n.Content[i]), n.Content[i+1]
		at := n.Content[i].Line
		if key.Kind != yaml.ScalarNode {
			d.add(path, at, "a key must be a text, got %s", got(key))
			continue
		}
		sub := key.Value
		if path != "" {
			sub = path + "." + sub
		}
		if first := seen[key.Value]; first > 0 {
			d.add(sub, at, "this key is on line %d already: remove one of them", first)
			continue
		}
		seen[key.Value] = at
		if v.Kind() == reflect.Map {
			k, elem := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			d.value(&yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: key.Value}, k, sub, at)
			d.value(val, elem, sub, at)
			v.SetMapIndex(k, elem)
			continue
		}
		if f, ok := fields[key.Value]; ok {
			d.value(val, f, sub, at)
			continue
		}
		if key.Value == "<<" {
			d.add(sub, at, "merging is not supported: write the keys out")
			continue
		}
		d.add(sub, at, "unknown key%s", DidYouMean(key.Value, known))
		if s := Suggest(key.Value, known); s != "" {
			d.bad = append(d.bad, strings.TrimSuffix(sub, key.Value)+s)
		}
	}
}

// structFields collects the settable fields by key and returns the keys in the order of the struct.
func structFields(v reflect.Value, fields map[string]reflect.Value, known []string) []string {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name, opts, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case !f.IsExported() || name == "-":
		case strings.Contains(opts, "inline") && f.Type.Kind() == reflect.Struct:
			known = structFields(v.Field(i), fields, known)
		default:
			if name == "" {
				name = strings.ToLower(f.Name)
			}
			fields[name] = v.Field(i)
			known = append(known, name)
		}
	}
	return known
}

// setScalar reports whether the scalar n fits v, which it then holds. A text field takes numbers and booleans as
// written: version: 3, community: 0123.
func setScalar(n *yaml.Node, v reflect.Value) bool {
	tag := n.ShortTag()
	switch v.Kind() {
	case reflect.String:
		v.SetString(n.Value)
		return true
	case reflect.Bool:
		if tag != "!!bool" { // yes, on and y are texts in YAML 1.2
			return false
		}
		v.SetBool(strings.EqualFold(n.Value, "true"))
		return true
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		i, err := strconv.ParseInt(n.Value, 10, v.Type().Bits())
		if err != nil || tag != "!!int" {
			return false
		}
		v.SetInt(i)
		return true
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		i, err := strconv.ParseUint(n.Value, 10, v.Type().Bits())
		if err != nil || tag != "!!int" {
			return false
		}
		v.SetUint(i)
		return true
	case reflect.Float32, reflect.Float64:
		f, err := strconv.ParseFloat(n.Value, v.Type().Bits())
		if err != nil || tag != "!!int" && tag != "!!float" || math.IsInf(f, 0) || math.IsNaN(f) {
			return false
		}
		v.SetFloat(f)
		return true
	}
	return false
}

// example words Texts and the library types whose own errors name Go functions.
var example = map[reflect.Type]string{
	reflect.TypeFor[netip.Addr]():     "an address like 192.0.2.11 or 2001:db8::11",
	reflect.TypeFor[netip.AddrPort](): "an address and port like 192.0.2.11:162 or [2001:db8::11]:162",
	reflect.TypeFor[Texts]():          "a text or a list of texts",
	reflect.TypeFor[netip.Prefix]():   "a network like 192.0.2.0/24 or 2001:db8::/32",
}

// want says what a value of type t looks like in the file.
func want(t reflect.Type) string {
	if s := example[t]; s != "" {
		return s
	}
	switch t.Kind() {
	case reflect.Slice:
		return "a list"
	case reflect.Bool:
		return "true or false"
	case reflect.Int64, reflect.Int:
		return "a whole number"
	case reflect.Int8, reflect.Int16, reflect.Int32:
		top := int64(1) << (t.Bits() - 1)
		return fmt.Sprintf("a whole number from %d to %d", -top, top-1)
	case reflect.Uint64, reflect.Uint:
		return "a whole number, 0 or more"
	case reflect.Uint8, reflect.Uint16, reflect.Uint32:
		return fmt.Sprintf("a whole number from 0 to %d", uint64(1)<<t.Bits()-1)
	case reflect.Float32, reflect.Float64:
		return "a number"
	default:
		return "a text"
	}
}

// got says what stands in the file, without repeating a text: it may be a secret in the wrong place.
func got(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a group of keys"
	case yaml.SequenceNode:
		return "a list"
	}
	switch n.ShortTag() {
	case "!!int", "!!float":
		return "a number"
	case "!!bool":
		return "true or false"
	}
	return "a text"
}

// clip shortens a value for a message.
func clip(s string) string {
	if len(s) <= 60 {
		return s
	}
	end := 57
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "..."
}

// target follows an alias to what it stands for.
func target(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}
