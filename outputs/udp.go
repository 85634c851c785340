package outputs

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
)

// UDP opens sockets to a receiver that is given by its name. UDP itself does not find out which of several addresses of
// the name answers, so the one that did not is passed over at the next Dial.
type UDP struct {
	Lookup func(ctx context.Context, network, host string) ([]netip.Addr, error) // nil is that of the system
	failed netip.Addr
}

// Dial opens a socket to the first address of a host:port that has a route, beginning after the one that failed.
func (u *UDP) Dial(ctx context.Context, d net.Dialer, addr string) (net.Conn, error) {
	if d.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, d.Timeout)
		defer cancel()
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	addrs, err := u.Addresses(ctx, host)
	if err != nil {
		return nil, err
	}
	next := slices.Index(addrs, u.failed) + 1
	var first error
	for _, a := range slices.Concat(addrs[next:], addrs[:next]) {
		conn, err := d.DialContext(ctx, "udp", net.JoinHostPort(a.String(), port))
		if err == nil {
			return conn, nil
		}
		if first == nil {
			first = err
		}
	}
	return nil, first
}

// Addresses looks up a name, or returns the address that it is.
func (u *UDP) Addresses(ctx context.Context, host string) ([]netip.Addr, error) {
	lookup := u.Lookup
	if lookup == nil {
		lookup = net.DefaultResolver.LookupNetIP
	}
	addrs, err := lookup(ctx, "ip", host)
	for i := range addrs {
		addrs[i] = addrs[i].Unmap()
	}
	return addrs, err
}

// Failed notes that the address of a socket did not answer.
func (u *UDP) Failed(conn net.Conn) {
	if a, err := netip.ParseAddrPort(conn.RemoteAddr().String()); err == nil {
		u.failed = a.Addr().Unmap()
	}
}

// Forget makes the next Dial begin with the first address again, and says whether it would not have.
func (u *UDP) Forget() bool {
	had := u.failed.IsValid()
	u.failed = netip.Addr{}
	return had
}

// Where is a host:port and, when that is a name, the address of it that is in use.
func Where(addr string, conn net.Conn) string {
	if conn == nil || conn.RemoteAddr().String() == addr {
		return fmt.Sprintf("%q", addr)
	}
	return fmt.Sprintf("%q (%s)", addr, conn.RemoteAddr())
}
