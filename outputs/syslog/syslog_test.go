package syslog

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/influxdata/go-syslog/v3/rfc5424"

	"github.com/gluster-trapgw/gluster-trapgw/outputs"
	"github.com/gluster-trapgw/gluster-trapgw/outputs/syslog/syslogtest"
	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

var env = Env{Root: "1.3.6.1.4.1.32473.1", Version: "1.2.3"}

func sample() *translate.Notification {
	return &translate.Notification{
		ID: "q1-7", Seq: 7, Event: "BRICK_DISCONNECTED", Name: "glusterBrickDisconnected", OID: ".1.3.6.1.4.1.32473.1.1.1.0.1077",
		Group: "brick", Time: time.Unix(1795388845, 0), Severity: translate.Critical, State: translate.Raise, AlarmClass: "brick",
		AlarmKey: `brick/gfs2:/b "1"]\`, Cluster: "prod", NodeID: "1a6111b8-4f13-4c02-9739-2c473e398b41", NodeName: "gfs2",
		NodeAddr: netip.MustParseAddr("192.0.2.12"), Volume: "gv0", Brick: `gfs2:/b "1"]\`,
		Text: "Brick größer 日本 is down", Fields: []translate.Field{{Key: "brick", Value: `/b "1"]\`}, {Key: "a=b ]c", Value: "x"}},
	}
}

func newOutput(t testing.TB, cfg Config) *Output {
	t.Helper()
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	o, err := New(cfg, env)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := o.Close(); err != nil {
			t.Error(err)
		}
	})
	return o
}

func config(target string) Config {
	c := DefaultConfig()
	c.Target = target
	return c
}

func render(t testing.TB, o *Output, n *translate.Notification, ord uint64) string {
	t.Helper()
	m, err := o.Render(n, ord)
	if err != nil {
		t.Fatal(err)
	}
	return string(m.Data)
}

func TestMessage(t *testing.T) {
	o := newOutput(t, config("udp://127.0.0.1:514"))
	got := render(t, o, sample(), 1)
	want := `<153>1 2026-11-22T23:07:25Z gfs2 gluster - BRICK_DISCONNECTED ` +
		`[gluster@32473 brick="/b \"1\"\]\\" a_b__c="x"]` +
		`[trapgw@32473 event="BRICK_DISCONNECTED" severity="critical" cluster="prod" node="gfs2" nodeId="1a6111b8-4f13-4c02-9739-2c473e398b41" volume="gv0" brick="gfs2:/b \"1\"\]\\" alarmState="raise" alarmKey="brick/gfs2:/b \"1\"\]\\" id="q1-7"]` +
		`[alarm resource="brick/gfs2:/b \"1\"\]\\" probableCause="softwareProgramAbnormallyTerminated" perceivedSeverity="critical" eventType="processingErrorAlarm" trendIndication="moreSevere"]` +
		`[origin ip="192.0.2.12" enterpriseId="32473" software="gluster-trapgw" swVersion="1.2.3"][meta sequenceId="1"]` +
		`[snmp v1="1.3.6.1.6.3.1.1.4.1.0" l1="snmpTrapOID.0" o1="1.3.6.1.4.1.32473.1.1.1.0.1077"] Brick größer 日本 is down`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if r := parse([]byte(got)); r.Err != nil || r.SD["gluster@32473"]["brick"] != `/b "1"]\` || r.Text != "Brick größer 日本 is down" || r.Severity != "alert" {
		t.Errorf("the strict parser reads %+v", r)
	}
}

func TestHeaderFallbacks(t *testing.T) {
	cfg := config("udp://127.0.0.1:514")
	cfg.BOM = true
	o := newOutput(t, cfg)
	n := &translate.Notification{Event: "X", ID: "i", OID: ".1.2", Severity: translate.Informational, State: translate.Stateless, Time: time.Unix(0, 1500)}
	if got := render(t, o, n, 1<<31); !strings.HasPrefix(got, "<158>1 1970-01-01T00:00:00.000001Z - gluster - X [trapgw@32473 ") ||
		!strings.Contains(got, `sequenceId="1"`) || !strings.HasSuffix(got, " \xef\xbb\xbf") {
		t.Errorf("got %q", got)
	}
	n.NodeID = "a b"
	if got := render(t, o, n, 1); !strings.Contains(got, " a_b gluster ") {
		t.Errorf("got %q", got)
	}
	n.Time = time.Date(12000, 1, 1, 0, 0, 0, 0, time.UTC)
	if got := render(t, o, n, 1); !strings.HasPrefix(got, "<158>1 - ") {
		t.Errorf("got %q", got)
	}
}

// Truncation is marked and never leaves half a character or a broken frame.
func TestMaxSize(t *testing.T) {
	for _, size := range []int{480, 481, 482, 600, 900, 2048} {
		cfg := config("udp://127.0.0.1:514")
		cfg.MaxSize = 480
		o := newOutput(t, cfg)
		o.enc.maxSize = size
		n := sample()
		n.Text = strings.Repeat("日本", 400)
		got := render(t, o, n, 1)
		r := parse([]byte(got))
		if len(got) > size || r.Err != nil || !utf8.ValidString(got) {
			t.Errorf("limit %d: %d octets, parser says %v", size, len(got), r.Err)
		}
		own := r.SD["trapgw@32473"]
		if own["truncated"] != "true" || own["id"] != "q1-7" || !strings.HasSuffix(r.Text, "…") {
			t.Errorf("limit %d: got %s", size, got)
		}
	}
}

func TestMsgIDIsStableAndUnique(t *testing.T) {
	for event, want := range map[string]string{
		"BRICK_DISCONNECTED":                        "BRICK_DISCONNECTED",
		"SNAPSHOT_SCHEDULER_SCHEDULE_DELETE_FAILED": "SNAP_SCHED_JOB_DELETE_FAILED",
		"VOLUME_REMOVE_BRICK_COMMIT_FAILED":         "VOL_REMOVE_BRICK_COMMIT_FAILED",
		"SOME_NEW_EVENT_WITH_A_VERY_LONG_NAME_1":    "SOME_NEW_EVENT_WITH_A_V~8ab9d1a2",
	} {
		if got := MsgID(event); got != want {
			t.Errorf("MsgID(%s) = %s, want %s", event, got, want)
		}
	}
	c, err := translate.LoadCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]string{}
	for _, name := range c.EventNames() {
		id := MsgID(name)
		if len(id) > 32 || seen[id] != "" {
			t.Errorf("%s and %s share %s", name, seen[id], id)
		}
		seen[id] = name
	}
}

func TestTargetSecretsDoNotPrint(t *testing.T) {
	t.Parallel()
	for _, target := range []string{"tcp://admin:s3cret@log:601", "tcp://admin:s3cret%zz@log:601", "admin:s3cret@log:601", "https://admin:s3cret@log",
		"unix://admin:s3cret@/dev/log", "tcp://log:601?token=s3cret", "tcp://log:syslog?token=s3cret", "tcp://log:601#s3cret"} {
		cfg := config(target)
		err := cfg.Validate()
		if err == nil || strings.Contains(err.Error(), "s3cret") || !strings.HasPrefix(err.Error(), "target: only transport, host and port are expected") {
			t.Errorf("%s: got %v", target, err)
		}
	}
	cfg := config("unix:///run/log@node")
	if err := cfg.Validate(); err != nil {
		t.Error(err)
	}
}

func TestValidate(t *testing.T) {
	for _, tt := range []struct {
		name, key string
		change    func(*Config)
	}{
		{"no target", "target", func(c *Config) { c.Target = "" }},
		{"no scheme", "target", func(c *Config) { c.Target = "192.0.2.1:514" }},
		{"unknown transport", "target", func(c *Config) { c.Target = "sctp://192.0.2.1:514" }},
		{"no port", "target", func(c *Config) { c.Target = "udp://192.0.2.1" }},
		{"path", "target", func(c *Config) { c.Target = "udp://192.0.2.1:514/x" }},
		{"no socket path", "target", func(c *Config) { c.Target = "unix://" }},
		{"socket path with a host", "target", func(c *Config) { c.Target = "unix://dev/log" }},
		{"socket path too long", "target", func(c *Config) { c.Target = "unix:///" + strings.Repeat("x", 110) }},
		{"TLS without port", "target", func(c *Config) { c.Target = "tls://192.0.2.1" }},
		{"port", "target", func(c *Config) { c.Target = "tcp://192.0.2.1:70000" }},
		{"query", "target", func(c *Config) { c.Target = "tcp://192.0.2.1:601?x=y" }},
		{"framing", "framing", func(c *Config) { c.Target, c.Framing = "tcp://192.0.2.1:601", "crlf" }},
		{"framing of UDP", "framing", func(c *Config) { c.Framing = "lf" }},
		{"format", "format", func(c *Config) { c.Format = "rfc5425" }},
		{"byte order mark in JSON", "bom", func(c *Config) { c.Format, c.BOM = "json", true }},
		{"tls without TLS", "tls", func(c *Config) { c.TLS.ServerName = "x" }},
		{"more than a datagram", "max_size", func(c *Config) { c.MaxSize = 65536 }},
		{"facility", "facility", func(c *Config) { c.Facility = "local8" }},
		{"app name", "app_name", func(c *Config) { c.AppName = "a b" }},
		{"size", "max_size", func(c *Config) { c.MaxSize = 100 }},
		{"rate", "rate", func(c *Config) { c.Rate = -1 }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := config("udp://127.0.0.1:514")
			tt.change(&c)
			if err := c.Validate(); err == nil || !strings.HasPrefix(err.Error(), tt.key+": ") {
				t.Errorf("got %v, want a mistake at %s", err, tt.key)
			}
		})
	}
}

// Whatever comes in, what goes out parses strictly and carries the same values.
func FuzzRender(f *testing.F) {
	o := newOutput(f, config("tcp://127.0.0.1:601"))
	f.Add("BRICK", "node", "vol", "k", "v", "text", int64(5), uint8(3))
	f.Add("B\n", "n o", "\xff]\"\\", "=] \"", "a\x00\u2028\u202e", "x\n<34>1 forged", int64(-1), uint8(200))
	f.Fuzz(func(t *testing.T, event, node, volume, key, value, text string, ts int64, severity uint8) {
		n := &translate.Notification{Event: event, NodeName: node, Volume: volume, Text: text, ID: "id", OID: ".1.3", Time: time.Unix(ts, 0),
			Severity: translate.Severity(severity), State: translate.AlarmState(severity%4 + 1), AlarmKey: volume,
			Fields: []translate.Field{{Key: key, Value: value}}}
		m, err := o.Render(n, 1)
		if err != nil {
			t.Fatal(err)
		}
		if strings.ContainsFunc(string(m.Data), func(r rune) bool { return r < 0x20 || r == 0x7f }) || !utf8.Valid(m.Data) {
			t.Fatalf("control characters or bad UTF-8 in %q", m.Data)
		}
		parsed, err := rfc5424.NewParser().Parse(m.Data)
		if err != nil {
			t.Fatalf("%v: %q", err, m.Data)
		}
		msg := parsed.(*rfc5424.SyslogMessage)
		sd := *msg.StructuredData
		if sd["trapgw@32473"]["truncated"] == "" || len(key) > maxName && len(m.Data) < o.enc.maxSize/2 {
			if got := sd["gluster@32473"]; len(got) != 1 {
				t.Fatalf("fields %q of %q", got, m.Data)
			}
			for _, got := range sd["gluster@32473"] {
				if got != translate.Clean(value) {
					t.Fatalf("value is %q, want %q", got, translate.Clean(value))
				}
			}
			if got := sd["trapgw@32473"]["volume"]; got != translate.Clean(volume) {
				t.Fatalf("volume is %q, want %q", got, translate.Clean(volume))
			}
			if want := translate.Clean(text); want != "" && strings.TrimLeft(*msg.Message, " ") != strings.TrimLeft(want, " ") {
				t.Fatalf("text is %q, want %q", *msg.Message, want)
			}
		}
		for id := range sd {
			if !slices.Contains([]string{"gluster@32473", "trapgw@32473", "alarm", "origin", "meta", "snmp"}, id) {
				t.Fatalf("forged structured data %q in %q", id, m.Data)
			}
		}
	})
}

func batch(t testing.TB, o *Output, from, n int) []outputs.Message {
	t.Helper()
	var msgs []outputs.Message
	for i := from; i < from+n; i++ {
		s := sample()
		s.ID = fmt.Sprintf("id-%d", i)
		m, err := o.Render(s, uint64(i+1))
		if err != nil {
			t.Fatal(err)
		}
		msgs = append(msgs, m)
	}
	return msgs
}

func ids(all []syslogtest.Message) map[string]int {
	m := map[string]int{}
	for _, x := range all {
		m[x.SD["trapgw@32473"]["id"]]++
	}
	return m
}

// A collector that is restarted in good order while messages flow loses none over TCP.
func TestRsyslogRestartLosesNothing(t *testing.T) {
	r := syslogtest.Start(t)
	o := newOutput(t, config("tcp://"+r.TCP))
	const total, per = 3000, 50
	sent := 0
	for sent < total {
		n, err := o.Send(t.Context(), batch(t, o, sent, per))
		sent += n
		if err != nil {
			time.Sleep(20 * time.Millisecond) // what the worker's backoff does
		}
		if sent == 1000 || sent == 2000 {
			r.Stop()
			if sent == 2000 {
				// Nothing listens for a while, and the frames must wait in the link.
				if n, err := o.Send(t.Context(), batch(t, o, sent, per)); err == nil && n > 0 {
					sent += n
				}
			}
			r.Restart()
		}
	}
	got := ids(r.Wait(func(all []syslogtest.Message) bool { return len(ids(all)) >= total }))
	repeated := 0
	for _, n := range got {
		repeated += n - 1
	}
	t.Logf("%d messages arrived, %d of them twice", len(got), repeated)
}

func TestRefusedDatagramIsRepeated(t *testing.T) {
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := c.LocalAddr().String()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	o := newOutput(t, config("udp://"+addr))
	msgs := batch(t, o, 0, 3)
	n, err := o.Send(t.Context(), msgs)
	if err == nil || n > 1 || !strings.Contains(err.Error(), "refuses") {
		t.Errorf("Send to a closed port = %d, %v", n, err)
	}
}

// A collector may listen on one of the addresses of its name only.
func TestDatagramsTryTheAddressesOfTheName(t *testing.T) {
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close() //nolint:errcheck // a test
	_, port, _ := net.SplitHostPort(c.LocalAddr().String())
	o := newOutput(t, config("udp://collector.test:"+port))
	l := o.link.link.(*datagramLink)
	l.udp.Lookup = func(context.Context, string, string) ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr("127.0.0.77"), netip.MustParseAddr("127.0.0.1")}, nil
	}
	want := fmt.Sprintf(`"collector.test:%s" (127.0.0.77:%s) refuses`, port, port)
	if n, err := o.Send(t.Context(), batch(t, o, 0, 3)); n == 3 || err == nil || !strings.Contains(err.Error(), want) {
		t.Fatalf("Send = %d, %v, want an error with %s", n, err, want)
	}
	mustSend(t, o, batch(t, o, 0, 3))
	if err := c.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.ReadFrom(make([]byte, 2048)); err != nil {
		t.Error(err)
	}
	l.opened = time.Time{} // long ago: the first one again
	if n, err := o.Send(t.Context(), batch(t, o, 3, 3)); n == 3 || err == nil {
		t.Errorf("Send = %d, %v, want an error of the first address", n, err)
	}
}

// The listener reads both framings, and says why a message is not RFC 5424.
func TestListener(t *testing.T) {
	l, err := Listen("127.0.0.1:0", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	got := make(chan Received, 10)
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := l.Run(ctx, func(r Received) { got <- r }); err != nil {
			t.Error(err)
		}
	})
	o := newOutput(t, config("tcp://"+l.TCPAddr()))
	if n, err := o.Send(t.Context(), batch(t, o, 0, 2)); n != 2 || err != nil {
		t.Fatalf("Send = %d, %v", n, err)
	}
	for range 2 {
		if r := <-got; r.Err != nil || r.MsgID != "BRICK_DISCONNECTED" {
			t.Errorf("got %+v", r)
		}
	}
	c, err := net.Dial("tcp", l.TCPAddr())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write([]byte("<34>Oct 11 22:14:15 host su: failed\n<34>1 - - - - - -\n")); err != nil {
		t.Fatal(err)
	}
	if r := <-got; r.Err == nil {
		t.Errorf("an RFC 3164 line was taken for RFC 5424: %+v", r)
	}
	if r := <-got; r.Err != nil {
		t.Errorf("got %v for the shortest message there is", r.Err)
	}
	if _, err := c.Write([]byte("2026-11-30 up\n")); err != nil {
		t.Fatal(err)
	}
	if r := <-got; !errors.Is(r.Err, errFraming) || r.From != c.LocalAddr().String() {
		t.Errorf("got %+v for a line that begins with a digit, want an error of the framing from %v", r, c.LocalAddr())
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	cancel()
	wg.Wait()
}

// What is no message ends no connection unless nobody can tell where the next one begins, and then fn hears why.
func TestReadStream(t *testing.T) {
	t.Parallel()
	const m = "<34>1 - - - - - -"
	for _, tc := range []struct {
		name, stream string
		want         []string
		framing      string // of the last one; empty when the stream just ends
	}{
		{"nothing", "", nil, ""},
		{"lines", m + "\n" + m + "\n", []string{m, m}, ""},
		{"the last line is not ended", m + "\n" + m, []string{m, m}, ""},
		{"empty lines", "\n" + m + "\n\n\n" + m + "\n\n", []string{m, m}, ""},
		{"carriage returns", m + "\r\n\r\n" + m + "\r\n", []string{m, m}, ""},
		{"one carriage return is framing", m + " x\r\r\n", []string{m + " x\r"}, ""},
		{"counted", "17 " + m + "17 " + m, []string{m, m}, ""},
		{"counted, a line feed between", "17 " + m + "\n17 " + m + "\n", []string{m, m}, ""},
		{"both", "17 " + m + m + "\n17 " + m, []string{m, m, m}, ""},
		{"a line that begins with a digit", m + "\n2026-11-30 up\n", []string{m, "2026-"}, `"2026-" is neither the length`},
		{"too long", "99999999 " + m, []string{"9999999"}, `"9999999" is neither the length`},
		{"ends within a length", m + "\n17", []string{m, "17"}, "ends within the length"},
		{"ends before a message", "17 ", []string{""}, "ends after 0 of 17 octets"},
		{"ends within a message", "17 " + m + "17 " + m[:5], []string{m, m[:5]}, "ends after 5 of 17 octets"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var got []string
			var last error
			err := ReadStream(bufio.NewReader(strings.NewReader(tc.stream)), func(r Received) {
				got, last = append(got, r.Raw), r.Err
			})
			if !slices.Equal(got, tc.want) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
			if tc.framing == "" && (err != io.EOF || errors.Is(last, errFraming)) ||
				tc.framing != "" && (last == nil || last != err || !strings.Contains(last.Error(), tc.framing)) {
				t.Errorf("ended with %v, and the last one came with %v, want %q", err, last, tc.framing)
			}
		})
	}
}

func BenchmarkRender(b *testing.B) {
	o := newOutput(b, config("tcp://127.0.0.1:601"))
	n := sample()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := o.Render(n, 1); err != nil {
			b.Fatal(err)
		}
	}
}
