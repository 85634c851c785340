package metrics

import (
	"bytes"
	"sync/atomic"

	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

// other is the label of event types that the catalogue lacks.
const other = "other"

// Tally counts stored events by input and type. It is in the way of every event, so it takes no lock and allocates
// nothing.
type Tally struct {
	names  []string
	byName map[string]int
	inputs map[string][]atomic.Uint64 // by input, in the order of names; other is the last
}

// NewTally returns a tally for these event types and inputs.
func NewTally(events []string, inputs ...string) *Tally {
	t := &Tally{names: append(events[:len(events):len(events)], other), byName: map[string]int{}, inputs: map[string][]atomic.Uint64{}}
	for i, n := range events {
		t.byName[n] = i
	}
	for _, in := range inputs {
		t.inputs[in] = make([]atomic.Uint64, len(t.names))
	}
	return t
}

// Stored counts one event.
func (t *Tally) Stored(input string, body []byte) {
	counts := t.inputs[input]
	if counts == nil {
		return
	}
	name, ok := eventName(body)
	i, known := t.byName[string(name)]
	if !ok { // an event of glusterd2, or spelled in a strange way
		if ev, err := translate.Decode(body); err == nil {
			i, known = t.byName[ev.Name]
		}
	}
	if !known {
		i = len(counts) - 1
	}
	counts[i].Add(1)
}

// each calls fn for what was counted.
func (t *Tally) each(fn func(input, event string, n uint64)) {
	for input, counts := range t.inputs {
		for i := range counts {
			if n := counts[i].Load(); n > 0 {
				fn(input, t.names[i], n)
			}
		}
	}
}

// eventName finds the member event of the outermost object, without its quotes. The body is JSON: the input has seen
// to it. ok is false when there is none, or not as a plain text.
func eventName(b []byte) (name []byte, ok bool) {
	depth := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case '"':
			from := i + 1
			i = closing(b, from)
			if depth != 1 || i-from != len("event") || string(b[from:i]) != "event" {
				continue
			}
			k := space(b, i+1)
			if k >= len(b) || b[k] != ':' {
				continue // it was a value
			}
			if k = space(b, k+1); k < len(b) && b[k] == '"' {
				name = b[k+1 : closing(b, k+1)]
				return name, bytes.IndexByte(name, '\\') < 0
			}
			return nil, false
		}
	}
	return nil, false
}

// closing returns where the text that begins at i ends.
func closing(b []byte, i int) int {
	for i < len(b) && b[i] != '"' {
		if b[i] == '\\' && i+1 < len(b) {
			i++
		}
		i++
	}
	return i
}

func space(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == '\n' || b[i] == '\r') {
		i++
	}
	return i
}
