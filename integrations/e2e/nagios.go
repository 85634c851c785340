package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// monitor is Nagios or Icinga 2 while it runs.
type monitor struct {
	l       *lab
	pipe    string // takes external commands
	status  string // status.dat
	version string
}

// service is what status.dat says of a service: its state, and the text beside it.
func (m *monitor) service(name string) (state, output string) {
	text, _ := os.ReadFile(m.status) // not there yet
	for _, block := range strings.Split(string(text), "servicestatus {")[1:] {
		block, _, _ = strings.Cut(block, "}\n")
		values := map[string]string{}
		for line := range strings.Lines(block) {
			k, v, _ := strings.Cut(strings.TrimSpace(line), "=")
			values[k] = v
		}
		if values["service_description"] == name && values["has_been_checked"] == "1" {
			return values["current_state"], values["plugin_output"]
		}
	}
	return "", "nothing yet"
}

var stateNames = map[string]string{"0": "OK", "1": "WARNING", "2": "CRITICAL", "3": "UNKNOWN"}

func (m *monitor) expect(service, state, begin string, limit time.Duration) error {
	return m.l.wait("service "+service+" is "+state, limit, func() (bool, string) {
		s, output := m.service(service)
		return stateNames[s] == state && strings.HasPrefix(output, begin), fmt.Sprintf("%s %q", stateNames[s], output)
	})
}

// story is what every monitor must show.
func (m *monitor) story() error {
	l := m.l
	if err := l.wait("the command pipe is there", 20*time.Second, func() (bool, string) {
		info, err := os.Stat(m.pipe)
		return err == nil && info.Mode()&os.ModeNamedPipe != 0, m.version
	}); err != nil {
		return err
	}
	gateway, err := l.gateway()
	if err != nil {
		return err
	}
	if err := m.expect("gluster-heartbeat", "OK", "", 20*time.Second); err != nil {
		return err
	}
	for _, step := range []struct{ event, brick, state, begin string }{
		{"BRICK_DISCONNECTED", "/bricks/b1", "CRITICAL", "critical BRICK_DISCONNECTED"},
		{"BRICK_DISCONNECTED", "/bricks/b2", "CRITICAL", "2 alarms: "},
		{"BRICK_CONNECTED", "/bricks/b1", "CRITICAL", "critical BRICK_DISCONNECTED"},
		{"BRICK_CONNECTED", "/bricks/b2", "OK", ""},
	} {
		if err := l.brick(step.event, step.brick); err != nil {
			return err
		}
		if err := m.expect("gluster-brick", step.state, step.begin, 20*time.Second); err != nil {
			return err
		}
	}
	if err := m.expect("gluster-heartbeat", "OK", "", 5*time.Second); err != nil {
		return err
	}
	end(gateway)
	l.say("the gateway is stopped, its heartbeat every 2s is silent")
	return m.expect("gluster-heartbeat", "CRITICAL", "", 60*time.Second)
}

// nagios4 starts Nagios with the exported objects.
func (l *lab) nagios4() (*monitor, error) {
	if err := l.export("nagios"); err != nil {
		return nil, err
	}
	if err := l.write("objects/site.cfg", `define timeperiod {
    timeperiod_name always
    alias always
    sunday 00:00-24:00
}
define command {
    command_name nothing
    command_line /bin/true
}
define contact {
    contact_name ops
    host_notification_commands nothing
    service_notification_commands nothing
    host_notification_period always
    service_notification_period always
}
`); err != nil {
		return nil, err
	}
	if err := l.write("nagios.cfg", `cfg_dir=%[1]s/objects
cfg_dir=%[1]s/nagios
log_file=%[1]s/run/nagios.log
command_file=%[1]s/run/nagios.cmd
query_socket=%[1]s/run/nagios.qh
lock_file=%[1]s/run/nagios.lock
status_file=%[1]s/run/status.dat
object_cache_file=%[1]s/run/objects.cache
precached_object_file=%[1]s/run/objects.precache
check_result_path=%[1]s/run/check
temp_file=%[1]s/run/nagios.tmp
temp_path=%[1]s/run
state_retention_file=%[1]s/run/retention.dat
check_external_commands=1
accept_passive_service_checks=1
check_service_freshness=1
service_freshness_check_interval=2
additional_freshness_latency=1
log_passive_checks=1
use_syslog=0
status_update_interval=1
check_result_reaper_frequency=1
`, l.dir); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(l.path("run/check"), 0o755); err != nil {
		return nil, err
	}
	if _, err := l.call("chown", "-R", "nagios:nagios", l.path("run")); err != nil {
		return nil, err
	}
	out, err := l.call("nagios4", "-v", l.path("nagios.cfg"))
	if err != nil {
		return nil, err
	}
	l.say("nagios4 -v: %s", grep(out, "Total Errors"))
	if _, err := l.start("nagios4.log", "nagios4", l.path("nagios.cfg")); err != nil {
		return nil, err
	}
	return &monitor{l: l, pipe: l.path("run/nagios.cmd"), status: l.path("run/status.dat"), version: "Nagios runs"}, nil
}

