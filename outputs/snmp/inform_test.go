package snmp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gosnmp/gosnmp"

	"github.com/gluster-trapgw/gluster-trapgw/conffile"
	"github.com/gluster-trapgw/gluster-trapgw/outputs"
	"github.com/gluster-trapgw/gluster-trapgw/outputs/snmp/snmptest"
)

var alice = User{Name: "alice", Auth: "SHA-256", AuthKey: "authpass12345", Priv: "AES", PrivKey: "privpass12345"}

func informer(target string, change ...func(*Config)) Config {
	return config(target, append([]func(*Config){func(c *Config) { c.Kind = "inform" }}, change...)...)
}

func numbered(t testing.TB, o *Output, from, to int) []outputs.Message {
	t.Helper()
	var batch []outputs.Message
	for i := from; i < to; i++ {
		n := quorumLost(t)
		n.Seq = uint64(i)
		n.ID = fmt.Sprint("id-", i)
		batch = append(batch, render(t, o, n))
	}
	return batch
}

// peer is a receiver of v2c informs whose answers the test decides.
type peer struct {
	conn net.PacketConn
	got  chan string // sequence numbers as they come
}

// newPeer answers those informs for which answer says so.
func newPeer(t *testing.T, answer func(nth int, p *gosnmp.SnmpPacket) bool) *peer {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	p := &peer{conn: conn, got: make(chan string, 1000)}
	mib := testMIB(t)
	go func() {
		buf := make([]byte, 65536)
		for nth := 0; ; nth++ {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			r, packet, err := decode(mib, &gosnmp.GoSNMP{}, buf[:n])
			if err != nil {
				t.Error(err)
				return
			}
			p.got <- r.Value("gtgEvSequence.0")
			packet.PDUType = gosnmp.GetResponse
			if !answer(nth, packet) {
				continue
			}
			data, err := packet.MarshalMsg()
			if err == nil {
				_, err = conn.WriteTo(data, from)
			}
			if err != nil && !errors.Is(err, net.ErrClosed) {
				t.Error(err)
			}
		}
	}()
	return p
}

func (p *peer) addr() string { return p.conn.LocalAddr().String() }

func TestInformsAreAcknowledged(t *testing.T) {
	t.Parallel()
	addr, got, _ := receive(t, "127.0.0.1:0")
	o := newOutput(t, informer(addr))
	batch := numbered(t, o, 0, 300)
	if n, err := o.Send(context.Background(), batch); n != 300 || err != nil {
		t.Fatalf("sent %d, error %v", n, err)
	}
	for i := range 300 {
		if r := next(t, got); r.Value("gtgEvSequence.0") != fmt.Sprint(i) || r.Kind != "inform" {
			t.Errorf("got %s %s, want inform %d", r.Kind, r.Value("gtgEvSequence.0"), i)
		}
	}
}

func TestInformsReturnThePrefixThatWasAcknowledged(t *testing.T) {
	t.Parallel()
	p := newPeer(t, func(nth int, _ *gosnmp.SnmpPacket) bool { return nth != 7 })
	o := newOutput(t, informer(p.addr(), func(c *Config) { c.Timeout, c.Window = conffile.Duration(time.Second), 4 }))
	batch := numbered(t, o, 0, 20)
	n, err := o.Send(context.Background(), batch)
	if n != 7 || !errors.Is(err, errNoAck) || outputs.TroubleOf(err) != outputs.Timeout {
		t.Fatalf("acknowledged %d, error %v, status %q", n, err, outputs.TroubleOf(err))
	}
	if len(p.got) != 11 { // 0 to 6, and the window of four from 7
		t.Errorf("%d informs were sent, want 11", len(p.got))
	}
	if n, err = o.Send(context.Background(), numbered(t, o, 7, 20)); n != 13 || err != nil {
		t.Errorf("acknowledged %d, error %v", n, err)
	}
}

func TestInformsTellRefusalFromSilence(t *testing.T) {
	t.Parallel()
	addr := snmptest.FreeAddr(t, "udp")
	o := newOutput(t, informer(addr))
	for range 2 {
		n, err := o.Send(context.Background(), numbered(t, o, 0, 3))
		if n != 0 || !errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, errNoAck) || outputs.TroubleOf(err) != outputs.Refused {
			t.Fatalf("sent %d, error %v, status %q", n, err, outputs.TroubleOf(err))
		}
	}
	receive(t, addr)
	if n, err := o.Send(context.Background(), numbered(t, o, 0, 3)); n != 3 || err != nil {
		t.Errorf("sent %d, error %v", n, err)
	}
}

