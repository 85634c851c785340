package main

import (
	"context"
	"strings"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/admin"
	"github.com/gluster-trapgw/gluster-trapgw/outputs"
	"github.com/gluster-trapgw/gluster-trapgw/outputs/snmp"
	"github.com/gluster-trapgw/gluster-trapgw/outputs/syslog"
	"github.com/gluster-trapgw/gluster-trapgw/queue"
	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

// previewer shows what an event becomes, with the resolver and the encoders that send it: for the test command and for
// the admin endpoint of a running gateway.
type previewer struct {
	check      func(body []byte) error // what the webhook refuses is no event here either
	resolver   *resolver
	configs    []outputConfig
	outputs    []outputs.Output // of each config
	varbinds   *snmp.Output     // lists the objects, whatever the outputs are
	configured bool             // the outputs are those of a configuration, not examples
}

// exampleOutputs stand in when none are configured, so that a mapping can be looked at without a configuration.
func exampleOutputs() []outputConfig {
	t, s := snmp.DefaultConfig(), syslog.DefaultConfig()
	t.Target, t.Community = "192.0.2.20:162", "public"
	s.Target = "udp://192.0.2.30:514"
	return []outputConfig{{Name: "example-snmp", SNMP: &t}, {Name: "example-syslog", Syslog: &s}}
}

// preview shows what one event becomes, and sends it when asked to, once and without the queue.
func (p *previewer) preview(ctx context.Context, body []byte, seq uint64, send bool) (*admin.Preview, error) {
	if err := p.check(body); err != nil {
		return nil, err
	}
	rec := &queue.Record{Seq: seq, Received: time.Now(), Input: "test", Body: body}
	n, d, err := p.resolver.resolve(rec)
	if err != nil {
		return nil, err
	}
	tried, err := p.resolver.explain(rec)
	if err != nil {
		return nil, err
	}
	vbs, err := p.varbinds.Varbinds(n)
	if err != nil {
		return nil, err
	}
	v := &admin.Preview{Event: n.Event, Rule: d.Rule, Line: d.Line, Dropped: d.Dropped,
		Name: n.Name, OID: strings.TrimPrefix(n.OID, "."), Severity: n.Severity.String(), State: n.State.String(),
		Key: n.AlarmKey, Text: n.Text, Tried: []admin.PreviewRule{}, Outputs: []admin.PreviewMessage{}}
	for _, s := range tried {
		v.Tried = append(v.Tried, admin.PreviewRule(s))
	}
	for _, b := range vbs {
		v.Varbinds = append(v.Varbinds, admin.Varbind(b))
	}
	for i := range p.configs {
		m, err := p.message(ctx, i, n, d.Sends(p.configs[i].Name), send)
		if err != nil {
			return nil, err
		}
		v.Outputs = append(v.Outputs, m)
	}
	return v, nil
}

// message renders, and when asked to sends, what one output gets.
func (p *previewer) message(ctx context.Context, i int, n *translate.Notification, sends, send bool) (admin.PreviewMessage, error) {
	o, out := &p.configs[i], p.outputs[i]
	m := admin.PreviewMessage{Output: o.Name, Target: o.destination(), Sends: sends}
	msg, err := out.Render(n, 1)
	if err != nil {
		return m, err
	}
	m.Bytes = len(msg.Data)
	if o.Syslog != nil {
		m.Syslog = string(msg.Data)
	}
	if !send || !m.Sends {
		return m, nil
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if _, err := out.Send(ctx, []outputs.Message{msg}); err != nil {
		m.SendErr = err.Error()
	} else {
		m.Sent = true
	}
	return m, nil
}
