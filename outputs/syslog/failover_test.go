package syslog

import (
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
)

// listOutput sends to the first of the addresses that answers.
func listOutput(t testing.TB, every time.Duration, targets ...string) *Output {
	t.Helper()
	cfg := config("")
	cfg.Targets = targets
	o := newOutput(t, cfg)
	o.link.link.(*failoverLink).every = every
	return o
}

// closedAddr is an address at which nothing listens for now.
func closedAddr(t testing.TB) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close() //nolint:errcheck // only a probe
	return ln.Addr().String()
}

// The first collector that answers is used, and the first of the list again when it is back.
func TestFailoverAndBack(t *testing.T) {
	first := closedAddr(t)
	second := newPeer(t, "tcp", "127.0.0.1:0")
	o := listOutput(t, 0, "tcp://"+first, "tcp://"+second.ln.Addr().String())
	mustSend(t, o, batch(t, o, 0, 10))
	if got := second.read(second.accept(), 10); !slices.Equal(got, wantIDs(0, 10)) {
		t.Errorf("the second got %v", got)
	}
	back := newPeer(t, "tcp", first)
	mustSend(t, o, batch(t, o, 10, 10))
	if got := back.read(back.accept(), 10); !slices.Equal(got, wantIDs(10, 20)) {
		t.Errorf("the first got %v", got)
	}
}

// The collector in use is kept until it is time to try the first again.
func TestFailoverStays(t *testing.T) {
	first := closedAddr(t)
	second := newPeer(t, "tcp", "127.0.0.1:0")
	o := listOutput(t, time.Hour, "tcp://"+first, "tcp://"+second.ln.Addr().String())
	mustSend(t, o, batch(t, o, 0, 10))
	newPeer(t, "tcp", first)
	mustSend(t, o, batch(t, o, 10, 10))
	if got := second.read(second.accept(), 20); !slices.Equal(got, wantIDs(0, 20)) {
		t.Errorf("the second got %v", got)
	}
}

// What a collector had not read when it went away goes to its successor, and without anything new being sent.
func TestFailoverTakesUnreadMessagesAlong(t *testing.T) {
	first, second := newPeer(t, "tcp", "127.0.0.1:0"), newPeer(t, "tcp", "127.0.0.1:0")
	o := listOutput(t, time.Hour, "tcp://"+first.ln.Addr().String(), "tcp://"+second.ln.Addr().String())
	mustSend(t, o, batch(t, o, 0, 50))
	c := first.accept()
	first.ln.Close() //nolint:errcheck // nobody comes in any more
	c.Close()        //nolint:errcheck // with 50 messages unread: the kernel resets the connection
	if got := second.read(second.accept(), 50); !slices.Equal(got, wantIDs(0, 50)) {
		t.Errorf("the second got %v", got)
	}
}

// The same with RELP, where what is acknowledged is never repeated.
func TestFailoverFromRELP(t *testing.T) {
	p, _ := newRELPPeer(t, func(i int, _ string) string {
		if i >= 30 {
			return ""
		}
		return "200 OK"
	})
	second := newPeer(t, "tcp", "127.0.0.1:0")
	o := listOutput(t, time.Hour, "relp://"+p.ln.Addr().String(), "tcp://"+second.ln.Addr().String())
	mustSend(t, o, batch(t, o, 0, 50))
	if got := second.read(second.accept(), 20); !slices.Equal(got, wantIDs(30, 50)) {
		t.Errorf("the second got %v", got)
	}
	if ids, _, _ := p.got(); !slices.Equal(ids, wantIDs(0, 30)) {
		t.Errorf("the first got %v", ids)
	}
}

// Without any collector the error names each and why.
func TestFailoverNobodyAnswers(t *testing.T) {
	a, b := closedAddr(t), closedAddr(t)
	o := listOutput(t, time.Hour, "tcp://"+a, "relp://"+b)
	n, err := o.Send(t.Context(), batch(t, o, 0, 10))
	if n != 0 || err == nil || !strings.Contains(err.Error(), "tcp://"+a) || !strings.Contains(err.Error(), "relp://"+b) {
		t.Errorf("Send = %d, %v", n, err)
	}
}

