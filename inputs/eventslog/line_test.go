package eventslog

import (
	"bufio"
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// The lines are those that glustereventsd writes for captured requests. What comes out is the body of the request,
// octet for octet.
func TestEventCaptured(t *testing.T) {
	posted := map[string]bool{}
	readLines(t, "../../testdata/captures/webhook-real.jsonl", func(line string) {
		var c struct{ Body string }
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			t.Fatal(err)
		}
		posted[c.Body] = true
	})
	events, others := 0, 0
	readLines(t, "testdata/events.log", func(line string) {
		body, ok, err := event(line)
		switch {
		case err != nil || ok && !posted[string(body)]:
			t.Errorf("%s\n got %s, %v, which was not posted", line, body, err)
		case ok:
			events++
		default:
			others++
		}
	})
	if events < 100 || others != 2 {
		t.Errorf("%d events and %d other lines", events, others)
	}
}

func readLines(t testing.TB, file string, each func(line string)) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		each(s.Text())
	}
}

const head = "[2026-11-23 02:12:48,123] INFO [utils - 64:log_event] - "

func TestEvent(t *testing.T) {
	for _, tt := range []struct{ name, dict, want string }{
		{"no node", `{'nodeid': None, 'ts': -5, 'event': 'A', 'message': {}}`, `{"event": "A", "message": {}, "nodeid": null, "ts": -5}`},
		{"kinds of values", `{'nodeid': 'n', 'ts': 1, 'event': 'A', 'message': {'b': True, 'c': False, 'n': None, 'i': 22, 'f': 1.5e-07, 'o': [['k', 'v'], ['']], 't': (1,), 'e': ()}}`,
			`{"event": "A", "message": {"b": true, "c": false, "e": [], "f": 1.5e-07, "i": 22, "n": null, "o": [["k", "v"], [""]], "t": [1]}, "nodeid": "n", "ts": 1}`},
		{"quotes", `{'nodeid': 'n', 'ts': 1, 'event': 'A', 'message': {"it's": 'a "b"', 'c': 'd\'e"f', 'g': "\\'"}}`,
			`{"event": "A", "message": {"c": "d'e\"f", "g": "\\'", "it's": "a \"b\""}, "nodeid": "n", "ts": 1}`},
		{"escapes", `{'nodeid': 'n', 'ts': 1, 'event': 'A', 'message': {'k': '\n\r\t\x00\x1b\x7f\x80\xa0\xad\u200b\U0001f600é😀\ud800'}}`,
			`{"event": "A", "message": {"k": "\n\r\t\u0000\u001b\u007f\u0080\u00a0\u00ad\u200b\ud83d\ude00\u00e9\ud83d\ude00\ufffd"}, "nodeid": "n", "ts": 1}`},
		{"Python 2", `{'nodeid': u'n', 'message': {'volume': 'caf\xc3\xa9', u'k': u'\xfc', 'l': 'a\xff'}, 'event': 'A', 'ts': 99999999999L}`,
			`{"event": "A", "message": {"k": "\u00fc", "l": "a\u00ff", "volume": "caf\u00e9"}, "nodeid": "n", "ts": 99999999999}`},
		{"text that looks like the end", `{'nodeid': 'n', 'ts': 1, 'event': 'A', 'message': {'k': "}, 'event': 'B'} ] - {"}}`,
			`{"event": "A", "message": {"k": "}, 'event': 'B'} ] - {"}, "nodeid": "n", "ts": 1}`},
		{"message keys named like members", `{'nodeid': 'n', 'ts': 1, 'event': 'A', 'message': {'event': 'B', 'ts': '9'}}`,
			`{"event": "A", "message": {"event": "B", "ts": "9"}, "nodeid": "n", "ts": 1}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			body, ok, err := event(head + tt.dict + "\n")
			if !ok || err != nil || string(body) != tt.want {
				t.Errorf("%s\n got %s, %t, %v\nwant %s", tt.dict, body, ok, err, tt.want)
			}
		})
	}
}

func TestEventOtherLines(t *testing.T) {
	for _, line := range []string{"", "\n", "{'event': 'A'}", "[x] INFO [y] - z", head + "EVENT: {}", " " + head + "{}", "[2026", "Traceback (most recent call last):"} {
		if body, ok, err := event(line); ok || err != nil {
			t.Errorf("%q: got %s, %v", line, body, err)
		}
	}
	for _, dict := range []string{"{", "{}", "{'event'}", "{'event': 'A'}", "{'event': 'A', 'ts': 1}", "{'event': 'A', 'ts': '1', 'message': {}}", "{'event': 'A', 'ts': 1.5, 'message': {}}",
		"{'event': '', 'ts': 1, 'message': {}}", "{'event': 5, 'ts': 1, 'message': {}}", "{'event': 'A', 'ts': 1, 'message': []}", "{'event': 'A', 'ts': 1, 'message': {}} x",
		"{'event': 'A', 'ts': 01, 'message': {}}", "{'event': 'A', 'ts': 1, 'message': {'k': inf}}", `{'event': 'A\q', 'ts': 1, 'message': {}}`, `{'event': 'A\x4`, `{'event': 'A\`,
		"{5: 'A'}", "{'event': 'A' 'ts': 1}", "{'k': " + strings.Repeat("[", 1000)} {
		if body, ok, err := event(head + dict); ok || err == nil {
			t.Errorf("%s: got %s, %t, want an error", dict, body, ok)
		}
	}
}

// Whatever a line is, what comes out is the JSON of an event.
func FuzzEvent(f *testing.F) {
	f.Add(`{'nodeid': None, 'ts': 1, 'event': 'A', 'message': {'b': True, "it's": ['\x00\u200b\U0001f600', (1,), 1.5e-07]}}`)
	f.Add(`{'nodeid': u'n', 'ts': 99L, 'event': b'A\xc3\xa9', 'message': {}}`)
	f.Fuzz(func(t *testing.T, dict string) {
		body, ok, err := event(head + dict)
		if !ok || err != nil {
			return
		}
		var top map[string]any
		if err := json.Unmarshal(body, &top); err != nil {
			t.Fatalf("%q gave %s: %v", dict, body, err)
		}
		if name, ok := top["event"].(string); !ok || name == "" || len(top) != 4 {
			t.Fatalf("%q gave %s", dict, body)
		}
	})
}
