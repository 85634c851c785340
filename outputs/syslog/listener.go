package syslog

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/influxdata/go-syslog/v3/rfc5424"
)

// Received is one message that a Listener got, read back by the strict RFC 5424 parser.
type Received struct {
	From     string // address of the sender
	Raw      string // the message without framing
	Err      error  // why the strict parser refuses it, or where the framing broke; the fields below are then empty
	Facility string
	Severity string
	Time     time.Time
	Host     string
	App      string
	MsgID    string
	SD       map[string]map[string]string
	Text     string
}

// maxReceived bounds one message of a stream, in octets.
const maxReceived = 1 << 20

// errFraming is how a stream ends in which nobody can tell where the next message begins.
var errFraming = errors.New("framing is broken")

// Listener is a small syslog receiver for trying things: UDP (RFC 5426) and TCP with octet counting or line feeds
// (RFC 6587). It is what the listen and demo commands and the tests use; it is no collector.
type Listener struct {
	udp net.PacketConn
	tcp net.Listener
}

// Listen binds the addresses; an empty one is left out, port 0 picks a free one.
func Listen(udp, tcp string) (*Listener, error) {
	l := &Listener{}
	var err error
	if udp != "" {
		if l.udp, err = net.ListenPacket("udp", udp); err != nil {
			return nil, fmt.Errorf("listen for syslog over UDP: %w", err)
		}
	}
	if tcp != "" {
		if l.tcp, err = net.Listen("tcp", tcp); err != nil {
			if l.udp != nil {
				err = errors.Join(err, l.udp.Close())
			}
			return nil, fmt.Errorf("listen for syslog over TCP: %w", err)
		}
	}
	return l, nil
}

// UDPAddr is the bound UDP address, empty when there is none.
func (l *Listener) UDPAddr() string {
	if l.udp == nil {
		return ""
	}
	return l.udp.LocalAddr().String()
}

// TCPAddr is the bound TCP address, empty when there is none.
func (l *Listener) TCPAddr() string {
	if l.tcp == nil {
		return ""
	}
	return l.tcp.Addr().String()
}

// Run receives until ctx ends and hands every message, and what is left when the framing of a connection breaks, to fn, which
// is called by one goroutine at a time.
func (l *Listener) Run(ctx context.Context, fn func(Received)) error {
	var mu sync.Mutex // serialises fn
	handle := func(from net.Addr, r Received) {
		r.From = from.String()
		mu.Lock()
		defer mu.Unlock()
		fn(r)
	}
	var wg sync.WaitGroup
	stop := context.AfterFunc(ctx, func() {
		if l.udp != nil {
			l.udp.Close() //nolint:errcheck // ends the read below
		}
		if l.tcp != nil {
			l.tcp.Close() //nolint:errcheck // ends the accept below
		}
	})
	defer stop()
	if l.udp != nil {
		wg.Go(func() {
			buf := make([]byte, 65536)
			for {
				n, from, err := l.udp.ReadFrom(buf)
				if err != nil {
					return
				}
				handle(from, parse(buf[:n]))
			}
		})
	}
	if l.tcp != nil {
		wg.Go(func() {
			for {
				conn, err := l.tcp.Accept()
				if err != nil {
					return
				}
				wg.Go(func() {
					closeOnEnd := context.AfterFunc(ctx, func() { conn.Close() }) //nolint:errcheck // ends the read
					defer closeOnEnd()
					defer conn.Close()                                                                               //nolint:errcheck // nothing was written
					ReadStream(bufio.NewReaderSize(conn, 64<<10), func(r Received) { handle(conn.RemoteAddr(), r) }) //nolint:errcheck // fn heard of what matters
				})
			}
		})
	}
	<-ctx.Done()
	wg.Wait()
	return nil
}

// ReadStream reads framed messages until the stream ends, hands each to fn, and returns how it ended; From is not set. When the
// framing breaks, fn gets what was read last together with the reason.
func ReadStream(rd *bufio.Reader, fn func(Received)) error {
	for {
		raw, err := readFrame(rd)
		if errors.Is(err, errFraming) {
			fn(Received{Raw: string(raw), Err: err})
		}
		if err != nil {
			return err
		}
		if len(raw) > 0 {
			fn(parse(raw))
		}
	}
}

// readFrame reads one message: a digit begins octet counting, anything else a line (RFC 6587 section 3.4). Senders end lines
// with CR LF too, and some add a line feed to counted messages: an empty line is no message.
func readFrame(rd *bufio.Reader) ([]byte, error) {
	first, err := rd.Peek(1)
	if err != nil {
		return nil, err
	}
	if first[0] < '1' || first[0] > '9' {
		line, err := rd.ReadBytes('\n')
		line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte{'\n'}), []byte{'\r'})
		if len(line) == 0 {
			return nil, err
		}
		return line, nil // also one that the stream ends without a line feed
	}
	var count []byte
	for n := 0; ; {
		c, err := rd.ReadByte()
		switch {
		case err == io.EOF:
			return count, fmt.Errorf("%w: the connection ends within the length of a message", errFraming)
		case err != nil:
			return nil, err
		case c == ' ':
			raw := make([]byte, n)
			got, err := io.ReadFull(rd, raw)
			if err == io.EOF || err == io.ErrUnexpectedEOF {
				err = fmt.Errorf("%w: the connection ends after %d of %d octets of a message", errFraming, got, n)
			}
			return raw[:got], err
		}
		count = append(count, c)
		if n = 10*n + int(c-'0'); c < '0' || c > '9' || n > maxReceived {
			return count, fmt.Errorf("%w, the connection is dropped: %q is neither the length of a message, at most %d, nor the \"<\" that it begins with",
				errFraming, count, maxReceived)
		}
	}
}

func parse(raw []byte) Received {
	r := Received{Raw: string(raw)}
	m, err := rfc5424.NewParser().Parse(raw)
	if err != nil {
		r.Err = fmt.Errorf("not RFC 5424: %w", err)
		return r
	}
	msg := m.(*rfc5424.SyslogMessage)
	text := func(s *string) string {
		if s == nil {
			return ""
		}
		return *s
	}
	r.Facility, r.Severity = text(msg.FacilityLevel()), text(msg.SeverityShortLevel())
	if msg.Timestamp != nil {
		r.Time = *msg.Timestamp
	}
	r.Host, r.App, r.MsgID, r.Text = text(msg.Hostname), text(msg.Appname), text(msg.MsgID), text(msg.Message)
	if msg.StructuredData != nil {
		r.SD = *msg.StructuredData
	}
	return r
}
