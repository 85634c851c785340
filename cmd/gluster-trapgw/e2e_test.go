package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/outputs/snmp"
	"github.com/gluster-trapgw/gluster-trapgw/outputs/snmp/snmptest"
	"github.com/gluster-trapgw/gluster-trapgw/outputs/syslog"
	"github.com/gluster-trapgw/gluster-trapgw/outputs/syslog/syslogtest"
)

// daemon is a gluster-trapgw serve that the test started.
type daemon struct {
	t    *testing.T
	addr string // of the webhook
	file string // configuration
	cmd  *exec.Cmd
	log  string

	stderr *os.File // instead of the log
}

// newDaemon writes the configuration; the webhook's port stays the same over restarts.
func newDaemon(t *testing.T, config string) *daemon {
	t.Helper()
	dir := t.TempDir()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &daemon{t: t, addr: l.Addr().String(), file: filepath.Join(dir, "config.yaml"), log: filepath.Join(dir, "log")}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(config, "heartbeat:") {
		config = "heartbeat: {every: 0s, start_stop: false}\n" + config // only what the test sends
	}
	if !strings.Contains(config, "admin:") {
		config = "admin: {listen: \"\"}\n" + config
	}
	text := fmt.Sprintf("webhook: {listen: %q}\nstate_dir: %q\npolicy_file: policy.yaml\n%s", d.addr, filepath.Join(dir, "state"), config)
	if err := os.WriteFile(d.file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "policy.yaml"), []byte("rules: []\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.end(syscall.SIGKILL) })
	return d
}

func (d *daemon) start() {
	d.t.Helper()
	log, err := os.OpenFile(d.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		d.t.Fatal(err)
	}
	defer log.Close()
	d.cmd = program("serve", "--config", d.file)
	d.cmd.Stderr = log
	if d.stderr != nil {
		d.cmd.Stderr = d.stderr
	}
	if err := d.cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	deadline := time.Now().Add(20 * time.Second)
	for {
		c, err := net.Dial("tcp", d.addr)
		if err == nil {
			c.Close()
			return
		}
		if time.Now().After(deadline) {
			d.t.Fatalf("the gateway does not listen: %v\n%s", err, d.logText())
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// end signals the gateway and returns how it ended.
func (d *daemon) end(sig os.Signal) error {
	if d.cmd == nil {
		return nil
	}
	if err := d.cmd.Process.Signal(sig); err != nil {
		return err
	}
	err := d.cmd.Wait()
	d.cmd = nil
	return err
}

func (d *daemon) logText() string {
	text, err := os.ReadFile(d.log)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// post returns the status, or 0 when there was no answer.
func (d *daemon) post(client *http.Client, body []byte) int {
	resp, err := client.Post("http://"+d.addr+"/listen", "application/json", bytes.NewReader(body))
	if err != nil {
		return 0
	}
	resp.Body.Close()
	return resp.StatusCode
}

func capturedBodies(t *testing.T) [][]byte {
	t.Helper()
	f, err := os.Open("../../testdata/captures/webhook-real.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var bodies [][]byte
	s := bufio.NewScanner(f)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		var c struct{ Body string }
		if err := json.Unmarshal(s.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		if c.Body != "" {
			bodies = append(bodies, []byte(c.Body))
		}
	}
	return bodies
}

// Every captured event goes through the real program and arrives at the real snmptrapd, which reads it with our MIB,
// and at the real rsyslog over UDP and TCP, in order and with the same content.
func TestCapturesArriveAtRealReceivers(t *testing.T) {
	traps := snmptest.Start(t, snmptest.Options{})
	logs := syslogtest.Start(t)
	d := newDaemon(t, fmt.Sprintf(`outputs:
  - {name: traps, every_event: true, snmp: {target: %q, community: public}}
  - {name: tcp, every_event: true, syslog: {target: "tcp://%s", rate: 0}}
  - {name: udp, every_event: true, syslog: {target: "udp://%s", rate: 2000}}
`, traps.Addr, logs.TCP, logs.UDP))
	d.start()
	bodies := capturedBodies(t)
	for _, b := range bodies {
		if status := d.post(http.DefaultClient, b); status != 200 {
			t.Fatalf("got %d for %s\n%s", status, b, d.logText())
		}
	}
	got := traps.Wait(len(bodies))
	lines := logs.Wait(func(all []syslogtest.Message) bool { return len(all) >= 2*len(bodies) })
	if len(got) != len(bodies) || len(lines) != 2*len(bodies) {
		t.Errorf("%d traps and %d lines for %d events", len(got), len(lines), len(bodies))
	}
	byID := map[string]int{}
	for _, m := range lines {
		byID[m.SD["trapgw@8072"]["id"]]++
	}
	for i, tr := range got {
		var ev struct{ Event string }
		if err := json.Unmarshal(bodies[i], &ev); err != nil {
			t.Fatal(err)
		}
		if name := tr.Value("gtgEvName.0"); name != ev.Event {
			t.Fatalf("trap %d is of %q, want %q: %+v", i+1, name, ev.Event, tr)
		}
		for k, v := range []string{"sysUpTime", "snmpTrapOID", "gtgEvClusterId", "gtgEvNodeName", "gtgEvName", "gtgEvDateAndTime",
			"gtgEvSeverity", "gtgEvAlarmState", "gtgEvAlarmKey", "gtgEvSequence", "gtgEvVolume", "gtgEvMessage"} {
			if !strings.Contains(tr.Varbinds[k].Name, v) {
				t.Fatalf("varbind %d of trap %d is %q, want %s", k+1, i+1, tr.Varbinds[k].Name, v)
			}
		}
		if id := tr.Value("gtgEvNotificationId.0"); byID[id] != 2 {
			t.Errorf("notification %q came %d times over syslog, want once over UDP and once over TCP", id, byID[id])
		}
	}
	out, err := program("history", "--config", d.file, "--limit", "0").Output()
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(out), "tcp: sent, traps: sent, udp: sent"); n != len(bodies) {
		t.Errorf("history shows %d of %d events as sent everywhere:\n%.500s", n, len(bodies), out)
	}
	out, err = program("queue", "status", "--config", d.file).Output()
	if err != nil || !strings.Contains(string(out), fmt.Sprintf("events %d (1 to %d)", len(bodies), len(bodies))) {
		t.Errorf("queue status: %v\n%s", err, out)
	}
	if err := d.end(syscall.SIGTERM); err != nil {
		t.Errorf("serve ended with %v\n%s", err, d.logText())
	}
}

// The real program is killed several times under load, and every event that was answered 200 is at both receivers in
// the end.
func TestKilledUnderLoadLosesNothing(t *testing.T) {
	cfg, err := loadConfig("")
	if err != nil {
		t.Fatal(err)
	}
	r, err := newReceivers(cfg, "127.0.0.1:0", "", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex // guards the maps
	trapped, logged := map[string]int{}, map[string]int{}
	r.trap = func(tr *snmp.Received, err error) {
		mu.Lock()
		defer mu.Unlock()
		if err == nil {
			trapped[tr.Value("gtgEvVolume.0")]++
		}
	}
	r.line = func(m syslog.Received) {
		mu.Lock()
		defer mu.Unlock()
		logged[m.SD["trapgw@8072"]["volume"]]++
	}
	go func() {
		if err := r.Run(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	d := newDaemon(t, fmt.Sprintf(`outputs:
  - {name: traps, snmp: {target: %q, community: public, rate: 4000}}
  - {name: lines, syslog: {target: "tcp://%s"}}
`, r.snmpAddr(), r.lines.TCPAddr()))
	d.start()

	const kills = 5
	stop := make(chan struct{})
	acked := make([][]string, 8)
	var count atomic.Int64 // of what was acknowledged
	var load sync.WaitGroup
	for w := range acked {
		load.Go(func() {
			client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{}}
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				volume := fmt.Sprintf("v%d-%d", w, i)
				if d.post(client, fmt.Appendf(nil, `{"event":"VOLUME_START","message":{"name":%q,"force":false},"nodeid":null,"ts":1795389266}`, volume)) == 200 {
					acked[w] = append(acked[w], volume)
					count.Add(1)
				} else {
					time.Sleep(5 * time.Millisecond) // the gateway is down
				}
			}
		})
	}
	for i := range kills {
		time.Sleep(time.Duration(150+70*i) * time.Millisecond)                                                  // so that it dies at different moments
		for end := time.Now().Add(time.Minute); count.Load() < int64(100*(i+1)); time.Sleep(time.Millisecond) { // under load
			if time.Now().After(end) {
				t.Fatalf("only %d events were acknowledged: that is no load\n%s", count.Load(), d.logText())
			}
		}
		if err := d.end(syscall.SIGKILL); err == nil {
			t.Error("the gateway ended by itself")
		}
		d.start()
	}
	time.Sleep(200 * time.Millisecond)
	close(stop)
	load.Wait()

	total, deadline := 0, time.Now().Add(60*time.Second)
	for _, a := range acked {
		total += len(a)
	}
	missing := func() (traps, lines int) {
		mu.Lock()
		defer mu.Unlock()
		for _, a := range acked {
			for _, v := range a {
				if trapped[v] == 0 {
					traps++
				}
				if logged[v] == 0 {
					lines++
				}
			}
		}
		return traps, lines
	}
	for {
		traps, lines := missing()
		if traps == 0 && lines == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("of %d acknowledged events %d never came as traps and %d never as lines\n%s", total, traps, lines, d.logText())
		}
		time.Sleep(50 * time.Millisecond)
	}
	mu.Lock()
	defer mu.Unlock()
	repeats := 0
	for _, n := range trapped {
		repeats += n - 1
	}
	t.Logf("%d events acknowledged over %d kills, none lost, %d traps came more than once", total, kills, repeats)
	if max := kills * 512; repeats > max {
		t.Errorf("%d traps came more than once, want at most two batches per kill, %d", repeats, max)
	}
}
