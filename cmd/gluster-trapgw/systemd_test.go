package main

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// notifySocket is systemd's end of sd_notify: every message that comes, in order.
func notifySocket(t *testing.T) <-chan string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "notify")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	t.Setenv("NOTIFY_SOCKET", name)
	messages := make(chan string, 1000)
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := l.Read(buf)
			if err != nil {
				close(messages)
				return
			}
			messages <- string(buf[:n])
		}
	}()
	return messages
}

// nextMessage waits for a message that has the assignment and returns it.
func nextMessage(t *testing.T, messages <-chan string, assignment string) string {
	t.Helper()
	var before []string
	for timeout := time.After(20 * time.Second); ; {
		select {
		case m := <-messages:
			if strings.Contains("\n"+m, "\n"+assignment) {
				return m
			}
			before = append(before, m)
		case <-timeout:
			t.Fatalf("no %s after %q", assignment, before)
		}
	}
}

func TestSystemdHears(t *testing.T) {
	messages := notifySocket(t)
	t.Setenv("WATCHDOG_USEC", "1000000")
	d := newDaemon(t, "outputs:\n  - {name: siem, syslog: {target: \"tcp://127.0.0.1:1\"}}\n")
	d.start()
	if m := nextMessage(t, messages, "READY=1"); !strings.Contains(m, "\nSTATUS=0 events received; 0 alarms; 1 outputs") {
		t.Errorf("got %q", m)
	}
	body := `{"event":"BRICK_DISCONNECTED","ts":1795388400,"nodeid":null,"message":{"peer":"gfs2","volume":"gv0","brick":"/bricks/b1"}}`
	if status := d.post(http.DefaultClient, []byte(body)); status != 200 {
		t.Fatal(status)
	}
	for deadline := time.Now().Add(20 * time.Second); ; {
		m := nextMessage(t, messages, "WATCHDOG=1")
		if strings.Contains(m, "STATUS=1 events received; 1 alarms; 1 outputs, failing: siem (receiver refusing)") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("got %q", m)
		}
	}

	if err := d.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	var usec int64
	m := nextMessage(t, messages, "RELOADING=1")
	if _, err := fmt.Sscanf(m, "RELOADING=1\nMONOTONIC_USEC=%d", &usec); err != nil || usec <= 0 {
		t.Errorf("got %q: %v", m, err)
	}
	nextMessage(t, messages, "READY=1")

	t.Run("hanging queue", func(t *testing.T) { watchHangingQueue(t, d, messages) })

	if err := d.end(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	nextMessage(t, messages, "STOPPING=1")
}

// watchHangingQueue has another process hold the database: nothing can be written, and the watchdog must hear nothing.
func watchHangingQueue(t *testing.T, d *daemon, messages <-chan string) {
	if _, err := exec.LookPath("sqlite3"); err != nil {
		if os.Getenv("TRAPGW_PEERS") == "1" {
			t.Fatal(err)
		}
		t.Skip("sqlite3 is not installed")
	}
	cmd := exec.CommandContext(t.Context(), "sqlite3", filepath.Join(filepath.Dir(d.file), "state", "queue", "queue.db"))
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintln(in, "BEGIN IMMEDIATE; SELECT 'held';"); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "held\n" {
		t.Fatal(line, err)
	}
	quiet := time.After(3 * time.Second) // three times WatchdogSec; SQLite itself gives up after five seconds
	begun := time.Now()
	for done := false; !done; {
		select {
		case m := <-messages:
			// One may have been on its way.
			if strings.Contains(m, "WATCHDOG=1") && time.Since(begun) > 600*time.Millisecond {
				t.Errorf("got %q after %v while nothing can be written", m, time.Since(begun))
			}
		case <-quiet:
			done = true
		}
	}
	if err := in.Close(); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	nextMessage(t, messages, "WATCHDOG=1")
}

func TestSystemdSaysNonsense(t *testing.T) {
	notifySocket(t)
	t.Setenv("WATCHDOG_USEC", "soon")
	d := newDaemon(t, "")
	d.cmd = program("serve", "--config", d.file)
	out, err := d.cmd.CombinedOutput()
	d.cmd = nil
	if err == nil || !strings.Contains(string(out), "error: read the watchdog's time from systemd: ") {
		t.Errorf("got %v: %s", err, out)
	}
}
