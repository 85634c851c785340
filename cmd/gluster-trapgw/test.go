package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/gluster-trapgw/gluster-trapgw/outputs"
	"github.com/gluster-trapgw/gluster-trapgw/outputs/snmp"
	"github.com/gluster-trapgw/gluster-trapgw/outputs/syslog"
	"github.com/gluster-trapgw/gluster-trapgw/queue"
	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

func testCommand() *cli.Command {
	return &cli.Command{
		Name:      "test",
		Usage:     "show what an event becomes: rule, OID, varbinds, syslog line, destinations",
		ArgsUsage: "EVENT key=value... | JSON...",
		Description: "Runs the same code as serve, but sends nothing unless --send is given. Examples:\n" +
			"  gluster-trapgw test BRICK_DISCONNECTED peer=gfs2 volume=gv0 brick=/bricks/b1\n" +
			"  gluster-trapgw test --config FILE --send --file events.json",
		Flags: append([]cli.Flag{configFlag,
			&cli.BoolFlag{Name: "send", Usage: "send to the outputs that the policy chooses, once and without the queue"},
			&cli.BoolFlag{Name: "json", Usage: "print one JSON object per event"}}, eventFlags...),
		Action: test,
	}
}

// preview is one event with everything that would be sent for it, as --json prints it.
type preview struct {
	Event    string           `json:"event"`
	Rule     string           `json:"rule"` // empty when none matched
	Line     int              `json:"line,omitempty"`
	Dropped  bool             `json:"dropped"`
	Name     string           `json:"notification"`
	OID      string           `json:"oid"`
	Severity string           `json:"severity"`
	State    string           `json:"alarm_state"`
	Key      string           `json:"alarm_key,omitempty"`
	Text     string           `json:"text"`
	Varbinds []snmp.Varbind   `json:"varbinds"`
	Outputs  []previewMessage `json:"outputs"`
}

// previewMessage is what one output would send, or did.
type previewMessage struct {
	Output  string `json:"output"`
	Target  string `json:"target"`
	Sends   bool   `json:"sends"`
	Bytes   int    `json:"bytes"`
	Syslog  string `json:"syslog,omitempty"`
	Sent    bool   `json:"sent,omitempty"`
	SendErr string `json:"error,omitempty"`
}

// exampleOutputs stand in when none are configured, so that a mapping can be looked at without a configuration.
func exampleOutputs() []outputConfig {
	t, s := snmp.DefaultConfig(), syslog.DefaultConfig()
	t.Target, t.Community = "192.0.2.20:162", "public"
	s.Target = "udp://192.0.2.30:514"
	return []outputConfig{{Name: "example-snmp", SNMP: &t}, {Name: "example-syslog", Syslog: &s}}
}

func test(c *cli.Context) error {
	bodies, err := eventBodies(c)
	if err != nil {
		return err
	}
	cfg, err := loadConfig(c.String("config"))
	if err != nil {
		return err
	}
	send := c.Bool("send")
	configured := len(cfg.Outputs) > 0
	if !configured {
		if send {
			return usageError{hinted{fmt.Errorf("nothing to send to: no outputs are configured"), "use --config FILE"}}
		}
		cfg.Outputs = exampleOutputs()
	}
	res, err := newResolver(cfg, "test")
	if err != nil {
		return err
	}
	quiet := slog.New(slog.DiscardHandler)
	engines, err := cfg.joinEngines(quiet)
	if err != nil {
		return err
	}
	env := newOutputEnv(cfg, engines, quiet)
	outs := make([]outputs.Output, len(cfg.Outputs))
	for i := range cfg.Outputs {
		if outs[i], _, err = newOutput(&cfg.Outputs[i], env); err != nil {
			return fmt.Errorf("output %q: %w", cfg.Outputs[i].Name, err)
		}
		defer outs[i].Close() //nolint:errcheck // everything was sent or not by then
	}
	varbinds, err := snmp.New(*exampleOutputs()[0].SNMP, env.snmp)
	if err != nil {
		return err
	}
	failed := false
	enc := json.NewEncoder(c.App.Writer)
	enc.SetEscapeHTML(false)
	for i, body := range bodies {
		p, n, err := newPreview(res, body, uint64(i+1), varbinds)
		if err != nil {
			return fmt.Errorf("event %d: %w", i+1, err)
		}
		for k := range cfg.Outputs {
			m, err := p.message(c.Context, &cfg.Outputs[k], outs[k], n, send)
			if err != nil {
				return fmt.Errorf("output %q: %w", cfg.Outputs[k].Name, err)
			}
			failed = failed || m.SendErr != ""
			p.Outputs = append(p.Outputs, m)
		}
		if c.Bool("json") {
			if err := enc.Encode(&p.preview); err != nil {
				return err
			}
			continue
		}
		if i > 0 {
			fmt.Fprintln(c.App.Writer)
		}
		p.print(c.App.Writer, configured)
	}
	if failed {
		return errReported
	}
	return nil
}

