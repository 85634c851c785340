package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/outputs/snmp"
	"github.com/gluster-trapgw/gluster-trapgw/policy"
	"github.com/gluster-trapgw/gluster-trapgw/queue"
)

// What the gateway says of itself, in its order: started, a heartbeat with counters, stopping.
func TestServeSpeaksOfItself(t *testing.T) {
	addr, heard := collector(t)
	cfg, err := loadConfig("")
	if err != nil {
		t.Fatal(err)
	}
	r, err := newReceivers(cfg, "127.0.0.1:0", "", "")
	if err != nil {
		t.Fatal(err)
	}
	traps := make(chan *snmp.Received, 16)
	r.trap = func(m *snmp.Received, err error) {
		if err == nil {
			traps <- m
		}
	}
	go func() {
		if err := r.Run(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	d := newDaemon(t, fmt.Sprintf("heartbeat: {every: 1s}\noutputs:\n  - {name: siem, syslog: {target: \"tcp://%s\"}}\n  - {name: noc, snmp: {target: %q, community: public}}\n", addr, r.snmpAddr()))
	d.start()
	if line := heard(); !strings.Contains(line, " gtgStarted ") || !strings.Contains(line, "The gateway was started (version ") {
		t.Errorf("got %s, want the start", line)
	}
	body := `{"event":"VOLUME_CREATE","ts":1795388400,"nodeid":null,"message":{"name":"gv0","bricks":"a:/b"}}`
	if status := d.post(http.DefaultClient, []byte(body)); status != 200 {
		t.Fatal(status)
	}
	if line := heard(); !strings.Contains(line, " VOLUME_CREATE ") {
		t.Errorf("got %s, want the event", line)
	}
	if line := heard(); !strings.Contains(line, " gtgHeartbeat ") || !strings.Contains(line, `gtgGwReceived="1"`) ||
		!strings.Contains(line, "The gateway is alive: 1 events received, 4 notifications sent, 0 failed") {
		t.Errorf("got %s, want the heartbeat", line)
	}
	if err := d.end(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	for line := heard(); !strings.Contains(line, " gtgStopping "); line = heard() {
		if !strings.Contains(line, " gtgHeartbeat ") {
			t.Fatalf("got %s, want the end", line)
		}
	}
	// The traps carry the objects that the MIB demands.
	var names []string
	for len(names) == 0 || names[len(names)-1] != "gtgStopping" {
		m := <-traps
		names = append(names, m.Name)
		if m.Name != "gtgHeartbeat" || len(names) != 3 {
			continue
		}
		text := fmt.Sprintf("%+v", m)
		for _, want := range []string{"gtgLogHighestSequence", "gtgAlarmActiveCount", "gtgGwQueueLength", "gtgGwReceived", "gtgGwSent", "gtgGwFailed", "gtgGwDropped", "gtgGwHeartbeatInterval"} {
			if !strings.Contains(text, want) {
				t.Errorf("the heartbeat has no %s: %s", want, text)
			}
		}
	}
	if got := strings.Join(names[:3], " "); got != "gtgStarted glusterVolumeCreate gtgHeartbeat" {
		t.Errorf("got %s", got)
	}
}

// An output that loses events is told of once, and once when it does not any more.
func TestOverflowIsTold(t *testing.T) {
	addr, heard := collector(t)
	d := newDaemon(t, fmt.Sprintf("outputs:\n  - {name: siem, syslog: {target: \"tcp://%s\"}}\n", addr))
	cfg, err := loadConfig(d.file)
	if err != nil {
		t.Fatal(err)
	}
	g, err := newGateway(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	runGateway(t, g)
	g.overflow("noc", 1, 5)
	g.overflow("noc", 6, 9)
	g.recovered("noc")
	for _, want := range []string{"Events were given up because output noc lags and the queue is full", "Output noc no longer loses events (after"} {
		if line := heard(); !strings.Contains(line, want) {
			t.Errorf("got %s, want %q", line, want)
		}
	}
}

// What was told before a restart to be losing events, and loses none after it, is told to be over.
func TestOverflowEndsAfterRestart(t *testing.T) {
	addr, heard := collector(t)
	d := newDaemon(t, fmt.Sprintf("outputs:\n  - {name: siem, syslog: {target: \"tcp://%s\"}}\n", addr))
	cfg, err := loadConfig(d.file)
	if err != nil {
		t.Fatal(err)
	}
	for run, want := range []string{"Events were given up because output noc lags", "Output noc no longer loses events (after", ""} {
		t.Run(fmt.Sprintf("run %d", run+1), func(t *testing.T) {
			g, err := newGateway(cfg, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			runGateway(t, g)
			if run == 0 {
				g.overflow("noc", 1, 5)
			}
			if want == "" {
				want = "Output last no longer loses events"
				g.overflow("last", 6, 9)
				g.recovered("last")
				heard()
			}
			if line := heard(); !strings.Contains(line, want) {
				t.Errorf("got %s, want %q", line, want)
			}
		})
	}
}

// An output that was taken out of the configuration does not count in the heartbeat.
func TestHeartbeatWithoutRemovedOutput(t *testing.T) {
	addr, _ := collector(t)
	d := newDaemon(t, fmt.Sprintf("outputs:\n  - {name: siem, syslog: {target: \"tcp://%s\"}}\n", addr))
	cfg, err := loadConfig(d.file)
	if err != nil {
		t.Fatal(err)
	}
	g, err := newGateway(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	runGateway(t, g)
	if _, err := g.queue.Attach(t.Context(), "removed"); err != nil {
		t.Fatal(err)
	}
	seq, err := g.own(t.Context(), "gtgHeartbeat", "", g.counts(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if list := *g.readers.Load(); len(list) > 0 && list[0].done.Load() >= seq {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the heartbeat was not sent")
		}
	}
	if got := g.counts(t.Context())["gtgGwQueueLength"]; got != int64(0) {
		t.Errorf("queue length %v, want 0: only an output that is not configured waits", got)
	}
	out, err := program("queue", "status", "--config", d.file).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "\nremoved (no longer configured)  ") || !strings.Contains(string(out), "\nsiem  ") {
		t.Errorf("%v:\n%s", err, out)
	}
}

// runGateway runs it in this process until the test ends.
func runGateway(t *testing.T, g *gateway) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestSources(t *testing.T) {
	file := filepath.Join(t.TempDir(), "sources.json")
	now := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	log := slog.New(slog.DiscardHandler)
	cfg := sourcesConfig{SilentAfter: 3600e9}
	s := newSources(file, cfg, now, log)
	quiet := func(want string) {
		t.Helper()
		got := ""
		for _, c := range s.changes(now) {
			got += fmt.Sprintf("%s %v %v", c.node, c.silent, c.since)
			s.commit(c)
		}
		if got != want {
			t.Errorf("at %s: got %q, want %q", now, got, want)
		}
	}
	// Bursts every hour, for longer than it takes to know the rhythm.
	for range rhythm + 1 {
		for range 5 {
			now = now.Add(time.Second)
			s.seen("a", now)
			for _, odd := range []string{"", "no node", "not a uuid \\u0000", strings.Repeat("a", 37)} {
				s.seen(odd, now)
			}
		}
		quiet("")
		now = now.Add(time.Hour)
	}
	now = now.Add(time.Hour)
	quiet("")
	now = now.Add(time.Hour + time.Minute)
	quiet("a true 3h1m0s")
	now = now.Add(24 * time.Hour)
	quiet("")
	s.save()
	// After a restart it is known that the alarm is active, and the time that the gateway was away counts for nothing.
	now = now.Add(100 * time.Hour)
	s = newSources(file, cfg, now, log)
	quiet("")
	s.seen("a", now)
	quiet("a false 0s")
	if n := len(s.lastEvents()); n != 1 {
		t.Errorf("%d nodes, want only that with an ID", n)
	}
	if p := s.nodes["a"].Pauses; len(p) != rhythm {
		t.Errorf("got pauses %v", p)
	}
	now = now.Add(time.Hour)
	s.save()
	now = now.Add(100 * time.Hour)
	s = newSources(file, cfg, now, log)
	now = now.Add(2 * time.Hour)
	quiet("")
	now = now.Add(2 * time.Hour)
	quiet("a true 105h0m0s")
	if off := newSources(file, sourcesConfig{}, now, log); len(off.changes(now.Add(1000*time.Hour))) != 0 {
		t.Error("told of a node though it is turned off")
	}
	// Few events are no rhythm.
	s.seen("b", now)
	now = now.Add(1000 * time.Hour)
	quiet("")
	if err := os.WriteFile(file, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if s := newSources(file, cfg, now, log); len(s.nodes) != 0 {
		t.Errorf("got %v of a broken file", s.nodes)
	}
}

// The alarm of a silent node reaches the outputs and ends with its next event, whose node the webhook tells.
func TestSilentNode(t *testing.T) {
	addr, heard := collector(t)
	d := newDaemon(t, fmt.Sprintf("cluster: {nodes: {c6ad9be2-5ce9-46e0-9574-6917a91bcfb6: {name: gfs1}}}\noutputs:\n  - {name: siem, syslog: {target: \"tcp://%s\"}}\n", addr))
	cfg, err := loadConfig(d.file)
	if err != nil {
		t.Fatal(err)
	}
	g, err := newGateway(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	runGateway(t, g)
	body := []byte(`{"event":"VOLUME_CREATE","ts":1795388400,"nodeid":"c6ad9be2-5ce9-46e0-9574-6917a91bcfb6","message":{"name":"gv0"}}`)
	post := func() {
		t.Helper()
		if status := d.post(http.DefaultClient, body); status != 200 {
			t.Fatal(status)
		}
		if line := heard(); !strings.Contains(line, " VOLUME_CREATE ") {
			t.Errorf("got %s", line)
		}
	}
	post()
	g.sources.mu.Lock()
	for range rhythm {
		g.sources.nodes["c6ad9be2-5ce9-46e0-9574-6917a91bcfb6"].Pauses = append(g.sources.nodes["c6ad9be2-5ce9-46e0-9574-6917a91bcfb6"].Pauses, time.Hour)
	}
	g.sources.mu.Unlock()
	g.listen(t.Context(), time.Now().Add(4*time.Hour))
	if line := heard(); !strings.Contains(line, "Node gfs1 has sent no events for 4h, which is longer than usual") || !strings.Contains(line, `alarmState="raise"`) {
		t.Errorf("got %s", line)
	}
	post()
	g.listen(t.Context(), time.Now())
	if line := heard(); !strings.Contains(line, "Node gfs1 sends events again (after") || !strings.Contains(line, `alarmState="clear"`) {
		t.Errorf("got %s", line)
	}
	if n := len(g.sources.lastEvents()); n != 1 {
		t.Errorf("%d nodes", n)
	}
}

// A reload takes a policy that is right, whether asked for or found, and leaves the old one in place of one that is not.
func TestReload(t *testing.T) {
	addr, heard := collector(t)
	d := newDaemon(t, fmt.Sprintf("outputs:\n  - {name: siem, syslog: {target: \"tcp://%s\"}}\n", addr))
	d.start()
	file := filepath.Join(filepath.Dir(d.file), "policy.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	post := func() {
		t.Helper()
		n++
		if status := d.post(http.DefaultClient, fmt.Appendf(nil, `{"event":"VOLUME_CREATE","ts":1795388400,"nodeid":null,"message":{"name":"gv%d"}}`, n)); status != 200 {
			t.Fatal(status)
		}
	}
	// severity waits until an event comes with it: who knows when a reload happens?
	severity := func(want string) {
		t.Helper()
		for deadline := time.Now().Add(20 * time.Second); ; {
			post()
			line := heard()
			if !strings.Contains(line, fmt.Sprintf(`volume="gv%d"`, n)) {
				t.Fatalf("got %s, want every event once, in order", line)
			}
			if strings.Contains(line, `severity="`+want+`"`) {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("got %s, want severity %s; log:\n%s", line, want, d.logText())
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	waitLog := func(want string) {
		t.Helper()
		for deadline := time.Now().Add(20 * time.Second); !strings.Contains(d.logText(), want); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("the log has no %q:\n%s", want, d.logText())
			}
		}
	}
	severity("informational")
	write("rules:\n  - {name: loud, severity: critical}\n")
	if err := d.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	severity("critical")
	write("rules:\n  - {name: louder, severity: criticl}\n")
	waitLog(`did you mean \"critical\"`)
	severity("critical")
	write("rules:\n  - {name: quiet, match: {event: \"VOLUME_*\"}, severity: minor}\n")
	severity("minor")
	write("# cut off\n")
	waitLog("rules: missing")
	severity("minor")
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	waitLog("no such file")
	severity("minor")
	if err := os.WriteFile(d.file, append(mustRead(t, d.file), "# new\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := d.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	waitLog("the configuration file has changed")
	if err := d.end(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
}

func mustRead(t *testing.T, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// Outputs that share the work get what each would have worked out itself, also across a reload.
func TestOutputsShareWork(t *testing.T) {
	s := newSite(t, policy.Default())
	s.res.recent = make([]atomic.Pointer[shared], recentShared)
	rec := &queue.Record{Seq: 1, Received: time.Unix(1795388400, 0), Body: []byte(`{"event":"VOLUME_CREATE","ts":1795388400,"nodeid":null,"message":{"name":"gv0"}}`)}
	first, d, err := s.res.share(rec)
	if err != nil || d.Dropped {
		t.Fatal(err, d)
	}
	if n, _, err := s.res.share(rec); err != nil || n != first {
		t.Errorf("got %v, %v; want the first one's", n, err)
	}
	other := *rec
	other.Seq += recentShared
	if n, _, err := s.res.share(&other); err != nil || n == first || n.Seq != other.Seq {
		t.Errorf("got %v, %v; want that of record %d", n, err, other.Seq)
	}
	p, err := policy.Load("p.yaml", []byte("rules:\n  - {name: none, drop: true}\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	s.res.policy.Store(p)
	if _, d, err := s.res.share(rec); err != nil || !d.Dropped {
		t.Errorf("got %+v, %v; want what the new policy says", d, err)
	}
}
