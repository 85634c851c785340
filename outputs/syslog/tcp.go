package syslog

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/outputs"
)

// writeTimeout is how long a collector may take no octet before its connection counts as broken.
const writeTimeout = 15 * time.Second

// checkAfter is how long after the last write an idle connection is looked at again.
const checkAfter = 200 * time.Millisecond

// tcpLink sends octet-counted frames (RFC 6587 section 3.4.1), a batch with one write.
//
// A write that worked only means that our kernel has the octets. So the link keeps every frame until the collector's
// host has acknowledged it (the kernel tells how many octets it still holds) and sends what is left again when the
// connection breaks. While frames are unacknowledged and nothing new comes, a timer looks after the connection.
type tcpLink struct {
	addr string
	log  *slog.Logger

	mu      sync.Mutex // guards all below: send and the timer
	conn    *net.TCPConn
	closed  bool
	written uint64  // octets written to conn
	unacked []frame // oldest first
	timer   *time.Timer
	buf     []byte
}

// frame is a message as written; end is the number of octets of the connection up to its last one.
type frame struct {
	data []byte
	end  uint64
}

func (l *tcpLink) send(ctx context.Context, batch []outputs.Message) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.ready(ctx); err != nil {
		return 0, err
	}
	frames := make([]frame, len(batch))
	for i, m := range batch {
		frames[i].data = m.Data
	}
	if err := l.write(ctx, frames); err != nil {
		// What of the batch arrived is not known; the worker sends all of it again.
		l.drop()
		return 0, err
	}
	l.unacked = append(l.unacked, frames...)
	if err := l.check(); err != nil {
		// The frames stay in unacked: they are ours to send again now.
		l.drop()
	}
	l.watch()
	return len(batch), nil
}

// ready makes sure of a healthy connection on which everything old has been sent again.
func (l *tcpLink) ready(ctx context.Context) error {
	if l.closed {
		return net.ErrClosed
	}
	if l.conn != nil {
		if err := l.check(); err == nil {
			return nil
		}
		l.drop()
	}
	d := net.Dialer{Timeout: dialTimeout}
	conn, err := d.DialContext(ctx, "tcp", l.addr)
	if err != nil {
		return fmt.Errorf("connect to syslog collector: %w", err)
	}
	l.conn, l.written = conn.(*net.TCPConn), 0
	if len(l.unacked) == 0 {
		return nil
	}
	if err := l.write(ctx, l.unacked); err != nil {
		l.drop()
		return err
	}
	l.log.Info("messages that the collector had not acknowledged were sent again", "target", l.addr, "messages", len(l.unacked))
	return nil
}

// write writes the frames with one call and notes where each ends.
func (l *tcpLink) write(ctx context.Context, frames []frame) error {
	l.buf = l.buf[:0]
	at := l.written
	for i := range frames {
		before := len(l.buf)
		l.buf = strconv.AppendInt(l.buf, int64(len(frames[i].data)), 10)
		l.buf = append(l.buf, ' ')
		l.buf = append(l.buf, frames[i].data...)
		at += uint64(len(l.buf) - before)
		frames[i].end = at
	}
	if err := l.conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return fmt.Errorf("send to syslog collector: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { l.conn.SetWriteDeadline(time.Now()) }) //nolint:errcheck // ends the write
	_, err := l.conn.Write(l.buf)
	if !stop() && err == nil {
		err = l.conn.SetWriteDeadline(time.Time{})
	}
	if err != nil {
		return fmt.Errorf("send to syslog collector: %w", err)
	}
	l.written = at
	return nil
}

// check forgets the acknowledged frames and returns an error when the collector has closed the connection. The number
// of held octets is read first: it is only worth something on a connection that is still whole afterwards.
func (l *tcpLink) check() error {
	held, err := unacknowledged(l.conn)
	if err != nil {
		return err
	}
	if err := peerClosed(l.conn); err != nil {
		return err
	}
	acked := l.written - min(l.written, uint64(held))
	n := 0
	for n < len(l.unacked) && l.unacked[n].end <= acked {
		n++
	}
	if n == len(l.unacked) {
		l.unacked = l.unacked[:0]
		return nil
	}
	l.unacked = append(l.unacked[:0], l.unacked[n:]...)
	return nil
}

// watch looks at the connection again later as long as something is unacknowledged.
func (l *tcpLink) watch() {
	if len(l.unacked) == 0 || l.closed {
		return
	}
	if l.timer == nil {
		l.timer = time.AfterFunc(checkAfter, l.recheck)
		return
	}
	l.timer.Reset(checkAfter)
}

func (l *tcpLink) recheck() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || len(l.unacked) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), dialTimeout)
	defer cancel()
	if err := l.ready(ctx); err != nil {
		l.log.Debug("collector is not back yet", "target", l.addr, "err", err, "unacknowledged", len(l.unacked))
	}
	l.watch()
}

// drop closes the connection. What was not acknowledged stays in unacked.
func (l *tcpLink) drop() {
	if l.conn != nil {
		l.conn.Close() //nolint:errcheck // it is broken already
		l.conn = nil
	}
}

func (l *tcpLink) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	if l.timer != nil {
		l.timer.Stop()
	}
	if l.conn == nil {
		return nil
	}
	// The kernel goes on sending after Close; only a connection that broke leaves frames behind.
	if err := l.check(); err != nil && len(l.unacked) > 0 {
		l.log.Warn("stopped with messages that the collector had not acknowledged", "target", l.addr, "messages", len(l.unacked))
	}
	return l.conn.Close()
}
