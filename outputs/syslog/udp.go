package syslog

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/outputs"
)

// dialTimeout bounds name resolution and connecting.
const dialTimeout = 10 * time.Second

// udpLink sends a datagram per message. The socket is connected, so that an ICMP refusal comes back as an error of a
// later write; the message before it was lost too and is sent again.
type udpLink struct {
	addr string
	conn net.Conn
}

func (l *udpLink) send(ctx context.Context, batch []outputs.Message) (int, error) {
	if l.conn == nil {
		d := net.Dialer{Timeout: dialTimeout}
		conn, err := d.DialContext(ctx, "udp", l.addr)
		if err != nil {
			return 0, fmt.Errorf("reach syslog collector: %w", err)
		}
		l.conn = conn
	}
	for i, m := range batch {
		if _, err := l.conn.Write(m.Data); err != nil {
			// A new socket next time: the name may point elsewhere by then.
			cerr := l.conn.Close()
			l.conn = nil
			if errors.Is(err, syscall.ECONNREFUSED) {
				return max(0, i-1), fmt.Errorf("syslog collector %s refuses datagrams: nothing listens there", l.addr)
			}
			return i, fmt.Errorf("send to syslog collector: %w", errors.Join(err, cerr))
		}
	}
	return len(batch), nil
}

func (l *udpLink) close() error {
	if l.conn == nil {
		return nil
	}
	return l.conn.Close()
}
