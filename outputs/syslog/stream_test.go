package syslog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/outputs"
)

// peer is a collector whose manners the test decides.
type peer struct {
	t  testing.TB
	ln net.Listener
}

func newPeer(t testing.TB, network, addr string) *peer {
	t.Helper()
	ln, err := net.Listen(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() }) //nolint:errcheck // may be closed already
	return &peer{t, ln}
}

func (p *peer) accept() net.Conn {
	p.t.Helper()
	c, err := p.ln.Accept()
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { c.Close() }) //nolint:errcheck // may be closed already
	return c
}

var idPattern = regexp.MustCompile(` id="(id-\d+)"`)

// read reads until n messages have come and returns their ids.
func (p *peer) read(c net.Conn, n int) []string {
	p.t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		p.t.Fatal(err)
	}
	var all []byte
	buf := make([]byte, 64<<10)
	for {
		k, err := c.Read(buf)
		all = append(all, buf[:k]...)
		var ids []string
		for _, m := range idPattern.FindAllSubmatch(all, -1) {
			ids = append(ids, string(m[1]))
		}
		if len(ids) >= n {
			return ids
		}
		if err != nil {
			p.t.Fatalf("%d of %d messages came: %v", len(ids), n, err)
		}
	}
}

func wantIDs(from, to int) (ids []string) {
	for i := from; i < to; i++ {
		ids = append(ids, fmt.Sprintf("id-%d", i))
	}
	return ids
}

func mustSend(t testing.TB, o *Output, msgs []outputs.Message) {
	t.Helper()
	if n, err := o.Send(t.Context(), msgs); n != len(msgs) || err != nil {
		t.Fatalf("Send = %d, %v", n, err)
	}
}

// newQuietOutput is one that does nothing between the calls of Send.
func newQuietOutput(t testing.TB, cfg Config) *Output {
	t.Helper()
	o := newOutput(t, cfg)
	o.link.cancel()
	return o
}

// waitGone waits until the link's reader has seen the end of the connection.
func waitGone(t testing.TB, o *Output) {
	t.Helper()
	select {
	case <-o.link.link.(*streamLink).conn.gone:
	case <-time.After(10 * time.Second):
		t.Fatal("the end of the connection was not noticed")
	}
}

// What the collector's host has acknowledged and the collector has not read is sent again.
func TestUnreadMessagesAreSentAgain(t *testing.T) {
	p := newPeer(t, "tcp", "127.0.0.1:0")
	o := newQuietOutput(t, config("tcp://"+p.ln.Addr().String()))
	mustSend(t, o, batch(t, o, 0, 50))
	c := p.accept()
	mustSend(t, o, batch(t, o, 50, 50))
	c.Close() //nolint:errcheck // with 100 messages unread: the kernel resets the connection
	waitGone(t, o)
	mustSend(t, o, batch(t, o, 100, 10))
	if got := p.read(p.accept(), 110); !slices.Equal(got, wantIDs(0, 110)) {
		t.Errorf("got %v", got)
	}
}

// A collector that closes in good order may not have stored what it read last, which it gets once more. A collector that
// closes after every message must not get that for ever.
func TestReadMessagesAreSentAgainOnce(t *testing.T) {
	p := newPeer(t, "tcp", "127.0.0.1:0")
	o := newQuietOutput(t, config("tcp://"+p.ln.Addr().String()))
	l := o.link.link.(*streamLink)
	mustSend(t, o, batch(t, o, 0, 20))
	c := p.accept()
	p.read(c, 20)
	l.recent[0].at = l.recent[0].at.Add(-recallRead) // a while ago
	mustSend(t, o, batch(t, o, 20, 30))
	p.read(c, 30)
	c.Close() //nolint:errcheck // in good order
	waitGone(t, o)
	mustSend(t, o, batch(t, o, 50, 10))
	c = p.accept()
	if got := p.read(c, 40); !slices.Equal(got, wantIDs(20, 60)) {
		t.Errorf("got %v", got)
	}
	c.Close() //nolint:errcheck // in good order
	waitGone(t, o)
	mustSend(t, o, batch(t, o, 60, 10))
	if got := p.read(p.accept(), 20); !slices.Equal(got, wantIDs(50, 70)) {
		t.Errorf("got %v", got)
	}
}

