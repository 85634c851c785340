package snmp

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"time"

	"github.com/gosnmp/gosnmp"

	"github.com/gluster-trapgw/gluster-trapgw/outputs"
)

// link is the socket to one receiver: opened when needed, opened again after an error or when the receiver's name
// means another address.
type link struct {
	network string // udp, tcp
	addr    string // host:port
	source  netip.AddrPort
	refresh time.Duration

	udp     outputs.UDP
	conn    net.Conn
	stream  *bufio.Reader // of conn over TCP
	looked  time.Time     // when the name was last looked up
	buffer  []byte        // of received packets
	isName  bool
	closing bool
}

// How long a lookup on the timer may hold up sending; the old address stays in use when it takes longer.
const lookupTime = 2 * time.Second

// dialTime bounds opening the socket: the lookup of the name and, over TCP, the connection.
const dialTime = 10 * time.Second

func newLink(cfg Config) (link, error) {
	network, addr, err := splitTarget(cfg.Target)
	if err != nil {
		return link{}, err
	}
	l := link{network: network, addr: addr, refresh: time.Duration(cfg.Resolve)}
	if cfg.Source != "" {
		if l.source, err = parseSource(cfg.Source); err != nil {
			return link{}, err
		}
	}
	host, _, _ := net.SplitHostPort(addr) // splitTarget has done it before
	_, err = netip.ParseAddr(host)
	l.isName = err != nil
	return l, nil
}

// open returns the socket, opening it if there is none, and says whether it is new.
func (l *link) open(ctx context.Context) (fresh bool, err error) {
	if l.closing {
		return false, errClosed
	}
	if l.conn != nil && l.isName && l.refresh > 0 && time.Since(l.looked) > l.refresh && l.moved(ctx) {
		l.drop()
	}
	if l.conn != nil {
		return false, nil
	}
	d := net.Dialer{Timeout: dialTime}
	if l.source.IsValid() {
		ua := net.UDPAddrFromAddrPort(l.source)
		d.LocalAddr = ua
		if l.network == "tcp" {
			d.LocalAddr = &net.TCPAddr{IP: ua.IP, Port: ua.Port, Zone: ua.Zone}
		}
	}
	var conn net.Conn
	if l.network == "tcp" {
		conn, err = d.DialContext(ctx, l.network, l.addr)
	} else {
		conn, err = l.udp.Dial(ctx, d, l.addr)
	}
	if err != nil {
		return false, fmt.Errorf("open socket to %q: %w", l.addr, err)
	}
	l.conn, l.looked = conn, time.Now()
	if l.network == "tcp" {
		l.stream = bufio.NewReader(conn)
	}
	if l.buffer == nil {
		l.buffer = make([]byte, 65536)
	}
	return true, nil
}

// moved looks the name up again and says whether the address in use is no longer among its addresses, or is in use only
// because another one failed, which may work again. When the lookup fails the address in use is as good as any.
func (l *link) moved(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, lookupTime)
	defer cancel()
	l.looked = time.Now()
	host, _, _ := net.SplitHostPort(l.addr) // splitTarget has done it before
	addrs, err := l.udp.Addresses(ctx, host)
	if err != nil {
		return false
	}
	if l.udp.Forget() {
		return true
	}
	now, err := netip.ParseAddrPort(l.conn.RemoteAddr().String())
	return err != nil || !slices.ContainsFunc(addrs, func(a netip.Addr) bool {
		return a.WithZone("") == now.Addr().Unmap().WithZone("")
	})
}

// drop closes the socket; the next open makes a new one.
func (l *link) drop() {
	if l.conn != nil {
		l.conn.Close() // nothing is buffered in it that an error could be about
		l.conn = nil
	}
}

// giveUp is drop after an error. Unless that was about the size of a packet, the next open tries the next address of the
// name.
func (l *link) giveUp(err error) {
	if l.network == "udp" && l.isName && l.conn != nil && !errors.Is(err, errNarrow) && !errors.Is(err, syscall.EMSGSIZE) {
		l.udp.Failed(l.conn)
	}
	l.drop()
}

