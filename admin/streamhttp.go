package admin

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
)

// writeTime is how long one write to a listener may take.
const writeTime = 10 * time.Second

// framing is how an event is wrapped on the connection. It does not depend on the listener, so that one copy serves all.
type framing int

const (
	serverSent framing = iota // server-sent events (WHATWG HTML, section 9.2)
	webSocket                 // one text message for each event (RFC 6455)
)

func (f framing) event(dst []byte, seq uint64, text []byte) []byte {
	if f == webSocket {
		return appendFrame(dst, ws.OpText, text)
	}
	dst = strconv.AppendUint(append(dst, "id: "...), seq, 10)
	return append(append(append(dst, "\ndata: "...), text...), "\n\n"...)
}

func (f framing) notice(n Notice) []byte {
	text, err := json.Marshal(n)
	if err != nil {
		return nil // not reached: a text and a number
	}
	if f == webSocket {
		return appendFrame(nil, ws.OpText, text)
	}
	return slices.Concat([]byte("event: notice\ndata: "), text, []byte("\n\n"))
}

// ping shows that the stream is alive. An event source also learns where to resume: an id without data is no event.
func (f framing) ping(at uint64) []byte {
	if f == webSocket {
		return ws.CompiledPing
	}
	return append(strconv.AppendUint([]byte("id: "), at, 10), "\n\n"...)
}

func appendFrame(dst []byte, op ws.OpCode, payload []byte) []byte {
	frame, err := ws.CompileFrame(ws.NewFrame(op, true, payload))
	if err != nil {
		return dst // not reached: memory does not fail to be written
	}
	return append(dst, frame...)
}

// Notice is what the stream says besides events: that some are missing, or why it ends.
type Notice struct {
	Notice string `json:"notice"`
	Resume uint64 `json:"resume_after"` // ask for ?after= this to go on
}

// ServeHTTP answers GET /stream: with a WebSocket if it is asked for, else with server-sent events.
func (s *Stream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := knownFilters(r, LiveFilters); err != nil {
		answer(w, nil, err)
		return
	}
	values := r.URL.Query()
	q, err := ParseLiveQuery(func(name string) []string {
		// A browser that reconnects repeats the query of its first request, and tells the last event it had.
		if id := r.Header.Get("Last-Event-ID"); name == "after" && id != "" {
			return []string{id}
		}
		return values[name]
	})
	if err != nil {
		Error(w, http.StatusBadRequest, err.Error())
		return
	}
	if !s.enter() {
		Error(w, http.StatusServiceUnavailable, fmt.Sprintf("there are %d streams already", maxStreams))
		return
	}
	defer s.exit()
	if err := Unlimited(w); err != nil {
		Error(w, http.StatusInternalServerError, "this connection cannot stream")
		return
	}
	l := listening{query: &q}
	ctx := r.Context()
	if strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		conn, buf, _, err := ws.UpgradeHTTP(r, w)
		if err != nil {
			return // it was answered
		}
		defer conn.Close() //nolint:errcheck // it may be gone
		c, cancel := context.WithCancel(ctx)
		defer cancel()
		go func() {
			defer cancel()
			hear(conn, buf.Reader)
		}()
		ctx, l.framing = c, webSocket
		l.write = func(data []byte) error {
			if err := conn.SetWriteDeadline(time.Now().Add(writeTime)); err != nil {
				return err
			}
			_, err := conn.Write(data)
			return err
		}
	} else {
		w.Header().Set("Content-Type", "text/event-stream")
		c := http.NewResponseController(w)
		l.write = func(data []byte) error {
			if err := c.SetWriteDeadline(time.Now().Add(writeTime)); err != nil {
				return err
			}
			if _, err := w.Write(data); err != nil {
				return err
			}
			return c.Flush()
		}
	}
	err = s.follow(ctx, &l)
	n := Notice{Notice: err.Error(), Resume: l.at}
	if !errors.Is(err, errGone) && l.write(l.framing.notice(n)) == nil && l.framing == webSocket {
		body := ws.NewCloseFrameBody(ws.StatusGoingAway, n.Notice)
		_ = l.write(appendFrame(nil, ws.OpClose, body)) // it ends either way
	}
}

