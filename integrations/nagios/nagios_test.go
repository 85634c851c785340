package nagios

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/mibs"
)

func load(t *testing.T) *mibs.MIB {
	t.Helper()
	m, err := mibs.Load("")
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// The same trap as snmptrapd writes it with its MIB, with numbers, and without any MIB at all.
func TestReadTrap(t *testing.T) {
	const root = "8072.9999.9999.24007.1.1"
	want := Trap{Name: "glusterBrickDisconnected", Cluster: "prod", Node: "gfs1", Event: "BRICK_DISCONNECTED", Severity: "critical",
		State: "raise", Key: "brick/gfs2:/b1", Text: `Brick "b1" is down…`}
	for name, in := range map[string]string{
		"names": `gw
UDP: [127.0.0.1]:53423->[127.0.0.1]:162
DISMAN-EVENT-MIB::sysUpTimeInstance 0:0:01:00.00
SNMPv2-MIB::snmpTrapOID.0 GLUSTER-EVENTS-MIB::glusterBrickDisconnected
GLUSTER-EVENTS-MIB::gtgEvClusterId.0 "prod"
GLUSTER-EVENTS-MIB::gtgEvNodeName.0 gfs1
GLUSTER-EVENTS-MIB::gtgEvName.0 BRICK_DISCONNECTED
GLUSTER-EVENTS-MIB::gtgEvSeverity.0 critical(3)
GLUSTER-EVENTS-MIB::gtgEvAlarmState.0 raise
GLUSTER-EVENTS-MIB::gtgEvAlarmKey.0 brick/gfs2:/b1
GLUSTER-EVENTS-MIB::gtgEvMessage.0 "Brick \"b1\" is down…"
GLUSTER-EVENTS-MIB::gtgEvMessage.0 "of two the first counts"
`,
		"numbers": `gw
UDP: [127.0.0.1]:53423->[127.0.0.1]:162
.1.3.6.1.2.1.1.3.0 0:0:01:00.00
.1.3.6.1.6.3.1.1.4.1.0 .1.3.6.1.4.1.` + root + `.0.1077
.1.3.6.1.4.1.` + root + `.1.1.1.0 "prod"
.1.3.6.1.4.1.` + root + `.1.1.3.0 "gfs1"
.1.3.6.1.4.1.` + root + `.1.1.4.0 "BRICK_DISCONNECTED"
.1.3.6.1.4.1.` + root + `.1.1.7.0 3
.1.3.6.1.4.1.` + root + `.1.1.8.0 2
.1.3.6.1.4.1.` + root + `.1.1.9.0 "brick/gfs2:/b1"
.1.3.6.1.4.1.` + root + `.1.1.16.0 "42 72 69 63 6B 20 22 62 31 22 20 69 73 20 64 6F 77 6E E2 80 A6 "
`,
		"no MIB": `<UNKNOWN>
UDP/IPv6: [::1]:53423->[::1]:162
iso.3.6.1.2.1.1.3.0 0:0:01:00.00
iso.3.6.1.6.3.1.1.4.1.0 iso.3.6.1.4.1.` + root + `.0.1077
NET-SNMP-MIB::netSnmpPlaypen.24007.1.1.1.1.1.0 "prod"
SNMPv2-SMI::enterprises.` + root + `.1.1.3.0 "gfs1"
iso.3.6.1.4.1.` + root + `.1.1.4.0 "BRICK_DISCONNECTED"
iso.3.6.1.4.1.` + root + `.1.1.7.0 3
iso.3.6.1.4.1.` + root + `.1.1.8.0 2
iso.3.6.1.4.1.` + root + `.1.1.9.0 "brick/gfs2:/b1"
iso.3.6.1.4.1.` + root + `.1.1.16.0 "Brick \"b1\" is down…"
`,
	} {
		got, err := ReadTrap(strings.NewReader(in), load(t))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if *got != want {
			t.Errorf("%s: got %+v, want %+v", name, *got, want)
		}
	}
}

func TestReadTrapRefuses(t *testing.T) {
	for in, want := range map[string]string{
		"": "traphandle",
		"h\na\n.1.3.6.1.6.3.1.1.4.1.0 .1.3.6.1.6.3.1.1.5.3\n":                                              ErrForeign.Error(),
		"h\na\nSNMPv2-MIB::snmpTrapOID.0 GLUSTER-EVENTS-MIB::gtgTest\n":                                    "gtgEvSeverity",
		"h\na\nx::snmpTrapOID.0 x::gtgTest\nx::gtgEvSeverity.0 major\nx::gtgEvAlarmState.0 'x; rm'\nx y\n": "gtgEvAlarmState",
		"h\na\nx " + strings.Repeat("a", maxLine):                                                          "too long",
	} {
		if _, err := ReadTrap(strings.NewReader(in), load(t)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: got %v, want %q", in, err, want)
		}
	}
}

// A service stays bad until the last alarm of its class is over, and shows the worst.
func TestApply(t *testing.T) {
	var s State
	now := time.Unix(1_800_000_000, 0)
	step := func(state, severity, key, want string) {
		t.Helper()
		now = now.Add(time.Second)
		var got strings.Builder
		results := s.Apply(&Trap{Name: "glusterX", Event: "X", State: state, Severity: severity, Key: key, Text: "about " + key}, "h", now)
		if err := Write(&got, results, time.Unix(1, 0)); err != nil {
			t.Fatal(err)
		}
		if got.String() != want {
			t.Errorf("%s %s: got %q, want %q", state, key, got.String(), want)
		}
	}
	step("raise", "warning", "brick/a", "[1] PROCESS_SERVICE_CHECK_RESULT;h;gluster-brick;1;warning X: about brick/a\n")
	step("raise", "critical", "brick/b", "[1] PROCESS_SERVICE_CHECK_RESULT;h;gluster-brick;2;2 alarms: critical X: about brick/b + warning X: about brick/a\n")
	step("raise", "major", "peer/b", "[1] PROCESS_SERVICE_CHECK_RESULT;h;gluster-peer;2;major X: about peer/b\n")
	step("raise", "critical", "brick/b", "[1] PROCESS_SERVICE_CHECK_RESULT;h;gluster-brick;2;2 alarms: critical X: about brick/b + warning X: about brick/a\n")
	step("update", "minor", "brick/b", "[1] PROCESS_SERVICE_CHECK_RESULT;h;gluster-brick;1;2 alarms: minor X: about brick/b + warning X: about brick/a\n")
	step("clear", "cleared", "brick/a", "[1] PROCESS_SERVICE_CHECK_RESULT;h;gluster-brick;1;minor X: about brick/b\n")
	step("clear", "cleared", "brick/b", "[1] PROCESS_SERVICE_CHECK_RESULT;h;gluster-brick;0;about brick/b\n")
	step("clear", "cleared", "brick/b", "[1] PROCESS_SERVICE_CHECK_RESULT;h;gluster-brick;0;about brick/b\n")
	step("stateless", "indeterminate", "", "[1] PROCESS_SERVICE_CHECK_RESULT;h;gluster-events;3;X: about\n")
	step("raise", "major", "snapshot-config", "[1] PROCESS_SERVICE_CHECK_RESULT;h;gluster-snapshot-config;2;major X: about snapshot-config\n")
}

// What forged traps carry cannot become a second command, another service or performance data.
func TestOutputIsOneHarmlessLine(t *testing.T) {
	var s State
	evil := "x\n[1] PROCESS_HOST_CHECK_RESULT;h;0;y\\n|a=1;;\x00\xff"
	for _, r := range s.Apply(&Trap{Name: "glusterX", Event: "X", State: "raise", Severity: "critical", Key: "brick;h\nx/y", Text: evil + strings.Repeat("é", 4000)}, "h", time.Unix(1, 0)) {
		c := r.Command(time.Unix(1, 0))
		if strings.Count(c, "\n") != 1 || strings.ContainsAny(r.Output, "|\\\x00") || strings.Contains(r.Output, "\xff") || strings.ContainsAny(r.Service, ";\n ") || len(c) > 4096 {
			t.Errorf("got %q", c)
		}
	}
}

func TestHeartbeatAndResync(t *testing.T) {
	var s State
	now := time.Unix(1_800_000_000, 0)
	apply := func(name, state, key string) string {
		var got strings.Builder
		if err := Write(&got, s.Apply(&Trap{Name: name, Event: name, State: state, Severity: "major", Key: key, Text: "t"}, "h", now), time.Unix(1, 0)); err != nil {
			t.Fatal(err)
		}
		return got.String()
	}
	const alive = "[1] PROCESS_SERVICE_CHECK_RESULT;h;gluster-heartbeat;0;t\n"
	apply("glusterX", "raise", "brick/a")
	apply("glusterX", "raise", "peer/a")
	if got := apply("gtgHeartbeat", "stateless", ""); got != alive {
		t.Errorf("got %q", got)
	}
	now = now.Add(time.Second)
	apply("gtgResync", "stateless", "")
	now = now.Add(time.Second)
	apply("glusterX", "raise", "peer/a")
	if got := apply("gtgHeartbeat", "stateless", ""); got != alive {
		t.Errorf("the alarms had no time to follow, got %q", got)
	}
	now = now.Add(time.Minute)
	if got, want := apply("gtgHeartbeat", "stateless", ""), alive+"[1] PROCESS_SERVICE_CHECK_RESULT;h;gluster-brick;0;no alarm\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if len(s.Hosts["h"].Alarms) != 1 {
		t.Errorf("got %v", s.Hosts["h"].Alarms)
	}
}

