package syslog

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/outputs"
)

const (
	// relpWindow is how many messages may be on their way unacknowledged, as in librelp.
	relpWindow = 128
	// relpTimeout is how long a collector may take for an answer: its queue may be on a busy disk.
	relpTimeout = 60 * time.Second
	// relpGoodbye bounds the end of a session.
	relpGoodbye = time.Second
	// relpLastTxn is the highest transaction number; a session that gets there ends.
	relpLastTxn = 999_999_999
	// relpMaxResponse bounds the data of one answer, in octets.
	relpMaxResponse = 64 << 10
	// relpRefusals is how often a message has to be refused, while others are taken, before it is given up.
	relpRefusals = 3
)

// relpLink sends over RELP, the acknowledged transport of rsyslog. A message counts as sent when the collector itself
// has acknowledged it; after a failure all others are sent again, in a new session when it broke.
type relpLink struct {
	dial func(ctx context.Context) (net.Conn, error)

	conn net.Conn // nil without a session
	rd   *bufio.Reader
	txn  int // last transaction number used
	buf  []byte

	last   []byte         // the message that was acknowledged last
	ahead  map[string]int // how many of each message were acknowledged while one before them was not: they are not sent again
	poison []byte         // the message that was refused last while others were taken
	count  int            // how often
}

// errRELP marks what ends a session.
var errRELP = errors.New("RELP session")

func (l *relpLink) send(ctx context.Context, batch []outputs.Message) (int, error) {
	if len(batch) == 0 {
		return 0, nil
	}
	if l.txn+len(batch) >= relpLastTxn {
		l.close() //nolint:errcheck // the next session counts from 1 again
	}
	used := l.conn != nil
	if err := l.open(ctx); err != nil {
		return 0, err
	}
	known := make([]bool, len(batch))
	open := make([]outputs.Message, 0, len(batch)) // what the collector does not have yet
	for i, m := range batch {
		if known[i] = l.ahead[string(m.Data)] > 0; known[i] {
			l.ahead[string(m.Data)]--
		} else {
			open = append(open, m)
		}
	}
	answers, err := l.exchange(ctx, open)
	if used && errors.Is(err, errRELP) && ctx.Err() == nil && !slices.ContainsFunc(answers, relpResponse.given) {
		// The collector was restarted since the last batch.
		if err = l.open(ctx); err == nil {
			answers, err = l.exchange(ctx, open)
		}
	}
	n, othersTaken, refusal := 0, false, relpResponse{}
	l.ahead = nil
	for i, m := range batch {
		if !known[i] {
			r := answers[0]
			answers = answers[1:]
			if !r.ok() {
				if n == i {
					refusal = r
				}
				continue
			}
			l.last, othersTaken = m.Data, true
		}
		if n == i {
			n++
			continue
		}
		if l.ahead == nil {
			l.ahead = make(map[string]int)
		}
		l.ahead[string(m.Data)]++
	}
	if err != nil || n == len(batch) {
		return n, err
	}
	return n, l.refused(ctx, batch[n].Data, refusal.text(), othersTaken)
}

// open begins a session, unless there is one.
func (l *relpLink) open(ctx context.Context) error {
	if l.conn != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	conn, err := l.dial(ctx)
	if err != nil {
		return fmt.Errorf("connect to syslog collector: %w", err)
	}
	l.conn, l.rd, l.txn = conn, bufio.NewReader(conn), 1
	stop := l.interruptible(ctx)
	defer stop()
	offer := "relp_version=0\nrelp_software=gluster-trapgw\ncommands=syslog"
	if _, err := fmt.Fprintf(conn, "1 open %d %s\n", len(offer), offer); err != nil {
		return l.broken(ctx, err)
	}
	r, err := readRELP(l.rd)
	if err != nil {
		return l.broken(ctx, err)
	}
	if r.txn != 1 || !r.ok() {
		return l.broken(ctx, fmt.Errorf("the collector answers %q to open", r.text()))
	}
	for _, line := range strings.Split(string(r.data), "\n") {
		if names, ok := strings.CutPrefix(line, "commands="); ok && !strings.Contains(","+names+",", ",syslog,") {
			return l.broken(ctx, fmt.Errorf("the collector takes %q and no syslog", names))
		}
	}
	return nil
}