// A message that was acknowledged and not read does not wait for the next one.
func TestUnreadMessagesDoNotWait(t *testing.T) {
	p := newPeer(t, "tcp", "127.0.0.1:0")
	o := newOutput(t, config("tcp://"+p.ln.Addr().String()))
	mustSend(t, o, batch(t, o, 0, 5))
	p.accept().Close() //nolint:errcheck // unread
	if got := p.read(p.accept(), 5); !slices.Equal(got, wantIDs(0, 5)) {
		t.Errorf("got %v", got)
	}
}

// Nor does a datagram that was refused.
func TestRefusedDatagramDoesNotWait(t *testing.T) {
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := c.LocalAddr().String()
	c.Close() //nolint:errcheck // only a probe
	l := &datagramLink{network: "udp", addr: addr}
	if err := l.open(t.Context()); err != nil {
		t.Fatal(err)
	}
	// A refusal that comes back late, as from afar: the write is over before it.
	data := batch(t, newOutput(t, config("udp://"+addr)), 0, 1)
	if _, err := l.conn.Write(data[0].Data); err != nil {
		t.Fatal(err)
	}
	l.last, l.lastAt = [][]byte{data[0].Data}, time.Now()
	if c, err = net.ListenPacket("udp", addr); err != nil {
		t.Skipf("the port was taken by another: %v", err)
	}
	defer c.Close() //nolint:errcheck // end of test
	k := newKeeper(l)
	defer k.close() //nolint:errcheck // end of test
	k.turn <- struct{}{}
	k.lookLater()
	<-k.turn
	if err := c.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 4096)
	if n, _, err := c.ReadFrom(buf); err != nil || !strings.Contains(string(buf[:n]), "id-0") {
		t.Errorf("got %q, %v", buf[:n], err)
	}
}

// Closing sends again what is known not to have been read, and what is under way does not block it.
func TestCloseSendsTheRest(t *testing.T) {
	p := newPeer(t, "tcp", "127.0.0.1:0")
	o := newQuietOutput(t, config("tcp://"+p.ln.Addr().String()))
	mustSend(t, o, batch(t, o, 0, 5))
	p.accept().Close() //nolint:errcheck // unread
	waitGone(t, o)
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(p.accept())
	if got := len(idPattern.FindAll(all, -1)); got != 5 || err != nil {
		t.Errorf("got %d messages, %v", got, err)
	}
}

func TestTargetsMistakes(t *testing.T) {
	for want, targets := range map[string][]string{
		"targets[1]: ":                        {"tcp://192.0.2.1:601", "sctp://192.0.2.2:601"},
		"targets[1]: \"tcp://192.0.2.1:601\"": {"tcp://192.0.2.1:601", "tcp://192.0.2.1:601"},
		"targets[0]: \"udp://192.0.2.1:514\"": {"udp://192.0.2.1:514", "tcp://192.0.2.1:601"},
	} {
		cfg := config("")
		cfg.Targets = targets
		if err := cfg.Validate(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v: got %v, want %s", targets, err, want)
		}
	}
	cfg := config("tcp://192.0.2.1:601")
	cfg.Targets = []string{"tcp://192.0.2.2:601", "udp://192.0.2.2:514"}
	if err := cfg.Validate(); err == nil || !strings.HasPrefix(err.Error(), "target: ") {
		t.Errorf("target and targets: %v", err)
	}
	for _, target := range []string{"udp://192.0.2.1:514", "relp://192.0.2.1:2514"} {
		cfg := config(target)
		cfg.Framing = "lf"
		if err := cfg.Validate(); err == nil || !strings.HasPrefix(err.Error(), "framing: ") {
			t.Errorf("%s with framing: %v", target, err)
		}
	}
}
