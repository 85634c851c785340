package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/gluster-trapgw/gluster-trapgw/admin"
	"github.com/gluster-trapgw/gluster-trapgw/queue"
)

func historyCommand() *cli.Command {
	return &cli.Command{
		Name:  "history",
		Usage: "show what came in and what became of it at each output",
		Description: "Reads the durable log of a running or stopped gateway. Examples:\n" +
			"  gluster-trapgw history --config FILE --since 8h --event 'BRICK_*'\n" +
			"  gluster-trapgw history --config FILE --volume gv0 --json",
		Flags: []cli.Flag{
			configFlag,
			&cli.StringFlag{Name: "since", Usage: "events received after `WHEN`: 30m, 8h, 7d ago, or 2006-01-02T15:04:05Z"},
			&cli.StringFlag{Name: "until", Usage: "events received before `WHEN`"},
			&cli.StringFlag{Name: "event", Usage: "events whose name matches `GLOB`"},
			&cli.StringFlag{Name: "volume", Usage: "events of volumes that match `GLOB`"},
			&cli.StringFlag{Name: "node", Usage: "events of nodes whose name or UUID matches `GLOB`"},
			&cli.IntFlag{Name: "limit", Value: 100, Usage: "at most the newest `N` events; 0 is all"},
			&cli.BoolFlag{Name: "json", Usage: "print one JSON object per event"},
		},
		Before: noArgs,
		Action: history,
	}
}

func history(c *cli.Context) error {
	q, err := admin.ParseEventQuery(func(name string) string {
		if name == "limit" {
			return strconv.Itoa(c.Int(name))
		}
		return c.String(name)
	}, time.Now())
	if err != nil {
		return usagef("--%w", err)
	}
	store, res, err := openStore(c)
	if err != nil {
		return err
	}
	defer store.Close() //nolint:errcheck // only read
	rows, err := pastEvents(c.Context, store, res, q)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		enc := json.NewEncoder(c.App.Writer)
		enc.SetEscapeHTML(false)
		for _, r := range rows {
			if err := enc.Encode(r); err != nil {
				return err
			}
		}
		return nil
	}
	w := tabwriter.NewWriter(c.App.Writer, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "SEQ\tRECEIVED\tEVENT\tSEVERITY\tNODE\tVOLUME\tOUTPUTS")
	for _, r := range rows {
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\t%s\n", r.Seq, r.Received.Local().Format("2006-01-02 15:04:05"),
			r.Event, r.Severity, dash(r.Node), dash(r.Volume), fates(r))
	}
	return w.Flush()
}

// errEnough ends the reading of the history.
var errEnough = errors.New("enough")

// pastEvents returns what q selects of the history, oldest first.
func pastEvents(ctx context.Context, store *queue.Reader, res *resolver, q admin.EventQuery) ([]*admin.Event, error) {
	rows := []*admin.Event{} // newest first
	err := store.History(ctx, queue.Query{From: q.Since, To: q.Until, After: q.After, Newest: true}, func(e queue.Item) error {
		row, nodeID := newEvent(res, &e)
		if !q.Matches(row, nodeID) {
			return nil
		}
		if rows = append(rows, row); len(rows) == q.Limit {
			return errEnough
		}
		return nil
	})
	slices.Reverse(rows)
	if errors.Is(err, errEnough) {
		err = nil
	}
	return rows, err
}

// openStore opens the durable log that the configuration names, to look only, and a resolver to read its records.
func openStore(c *cli.Context) (*queue.Reader, *resolver, error) {
	cfg, err := requireConfig(c)
	if err != nil {
		return nil, nil, err
	}
	store, err := queue.OpenReadOnly(queueDir(cfg))
	if err != nil {
		return nil, nil, err
	}
	res, err := newResolver(cfg, store.ID())
	return store, res, err
}

// newEvent returns an event of the history and the UUID of its node.
func newEvent(res *resolver, e *queue.Item) (row *admin.Event, nodeID string) {
	row = &admin.Event{Seq: e.Seq, Received: e.Received, Input: e.Input, Remote: e.Remote, Damaged: e.Damaged,
		Outputs: map[string]admin.Fate{}}
	for _, f := range e.Outcomes {
		row.Outputs[f.Output] = admin.Fate{Outcome: f.Outcome, Rule: f.Rule}
	}
	if e.Damaged {
		row.Event = "(damaged record)"
		return row, ""
	}
	n, _, err := res.resolve(&e.Record)
	if err != nil {
		row.Event = "(not an event)"
		return row, ""
	}
	row.Event, row.Node, row.Volume, row.Severity, row.Text = n.Event, n.Host(), n.Volume, n.Severity.String(), n.Text
	return row, n.NodeID
}

// fates is "noc: sent, siem: dropped (client churn)".
func fates(r *admin.Event) string {
	parts := make([]string, 0, len(r.Outputs))
	for _, o := range slices.Sorted(maps.Keys(r.Outputs)) {
		f := r.Outputs[o]
		p := o + ": " + f.Outcome
		if f.Rule != "" {
			p += " (" + f.Rule + ")"
		}
		parts = append(parts, p)
	}
	return strings.Join(parts, ", ")
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
