package snmp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/gosnmp/gosnmp"

	"github.com/gluster-trapgw/gluster-trapgw/outputs"
)

// Informs are acknowledged. Several are in flight at once, so that the round trip does not bound the rate, but never
// more than the window after the first unacknowledged one: that is how many the receiver can get twice when it stops
// answering.
//
// With v3 the receiver's engine is the authoritative one (RFC 3414 section 1.5.1): its ID has to be asked for, and its
// boots and time kept, before a packet can be made. Render does no I/O. So it makes packets for the engine as known at
// that moment, or for a provisional one; Message.Tag holds the request-id and, in its upper half, which knowledge that
// was, and Send makes those packets anew whose knowledge is out of date.

// errNoAck is a receiver that does not answer an inform.
var errNoAck = outputs.Troubled(outputs.Timeout, errors.New("no acknowledgement"))

// rejection is an answer of the receiver that says no.
type rejection struct{ reason string }

func (r *rejection) Error() string { return "the receiver rejects: " + r.reason }

// Trouble is for outputs.TroubleOf.
func (r *rejection) Trouble() outputs.Trouble { return outputs.Rejected }

// remote is the engine of an inform's receiver.
type remote struct {
	security security

	mu    sync.Mutex // guards known: Render reads while Send learns
	known []*usm     // the last few, newest last; the first one ever is provisional
}

// maxKnown is how many changes of the receiver's engine a rendered packet outlives.
const maxKnown = 4

func newRemote(s security) (*remote, error) {
	u, err := s.localize(provisional, fixedClock)
	if err != nil {
		return nil, err
	}
	return &remote{security: s, known: []*usm{u}}, nil
}

func (r *remote) newest() *usm {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.known[len(r.known)-1]
}

func (r *remote) find(generation uint32) *usm {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, u := range r.known {
		if u.generation == generation {
			return u
		}
	}
	return nil
}

// learn notes what an engine has said of itself.
func (r *remote) learn(engineID string, boots, seconds uint32) (*usm, error) {
	if len(engineID) < minEngineID || len(engineID) > maxEngineID {
		return nil, &rejection{fmt.Sprintf("its engine ID has %d octets", len(engineID))}
	}
	last := r.newest()
	next := *last
	if last.engineID == engineID {
		next.clock = runningClock(boots, seconds)
	} else {
		u, err := r.security.localize(engineID, runningClock(boots, seconds))
		if err != nil {
			return nil, err
		}
		next = *u
	}
	next.generation = last.generation + 1
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known = append(r.known, &next); len(r.known) > maxKnown {
		r.known = r.known[1:]
	}
	return &next, nil
}

// flight is the informs of one Send.
type flight struct {
	batch  []outputs.Message
	byID   map[uint32]int
	acked  []bool
	tooBig []bool // refused for good; the error comes when all before it are acknowledged, for it is about the one at base
	sent   []time.Time
	base   int // all before it are acknowledged
	next   int // the first one not sent
}

// maxResync is how often one Send follows a receiver that changes its engine.
const maxResync = 3

func (o *Output) sendInforms(ctx context.Context, batch []outputs.Message) (int, error) {
	if err := o.openForAnswers(ctx); err != nil {
		return 0, err
	}
	defer o.link.interruptible(ctx)()
	if o.remote != nil && o.remote.newest().generation == 0 {
		if err := o.discover(ctx); err != nil {
			return 0, o.answerless(ctx, err)
		}
	}
	f := &flight{batch: batch, byID: make(map[uint32]int, len(batch)), acked: make([]bool, len(batch)), tooBig: make([]bool, len(batch)), sent: make([]time.Time, len(batch))}
	for i, m := range batch {
		f.byID[uint32(m.Tag)&maxRequestID] = i
	}
	resyncs := 0
	for f.base < len(batch) {
		err := o.fillWindow(ctx, f)
		if err == nil {
			err = o.readAnswer(ctx, f)
		}
		if errors.Is(err, errResync) && resyncs < maxResync {
			resyncs++
			f.next = f.base // what is in flight was thrown away there
			continue
		}
		if err != nil {
			return f.base, o.answerless(ctx, err)
		}
	}
	return len(batch), nil
}

