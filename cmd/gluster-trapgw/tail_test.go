package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/admin"
)

// tail shows each event once, in order, over a kill of the gateway, and knows what the policy does with it.
func TestTail(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "a")
	d := newDaemon(t, fmt.Sprintf("admin: {listen: \"unix:%s\", token: geheim}\ncluster: {nodes: {c6ad9be2-5ce9-46e0-9574-6917a91bcfb6: {name: gfs1}}}\n"+
		"outputs:\n  - {name: siem, syslog: {target: \"udp://127.0.0.1:9\"}}\n", socket))
	d.start()
	post := func(from, to int) {
		t.Helper()
		for i := from; i < to; i++ {
			if status := d.post(http.DefaultClient, volumeEvent(i)); status != 200 {
				t.Fatalf("got %d\n%s", status, d.logText())
			}
		}
	}
	post(0, 20)
	cmd := program("tail", "--config", d.file, "--json", "--after", "5", "--limit", "55")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill() //nolint:errcheck // it has ended when all is well
	lines := bufio.NewScanner(out)
	n := 5
	read := func(to int) {
		t.Helper()
		for ; n < to && lines.Scan(); n++ {
			var e admin.Live
			if err := json.Unmarshal(lines.Bytes(), &e); err != nil || e.Volume != fmt.Sprintf("v%d", n) || len(e.Outputs) != 1 || e.Outputs[0] != "siem" {
				t.Fatalf("event %d: %v in %s", n, err, lines.Text())
			}
		}
		if n < to {
			t.Fatalf("tail ended after event %d: %v\n%s", n, lines.Err(), &stderr)
		}
	}
	post(20, 40)
	read(40)
	if err := d.end(syscall.SIGKILL); err == nil {
		t.Error("the gateway ended by itself")
	}
	d.start()
	post(40, 60)
	read(60)
	if err := cmd.Wait(); err != nil || !strings.Contains(stderr.String(), "trying again in") {
		t.Errorf("tail ends with %v, and says %q", err, &stderr)
	}

	// A line for people, in which nothing of the event reaches the terminal raw.
	raise := `{"event":"BRICK_DISCONNECTED","ts":1795388400,"nodeid":"c6ad9be2-5ce9-46e0-9574-6917a91bcfb6","message":{"peer":"gfs2","volume":"gv0","brick":"/b/\u001b[31m"}}`
	if status := d.post(http.DefaultClient, []byte(raise)); status != 200 {
		t.Fatal(status)
	}
	text, err := program("tail", "--config", d.file, "--after", "0", "--limit", "1", "--severity", ">=major", "--event", "BRICK_*", "--node", "gfs1").Output()
	if got := string(text); err != nil || strings.Contains(got, "\x1b") || !strings.Contains(got, " critical      BRICK_DISCONNECTED [raise] gfs1: Brick gfs1:/b/ ") || !strings.HasSuffix(got, " -> siem\n") {
		t.Errorf("%v: %q", err, got)
	}
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close() //nolint:errcheck // nothing gets into it
	unprinted := program("tail", "--config", d.file, "--after", "0")
	unprinted.Stdout, stderr = full, strings.Builder{}
	unprinted.Stderr = &stderr
	if err := unprinted.Run(); err == nil || stderr.String() != "gluster-trapgw: error: write /dev/stdout: no space left on device\n" {
		t.Errorf("tail to a full disk ends with %v, and says %q", err, &stderr)
	}
	begin := time.Now()
	for args, want := range map[string]string{
		"--severity=worst": `severity: "worst" is not a severity`,
		"--event=[":        `event: "[" is not a glob`,
	} {
		if out, err := program("tail", "--config", d.file, args).CombinedOutput(); err == nil || !strings.Contains(string(out), want) {
			t.Errorf("%s: %v, %s", args, err, out)
		}
	}
	d.end(syscall.SIGTERM) //nolint:errcheck // it is gone either way
	if out, err := program("tail", "--config", d.file).CombinedOutput(); err == nil || !strings.Contains(string(out), "the gateway does not run") {
		t.Errorf("%v, %s", err, out)
	}
	if time.Since(begin) > 20*time.Second {
		t.Error("what cannot work was tried again")
	}
}
