package snmp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/conffile"
	"github.com/gluster-trapgw/gluster-trapgw/outputs"
	"github.com/gluster-trapgw/gluster-trapgw/outputs/snmp/snmptest"
)

// receive runs a Listener on addr ("127.0.0.1:0" picks a port) until the test ends or stop is called.
func receive(t *testing.T, addr string) (at string, got <-chan *Received, stop func()) {
	t.Helper()
	l, err := Listen(addr, testMIB(t))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ch := make(chan *Received, 1000)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := l.Run(ctx, func(r *Received, err error) {
			if err != nil {
				t.Error(err)
				return
			}
			ch <- r
		}); err != nil {
			t.Error(err)
		}
	}()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return l.Addr(), ch, stop
}

func next(t *testing.T, ch <-chan *Received) *Received {
	t.Helper()
	select {
	case r := <-ch:
		return r
	case <-time.After(5 * time.Second):
		t.Fatal("nothing came")
		return nil
	}
}

func TestSendTraps(t *testing.T) {
	t.Parallel()
	addr, got, _ := receive(t, "127.0.0.1:0")
	o := newOutput(t, config(addr))
	var batch []outputs.Message
	for i := range 50 {
		n := quorumLost(t)
		n.Seq = uint64(i)
		batch = append(batch, render(t, o, n))
	}
	if n, err := o.Send(context.Background(), batch); n != len(batch) || err != nil {
		t.Fatalf("sent %d, error %v", n, err)
	}
	for i := range 50 {
		r := next(t, got)
		if want := decoded(t, batch[i].Data); r.Value("gtgEvSequence.0") != want.Value("gtgEvSequence.0") || r.Size != len(batch[i].Data) {
			t.Errorf("trap %d: got sequence %s", i, r.Value("gtgEvSequence.0"))
		}
	}
}

func TestSendNoticesRefusalAndRepeats(t *testing.T) {
	t.Parallel()
	addr := snmptest.FreeAddr(t, "udp")
	o := newOutput(t, config(addr))
	var batch []outputs.Message
	for i := range 5 {
		n := quorumLost(t)
		n.Seq = uint64(i)
		batch = append(batch, render(t, o, n))
	}
	for range 3 {
		n, err := o.Send(context.Background(), batch)
		if n != 0 || !errors.Is(err, syscall.ECONNREFUSED) {
			t.Fatalf("sent %d, error %v", n, err)
		}
		if outputs.TroubleOf(err) != outputs.Refused {
			t.Errorf("status %q", outputs.TroubleOf(err))
		}
	}
	_, got, _ := receive(t, addr)
	if n, err := o.Send(context.Background(), batch); n != 5 || err != nil {
		t.Fatalf("sent %d, error %v", n, err)
	}
	for _, want := range []string{"0", "1", "2", "3", "4"} {
		if r := next(t, got); r.Value("gtgEvSequence.0") != want {
			t.Errorf("got %s, want %s", r.Value("gtgEvSequence.0"), want)
		}
	}
}

