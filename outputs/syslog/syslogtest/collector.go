package syslogtest

import (
	"bufio"
	"errors"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// Message is one message as the collector parsed it.
type Message struct {
	PRI       string                       `json:"pri"`
	Timestamp string                       `json:"timestamp"`
	Host      string                       `json:"host"`
	App       string                       `json:"app"`
	MsgID     string                       `json:"msgid"`
	Msg       string                       `json:"msg"`
	SD        map[string]map[string]string `json:"sd"`
}

// Collector is a running rsyslogd or syslog-ng.
type Collector struct {
	UDP, TCP string // addresses it listens at
	TLS      string // only with an authority
	Unix     string // of rsyslog: a datagram socket whose messages are parsed as those from the network
	DevLog   string // of rsyslog: a datagram socket such as /dev/log
	RELP     string // only after StartRELP
	RELPTLS  string // only after StartRELP with an authority

	t       testing.TB
	dir     string
	command func() *exec.Cmd // not started
	decode  func(line []byte) (Message, error)
	cmd     *exec.Cmd
}

func newCollector(t testing.TB, decode func([]byte) (Message, error)) *Collector {
	t.Helper()
	return &Collector{t: t, dir: t.TempDir(), decode: decode, UDP: freeAddr(t, "udp"), TCP: freeAddr(t, "tcp")}
}

// run starts it with its configuration until the test ends.
func (c *Collector) run(conf string, command func() *exec.Cmd) *Collector {
	c.t.Helper()
	if err := os.WriteFile(filepath.Join(c.dir, "conf"), []byte(conf), 0o600); err != nil {
		c.t.Fatal(err)
	}
	c.command = command
	c.Restart()
	c.t.Cleanup(c.Stop)
	return c
}

func port(addr string) string {
	_, port, _ := net.SplitHostPort(addr)
	return port
}

// Restart starts it again on the same ports and waits until it listens.
func (c *Collector) Restart() {
	c.t.Helper()
	log, err := os.OpenFile(filepath.Join(c.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		c.t.Fatal(err)
	}
	defer log.Close() //nolint:errcheck // the child has its own copy
	c.cmd = c.command()
	c.cmd.Stdout, c.cmd.Stderr = log, log
	if err := c.cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	deadline := time.Now().Add(15 * time.Second)
	for _, addr := range []string{c.TCP, c.TLS, c.RELP, c.RELPTLS} {
		for addr != "" {
			probe, err := net.Dial("tcp", addr)
			if err == nil {
				probe.Close() //nolint:errcheck // only a probe
				break
			}
			if time.Now().After(deadline) {
				text, rerr := os.ReadFile(filepath.Join(c.dir, "log"))
				c.t.Fatalf("the collector does not listen: %v\n%s%v", err, text, rerr)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
}

// Stop ends it in good order.
func (c *Collector) Stop() { c.end(syscall.SIGTERM) }

// Kill ends it at once.
func (c *Collector) Kill() { c.end(syscall.SIGKILL) }

func (c *Collector) end(sig os.Signal) {
	if c.cmd == nil {
		return
	}
	if err := c.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		c.t.Errorf("stop the collector: %v", err)
	}
	c.cmd.Wait() //nolint:errcheck // how it ended does not matter
	c.cmd = nil
}

// Messages is what it wrote so far.
func (c *Collector) Messages() []Message {
	c.t.Helper()
	f, err := os.Open(filepath.Join(c.dir, "out"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		c.t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // only read
	var all []Message
	s := bufio.NewScanner(f)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		m, err := c.decode(s.Bytes())
		if err != nil {
			continue // the last line may be half written
		}
		all = append(all, m)
	}
	return all
}

// Wait returns the messages as soon as enough says so, and fails the test when that takes too long.
func (c *Collector) Wait(enough func([]Message) bool) []Message {
	c.t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		all := c.Messages()
		if enough(all) {
			return all
		}
		if time.Now().After(deadline) {
			text, err := os.ReadFile(filepath.Join(c.dir, "log"))
			c.t.Fatalf("the collector has %d messages and not those expected; its log: %s %v", len(all), text, err)
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