func (l *link) close() error {
	l.closing = true
	if l.conn == nil {
		return nil
	}
	err := l.conn.Close()
	l.conn = nil
	return err
}

// pending returns the error that an ICMP message has left at a UDP socket since the last call on it, and the end of a
// TCP connection that the receiver has closed.
func (l *link) pending() error {
	sc, ok := l.conn.(syscall.Conn)
	if !ok {
		return nil
	}
	rc, err := sc.SyscallConn()
	if err != nil {
		return err
	}
	var pending error
	err = rc.Control(func(fd uintptr) {
		if errno, err := syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_ERROR); err == nil && errno != 0 {
			pending = narrow(syscall.Errno(errno))
			return
		}
		if l.network == "tcp" {
			var b [1]byte
			n, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
			if n == 0 && err == nil {
				pending = errHungUp
			} else if err != nil && !errors.Is(err, syscall.EAGAIN) {
				pending = err
			}
		}
	})
	return errors.Join(err, pending)
}

// errHungUp is for the status what the receiver's host says when nobody listens.
var errHungUp = outputs.Troubled(outputs.Refused, errors.New("the receiver has closed the connection"))

// read returns one packet, which is valid until the next read.
func (l *link) read(ctx context.Context, deadline time.Time) ([]byte, error) {
	if err := l.conn.SetReadDeadline(deadline); err != nil {
		return nil, err
	}
	if ctx.Err() != nil { // the interruption may have come before the deadline was set
		return nil, ctx.Err()
	}
	if l.network != "tcp" {
		n, err := l.conn.Read(l.buffer)
		return l.buffer[:n], narrow(err)
	}
	n, err := l.readFrame()
	if err == io.EOF {
		err = errHungUp
	}
	return l.buffer[:n], err
}

// readFrame reads one packet of a stream: its length is in its own BER header (RFC 3430 section 2.1).
func (l *link) readFrame() (int, error) {
	head, err := l.stream.Peek(2)
	if err != nil {
		return 0, err
	}
	size, long := 2+int(head[1]), int(head[1]&0x7f)
	if head[0] != byte(gosnmp.Sequence) || head[1] == 0x80 || head[1] > 0x82 {
		return 0, errors.New("what comes over the connection is not SNMP")
	}
	if head[1] > 0x80 {
		if head, err = l.stream.Peek(2 + long); err != nil {
			return 0, err
		}
		size = 2 + long
		for n, b := 0, head[2:]; len(b) > 0; b = b[1:] {
			n = n<<8 | int(b[0])
			if len(b) == 1 {
				size += n
			}
		}
	}
	if size > len(l.buffer) {
		return 0, errors.New("a packet larger than 65536 octets")
	}
	return io.ReadFull(l.stream, l.buffer[:size])
}

// interruptible ends reads in progress when ctx ends, until stop is called.
func (l *link) interruptible(ctx context.Context) (stop func() bool) {
	conn := l.conn                                                                  // which may be another one by then
	return context.AfterFunc(ctx, func() { conn.SetReadDeadline(time.Unix(1, 0)) }) // fails only when there is nothing to end
}

// wait gives an ICMP message time to come back and returns the error that it leaves.
func (l *link) wait(ctx context.Context, d time.Duration) error {
	if err := l.conn.SetReadDeadline(time.Now().Add(d)); err != nil {
		return err
	}
	defer l.interruptible(ctx)()
	_, err := l.conn.Read(l.buffer)
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return ctx.Err()
	}
	if err == io.EOF {
		return errHungUp
	}
	return narrow(err)
}

// explain adds to an error of the socket what it means here.
func (l *link) explain(err error) error {
	where := outputs.Where(l.addr, l.conn)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("send to %s: the receiver refuses, nothing listens on that port: %w", where, err)
	case errors.Is(err, syscall.EMSGSIZE):
		return fmt.Errorf("send to %s: the packet is larger than the network takes, lower max_size: %w: %w", where, err, outputs.ErrPermanent)
	}
	return fmt.Errorf("send to %s: %w", where, err)
}
