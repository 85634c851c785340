package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/gluster-trapgw/gluster-trapgw/conffile"
	"github.com/gluster-trapgw/gluster-trapgw/policy"
	"github.com/gluster-trapgw/gluster-trapgw/queue"
	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

// policyFlag takes the place of the policy that the configuration names.
var policyFlag = &cli.StringFlag{Name: "policy", Usage: "use the policy in `FILE` instead of the configured one"}

// policySite is what the commands need that try a policy: the configuration, or the defaults without one, and
// the policy in file, or the configured one when it is empty.
func policySite(c *cli.Context, file string) (*config, *resolver, error) {
	load := func(c *cli.Context) (*config, error) { return loadConfig(c.String("config")) }
	if file != "" && c.String("config") != "" {
		load = requireAddresses // file may be what mends the policy that it names
	}
	cfg, err := load(c)
	if err != nil {
		return nil, nil, err
	}
	if file != "" {
		if err := cfg.usePolicy(file); err != nil {
			return nil, nil, err
		}
	}
	res, err := newResolver(cfg, "test")
	return cfg, res, err
}

// usePolicy takes another policy. Without a configuration the names of outputs are not known.
func (c *config) usePolicy(file string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read policy: %w", err)
	}
	var outputs []string
	if c.file != "" {
		outputs = c.outputNames()
	}
	c.policy, err = loadPolicy(file, data, outputs)
	return err
}

// explained is what policy explain prints of an event with --json.
type explained struct {
	Event    string        `json:"event"`
	Rules    []triedRule   `json:"rules"`
	Decision decisionTexts `json:"decision"`
}

type triedRule struct {
	Rule    string `json:"rule"`
	Line    int    `json:"line"`
	Matched bool   `json:"matched"`
	Why     string `json:"why,omitempty"`
}

// decisionTexts is a decision in words, as policy explain prints it and policy test compares it.
type decisionTexts struct {
	Rule     string   `json:"rule"`
	Dropped  bool     `json:"dropped"`
	Outputs  []string `json:"outputs"` // null is all
	Severity string   `json:"severity"`
	Text     string   `json:"text"`
	Hold     string   `json:"hold,omitempty"`
	Repeat   string   `json:"repeat,omitempty"`
	Throttle string   `json:"throttle,omitempty"`
}

func newDecisionTexts(n *translate.Notification, d policy.Decision) decisionTexts {
	t := decisionTexts{Rule: d.Rule, Dropped: d.Dropped, Outputs: d.SendTo, Severity: n.Severity.String(), Text: n.Text}
	if d.Dropped {
		t.Outputs = []string{}
	}
	if d.Hold > 0 {
		t.Hold = conffile.Duration(d.Hold).String()
	}
	if d.Repeat > 0 {
		t.Repeat = conffile.Duration(d.Repeat).String()
	}
	if d.Throttle != nil {
		t.Throttle = fmt.Sprintf("%d in %s by %s", d.Throttle.Max, conffile.Duration(d.Throttle.Every), strings.Join(d.Throttle.By, ", "))
	}
	return t
}

func policyExplain(c *cli.Context) error {
	bodies, err := eventBodies(c)
	if err != nil {
		return err
	}
	cfg, res, err := policySite(c, c.String("policy"))
	if err != nil {
		return err
	}
	enc := json.NewEncoder(c.App.Writer)
	enc.SetEscapeHTML(false)
	for i, body := range bodies {
		if err := cfg.Webhook.Check(body); err != nil {
			return fmt.Errorf("event %d: %w", i+1, err)
		}
		rec := &queue.Record{Seq: uint64(i + 1), Received: time.Now(), Body: body}
		asIs, err := res.translate(rec)
		if err != nil {
			return fmt.Errorf("event %d: %w", i+1, err)
		}
		n, d, err := res.resolve(rec)
		if err != nil {
			return fmt.Errorf("event %d: %w", i+1, err)
		}
		x := explained{Event: n.Event, Rules: []triedRule{}, Decision: newDecisionTexts(n, d)}
		for _, s := range res.policy.Load().Explain(asIs) {
			x.Rules = append(x.Rules, triedRule(s))
		}
		if c.Bool("json") {
			if err := enc.Encode(x); err != nil {
				return err
			}
			continue
		}
		if i > 0 {
			fmt.Fprintln(c.App.Writer)
		}
		printExplained(c, &x)
	}
	return nil
}

func printExplained(c *cli.Context, x *explained) {
	w := c.App.Writer
	fmt.Fprintf(w, "event     %s\n", x.Event)
	for _, r := range x.Rules {
		switch {
		case !r.Matched:
			fmt.Fprintf(w, "rule      %q (line %d) does not match: %s\n", r.Rule, r.Line, r.Why)
		case r.Why != "":
			fmt.Fprintf(w, "rule      %q (line %d) matches, but %s\n", r.Rule, r.Line, r.Why)
		default:
			fmt.Fprintf(w, "rule      %q (line %d) matches\n", r.Rule, r.Line)
		}
	}
	if x.Decision.Rule == "" {
		fmt.Fprintln(w, "rule      none matches")
	}
	d := &x.Decision
	switch {
	case d.Dropped:
		fmt.Fprintln(w, "dropped")
		return
	case d.Outputs == nil:
		fmt.Fprintln(w, "outputs   all")
	default:
		fmt.Fprintf(w, "outputs   %s\n", strings.Join(d.Outputs, ", "))
	}
	fmt.Fprintf(w, "severity  %s\ntext      %s\n", d.Severity, d.Text)
	for _, a := range []struct{ name, value string }{{"hold", d.Hold}, {"repeat", d.Repeat}, {"throttle", d.Throttle}} {
		if a.value != "" {
			fmt.Fprintf(w, "%-9s %s\n", a.name, a.value)
		}
	}
}