// A refusal that arrives after Send has returned is about packets that count as delivered: they are sent again. The next Send
// hears of it with its first packet or, when the refusal takes longer, with its second.
func TestSendRepeatsWhatALateRefusalIsAbout(t *testing.T) {
	t.Parallel()
	for _, late := range []struct {
		name  string
		there bool // the refusal is there before the next Send
	}{{"before the next packet", true}, {"after the next packet", false}} {
		t.Run(late.name, func(t *testing.T) {
			addr, got, stop := receive(t, "127.0.0.1:0")
			o := newOutput(t, config(addr))
			one := func(seq uint64) outputs.Message {
				n := quorumLost(t)
				n.Seq = seq
				return render(t, o, n)
			}
			sendAll(t, o, []outputs.Message{one(1)})
			next(t, got)
			stop()
			// What the network would do: the packet goes out, and its refusal comes later.
			if late.there {
				if _, err := o.link.conn.Write(one(2).Data); err != nil {
					t.Fatal(err)
				}
			}
			o.past.sent([]outputs.Message{one(2)})
			batch := []outputs.Message{one(3), one(4)}
			if n, err := o.Send(context.Background(), batch); n != 0 || err == nil {
				t.Fatalf("sent %d, error %v", n, err)
			}
			_, got, _ = receive(t, addr)
			if n, err := o.Send(context.Background(), batch); n != len(batch) || err != nil {
				t.Fatalf("sent %d, error %v", n, err)
			}
			var seqs []string
			for len(seqs) == 0 || seqs[len(seqs)-1] != "4" {
				seqs = append(seqs, next(t, got).Value("gtgEvSequence.0"))
			}
			if len(seqs) < 3 || !slices.Equal(seqs[len(seqs)-3:], []string{"2", "3", "4"}) {
				t.Errorf("got %v, want 2 before 3 and 4", seqs)
			}
		})
	}
}

func TestSendFromSource(t *testing.T) {
	t.Parallel()
	addr, got, _ := receive(t, "127.0.0.1:0")
	o := newOutput(t, config(addr, func(c *Config) { c.Source = "127.0.0.9" }))
	sendAll(t, o, []outputs.Message{render(t, o, quorumLost(t))})
	host, _, _ := net.SplitHostPort(next(t, got).From)
	if host != "127.0.0.9" {
		t.Errorf("came from %s", host)
	}
}

func TestSendSaysWhatFailed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		state outputs.Trouble
		cfg   Config
	}{
		{"name", outputs.Unresolved, config("no-such-host.invalid:162")},
		{"source", outputs.Unreachable, config("127.0.0.1:162", func(c *Config) { c.Source = "192.0.2.1" })},
		{"TCP refusal", outputs.Refused, config("tcp://" + snmptest.FreeAddr(t, "tcp"))},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := newOutput(t, c.cfg)
			if n, err := o.Send(context.Background(), []outputs.Message{render(t, o, quorumLost(t))}); n != 0 || err == nil || outputs.TroubleOf(err) != c.state {
				t.Errorf("sent %d, error %v, status %q", n, err, outputs.TroubleOf(err))
			}
		})
	}
}

func TestSendEndsWithContext(t *testing.T) {
	t.Parallel()
	o := newOutput(t, config(snmptest.FreeAddr(t, "udp")))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if n, err := o.Send(ctx, []outputs.Message{render(t, o, quorumLost(t))}); n != 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("sent %d, error %v", n, err)
	}
}

// The name of the receiver now means another address than the one in use.
func TestSendFollowsTheName(t *testing.T) {
	t.Parallel()
	addr, got, _ := receive(t, "127.0.0.1:0")
	_, port, _ := net.SplitHostPort(addr)
	o := newOutput(t, config(net.JoinHostPort("localhost", port), func(c *Config) { c.Source, c.Resolve = "127.0.0.1", 1 }))
	old, err := net.Dial("udp", net.JoinHostPort("127.0.0.77", port))
	if err != nil {
		t.Fatal(err)
	}
	o.link.conn = old
	o.link.buffer = make([]byte, 1024)
	sendAll(t, o, []outputs.Message{render(t, o, quorumLost(t))})
	next(t, got)
	if now := o.link.conn; now == old {
		t.Error("still the old address")
	}
	kept := o.link.conn
	sendAll(t, o, []outputs.Message{render(t, o, quorumLost(t))})
	next(t, got)
	if o.link.conn != kept {
		t.Error("a new socket although the address is the same")
	}
}

// twoAddresses is a name of the two addresses 127.0.0.77 and 127.0.0.1.
func twoAddresses(context.Context, string, string) ([]netip.Addr, error) {
	return []netip.Addr{netip.MustParseAddr("127.0.0.77"), netip.MustParseAddr("127.0.0.1")}, nil
}