func TestInformRejected(t *testing.T) {
	t.Parallel()
	p := newPeer(t, func(_ int, p *gosnmp.SnmpPacket) bool { p.Error = gosnmp.TooBig; return true })
	o := newOutput(t, informer(p.addr()))
	if n, err := o.Send(context.Background(), numbered(t, o, 0, 1)); n != 0 || !errors.Is(err, outputs.ErrPermanent) || outputs.TroubleOf(err) != outputs.Rejected {
		t.Errorf("sent %d, error %v, status %q", n, err, outputs.TroubleOf(err))
	}
}

func TestInformsEndWithContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	p := newPeer(t, func(int, *gosnmp.SnmpPacket) bool { cancel(); return false })
	o := newOutput(t, informer(p.addr(), func(c *Config) { c.Timeout = conffile.Duration(time.Hour) }))
	if n, err := o.Send(ctx, numbered(t, o, 0, 3)); n != 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("sent %d, error %v", n, err)
	}
}

// startV3 runs a snmptrapd that takes informs and traps of alice, with one engine ID for life.
func startV3(t *testing.T, network string) *snmptest.Daemon {
	t.Helper()
	var conf []string
	for _, kind := range []string{"trap", "inform"} {
		lines, err := CreateUserLines(config("127.0.0.1:162", withUser(alice), func(c *Config) { c.Kind = kind }), engineID)
		if err != nil {
			t.Fatal(err)
		}
		conf = append(conf, lines)
	}
	return snmptest.Start(t, snmptest.Options{Network: network, Config: conf})
}

func ids(traps []snmptest.Trap) map[string]int {
	m := map[string]int{}
	for _, tr := range traps {
		m[tr.Value("gtgEvNotificationId.0")]++
	}
	return m
}

func TestInformsV3FollowARestartOfTheReceiver(t *testing.T) {
	t.Parallel()
	d := startV3(t, "")
	o := newOutput(t, informer(d.Addr, withUser(alice)))
	sendAll(t, o, numbered(t, o, 0, 30))
	rendered := numbered(t, o, 30, 60) // for the engine as it is before
	d.Restart()
	n, err := o.Send(context.Background(), rendered)
	if errors.Is(err, syscall.ECONNREFUSED) { // a refusal of the socket that was closed in between
		n, err = o.Send(context.Background(), rendered)
	}
	if n != 30 || err != nil {
		t.Fatalf("acknowledged %d, error %v", n, err)
	}
	got := ids(d.Wait(60))
	for i := range 60 {
		if got[fmt.Sprint("id-", i)] == 0 {
			t.Errorf("inform %d is lost", i)
		}
	}
	if g := o.remote.newest().generation; g < 2 {
		t.Errorf("generation %d: the new boots were not learnt", g)
	}
}

// A receiver that is installed anew has another engine ID, so that every key changes.
func TestInformsV3FollowAnotherEngine(t *testing.T) {
	t.Parallel()
	d := startV3(t, "")
	o := newOutput(t, informer(d.Addr, withUser(alice)))
	sendAll(t, o, numbered(t, o, 0, 5))
	before := o.remote.newest().engineID
	rendered := numbered(t, o, 5, 20)
	lines, err := CreateUserLines(informer("127.0.0.1:162", withUser(alice)), "")
	if err != nil {
		t.Fatal(err)
	}
	d.Stop()
	d.Forget()
	d.Configure("exactEngineID 0x80001f888077777777", lines)
	d.Restart()
	sendAll(t, o, rendered)
	if after := o.remote.newest().engineID; after == before {
		t.Errorf("the engine ID is still %x", after)
	}
	d.WaitFor("all 20", func(traps []snmptest.Trap) bool { return len(ids(traps)) == 20 })
}

func TestInformsV3ReceiverDownLosesNothing(t *testing.T) {
	t.Parallel()
	d := startV3(t, "")
	o := newOutput(t, informer(d.Addr, withUser(alice)))
	sendAll(t, o, numbered(t, o, 0, 5))
	d.Stop()
	batch := numbered(t, o, 5, 50)
	for range 3 {
		if n, err := o.Send(context.Background(), batch); n != 0 || err == nil || outputs.TroubleOf(err) != outputs.Refused {
			t.Fatalf("acknowledged %d, error %v, status %q", n, err, outputs.TroubleOf(err))
		}
	}
	d.Restart()
	sendAll(t, o, batch)
	got := ids(d.Wait(50))
	for i := range 50 {
		if got[fmt.Sprint("id-", i)] == 0 {
			t.Errorf("inform %d is lost", i)
		}
	}
}

