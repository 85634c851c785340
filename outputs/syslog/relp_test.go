package syslog

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/outputs"
)

// relpPeer is a RELP collector whose manners the test decides.
type relpPeer struct {
	*peer
	// answer returns the answer to the i-th message of the peer's life, from 0; "" ends the connection in good order.
	answer func(i int, id string) string

	mu       sync.Mutex // guards the rest
	ids      []string   // that were answered with 200
	seen     int
	sessions int
	commands []string // of the last session, without syslog
}

func newRELPPeer(t testing.TB, answer func(i int, id string) string) (*relpPeer, *Output) {
	t.Helper()
	p := &relpPeer{peer: newPeer(t, "tcp", "127.0.0.1:0"), answer: answer}
	go func() {
		for {
			c, err := p.ln.Accept()
			if err != nil {
				return
			}
			go p.serve(c)
		}
	}()
	return p, newOutput(t, config("relp://"+p.ln.Addr().String()))
}

func (p *relpPeer) serve(c net.Conn) {
	defer c.Close() //nolint:errcheck // end of the session
	rd := bufio.NewReader(c)
	p.mu.Lock()
	p.sessions++
	p.commands = nil
	p.mu.Unlock()
	for {
		txn, err := rd.ReadString(' ')
		if err != nil {
			return
		}
		command, _ := rd.ReadString(' ')
		var n int
		var sep byte
		if _, err := fmt.Fscanf(rd, "%d", &n); err != nil {
			return
		}
		sep, _ = rd.ReadByte()
		data := make([]byte, n)
		if n > 0 {
			io.ReadFull(rd, data) //nolint:errcheck // shows below
			rd.ReadByte()         //nolint:errcheck // the line feed
		} else if sep != '\n' {
			p.t.Errorf("frame %s%sends in %q", txn, command, sep)
		}
		say := "200 OK"
		switch command {
		case "syslog ":
			id := string(idPattern.FindSubmatch(data)[1])
			p.mu.Lock()
			if say = p.answer(p.seen, id); strings.HasPrefix(say, "200") {
				p.ids = append(p.ids, id)
			}
			p.seen++
			p.mu.Unlock()
		default:
			p.mu.Lock()
			p.commands = append(p.commands, strings.TrimSpace(command))
			p.mu.Unlock()
			if command == "open " {
				say = "200 OK\nrelp_version=0\nrelp_software=test\ncommands=syslog"
			}
		}
		if say == "" {
			c.(*net.TCPConn).CloseWrite() //nolint:errcheck // shows in Send
			io.Copy(io.Discard, c)        //nolint:errcheck // unread octets would reset the connection
			return
		}
		if _, err := fmt.Fprintf(c, "%srsp %d %s\n", txn, len(say), say); err != nil {
			return
		}
	}
}

func (p *relpPeer) got() (ids []string, sessions int, commands []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.ids), p.sessions, slices.Clone(p.commands)
}

func takeAll(int, string) string { return "200 OK" }

func TestRELP(t *testing.T) {
	p, o := newRELPPeer(t, takeAll)
	mustSend(t, o, batch(t, o, 0, 700))
	mustSend(t, o, batch(t, o, 700, 1))
	if err := o.link.close(); err != nil {
		t.Fatal(err)
	}
	ids, sessions, commands := p.got()
	if !slices.Equal(ids, wantIDs(0, 701)) || sessions != 1 || !slices.Equal(commands, []string{"open", "close"}) {
		t.Errorf("got %d messages in %d sessions with %v", len(ids), sessions, commands)
	}
}

// When the session breaks, exactly the acknowledged front counts as sent.
func TestRELPReturnsTheAcknowledgedFront(t *testing.T) {
	broken := false
	p, o := newRELPPeer(t, func(i int, _ string) string {
		if i == 300 && !broken {
			broken = true
			return ""
		}
		return "200 OK"
	})
	n, err := o.Send(t.Context(), batch(t, o, 0, 500))
	if n != 300 || err == nil {
		t.Fatalf("Send = %d, %v, want 300 and an error", n, err)
	}
	mustSend(t, o, batch(t, o, n, 500-n))
	if ids, sessions, _ := p.got(); !slices.Equal(ids, wantIDs(0, 500)) || sessions != 2 {
		t.Errorf("got %d messages in %d sessions", len(ids), sessions)
	}
}