// A receiver may listen on one of the addresses of its name only. The first one is tried again when its time has come.
func TestSendTriesTheAddressesOfTheName(t *testing.T) {
	t.Parallel()
	addr, got, _ := receive(t, "127.0.0.1:0")
	_, port, _ := net.SplitHostPort(addr)
	target := "receiver.test:" + port
	for kind, o := range map[string]*Output{"trap": newOutput(t, config(target)), "inform": newOutput(t, informer(target))} {
		o.link.udp.Lookup = twoAddresses
		msg := []outputs.Message{render(t, o, quorumLost(t))}
		want := fmt.Sprintf("%q (127.0.0.77:%s)", target, port)
		if n, err := o.Send(context.Background(), msg); n != 0 || err == nil || !strings.Contains(err.Error(), want) {
			t.Fatalf("%s: sent %d, error %v, want one that names %s", kind, n, err, want)
		}
		sendAll(t, o, msg)
		next(t, got)
		o.link.refresh = 1
		if n, err := o.Send(context.Background(), msg); n != 0 || err == nil {
			t.Errorf("%s: sent %d, error %v, want one of the first address", kind, n, err)
		}
	}
}

func TestInformTriesTheAddressesOfTheNameAfterSilence(t *testing.T) {
	t.Parallel()
	addr, _, _ := receive(t, "127.0.0.1:0")
	_, port, _ := net.SplitHostPort(addr)
	silent, err := net.ListenPacket("udp", net.JoinHostPort("127.0.0.77", port))
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close() //nolint:errcheck // a test
	o := newOutput(t, informer("receiver.test:"+port, func(c *Config) { c.Timeout = conffile.Duration(50 * time.Millisecond) }))
	o.link.udp.Lookup = twoAddresses
	if n, err := o.Send(context.Background(), numbered(t, o, 0, 1)); n != 0 || !errors.Is(err, errNoAck) {
		t.Fatalf("sent %d, error %v", n, err)
	}
	sendAll(t, o, numbered(t, o, 0, 1))
}

func TestCloseIsFinal(t *testing.T) {
	t.Parallel()
	addr, _, _ := receive(t, "127.0.0.1:0")
	o := newOutput(t, config(addr))
	batch := []outputs.Message{render(t, o, quorumLost(t))}
	sendAll(t, o, batch)
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	if n, err := o.Send(context.Background(), batch); n != 0 || !errors.Is(err, errClosed) {
		t.Errorf("sent %d, error %v", n, err)
	}
}

// narrowConn is the socket of a host that learns of a router with smaller packets when it writes the nth.
type narrowConn struct {
	*net.UDPConn
	nth int
}

func (c *narrowConn) Write(b []byte) (int, error) {
	if c.nth--; c.nth == 0 {
		return 0, syscall.EMSGSIZE
	}
	return c.UDPConn.Write(b)
}

// What a router did not pass on because of its size is sent again, and no packet is given up for it.
func TestSendThroughANarrowRouter(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"trap", "inform"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			addr, got, _ := receive(t, "127.0.0.1:0")
			o := newOutput(t, config(addr, func(c *Config) { c.Kind = kind }))
			if _, err := o.link.open(t.Context()); err != nil {
				t.Fatal(err)
			}
			o.link.conn = &narrowConn{o.link.conn.(*net.UDPConn), 4}
			batch, done := numbered(t, o, 0, 6), 0
			for try := 0; done < len(batch); try++ {
				n, err := o.Send(t.Context(), batch[done:])
				if errors.Is(err, outputs.ErrPermanent) || try == 0 && err == nil || try > 0 && err != nil {
					t.Fatalf("try %d: sent %d, error %v", try, n, err)
				}
				done += n
			}
			// Each of those before the error may be the one that the router threw away.
			times := map[string]int{}
			for len(times) < 6 || kind == "trap" && (times["0"] < 2 || times["1"] < 2 || times["2"] < 2) {
				times[next(t, got).Value("gtgEvSequence.0")]++
			}
		})
	}
}
