package syslog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strconv"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/outputs"
)

const (
	// stallTimeout is how long a collector may take no octet before its connection counts as broken.
	stallTimeout = 15 * time.Second
	// chunk is the most that is written with one deadline, so that a slow collector is not taken for a stuck one.
	chunk = 256 << 10
	// pollMin and pollMax bound how often the kernel is asked whether all is acknowledged.
	pollMin, pollMax = 20 * time.Microsecond, 5 * time.Millisecond
	// recallTime and recallSize bound what is sent again after a collector went away without reading all that its host
	// had acknowledged. The size is about what a kernel holds for a process that does not read.
	recallTime, recallSize = 2 * time.Second, 4 << 20
	// recallRead is the same for a collector that went away after it had read all: it is how long that may take from
	// reading a message to storing it. syslog-ng loses what it holds even when it is stopped in good order.
	recallRead = 500 * time.Millisecond
)

// streamLink sends frames over TCP, TLS or a unix stream socket, a batch with one write.
//
// A write that worked only means that our kernel has the octets. So send returns when the collector's host has
// acknowledged all of them, and a batch during which the connection breaks is sent again whole. What is acknowledged
// may still be unread when the collector dies; its host then resets the connection (RFC 1122 section 4.2.2.13). Or it
// may be read and not stored; then nothing tells. So what was acknowledged shortly before the end is sent again too,
// ahead of the next batch, without a reset only once.
type streamLink struct {
	target string
	dial   func(ctx context.Context) (net.Conn, error)
	lines  bool          // frames end in a line feed; else they begin with their length
	settle time.Duration // how long a new connection has to live before it is used
	log    *slog.Logger

	conn   *streamConn
	recent []acked  // oldest first
	size   int      // octets of recent
	again  [][]byte // to be sent ahead of the next batch
	buf    []byte
}

// acked is a batch that the collector's host has acknowledged.
type acked struct {
	at       time.Time
	data     [][]byte
	size     int
	repeated bool
}

func (l *streamLink) send(ctx context.Context, batch []outputs.Message) (int, error) {
	l.look()
	if len(batch)+len(l.again) == 0 {
		return 0, nil
	}
	if err := l.open(ctx); err != nil {
		return 0, err
	}
	data := make([][]byte, 0, len(batch))
	for i := range batch {
		data = append(data, batch[i].Data)
	}
	l.buf = l.frame(l.buf[:0], l.again)
	old := len(l.buf)
	l.buf = l.frame(l.buf, data)
	if err := l.write(ctx); err != nil {
		l.drop()
		return 0, err
	}
	if len(l.again) > 0 {
		l.log.Info("messages that the collector may not have read were sent again", "target", l.target, "messages", len(l.again))
		l.remember(acked{time.Now(), l.again, old, true})
		l.again = nil
	}
	l.remember(acked{time.Now(), data, len(l.buf) - old, false})
	return len(batch), nil
}

// look notices that the collector has gone.
func (l *streamLink) look() {
	if l.conn != nil && l.conn.ended() {
		l.drop()
	}
}

func (l *streamLink) open(ctx context.Context) error {
	l.look()
	if l.conn != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	c, err := l.dial(ctx)
	if err != nil {
		return fmt.Errorf("connect to syslog collector: %w", err)
	}
	conn := newStreamConn(c)
	if l.settle > 0 {
		t := time.NewTimer(l.settle)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
			conn.Close() //nolint:errcheck // nothing was written
			return ctx.Err()
		case <-conn.gone:
			conn.Close() //nolint:errcheck // nothing was written
			return fmt.Errorf("syslog collector refuses the connection: %w", conn.err)
		}
	}
	l.conn = conn
	return nil
}

// frame appends the messages as RFC 6587 has them: octet counting (section 3.4.1) or line feeds (section 3.4.2); the
// encoder lets no line feed into a message.
func (l *streamLink) frame(b []byte, data [][]byte) []byte {
	for _, d := range data {
		if l.lines {
			b = append(append(b, d...), '\n')
			continue
		}
		b = strconv.AppendInt(b, int64(len(d)), 10)
		b = append(append(b, ' '), d...)
	}
	return b
}

// write writes the buffer and waits until the other side has it.
func (l *streamLink) write(ctx context.Context) error {
	conn := l.conn
	stop := context.AfterFunc(ctx, func() { conn.SetWriteDeadline(time.Unix(1, 0)) }) //nolint:errcheck // ends the write
	defer stop()
	for from := 0; from < len(l.buf); from += chunk {
		if err := l.conn.SetWriteDeadline(time.Now().Add(stallTimeout)); err != nil {
			return l.broken(err)
		}
		if err := ctx.Err(); err != nil {
			return err // the deadline that ended with ctx was just overwritten
		}
		if _, err := l.conn.Write(l.buf[from:min(from+chunk, len(l.buf))]); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return l.broken(err)
		}
	}
	return l.settled(ctx)
}

