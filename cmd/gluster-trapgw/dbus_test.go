package main

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	godbus "github.com/godbus/dbus/v5"

	"github.com/gluster-trapgw/gluster-trapgw/dbus"
	"github.com/gluster-trapgw/gluster-trapgw/mibs/mibtest"
)

// systemBus runs a dbus-daemon with the rules of a system bus and the shipped policy at a socket, and returns how it is
// ended.
func systemBus(t *testing.T, socket, policy string) (stop func()) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "bus.conf")
	text := fmt.Sprintf(`<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path=%s</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><deny own="*"/><deny send_type="method_call"/><allow send_type="signal"/>
<allow send_requested_reply="true" send_type="method_return"/><allow send_requested_reply="true" send_type="error"/>
<allow receive_type="method_call"/><allow receive_type="method_return"/><allow receive_type="error"/><allow receive_type="signal"/>
<allow send_destination="org.freedesktop.DBus" send_interface="org.freedesktop.DBus"/></policy>%s</busconfig>`, socket, policy)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(mibtest.Tool(t, "dbus-daemon"), "--nofork", "--config-file="+file)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop = func() {
		cmd.Process.Kill() //nolint:errcheck // it may have ended
		cmd.Wait()         //nolint:errcheck // it was killed
	}
	t.Cleanup(stop)
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if conn, err := godbus.Connect("unix:path=" + socket); err == nil {
			conn.Close()
			return stop
		} else if time.Now().After(deadline) {
			t.Fatalf("dbus-daemon: %v\n%s", err, &stderr)
		}
	}
}

// Each event is a signal on a bus with the rules of the system bus, for who is not the gateway; also after the bus was
// restarted, and whatever octets an event has.
func TestSignalsOnDBus(t *testing.T) {
	shipped, err := filepath.Abs("../../deploy/dbus/org.gluster.TrapGateway1.conf")
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "bus") // short enough for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "bus")
	address := "unix:path=" + socket
	include := "<include>" + shipped + "</include>"
	stop := systemBus(t, socket, include)
	d := newDaemon(t, fmt.Sprintf("dbus: {bus: %q}\noutputs:\n  - {name: siem, syslog: {target: \"udp://127.0.0.1:9\"}}\n", address))
	d.start()
	waitLog := func(text string, n int) {
		t.Helper()
		for deadline := time.Now().Add(20 * time.Second); strings.Count(d.logText(), text) < n; time.Sleep(20 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("the log does not say %q %d times:\n%s", text, n, d.logText())
			}
		}
	}
	listen := func() chan *godbus.Signal {
		t.Helper()
		conn, err := godbus.Connect(address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		if err := conn.AddMatchSignal(godbus.WithMatchSender(dbus.Name), godbus.WithMatchInterface(dbus.Interface)); err != nil {
			t.Fatal(err)
		}
		signals := make(chan *godbus.Signal, 10)
		conn.Signal(signals)
		return signals
	}
	next := func(signals chan *godbus.Signal, body string) map[string]godbus.Variant {
		t.Helper()
		if status := d.post(http.DefaultClient, []byte(body)); status != 200 {
			t.Fatal(status)
		}
		select {
		case s := <-signals:
			if s.Name != dbus.Interface+".Event" || s.Path != dbus.Path || len(s.Body) != 2 {
				t.Fatalf("got %+v", s)
			}
			return s.Body[1].(map[string]godbus.Variant)
		case <-time.After(10 * time.Second):
			t.Fatalf("no signal came\n%s", d.logText())
			return nil
		}
	}
	waitLog("events are signals on D-Bus", 1)
	signals := listen()
	raise := `{"event":"BRICK_DISCONNECTED","ts":1795388400,"nodeid":null,"message":{"peer":"gfs2","volume":"gv0","brick":"/b1"}}`
	got := next(signals, raise)
	fields, ok := got["fields"].Value().(map[string]string)
	if !ok || got["event"].Value() != "BRICK_DISCONNECTED" || got["severity"].Value() != "critical" || got["state"].Value() != "raise" ||
		got["volume"].Value() != "gv0" || fields["brick"] != "/b1" || fmt.Sprint(got["outputs"].Value()) != "[siem]" {
		t.Errorf("got %v", got)
	}
	// JSON can write what D-Bus cannot; the connection lives.
	next(signals, `{"event":"VOLUME_START","ts":1795388400,"nodeid":null,"message":{"name":"a\u0000b","\u0000":"\ud800"}}`)
	if got := next(signals, raise); got["volume"].Value() != "gv0" {
		t.Errorf("got %v", got)
	}
	if out, err := exec.Command(mibtest.Tool(t, "dbus-send"), "--bus="+address, "--print-reply", "--dest="+dbus.Name, string(dbus.Path),
		"org.freedesktop.DBus.Introspectable.Introspect").CombinedOutput(); err != nil || !strings.Contains(string(out), `signal name="Event"`) {
		t.Errorf("introspection: %v\n%s", err, out)
	}
	// The bus goes and comes.
	stop()
	waitLog("no signals on D-Bus", 1)
	if err := os.Remove(socket); err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	stop = systemBus(t, socket, include)
	waitLog("events are signals on D-Bus", 2)
	next(listen(), raise)
	// Without the shipped policy the bus gives nobody the name; the log says so once.
	stop()
	waitLog("no signals on D-Bus", 2)
	if err := os.Remove(socket); err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	systemBus(t, socket, "")
	time.Sleep(6 * time.Second) // longer than its pause
	if log := d.logText(); strings.Count(log, "no signals on D-Bus") != 2 || strings.Count(log, "events are signals") != 2 {
		t.Errorf("the log:\n%s", log)
	}
}