// A collector that was restarted while nothing was sent costs no error.
func TestRELPIdleSessionEnds(t *testing.T) {
	for name, farewell := range map[string]string{"closed": "", "announced": "0 serverclose 0\n"} {
		t.Run(name, func(t *testing.T) {
			p := newPeer(t, "tcp", "127.0.0.1:0")
			o := newOutput(t, config("relp://"+p.ln.Addr().String()))
			rp := &relpPeer{peer: p, answer: takeAll}
			first := make(chan net.Conn, 1)
			go func() {
				c := p.accept()
				first <- c
				rp.serve(c)
			}()
			mustSend(t, o, batch(t, o, 0, 3))
			c := <-first
			if _, err := io.WriteString(c, farewell); err != nil {
				t.Fatal(err)
			}
			c.Close() //nolint:errcheck // by the collector
			go func() { rp.serve(p.accept()) }()
			mustSend(t, o, batch(t, o, 3, 3))
		})
	}
}

// An error answer holds the message back and does not lose it: a collector in trouble gets everything later.
func TestRELPRefusalIsTemporary(t *testing.T) {
	tries := 0
	p, o := newRELPPeer(t, func(i int, _ string) string {
		if tries < 20 {
			return "500 disk full"
		}
		return "200 OK"
	})
	for ; tries < 20; tries++ {
		if n, err := o.Send(t.Context(), batch(t, o, 0, 5)); n != 0 || err == nil || errors.Is(err, outputs.ErrPermanent) || !strings.Contains(err.Error(), "disk full") {
			t.Fatalf("try %d: Send = %d, %v", tries, n, err)
		}
	}
	mustSend(t, o, batch(t, o, 0, 5))
	if ids, _, _ := p.got(); !slices.Equal(ids, wantIDs(0, 5)) {
		t.Errorf("got %v", ids)
	}
}

// A message that is refused again and again while others are taken must not hold up the others for ever, wherever in a
// batch it is; and the others are not sent again each time.
func TestRELPPoisonedMessage(t *testing.T) {
	for name, tc := range map[string]struct {
		before, at, batch int
		copies            int // of the message that is offered once more, when there is no other to send
	}{
		"first":         {at: 0, batch: 300, copies: 2},
		"in the middle": {at: 2, batch: 300, copies: 2},
		"last":          {at: 4, batch: 5, copies: 2},
		"alone":         {before: 3, at: 3, batch: 4, copies: 3},
	} {
		t.Run(name, func(t *testing.T) {
			poison := fmt.Sprintf("id-%d", tc.at)
			p, o := newRELPPeer(t, func(_ int, id string) string {
				if id == poison {
					return "500 cannot parse"
				}
				return "200 OK"
			})
			msgs := batch(t, o, 0, tc.batch)
			mustSend(t, o, msgs[:tc.before])
			n, err := o.Send(t.Context(), msgs[tc.before:])
			if n != tc.at-tc.before || err == nil || errors.Is(err, outputs.ErrPermanent) {
				t.Fatalf("Send = %d, %v, want %d and a temporary error", n, err, tc.at-tc.before)
			}
			tries := 1
			for ; !errors.Is(err, outputs.ErrPermanent) && tries < 10; tries++ {
				if n, err = o.Send(t.Context(), msgs[tc.at:]); n != 0 {
					t.Fatalf("Send = %d, %v", n, err)
				}
			}
			if tries != relpRefusals {
				t.Errorf("permanent after %d tries: %v", tries, err)
			}
			mustSend(t, o, append(msgs[tc.at+1:], batch(t, o, tc.batch, 1)...))
			ids, _, _ := p.got()
			copies := make(map[string]int)
			for _, id := range ids {
				copies[id]++
			}
			if len(copies) != tc.batch || copies[poison] != 0 || len(ids) != tc.batch+tc.copies {
				t.Errorf("%d messages arrived, %d different ones, want %d and %d", len(ids), len(copies), tc.batch+tc.copies, tc.batch)
			}
		})
	}
}

// A collector that takes nothing any more has given up on no message, however often it refuses the same one alone.
func TestRELPRefusesEverythingFromNowOn(t *testing.T) {
	full := false
	p, o := newRELPPeer(t, func(int, string) string {
		if full {
			return "500 disk full"
		}
		return "200 OK"
	})
	mustSend(t, o, batch(t, o, 0, 2))
	full = true
	for try := range 20 {
		if n, err := o.Send(t.Context(), batch(t, o, 2, 1)); n != 0 || err == nil || errors.Is(err, outputs.ErrPermanent) {
			t.Fatalf("try %d: Send = %d, %v", try, n, err)
		}
	}
	full = false
	mustSend(t, o, batch(t, o, 2, 1))
	if ids, _, _ := p.got(); !slices.Equal(ids, wantIDs(0, 3)) {
		t.Errorf("got %v", ids)
	}
}

