package syslogtest

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// StartSyslogNG runs syslog-ng until the test ends, from the directory $TRAPGW_SYSLOG_NG into which .ci/syslog-ng
// unpacks it, because its package cannot be installed beside rsyslog. It listens for UDP, for octet-counted TCP, and
// for TLS from clients that show a certificate of the authority.
func StartSyslogNG(t testing.TB, a *Authority) *Collector {
	t.Helper()
	version, command := findSyslogNG(t)
	c := newCollector(t, decodeSyslogNG)
	c.TLS = freeAddr(t, "tcp")
	cert, key := a.Issue("localhost")
	conf := fmt.Sprintf(`@version: %s
options { keep-hostname(yes); log-msg-size(65536); };
source s {
  syslog(ip("127.0.0.1") port(%s) transport("udp"));
  syslog(ip("127.0.0.1") port(%s) transport("tcp"));
  syslog(ip("127.0.0.1") port(%s) transport("tls") tls(key-file(%q) cert-file(%q) ca-file(%q) peer-verify(required-trusted)));
};
destination d { file("%s/out" template("$(format-json --pair pri=$PRI --pair timestamp=$S_ISODATE --pair host=$HOST --pair app=$PROGRAM --pair msgid=$MSGID --pair msg=$MSG --key .SDATA.*)\n")); };
log { source(s); destination(d); flags(flow-control); };
`, version, port(c.UDP), port(c.TCP), port(c.TLS), key, cert, a.CA, c.dir)
	return c.run(conf, func() *exec.Cmd { return command(c.dir) })
}

// RunSyslogNG runs it with a configuration, without the line of its version, until the test ends; it must listen for
// TCP or TLS at addr.
func RunSyslogNG(t testing.TB, conf, addr string) *Collector {
	t.Helper()
	version, command := findSyslogNG(t)
	c := newCollector(t, decodeSyslogNG)
	c.UDP, c.TCP = "", addr
	return c.run("@version: "+version+"\n"+conf, func() *exec.Cmd { return command(c.dir) })
}

// findSyslogNG returns its version and a function that makes the command which runs it in a directory.
func findSyslogNG(t testing.TB) (version string, command func(dir string) *exec.Cmd) {
	t.Helper()
	root := os.Getenv("TRAPGW_SYSLOG_NG")
	bin := filepath.Join(root, "usr/sbin/syslog-ng")
	if _, err := os.Stat(bin); root == "" || err != nil {
		if os.Getenv("TRAPGW_PEERS") == "1" {
			t.Fatalf("syslog-ng is not in TRAPGW_SYSLOG_NG=%q and TRAPGW_PEERS=1", root)
		}
		t.Skipf("syslog-ng is not in TRAPGW_SYSLOG_NG=%q: .ci/syslog-ng puts it there", root)
	}
	modules, err := filepath.Glob(filepath.Join(root, "usr/lib/syslog-ng/[0-9]*"))
	if err != nil || len(modules) != 1 {
		t.Fatalf("find the modules of syslog-ng in %s: %v, %v", root, modules, err)
	}
	libs, err := filepath.Glob(filepath.Join(root, "usr/lib/*-linux-gnu"))
	if err != nil {
		t.Fatal(err)
	}
	more, err := filepath.Glob(filepath.Join(root, "lib/*-linux-gnu"))
	if err != nil {
		t.Fatal(err)
	}
	libs = append(append(libs, more...), filepath.Join(root, "usr/lib/syslog-ng"))
	return filepath.Base(modules[0]), func(dir string) *exec.Cmd {
		cmd := exec.Command(bin, "-F", "--no-caps", "-f", filepath.Join(dir, "conf"), "--module-path="+modules[0],
			"-R", filepath.Join(dir, "persist"), "-c", filepath.Join(dir, "ctl"), "--pidfile="+filepath.Join(dir, "pid"))
		cmd.Env = append(os.Environ(), "LD_LIBRARY_PATH="+strings.Join(libs, ":"))
		return cmd
	}
}

// decodeSyslogNG reads a line of format-json, which takes the dots in names for levels of objects.
func decodeSyslogNG(line []byte) (Message, error) {
	var m struct {
		Message
		SDATA map[string]map[string]string `json:"_SDATA"`
	}
	err := json.Unmarshal(line, &m)
	m.Message.SD = m.SDATA
	return m.Message, err
}