// openForAnswers opens the socket and forgets what an earlier attempt has left at it.
func (o *Output) openForAnswers(ctx context.Context) error {
	fresh, err := o.link.open(ctx)
	if err != nil || fresh {
		return err
	}
	if o.link.pending() == nil {
		return nil
	}
	o.link.drop()
	_, err = o.link.open(ctx)
	return err
}

// answerless words why the receiver did not acknowledge.
func (o *Output) answerless(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var timeout net.Error
	var reject *rejection
	switch {
	case errors.As(err, &reject):
		return fmt.Errorf("inform %s: %w", outputs.Where(o.link.addr, o.link.conn), err)
	case errors.As(err, &timeout) && timeout.Timeout():
		hint := ""
		if o.remote == nil {
			hint = " (a wrong community is not answered either)"
		}
		explained := fmt.Errorf("inform %s: %w within %s%s", outputs.Where(o.link.addr, o.link.conn), errNoAck, o.cfg.Timeout, hint)
		if o.link.network == "udp" && o.link.isName {
			o.link.giveUp(err)
		}
		return explained
	}
	explained := o.link.explain(err)
	if o.link.network == "tcp" || o.link.isName || !isRefusal(err) {
		o.link.giveUp(err)
	}
	return explained
}

// fillWindow sends what the window has room for.
func (o *Output) fillWindow(ctx context.Context, f *flight) error {
	for f.next < len(f.batch) && f.next-f.base < o.cfg.Window {
		i := f.next
		if !f.acked[i] && !f.tooBig[i] {
			data, err := o.current(f.batch[i])
			if err == nil {
				err = o.link.write(ctx, data)
			}
			if err != nil {
				return err
			}
			f.sent[i] = time.Now()
		}
		f.next++
	}
	return nil
}

// current returns the packet of a message for the receiver's engine as it is known now.
func (o *Output) current(m outputs.Message) ([]byte, error) {
	if o.remote == nil {
		return m.Data, nil
	}
	now, generation := o.remote.newest(), uint32(m.Tag>>32)
	if generation == now.generation {
		return m.Data, nil
	}
	then := o.remote.find(generation)
	if then == nil {
		return nil, errors.New("the packet was made for an engine of long ago")
	}
	return then.reseal(m.Data, now, o.cfg.Context)
}

// errResync asks for sending again what is in flight.
var errResync = errors.New("the receiver's engine has changed")

// readAnswer reads one packet and notes what it acknowledges.
func (o *Output) readAnswer(ctx context.Context, f *flight) error {
	packet, err := o.link.read(ctx, f.sent[f.base].Add(time.Duration(o.cfg.Timeout)))
	if err != nil {
		return err
	}
	p, err := o.openAnswer(packet, func(id uint32) bool {
		i, ours := f.byID[id]
		return ours && i < f.next
	})
	if err != nil {
		return err
	}
	if p == nil || p.PDUType != gosnmp.GetResponse {
		return nil // a stray packet
	}
	i, ours := f.byID[p.RequestID]
	if !ours || i >= f.next {
		return nil // of an earlier attempt
	}
	switch p.Error {
	case gosnmp.NoError:
		f.acked[i] = true
	case gosnmp.TooBig:
		f.tooBig[i] = true
	default:
		return &rejection{"error " + p.Error.String()}
	}
	for f.base < len(f.acked) && f.acked[f.base] {
		f.base++
	}
	if f.base < len(f.tooBig) && f.tooBig[f.base] {
		return fmt.Errorf("%w; lower max_size: %w", &rejection{"the packet is too big"}, outputs.ErrPermanent)
	}
	return nil
}

