package snmp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/outputs"
	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

// Step is one step of a Probe.
type Step struct {
	Name   string // "name", "route", "engine", "encode", "send", "refusal", "acknowledgement"
	Detail string // what was found, or what to look at when Err is set
	Err    error
}

// Probe sends one notification and tells how far it came: the steps in order, the last one with an error when it did not get
// through. Over UDP the addresses of a name have their turn one after the other, each from the route on, until it gets
// through to one; so an error may also be that of an earlier address. Probe uses the output's own socket, so that it must not
// run beside Send.
func (o *Output) Probe(ctx context.Context, n *translate.Notification) []Step {
	steps := []Step{o.probeName(ctx)}
	if steps[0].Err != nil {
		return steps
	}
	for tried := map[string]bool{}; ; {
		route := o.probeRoute(ctx)
		if route.Err != nil {
			return append(steps, route)
		}
		// After what another address would not mend, the socket is to the same one again.
		addr := o.link.conn.RemoteAddr().String()
		if tried[addr] {
			return steps
		}
		tried[addr] = true
		steps = append(append(steps, route), o.probeAddress(ctx, n)...)
		if steps[len(steps)-1].Err == nil || ctx.Err() != nil || !o.link.isName || o.link.network != "udp" {
			return steps
		}
	}
}

// probeAddress is what follows the route.
func (o *Output) probeAddress(ctx context.Context, n *translate.Notification) []Step {
	steps := []Step{o.probeEngine(ctx)}
	if steps[0].Err != nil {
		return steps
	}
	add := func(name, detail string, err error) { steps = append(steps, Step{name, detail, err}) }
	m, err := o.Render(n, 1)
	add("encode", fmt.Sprintf("%d octets of at most %d", len(m.Data), o.maxSize), err)
	if err != nil {
		return steps
	}
	if o.cfg.inform() {
		_, err = o.Send(ctx, []outputs.Message{m})
		add("acknowledgement", o.probeAnswer(err), err)
		return steps
	}
	if _, err = o.Send(ctx, []outputs.Message{m}); err == nil {
		add("send", "", nil)
		if err = o.link.wait(ctx, refusalTime); err != nil {
			err = o.failed(err)
		}
	}
	if err != nil {
		add("refusal", o.probeAnswer(err), err)
		return steps
	}
	add("refusal", "none came back; a trap is not acknowledged, so look at the receiver whether it is there", nil)
	return steps
}

func (o *Output) probeName(ctx context.Context) Step {
	host, _, _ := net.SplitHostPort(o.link.addr) // splitTarget has done it before
	if !o.link.isName {
		return Step{"name", host + " is an address", nil}
	}
	addrs, err := o.link.udp.Addresses(ctx, host)
	if err != nil {
		return Step{"name", "the name servers of this machine do not know it, or do not answer", err}
	}
	return Step{"name", fmt.Sprintf("%s is %v", host, addrs), nil}
}

func (o *Output) probeRoute(ctx context.Context) Step {
	o.link.drop()
	if _, err := o.link.open(ctx); err != nil {
		detail := "this machine has no route to the receiver"
		switch {
		case errors.Is(err, syscall.EADDRNOTAVAIL):
			detail = "source is not an address of this machine, or of another family than the target"
		case errors.Is(err, syscall.ECONNREFUSED):
			detail = "nothing listens there over TCP"
		}
		return Step{"route", detail, err}
	}
	return Step{"route", fmt.Sprintf("from %s to %s over %s", o.link.conn.LocalAddr(), o.link.conn.RemoteAddr(), o.link.network), nil}
}

func (o *Output) probeEngine(ctx context.Context) Step {
	switch {
	case o.own != nil:
		boots, seconds := o.own.clock()
		return Step{"engine", fmt.Sprintf("our engine 0x%x, boots %d, time %d; the receiver needs a createUser -e line with it", o.own.engineID, boots, seconds), nil}
	case o.remote == nil:
		return Step{"engine", "none in SNMPv" + o.cfg.Version, nil}
	}
	start := time.Now()
	defer o.link.interruptible(ctx)()
	if err := o.discover(ctx); err != nil {
		err = o.answerless(ctx, err)
		return Step{"engine", o.probeAnswer(err), err}
	}
	u := o.remote.newest()
	boots, seconds := u.clock()
	return Step{"engine", fmt.Sprintf("the receiver's engine 0x%x, boots %d, time %d, answered in %s", u.engineID, boots, seconds, time.Since(start).Round(time.Microsecond)), nil}
}

// probeAnswer says what to look at.
func (o *Output) probeAnswer(err error) string {
	var reject *rejection
	switch {
	case err == nil:
		return "the receiver has acknowledged it"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "the receiver's host is there, but nothing listens on that port"
	case errors.As(err, &reject):
		return "the receiver answers and says no: compare its user with what gluster-trapgw snmp createuser prints"
	case errors.Is(err, errNoAck) && o.remote == nil:
		return "no answer: a firewall, a wrong community, or a receiver that takes no informs"
	case errors.Is(err, errNoAck):
		return "no answer: a firewall, a receiver that takes no informs, or one where the user is not allowed to send"
	}
	return ""
}