func TestStateIsKept(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.json")
	s, err := Load(file)
	if err != nil {
		t.Fatal(err)
	}
	s.Apply(&Trap{Name: "glusterX", State: "raise", Severity: "major", Key: "brick/a"}, "h", time.Unix(1, 0))
	if err := s.Save(file); err != nil {
		t.Fatal(err)
	}
	if s, err = Load(file); err != nil || s.Hosts["h"].Alarms["brick/a"].Severity != "major" {
		t.Errorf("got %+v, %v", s, err)
	}
	if err := os.WriteFile(file, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(file); err == nil {
		t.Error("a damaged file was read")
	}
}

func TestSubmit(t *testing.T) {
	dir := t.TempDir()
	plain, pipe := filepath.Join(dir, "plain"), filepath.Join(dir, "pipe")
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	r := []Result{{"h", "s", Critical, "text"}}
	now := time.Unix(1, 0)
	for file, want := range map[string]string{plain: "not a pipe", pipe: "is Nagios running", filepath.Join(dir, "none"): "no such file"} {
		if err := Submit(file, r, now); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	reader, err := os.OpenFile(pipe, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close() //nolint:errcheck // only read
	if err := Submit(pipe, r, now); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 100)
	n, err := reader.Read(buf)
	if got, want := string(buf[:n]), "[1] PROCESS_SERVICE_CHECK_RESULT;h;s;2;text\n"; got != want || err != nil {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

func FuzzReadTrap(f *testing.F) {
	m, err := mibs.Load("")
	if err != nil {
		f.Fatal(err)
	}
	f.Add("h\na\nx::snmpTrapOID.0 x::gtgTest\nx::gtgEvSeverity.0 major\nx::gtgEvAlarmState.0 raise\nx::gtgEvAlarmKey.0 \"41 \"\n")
	f.Fuzz(func(t *testing.T, in string) {
		trap, err := ReadTrap(strings.NewReader(in), m)
		if err != nil {
			return
		}
		var s State
		for _, r := range s.Apply(trap, HostName(trap.Cluster), time.Unix(1, 0)) {
			if c := r.Command(time.Unix(1, 0)); strings.Count(c, "\n") != 1 || strings.Count(r.Host+r.Service, ";") > 0 || len(c) > 4096 {
				t.Errorf("got %q", c)
			}
		}
	})
}
