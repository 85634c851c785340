package main

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// The gateway is restarted again and again while its socket is held by another process, as systemd does it: nobody is
// refused, and whatever was answered is in the log.
func TestRestartsWithAPassedSocketRefuseNobody(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	socket, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	d := newDaemon(t, "queue: {max_age: 1d}\n")
	d.addr = l.Addr().String() // not the one of the configuration, which stays unused
	start := func() *exec.Cmd {
		t.Helper()
		serve := program("serve", "--config", d.file)
		// exec keeps the process id, which is how systemd says whom the sockets are for.
		cmd := exec.Command("sh", append([]string{"-c", `LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=webhook exec "$0" "$@"`}, serve.Args...)...)
		cmd.Args[3] = serve.Path
		cmd.Env, cmd.ExtraFiles = serve.Env, []*os.File{socket}
		log, err := os.OpenFile(d.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer log.Close()
		cmd.Stderr = log
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd
	}
	var sent, refused atomic.Uint64
	done := make(chan struct{})
	var senders sync.WaitGroup
	for range 4 { // each a node: one event at a time, a connection each, no second try
		senders.Go(func() {
			client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Minute}
			for {
				select {
				case <-done:
					return
				default:
				}
				n := sent.Add(1)
				body := fmt.Appendf(nil, `{"event":"VOLUME_CREATE","ts":1795388400,"nodeid":null,"message":{"name":"v%d"}}`, n)
				resp, err := client.Post("http://"+d.addr+"/listen", "application/json", bytes.NewReader(body))
				if err != nil || resp.StatusCode != 200 {
					refused.Add(1)
					t.Errorf("event %d: %v %v", n, resp, err)
				}
				if err == nil {
					resp.Body.Close()
				}
			}
		})
	}
	for range 5 {
		cmd := start()
		before := sent.Load()
		for deadline := time.Now().Add(20 * time.Second); sent.Load() < before+200; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("nothing is taken:\n%s", d.logText())
			}
		}
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("the gateway ended with %v:\n%s", err, d.logText())
		}
	}
	last := start()
	close(done)
	senders.Wait()
	if err := last.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := last.Wait(); err != nil {
		t.Error(err)
	}
	out, err := program("history", "--config", d.file, "--limit", "0", "--json").Output()
	if n := bytes.Count(out, []byte("VOLUME_CREATE")); err != nil || uint64(n) < sent.Load() {
		t.Errorf("%d events in the log, %v; want all %d", n, err, sent.Load())
	}
	t.Logf("%d events over 5 restarts, %d refused", sent.Load(), refused.Load())
}