// openAnswer decodes an answer. It returns nil for packets that mean nothing, and an error when the receiver says no.
// A Report need not be authenticated, so that it is believed only about a message that inFlight knows.
func (o *Output) openAnswer(packet []byte, inFlight func(msgID uint32) bool) (*gosnmp.SnmpPacket, error) {
	if o.remote == nil {
		p, err := (&gosnmp.GoSNMP{}).UnmarshalTrap(packet, false)
		if err != nil || p.Version != gosnmp.Version2c {
			return nil, nil // not for us: anybody can send to this port
		}
		return p, nil
	}
	u := o.remote.newest()
	p, err := u.open(packet)
	authentic := err == nil
	if err != nil {
		if p, err = openReport(packet); err != nil {
			return nil, nil // nor is this
		}
	}
	if p.PDUType != gosnmp.Report {
		return p, nil
	}
	sp, ok := p.SecurityParameters.(*gosnmp.UsmSecurityParameters)
	if !ok || len(p.Variables) == 0 || !inFlight(p.MsgID) {
		return nil, nil
	}
	switch reason := p.Variables[0].Name; {
	case reason == usmNotInTimeWindows && authentic && u.inWindow(sp):
		return nil, nil // about a packet made before this was learnt: each one in flight gets such an answer
	case reason == usmNotInTimeWindows && authentic, reason == usmUnknownEngineIDs && sp.AuthoritativeEngineID != u.engineID:
		if _, err := o.remote.learn(sp.AuthoritativeEngineID, sp.AuthoritativeEngineBoots, sp.AuthoritativeEngineTime); err != nil {
			return nil, err
		}
		return nil, errResync
	case reports[reason] != "":
		return nil, &rejection{reports[reason]}
	}
	return nil, nil
}

// The counters that a Report names, RFC 3414 section 5 and RFC 3412 section 5.
const (
	usmNotInTimeWindows = ".1.3.6.1.6.3.15.1.1.2.0"
	usmUnknownEngineIDs = ".1.3.6.1.6.3.15.1.1.4.0"
)

var reports = map[string]string{
	".1.3.6.1.6.3.15.1.1.1.0": "it does not support this security level for the user",
	".1.3.6.1.6.3.15.1.1.3.0": "it does not know the user",
	".1.3.6.1.6.3.15.1.1.5.0": "wrong authentication passphrase or protocol",
	".1.3.6.1.6.3.15.1.1.6.0": "wrong privacy passphrase or protocol",
	".1.3.6.1.6.3.11.2.1.1.0": "it does not know the User-based Security Model",
	".1.3.6.1.6.3.11.2.1.2.0": "it finds the packet invalid",
	".1.3.6.1.6.3.11.2.1.3.0": "it does not take informs",
}

// discover asks the receiver for its engine, RFC 3414 section 4.
func (o *Output) discover(ctx context.Context) error {
	id := o.requestID.Add(1) & maxRequestID
	ask := gosnmp.SnmpPacket{Version: gosnmp.Version3, MsgFlags: gosnmp.Reportable, SecurityModel: gosnmp.UserSecurityModel,
		SecurityParameters: &gosnmp.UsmSecurityParameters{}, PDUType: gosnmp.GetRequest, MsgID: id, RequestID: id}
	data, err := ask.MarshalMsg()
	if err == nil {
		err = o.link.write(ctx, data)
	}
	if err != nil {
		return err
	}
	deadline := time.Now().Add(time.Duration(o.cfg.Timeout))
	for {
		packet, err := o.link.read(ctx, deadline)
		if err != nil {
			return err
		}
		p, err := openReport(packet)
		if err != nil || p.MsgID != id {
			continue
		}
		if sp, ok := p.SecurityParameters.(*gosnmp.UsmSecurityParameters); ok {
			_, err = o.remote.learn(sp.AuthoritativeEngineID, sp.AuthoritativeEngineBoots, sp.AuthoritativeEngineTime)
			return err
		}
	}
}
