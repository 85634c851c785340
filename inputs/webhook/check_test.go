package webhook

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// FuzzCheck holds check to what encoding/json makes of the same body.
func FuzzCheck(f *testing.F) {
	for _, s := range []string{goodBody, `{"event":"X","message":{"a":"\"}"},"ts":-1}`, `{"e\u0076ent":1}`, `[]`, `{}`, `null`, `{"event":"X",}`,
		`{"event":"X","message":{},"ts":1,"nodeid":[]}`, `{"ts":01,"event":"A\u0042","message":{"":[true,false,null,-0.5e+7]}}`,
		"\ufeff{}", `{"a":"\ud800\u00g0"}`, `{"a":tru}`, strings.Repeat(`{"a":[`, 17), `{"event":"X","event":"Y","message":{},"ts":1} 1`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		_, bad := check(body)
		want := reference(body)
		var top map[string]json.RawMessage
		if json.Unmarshal(body, &top) == nil && top["event"] == nil && top["name"] != nil && top["timestamp"] != nil {
			return // taken for an event of glusterd2
		}
		if (bad == nil) != (want == "") {
			t.Fatalf("%q: got %v, want %q", body, bad, want)
		}
		if bad != nil && bad.Field != "" && want == "syntax" {
			t.Fatalf("%q: got %v, want a mistake of the whole body", body, bad)
		}
	})
}

// reference is check by way of encoding/json: empty for an event, syntax for what is no JSON object, else the kind of
// mistake.
func reference(body []byte) string {
	if !json.Valid(body) {
		return "syntax"
	}
	if depth(body) > maxDepth {
		return "deep"
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	if tok, err := dec.Token(); err != nil || tok != json.Delim('{') {
		return "syntax"
	}
	seen := map[string]bool{}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return "token"
		}
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return "value"
		}
		seen[key.(string)] = true
		switch key {
		case "event":
			var name string
			if raw[0] != '"' || json.Unmarshal(raw, &name) != nil || len(name) == 0 || len(name) > maxName ||
				strings.TrimSpace(name) != name || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }) {
				return "event"
			}
		case "message":
			if raw[0] != '{' {
				return "message"
			}
		case "nodeid":
			if raw[0] != '"' && string(raw) != "null" {
				return "nodeid"
			}
		case "ts":
			if !strings.ContainsAny(string(raw[:1]), "-0123456789") || bytes.ContainsAny(raw, ".eE") {
				return "ts"
			}
		}
	}
	if !seen["event"] || !seen["message"] || !seen["ts"] {
		return "missing"
	}
	return ""
}

// depth is how deep valid JSON nests.
func depth(body []byte) int {
	deepest, n, text := 0, 0, false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case text && c == '\\':
			i++
		case c == '"':
			text = !text
		case text:
		case c == '{' || c == '[':
			n++
			deepest = max(deepest, n)
		case c == '}' || c == ']':
			n--
		}
	}
	return deepest
}

func TestCheckSaysWhatWouldBeRight(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"event":"X","message":{},"ts":"1"}`:           `ts: expected a whole number of seconds since 1970, got the text "1"`,
		`{"event":"X","message":[1],"ts":1}`:            `message: expected an object with the fields of the event, got a list`,
		`{"event":"X","message":{},"ts":1.5}`:           `ts: expected a whole number of seconds since 1970, got 1.5`,
		`{"event":"X","message":{}}`:                    `ts: is missing: expected a whole number of seconds since 1970`,
		`{"event":"X","message":{},"ts":1,}`:            `the body stops being valid JSON after octet 33`,
		`{"event":"X","message":{},"ts":1}{}`:           `the body goes on after the object, which ends at octet 33: expected one event for each request`,
		`{"ts":"1","event":"X","message":{`:             `the body stops being valid JSON after octet 33`,
		`"x"`:                                           `the body is not a JSON object: expected one as glustereventsd posts it`,
		`{"name":"volume.created","id":"6a","data":{}}`: `event: is missing: ` + wantEvent,
	} {
		if _, got := check([]byte(body)); got == nil || got.Error() != want {
			t.Errorf("%s: got %v, want %s", body, got, want)
		}
	}
}

func TestConfigCheck(t *testing.T) {
	t.Parallel()
	cfg := Config{MaxBody: 1024}
	event := `{"event":"X","message":{},"ts":1}`
	for name, tc := range map[string]struct{ body, want string }{
		"event":           {event, ""},
		"as long as may":  {event + strings.Repeat(" ", 1024-len(event)), ""},
		"longer":          {event + strings.Repeat(" ", 1025-len(event)), "the body is larger than 1KiB (max_body)"},
		"no event":        {`{"event":"X","message":{}}`, "ts: is missing: " + wantTS},
		"nothing":         {"", "the body is not a JSON object: expected one as glustereventsd posts it"},
		"event glusterd2": {`{"name":"volume.created","timestamp":"2018-01-30T11:33:02Z"}`, ""},
	} {
		got := ""
		if err := cfg.Check([]byte(tc.body)); err != nil {
			got = err.Error()
		}
		if got != tc.want {
			t.Errorf("%s: got %q, want %q", name, got, tc.want)
		}
	}
}

func TestCheckDoesNotAllocate(t *testing.T) {
	body := []byte(goodBody)
	if n := testing.AllocsPerRun(100, func() { check(body) }); n != 0 {
		t.Errorf("got %v allocations, want 0", n)
	}
}

func TestCheckGlusterd2(t *testing.T) {
	const rest = `,"origin":"a425ca99-03c6-4068-851d-4bc7b7bf5866","timestamp":"2018-01-30T17:03:02.697693264+05:30"}`
	for body, field := range map[string]string{
		`{"id":"a67d","name":"volume.created","data":{"volume.name":"test"}` + rest: "",
		`{"name":"cleanup leader elected"` + rest:                                   "",
		`{"name":"volume.created","timestamp":"2018-01-30T11:33:02Z"}`:              "",
		`{"name":""` + rest:                                    "name",
		`{"name":5` + rest:                                     "name",
		`{"name":"a","data":[]` + rest:                         "data",
		`{"name":"a","origin":5` + rest:                        "origin",
		`{"name":"a","timestamp":"yesterday"}`:                 "timestamp",
		`{"name":"a","timestamp":1517311982}`:                  "timestamp",
		`{"name":"a","origin":"x"}`:                            "event", // neither the one nor the other
		`{"event":"","name":"a"` + rest:                        "event",
		`{"event":"A","name":5,"message":{},"ts":1,"data":[]}`: "",
	} {
		_, bad := check([]byte(body))
		if field == "" && bad != nil || field != "" && (bad == nil || bad.Field != field) {
			t.Errorf("%s: got %v, want a mistake in %q", body, bad, field)
		}
	}
}

// glusterd2 tries a webhook with an event, glustereventsd with an empty POST: neither is stored.
func TestIsGlusterd2Test(t *testing.T) {
	const rest = `,"origin":"a425ca99-03c6-4068-851d-4bc7b7bf5866","timestamp":"2018-01-30T17:03:02Z"}`
	for body, want := range map[string]bool{
		`{"id":"a67d","name":"test"` + rest:                                         true,
		`{"id":"a67d","name":"test","data":{"volume.name":"test"}` + rest:           false,
		`{"id":"a67d","name":"volume.created","data":{"volume.name":"test"}` + rest: false,
		`{"event":"test","message":{"name":"test"},"ts":1}`:                         false,
		goodBody: false,
	} {
		if got := isGlusterd2Test([]byte(body)); got != want {
			t.Errorf("%s: got %t", body, got)
		}
	}
}
