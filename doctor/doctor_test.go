package doctor

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// boot is when the made-up node was started.
var boot = time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)

type node struct {
	t *testing.T
	Node
}

func (n *node) write(path, text string) {
	n.t.Helper()
	file := n.path(path)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		n.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		n.t.Fatal(err)
	}
}

func (n *node) remove(path string) {
	n.t.Helper()
	if err := os.RemoveAll(n.path(path)); err != nil {
		n.t.Fatal(err)
	}
}

// process adds one that was started some seconds after boot.
func (n *node) process(pid, seconds int, args ...string) {
	n.write(fmt.Sprintf("/proc/%d/cmdline", pid), strings.Join(args, "\x00")+"\x00")
	n.write(fmt.Sprintf("/proc/%d/stat", pid), fmt.Sprintf("%d (gluster (x) d) S 1%s %d 0", pid, strings.Repeat(" 0", 17), seconds*ticksPerSecond))
}

func (n *node) webhooks(text string, seconds int) {
	n.write(webhooksFile, text)
	at := boot.Add(time.Duration(seconds) * time.Second)
	if err := os.Chtimes(n.path(webhooksFile), at, at); err != nil {
		n.t.Fatal(err)
	}
}

// healthy is a node where all is well.
func healthy(t *testing.T, url string) *node {
	n := &node{t, Node{Root: t.TempDir(), Now: time.Now}}
	n.write("/proc/stat", fmt.Sprintf("cpu 1 2\nbtime %d\n", boot.Unix()))
	n.process(10, 100, "/usr/bin/python3", "/usr/sbin/glustereventsd", "--pid-file", "/var/run/glustereventsd.pid")
	n.process(11, 200, "/usr/bin/python3", "/usr/sbin/glustereventsd", "--pid-file", "/var/run/glustereventsd.pid")
	n.process(12, 900, "/usr/bin/vi", "/usr/sbin/glustereventsd")
	n.write("/proc/net/udp", "  sl  local_address rem_address\n  1: 00000000:D903 00000000:0000 07\n")
	n.write("/proc/net/udp6", "  sl\n  1: 00000000000000000000000001000000:D903 0:0 07\n")
	n.write("/proc/net/if_inet6", "00000000000000000000000000000001 01 80 10 80 lo\n")
	n.write(shareConfig, `{"log-level": "INFO", "port": 24009, "disable-events-log": false}`)
	n.write(customConfig, `{"port": 55555}`)
	n.write(pidFile, "10\n")
	n.write("/var/log/glusterfs/events.log", "")
	n.webhooks(`{"`+url+`": {"token": "s3cret", "secret": ""}, "http://other/x": "old"}`, 150)
	return n
}

