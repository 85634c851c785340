package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/admin"
	"github.com/gluster-trapgw/gluster-trapgw/outputs/snmp"
)

// fakeEventsd does what glustereventsd does with an event: it writes it to events.log, and posts it to every webhook,
// one at a time, each URL by itself, and never again.
type fakeEventsd struct {
	t    *testing.T
	log  *os.File
	urls []chan []byte
	done sync.WaitGroup

	mu     sync.Mutex // guards missed
	missed int        // posts that failed
}

func newFakeEventsd(t *testing.T, log string, urls ...string) *fakeEventsd {
	t.Helper()
	f, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	e := &fakeEventsd{t: t, log: f}
	for _, url := range urls {
		queue := make(chan []byte, 10000)
		e.urls = append(e.urls, queue)
		e.done.Go(func() {
			client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
			for body := range queue {
				resp, err := client.Post(url, "application/json", strings.NewReader(string(body)))
				if err == nil {
					io.Copy(io.Discard, resp.Body) //nolint:errcheck // only the status counts
					resp.Body.Close()
				}
				if err != nil || resp.StatusCode != http.StatusOK {
					e.mu.Lock()
					e.missed++
					e.mu.Unlock()
				}
			}
		})
	}
	return e
}

const fakeNode = "1a6111b8-4f13-4c02-9739-2c473e398b41"

func (e *fakeEventsd) emit(volume string, ts int64) {
	now := time.Now().UTC().Format("2006-01-02 15:04:05,000")
	if _, err := fmt.Fprintf(e.log, "[%s] INFO [utils - 64:log_event] - {'nodeid': '%s', 'ts': %d, 'event': 'VOLUME_START', 'message': {'name': '%s', 'force': False}}\n",
		now, fakeNode, ts, volume); err != nil {
		e.t.Error(err)
	}
	body := fmt.Appendf(nil, `{"event": "VOLUME_START", "message": {"force": false, "name": "%s"}, "nodeid": "%s", "ts": %d}`, volume, fakeNode, ts)
	for _, q := range e.urls {
		q <- body
	}
}

// stop waits until everything was posted and returns how many posts failed.
func (e *fakeEventsd) stop() int {
	for _, q := range e.urls {
		close(q)
	}
	e.done.Wait()
	if err := e.log.Close(); err != nil {
		e.t.Error(err)
	}
	return e.missed
}

