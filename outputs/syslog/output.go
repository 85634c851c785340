// Package syslog sends notifications as RFC 5424 messages, over UDP (RFC 5426) or over TCP with octet counting
// (RFC 6587), and has a small receiver for trying things (Listen).
//
// What a transport can promise. UDP: nothing; a refusal by the receiver's host is noticed and the message repeated.
// TCP: every message that the receiver's host has acknowledged is in the hands of its kernel; messages that it had not
// acknowledged when a connection broke are sent again on the next one, so some may arrive twice; what the receiver's
// kernel held when the receiver was killed is lost, and no sender can know.
//
// The messages are built by our own appender; the strict parser of go-syslog reads them back in the tests and in Listen.
package syslog

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/gluster-trapgw/gluster-trapgw/outputs"
	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

// Env is what an output needs beside its configuration.
type Env struct {
	Root    string // the OID root; the enterprise number in it names the structured data
	Version string // of this program, for origin
	Log     *slog.Logger
}

// Output is one collector.
type Output struct {
	enc  encoder
	link interface {
		send(ctx context.Context, batch []outputs.Message) (int, error)
		close() error
	}
}

var _ outputs.Output = (*Output)(nil)

// New returns an output for a validated configuration. It connects at the first Send.
func New(cfg Config, env Env) (*Output, error) {
	t, err := parseTarget(cfg.Target)
	if err != nil {
		return nil, err
	}
	if env.Log == nil {
		env.Log = slog.New(slog.DiscardHandler)
	}
	pen, err := enterprise(env.Root)
	if err != nil {
		return nil, err
	}
	o := &Output{enc: encoder{
		facility: max(0, slices.Index(Facilities, cfg.Facility)), app: cfg.AppName, bom: cfg.BOM, maxSize: int(cfg.MaxSize),
		eventID: "gluster@" + pen, ownID: "trapgw@" + pen,
		origin: string(param(param(param(nil, "enterpriseId", pen), "software", "gluster-trapgw"), "swVersion", limit(env.Version, 32))),
	}}
	if t.network == "udp" {
		if o.enc.maxSize == 0 {
			o.enc.maxSize = defaultUDPSize
		}
		o.link = &udpLink{addr: t.addr}
		return o, nil
	}
	if o.enc.maxSize == 0 {
		o.enc.maxSize = defaultTCPSize
	}
	o.link = &tcpLink{addr: t.addr, log: env.Log}
	return o, nil
}

// enterprise is the private enterprise number in an OID root.
func enterprise(root string) (string, error) {
	below, ok := strings.CutPrefix(strings.TrimPrefix(root, "."), "1.3.6.1.4.1.")
	pen, _, _ := strings.Cut(below, ".")
	if !ok || pen == "" {
		return "", fmt.Errorf("OID root %q is not below 1.3.6.1.4.1", root)
	}
	return pen, nil
}

// limit cuts a parameter of origin to the octets that RFC 5424 section 7.2 allows.
func limit(s string, n int) string { return string(cut([]byte(s), min(n, len(s)))) }

// Render encodes one notification.
func (o *Output) Render(n *translate.Notification, ord uint64) (outputs.Message, error) {
	return outputs.Message{Data: o.enc.append(make([]byte, 0, 1024), n, ord)}, nil
}

// Send tries once to deliver the batch, in order.
func (o *Output) Send(ctx context.Context, batch []outputs.Message) (int, error) {
	return o.link.send(ctx, batch)
}

// Close releases the connection.
func (o *Output) Close() error { return o.link.close() }
