package metrics

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/admin"
	"github.com/gluster-trapgw/gluster-trapgw/outputs"
	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

// scrape returns what a server gets.
func scrape(t *testing.T, m *Metrics) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	text, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Code, string(text)
}

func TestScrape(t *testing.T) {
	now := time.Unix(1795388400, 500e6)
	tally := NewTally([]string{"BRICK_DISCONNECTED"}, "webhook")
	tally.Stored("webhook", []byte(`{"event":"BRICK_DISCONNECTED"}`))
	tally.Stored("webhook", []byte(`{"event":"MADE_UP"}`))
	tally.Stored("unheard", []byte(`{"event":"MADE_UP"}`))
	m := New(func(context.Context) (*admin.Status, error) {
		return &admin.Status{Version: "1.2.3", Ready: true, Repeated: 7,
			Inputs: []admin.Input{
				{Name: "webhook", Counters: map[string]uint64{"accepted": 9, "disconnected": 2}},
				{Name: "eventsd", Counters: map[string]uint64{"kernel_dropped": 3, "unknown": 1}},
				{Name: "eventslog", Counters: map[string]uint64{"gaps": 4}},
			},
			Outputs: []admin.Output{
				{Name: "noc", State: admin.Failing, Trouble: "timeout", Failures: map[string]uint64{"timeout": 5, "refused": 2},
					Outcomes: map[string]uint64{"sent": 11, "no alarm": 12}, Waiting: 6, Lag: 1.5, Lost: 8, LastSent: &now},
				{Name: "siem", State: admin.Working},
			},
			Queue:   admin.Queue{Bytes: 1 << 20, WriteError: "disk full", Damaged: 1},
			Alarms:  map[string]uint64{"critical": 2},
			Nodes:   []admin.Node{{ID: "uuid", Name: "gfs1", LastEvent: now}},
			Policy:  admin.Policy{LastError: "x", Hits: []admin.RuleHits{{Rule: `say "no"`, Output: "noc", Events: 13}}},
			Engines: []admin.Engine{{ID: "0x80", Boots: 4, Time: 44}},
		}, nil
	}, tally)
	m.Sent("noc")([]outputs.Item{
		{Notification: &translate.Notification{Received: time.Now().Add(-40 * time.Millisecond)}},
		{Notification: nil},
		{Notification: &translate.Notification{Received: time.Now().Add(-time.Hour)}, Extra: true},
	})
	status, text := scrape(t, m)
	if status != 200 {
		t.Fatal(text)
	}
	for _, want := range []string{
		`build_info{goversion="`, `version="1.2.3"} 1`, `ready 1`, `duplicate_events_total 7`,
		`input_events_total{input="webhook",result="accepted"} 9`, `webhook_connections_refused_total 2`,
		`eventsd_kernel_dropped_total 3`, `eventslog_gaps_total 4`,
		`events_stored_total{event="BRICK_DISCONNECTED",input="webhook"} 1`, `events_stored_total{event="other",input="webhook"} 1`,
		`notifications_total{outcome="sent",output="noc"} 11`, `notifications_total{outcome="no_alarm",output="noc"} 12`,
		`output_state{output="noc",state="timeout"} 1`, `output_state{output="noc",state="refused"} 0`, `output_state{output="noc",state="working"} 0`,
		`output_state{output="siem",state="working"} 1`, `output_failures_total{output="noc",trouble="timeout"} 5`,
		`output_failures_total{output="noc",trouble="refused"} 2`, `output_waiting_events{output="noc"} 6`, `output_lag_seconds{output="noc"} 1.5`,
		`output_events_lost_total{output="noc"} 8`, `output_last_sent_timestamp_seconds{output="noc"} 1.7953884005e+09`,
		`queue_bytes 1.048576e+06`, `queue_writable 0`, `queue_damaged_records_total 1`, `alarms{severity="critical"} 2`, `alarms{severity="minor"} 0`,
		`node_last_event_timestamp_seconds{node="gfs1",uuid="uuid"} 1.7953884005e+09`,
		`policy_last_reload_successful 0`, `policy_rule_hits_total{output="noc",rule="say \"no\""} 13`,
		`snmp_engine_boots{engine="0x80"} 4`, `snmp_engine_time_seconds{engine="0x80"} 44`,
		`notification_latency_seconds_bucket{output="noc",le="0.025"} 0`, `notification_latency_seconds_bucket{output="noc",le="1"} 1`,
		`notification_latency_seconds_count{output="noc"} 1`,
	} {
		if !strings.Contains(text, want+"\n") && !(strings.HasSuffix(want, `"`) && strings.Contains(text, want)) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	families, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == prefix+"notification_latency_seconds" && len(f.Metric[0].Histogram.PositiveSpan) == 0 {
			t.Error("the latency is no native histogram")
		}
	}
}

