package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// An operator silences a brick, the gateway is killed and started, the silence is expired, the receiver has everything
// again, the alarm is ended by hand; and the history tells it all.
func TestSilenceAndAlarmCommands(t *testing.T) {
	addr, heard := collector(t)
	d := newDaemon(t, fmt.Sprintf("admin: {listen: \"unix:%s\"}\noutputs:\n  - {name: siem, syslog: {target: \"tcp://%s\"}}\n  - {name: archive, every_event: true, syslog: {target: \"udp://127.0.0.1:9\"}}\n",
		filepath.Join(t.TempDir(), "a"), addr))
	gtg := func(want string, args ...string) string {
		t.Helper()
		out, err := program(append(args, "--config", d.file)...).CombinedOutput()
		if strings.HasPrefix(want, "error: ") == (err == nil) || !strings.Contains(string(out), strings.TrimPrefix(want, "error: ")) {
			t.Errorf("%v: got %s, %v; want %q", args, out, err, want)
		}
		return string(out)
	}
	post := func(body string) {
		t.Helper()
		if status := d.post(http.DefaultClient, []byte(body)); status != 200 {
			t.Fatal(status)
		}
	}
	until := func(want string, args ...string) {
		t.Helper()
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
			out, err := program(append(args, "--config", d.file)...).CombinedOutput()
			if strings.Contains(string(out), want) {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%v: %s, %v; want %q", args, out, err, want)
			}
		}
	}
	gtg("error: the gateway does not run", "silence", "add", "--for", "1h", "--comment", "new disks", "volume=gv0")
	gtg("ID", "silence", "list") // without a gateway from its state directory
	d.start()
	until("from the gateway at", "alarms", "list") // the webhook can be there a moment before the admin endpoint
	id := strings.TrimSpace(gtg("", "silence", "add", "volume=gv0", "event=~BRICK_.*", "--for", "1h", "--comment", "new disks", "--author", "eve"))
	post(brickDown)
	until("siem (held: silence "+id+")", "alarms", "list")
	if err := d.end(syscall.SIGKILL); err == nil {
		t.Error("the gateway ended by itself")
	}
	gtg(id, "silence", "list")
	d.start()
	gtg(`"matchers":["volume=\"gv0\"","event=~\"BRICK_.*\""]`, "silence", "list", "--json")
	post(brickDown)
	until("siem: silenced", "history", "--limit", "1")
	gtg("error: the silence has ended already", "silence", "expire", id, id)
	if line := heard(); !strings.Contains(line, "Brick gfs2:/b/1 of volume gv0 is down") || !strings.Contains(line, `alarmState="raise"`) {
		t.Errorf("got %s, want the raise", line)
	}
	if out := gtg("", "silence", "list"); strings.Contains(out, id) {
		t.Errorf("an ended silence is listed: %s", out)
	}
	gtg("ended", "silence", "list", "--all")
	gtg("gets its active alarms again from event ", "alarms", "resend", "--output", "siem")
	for _, want := range []string{"The 1 active alarms follow again", "Brick gfs2:/b/1 of volume gv0 is down (for "} {
		if line := heard(); !strings.Contains(line, want) {
			t.Errorf("got %s, want %q", line, want)
		}
	}
	gtg("error: gets every event", "alarms", "resend", "--output", "archive")
	gtg("error: there is no such output", "alarms", "resend", "--output", "nobody")
	gtg("error: no such alarm is active", "alarms", "clear", "no/such")
	gtg("is ended by event ", "alarms", "clear", "brick/gfs2:/b/1", "--comment", "moved", "--author", "eve")
	if line := heard(); !strings.Contains(line, "ended by hand by eve: moved") || !strings.Contains(line, `alarmState="clear"`) {
		t.Errorf("got %s, want the clear", line)
	}
	until("gtgAlarmClear", "history")
	out := gtg("gtgSilence", "history", "--json")
	for _, want := range []string{"Silence " + id + " was added by eve: new disks", "Alarm brick/gfs2:/b/1 was ended by hand by eve: moved"} {
		if !strings.Contains(out, want) {
			t.Errorf("the history does not say %q: %s", want, out)
		}
	}
	// With the same address, but another state directory, it would be another gateway's.
	other := strings.Replace(d.file, "config.yaml", "other.yaml", 1)
	copyConfig(t, d.file, other, "/state", "/elsewhere")
	if out, err := program("alarms", "resend", "--output", "siem", "--config", other).CombinedOutput(); err == nil || !strings.Contains(string(out), "is another one") {
		t.Errorf("got %s, %v", out, err)
	}
}

// copyConfig copies a configuration with one change.
func copyConfig(t *testing.T, from, to, was, is string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, []byte(strings.Replace(string(text), was, is, 1)), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}
