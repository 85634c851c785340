package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"

	"github.com/urfave/cli/v2"

	"github.com/gluster-trapgw/gluster-trapgw/admin"
	"github.com/gluster-trapgw/gluster-trapgw/outputs/snmp"
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
	if len(cfg.Outputs) == 0 && send {
		return usageError{hinted{fmt.Errorf("nothing to send to: no outputs are configured"), "use --config FILE"}}
	}
	res, err := newResolver(cfg, "test")
	if err != nil {
		return err
	}
	quiet := slog.New(slog.DiscardHandler)
	engines := snmp.TrialEngines()
	if send {
		if engines, err = cfg.joinEngines(quiet); err != nil {
			return err
		}
	}
	p := &previewer{check: cfg.Webhook.Check, resolver: res, configs: cfg.Outputs, configured: len(cfg.Outputs) > 0}
	if !p.configured {
		p.configs = exampleOutputs()
	}
	env := newOutputEnv(cfg, engines, quiet)
	for i := range p.configs {
		out, _, err := newOutput(&p.configs[i], env)
		if err != nil {
			return fmt.Errorf("output %q: %w", p.configs[i].Name, err)
		}
		p.outputs = append(p.outputs, out)
		defer out.Close() //nolint:errcheck // everything was sent or not by then
	}
	if p.varbinds, err = snmp.New(*exampleOutputs()[0].SNMP, env.snmp); err != nil {
		return err
	}
	failed := false
	enc := json.NewEncoder(c.App.Writer)
	enc.SetEscapeHTML(false)
	for i, body := range bodies {
		v, err := p.preview(c.Context, body, uint64(i+1), send)
		if err != nil {
			return fmt.Errorf("event %d: %w", i+1, err)
		}
		for _, m := range v.Outputs {
			failed = failed || m.SendErr != ""
		}
		if c.Bool("json") {
			if err := enc.Encode(v); err != nil {
				return err
			}
			continue
		}
		if i > 0 {
			fmt.Fprintln(c.App.Writer)
		}
		printPreview(c.App.Writer, v, p.configured)
	}
	if failed {
		return errReported
	}
	return nil
}

func printPreview(w io.Writer, p *admin.Preview, configured bool) {
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
	for _, v := range p.Varbinds {
		printVarbind(w, v.Name, v.Type, v.Value)
	}
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
		printVarbind(w, v.Name, v.Type, v.Value)
	}
}

func printVarbind(w io.Writer, name, kind, value string) {
	fmt.Fprintf(w, "  %-24s %s: %s\n", name, kind, value)
}
