package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/gluster-trapgw/gluster-trapgw/admin"
	"github.com/gluster-trapgw/gluster-trapgw/alarms"
	"github.com/gluster-trapgw/gluster-trapgw/conffile"
	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

func statusCommand() *cli.Command {
	return &cli.Command{
		Name:  "status",
		Usage: "show how the running gateway is",
		Description: "Asks the admin endpoint that the configuration names. Ends with 1 when the gateway is not ready or does not run.\n" +
			"Examples:\n  gluster-trapgw status --config FILE\n  gluster-trapgw status --config FILE --json | jq '.outputs[] | {name, summary}'",
		Flags:  []cli.Flag{configFlag, &cli.BoolFlag{Name: "json", Usage: "print JSON"}},
		Before: noArgs,
		Action: func(c *cli.Context) error {
			api, err := adminClient(c)
			if err != nil {
				return err
			}
			var s admin.Status
			if err := api.Get(c.Context, "/api/v1/status", &s); err != nil {
				return err
			}
			if c.Bool("json") {
				err = printJSON(c.App.Writer, &s)
			} else {
				err = printStatus(c.App.Writer, &s, time.Now())
			}
			if err == nil && !s.Ready {
				return errReported
			}
			return err
		},
	}
}

func reloadCommand() *cli.Command {
	return &cli.Command{
		Name:  "reload",
		Usage: "have the running gateway read its policy again",
		Description: "A policy with a mistake changes nothing: the mistake is printed and the policy before stays in use. Example:\n" +
			"  gluster-trapgw reload --config /etc/gluster-trapgw/config.yaml",
		Flags:  []cli.Flag{configFlag},
		Before: noArgs,
		Action: func(c *cli.Context) error {
			api, err := adminClient(c)
			if err != nil {
				return err
			}
			var p admin.Policy
			if err := api.Post(c.Context, "/api/v1/reload", nil, &p); err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.App.Writer, "policy reloaded: %s, %d rules\n", policyFile(&p), p.Rules)
			return err
		},
	}
}

// adminClient is for commands that need the running gateway.
func adminClient(c *cli.Context) (*admin.Client, error) {
	cfg, err := requireAddresses(c)
	if err != nil {
		return nil, err
	}
	if !cfg.Admin.On() {
		return nil, hinted{errors.New("admin.listen is empty: the gateway has no admin endpoint"), "set it to 127.0.0.1:9001"}
	}
	client, err := findGateway(c.Context, cfg)
	return client, notRunning(err)
}

func notRunning(err error) error {
	if errors.Is(err, admin.ErrNotRunning) {
		return hinted{err, "gluster-trapgw serve starts it; queue status, alarms list and history work without it"}
	}
	return err
}

func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

func policyFile(p *admin.Policy) string {
	if p.File == "" {
		return "built-in"
	}
	return p.File
}

func printStatus(out io.Writer, s *admin.Status, now time.Time) error {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintf(w, "gateway\t%s, up %s\n", s.Version, alarms.Span(now.Sub(s.Started)))
	if s.Ready {
		fmt.Fprintf(w, "ready\tyes\n")
	}
	for _, p := range s.Problems {
		fmt.Fprintf(w, "NOT READY\t%s\n", p)
	}
	fmt.Fprintf(w, "policy\t%s, %d rules, read %s\n", policyFile(&s.Policy), s.Policy.Rules, ago(now, &s.Policy.Loaded))
	if s.Policy.LastError != "" {
		fmt.Fprintf(w, "NOT RELOADED\t%s\n", strings.ReplaceAll(s.Policy.LastError, "\n", "\n\t"))
	}
	q := &s.Queue
	fmt.Fprintf(w, "queue\t%d events (%d to %d), %s of %s\n", q.Events, q.First, q.Last, conffile.Size(q.Bytes), conffile.Size(q.MaxBytes))
	if q.Damaged > 0 {
		fmt.Fprintf(w, "DAMAGED\t%d records of the queue\n", q.Damaged)
	}
	fmt.Fprintf(w, "alarms\t%s\n", countAlarms(s.Alarms))
	if s.Silences > 0 {
		fmt.Fprintf(w, "silences\t%d active\n", s.Silences)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	w = tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprint(w, "\nINPUT\tADDRESS\tEVENTS\tNOT TAKEN\n")
	for _, in := range s.Inputs {
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\n", in.Name, strings.Join(in.Addresses, ", "), in.Counters["accepted"], refusals(in.Counters))
	}
	fmt.Fprint(w, "\nOUTPUT\tTO\tSTATE\tWAITING\tLAG\tSENT\tLOST\tLAST SENT\n")
	for _, o := range s.Outputs {
		state := o.Summary
		if o.FailingSince != nil {
			state += " for " + alarms.Span(now.Sub(*o.FailingSince))
		}
		lag := "-"
		if o.Lag > 0 {
			lag = alarms.Span(time.Duration(o.Lag * float64(time.Second)))
		}
		fmt.Fprintf(w, "%s\t%s %s\t%s\t%d\t%s\t%d\t%d\t%s\n", o.Name, o.Kind, o.Target, state, o.Waiting, lag, o.Sent, o.Lost, ago(now, o.LastSent))
	}
	if len(s.Nodes) > 0 {
		fmt.Fprint(w, "\nNODE\tUUID\tLAST EVENT\n")
	}
	for _, n := range s.Nodes {
		fmt.Fprintf(w, "%s\t%s\t%s\n", dash(n.Name), n.ID, ago(now, &n.LastEvent))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, o := range s.Outputs {
		if o.FailingSince != nil {
			fmt.Fprintf(out, "\n%s: %s\n", o.Name, o.LastError)
		}
	}
	return nil
}

// ago is "2m10s ago", or - for never.
func ago(now time.Time, t *time.Time) string {
	if t == nil {
		return "-"
	}
	return alarms.Span(max(0, now.Sub(*t))) + " ago"
}

// countAlarms is "1 critical, 3 major".
func countAlarms(n map[string]uint64) string {
	var parts []string
	for _, s := range translate.Severities {
		if n[s] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n[s], s))
		}
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}

// refusals lists what an input did not take, "3 bad, 1 busy".
func refusals(counters map[string]uint64) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(counters)) {
		if n := counters[k]; n > 0 && k != "accepted" && k != "test" && k != "unknown" {
			parts = append(parts, fmt.Sprintf("%d %s", n, strings.ReplaceAll(k, "_", " ")))
		}
	}
	return dash(strings.Join(parts, ", "))
}