func TestInformsV3SayWhyTheyAreRejected(t *testing.T) {
	t.Parallel()
	d := startV3(t, "")
	for _, c := range []struct {
		name, want string
		change     func(*User)
	}{
		{"unknown user", "does not know the user", func(u *User) { u.Name = "bob" }},
		{"wrong passphrase", "wrong authentication", func(u *User) { u.AuthKey = "wrongwrong" }},
		{"wrong protocol", "wrong authentication", func(u *User) { u.Auth = "SHA-512" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			user := alice
			c.change(&user)
			o := newOutput(t, informer(d.Addr, withUser(user)))
			n, err := o.Send(context.Background(), numbered(t, o, 0, 1))
			if n != 0 || err == nil || !strings.Contains(err.Error(), c.want) || outputs.TroubleOf(err) != outputs.Rejected {
				t.Errorf("acknowledged %d, error %v, status %q", n, err, outputs.TroubleOf(err))
			}
		})
	}
}

func TestOtherTransports(t *testing.T) {
	t.Parallel()
	for _, network := range []string{"tcp", "udp6"} {
		for _, kind := range []string{"trap", "inform"} {
			t.Run(network+" "+kind, func(t *testing.T) {
				t.Parallel()
				d := startV3(t, network)
				target := d.Addr
				if network == "tcp" {
					target = "tcp://" + target
				}
				o := newOutput(t, config(target, withUser(alice), func(c *Config) {
					if c.Kind = kind; kind == "trap" {
						c.EngineID = engineID
					}
				}))
				sendAll(t, o, numbered(t, o, 0, 20))
				d.Wait(20)
				d.Restart()
				sendAll(t, o, numbered(t, o, 20, 40))
				d.WaitFor("all 40", func(traps []snmptest.Trap) bool { return len(ids(traps)) == 40 })
			})
		}
	}
}

// The sender ends and starts again in the middle: its boots counter rises and its traps are still accepted.
func TestTrapsV3AfterRestartsOfBothSides(t *testing.T) {
	t.Parallel()
	d := startV3(t, "")
	dir := t.TempDir()
	for start := range 3 {
		all, err := OpenEngines(dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		o, err := New(config(d.Addr, withUser(alice), func(c *Config) { c.EngineID = engineID }), Env{MIB: testMIB(t), Start: time.Now(), Engines: all})
		if err != nil {
			t.Fatal(err)
		}
		sendAll(t, o, numbered(t, o, start*10, start*10+10))
		d.Wait(start*10 + 10)
		if start == 1 {
			d.Restart()
			sendAll(t, o, numbered(t, o, 20, 30))
			d.Wait(30)
		}
		if err := o.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A refusal that overtakes the acknowledgement of an earlier inform does not give up the earlier one.
func TestInformTooBigOutOfOrder(t *testing.T) {
	t.Parallel()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go func() { // answers the first of two last
		mib, buf := testMIB(t), make([]byte, 65536)
		var first *gosnmp.SnmpPacket
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			_, p, err := decode(mib, &gosnmp.GoSNMP{}, buf[:n])
			if err != nil {
				t.Error(err)
				return
			}
			if p.PDUType = gosnmp.GetResponse; first == nil {
				first = p
				continue
			}
			p.Error = gosnmp.TooBig
			for _, answer := range []*gosnmp.SnmpPacket{p, first} {
				data, err := answer.MarshalMsg()
				if err == nil {
					_, err = conn.WriteTo(data, from)
				}
				if err != nil && !errors.Is(err, net.ErrClosed) {
					t.Error(err)
				}
			}
		}
	}()
	o := newOutput(t, informer(conn.LocalAddr().String(), func(c *Config) { c.Timeout, c.Window = conffile.Duration(10*time.Second), 4 }))
	n, err := o.Send(context.Background(), numbered(t, o, 0, 2))
	if n != 1 || !errors.Is(err, outputs.ErrPermanent) {
		t.Fatalf("acknowledged %d, error %v, want 1 and that the second can never be sent", n, err)
	}
}
