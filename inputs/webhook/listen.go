package webhook

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/listener"
)

// limits bound what a sender can make us hold. A node opens one connection at a time, so they are far from what
// a cluster needs.
type limits struct {
	connections int // further ones wait in the kernel's backlog: refusing them would lose events
	perSource   int // connections of one address; further ones are closed, so that one host cannot keep all others out
	inFlight    int // events waiting to be durable; further ones get 503
	headerBytes int
	read        time.Duration // for the whole request, and for the TLS handshake
	write       time.Duration // until the sender takes an answer
	linger      time.Duration // for the rest of a body that is refused
	idle        time.Duration
	shutdown    time.Duration // for what is under way
}

var defaultLimits = limits{
	connections: 4096,
	perSource:   1024,
	inFlight:    2048,
	headerBytes: 16 << 10,
	read:        15 * time.Second,
	write:       15 * time.Second,
	linger:      5 * time.Second,
	idle:        2 * time.Minute,
	shutdown:    10 * time.Second,
}

// Listen binds the configured addresses. Connections wait until Run.
func (in *Input) Listen() error {
	var all []net.Listener
	for _, addr := range in.cfg.Listen {
		l, err := listener.Listen(addr)
		if err != nil {
			err = fmt.Errorf("listen for the webhook: %w", err)
			for _, l := range all {
				err = errors.Join(err, l.Close())
			}
			return err
		}
		all = append(all, l)
	}
	in.ListenOn(all...)
	return nil
}

// ListenOn takes listeners that are bound already, as systemd passes them, in place of Listen. The input owns them then.
func (in *Input) ListenOn(bound ...net.Listener) {
	g := &gate{in: in, free: make(chan struct{}, in.limits.connections), open: map[netip.Addr]int{}}
	for _, l := range bound {
		in.addrs = append(in.addrs, l.Addr())
		guarded := net.Listener(&gatedListener{Listener: l, gate: g})
		if in.certs != nil {
			guarded = tls.NewListener(guarded, &tls.Config{GetConfigForClient: in.certs.Config, MinVersion: tls.VersionTLS12})
		}
		in.listeners = append(in.listeners, guarded)
		if addr, ok := l.Addr().(*net.TCPAddr); ok && !addr.IP.IsLoopback() && in.secrets.auth().open() && len(in.cfg.AllowFrom) == 0 && in.cfg.TLS.ClientCAFile == "" {
			in.log.Warn("the webhook takes events from anybody who reaches it: set token_file", "listen", addr.String())
		}
	}
}

// Addr is the first bound address, useful when the configured port was 0; empty before Listen.
func (in *Input) Addr() string {
	if len(in.addrs) == 0 {
		return ""
	}
	return in.addrs[0].String()
}

// Addrs are all bound addresses.
func (in *Input) Addrs() []string {
	all := make([]string, len(in.addrs))
	for i, a := range in.addrs {
		all[i] = a.String()
	}
	return all
}

// Close releases the addresses when Run is never called.
func (in *Input) Close() error {
	var errs []error
	for _, l := range in.listeners {
		if err := l.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// gate bounds the connections of all listeners together, and those of each address.
type gate struct {
	in   *Input
	free chan struct{} // has an item for each connection
	mu   sync.Mutex    // guards open
	open map[netip.Addr]int
}

// gatedListener accepts what the gate lets in.
type gatedListener struct {
	net.Listener
	gate *gate
}

// Accept returns the next connection that may stay. While there are as many as may be, one waits here for each listener
// and the next ones in the kernel. One that was accepted is served even if the listener was closed meanwhile: whoever takes
// the socket over does not see it.
func (l *gatedListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		l.gate.free <- struct{}{}
		if c = l.gate.admit(c); c != nil {
			return c, nil
		}
		<-l.gate.free
	}
}

// admit returns the connection, or closes it when its address has too many.
func (g *gate) admit(c net.Conn) net.Conn {
	tcp, ok := c.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return g.in.guard(c, sender{}, func() { <-g.free })
	}
	source := tcp.AddrPort().Addr().Unmap().WithZone("")
	g.mu.Lock()
	fits := g.open[source] < g.in.limits.perSource
	if fits {
		g.open[source]++
	}
	g.mu.Unlock()
	if fits {
		return g.in.guard(c, sender{tcp, source.String()}, func() { g.leave(source) })
	}
	g.in.Counters.Disconnected.Add(1)
	g.in.complain("webhook closed a connection: the sender has too many", source.String(), nil)
	c.Close() // nothing was read: there is nothing to be lost by an error
	return nil
}

