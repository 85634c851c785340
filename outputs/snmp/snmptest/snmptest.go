// Package snmptest runs a real snmptrapd for tests and reads back what it received, every varbind by its name in our
// MIB. Tests in any package may use it; nothing else does.
package snmptest

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/mibs"
	"github.com/gluster-trapgw/gluster-trapgw/mibs/mibtest"
)

// Options say how snmptrapd is to run. The zero value takes v1 and v2c with the community public over UDP.
type Options struct {
	Network   string   // udp, tcp, udp6; empty: udp
	Config    []string // more lines of snmptrapd.conf, like createUser and authUser
	Community string   // empty: public
	Root      string   // OID root of the MIB; empty: the default one
	Output    string   // options of -O; empty: Q, which Traps can read. Trap handlers of others want n
}

// Trap is one notification as snmptrapd logged it.
type Trap struct {
	From     string // address of the sender
	Name     string // of the notification: "glusterQuorumLost"
	Varbinds []Varbind
}

// Varbind is one line of a Trap. Value is what snmptrapd prints of text and numbers, without quotes; enumerations and
// times look as its own rules make them: "critical(3)", "2026-11-23,1:2:3.0,+0:0".
type Varbind struct{ Name, Value string }

// Value returns the value of the varbind with this name ("gtgEvName.0"), empty when there is none.
func (tr *Trap) Value(name string) string {
	for _, v := range tr.Varbinds {
		if v.Name == name {
			return v.Value
		}
	}
	return ""
}

// Daemon is a running snmptrapd.
type Daemon struct {
	Addr string // host:port that it listens on
	Log  string // its log file

	t       testing.TB
	bin     string
	listen  string
	dir     string
	mibs    string
	network string
	output  string
	conf    []string

	mu   sync.Mutex // guards proc
	proc *exec.Cmd
	done chan error
}

// recordMark begins each notification in the log, and recordEnd ends it.
const (
	recordMark = "@@trap@@"
	recordEnd  = "@@end@@"
)

// Start runs snmptrapd until the test ends. Without the program the test is skipped, or fails when TRAPGW_PEERS=1.
func Start(t testing.TB, opts Options) *Daemon {
	t.Helper()
	d := &Daemon{t: t, bin: mibtest.Tool(t, "snmptrapd"), dir: t.TempDir(), network: opts.Network, output: "-O" + opts.Output}
	if opts.Output == "" {
		d.output = "-OQ"
	}
	d.mibs = mibtest.Dir(t, opts.Root)
	if d.network == "" {
		d.network = "udp"
	}
	d.Addr = FreeAddr(t, d.network)
	d.listen = d.network + ":" + d.Addr
	if d.network == "udp6" {
		d.listen = "udp6:" + d.Addr
	}
	community := opts.Community
	if community == "" {
		community = "public"
	}
	conf := []string{
		"engineIDType 1",
		"authCommunity log,execute,net " + community,
		// The format of v1 traps lacks what v2 ones carry as varbinds, so that it is spelled out.
		`format1 ` + recordMark + ` %B\n%N.%q\n%v\n` + recordEnd + `\n`,
		`format2 ` + recordMark + ` %B\n\n%v\n` + recordEnd + `\n`,
		"outputOption x",
	}
	d.conf = conf
	d.Configure(opts.Config...)
	d.Log = filepath.Join(d.dir, "trapd.log")
	d.Restart()
	t.Cleanup(d.Stop)
	return d
}

