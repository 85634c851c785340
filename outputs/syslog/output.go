// Package syslog sends notifications as RFC 5424 messages, or as RFC 3164 or JSON for collectors that want those, over
// UDP, TCP, TLS, RELP or a unix socket, to one collector or to the first of a list that answers. It has a small receiver
// for trying things too (Listen). What a transport can promise:
//
//   - RELP: sent means that the collector itself has acknowledged it. Nothing is lost as long as the collector keeps what
//     it acknowledges (rsyslog: a queue on disk, or queue.type="Direct"); what was on its way when a session broke, 128
//     messages at most, may come twice.
//   - TCP and TLS: sent means that the collector's host has acknowledged it. A batch during which the connection breaks is
//     sent again whole, and so is what was acknowledged in the half second before the collector's end, or two seconds when
//     its kernel says that not all was read; so messages come twice then, with the same id. Lost is what a collector
//     loses that it had read longer ago, or that was to be repeated when the gateway died too (4 MiB at most).
//   - Unix stream: as TCP, and sent means read. Unix datagram: sent means that it is in the collector's queue.
//   - UDP: nothing. A refusal by the collector's host is noticed, and the messages just before it are repeated.
//
// Only Linux tells what is acknowledged; elsewhere sent means written. The messages are built by our own appender; the
// strict parser of go-syslog reads them back in the tests and in Listen.
package syslog

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/outputs"
	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

// Env is what an output needs beside its configuration.
type Env struct {
	Root    string // the OID root; the enterprise number in it names the structured data
	Version string // of this program, for origin
	Log     *slog.Logger
}

// Output is one collector, or a list of them of which one is used.
type Output struct {
	enc  encoder
	link *keeper
}

// sender takes messages. Only one call at a time.
type sender interface {
	// send delivers the batch, after what has to be sent again; an empty batch is for that alone.
	send(ctx context.Context, batch []outputs.Message) (int, error)
	// unsettled reports whether something that counted as sent has to be sent again or may have to be.
	unsettled() bool
	close() error
}

// link is a transport to one collector. After close it may be opened again.
type link interface {
	sender
	open(ctx context.Context) error // connects, unless it is connected
	unsure() [][]byte               // takes over what has to be sent again
}

var _ outputs.Output = (*Output)(nil)

// New returns an output for a validated configuration. It connects at the first Send.
func New(cfg Config, env Env) (*Output, error) {
	targets, err := cfg.targets()
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
		facility: max(0, slices.Index(Facilities, cfg.Facility)), app: cfg.AppName, bom: cfg.BOM, maxSize: cfg.size(targets),
		eventID: "gluster@" + pen, ownID: "trapgw@" + pen, zone: time.Local, local: !slices.ContainsFunc(targets, target.remote), form: (*encoder).rfc5424,
		origin: string(param(param(param(nil, "enterpriseId", pen), "software", "gluster-trapgw"), "swVersion", limit(env.Version, 32))),
	}}
	switch cfg.Format {
	case "rfc3164":
		o.enc.form = (*encoder).rfc3164
	case "json":
		o.enc.form = (*encoder).json
	}
	list := &failoverLink{every: returnEvery, log: env.Log}
	for _, t := range targets {
		list.links, list.names = append(list.links, newLink(cfg, t, env.Log)), append(list.names, t.text)
	}
	o.link = newKeeper(list)
	if len(list.links) == 1 {
		o.link = newKeeper(list.links[0])
	}
	return o, nil
}

func newLink(cfg Config, t target, log *slog.Logger) link {
	lines := cfg.Framing == "lf" || cfg.Framing == "" && (cfg.Format == "json" || t.network == "unix")
	plain := func(ctx context.Context) (net.Conn, error) { return new(net.Dialer).DialContext(ctx, "tcp", t.addr) }
	secure := &tlsDialer{files: cfg.TLS, addr: t.addr, host: t.host, log: log}
	switch t.network {
	case "udp":
		return &datagramLink{network: "udp", addr: t.addr}
	case "unix":
		return &unixLink{path: t.addr, lines: lines, log: log}
	case "tls":
		return &streamLink{target: t.text, lines: lines, log: log, dial: secure.dial, settle: settleTime}
	case "relp":
		return &relpLink{dial: plain}
	case "relp+tls":
		return &relpLink{dial: secure.dial}
	default:
		return &streamLink{target: t.text, lines: lines, log: log, dial: plain}
	}
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
