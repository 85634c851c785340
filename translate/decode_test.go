package translate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
)

func TestDecode(t *testing.T) {
	for _, tt := range []struct {
		name, body string
		want       Event
	}{
		{"as eventsd writes it", `{"event": "QUORUM_LOST", "message": {"volume": "gv0"}, "nodeid": "1a6111b8", "ts": 1795388845}`,
			Event{Name: "QUORUM_LOST", NodeID: "1a6111b8", TS: 1795388845, Message: []Field{{"volume", "gv0"}}}},
		{"no node", `{"event":"A","message":{},"nodeid":null,"ts":0}`, Event{Name: "A", Message: []Field{}}},
		{"name only", ` {"event" : "A"} ` + "\n", Event{Name: "A"}},
		{"order is kept", `{"event":"A","message":{"b":"1"," a":"2","c":"3"}}`, Event{Name: "A", Message: []Field{{"b", "1"}, {" a", "2"}, {"c", "3"}}}},
		{"last of a repeated key", `{"event":"A","message":{"b":"1","a":"2","b":"3"}}`, Event{Name: "A", Message: []Field{{"b", "3"}, {"a", "2"}}}},
		{"last of a repeated top key", `{"event":5,"event":"A","message":{"b":"1"},"message":{"c":"2"}}`, Event{Name: "A", Message: []Field{{"c", "2"}}}},
		{"kinds of values", `{"event":"A","message":{"t":true,"f":false,"n":null,"i":-0,"r":1.50e+3,"s":""}}`,
			Event{Name: "A", Message: []Field{{"t", "true"}, {"f", "false"}, {"n", ""}, {"i", "-0"}, {"r", "1.50e+3"}, {"s", ""}}}},
		{"options", `{"event":"A","message":{"options":[["a","1"],["b"],["c","2","3"]],"e":[[""]],"z":[]}}`,
			Event{Name: "A", Message: []Field{{"options", "a=1, b, c, 2, 3"}, {"e", ""}, {"z", ""}}}},
		{"objects", `{"event":"A","message":{"o":{"k":"v","l":[1,{"m":true}]}}}`, Event{Name: "A", Message: []Field{{"o", "k=v, l=1, m=true"}}}},
		{"other keys", `{"x":[{"event":"B"}],"event":"A","y":1}`, Event{Name: "A"}},
		{"message of another type", `{"event":"A","message":["x"]}`, Event{Name: "A"}},
		{"escapes", `{"event":"A","message":{"\u006b":"\"\\\/\b\f\n\r\t\u00fc\ud83d\ude00\ud800"}}`,
			Event{Name: "A", Message: []Field{{"k", "\"\\/\b\f\n\r\tü😀\ufffd"}}}},
		{"not UTF-8", "{\"event\":\"A\",\"message\":{\"k\xff\":\"a\xc3(\xed\xa0\x80\"}}", Event{Name: "A", Message: []Field{{"k\ufffd", "a\ufffd(\ufffd\ufffd\ufffd"}}}},
		{"time too large", `{"event":"A","ts":99999999999999999999}`, Event{Name: "A", TS: math.MaxInt64}},
		{"time too small", `{"event":"A","ts":-1e400}`, Event{Name: "A", TS: math.MinInt64}},
		{"time with a fraction", `{"event":"A","ts":1795388845.9}`, Event{Name: "A", TS: 1795388845}},
		{"time as text", `{"event":"A","ts":"1795388845"}`, Event{Name: "A", TS: 1795388845}},
		{"time that is none", `{"event":"A","ts":"inf"}`, Event{Name: "A"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.want.Raw = tt.body
			got, err := Decode([]byte(tt.body))
			if err != nil || !reflect.DeepEqual(got, tt.want) {
				t.Errorf("decode %s\n got %+v, %v\nwant %+v", tt.body, got, err, tt.want)
			}
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	for _, body := range []string{"", " ", "null", "[]", `"A"`, "{}", `{"event":""}`, `{"event":null}`, `{"event":5}`, `{"event":["A"]}`,
		`{"event":"A"`, `{"event":"A"}}`, `{"event":"A"} x`, "{\"event\":\"A\"}\x00", `{"event":"A",}`, `{"event":"A" "ts":1}`, `{event:"A"}`, `{"event":"A","ts":01}`,
		`{"event":"A","ts":+1}`, `{"event":"A","ts":1.}`, `{"event":"A","ts":tru}`, `{"event":"A","message":{"a":1,}}`, `{"event":"A\x"}`,
		`{"event":"A\u12g4"}`, `{"event":"A`, `{"event":"A\`, "{\"event\":\"A\n\"}", `{"event":"A","x":` + strings.Repeat("[", 100000),
		`{"event":"A","x":` + strings.Repeat(`{"a":`, 100000)} {
		if ev, err := Decode([]byte(body)); err == nil {
			t.Errorf("decode %.40q: got %+v, want an error", body, ev)
		} else if !strings.HasPrefix(err.Error(), "body is not a Gluster event: ") || len(err.Error()) > 200 {
			t.Errorf("decode %.40q: got error %q", body, err)
		}
	}
}

// A message made of keys must cost no more than its length says.
func TestDecodeManyKeys(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"event":"A","message":{`)
	for i := range 20000 {
		fmt.Fprintf(&b, `"%05d":1,`, i)
	}
	b.WriteString(`"00007":2,"19999":3}}`)
	ev, err := Decode([]byte(b.String()))
	if err != nil || len(ev.Message) != 20000 || ev.Message[7].Value != "2" || ev.Message[19999].Value != "3" {
		t.Errorf("got %d fields, %v, want 20000 with the last values", len(ev.Message), err)
	}
}

// FuzzDecode holds the decoder to encoding/json: the same bodies are JSON, and the same values come out.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		`{"event": "QUORUM_LOST", "message": {"volume": "gv0", "force": true}, "nodeid": null, "ts": 1795388845}`,
		`{"event":"A\ud83d\ude00\ud800","message":{"o":[["a","1"],["b"]],"n":null,"r":-1.5e-3,"a":1,"a":{"b":"c"}},"ts":-5}`,
		"{\"event\":\"\xff\xed\xa0\x80\",\"message\":{\"\\u0000\":\"\\/\"}} ", `{"event":1,"event":"A"}`, `[]`, `{"event":"A","x":[[]]}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		ev, err := Decode(body)
		if bytes.Count(body, []byte("["))+bytes.Count(body, []byte("{")) > maxDepth {
			return // may be too deep for us
		}
		var top map[string]json.RawMessage
		if jsonErr := json.Unmarshal(body, &top); jsonErr != nil {
			if err == nil {
				t.Fatalf("took %q, encoding/json says %v", body, jsonErr)
			}
			return
		}
		var name any
		if raw, ok := top["event"]; ok {
			if err := json.Unmarshal(raw, &name); err != nil {
				t.Fatal(err)
			}
		}
		if s, ok := name.(string); !ok || s == "" {
			if _, glusterd2 := top["timestamp"]; err == nil && !glusterd2 {
				t.Fatalf("took %q, which has no name", body)
			}
			return
		}
		if err != nil || ev.Name != name || ev.Raw != string(body) {
			t.Fatalf("decode %q: got %+v, %v", body, ev, err)
		}
		var message map[string]json.RawMessage
		if json.Unmarshal(top["message"], &message) != nil {
			message = nil // of another type
		}
		if len(ev.Message) != len(message) {
			t.Fatalf("decode %q: got %d fields, want %d", body, len(ev.Message), len(message))
		}
		for _, field := range ev.Message {
			raw, ok := message[field.Key]
			want, simple := simpleText(raw)
			if !ok || simple && field.Value != want {
				t.Fatalf("decode %q: field %q is %q, want %q", body, field.Key, field.Value, want)
			}
		}
	})
}

// simpleText returns the text that a value should have, unless it is a list or an object.
func simpleText(raw json.RawMessage) (string, bool) {
	switch raw[0] {
	case '[', '{':
		return "", false
	case '"':
		var s string
		err := json.Unmarshal(raw, &s)
		return s, err == nil
	case 'n':
		return "", true
	}
	return string(raw), true
}
