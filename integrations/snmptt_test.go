package integrations

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/mibs/mibtest"
	"github.com/gluster-trapgw/gluster-trapgw/outputs"
	"github.com/gluster-trapgw/gluster-trapgw/outputs/snmp"
	"github.com/gluster-trapgw/gluster-trapgw/outputs/snmp/snmptest"
	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

// send sends the notifications as acknowledged informs, so that none is lost.
func send(t *testing.T, s Site, target string, all []*translate.Notification) {
	t.Helper()
	cfg := snmp.DefaultConfig()
	cfg.Target, cfg.Community, cfg.Kind, cfg.Rate = target, "public", "inform", 0
	// The receiver acknowledges when its trap handlers are done.
	cfg.Timeout, cfg.Window = cfg.Timeout*4, 16
	out, err := snmp.New(cfg, snmp.Env{MIB: s.MIB, Start: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close() //nolint:errcheck // everything is acknowledged
	var batch []outputs.Message
	for i, n := range all {
		m, err := out.Render(n, uint64(i+1))
		if err != nil {
			t.Fatal(err)
		}
		batch = append(batch, m)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	for len(batch) > 0 {
		n, err := out.Send(ctx, batch)
		if batch = batch[n:]; err != nil && ctx.Err() != nil {
			t.Fatal(err)
		}
	}
}

// every is each notification in each state in which it can come, with some text that is awkward for receivers.
func every(t *testing.T, s Site) []*translate.Notification {
	t.Helper()
	v, err := newView(s)
	if err != nil {
		t.Fatal(err)
	}
	var all []*translate.Notification
	for _, n := range v.Notifications {
		severity, _ := translate.ParseSeverity(n.Severity)
		for state, can := range map[translate.AlarmState]bool{translate.Raise: n.Raises, translate.Update: n.Raises, translate.Clear: n.Clears, translate.Stateless: n.Stateless} {
			if !can {
				continue
			}
			m := &translate.Notification{ID: fmt.Sprint("q-", len(all)), Seq: uint64(len(all)), Event: n.Event, Name: n.Name, OID: n.OID, Group: n.Group,
				Time: time.Unix(1_800_000_000, 0), Received: time.Unix(1_800_000_000, 0), Severity: severity, State: state, AlarmClass: n.Class, Cluster: s.Cluster.Name,
				NodeName: "gfs1", NodeAddr: netip.MustParseAddr("192.0.2.11"), Volume: "gv0", Brick: "gfs2:/b1",
				Text: `größer "is" besser, $1 'x' ` + "`touch pwned` $(touch pwned) %s \\ ; | & <b>"}
			if state != translate.Stateless && n.Class == "" {
				m.AlarmClass = "brick" // it ends whatever depended on a volume or brick
			}
			if state == translate.Clear {
				m.Severity = translate.Cleared
			}
			if state != translate.Stateless {
				m.AlarmKey = m.AlarmClass + "/gfs2:/b1"
			}
			all = append(all, m)
		}
	}
	return all
}

// snmpttSpool is a spool that snmptrapd fills, and SNMPTT over it.
type snmpttSpool struct {
	t    *testing.T
	dir  string
	ini  string
	addr string
}

func startSNMPTT(t *testing.T, s Site, conf string) *snmpttSpool {
	t.Helper()
	handler := mibtest.Tool(t, "snmptthandler")
	mibtest.Tool(t, "snmptt")
	d := &snmpttSpool{t: t, dir: t.TempDir()}
	d.ini = filepath.Join(d.dir, "snmptt.ini")
	if err := os.Mkdir(filepath.Join(d.dir, "spool"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(d.ini, fmt.Appendf(nil, `[General]
mode = daemon
multiple_event = 1
dns_enable = 0
translate_integers = 1
net_snmp_perl_enable = 0
[DaemonMode]
daemon_fork = 0
daemon_uid =
spool_directory = %[1]s/spool/
sleep = 1
use_trap_time = 1
keep_unlogged_traps = 1
[Logging]
log_enable = 1
log_file = %[1]s/log
log_system_enable = 1
log_system_file = %[1]s/system
unknown_trap_log_enable = 1
unknown_trap_log_file = %[1]s/unknown
syslog_enable = 0
[Exec]
exec_enable = 1
exec_escape = 1
[Debugging]
DEBUGGING = 0
[TrapFiles]
snmptt_conf_files = <<END
%[2]s
END
`, d.dir, conf), 0o600); err != nil {
		t.Fatal(err)
	}
	trapd := snmptest.Start(t, snmptest.Options{Root: s.MIB.Root(), Output: "n", Config: []string{"traphandle " + s.MIB.EnterpriseOID() + ".0.* " + handler + " --ini=" + d.ini}})
	d.addr = trapd.Addr
	return d
}

// run has SNMPTT work off the spool and returns its log and what it did not know.
func (d *snmpttSpool) run(n int) (log, unknown string) {
	d.t.Helper()
	cmd := exec.Command(mibtest.Tool(d.t, "snmptt"), "--daemon", "--ini="+d.ini)
	cmd.Dir = d.dir
	out := &strings.Builder{}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	defer func() {
		if err := cmd.Process.Kill(); err != nil {
			d.t.Error(err)
		}
		cmd.Wait() //nolint:errcheck // killed
	}()
	deadline := time.Now().Add(60 * time.Second)
	for {
		left, err := os.ReadDir(filepath.Join(d.dir, "spool"))
		if err != nil {
			d.t.Fatal(err)
		}
		text, _ := os.ReadFile(filepath.Join(d.dir, "log"))        // not there yet
		strange, _ := os.ReadFile(filepath.Join(d.dir, "unknown")) // not there when there is none
		if len(left) == 0 && strings.Count(string(text), "\n") >= n || len(strange) > 0 || time.Now().After(deadline) {
			return string(text), string(strange)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// Every notification in every state is known to SNMPTT with the shipped file, and takes exactly one EVENT.
func TestSNMPTTKnowsEveryNotification(t *testing.T) {
	t.Parallel()
	s := site(t, "")
	s.Cluster.Name = "prod"
	d := startSNMPTT(t, s, filepath.Join(write(t, "snmptt", s), "snmptt-gluster.conf"))
	all := every(t, s)
	send(t, s, d.addr, all)
	log, unknown := d.run(len(all))
	if unknown != "" {
		t.Fatalf("unknown:\n%.2000s", unknown)
	}
	if got := strings.Count(log, "\n"); got != len(all) {
		t.Errorf("%d lines in the log for %d notifications:\n%.3000s", got, len(all), log)
	}
	for _, n := range all {
		want := "cleared " + n.Event + ": "
		if n.State != translate.Clear {
			want = label(n.Severity) + " " + n.Event + ": "
		}
		if !strings.Contains(log, n.OID+" ") || !strings.Contains(log, want) {
			t.Errorf("the log has no %q", want)
		}
	}
	for _, line := range strings.Split(strings.TrimSpace(log), "\n") {
		// SNMPTT itself takes all but plain ASCII out of values.
		if !strings.Contains(line, `grer "is" besser, 1 'x'`) || !strings.Contains(line, "[cluster prod, node gfs1") {
			t.Fatalf("got %q", line)
		}
	}
}

func label(s translate.Severity) string {
	if s == translate.Informational {
		return "info"
	}
	return s.String()
}

// With Nagios, SNMPTT hands over state, severity and key, and no value gets past the shell's quotes.
func TestSNMPTTRunsNagiosResult(t *testing.T) {
	t.Parallel()
	s := hostile(t)
	dir := write(t, "snmptt", s)
	calls := filepath.Join(dir, "calls")
	script := filepath.Join(dir, "submit")
	if err := os.WriteFile(script, []byte("#!/bin/sh\nprintf '%s|' \"$@\" >> "+calls+"\necho >> "+calls+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	conf := filepath.Join(dir, "snmptt-gluster-nagios.conf")
	text, err := os.ReadFile(conf)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(conf, []byte(strings.ReplaceAll(string(text), "/usr/bin/gluster-trapgw ", script+" ")), 0o600); err != nil {
		t.Fatal(err)
	}
	d := startSNMPTT(t, s, conf)
	var all []*translate.Notification
	for i, n := range every(t, s) {
		if i%8 == 0 || n.Event == "BRICK_CONNECTED" || n.Event == "gtgHeartbeat" {
			all = append(all, n)
		}
	}
	def, _ := s.MIB.Event("BRICK_DISCONNECTED")
	for _, key := range []string{"brick/a b", "brick/'; touch pwned; '", "brick/$2", "brick/x\\", "brick/`touch pwned`", "brick/\"$(touch pwned)\""} {
		n := *all[len(all)-1]
		n.Event, n.Name, n.OID, n.State, n.Severity, n.AlarmKey = "BRICK_DISCONNECTED", def.Name, def.OID, translate.Raise, translate.Critical, key
		n.NodeName = "'; touch pwned; '"
		all = append(all, &n)
	}
	send(t, s, d.addr, all)
	log, unknown := d.run(len(all))
	if unknown != "" || strings.Count(log, "\n") != len(all) {
		t.Fatalf("%d of %d logged, unknown:\n%.2000s", strings.Count(log, "\n"), len(all), unknown)
	}
	if _, err := os.Stat(filepath.Join(d.dir, "pwned")); err == nil {
		t.Error("a value was run as a command")
	}
	got, err := os.ReadFile(calls)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"--event|BRICK_DISCONNECTED|--alarm-state|raise|--severity|critical|--key=brick/a b|",
		"--event|BRICK_DISCONNECTED|--alarm-state|raise|--severity|critical|--key=brick/2|",
		"--event|BRICK_DISCONNECTED|--alarm-state|stateless|--severity|minor|\n",
		"--event|BRICK_CONNECTED|--alarm-state|clear|--severity|cleared|--key=brick/gfs2:/b1|",
		"--event|gtgHeartbeat|--alarm-state|stateless|--severity|minor|",
		"nagios-result|--host|gluster-p_r_o_d__x__a",
	} {
		if !strings.Contains(string(got), want) {
			t.Errorf("no call with %q", want)
		}
	}
	if n := strings.Count(string(got), "\n"); n != len(all) {
		t.Errorf("%d calls for %d notifications", n, len(all))
	}
}