// grep is the first line with that text.
func grep(text, part string) string {
	for line := range strings.Lines(text) {
		if strings.Contains(line, part) {
			return strings.Join(strings.Fields(line), " ")
		}
	}
	return ""
}

func nagiosDirect(l *lab) error {
	addr, err := l.trapd(fmt.Sprintf("%s nagios-result --root 1.3.6.1.4.1.99999.1 --state %s --command-file %s", l.bin, l.path("alarms.json"), l.path("run/nagios.cmd")))
	if err != nil {
		return err
	}
	if err := l.config(addr); err != nil {
		return err
	}
	m, err := l.nagios4()
	if err != nil {
		return err
	}
	return m.story()
}

func nagiosSNMPTT(l *lab) error {
	addr, err := l.trapd("/usr/sbin/snmptt --ini=" + l.path("snmptt.ini"))
	if err != nil {
		return err
	}
	if err := l.config(addr); err != nil {
		return err
	}
	if err := l.export("snmptt"); err != nil {
		return err
	}
	// The shipped file but for the paths of this trial.
	conf := l.path("snmptt/snmptt-gluster-nagios.conf")
	text, err := os.ReadFile(conf)
	if err != nil {
		return err
	}
	paths := strings.NewReplacer("/usr/bin/gluster-trapgw", l.bin, "/var/lib/nagios4/rw", l.path("run"), "/var/spool/snmptt", l.dir)
	if err := os.WriteFile(conf, []byte(paths.Replace(string(text))), 0o644); err != nil {
		return err
	}
	if err := l.write("snmptt.ini", `[General]
mode = standalone
multiple_event = 1
[Logging]
log_enable = 1
log_file = %[1]s/snmptt.log
unknown_trap_log_enable = 1
unknown_trap_log_file = %[1]s/snmptt.unknown
syslog_enable = 0
[Exec]
exec_enable = 1
[TrapFiles]
snmptt_conf_files = <<END
%[2]s
END
`, l.dir, conf); err != nil {
		return err
	}
	m, err := l.nagios4()
	if err != nil {
		return err
	}
	if err := m.story(); err != nil {
		return err
	}
	if text, err := os.ReadFile(l.path("snmptt.unknown")); err == nil && len(text) > 0 {
		return fmt.Errorf("SNMPTT did not know: %s", text)
	}
	l.say("SNMPTT: no unknown trap")
	return nil
}

func icinga2(l *lab) error {
	addr, err := l.trapd(fmt.Sprintf("%s nagios-result --root 1.3.6.1.4.1.99999.1 --state %s --command-file %s", l.bin, l.path("alarms.json"), l.path("run/icinga2.cmd")))
	if err != nil {
		return err
	}
	if err := l.config(addr); err != nil {
		return err
	}
	if err := l.export("icinga2"); err != nil {
		return err
	}
	if err := l.write("icinga2.conf", `const PluginDir = "/usr/lib/nagios/plugins"
const NodeName = "localhost"
include <itl>
include <plugins>
object CheckerComponent "checker" { }
object ExternalCommandListener "command" { command_path = "%[1]s/run/icinga2.cmd" }
object StatusDataWriter "status" {
  status_path = "%[1]s/run/status.dat"
  objects_path = "%[1]s/run/objects.cache"
  update_interval = 1s
}
include "%[1]s/icinga2/gluster.conf"
`, l.dir); err != nil {
		return err
	}
	if err := os.MkdirAll(l.path("run"), 0o755); err != nil {
		return err
	}
	if _, err := l.call("chown", "-R", "nagios:nagios", l.path("run")); err != nil {
		return err
	}
	args := []string{"daemon", "-c", l.path("icinga2.conf")}
	for _, name := range []string{"DataDir", "LogDir", "CacheDir", "SpoolDir", "InitRunDir"} {
		args = append(args, "-D", name+"="+filepath.Join(l.path("run"), name))
		if out, err := exec.Command("install", "-d", "-o", "nagios", "-g", "nagios", filepath.Join(l.path("run"), name)).CombinedOutput(); err != nil {
			return fmt.Errorf("make a directory: %w\n%s", err, out)
		}
	}
	out, err := l.call("icinga2", append(args, "-C")...)
	if err != nil {
		return err
	}
	l.say("icinga2 daemon -C: %s", grep(out, "Services."))
	if _, err := l.start("icinga2.log", "icinga2", args...); err != nil {
		return err
	}
	m := &monitor{l: l, pipe: l.path("run/icinga2.cmd"), status: l.path("run/status.dat"), version: "Icinga 2 runs"}
	return m.story()
}
