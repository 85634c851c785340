package syslog

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/influxdata/go-syslog/v3/rfc5424"
)

// Received is one message that a Listener got, read back by the strict RFC 5424 parser.
type Received struct {
	From     string // address of the sender
	Raw      string // the message without framing
	Err      error  // why the strict parser refuses it; the fields below are then empty
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

// Run receives until ctx ends and hands every message to fn, which is called by one goroutine at a time.
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
					ReadStream(bufio.NewReaderSize(conn, 64<<10), func(r Received) { handle(conn.RemoteAddr(), r) }) //nolint:errcheck // how a connection ends does not matter
				})
			}
		})
	}
	<-ctx.Done()
	wg.Wait()
	return nil
}

// ReadStream reads framed messages until the stream ends, hands each to fn, and returns how it ended; From is not set.
func ReadStream(rd *bufio.Reader, fn func(Received)) error {
	for {
		raw, err := readFrame(rd)
		if err != nil {
			return err
		}
		fn(parse(raw))
	}
}

// readFrame reads one message: a digit begins octet counting, anything else a line (RFC 6587 section 3.4).
func readFrame(rd *bufio.Reader) ([]byte, error) {
	first, err := rd.Peek(1)
	if err != nil {
		return nil, err
	}
	if first[0] < '1' || first[0] > '9' {
		line, err := rd.ReadBytes('\n')
		if len(line) > 0 && line[len(line)-1] == '\n' {
			line = line[:len(line)-1]
		}
		if len(line) == 0 {
			return nil, errors.Join(err, io.ErrUnexpectedEOF)
		}
		return line, nil
	}
	count, err := rd.ReadString(' ')
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(count[:len(count)-1])
	if err != nil || n > maxReceived {
		return nil, fmt.Errorf("frame length %q is not a number up to %d", count, maxReceived)
	}
	raw := make([]byte, n)
	_, err = io.ReadFull(rd, raw)
	return raw, err
}

func parse(raw []byte) Received {
	r := Received{Raw: string(raw)}
	m, err := rfc5424.NewParser().Parse(raw)
	if err != nil {
		r.Err = err
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
