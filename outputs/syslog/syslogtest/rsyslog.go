// Package syslogtest starts a real rsyslogd for tests and reads back what it understood of each message.
package syslogtest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/mibs/mibtest"
)

// Message is one message as rsyslog parsed it.
type Message struct {
	PRI       string                       `json:"pri"`
	Timestamp string                       `json:"timestamp"`
	Host      string                       `json:"host"`
	App       string                       `json:"app"`
	MsgID     string                       `json:"msgid"`
	Msg       string                       `json:"msg"`
	SD        map[string]map[string]string `json:"sd"`
}

// Rsyslog is a running rsyslogd.
type Rsyslog struct {
	UDP, TCP string // addresses it listens at
	TLS      string // only after StartTLS
	RELP     string // only after StartRELP
	RELPTLS  string // only after StartRELP with an authority
	t        testing.TB
	bin      string
	dir      string
	cmd      *exec.Cmd
}

// Start runs rsyslogd on free ports until the test ends.
func Start(t testing.TB) *Rsyslog {
	t.Helper()
	return start(t, nil, "", false)
}

// StartTLS runs rsyslogd that listens for TLS too, as localhost, and lets in only clients that show a certificate of
// the authority with the given name.
func StartTLS(t testing.TB, a *Authority, client string) *Rsyslog {
	t.Helper()
	return start(t, a, client, false)
}

// StartRELP runs rsyslogd that listens for RELP, with TLS too when there is an authority, and writes each message
// before it acknowledges it: with a queue in memory, which is the default, a killed rsyslogd loses what it has acknowledged.
func StartRELP(t testing.TB, a *Authority, client string) *Rsyslog {
	t.Helper()
	return start(t, a, client, true)
}

func start(t testing.TB, a *Authority, client string, relp bool) *Rsyslog {
	t.Helper()
	r := &Rsyslog{t: t, bin: mibtest.Tool(t, "rsyslogd"), dir: t.TempDir(), UDP: freeAddr(t, "udp"), TCP: freeAddr(t, "tcp")}
	secure, input := "", ""
	if relp {
		r.RELP = freeAddr(t, "tcp")
		_, port, _ := net.SplitHostPort(r.RELP)
		secure = "main_queue(queue.type=\"Direct\")\nmodule(load=\"imrelp\" ruleset=\"r\")\n"
		input = fmt.Sprintf("input(type=\"imrelp\" address=\"127.0.0.1\" port=%q maxDataSize=\"64k\")\n", port)
		if a != nil {
			r.RELPTLS = freeAddr(t, "tcp")
			_, port, _ := net.SplitHostPort(r.RELPTLS)
			cert, key := a.Issue("localhost")
			input += fmt.Sprintf(`input(type="imrelp" address="127.0.0.1" port=%q maxDataSize="64k" tls="on" tls.authmode="name"
  tls.cacert=%q tls.mycert=%q tls.myprivkey=%q tls.permittedpeer=[%q])
`, port, a.CA, cert, key, client)
		}
	} else if a != nil {
		r.TLS = freeAddr(t, "tcp")
		_, port, _ := net.SplitHostPort(r.TLS)
		cert, key := a.Issue("localhost")
		secure = fmt.Sprintf(`global(defaultNetstreamDriver="gtls" defaultNetstreamDriverCAFile=%q
  defaultNetstreamDriverCertFile=%q defaultNetstreamDriverKeyFile=%q)
module(load="imtcp" StreamDriver.Name="gtls" StreamDriver.Mode="1" StreamDriver.AuthMode="x509/name" PermittedPeer=[%q])
`, a.CA, cert, key, client)
		input = fmt.Sprintf("input(type=\"imtcp\" address=\"127.0.0.1\" port=%q ruleset=\"r\")\n", port)
	}
	_, udp, _ := net.SplitHostPort(r.UDP)
	_, tcp, _ := net.SplitHostPort(r.TCP)
	conf := secure + fmt.Sprintf(`global(workDirectory=%[1]q maxMessageSize="64k")
module(load="imudp") module(load="imptcp") module(load="mmpstrucdata")
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
`, r.dir, udp, tcp) + input
	if err := os.WriteFile(filepath.Join(r.dir, "conf"), []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	r.Restart()
	t.Cleanup(r.Stop)
	return r
}

// Restart starts rsyslogd again on the same ports and waits until it listens.
func (r *Rsyslog) Restart() {
	r.t.Helper()
	log, err := os.OpenFile(filepath.Join(r.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		r.t.Fatal(err)
	}
	defer log.Close() //nolint:errcheck // the child has its own copy
	r.cmd = exec.Command(r.bin, "-n", "-f", filepath.Join(r.dir, "conf"), "-i", filepath.Join(r.dir, "pid"))
	r.cmd.Stdout, r.cmd.Stderr = log, log
	if err := r.cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	deadline := time.Now().Add(15 * time.Second)
	for _, addr := range []string{r.TCP, r.TLS, r.RELP, r.RELPTLS} {
		for addr != "" {
			c, err := net.Dial("tcp", addr)
			if err == nil {
				c.Close() //nolint:errcheck // only a probe
				break
			}
			if time.Now().After(deadline) {
				text, rerr := os.ReadFile(filepath.Join(r.dir, "log"))
				r.t.Fatalf("rsyslogd does not listen: %v\n%s%v", err, text, rerr)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
}

// Stop ends it in good order.
func (r *Rsyslog) Stop() { r.end(syscall.SIGTERM) }

// Kill ends it at once.
func (r *Rsyslog) Kill() { r.end(syscall.SIGKILL) }

func (r *Rsyslog) end(sig os.Signal) {
	if r.cmd == nil {
		return
	}
	if err := r.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		r.t.Errorf("stop rsyslogd: %v", err)
	}
	r.cmd.Wait() //nolint:errcheck // how it ended does not matter
	r.cmd = nil
}

// Messages is what it wrote so far.
func (r *Rsyslog) Messages() []Message {
	r.t.Helper()
	f, err := os.Open(filepath.Join(r.dir, "out"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		r.t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // only read
	var all []Message
	s := bufio.NewScanner(f)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		var m Message
		line := bytes.Replace(s.Bytes(), []byte(`"sd":}`), []byte(`"sd":{}}`), 1) // of a message without structured data
		if err := json.Unmarshal(line, &m); err != nil {
			continue // the last line may be half written
		}
		all = append(all, m)
	}
	return all
}

// Wait returns the messages as soon as enough says so, and fails the test when that takes too long.
func (r *Rsyslog) Wait(enough func([]Message) bool) []Message {
	r.t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		all := r.Messages()
		if enough(all) {
			return all
		}
		if time.Now().After(deadline) {
			text, err := os.ReadFile(filepath.Join(r.dir, "log"))
			r.t.Fatalf("rsyslog has %d messages and not those expected; its log: %s %v", len(all), text, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func freeAddr(t testing.TB, network string) string {
	t.Helper()
	if network == "udp" {
		c, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close() //nolint:errcheck // only a probe
		return c.LocalAddr().String()
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // only a probe
	return l.Addr().String()
}