// A status that cannot be read fails the scrape: a gap says more than old or missing numbers.
func TestScrapeFails(t *testing.T) {
	m := New(func(context.Context) (*admin.Status, error) { return nil, errors.New("no queue") }, NewTally(nil))
	if status, text := scrape(t, m); status != 500 || !strings.Contains(text, "no queue") {
		t.Errorf("got %d %s", status, text)
	}
}

// The tally and the translation agree on what type an event has, for all that was captured and for what is odd.
func TestTallyReadsWhatIsTranslated(t *testing.T) {
	cat, err := translate.LoadCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	bodies := []string{
		`{"message":{"event":"VOLUME_STOP"},"nodeid":"event","x":["event"], "event" : "VOLUME_START","ts":1}`,
		`{"nodeid":"a\"event\":\\","ts":1,"event":"VOLUME_START","message":{}}`,
		`{"event":"VOLUME\u005fSTART","message":{},"ts":1}`,
		`{"name":"volume.created","timestamp":"2018-05-01T00:00:00Z","origin":"","data":{}}`,
		`{"event":"CLIENT_CONNECT"}`,
	}
	f, err := os.Open("../testdata/captures/webhook-real.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		var c struct{ Body string }
		if err := json.Unmarshal(s.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		if c.Body != "" {
			bodies = append(bodies, c.Body)
		}
	}
	if len(bodies) < 50 {
		t.Fatalf("only %d bodies", len(bodies))
	}
	for _, b := range bodies {
		ev, err := translate.Decode([]byte(b))
		if err != nil {
			t.Fatal(err)
		}
		want := ev.Name
		if cat.Entry(want) == nil {
			want = other
		}
		tally := NewTally(cat.EventNames(), "webhook")
		tally.Stored("webhook", []byte(b))
		got := "nothing"
		tally.each(func(_, event string, n uint64) { got = event })
		if got != want {
			t.Errorf("%s: got %s, want %s", b, got, want)
		}
	}
}

// Bodies that no input lets through do no harm either.
func FuzzTally(f *testing.F) {
	for _, s := range []string{`{"event":"A"}`, `{"event`, `{"event":"`, `{"event":"\`, `{"event": `, `]]]"event":"A"`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(_ *testing.T, body []byte) { NewTally([]string{"A"}, "webhook").Stored("webhook", body) })
}

func BenchmarkTally(b *testing.B) {
	tally := NewTally([]string{"BRICK_DISCONNECTED"}, "webhook")
	body := []byte(`{"nodeid": "1a6111b8-4f13-4c02-9739-2c473e398b41", "ts": 1795389266, "event": "BRICK_DISCONNECTED", "message": {"peer": "gfs2", "volume": "gv0", "brick": "/bricks/b1"}}`)
	b.ReportAllocs()
	for b.Loop() {
		tally.Stored("webhook", body)
	}
}

func BenchmarkSent(b *testing.B) {
	m := New(nil, nil)
	sent := m.Sent("noc")
	items := make([]outputs.Item, 256)
	for i := range items {
		items[i].Notification = &translate.Notification{Received: time.Now()}
	}
	b.ReportAllocs()
	for b.Loop() {
		sent(items)
	}
}