// previewing is a preview with the decision it came from.
type previewing struct {
	preview
	sends func(output string) bool
}

func newPreview(res *resolver, body []byte, seq uint64, varbinds *snmp.Output) (*previewing, *translate.Notification, error) {
	n, d, err := res.resolve(&queue.Record{Seq: seq, Received: time.Now(), Input: "test", Body: body})
	if err != nil {
		return nil, nil, err
	}
	vbs, err := varbinds.Varbinds(n)
	if err != nil {
		return nil, nil, err
	}
	return &previewing{sends: d.Sends, preview: preview{Event: n.Event, Rule: d.Rule, Line: d.Line, Dropped: d.Dropped,
		Name: n.Name, OID: strings.TrimPrefix(n.OID, "."), Severity: n.Severity.String(), State: n.State.String(),
		Key: n.AlarmKey, Text: n.Text, Varbinds: vbs}}, n, nil
}

// message renders, and when asked to sends, what one output gets.
func (p *previewing) message(ctx context.Context, o *outputConfig, out outputs.Output, n *translate.Notification, send bool) (previewMessage, error) {
	m := previewMessage{Output: o.Name, Target: o.destination(), Sends: p.sends(o.Name)}
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

func (p *preview) print(w io.Writer, configured bool) {
	fmt.Fprintf(w, "event         %s\n", p.Event)
	switch {
	case p.Dropped:
		fmt.Fprintf(w, "rule          %q (line %d): dropped\n", p.Rule, p.Line)
	case p.Rule == "":
		fmt.Fprintf(w, "rule          none matches: goes to every output\n")
	default:
		fmt.Fprintf(w, "rule          %q (line %d)\n", p.Rule, p.Line)
	}
	fmt.Fprintf(w, "text          %s\n", p.Text)
	fmt.Fprintf(w, "severity      %s\n", p.Severity)
	if p.Key != "" {
		fmt.Fprintf(w, "alarm         %s %s\n", p.State, p.Key)
	}
	fmt.Fprintf(w, "notification  %s %s\n", p.Name, p.OID)
	printVarbinds(w, p.Varbinds)
	for _, o := range p.Outputs {
		verdict := "would be sent"
		switch {
		case !o.Sends:
			verdict = "not sent by this policy"
		case o.Sent:
			verdict = "sent"
		case o.SendErr != "":
			verdict = "NOT sent: " + o.SendErr
		case !configured:
			verdict = "an example: no outputs are configured"
		}
		fmt.Fprintf(w, "%-13s %s, %d octets: %s\n", o.Output, o.Target, o.Bytes, verdict)
		if o.Syslog != "" {
			fmt.Fprintf(w, "  %s\n", o.Syslog)
		}
	}
}

func printVarbinds(w io.Writer, vbs []snmp.Varbind) {
	for _, v := range vbs {
		fmt.Fprintf(w, "  %-24s %s: %s\n", v.Name, v.Type, v.Value)
	}
}