// FreeAddr returns a loopback address with a port that was free just now.
func FreeAddr(t testing.TB, network string) string {
	t.Helper()
	host := "127.0.0.1"
	if network == "udp6" {
		host = "::1"
	}
	if network == "tcp" {
		l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		return l.Addr().String()
	}
	c, err := net.ListenPacket("udp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.LocalAddr().String()
}

func (d *Daemon) write(name, text string) {
	d.t.Helper()
	if err := os.WriteFile(filepath.Join(d.dir, name), []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
}

// Configure replaces the lines of Options.Config; they hold from the next Restart on.
func (d *Daemon) Configure(lines ...string) {
	d.t.Helper()
	d.write("snmptrapd.conf", strings.Join(append(d.conf[:len(d.conf):len(d.conf)], lines...), "\n")+"\n")
}

// Forget throws away what a stopped snmptrapd has kept: engine ID, boots counter, localized keys.
func (d *Daemon) Forget() {
	d.t.Helper()
	if err := os.RemoveAll(filepath.Join(d.dir, "persist")); err != nil {
		d.t.Fatal(err)
	}
}

// Restart stops snmptrapd if it runs and starts it on the same address with the same state.
func (d *Daemon) Restart() {
	d.t.Helper()
	d.Stop()
	cmd := exec.Command(d.bin, "-f", "-M", d.mibs, "-m", mibs.EventsModule+":SNMPv2-MIB:SNMP-COMMUNITY-MIB",
		d.output, "-A", "-Lf", d.Log, "-p", filepath.Join(d.dir, "trapd.pid"), d.listen)
	persist := filepath.Join(d.dir, "persist")
	// The search path keeps the files of the machine away as -C would, which also skips the state of the last run.
	cmd.Env = append(os.Environ(), "SNMPCONFPATH="+d.dir+":"+persist, "SNMP_PERSISTENT_DIR="+persist)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	before := d.starts()
	if err := cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	d.mu.Lock()
	d.proc, d.done = cmd, done
	d.mu.Unlock()
	d.poll("snmptrapd to listen", func() bool {
		select {
		case err := <-done:
			d.t.Fatalf("snmptrapd ended at once: %v\n%s", err, stderr.String())
		default:
		}
		return d.starts() > before
	})
}

// starts counts the starts that the log tells of.
func (d *Daemon) starts() int {
	text, err := os.ReadFile(d.Log)
	if err != nil {
		return 0
	}
	return strings.Count(string(text), "NET-SNMP version")
}

// Stop ends snmptrapd; its address refuses from then on.
func (d *Daemon) Stop() {
	d.mu.Lock()
	proc, done := d.proc, d.done
	d.proc = nil
	d.mu.Unlock()
	if proc == nil {
		return
	}
	// Ended in good order, it saves its v3 boots counter and raises it at the next start.
	if err := proc.Process.Signal(os.Interrupt); err != nil && err != os.ErrProcessDone {
		d.t.Errorf("stop snmptrapd: %v", err)
	}
	select {
	case <-done:
	case <-time.After(5 * time.Second):
		d.t.Error("snmptrapd does not end, it is killed")
		if err := proc.Process.Kill(); err != nil && err != os.ErrProcessDone {
			d.t.Errorf("kill snmptrapd: %v", err)
		}
		<-done
	}
}

// Wait polls the log until it has n notifications and returns all of them; the test fails after some seconds.
func (d *Daemon) Wait(n int) []Trap {
	d.t.Helper()
	return d.WaitFor(fmt.Sprintf("%d notifications at snmptrapd", n), func(traps []Trap) bool { return len(traps) >= n })
}

// WaitFor polls the log until what was received is as wanted and returns it; the test fails after some seconds.
func (d *Daemon) WaitFor(what string, ok func([]Trap) bool) []Trap {
	d.t.Helper()
	var traps []Trap
	d.poll(what, func() bool {
		traps = d.Traps()
		return ok(traps)
	})
	return traps
}

// patience is how long a test waits for what must come: more than the longest pause between two tries of a sender.
const patience = time.Minute

// poll asks an external process until it is as wanted.
func (d *Daemon) poll(what string, ok func() bool) {
	d.t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline.C:
			text, _ := os.ReadFile(d.Log) // only for the message
			d.t.Fatalf("waited in vain for %s; its log:\n%s", what, text)
		case <-tick.C:
		}
	}
}

// Traps returns the notifications that were logged so far.
func (d *Daemon) Traps() []Trap {
	d.t.Helper()
	text, err := os.ReadFile(d.Log)
	if err != nil {
		return nil
	}
	return Parse(string(text))
}

// Parse reads the log of a Daemon.
func Parse(log string) []Trap {
	var traps []Trap
	var cur *Trap
	line := 0
	in := bufio.NewScanner(strings.NewReader(log))
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		text := in.Text()
		switch {
		case strings.HasPrefix(text, recordMark):
			cur, line = &Trap{From: strings.TrimSpace(strings.TrimPrefix(text, recordMark))}, 0
		case cur == nil:
		case text == recordEnd:
			traps = append(traps, *cur)
			cur = nil
		default:
			line++
			cur.read(line, text)
		}
	}
	return traps
}

// read takes one line of a record: the enterprise and number of a v1 trap, else the varbinds, which tabs separate.
func (tr *Trap) read(line int, text string) {
	if line == 1 {
		tr.Name = plain(text)
		return
	}
	for _, v := range strings.Split(text, "\t") {
		name, value, ok := strings.Cut(v, " = ")
		if !ok {
			continue
		}
		value = strings.TrimSpace(value)
		if strings.HasPrefix(value, `"`) && strings.HasSuffix(value, `"`) && len(value) > 1 {
			value = strings.ReplaceAll(value[1:len(value)-1], `\"`, `"`)
		}
		vb := Varbind{Name: plain(name), Value: value}
		if vb.Name == "snmpTrapOID.0" {
			vb.Value = plain(value)
			tr.Name = vb.Value
		}
		tr.Varbinds = append(tr.Varbinds, vb)
	}
}

// plain takes the module off a name.
func plain(name string) string {
	return name[strings.LastIndex(name, ":")+1:]
}