// When the session breaks behind a refused message, what was acknowledged behind it is not sent again.
func TestRELPBreaksBehindARefusal(t *testing.T) {
	p, o := newRELPPeer(t, func(i int, _ string) string {
		switch i {
		case 1:
			return "500 busy"
		case 3:
			return ""
		}
		return "200 OK"
	})
	if n, err := o.Send(t.Context(), batch(t, o, 0, 5)); n != 1 || err == nil {
		t.Fatalf("Send = %d, %v, want 1 and an error", n, err)
	}
	mustSend(t, o, batch(t, o, 1, 4))
	if ids, _, _ := p.got(); !slices.Equal(ids, []string{"id-0", "id-2", "id-1", "id-3", "id-4"}) {
		t.Errorf("got %v", ids)
	}
}

// An answer that says nothing is no acknowledgement.
func TestRELPEmptyAnswer(t *testing.T) {
	p := newPeer(t, "tcp", "127.0.0.1:0")
	o := newOutput(t, config("relp://"+p.ln.Addr().String()))
	go func() {
		c := p.accept()
		io.WriteString(c, "1 rsp 6 200 OK\n2 rsp 0\n") //nolint:errcheck // shows in Send
		io.Copy(io.Discard, c)                         //nolint:errcheck // until Send is through
	}()
	if n, err := o.Send(t.Context(), batch(t, o, 0, 1)); n != 0 || err == nil {
		t.Errorf("Send = %d, %v, want 0 and an error", n, err)
	}
}

// A collector that does not answer does not keep Send beyond its context, and the window is kept.
func TestRELPWindow(t *testing.T) {
	p := newPeer(t, "tcp", "127.0.0.1:0")
	o := newOutput(t, config("relp://"+p.ln.Addr().String()))
	ctx, cancel := context.WithCancel(t.Context())
	frames := make(chan int)
	go func() {
		c := p.accept()
		rd := bufio.NewReader(c)
		for range 4 { // the lines of open
			rd.ReadString('\n') //nolint:errcheck // shows below
			if rd.Buffered() == 0 {
				break
			}
		}
		io.WriteString(c, "1 rsp 6 200 OK\n") //nolint:errcheck // shows in Send
		n := 0
		for ; n < relpWindow; n++ {
			rd.ReadString('\n') //nolint:errcheck // shows below
		}
		c.SetReadDeadline(time.Now().Add(200 * time.Millisecond)) //nolint:errcheck // a test
		if _, err := rd.ReadByte(); err == nil {
			n++
		}
		cancel()
		frames <- n
	}()
	start := time.Now()
	n, err := o.Send(ctx, batch(t, o, 0, 400))
	if n != 0 || !errors.Is(err, context.Canceled) || time.Since(start) > 5*time.Second {
		t.Errorf("Send = %d, %v after %v", n, err, time.Since(start))
	}
	if n := <-frames; n != relpWindow {
		t.Errorf("%d messages on their way unanswered, want %d", n, relpWindow)
	}
}

// Whatever a collector answers, Send ends with an error.
func TestRELPNonsense(t *testing.T) {
	for _, say := range []string{"\n", "hello\n", "1 rsp\n", "1 rsp x y\n", "1 rsp -1 \n", "1 rsp 99999999999 x\n", "1 rsp 3 500\n", "2 rsp 6 200 OK\n",
		"1 rsp 6 200 OKx", "1 what 6 200 OK\n", "0 serverclose 0\n", strings.Repeat("9", 100), "1 rsp 24 200 OK\ncommands=eventlog\n"} {
		p := newPeer(t, "tcp", "127.0.0.1:0")
		o := newOutput(t, config("relp://"+p.ln.Addr().String()))
		go func() {
			c := p.accept()
			io.WriteString(c, say)        //nolint:errcheck // shows in Send
			c.(*net.TCPConn).CloseWrite() //nolint:errcheck // shows in Send
		}()
		if n, err := o.Send(t.Context(), batch(t, o, 0, 1)); n != 0 || err == nil {
			t.Errorf("%q: Send = %d, %v", say, n, err)
		}
	}
}

func FuzzReadRELP(f *testing.F) {
	f.Add("1 rsp 6 200 OK\n2 rsp 0\n0 serverclose 0\n")
	f.Fuzz(func(t *testing.T, in string) {
		rd := bufio.NewReader(strings.NewReader(in))
		for {
			if _, err := readRELP(rd); err != nil {
				return
			}
		}
	})
}

func BenchmarkRELP(b *testing.B) {
	p, _ := newRELPPeer(b, takeAll)
	benchmarkSend(b, config("relp://"+p.ln.Addr().String()))
}
