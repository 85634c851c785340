package inputs

import (
	"encoding/json"
	"testing"
)

func TestBodyJSON(t *testing.T) {
	for _, tt := range []struct {
		name string
		body Body
		want string
	}{
		{"empty", Body{}, `{"event": "", "message": {}, "nodeid": null, "ts": 0}`},
		{"kinds of values", Body{Event: "A", NodeID: "n", TS: -5, Message: map[string]any{" k": "v", "b": true, "a": nil, "n": int64(22), "x": Number("1e400"),
			"options": []any{[]any{"k", "v"}, []any{""}}, "d": map[string]any{"z": "1", "y": false}}},
			`{"event": "A", "message": {" k": "v", "a": null, "b": true, "d": {"y": false, "z": "1"}, "n": 22, "options": [["k", "v"], [""]], "x": 1e400}, "nodeid": "n", "ts": -5}`},
		{"escapes", Body{Event: "A", Message: map[string]any{"k": "\"\\/\b\f\n\r\t\x00\x1b\x7fü😀\xff"}},
			`{"event": "A", "message": {"k": "\"\\/\b\f\n\r\t\u0000\u001b\u007f\u00fc\ud83d\ude00\ufffd"}, "nodeid": null, "ts": 0}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := string(tt.body.JSON()); got != tt.want {
				t.Errorf(" got %s\nwant %s", got, tt.want)
			}
		})
	}
}

func FuzzBodyText(f *testing.F) {
	f.Add("a\"\\\x00\x7fü😀\xff\xed\xa0\x80")
	f.Fuzz(func(t *testing.T, s string) {
		var got string
		if err := json.Unmarshal(appendText(nil, s), &got); err != nil || got != string([]rune(s)) {
			t.Errorf("%q came back as %q, %v", s, got, err)
		}
	})
}