func (g *gate) leave(source netip.Addr) {
	g.mu.Lock()
	if g.open[source]--; g.open[source] == 0 {
		delete(g.open, source)
	}
	g.mu.Unlock()
	<-g.free
}

// gatedConn tells the gate when it is closed, and is given up when the other side reads nothing. Only its Close may be
// called beside its other methods.
//
// The server puts deadlines off with each request and each answer, and every move of a timer of the runtime costs some
// tenths of a microsecond. So a later deadline is set only when the earlier one has passed.
type gatedConn struct {
	net.Conn
	remote        sender
	write, linger time.Duration // how long one answer and the rest of a body may take; 0 is no limit for answers
	lingers       atomic.Bool   // there is such a rest, and Close reads it
	leave         func()
	reads, writes deadline
}

// guard returns the connection with its limits.
func (in *Input) guard(c net.Conn, remote sender, leave func()) *gatedConn {
	return &gatedConn{Conn: c, remote: remote, write: in.limits.write, linger: in.limits.linger, leave: sync.OnceFunc(leave)}
}

// sender is the address of a connection and, as each event carries it, its IP address as text without a zone.
type sender struct {
	net.Addr
	ip string
}

// deadline is when reads or writes are to end, and when the connection ends them.
type deadline struct{ want, set time.Time }

// put notes the deadline t and tells whether the connection must have it at once.
func (d *deadline) put(t time.Time) bool {
	d.want = t
	if !t.IsZero() && !d.set.IsZero() && !t.Before(d.set) {
		return false
	}
	d.set = t
	return true
}

// early tells whether err came of a deadline that was put off meanwhile; the connection must have the new one then.
func (d *deadline) early(err error) bool {
	if err == nil || d.want.Equal(d.set) || !errors.Is(err, os.ErrDeadlineExceeded) {
		return false
	}
	d.set = d.want
	return true
}

// RemoteAddr returns a sender for TCP.
func (c *gatedConn) RemoteAddr() net.Addr {
	if c.remote.Addr == nil {
		return c.Conn.RemoteAddr()
	}
	return &c.remote
}

func (c *gatedConn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

func (c *gatedConn) SetReadDeadline(t time.Time) error {
	if !c.reads.put(t) {
		return nil
	}
	return c.Conn.SetReadDeadline(t)
}

func (c *gatedConn) SetWriteDeadline(t time.Time) error {
	if !c.writes.put(t) {
		return nil
	}
	return c.Conn.SetWriteDeadline(t)
}

func (c *gatedConn) Read(p []byte) (int, error) {
	for {
		n, err := c.Conn.Read(p)
		if n > 0 || !c.reads.early(err) {
			return n, err
		}
		if err := c.Conn.SetReadDeadline(c.reads.set); err != nil {
			return 0, err
		}
	}
}

// Write gives each answer its own time. fasthttp's WriteTimeout would leave the deadline of one answer in place for the
// 100 Continue that comes before the next, which then may be over.
func (c *gatedConn) Write(p []byte) (done int, err error) {
	if c.write > 0 {
		if err := c.SetWriteDeadline(time.Now().Add(c.write)); err != nil {
			return 0, err
		}
	}
	for {
		n, err := c.Conn.Write(p[done:])
		done += n
		if !c.writes.early(err) {
			return done, err
		}
		if err := c.Conn.SetWriteDeadline(c.writes.set); err != nil {
			return done, err
		}
	}
}

// abort closes the connection at once, also one that lingers in Close already.
func (c *gatedConn) abort() {
	c.lingers.Store(false)
	c.Close() //nolint:errcheck // it is being given up
}

// guarded is the connection from the gate below one of the server.
func guarded(conn net.Conn) *gatedConn {
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn()
	}
	return conn.(*gatedConn)
}

// Close closes the connection and frees its place. A server that does not want the rest of a body throws away what is sent until
// the sender has read the answer: if the connection were closed under a sender that still writes, the answer would be lost with it.
func (c *gatedConn) Close() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok && c.lingers.CompareAndSwap(true, false) &&
		half.CloseWrite() == nil && c.Conn.SetReadDeadline(time.Now().Add(c.linger)) == nil {
		io.Copy(io.Discard, c.Conn) //nolint:errcheck // whatever ends it
	}
	c.leave()
	return c.Conn.Close()
}