// A collector that does not read fills its buffers; the batch that does not fit is not called sent, and Send ends with
// its context.
func TestStuckCollector(t *testing.T) {
	p := newPeer(t, "tcp", "127.0.0.1:0")
	o := newOutput(t, config("tcp://"+p.ln.Addr().String()))
	ctx, cancel := context.WithCancel(t.Context())
	sent := 0
	timer := time.AfterFunc(10*time.Second, cancel)
	for {
		if !timer.Reset(300 * time.Millisecond) {
			timer.Stop()
		}
		start := time.Now()
		n, err := o.Send(ctx, batch(t, o, sent, 2000))
		sent += n
		if err != nil {
			if n != 0 || !errors.Is(err, context.Canceled) {
				t.Errorf("Send = %d, %v, want 0 and the end of the context", n, err)
			}
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("Send took %v", took)
			}
			break
		}
	}
	if sent > 50_000 {
		t.Errorf("%d messages called sent with nobody reading", sent)
	}
	c := p.accept()
	if got := p.read(c, sent); !slices.Equal(got[:sent], wantIDs(0, sent)) {
		t.Error("the messages called sent are not all there")
	}
}

// A collector that hangs up on everybody is an error at each try, not an endless loop.
func TestCollectorThatHangsUp(t *testing.T) {
	p := newPeer(t, "tcp", "127.0.0.1:0")
	go func() {
		for {
			c, err := p.ln.Accept()
			if err != nil {
				return
			}
			c.(*net.TCPConn).SetLinger(0) //nolint:errcheck // resets
			c.Close()                     //nolint:errcheck // at once
		}
	}()
	o := newOutput(t, config("tcp://"+p.ln.Addr().String()))
	failed := 0
	for range 20 {
		if n, err := o.Send(t.Context(), batch(t, o, 0, 10)); err != nil {
			failed++
			if n != 0 {
				t.Errorf("Send = %d, %v", n, err)
			}
		}
	}
	if failed == 0 {
		t.Error("20 batches were called sent to a collector that takes none")
	}
}

func TestLineFeedFraming(t *testing.T) {
	p := newPeer(t, "tcp", "127.0.0.1:0")
	cfg := config("tcp://" + p.ln.Addr().String())
	cfg.Framing = "lf"
	o := newOutput(t, cfg)
	mustSend(t, o, batch(t, o, 0, 3))
	c := p.accept()
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(all), "\n")
	if len(lines) != 4 || lines[3] != "" {
		t.Fatalf("got %q", all)
	}
	for _, line := range lines[:3] {
		if r := parse([]byte(line)); r.Err != nil {
			t.Errorf("%v: %q", r.Err, line)
		}
	}
}

func TestUnixStream(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	p := newPeer(t, "unix", path)
	o := newOutput(t, config("unix://"+path))
	done := make(chan []string)
	go func() { done <- p.read(p.accept(), 20) }()
	mustSend(t, o, batch(t, o, 0, 20))
	if got := <-done; !slices.Equal(got, wantIDs(0, 20)) {
		t.Errorf("got %v", got)
	}
}