func TestCheck(t *testing.T) {
	answer := http.StatusOK
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.URL.Path != "/listen" || r.ContentLength != 0 || r.Header.Get("Authorization") != "Bearer s3cret" {
			t.Errorf("got %s %s, %d octets", r.Method, r.URL, r.ContentLength)
		}
		w.WriteHeader(answer)
	}))
	defer srv.Close()
	u, err := url.Parse(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	hook := srv.URL + "/listen"
	for _, tt := range []struct {
		name   string
		change func(n *node, w *Wanted)
		code   int
		want   string // the findings that are not ok: "check: status: part of the text"
	}{
		{"healthy", func(*node, *Wanted) {}, 200, ""},
		{"healthy, the URL is given", func(_ *node, w *Wanted) { w.URL = hook }, 200, ""},
		{"not running", func(n *node, _ *Wanted) { n.remove("/proc/10"); n.remove("/proc/11") }, 200, "glustereventsd: failure: not running"},
		{"port not bound", func(n *node, _ *Wanted) { n.write("/proc/net/udp", "") }, 200, "event port: failure: 55555 is not bound"},
		{"no IPv6 socket", func(n *node, _ *Wanted) { n.write("/proc/net/udp6", "") }, 200, "event port: warning: IPv4 only"},
		{"no IPv6", func(n *node, _ *Wanted) { n.remove("/proc/net/udp6"); n.remove("/proc/net/if_inet6") }, 200, ""},
		{"no webhooks", func(n *node, _ *Wanted) { n.remove(webhooksFile) }, 200, "webhooks.json: failure: there is none"},
		{"webhooks broken", func(n *node, _ *Wanted) { n.webhooks("{}}", 150) }, 200, "webhooks.json: failure: not valid JSON"},
		{"not registered", func(n *node, _ *Wanted) { n.webhooks(`{"http://other/x": "old"}`, 150) }, 200, "webhooks.json: failure: not among its 1"},
		{"another URL", func(_ *node, w *Wanted) { w.URL = hook + "2"; w.Port = "" }, -1, "webhooks.json: failure: not among its 2"},
		{"old form", func(n *node, _ *Wanted) { n.webhooks(`{"`+hook+`": "s3cret"}`, 150) }, 200, ""},
		{"no token", func(n *node, _ *Wanted) { n.webhooks(`{"`+hook+`": {"token": "", "secret": ""}}`, 150) }, 200, "webhook token: failure: no token"},
		{"another token", func(n *node, _ *Wanted) { n.webhooks(`{"`+hook+`": {"token": "x", "secret": null}}`, 150) }, 200, "webhook token: failure: another token"},
		{"secret", func(n *node, _ *Wanted) { n.webhooks(`{"`+hook+`": {"token": "s3cret", "secret": "x"}}`, 150) }, 200, "webhook secret: failure: Python 3"},
		{"not reloaded", func(n *node, _ *Wanted) { n.webhooks(`{"`+hook+`": "s3cret"}`, 300) }, 200, "reload: failure: has changed since"},
		{"no pid file", func(n *node, _ *Wanted) { n.remove(pidFile) }, 200, "pid file: warning: change nothing"},
		{"no events.log", func(n *node, _ *Wanted) { n.remove("/var/log/glusterfs/events.log") }, 200, "events.log: warning: does not exist"},
		{"events.log is off", func(n *node, _ *Wanted) { n.write(customConfig, `{"port": 55555, "disable-events-log": true}`) }, 200, "events.log: failure: does not write"},
		{"token refused", func(*node, *Wanted) {}, 401, "gateway: failure: refuses the token"},
		{"address refused", func(*node, *Wanted) {}, 403, "gateway: failure: address"},
		{"another path", func(*node, *Wanted) {}, 404, "gateway: failure: another path"},
		{"redirect", func(*node, *Wanted) {}, 302, "gateway: failure: redirects"},
		{"cannot store", func(*node, *Wanted) {}, 503, "gateway: failure: answers 503"},
		{"clock", func(n *node, _ *Wanted) { n.Now = func() time.Time { return time.Now().Add(time.Hour) } }, 200, "clock: warning: apart"},
		{"gateway away", func(n *node, w *Wanted) {
			n.webhooks(`{"http://127.0.0.1:1/listen": "s3cret"}`, 150)
			w.Port = "1"
		}, 200, "gateway: failure: refused"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			answer = tt.code
			n := healthy(t, hook)
			w := Wanted{Port: u.Port(), Path: "/listen", Token: "s3cret", EventsLog: "/var/log/glusterfs/events.log"}
			tt.change(n, &w)
			ctx := t.Context()
			if tt.code < 0 {
				c, cancel := context.WithCancel(ctx)
				cancel() // nothing is posted
				ctx = c
			}
			findings, _ := n.Check(ctx, w)
			check, rest, _ := strings.Cut(tt.want, ": ")
			status, part, _ := strings.Cut(rest, ": ")
			var found bool
			for _, f := range findings {
				if f.Check == check && string(f.Status) == status && strings.Contains(f.Text, part) {
					found = true
				} else if f.Status != OK && tt.code >= 0 {
					t.Errorf("also found %s", f)
				}
				if f.Status != OK && f.Remedy == "" {
					t.Errorf("no remedy: %s", f)
				}
				if line := f.String(); strings.ContainsAny(line, "\n\r") || strings.Contains(line, "s3cret") {
					t.Errorf("got %q", line)
				}
			}
			if found == (tt.want == "") {
				t.Errorf("got %v, want %q", findings, tt.want)
			}
			if Failed(findings) != (status == "failure") {
				t.Errorf("failed: %t", Failed(findings))
			}
		})
	}
}