// exchange sends the batch and waits for the answers, which it returns in the order of the batch.
func (l *relpLink) exchange(ctx context.Context, batch []outputs.Message) ([]relpResponse, error) {
	stop := l.interruptible(ctx)
	defer stop()
	first := l.txn + 1
	answers := make([]relpResponse, len(batch))
	for sent, got := 0, 0; got < len(batch); got++ {
		if room := relpWindow - (sent - got); sent < len(batch) && (room >= relpWindow/2 || room >= len(batch)-sent) {
			l.buf = l.buf[:0]
			for ; sent < len(batch) && room > 0; room-- {
				l.txn++
				l.buf = appendRELP(l.buf, l.txn, "syslog", batch[sent].Data)
				sent++
			}
			if err := l.allow(ctx, stallTimeout); err != nil {
				return answers, l.broken(ctx, err)
			}
			if _, err := l.conn.Write(l.buf); err != nil {
				return answers, l.broken(ctx, err)
			}
		}
		if err := l.allow(ctx, relpTimeout); err != nil {
			return answers, l.broken(ctx, err)
		}
		if l.rd.Buffered() == 0 {
			if err := quickAck(below(l.conn)); err != nil {
				return answers, l.broken(ctx, err)
			}
		}
		r, err := readRELP(l.rd)
		if err != nil {
			return answers, l.broken(ctx, err)
		}
		i := r.txn - first
		if i < 0 || i >= sent || answers[i].given() {
			return answers, l.broken(ctx, fmt.Errorf("the collector answers transaction %d, which is not open", r.txn))
		}
		answers[i] = r
	}
	return answers, nil
}

// refused decides about a message that the collector answered with an error. Mostly that is a collector in trouble,
// such as one whose disk is full, and its acknowledgements are there so that we try again. Only when it takes other
// messages and refuses the same one time and again is it the message that cannot be helped. When there was no other,
// the one that it acknowledged last is offered once more: what comes later waits behind this one and cannot tell.
func (l *relpLink) refused(ctx context.Context, data []byte, text string, othersTaken bool) error {
	if !othersTaken && l.last != nil {
		answers, err := l.exchange(ctx, []outputs.Message{{Data: l.last}})
		if err != nil {
			return err
		}
		othersTaken = answers[0].ok()
	}
	if othersTaken {
		if !bytes.Equal(data, l.poison) {
			l.poison, l.count = bytes.Clone(data), 0
		}
		l.count++
		if l.count >= relpRefusals {
			l.poison, l.count = nil, 0
			return fmt.Errorf("%w: syslog collector takes other messages and answered %q to this one %d times", outputs.ErrPermanent, text, relpRefusals)
		}
	}
	return outputs.Troubled(outputs.Rejected, fmt.Errorf("syslog collector did not take a message: it answered %q", text))
}

// interruptible makes reads and writes end with ctx until stop is called.
func (l *relpLink) interruptible(ctx context.Context) (stop func() bool) {
	conn := l.conn
	if d, ok := ctx.Deadline(); ok {
		conn.SetDeadline(d) //nolint:errcheck // shows at the next write
	}
	return context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) }) //nolint:errcheck // ends the call
}

// allow gives the next call its time.
func (l *relpLink) allow(ctx context.Context, d time.Duration) error {
	err := l.conn.SetDeadline(time.Now().Add(d))
	if ctx.Err() != nil {
		return ctx.Err() // the deadline that ended with ctx was just overwritten
	}
	return err
}

// broken ends the session and words the error.
func (l *relpLink) broken(ctx context.Context, err error) error {
	closeNow(l.conn)
	l.conn = nil
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, io.EOF):
		return outputs.Troubled(outputs.Refused, fmt.Errorf("%w: syslog collector closed the connection", errRELP))
	}
	return fmt.Errorf("%w with syslog collector: %w", errRELP, err)
}