func TestUnixDatagrams(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	o := newOutput(t, config("unix://"+path))
	msgs := batch(t, o, 0, 3)
	if n, err := o.Send(t.Context(), msgs); n != 0 || err == nil {
		t.Fatalf("Send without a socket = %d, %v", n, err)
	}
	listen := func() *net.UnixConn {
		t.Helper()
		c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	buf := make([]byte, 64<<10)
	for round := range 2 {
		c := listen()
		n := 0
		for try := 0; n < len(msgs) && try < 5; try++ { // the first try after a restart finds the old socket gone
			k, err := o.Send(t.Context(), msgs[n:])
			n += k
			if err != nil && !errors.Is(err, syscall.ECONNREFUSED) && !strings.Contains(err.Error(), "refuses") {
				t.Logf("round %d: %v", round, err)
			}
		}
		if n != len(msgs) {
			t.Fatalf("round %d: %d sent", round, n)
		}
		for i := range msgs {
			k, err := c.Read(buf)
			if err != nil || string(buf[:k]) != string(msgs[i].Data) {
				t.Errorf("round %d: got %q, %v", round, buf[:k], err)
			}
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		syscall.Unlink(path) //nolint:errcheck // gone already, or not
	}
	// A stream socket at the same path is found out.
	p := newPeer(t, "unix", path)
	done := make(chan []string)
	go func() { done <- p.read(p.accept(), 3) }()
	n := 0
	for try := 0; n < len(msgs) && try < 5; try++ {
		k, _ := o.Send(t.Context(), msgs[n:]) // fails until the change is noticed
		n += k
	}
	if n != 3 {
		t.Fatalf("%d sent to the stream socket", n)
	}
	if got := <-done; !slices.Equal(got, wantIDs(0, 3)) {
		t.Errorf("got %v", got)
	}
}

// A refusal that shows with the next message brings the one before back too.
func TestLateRefusal(t *testing.T) {
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := c.LocalAddr().String()
	o := newQuietOutput(t, config("udp://"+addr))
	mustSend(t, o, batch(t, o, 0, 1))
	if err := c.Close(); err != nil { // with the message unread
		t.Fatal(err)
	}
	if n, err := o.Send(t.Context(), batch(t, o, 1, 1)); n != 0 || err == nil {
		t.Fatalf("Send to a closed port = %d, %v", n, err)
	}
	if c, err = net.ListenPacket("udp", addr); err != nil {
		t.Skipf("the port was taken by another: %v", err)
	}
	defer c.Close() //nolint:errcheck // end of test
	mustSend(t, o, batch(t, o, 1, 1))
	if err := c.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 4096)
	for _, want := range wantIDs(0, 2) {
		n, _, err := c.ReadFrom(buf)
		if err != nil || !strings.Contains(string(buf[:n]), want) {
			t.Errorf("got %q, %v, want %s", buf[:n], err, want)
		}
	}
}

func TestDatagramTooLargeIsPermanent(t *testing.T) {
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close() //nolint:errcheck // end of test
	o := newOutput(t, config("udp://"+c.LocalAddr().String()))
	msgs := batch(t, o, 0, 3)
	msgs[1].Data = make([]byte, 70_000)
	if n, err := o.Send(t.Context(), msgs); n != 1 || !errors.Is(err, outputs.ErrPermanent) {
		t.Errorf("Send = %d, %v, want 1 and a permanent error", n, err)
	}
	if n, err := o.Send(t.Context(), msgs[2:]); n != 1 || err != nil {
		t.Errorf("the next Send = %d, %v", n, err)
	}
}

// drain reads and forgets.
func drain(ln net.Listener) {
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		go io.Copy(io.Discard, c) //nolint:errcheck // until it ends
	}
}

func BenchmarkTCP(b *testing.B) {
	p := newPeer(b, "tcp", "127.0.0.1:0")
	go drain(p.ln)
	benchmarkSend(b, config("tcp://"+p.ln.Addr().String()))
}

func benchmarkSend(b *testing.B, cfg Config) {
	o := newOutput(b, cfg)
	msgs := batch(b, o, 0, 256)
	mustSend(b, o, msgs)
	b.SetBytes(int64(len(msgs[0].Data)))
	for i := 0; b.Loop(); i++ {
		if i%len(msgs) == 0 {
			mustSend(b, o, msgs)
		}
	}
}

// BenchmarkTCPOneByOne is how long a single message takes when nothing else is under way.
func BenchmarkTCPOneByOne(b *testing.B) {
	p := newPeer(b, "tcp", "127.0.0.1:0")
	go drain(p.ln)
	o := newOutput(b, config("tcp://"+p.ln.Addr().String()))
	msgs := batch(b, o, 0, 1)
	for b.Loop() {
		mustSend(b, o, msgs)
	}
}