// The gateway is killed while events flow, stays away for ten seconds in which the log is rotated, and every event is
// sent in the end: exactly once, though two webhooks and the log have each of them. Two that are equal are two.
func TestAwayForTenSecondsLosesNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 20 s")
	}
	cfg, err := loadConfig("")
	if err != nil {
		t.Fatal(err)
	}
	r, err := newReceivers(cfg, "127.0.0.1:0", "", "")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex // guards got
	got := map[string]map[string]bool{}
	r.trap = func(tr *snmp.Received, err error) {
		mu.Lock()
		defer mu.Unlock()
		if err == nil {
			v := tr.Value("gtgEvVolume.0")
			if got[v] == nil {
				got[v] = map[string]bool{}
			}
			got[v][tr.Value("gtgEvNotificationId.0")] = true // a kill may send one again, under the same number
		}
	}
	go func() {
		if err := r.Run(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	dir := t.TempDir()
	log := filepath.Join(dir, "events.log")
	d := newDaemon(t, fmt.Sprintf(`eventslog: {path: %q}
outputs:
  - {name: traps, every_event: true, snmp: {target: %q, community: public, rate: 4000}}
`, log, r.snmpAddr()))
	d.start()
	e := newFakeEventsd(t, log, "http://"+d.addr+"/listen", "http://"+d.addr+"/listen?second")
	want := map[string]int{}
	n := 0
	emit := func(every, for_ time.Duration) {
		for end := time.Now().Add(for_); time.Now().Before(end); time.Sleep(every) {
			n++
			volume := fmt.Sprintf("v%d", n)
			times := 1
			if n%10 == 0 {
				times = 2 // two in one second
			}
			ts := time.Now().Unix()
			for range times {
				e.emit(volume, ts)
			}
			want[volume] = times
		}
	}
	emit(5*time.Millisecond, 2*time.Second)
	if err := d.end(syscall.SIGKILL); err == nil {
		t.Error("the gateway ended by itself")
	}
	emit(20*time.Millisecond, 5*time.Second)
	// logrotate with copytruncate.
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(log+".1", text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(log, 0); err != nil {
		t.Fatal(err)
	}
	emit(20*time.Millisecond, 5*time.Second)
	d.start()
	emit(5*time.Millisecond, 2*time.Second)
	missed := e.stop()
	if missed < 100 {
		t.Errorf("only %d posts failed while the gateway was away", missed)
	}
	deadline := time.Now().Add(60 * time.Second)
	missing := func() (n int) {
		mu.Lock()
		defer mu.Unlock()
		for v, times := range want {
			n += max(0, times-len(got[v]))
		}
		return n
	}
	for missing() > 0 {
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d events never came\n%s", missing(), n, d.logText())
		}
		time.Sleep(50 * time.Millisecond)
	}
	// Nothing more comes when the log has been read to its end.
	time.Sleep(6 * time.Second)
	mu.Lock()
	defer mu.Unlock()
	for v, times := range want {
		if len(got[v]) != times {
			t.Errorf("%s came as %d events, want %d", v, len(got[v]), times)
		}
	}
	if err := d.end(syscall.SIGTERM); err != nil {
		t.Errorf("serve ended with %v\n%s", err, d.logText())
	}
	t.Logf("%d events, %d posts failed, all sent once", len(want), missed)
}

// The daemons' datagrams arrive as traps, also those that glustereventsd drops.
func TestEventsdOverUDP(t *testing.T) {
	cfg, err := loadConfig("")
	if err != nil {
		t.Fatal(err)
	}
	names := eventNames(cfg.mib)
	text, err := os.ReadFile("../../mibs/testdata/events")
	if err != nil {
		t.Fatal(err)
	}
	for number, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		if want := fmt.Sprintf("%d %s", number, names[number]); line != want {
			t.Errorf("got %q, want %q", want, line)
		}
	}
	r, err := newReceivers(cfg, "127.0.0.1:0", "", "")
	if err != nil {
		t.Fatal(err)
	}
	traps := make(chan *snmp.Received, 10)
	r.trap = func(tr *snmp.Received, err error) {
		if err == nil {
			traps <- tr
		}
	}
	go func() {
		if err := r.Run(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	port := freeUDPPort(t)
	d := newDaemon(t, fmt.Sprintf(`eventsd: {listen: "127.0.0.1:%d", node_id: %s}
outputs:
  - {name: traps, every_event: true, snmp: {target: %q, community: public}}
`, port, fakeNode, r.snmpAddr()))
	d.start()
	for _, tt := range []struct{ datagram, event, volume string }{
		{"1795388845 76 peer=gfs2;volume=rep3;brick=/bricks/rep3/b1", "BRICK_DISCONNECTED", "rep3"},
		{"1795388893 19 (null)", "BITROT_ENABLE", ""},
		{"1795388893 6 name=gv0;options=,auth.allow,a=b", "VOLUME_SET", "gv0"},
		{"1795388893 777 x=y", "UNKNOWN_777", ""},
	} {
		sendUDP(t, port, tt.datagram)
		tr := <-traps
		if tr.Value("gtgEvName.0") != tt.event || tr.Value("gtgEvVolume.0") != tt.volume {
			t.Errorf("%q arrived as %s of %q", tt.datagram, tr.Value("gtgEvName.0"), tr.Value("gtgEvVolume.0"))
		}
	}
	out, err := program("history", "--config", d.file, "--json").Output()
	if err != nil {
		t.Fatal(err)
	}
	var row admin.Event
	line, _, _ := strings.Cut(string(out), "\n")
	if err := json.Unmarshal([]byte(line), &row); err != nil || row.Input != "eventsd" || row.Remote != "127.0.0.1" {
		t.Errorf("history has %s, %v", line, err)
	}
}

// The doctor's event is followed to each output. Our own eventsd input stands in for glustereventsd.
func TestDoctorFollowsAnEvent(t *testing.T) {
	cfg, err := loadConfig("")
	if err != nil {
		t.Fatal(err)
	}
	r, err := newReceivers(cfg, "127.0.0.1:0", "", "")
	if err != nil {
		t.Fatal(err)
	}
	r.trap = func(*snmp.Received, error) {}
	go func() {
		if err := r.Run(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	port := freeUDPPort(t)
	d := newDaemon(t, fmt.Sprintf(`eventsd: {listen: "127.0.0.1:%d", node_id: %s}
outputs:
  - {name: traps, snmp: {target: %q, community: public}}
  - {name: away, syslog: {target: "tcp://127.0.0.1:1"}}
`, port, fakeNode, r.snmpAddr()))
	d.start()
	if cfg, err = loadConfig(d.file); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	var got []string
	for _, f := range followEvent(ctx, cfg, port) {
		got = append(got, f.String())
	}
	want := []string{"ok      test event: it arrived by eventsd as event 1", "ok      output traps: the test event was sent",
		"failure output away: the test event was not sent in time; gluster-trapgw send --output away"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
	// Nobody listens at the port.
	ctx, cancel = context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if f := followEvent(ctx, cfg, freeUDPPort(t)); len(f) != 1 || f[0].Text != "it did not arrive at the gateway" {
		t.Errorf("got %v", f)
	}
}

func freeUDPPort(t *testing.T) int {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).Port
}

func sendUDP(t *testing.T, port int, text string) {
	t.Helper()
	c, err := net.Dial("udp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
}
