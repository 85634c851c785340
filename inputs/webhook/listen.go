package webhook

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/net/netutil"

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
	idle        time.Duration
	shutdown    time.Duration // for what is under way
}

var defaultLimits = limits{
	connections: 4096,
	perSource:   1024,
	inFlight:    2048,
	headerBytes: 16 << 10,
	read:        15 * time.Second,
	idle:        2 * time.Minute,
	shutdown:    10 * time.Second,
}

// Listen binds the configured address. Connections wait until Run.
func (in *Input) Listen() error {
	l, err := listener.Listen(in.cfg.Listen)
	if err != nil {
		return fmt.Errorf("listen for the webhook: %w", err)
	}
	in.ListenOn(l)
	return nil
}

// ListenOn takes a listener that is bound already, as systemd passes one, in place of Listen. The input owns it then.
func (in *Input) ListenOn(l net.Listener) {
	in.addr = l.Addr()
	l = netutil.LimitListener(&sourceLimiter{Listener: l, in: in, open: map[netip.Addr]int{}}, in.limits.connections)
	if in.certs != nil {
		// Outermost, because net/http recognises TLS by the type of the connection.
		l = tls.NewListener(l, &tls.Config{GetConfigForClient: in.certs.Config, MinVersion: tls.VersionTLS12})
	}
	in.listener = l
	if addr, ok := in.addr.(*net.TCPAddr); ok && !addr.IP.IsLoopback() && in.auth.open() && len(in.cfg.AllowFrom) == 0 && in.cfg.TLS.ClientCAFile == "" {
		in.log.Warn("the webhook takes events from anybody who reaches it: set token_file", "listen", in.Addr())
	}
}

// Addr is the bound address, useful when the configured port was 0; empty before Listen.
func (in *Input) Addr() string {
	if in.addr == nil {
		return ""
	}
	return in.addr.String()
}

// Close releases the address when Run is never called.
func (in *Input) Close() error {
	if in.listener == nil {
		return nil
	}
	if err := in.listener.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// sourceLimiter closes connections of an address that has too many.
type sourceLimiter struct {
	net.Listener
	in   *Input
	mu   sync.Mutex // guards open
	open map[netip.Addr]int
}

// Accept returns the next connection that may stay.
func (l *sourceLimiter) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		tcp, ok := c.RemoteAddr().(*net.TCPAddr)
		if !ok {
			return c, nil
		}
		source := tcp.AddrPort().Addr().Unmap().WithZone("")
		l.mu.Lock()
		fits := l.open[source] < l.in.limits.perSource
		if fits {
			l.open[source]++
		}
		l.mu.Unlock()
		if fits {
			return &sourceConn{Conn: c, leave: sync.OnceFunc(func() { l.leave(source) })}, nil
		}
		l.in.Counters.Disconnected.Add(1)
		l.in.complain("webhook closed a connection: the sender has too many", source.String(), nil)
		c.Close() // nothing was read: there is nothing to be lost by an error
	}
}

func (l *sourceLimiter) leave(source netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[source]--; l.open[source] == 0 {
		delete(l.open, source)
	}
}

// sourceConn tells the limiter when it is closed.
type sourceConn struct {
	net.Conn
	leave func()
}

// Close closes the connection and frees its place.
func (c *sourceConn) Close() error {
	c.leave()
	return c.Conn.Close()
}
