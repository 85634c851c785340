package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/gluster-trapgw/gluster-trapgw/outputs"
	"github.com/gluster-trapgw/gluster-trapgw/outputs/snmp"
	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

func sendCommand() *cli.Command {
	return &cli.Command{
		Name:  "send",
		Usage: "send a test notification to an output and say how far it came",
		Description: "Sends gtgTest once, past the queue and the policy, and names the step that failed: name resolution, route,\n" +
			"engine, refusal, acknowledgement. Example:\n" +
			"  gluster-trapgw send --config /etc/gluster-trapgw/config.yaml --output noc",
		Flags: []cli.Flag{configFlag,
			&cli.StringFlag{Name: "output", Usage: "the output `NAME` of the configuration"},
			&cli.DurationFlag{Name: "timeout", Value: 10 * time.Second, Usage: "give up after `TIME`"}},
		Before: needs("output"),
		Action: send,
	}
}

func send(c *cli.Context) error {
	cfg, err := requireAddresses(c)
	if err != nil {
		return err
	}
	var o *outputConfig
	for i := range cfg.Outputs {
		if cfg.Outputs[i].Name == c.String("output") {
			o = &cfg.Outputs[i]
		}
	}
	if o == nil {
		return usageError{hinted{fmt.Errorf("%q is not an output of %s", c.String("output"), cfg.file),
			"the outputs are: " + strings.Join(cfg.outputNames(), ", ")}}
	}
	res, err := newResolver(cfg, "send")
	if err != nil {
		return err
	}
	n, err := res.translator.Own("gtgTest", translate.Informational, "This is a test of gluster-trapgw: nothing happened", time.Now())
	if err != nil {
		return err
	}
	quiet := slog.New(slog.DiscardHandler)
	engines, err := cfg.joinEngines(quiet)
	if err != nil {
		return err
	}
	out, _, err := newOutput(o, newOutputEnv(cfg, engines, quiet))
	if err != nil {
		return fmt.Errorf("output %q: %w", o.Name, err)
	}
	defer out.Close() //nolint:errcheck // it was sent or not by then
	ctx, cancel := context.WithTimeout(c.Context, c.Duration("timeout"))
	defer cancel()
	fmt.Fprintf(c.App.Writer, "%s: %s\n", o.Name, o.destination())
	if s, ok := out.(*snmp.Output); ok {
		return printSteps(c.App.Writer, s.Probe(ctx, n))
	}
	m, err := out.Render(n, 1)
	if err != nil {
		return err
	}
	if _, err := out.Send(ctx, []outputs.Message{m}); err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.App.Writer, "sent %d octets: %s\n", len(m.Data), m.Data)
	return err
}

// printSteps prints how far a probe came; the last step tells whether it got through.
func printSteps(w io.Writer, steps []snmp.Step) error {
	for _, s := range steps {
		verdict := "ok"
		if s.Err != nil {
			verdict = "FAILED: " + s.Err.Error()
		}
		fmt.Fprintf(w, "%-16s %s", s.Name, verdict)
		if s.Detail != "" {
			fmt.Fprintf(w, " (%s)", s.Detail)
		}
		fmt.Fprintln(w)
	}
	if last := steps[len(steps)-1]; last.Err != nil {
		return fmt.Errorf("the test notification did not get past %q", last.Name)
	}
	return nil
}

func snmpCommand() *cli.Command {
	return &cli.Command{
		Name:  "snmp",
		Usage: "help with setting up SNMP receivers",
		Subcommands: []*cli.Command{{
			Name:  "createuser",
			Usage: "print what each SNMP receiver must be told: the lines for snmptrapd.conf and the like",
			Description: "The text holds communities and passphrases: keep it to yourself. Example:\n" +
				"  gluster-trapgw snmp createuser --config /etc/gluster-trapgw/config.yaml",
			Flags:  []cli.Flag{configFlag},
			Before: noArgs,
			Action: createUser,
		}},
	}
}

func createUser(c *cli.Context) error {
	cfg, err := requireAddresses(c)
	if err != nil {
		return err
	}
	engines, err := cfg.joinEngines(slog.New(slog.NewTextHandler(c.App.ErrWriter, nil)))
	if err != nil {
		return err
	}
	found := false
	for i := range cfg.Outputs {
		o := &cfg.Outputs[i]
		if o.SNMP == nil {
			continue
		}
		found = true
		engineID := ""
		if o.SNMP.OwnEngine() {
			e, err := engines.Engine(o.SNMP.EngineID)
			if err != nil {
				return fmt.Errorf("output %q: %w", o.Name, err)
			}
			engineID = e.HexID()
		}
		text, err := snmp.CreateUserLines(*o.SNMP, engineID)
		if err != nil {
			return fmt.Errorf("output %q: %w", o.Name, err)
		}
		fmt.Fprintf(c.App.Writer, "# output %s: %s\n%s\n", o.Name, o.destination(), strings.TrimRight(text, "\n"))
	}
	if !found {
		return fmt.Errorf("%s has no SNMP output", cfg.file)
	}
	return nil
}
