// Package syslogtest starts a real rsyslogd or syslog-ng for tests and reads back what it understood of each message.
package syslogtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/gluster-trapgw/gluster-trapgw/mibs/mibtest"
)

// Start runs rsyslogd on free ports until the test ends.
func Start(t testing.TB) *Collector {
	t.Helper()
	return start(t, nil, "", false)
}

// StartTLS runs rsyslogd that listens for TLS too, as localhost, and lets in only clients that show a certificate of
// the authority with the given name.
func StartTLS(t testing.TB, a *Authority, client string) *Collector {
	t.Helper()
	return start(t, a, client, false)
}

// StartRELP runs rsyslogd that listens for RELP, with TLS too when there is an authority, and writes each message
// before it acknowledges it: with a queue in memory, which is the default, a killed rsyslogd loses what it has acknowledged.
func StartRELP(t testing.TB, a *Authority, client string) *Collector {
	t.Helper()
	return start(t, a, client, true)
}

func start(t testing.TB, a *Authority, client string, relp bool) *Collector {
	t.Helper()
	bin := mibtest.Tool(t, "rsyslogd")
	r := newCollector(t, decodeRsyslog)
	r.Unix, r.DevLog = filepath.Join(r.dir, "socket"), filepath.Join(r.dir, "devlog")
	secure, input := "", ""
	if relp {
		r.RELP = freeAddr(t, "tcp")
		secure = "main_queue(queue.type=\"Direct\")\nmodule(load=\"imrelp\" ruleset=\"r\")\n"
		input = fmt.Sprintf("input(type=\"imrelp\" address=\"127.0.0.1\" port=%q maxDataSize=\"64k\")\n", port(r.RELP))
		if a != nil {
			r.RELPTLS = freeAddr(t, "tcp")
			cert, key := a.Issue("localhost")
			input += fmt.Sprintf(`input(type="imrelp" address="127.0.0.1" port=%q maxDataSize="64k" tls="on" tls.authmode="name"
  tls.cacert=%q tls.mycert=%q tls.myprivkey=%q tls.permittedpeer=[%q])
`, port(r.RELPTLS), a.CA, cert, key, client)
		}
	} else if a != nil {
		r.TLS = freeAddr(t, "tcp")
		cert, key := a.Issue("localhost")
		secure = fmt.Sprintf(`global(defaultNetstreamDriver="gtls" defaultNetstreamDriverCAFile=%q
  defaultNetstreamDriverCertFile=%q defaultNetstreamDriverKeyFile=%q)
module(load="imtcp" StreamDriver.Name="gtls" StreamDriver.Mode="1" StreamDriver.AuthMode="x509/name" PermittedPeer=[%q])
`, a.CA, cert, key, client)
		input = fmt.Sprintf("input(type=\"imtcp\" address=\"127.0.0.1\" port=%q ruleset=\"r\")\n", port(r.TLS))
	}
	conf := secure + fmt.Sprintf(`global(workDirectory=%[1]q maxMessageSize="64k")
module(load="imudp") module(load="imptcp") module(load="imuxsock" SysSock.Use="off") module(load="mmpstrucdata")
template(name="j" type="list") {
  constant(value="{") property(outname="pri" name="pri" format="jsonf")
  constant(value=",") property(outname="timestamp" name="timereported" dateFormat="rfc3339" format="jsonf")
  constant(value=",") property(outname="host" name="hostname" format="jsonf")
  constant(value=",") property(outname="app" name="app-name" format="jsonf")
  constant(value=",") property(outname="msgid" name="msgid" format="jsonf")
  constant(value=",") property(outname="msg" name="msg" format="jsonf")
  constant(value=",\"sd\":") property(name="$!rfc5424-sd") constant(value="}\n")
}
ruleset(name="r") { action(type="mmpstrucdata" sd_name.lowercase="off") action(type="omfile" file="%[1]s/out" template="j" flushOnTXEnd="on" asyncWriting="off") }
input(type="imudp" address="127.0.0.1" port="%[2]s" ruleset="r" rcvbufSize="8m")
input(type="imptcp" address="127.0.0.1" port="%[3]s" ruleset="r")
input(type="imuxsock" Socket=%[4]q useSpecialParser="off" parseHostname="on" ignoreTimestamp="off" ruleset="r")
input(type="imuxsock" Socket=%[5]q ruleset="r")
`, r.dir, port(r.UDP), port(r.TCP), r.Unix, r.DevLog) + input
	return r.run(conf, func() *exec.Cmd {
		return exec.Command(bin, "-n", "-f", filepath.Join(r.dir, "conf"), "-i", filepath.Join(r.dir, "pid"))
	})
}

// RunRsyslog runs rsyslogd with a configuration until the test ends; it must listen for TCP or TLS at addr.
func RunRsyslog(t testing.TB, conf, addr string) *Collector {
	t.Helper()
	bin := mibtest.Tool(t, "rsyslogd")
	c := newCollector(t, decodeRsyslog)
	c.UDP, c.TCP = "", addr
	conf = fmt.Sprintf("global(workDirectory=%q)\n", c.dir) + conf
	return c.run(conf, func() *exec.Cmd {
		return exec.Command(bin, "-n", "-f", filepath.Join(c.dir, "conf"), "-i", filepath.Join(c.dir, "pid"))
	})
}

func decodeRsyslog(line []byte) (m Message, err error) {
	line = bytes.Replace(line, []byte(`"sd":}`), []byte(`"sd":{}}`), 1) // of a message without structured data
	err = json.Unmarshal(line, &m)
	return m, err
}
