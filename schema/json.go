package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/gluster-trapgw/gluster-trapgw/conffile"
)

// Header is what a schema says of itself.
type Header struct {
	Title string
	// Filled is for files whose loader refuses a key without a value, and an empty text where one of several is meant.
	Filled bool
}

// object is a JSON Schema with the keywords that are used here.
type object struct {
	Schema      string             `json:"$schema,omitempty"`
	Title       string             `json:"title,omitempty"`
	Description string             `json:"description,omitempty"`
	Type        any                `json:"type,omitempty"`
	Enum        []any              `json:"enum,omitempty"`
	Pattern     string             `json:"pattern,omitempty"`
	Minimum     *float64           `json:"minimum,omitempty"`
	Maximum     *float64           `json:"maximum,omitempty"`
	AnyOf       []*object          `json:"anyOf,omitempty"`
	Items       *object            `json:"items,omitempty"`
	Properties  map[string]*object `json:"properties,omitempty"`
	Additional  any                `json:"additionalProperties,omitempty"`
	Required    []string           `json:"required,omitempty"`
	Default     any                `json:"default,omitempty"`
	Examples    []any              `json:"examples,omitempty"`
}

// JSON is the JSON Schema of the file.
func (n *Node) JSON(h Header) ([]byte, error) {
	o := maker{h}.object(n)
	o.Schema, o.Title = "https://json-schema.org/draft/2020-12/schema", h.Title
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(o)
	return b.Bytes(), err
}

type maker struct{ h Header }

func (m maker) object(n *Node) *object {
	o := &object{}
	switch n.kind {
	case group:
		o.Type, o.Additional, o.Properties = "object", false, map[string]*object{}
		for _, k := range n.keys {
			o.Properties[k.Name] = m.object(k)
			if k.Required {
				o.Required = append(o.Required, k.Name)
			}
		}
	case table:
		o.Type, o.Additional = "object", m.object(n.item)
	case list:
		item := *n.item
		item.Values, item.Known, item.Pattern = n.Values, n.Known, n.Pattern
		o.Type, o.Items = "array", m.object(&item)
	case texts:
		one := m.scalar(n)
		o.AnyOf = []*object{one, {Type: "array", Items: one}}
	case boolean:
		o.Type = "boolean"
	case integer:
		o.Type = "integer"
		o.Minimum, o.Maximum = bounds(n.typ)
	case number:
		o.Type = "number"
	case duration:
		zero := 0.0
		o.AnyOf = []*object{{Type: "string", Pattern: durationPattern}, {Type: "integer", Minimum: &zero, Maximum: &zero}}
	case size:
		zero := 0.0
		o.AnyOf = []*object{{Type: "integer", Minimum: &zero}, {Type: "string", Pattern: sizePattern}}
	default:
		o = m.scalar(n)
	}
	if !m.h.Filled {
		o.allowNull()
	}
	o.Description = n.describe()
	o.Default = n.defaultValue()
	if n.Example != "" {
		o.Examples = []any{exampleValue(n.Example)}
	}
	return o
}

// What conffile.ParseDuration and ParseSize read.
const (
	durationPattern = `^(\+?0|([0-9]+\.?[0-9]*|\.[0-9]+)d|\+?(([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+)$`
	sizePattern     = `^\+?[0-9]+( *(KiB|MiB|GiB|TiB))?$`
)

// scalar is a text. A file can write one that looks like a number or true as it is: version: 3.
func (m maker) scalar(n *Node) *object {
	switch {
	case len(n.Values) > 0:
		o := &object{}
		for _, v := range n.Values {
			o.Enum = append(o.Enum, v)
			if i, err := strconv.Atoi(v); err == nil {
				o.Enum = append(o.Enum, i)
			}
		}
		if n.kind == text && n.empty() && !m.h.Filled {
			o.Enum = append(o.Enum, "")
		}
		return o
	case n.Pattern != "":
		return &object{Type: "string", Pattern: n.Pattern}
	case len(n.Known) > 0:
		known := &object{}
		for _, v := range n.Known {
			known.Enum = append(known.Enum, v)
		}
		return &object{AnyOf: []*object{{Type: anyText}, known}} // what is wrong is said of the first
	}
	return &object{Type: anyText}
}

var anyText = []string{"string", "number", "boolean"}

func (o *object) allowNull() {
	switch t := o.Type.(type) {
	case string:
		o.Type = []string{t, "null"}
	case []string:
		o.Type = append(slices.Clone(t), "null")
	default:
		if o.Enum != nil {
			o.Enum = append(o.Enum, nil)
		} else {
			o.AnyOf = append(o.AnyOf, &object{Type: "null"})
		}
	}
}

// bounds are those of a whole number of few bits.
func bounds(t reflect.Type) (low, high *float64) {
	v := reflect.Zero(t)
	bits := t.Bits()
	var a, b float64
	if v.CanUint() {
		b = math.Ldexp(1, bits) - 1
	} else {
		a, b = -math.Ldexp(1, bits-1), math.Ldexp(1, bits-1)-1
	}
	if bits == 64 {
		if v.CanInt() {
			return nil, nil
		}
		return &a, nil
	}
	return &a, &b
}

// describe is the text that an editor shows.
func (n *Node) describe() string {
	s := n.Text
	if n.Unit != "" {
		s += " (" + n.Unit + ")"
	}
	switch n.kind {
	case duration:
		s += ". A duration: 300ms, 30s, 5m, 7d"
	case size:
		s += ". A size in octets: 512, 64KiB, 1GiB"
	}
	if n.Reread {
		s += ". The file is read again when it changes"
	}
	return s
}

// defaultValue is the default as JSON has it; nil when there is none that could be written.
func (n *Node) defaultValue() any {
	if !n.Default.IsValid() || n.kind == group || n.Name == "" || n.Required {
		return nil
	}
	switch d := n.Default.Interface().(type) {
	case conffile.Secret:
		return nil
	case conffile.Duration:
		return shortDuration(d)
	case conffile.Size:
		return d.String()
	case conffile.Texts:
		if len(d) == 1 {
			return d[0]
		}
	}
	switch n.Default.Kind() {
	case reflect.Slice, reflect.Map:
		if n.Default.Len() == 0 {
			return nil
		}
	case reflect.String:
		if n.Default.Len() == 0 {
			return nil
		}
	}
	return n.Default.Interface()
}

// shortDuration writes 1h0m0s as people do.
func shortDuration(d conffile.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// exampleValue is the example as JSON has it.
func exampleValue(example string) any {
	var v any
	if err := yaml.Unmarshal([]byte(example), &v); err != nil {
		return example // Describe has reported it
	}
	return v
}

// String is the type of the key in words.
func (n *Node) String() string {
	switch n.kind {
	case boolean:
		return "true or false"
	case integer:
		return "whole number"
	case number:
		return "number"
	case duration:
		return "duration"
	case size:
		return "size"
	case group:
		return "group"
	case list:
		return fmt.Sprintf("list of %ss", n.item)
	case texts:
		return "text or list of texts"
	case table:
		return fmt.Sprintf("%s by name", n.item)
	}
	return "text"
}