// hear answers the pings of a WebSocket listener and drops whatever else it says, until it goes. What it writes is one
// frame in one call, as is what the stream writes, so that frames never mix.
func hear(conn net.Conn, r *bufio.Reader) {
	in := wsutil.Reader{Source: r, State: ws.StateServerSide, MaxFrameSize: 1 << 16}
	control := wsutil.ControlFrameHandler(conn, ws.StateServerSide)
	for {
		h, err := in.NextFrame()
		if err != nil {
			return
		}
		if h.OpCode.IsControl() {
			err = control(h, &in)
		} else {
			err = in.Discard()
		}
		if err != nil {
			return
		}
	}
}

// Why a stream ends.
var (
	errGone = errors.New("the listener has gone")
	errSlow = errors.New("too slow: events came faster than they were taken")
	errStop = errors.New("the gateway stops")
	errRead = errors.New("the log cannot be read")
)

// listening is one connection.
type listening struct {
	framing framing
	query   *LiveQuery
	write   func(data []byte) error // an error means that the listener is gone, or takes nothing
	at      uint64                  // everything up to here is done with
}

// follow sends what was asked for, first what lies after the event to resume after, then what comes, and returns why it
// ends.
func (s *Stream) follow(ctx context.Context, l *listening) error {
	first, last, err := s.feed.Range(ctx)
	if err != nil {
		return errRead
	}
	if err := l.begin(first, last); err != nil {
		return err
	}
	// What is long ago is read before joining, so that a long way to now does not count as slowness.
	if err := s.read(ctx, l, last); err != nil {
		return err
	}
	if _, last, err = s.feed.Range(ctx); err != nil {
		return errRead
	}
	sub, joined := s.join(last)
	defer s.leave(sub)
	if err := s.read(ctx, l, joined); err != nil {
		return err
	}
	l.at = max(l.at, joined)
	ping := time.NewTicker(streamPing)
	defer ping.Stop()
	for {
		select {
		case <-ctx.Done():
			return errStop
		case <-ping.C:
			if l.write(l.framing.ping(l.at)) != nil {
				return errGone
			}
		case b, ok := <-sub.batches:
			if !ok {
				return errSlow
			}
			if err := l.take(b); err != nil {
				return err
			}
		}
	}
}

// begin puts the listener at the newest event, or after the one that it had last, as far as the log still has what
// follows, and says so.
func (l *listening) begin(first, last uint64) error {
	l.at = last
	n := Notice{Notice: "listening"}
	if after := l.query.After; l.query.Resume {
		switch l.at = after; {
		case after > last:
			l.at, n.Notice = last, fmt.Sprintf("there is no event %d: this is another log than before", after)
		case after+1 < first:
			l.at, n.Notice = first-1, fmt.Sprintf("events %d to %d are no longer kept", after+1, first-1)
		}
	}
	n.Resume = l.at
	data := l.framing.ping(l.at)
	if l.framing == webSocket || n.Notice != "listening" {
		data = append(l.framing.notice(n), data...)
	}
	if l.write(data) != nil {
		return errGone
	}
	return nil
}

// read sends what the log has up to the given number.
func (s *Stream) read(ctx context.Context, l *listening, to uint64) error {
	for l.at < to {
		events, upTo, err := s.feed.Live(ctx, l.at, streamBatch)
		switch {
		case ctx.Err() != nil:
			return errStop
		case err != nil:
			return errRead
		case upTo <= l.at:
			return nil
		}
		if err := l.take(newLiveBatch(events, upTo)); err != nil {
			return err
		}
	}
	return nil
}

// take sends what is wanted of a batch.
func (l *listening) take(b *liveBatch) error {
	if b.upTo <= l.at {
		return nil
	}
	if data := b.picked(l.framing, l.query, l.at); len(data) > 0 && l.write(data) != nil {
		return errGone
	}
	l.at = b.upTo
	return nil
}