// settled waits until everything written is acknowledged.
func (l *streamLink) settled(ctx context.Context) error {
	progress, before := time.Now(), -1
	for pause := pollMin; ; pause = min(2*pause, pollMax) {
		held, err := l.conn.unacknowledged()
		if err != nil {
			return l.broken(err)
		}
		if held == 0 {
			// A reset says that not all of it was read.
			if l.conn.ended() && !errors.Is(l.conn.err, io.EOF) {
				return l.broken(l.conn.err)
			}
			return nil
		}
		if held != before {
			progress, before = time.Now(), held
		} else if time.Since(progress) > stallTimeout {
			return outputs.Troubled(outputs.Timeout, fmt.Errorf("syslog collector has acknowledged nothing for %v", stallTimeout))
		}
		t := time.NewTimer(pause)
		select {
		case <-t.C:
			continue
		case <-ctx.Done():
			err = ctx.Err()
		case <-l.conn.gone:
			err = l.broken(l.conn.err)
		}
		t.Stop()
		return err
	}
}

func (l *streamLink) broken(err error) error {
	if errors.Is(err, io.EOF) {
		return outputs.Troubled(outputs.Refused, errors.New("syslog collector closed the connection"))
	}
	return fmt.Errorf("send to syslog collector: %w", err)
}

// remember keeps what may have to be sent again.
func (l *streamLink) remember(a acked) {
	l.recent, l.size = append(l.recent, a), l.size+a.size
	drop := 0
	for drop < len(l.recent) && (l.size > recallSize || a.at.Sub(l.recent[drop].at) > recallTime) {
		l.size -= l.recent[drop].size
		l.recent[drop] = acked{}
		drop++
	}
	l.recent = l.recent[drop:]
}

// drop closes the connection and decides what has to be sent again on the next one.
func (l *streamLink) drop() {
	select {
	case <-l.conn.gone:
	case <-time.After(pollMax): // the reader may not have got to the reset that failed a write
	}
	if l.conn.ended() {
		read, within := errors.Is(l.conn.err, io.EOF), recallTime
		if read {
			within = recallRead
		}
		for _, a := range l.recent {
			if l.conn.at.Sub(a.at) <= within && !(read && a.repeated) {
				l.again = append(l.again, a.data...)
			}
		}
	}
	l.recent, l.size = nil, 0
	closeNow(l.conn.Conn)
	l.conn = nil
}

func (l *streamLink) unsettled() bool {
	if n := len(l.recent); n > 0 && time.Since(l.recent[n-1].at) > recallTime+lookEvery {
		l.recent, l.size = nil, 0 // the collector lives: it will not be asked for
	}
	return len(l.again)+len(l.recent) > 0
}

func (l *streamLink) unsure() [][]byte {
	l.look()
	data := l.again
	l.again = nil
	return data
}

func (l *streamLink) close() error {
	if l.conn == nil {
		return nil
	}
	conn := l.conn
	l.conn, l.recent, l.size = nil, nil, 0
	err := conn.Close()
	if conn.ended() {
		return nil // the peer was first: closing finds nothing to do
	}
	return err
}

// streamConn is one connection. Its reader notices when the peer ends it; collectors send nothing else.
type streamConn struct {
	net.Conn
	gone chan struct{} // closed by the reader when it ends; then err says why and at when
	err  error
	at   time.Time
}

func newStreamConn(c net.Conn) *streamConn {
	s := &streamConn{Conn: c, gone: make(chan struct{})}
	go func() {
		s.err = s.readAll()
		s.at = time.Now()
		close(s.gone)
	}()
	return s
}

// readAll returns when the peer ends the connection, with io.EOF only when that was without a reset: then it has read
// everything. The end of TLS does not tell, that of the connection below does.
func (s *streamConn) readAll() error {
	_, err := io.Copy(io.Discard, s.Conn)
	if conn := below(s.Conn); conn != s.Conn && (err == nil || errors.Is(err, io.ErrUnexpectedEOF)) {
		if err := conn.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, conn)
	}
	if err == nil {
		err = io.EOF
	}
	return err
}

// below is the connection that TLS runs over, or the connection itself.
func below(c net.Conn) net.Conn {
	if t, ok := c.(interface{ NetConn() net.Conn }); ok {
		return t.NetConn()
	}
	return c
}

func (s *streamConn) ended() bool {
	select {
	case <-s.gone:
		return true
	default:
		return false
	}
}

// unacknowledged is how many octets the kernel still holds.
func (s *streamConn) unacknowledged() (int, error) { return unacknowledged(below(s.Conn)) }
