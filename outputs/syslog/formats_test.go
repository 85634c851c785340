package syslog

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/gluster-trapgw/gluster-trapgw/outputs/syslog/syslogtest"
	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

func formatConfig(format string) Config {
	c := config("tcp://127.0.0.1:601")
	c.Format = format
	return c
}

func TestRFC3164(t *testing.T) {
	o := newOutput(t, formatConfig("rfc3164"))
	o.enc.zone = time.FixedZone("x", 3600)
	n := sample()
	n.Time = time.Date(2026, 11, 2, 23, 7, 25, 0, time.UTC)
	want := `<153>Nov  3 00:07:25 gfs2 gluster: BRICK_DISCONNECTED critical raise [q1-7] Brick größer 日本 is down`
	if got := render(t, o, n, 1); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestJSON(t *testing.T) {
	o := newOutput(t, formatConfig("json"))
	n := sample()
	n.Fields = append(n.Fields, translate.Field{Key: "brick", Value: "again"})
	want := `{"time":"2026-11-22T23:07:25Z","host":"gfs2","app":"gluster","pri":153,"event":"BRICK_DISCONNECTED","severity":"critical",` +
		`"state":"raise","id":"q1-7","sequence":5,"oid":"1.3.6.1.4.1.32473.1.1.1.0.1077","cluster":"prod","node":"gfs2",` +
		`"node_id":"1a6111b8-4f13-4c02-9739-2c473e398b41","volume":"gv0","brick":"gfs2:/b \"1\"]\\","alarm_key":"brick/gfs2:/b \"1\"]\\",` +
		`"ip":"192.0.2.12","alarm":{"probableCause":"softwareProgramAbnormallyTerminated","perceivedSeverity":"critical",` +
		`"eventType":"processingErrorAlarm","trendIndication":"moreSevere"},"fields":{"brick":"/b \"1\"]\\","a=b ]c":"x","brick_2":"again"},` +
		`"text":"Brick größer 日本 is down"}`
	if got := render(t, o, n, 5); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// Every format keeps to its limit whatever the values are, says that it is shortened, and stays well-formed.
func TestEveryFormatKeepsItsLimit(t *testing.T) {
	long := strings.Repeat(`日"\]`, 700)
	n := sample()
	n.Event, n.NodeName, n.Cluster, n.Volume, n.Brick, n.Text = long, long, long, long, long, long
	n.Event = strings.Repeat("\xff\"", 60) // each octet of it takes more on the wire
	n.ID = strings.Repeat("x", 64)
	n.AlarmKey = long
	n.Fields = []translate.Field{{Key: long, Value: long}, {Key: "k", Value: long}}
	some := sample()
	some.Fields = append(some.Fields, translate.Field{Key: "error", Value: long})
	for _, format := range Formats {
		for size := leastSize; size < 2500; size += 37 {
			cfg := formatConfig(format)
			cfg.MaxSize = 480
			o := newOutput(t, cfg)
			o.enc.maxSize = size
			for _, n := range []*translate.Notification{n, some} {
				got := render(t, o, n, 2147483647)
				if len(got) > size || !utf8.ValidString(got) || format == "rfc3164" && !strings.HasSuffix(got, "…") && !strings.HasSuffix(got, n.Text) {
					t.Fatalf("%s, limit %d: %d octets: %s", format, size, len(got), got)
				}
				switch format {
				case "rfc5424":
					if r := parse([]byte(got)); r.Err != nil || r.SD["trapgw@32473"]["truncated"] != "true" || r.SD["trapgw@32473"]["id"] != n.ID {
						t.Fatalf("limit %d: %v: %s", size, r.Err, got)
					}
				case "json":
					var m map[string]any
					if err := json.Unmarshal([]byte(got), &m); err != nil || m["truncated"] != true || m["id"] != n.ID {
						t.Fatalf("limit %d: %v: %s", size, err, got)
					}
				}
			}
		}
	}
}

// What is a little too long loses the end of its long values, not all that it has to say.
func TestLongValuesAreCutFirst(t *testing.T) {
	cfg := config("udp://127.0.0.1:514")
	o := newOutput(t, cfg)
	n := sample()
	n.Fields = []translate.Field{{Key: "volume", Value: "gv0"}, {Key: "error", Value: strings.Repeat("e", 3000)}}
	r := parse([]byte(render(t, o, n, 1)))
	fields := r.SD["gluster@32473"]
	if fields["volume"] != "gv0" || len(fields["error"]) != 128 || !strings.HasSuffix(fields["error"], "…") || r.Text != n.Text ||
		r.SD["trapgw@32473"]["truncated"] != "true" || r.SD["alarm"] == nil {
		t.Errorf("got %+v", r)
	}
}

func TestUnknownSeverityAndState(t *testing.T) {
	o := newOutput(t, config("udp://127.0.0.1:514"))
	got := render(t, o, &translate.Notification{Event: "X", ID: "i"}, 0)
	if !strings.HasPrefix(got, "<157>1 ") || strings.Contains(got, "[alarm") || !strings.Contains(got, `sequenceId="1"`) {
		t.Errorf("got %s", got)
	}
}

// Whatever the values are, the other formats are one line, and JSON carries them unchanged.
func FuzzFormats(f *testing.F) {
	lines, objects := newOutput(f, formatConfig("rfc3164")), newOutput(f, formatConfig("json"))
	f.Add("BRICK", "node", "k", "v", "text")
	f.Add("B\n", "n o", "\xff]\"\\", "=] \"", "a\x00\u2028\u202e\r\n<34>1 forged")
	f.Fuzz(func(t *testing.T, event, node, key, value, text string) {
		n := &translate.Notification{Event: event, NodeName: node, Text: text, ID: "id", OID: ".1.3", Severity: translate.Major,
			State: translate.Raise, Fields: []translate.Field{{Key: key, Value: value}, {Key: key, Value: value}}}
		for _, o := range []*Output{lines, objects} {
			got := render(t, o, n, 1)
			if strings.ContainsFunc(got, func(r rune) bool { return r < 0x20 || r == 0x7f }) || !utf8.ValidString(got) || len(got) > defaultStreamSize {
				t.Fatalf("control characters, bad UTF-8 or too long: %q", got)
			}
		}
		var m struct {
			Event, Text, Host string
			Truncated         bool
			Fields            map[string]string
		}
		if err := json.Unmarshal([]byte(render(t, objects, n, 1)), &m); err != nil {
			t.Fatal(err)
		}
		if m.Truncated {
			return
		}
		if m.Event != translate.Clean(event) || m.Text != translate.Clean(text) || m.Host != translate.Clean(node) && node != "" ||
			len(m.Fields) != 2 || m.Fields[translate.Clean(key)] != translate.Clean(value) {
			t.Fatalf("got %+v of %q", m, []string{event, node, key, value, text})
		}
	})
}

// rsyslog reads lines with line feeds, and the old format.
func TestRsyslogReadsTheOldFormat(t *testing.T) {
	r := syslogtest.Start(t)
	cfg := config("tcp://" + r.TCP)
	cfg.Format, cfg.Framing = "rfc3164", "lf"
	o := newOutput(t, cfg)
	mustSend(t, o, batch(t, o, 0, 3))
	got := r.Wait(func(all []syslogtest.Message) bool { return len(all) >= 3 })
	if m := got[2]; m.PRI != "153" || m.Host != "gfs2" || m.App != "gluster" ||
		strings.TrimSpace(m.Msg) != "BRICK_DISCONNECTED critical raise [id-2] Brick größer 日本 is down" {
		t.Errorf("rsyslog read %+v", m)
	}
}
