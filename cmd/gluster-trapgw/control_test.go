package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/outputs"
	"github.com/gluster-trapgw/gluster-trapgw/outputs/syslog"
	"github.com/gluster-trapgw/gluster-trapgw/policy"
	"github.com/gluster-trapgw/gluster-trapgw/queue"
	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

const brickDown = `{"event":"BRICK_DISCONNECTED","ts":1795388400,"nodeid":"1a6111b8-4f13-4c02-9739-2c473e398b41","message":{"peer":"gfs2","volume":"gv0","brick":"/b/1"}}`

// What the gateway asks of its outputs through the log is done by those that keep alarms, and sent by none.
func TestControlRecords(t *testing.T) {
	p, err := policy.Load("p.yaml", []byte("rules: []\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	s := newSite(t, p)
	now := time.Now()
	readers := map[string]*reader{"noc": s.reader("noc", false, now), "siem": s.reader("siem", false, now), "archive": s.reader("archive", true, now)}
	own := func(event, message string) *queue.Record {
		return &queue.Record{Received: now, Input: translate.OwnInput, Body: []byte(`{"event":"` + event + `","message":` + message + `}`)}
	}
	s.append([]*queue.Record{
		{Received: now, Input: "webhook", Body: []byte(brickDown)},
		own("gtgResync", `{"output":"noc"}`),
		own("gtgAlarmClear", `{"key":"brick/gfs2:/b/1","author":"eve","comment":"gone"}`),
		own("gtgSilence", `{"id":"s1"}`),
		// Whoever calls himself so is not the gateway.
		{Received: now, Input: "webhook", Body: []byte(`{"event":"gtgAlarmClear","message":{"key":"brick/gfs2:/b/1"}}`)},
	})
	for name, want := range map[string]string{
		"noc":     "raise brick/gfs2:/b/1; stateless gtgResync; raise brick/gfs2:/b/1; clear brick/gfs2:/b/1; stateless gtgAlarmClear",
		"siem":    "raise brick/gfs2:/b/1; clear brick/gfs2:/b/1; stateless gtgAlarmClear",
		"archive": "raise brick/gfs2:/b/1; stateless gtgAlarmClear",
	} {
		var got []string
		for _, n := range s.drain(readers[name]) {
			what := n.AlarmKey
			if what == "" {
				what = n.Event
			}
			got = append(got, n.State.String()+" "+what)
		}
		if strings.Join(got, "; ") != want {
			t.Errorf("%s heard %s, want %s", name, strings.Join(got, "; "), want)
		}
	}
	var fates []string
	err = s.queue.History(t.Context(), queue.Query{}, func(it queue.Item) error {
		var outcomes []string
		for _, o := range it.Outcomes { // sorted: archive, noc, siem
			outcomes = append(outcomes, o.Outcome)
		}
		fates = append(fates, strings.Join(outcomes, "/"))
		return nil
	})
	want := "sent/sent/sent dropped/sent/dropped noted/sent/sent noted/noted/noted sent/sent/sent"
	if got := strings.Join(fates, " "); err != nil || got != want {
		t.Errorf("got %s, %v; want %s", got, err, want)
	}
	if outputs.Noted != "noted" {
		t.Error("the history calls it otherwise")
	}
}

// collectorAt is a collector at a fixed address that ends with ctx.
func collectorAt(ctx context.Context, t *testing.T, addr string) (lines chan string, ended chan error) {
	t.Helper()
	cfg, err := loadConfig("")
	if err != nil {
		t.Fatal(err)
	}
	r, err := newReceivers(cfg, "", "", addr)
	if err != nil {
		t.Fatal(err)
	}
	lines, ended = make(chan string, 64), make(chan error, 1)
	r.line = func(m syslog.Received) { lines <- m.Raw }
	go func() { ended <- r.Run(ctx) }()
	return lines, ended
}

// hear waits for a line with all of the texts.
func hear(t *testing.T, lines <-chan string, texts ...string) {
	t.Helper()
	timeout := time.After(20 * time.Second)
next:
	for {
		select {
		case line := <-lines:
			for _, text := range texts {
				if !strings.Contains(line, text) {
					t.Logf("heard %s", line)
					continue next
				}
			}
			return
		case <-timeout:
			t.Fatalf("nobody said %q", texts)
		}
	}
}

// The running program with a real policy: what a rule holds comes out by itself, what it throttles is summed up.
func TestServeHoldsAndThrottles(t *testing.T) {
	addr, heard := collector(t)
	d := newDaemon(t, fmt.Sprintf("outputs:\n  - {name: siem, syslog: {target: \"tcp://%s\"}}\n", addr))
	rules := `rules:
  - {name: flaps, match: {event: "BRICK_*"}, hold: 1s}
  - {name: herds, match: {event: VOLUME_SET}, throttle: {max: 1, every: 2s, by: [volume]}}
`
	if err := os.WriteFile(filepath.Join(filepath.Dir(d.file), "policy.yaml"), []byte(rules), 0o600); err != nil {
		t.Fatal(err)
	}
	d.start()
	set := `{"event":"VOLUME_SET","ts":1795388400,"nodeid":null,"message":{"volume":"gv0","options":"a=b"}}`
	other := strings.Replace(brickDown, "/b/1", "/b/2", 1)
	for _, body := range []string{set, brickDown, strings.Replace(brickDown, "DISCONN", "CONN", 1), other, set, set} {
		if status := d.post(http.DefaultClient, []byte(body)); status != 200 {
			t.Fatal(status)
		}
	}
	for _, want := range []string{"Options of volume gv0 were set", "Brick gfs2:/b/2 of volume gv0 is down", "2 more VOLUME_SET of volume gv0 in 2s, the last: Options"} {
		if line := heard(); !strings.Contains(line, want) {
			t.Errorf("got %s, want %q", line, want)
		}
	}
}

// A receiver that was away for longer than configured hears all active alarms again.
func TestResendAfterAnOutage(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	ctx, stop := context.WithCancel(t.Context())
	lines, ended := collectorAt(ctx, t, addr)
	d := newDaemon(t, fmt.Sprintf("alarms: {resend_after: 100ms}\noutputs:\n  - {name: siem, syslog: {target: \"tcp://%s\"}}\n", addr))
	d.start()
	post := func(body string) {
		t.Helper()
		if status := d.post(http.DefaultClient, []byte(body)); status != 200 {
			t.Fatal(status)
		}
	}
	post(brickDown)
	hear(t, lines, "Brick gfs2:/b/1 of volume gv0 is down")
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); !strings.Contains(d.logText(), "output fails"); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the gateway notices nothing:\n%s", d.logText())
		}
		post(`{"event":"VOLUME_SET","ts":1795388400,"nodeid":null,"message":{"volume":"gv0","options":"a=b"}}`)
	}
	time.Sleep(200 * time.Millisecond) // longer than resend_after
	lines, ended = collectorAt(t.Context(), t, addr)
	hear(t, lines, `"gtgResync"`, "The 1 active alarms follow again")
	hear(t, lines, "Brick gfs2:/b/1 of volume gv0 is down (for ", `alarmState="raise"`)
	if err := d.end(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	select {
	case err := <-ended:
		t.Error(err)
	default:
	}
}
