package snmp

import (
	"context"
	"errors"
	"syscall"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/outputs"
)

// A trap is not acknowledged, but the host of a receiver that is down says so with an ICMP message, which shows as an
// error of the socket at the next call. That message is about an earlier packet. history remembers which packets that
// can be, so that they are sent again once the receiver is back.
type history struct {
	recent []outputs.Message // sent last, oldest first
	at     time.Time         // when the newest of them was sent
	again  []outputs.Message // to be sent before anything else
	down   bool              // the last attempt was refused
}

const (
	maxRecent = 64
	// The longest round trip that is thought of, and how long to listen for a refusal while the receiver is down.
	refusalTime = 250 * time.Millisecond
)

func (h *history) sent(batch []outputs.Message) {
	now := time.Now()
	if now.Sub(h.at) > refusalTime {
		h.recent = h.recent[:0]
	}
	h.at = now
	if len(batch) >= maxRecent {
		h.recent = append(h.recent[:0], batch[len(batch)-maxRecent:]...)
		return
	}
	if over := len(h.recent) + len(batch) - maxRecent; over > 0 {
		h.recent = h.recent[:copy(h.recent, h.recent[over:])]
	}
	h.recent = append(h.recent, batch...)
}

// lost notes a refusal that came before anything of this batch was sent.
func (h *history) lost() {
	h.again = append(h.again, h.recent...)
	h.recent = h.recent[:0]
}

// sendTraps writes the batch. A packet counts as delivered when the socket took it and no refusal had come back when
// the next one was written.
func (o *Output) sendTraps(ctx context.Context, batch []outputs.Message) (int, error) {
	l, h := &o.link, &o.past
	if _, err := l.open(ctx); err != nil {
		return 0, err
	}
	if err := l.pending(); err != nil {
		h.lost()
		return 0, o.failed(err)
	}
	if err := o.repeat(ctx); err != nil {
		return 0, o.failed(err)
	}
	for i, m := range batch {
		if ctx.Err() != nil {
			return i, ctx.Err()
		}
		err := l.write(ctx, m.Data)
		if err == nil && i == 0 && h.down {
			err = l.wait(ctx, refusalTime)
		}
		if err != nil {
			if ctx.Err() != nil {
				return i, ctx.Err()
			}
			refused := isRefusal(err)
			if refused {
				i = max(i-1, 0) // it is about the packet before, or about one still before that
			}
			h.sent(batch[:i])
			if refused && !h.down {
				h.lost()
			}
			return i, o.failed(err)
		}
		h.down = false
	}
	if err := l.pending(); err != nil {
		done := max(len(batch)-1, 0)
		h.sent(batch[:done])
		h.lost()
		return done, o.failed(err)
	}
	h.sent(batch)
	return len(batch), nil
}

// repeat sends what an earlier refusal was about.
func (o *Output) repeat(ctx context.Context) error {
	h := &o.past
	for i, m := range h.again {
		data, err := o.fresh(m)
		if err != nil {
			o.env.Log.Warn("a trap that may not have arrived cannot be sent again", "err", err)
			continue
		}
		err = o.link.write(ctx, data)
		if err == nil && i == 0 {
			err = o.link.wait(ctx, refusalTime)
		}
		if err != nil && !errors.Is(err, syscall.EMSGSIZE) {
			return err
		}
	}
	if again := h.again; len(again) > 0 {
		h.again, h.down = nil, false
		h.sent(again) // a refusal of the last of them may still come
	}
	return nil
}

// failed notes what the error means for the attempts to come.
func (o *Output) failed(err error) error {
	o.past.down = true
	explained := o.link.explain(err)
	if !isRefusal(err) || o.link.network == "tcp" || o.link.isName {
		o.link.giveUp(err) // opening it again looks the name up and finds new routes
	}
	return explained
}

func isRefusal(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ECONNRESET) ||
		errors.Is(err, syscall.EPIPE) || errors.Is(err, errHungUp) || errors.Is(err, errNarrow)
}

// fresh returns the octets of a message rendered earlier, with the engine time of now.
func (o *Output) fresh(m outputs.Message) ([]byte, error) {
	if o.own == nil {
		return m.Data, nil
	}
	return o.own.reseal(m.Data, o.own, o.cfg.Context)
}

// write writes one packet. Over TCP it can block, so that the end of ctx interrupts it.
func (l *link) write(ctx context.Context, data []byte) error {
	if l.network == "tcp" {
		if err := l.conn.SetWriteDeadline(time.Now().Add(dialTime)); err != nil {
			return err
		}
		conn := l.conn
		defer context.AfterFunc(ctx, func() { conn.SetWriteDeadline(time.Unix(1, 0)) })() // a failure only makes it wait longer
	}
	_, err := l.conn.Write(data)
	if !errors.Is(err, syscall.EMSGSIZE) || l.network == "tcp" {
		return err
	}
	// Either this packet is too large for the socket, or a router had to throw an earlier one away.
	for range 3 {
		if _, err = l.conn.Write(data); err == nil {
			return errNarrow
		}
	}
	return err
}

// errNarrow is what a router says by ICMP that could not pass an earlier packet on whole. The host knows now and sends
// later ones in fragments, so what it is about only has to be sent again.
var errNarrow = errors.New("a router on the way takes smaller packets only: what it did not take is sent again, in fragments")

// narrow tells that apart in an error that the socket had waiting: it cannot be about the size of a packet to come.
func narrow(err error) error {
	if errors.Is(err, syscall.EMSGSIZE) {
		return errNarrow
	}
	return err
}
