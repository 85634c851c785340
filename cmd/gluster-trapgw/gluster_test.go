package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/doctor"
	"github.com/gluster-trapgw/gluster-trapgw/outputs/snmp/snmptest"
)

// inNamespace prepares a place of its own for a GlusterFS node: its network has only loopback, and what it writes is gone
// in the end. Then it becomes the test program again.
const inNamespace = `set -e
ip link set lo up
mount --make-rprivate /
cp -a /var/lib/glusterd "$TRAPGW_GLUSTER/glusterd"
for d in /run /var/log/glusterfs /var/lib/glusterd "$TRAPGW_GLUSTER/brick"; do mkdir -p "$d"; mount -t tmpfs none "$d"; done
cp -a "$TRAPGW_GLUSTER/glusterd/." /var/lib/glusterd/
rm -f /var/lib/glusterd/glusterd.info
mkdir -p /run/gluster /var/lib/glusterd/events "$TRAPGW_GLUSTER/brick/b1"
exec "$@"`

// A real glusterd and a real glustereventsd, from setup to the traps: a volume is created and started, its brick is killed,
// and the volume is stopped.
func TestRealGluster(t *testing.T) {
	if os.Getenv("TRAPGW_GLUSTER") == "" {
		for _, name := range []string{"glusterd", "glustereventsd", "gluster-eventsapi", "unshare", "ip"} {
			if _, err := exec.LookPath(name); err != nil {
				t.Skipf("%s is not installed (Debian packages glusterfs-server, util-linux, iproute2)", name)
			}
		}
		if os.Geteuid() != 0 {
			t.Skip("glusterd needs root")
		}
		if out, err := exec.Command("unshare", "-mnp", "--fork", "true").CombinedOutput(); err != nil {
			t.Skipf("no namespaces here: %v %s", err, out)
		}
		cmd := exec.Command("unshare", "-mnp", "--fork", "--mount-proc", "sh", "-c", inNamespace, "sh", os.Args[0], "-test.run=^TestRealGluster$", "-test.v", "-test.timeout=150s")
		cmd.Env = append(os.Environ(), "TRAPGW_GLUSTER="+t.TempDir())
		out, err := cmd.CombinedOutput()
		t.Logf("%s", out)
		if err != nil || !strings.Contains(string(out), "--- PASS: TestRealGluster") {
			t.Fatal(err)
		}
		return
	}
	run := func(name string, args ...string) string {
		t.Helper()
		out, err := exec.Command(name, args...).CombinedOutput()
		if err != nil {
			t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	background := func(name string, args ...string) {
		t.Helper()
		log, err := os.Create(filepath.Join(t.TempDir(), name))
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(name, args...)
		cmd.Stdout, cmd.Stderr = log, log
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			cmd.Process.Kill() //nolint:errcheck // the namespace ends anyway
			cmd.Wait()         //nolint:errcheck
			log.Close()
		})
	}
	background("glusterd", "--no-daemon")
	background("glustereventsd")
	until(t, "glusterd answers", func() bool { return exec.Command("gluster", "--mode=script", "pool", "list").Run() == nil })

	traps := snmptest.Start(t, snmptest.Options{})
	d := newDaemon(t, fmt.Sprintf("eventslog: {path: /var/log/glusterfs/events.log}\noutputs:\n  - {name: noc, snmp: {target: %q, community: public}}\n", traps.Addr))
	d.start()
	setup, err := program("setup", "--config", d.file, "--url", "http://"+d.addr+"/listen").CombinedOutput()
	t.Logf("setup: %v\n%s", err, setup)
	if err != nil {
		t.Errorf("setup fails")
	}
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	run("gluster", "--mode=script", "volume", "create", "gv0", host+":"+filepath.Join(os.Getenv("TRAPGW_GLUSTER"), "brick", "b1"), "force")
	run("gluster", "--mode=script", "volume", "start", "gv0")
	brick := strings.TrimSpace(run("pidof", "glusterfsd"))
	var pid int
	if _, err := fmt.Sscan(brick, &pid); err != nil {
		t.Fatalf("no brick: %q", brick)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	seen := func(name string) func([]snmptest.Trap) bool {
		return func(all []snmptest.Trap) bool {
			for i := range all {
				if all[i].Name == name {
					return true
				}
			}
			return false
		}
	}
	traps.WaitFor("the end of the brick", seen("glusterBrickDisconnected"))
	run("gluster", "--mode=script", "volume", "stop", "gv0", "force")
	all := traps.WaitFor("the end of the volume", seen("glusterVolumeStop"))
	var names []string
	for i := range all {
		if all[i].Value("gtgEvAlarmState.0") == "clear" && all[i].Name == "glusterVolumeStop" {
			continue // the end of the brick's alarm, for which the volume is the reason
		}
		names = append(names, all[i].Name)
	}
	story := strings.Join(names, " ")
	t.Log(story)
	at := 0
	for _, want := range []string{"glusterVolumeCreate", "glusterVolumeStart", "glusterBrickDisconnected", "glusterVolumeStop"} {
		i := strings.Index(story[at:], want)
		if i < 0 || strings.Count(story, want) != 1 {
			t.Errorf("%s did not come once and in its place", want)
			continue
		}
		at += i
	}
	history, err := program("history", "--config", d.file, "--json").CombinedOutput()
	t.Logf("history: %v\n%s", err, history)
	if n := strings.Count(string(history), `"input":"webhook","remote":"127.0.0.1","event":"VOLUME_`); n != 3 {
		t.Errorf("%d of 3 events of the volume came by the webhook", n)
	}
	// Registered behind its back, as gluster-eventsapi does it: the doctor knows that no event will come.
	run("gluster-eventsapi", "webhook-add", "http://"+d.addr+"/other")
	if out, err := program("doctor", "--config", d.file, "--url", "http://"+d.addr+"/listen").CombinedOutput(); err == nil || !strings.Contains(string(out), "it posts to the old webhooks") {
		t.Errorf("the doctor does not notice that glustereventsd was not told: %v\n%s", err, out)
	}
	node := &doctor.Node{Root: "/", Now: time.Now}
	if err := node.Tell(); err != nil {
		t.Error(err)
	}
	node.Reread(t.Context())
	findings, err := program("doctor", "--config", d.file, "--url", "http://"+d.addr+"/listen").CombinedOutput()
	t.Logf("doctor: %v\n%s", err, findings)
	if err != nil {
		t.Error("the doctor is not content")
	}
}

// until waits for what other programs do.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}
