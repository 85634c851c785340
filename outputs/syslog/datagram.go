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
	// refusalMost bounds what is kept to be sent again.
	refusalMost = 4096
)

// datagramLink sends a datagram per message over UDP (RFC 5426) or a unix datagram socket. A UDP socket is connected,
// so that an ICMP refusal comes back as an error of a later call; what had been sent just before is then sent again.
type datagramLink struct {
	network, addr string

	udp    outputs.UDP
	conn   net.Conn
	opened time.Time
	last   [][]byte // the batch before, in case its refusal shows later
	lastAt time.Time
	again  [][]byte // refused, to be sent ahead of the next batch
}

func (l *datagramLink) send(ctx context.Context, batch []outputs.Message) (int, error) {
	if err := l.look(); err != nil {
		return 0, err
	}
	if len(batch)+len(l.again) == 0 {
		return 0, nil
	}
	if err := l.open(ctx); err != nil {
		return 0, err
	}
	conn := l.conn
	if err := conn.SetWriteDeadline(time.Now().Add(stallTimeout)); err != nil {
		return 0, l.failed(err)
	}
	// Only unix sockets can block; ctx ends that.
	stop := context.AfterFunc(ctx, func() { conn.SetWriteDeadline(time.Unix(1, 0)) }) //nolint:errcheck // ends the write
	defer stop()
	sent := make([][]byte, 0, len(l.again)+len(batch))
	for _, d := range l.again {
		if _, err := conn.Write(d); err != nil {
			return 0, l.failed(err)
		}
		sent = append(sent, d)
	}
	for i := range batch {
		if ctx.Err() != nil {
			return i, ctx.Err()
		}
		if _, err := conn.Write(batch[i].Data); err != nil {
			narrow := false
			if l.network == "udp" && errors.Is(err, syscall.EMSGSIZE) {
				// Either it is too large for the socket, or a router had to throw an earlier one away. The host knows that now and
				// sends in fragments.
				for try := 0; try < 3 && !narrow; try++ {
					_, again := conn.Write(batch[i].Data)
					narrow = again == nil
				}
			}
			if errors.Is(err, syscall.EMSGSIZE) && !narrow {
				l.last, l.lastAt, l.again = sent, time.Now(), nil
				return i, fmt.Errorf("%w: message of %d octets is too large for %s", outputs.ErrPermanent, len(batch[i].Data), l.network)
			}
			if narrow || l.network == "udp" && errors.Is(err, syscall.ECONNREFUSED) {
				i = 0 // which of those before it was refused is not known
			}
			return i, l.failed(err)
		}
		sent = append(sent, batch[i].Data)
	}
	if l.network == "udp" {
		if err := pendingError(l.conn); err != nil {
			return 0, l.failed(err)
		}
	}
	l.last, l.lastAt, l.again = sent, time.Now(), nil
	return len(batch), nil
}

// look notices that what was sent last has been refused.
func (l *datagramLink) look() error {
	if l.network != "udp" || l.conn == nil {
		return nil
	}
	if err := pendingError(l.conn); err != nil {
		return l.failed(err)
	}
	return nil
}

func (l *datagramLink) open(ctx context.Context) error {
	if l.conn != nil && (l.network != "udp" || time.Since(l.opened) < resolveEvery) {
		return nil
	}
	d := net.Dialer{Timeout: dialTimeout}
	var conn net.Conn
	var err error
	if l.network == "udp" {
		if l.conn != nil {
			l.udp.Forget() // an address that failed once may work again
		}
		conn, err = l.udp.Dial(ctx, d, l.addr)
	} else {
		conn, err = d.DialContext(ctx, l.network, l.addr)
	}
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

// failed words the error and gives the socket up: the name may point elsewhere by the next try, or have another address.
func (l *datagramLink) failed(err error) error {
	where := outputs.Where(l.addr, l.conn)
	if l.network == "udp" && !errors.Is(err, syscall.EMSGSIZE) {
		l.udp.Failed(l.conn)
	}
	cerr := l.conn.Close()
	l.conn = nil
	if (errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.EMSGSIZE)) && l.network == "udp" && time.Since(l.lastAt) < refusalTime {
		l.again = append(l.again, l.last...)
		l.again = l.again[max(0, len(l.again)-refusalMost):]
	}
	l.last = nil
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return outputs.Troubled(outputs.Refused, fmt.Errorf("syslog collector %s refuses datagrams: nothing listens there", where))
	case errors.Is(err, os.ErrDeadlineExceeded):
		return outputs.Troubled(outputs.Timeout, fmt.Errorf("syslog collector %s takes no datagrams: its queue is full", where))
	}
	return fmt.Errorf("send to syslog collector: %w", errors.Join(err, cerr))
}

func (l *datagramLink) unsettled() bool {
	return len(l.again) > 0 || l.network == "udp" && len(l.last) > 0 && time.Since(l.lastAt) < refusalTime
}

func (l *datagramLink) unsure() [][]byte {
	l.look() //nolint:errcheck // what it finds is in again
	data := l.again
	l.again = nil
	return data
}

func (l *datagramLink) close() error {
	if l.conn == nil {
		return nil
	}
	conn := l.conn
	l.conn, l.last = nil, nil
	return conn.Close()
}
