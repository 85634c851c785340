package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/gluster-trapgw/gluster-trapgw/conffile"
	"github.com/gluster-trapgw/gluster-trapgw/queue"
	"github.com/gluster-trapgw/gluster-trapgw/translate"
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

// historyRow is one event with its fate, as --json prints it.
type historyRow struct {
	Seq      uint64              `json:"seq"`
	Received time.Time           `json:"received"`
	Input    string              `json:"input"`
	Remote   string              `json:"remote,omitempty"`
	Event    string              `json:"event"`
	Node     string              `json:"node,omitempty"`
	Volume   string              `json:"volume,omitempty"`
	Severity string              `json:"severity,omitempty"`
	Text     string              `json:"text,omitempty"`
	Damaged  bool                `json:"damaged,omitempty"`
	Outputs  map[string]fateJSON `json:"outputs"`
	order    []string
}

type fateJSON struct {
	Outcome string `json:"outcome"`
	Rule    string `json:"rule,omitempty"`
}

func history(c *cli.Context) error {
	q := queue.Query{}
	now := time.Now()
	var err error
	if q.From, err = whenFlag(c, "since", now); err != nil {
		return err
	}
	if q.To, err = whenFlag(c, "until", now); err != nil {
		return err
	}
	for _, f := range []string{"event", "volume", "node"} {
		if _, err := path.Match(c.String(f), ""); err != nil {
			return usagef("--%s: %q is not a glob: %w", f, c.String(f), err)
		}
	}
	store, res, err := openStore(c)
	if err != nil {
		return err
	}
	defer store.Close() //nolint:errcheck // only read
	limit := c.Int("limit")
	var rows []historyRow // newest first
	enough := errors.New("enough")
	q.Newest = true
	err = store.History(c.Context, q, func(e queue.Item) error {
		row := newHistoryRow(res, &e)
		if !matches(c, &row, &e) {
			return nil
		}
		if rows = append(rows, row); len(rows) == limit {
			return enough
		}
		return nil
	})
	if err != nil && !errors.Is(err, enough) {
		return err
	}
	if c.Bool("json") {
		enc := json.NewEncoder(c.App.Writer)
		enc.SetEscapeHTML(false)
		for i := len(rows) - 1; i >= 0; i-- {
			if err := enc.Encode(&rows[i]); err != nil {
				return err
			}
		}
		return nil
	}
	w := tabwriter.NewWriter(c.App.Writer, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "SEQ\tRECEIVED\tEVENT\tSEVERITY\tNODE\tVOLUME\tOUTPUTS")
	for i := len(rows) - 1; i >= 0; i-- {
		r := &rows[i]
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\t%s\n", r.Seq, r.Received.Local().Format("2006-01-02 15:04:05"),
			r.Event, r.Severity, dash(r.Node), dash(r.Volume), r.fates())
	}
	return w.Flush()
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

func newHistoryRow(res *resolver, e *queue.Item) historyRow {
	row := historyRow{Seq: e.Seq, Received: e.Received, Input: e.Input, Remote: e.Remote, Damaged: e.Damaged,
		Outputs: map[string]fateJSON{}}
	for _, f := range e.Outcomes {
		row.Outputs[f.Output] = fateJSON{f.Outcome, f.Rule}
		row.order = append(row.order, f.Output)
	}
	if e.Damaged {
		row.Event = "(damaged record)"
		return row
	}
	n, _, err := res.resolve(&e.Record)
	if err != nil {
		row.Event = "(not an event)"
		return row
	}
	row.Event, row.Node, row.Volume, row.Severity, row.Text = n.Event, n.Host(), n.Volume, n.Severity.String(), n.Text
	return row
}

func matches(c *cli.Context, row *historyRow, e *queue.Item) bool {
	glob := func(flag string, values ...string) bool {
		pattern := c.String(flag)
		if pattern == "" {
			return true
		}
		for _, v := range values {
			if ok, err := path.Match(pattern, v); ok && err == nil {
				return true
			}
		}
		return false
	}
	nodes := []string{row.Node}
	if c.String("node") != "" {
		if ev, err := translate.Decode(e.Body); err == nil {
			nodes = append(nodes, ev.NodeID)
		}
	}
	return glob("event", row.Event) && glob("volume", row.Volume) && glob("node", nodes...)
}

// fates is "noc: sent, siem: dropped (client churn)".
func (r *historyRow) fates() string {
	parts := make([]string, 0, len(r.order))
	for _, o := range r.order {
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

// whenFlag reads a point in time: an age or a date.
func whenFlag(c *cli.Context, name string, now time.Time) (time.Time, error) {
	s := c.String(name)
	if s == "" {
		return time.Time{}, nil
	}
	if d, err := conffile.ParseDuration(s); err == nil {
		return now.Add(-time.Duration(d)), nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02"} {
		if t, err := time.ParseInLocation(layout, s, time.Local); err == nil {
			return t, nil
		}
	}
	return time.Time{}, usagef("--%s: %q is neither an age like 8h nor a time like 2006-01-02 15:04:05", name, s)
}

func queueCommand() *cli.Command {
	return &cli.Command{
		Name:  "queue",
		Usage: "look at the durable log",
		Subcommands: []*cli.Command{{
			Name:        "status",
			Usage:       "show the size of the log and how far each output is",
			Description: "Works while the gateway runs and while it does not. Example:\n  gluster-trapgw queue status --config /etc/gluster-trapgw/config.yaml",
			Flags:       []cli.Flag{configFlag, &cli.BoolFlag{Name: "json", Usage: "print JSON"}},
			Before:      noArgs,
			Action:      queueStatus,
		}},
	}
}

func queueStatus(c *cli.Context) error {
	store, _, err := openStore(c)
	if err != nil {
		return err
	}
	defer store.Close() //nolint:errcheck // only read
	st, err := store.Status(context.WithoutCancel(c.Context))
	if err != nil {
		return err
	}
	if c.Bool("json") {
		enc := json.NewEncoder(c.App.Writer)
		enc.SetIndent("", "  ")
		return enc.Encode(st)
	}
	fmt.Fprintf(c.App.Writer, "events %d (%d to %d), %s on disk of %s, damaged %d\n",
		st.Events, st.First, st.Last, conffile.Size(st.Bytes), conffile.Size(st.MaxBytes), st.Damaged)
	w := tabwriter.NewWriter(c.App.Writer, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "OUTPUT\tCURSOR\tWAITING\tOLDEST\tLOST\tLAST COMMIT")
	for _, o := range st.Outputs {
		oldest, updated := "-", "-"
		if !o.Oldest.IsZero() {
			oldest = time.Since(o.Oldest).Round(time.Second).String()
		}
		if !o.Updated.IsZero() {
			updated = o.Updated.Local().Format("2006-01-02 15:04:05")
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%s\t%d\t%s\n", o.Name, o.Cursor, o.Waiting, oldest, o.Lost, updated)
	}
	return w.Flush()
}