func (l *relpLink) unsettled() bool  { return false }
func (l *relpLink) unsure() [][]byte { return nil }

// close ends the session in good order: the collector then knows that nothing is missing.
func (l *relpLink) close() error {
	if l.conn == nil {
		return nil
	}
	conn := l.conn
	l.conn = nil
	conn.SetDeadline(time.Now().Add(relpGoodbye)) //nolint:errcheck // shows at the write
	if _, err := conn.Write(appendRELP(nil, l.txn+1, "close", nil)); err == nil {
		readRELP(l.rd) //nolint:errcheck // everything was acknowledged: how the session ends does not matter
	}
	closeNow(conn)
	return nil
}

// appendRELP appends a frame: TXNR SP COMMAND SP DATALEN [SP DATA] LF.
func appendRELP(b []byte, txn int, command string, data []byte) []byte {
	b = strconv.AppendInt(b, int64(txn), 10)
	b = append(append(append(b, ' '), command...), ' ')
	b = strconv.AppendInt(b, int64(len(data)), 10)
	if len(data) > 0 {
		b = append(append(b, ' '), data...)
	}
	return append(b, '\n')
}

// relpResponse is an answer of the collector.
type relpResponse struct {
	txn  int
	data []byte // "200 OK", or another code and the reason; after open also the collector's offers
}

// given reports whether there is an answer: no transaction has number 0.
func (r relpResponse) given() bool { return r.txn != 0 }

func (r relpResponse) ok() bool {
	code, _, _ := bytes.Cut(r.data, []byte(" "))
	return string(bytes.TrimSpace(code)) == "200"
}

// text is the first line, short enough to log.
func (r relpResponse) text() string {
	line, _, _ := bytes.Cut(r.data, []byte("\n"))
	return string(cut(line, min(len(line), 128)))
}

// readRELP reads one answer. The collector's own announcement that it ends the session is an error.
func readRELP(rd *bufio.Reader) (relpResponse, error) {
	var r relpResponse
	txn, err := relpToken(rd)
	if err != nil {
		return r, err
	}
	command, err := relpToken(rd)
	if err != nil {
		return r, err
	}
	length, err := relpToken(rd)
	if err != nil {
		return r, err
	}
	n, err := strconv.Atoi(length)
	if r.txn, _ = strconv.Atoi(txn); err != nil || n < 0 || n > relpMaxResponse {
		return r, fmt.Errorf("%q %q %q is not the beginning of a RELP frame", txn, command, length)
	}
	if n > 0 {
		r.data = make([]byte, n)
		if _, err := io.ReadFull(rd, r.data); err != nil {
			return r, err
		}
	}
	for end := byte(' '); end != '\n'; {
		if end, err = rd.ReadByte(); err != nil {
			return r, err
		}
		if end != '\n' && end != ' ' {
			return r, fmt.Errorf("RELP frame %s ends in %q", txn, end)
		}
	}
	switch command {
	case "rsp":
		return r, nil
	case "serverclose":
		return r, fmt.Errorf("the collector ends the session: %w", io.EOF)
	}
	return r, fmt.Errorf("%q is not an answer", command)
}

// relpToken reads up to a space, or to the line feed of a frame without data, which it leaves.
func relpToken(rd *bufio.Reader) (string, error) {
	var b []byte
	for len(b) <= 32 {
		c, err := rd.ReadByte()
		if err != nil {
			return "", err
		}
		switch c {
		case ' ':
			return string(b), nil
		case '\n':
			return string(b), rd.UnreadByte()
		}
		b = append(b, c)
	}
	return "", fmt.Errorf("%q... is not a RELP frame", b)
}

// closeNow closes the connection below TLS, without the farewell of TLS, which could block on a stuck peer.
func closeNow(c net.Conn) {
	below(c).Close() //nolint:errcheck // there is nobody to tell
}
