package syslog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"syscall"

	"github.com/gluster-trapgw/gluster-trapgw/outputs"
)

// unixLink sends to a unix socket, such as /dev/log. Whether that takes datagrams or a stream shows when connecting,
// as with syslog(3).
type unixLink struct {
	path  string
	lines bool
	log   *slog.Logger

	link link
}

func (l *unixLink) open(ctx context.Context) error {
	if l.link != nil {
		return l.link.open(ctx)
	}
	c, err := net.Dial("unixgram", l.path)
	switch {
	case err == nil:
		l.link = &datagramLink{network: "unixgram", addr: l.path, conn: c}
	case errors.Is(err, syscall.EPROTOTYPE):
		l.link = &streamLink{target: l.path, lines: l.lines, log: l.log, dial: func(ctx context.Context) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", l.path)
		}}
	default:
		return fmt.Errorf("connect to syslog socket: %w", err)
	}
	return l.link.open(ctx)
}

func (l *unixLink) send(ctx context.Context, batch []outputs.Message) (int, error) {
	n, err := 0, error(nil)
	if l.link == nil && len(batch) > 0 {
		err = l.open(ctx)
	}
	if err == nil && l.link != nil {
		n, err = l.link.send(ctx, batch)
	}
	if errors.Is(err, syscall.EPROTOTYPE) && l.link != nil {
		l.link.close() //nolint:errcheck // replaced by one of the other kind: look again
		l.link = nil
	}
	return n, err
}

func (l *unixLink) unsettled() bool { return l.link != nil && l.link.unsettled() }

func (l *unixLink) unsure() [][]byte {
	if l.link == nil {
		return nil
	}
	return l.link.unsure()
}

func (l *unixLink) close() error {
	if l.link == nil {
		return nil
	}
	return l.link.close()
}
