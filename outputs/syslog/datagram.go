package syslog

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/outputs"
)

const (
	// dialTimeout bounds name resolution, connecting and the TLS handshake.
	dialTimeout = 10 * time.Second
	// resolveEvery is how often the host name of a UDP target is looked up again.
	resolveEvery = 5 * time.Minute
	// refusalTime is how long after a datagram a refusal may come and be about it.
	refusalTime = 2 * time.Second
)

// datagramLink sends a datagram per message over UDP (RFC 5426) or a unix datagram socket. A UDP socket is connected,
// so that an ICMP refusal comes back as an error of a later call; what had been sent just before is then sent again.
type datagramLink struct {
	network, addr string

	conn   net.Conn
	opened time.Time
	last   [][]byte // the batch before, in case its refusal shows later
	lastAt time.Time
	again  [][]byte // refused, to be sent ahead of the next batch
}

func (l *datagramLink) send(ctx context.Context, batch []outputs.Message) (int, error) {
	if err := l.open(ctx); err != nil {
		return 0, err
	}
	if err := l.conn.SetWriteDeadline(time.Now().Add(stallTimeout)); err != nil {
		return 0, l.failed(err)
	}
	// Only unix sockets can block; ctx ends that.
	stop := context.AfterFunc(ctx, func() { l.conn.SetWriteDeadline(time.Unix(1, 0)) }) //nolint:errcheck // ends the write
	defer stop()
	for _, d := range l.again {
		if _, err := l.conn.Write(d); err != nil {
			return 0, l.failed(err)
		}
	}
	for i := range batch {
		if ctx.Err() != nil {
			return i, ctx.Err()
		}
		if _, err := l.conn.Write(batch[i].Data); err != nil {
			if errors.Is(err, syscall.EMSGSIZE) {
				return i, fmt.Errorf("%w: message of %d octets is too large for %s", outputs.ErrPermanent, len(batch[i].Data), l.network)
			}
			if l.network == "udp" && errors.Is(err, syscall.ECONNREFUSED) {
				if len(l.again) == 0 && time.Since(l.lastAt) < refusalTime {
					l.again = l.last
				}
				i = 0
			}
			return i, l.failed(err)
		}
	}
	sent := make([][]byte, len(batch))
	for i := range batch {
		sent[i] = batch[i].Data
	}
	if err := pendingError(l.conn); l.network == "udp" && err != nil {
		return 0, l.failed(err)
	}
	l.last, l.lastAt, l.again = sent, time.Now(), nil
	return len(batch), nil
}

func (l *datagramLink) open(ctx context.Context) error {
	if l.conn != nil && (l.network != "udp" || time.Since(l.opened) < resolveEvery) {
		return nil
	}
	d := net.Dialer{Timeout: dialTimeout}
	conn, err := d.DialContext(ctx, l.network, l.addr)
	if err != nil {
		if l.conn != nil {
			l.opened = time.Now() // the address known so far may still be right
			return nil
		}
		return fmt.Errorf("reach syslog collector: %w", err)
	}
	if l.conn != nil {
		l.conn.Close() //nolint:errcheck // replaced
	}
	l.conn, l.opened = conn, time.Now()
	return nil
}

// failed words the error and gives the socket up: the name may point elsewhere by the next try.
func (l *datagramLink) failed(err error) error {
	cerr := l.conn.Close()
	l.conn = nil
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("syslog collector %s refuses datagrams: nothing listens there", l.addr)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("syslog collector %s takes no datagrams: its queue is full", l.addr)
	}
	return fmt.Errorf("send to syslog collector: %w", errors.Join(err, cerr))
}

func (l *datagramLink) close() error {
	if l.conn == nil {
		return nil
	}
	return l.conn.Close()
}
