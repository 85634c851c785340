package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/gluster-trapgw/gluster-trapgw/admin"
	"github.com/gluster-trapgw/gluster-trapgw/alarms"
	"github.com/gluster-trapgw/gluster-trapgw/outputs"
	"github.com/gluster-trapgw/gluster-trapgw/queue"
	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

// replayed is what policy replay prints with --json.
type replayed struct {
	Events  int              `json:"events"`
	From    time.Time        `json:"from"`
	To      time.Time        `json:"to"`
	Outputs []replayedOutput `json:"outputs"`
}

type replayedOutput struct {
	Output  string         `json:"output"`
	Sent    int            `json:"sent"`
	Raw     int            `json:"without_alarms"` // what the policy alone would send
	Rules   []replayedLine `json:"rules"`
	ByEvent []replayedLine `json:"events"`
}

// replayedLine counts the events of one kind.
type replayedLine struct {
	Name   string         `json:"name"`
	Events int            `json:"events"`
	Sent   int            `json:"sent"`            // notifications
	Other  map[string]int `json:"other,omitempty"` // outcomes of the events that were not sent
}

func policyReplay(c *cli.Context) error {
	cfg, res, err := policySite(c, c.String("policy"))
	if err != nil {
		return err
	}
	recs, err := replayRecords(c, cfg)
	if err != nil {
		return err
	}
	result := replayed{Events: len(recs), From: recs[0].Received, To: recs[len(recs)-1].Received}
	list := cfg.Outputs
	if len(list) == 0 { // those that the policy names, and one that it does not
		for _, name := range append(cfg.policy.Outputs(), "any other output") {
			list = append(list, outputConfig{Name: name})
		}
	}
	for i := range list {
		result.Outputs = append(result.Outputs, replay(cfg, res, &list[i], recs))
	}
	if c.Bool("json") {
		enc := json.NewEncoder(c.App.Writer)
		enc.SetIndent("", "  ")
		return enc.Encode(result)
	}
	return printReplayed(c, &result)
}

// replayRecords returns the events of the files, or of the gateway's own log.
func replayRecords(c *cli.Context, cfg *config) ([]queue.Record, error) {
	var recs []queue.Record
	if c.NArg() == 0 {
		q, err := admin.ParseEventQuery(func(name string) string {
			if name == "since" {
				return c.String("since")
			}
			return ""
		}, time.Now())
		if err != nil {
			return nil, usagef("--%w", err)
		}
		if c.String("config") == "" || !c.IsSet("since") {
			return nil, usagef("nothing to replay: give files, or --config FILE --since WHEN for what the gateway received")
		}
		store, err := queue.OpenReadOnly(queueDir(cfg))
		if err != nil {
			return nil, err
		}
		defer store.Close() //nolint:errcheck // only read
		if err := store.History(c.Context, queue.Query{From: q.Since}, func(e queue.Item) error {
			if !e.Damaged {
				recs = append(recs, e.Record)
			}
			return nil
		}); err != nil {
			return nil, err
		}
		if len(recs) == 0 {
			return nil, fmt.Errorf("the log has no events since %s", q.Since.Format(time.RFC3339))
		}
		return recs, nil
	}
	for _, file := range c.Args().Slice() {
		f, err := os.Open(file)
		if err != nil {
			return nil, fmt.Errorf("read events: %w", err)
		}
		bodies, err := readEvents(file, f)
		f.Close() //nolint:errcheck // only read
		if err != nil {
			return nil, err
		}
		for i, body := range bodies {
			if body, err = eventOf(body); err != nil {
				return nil, fmt.Errorf("read event %d of %s: %w", i+1, file, err)
			}
			if len(body) == 0 {
				continue // a test of the webhook
			}
			if err := cfg.Webhook.Check(body); err != nil {
				return nil, fmt.Errorf("read event %d of %s: %w", i+1, file, err)
			}
			ev, err := translate.Decode(body)
			if err != nil {
				return nil, fmt.Errorf("read event %d of %s: %w", i+1, file, err)
			}
			// Received when it happened, but never before the one before it.
			at := time.Unix(ev.TS, 0).UTC()
			if k := len(recs); k > 0 && at.Before(recs[k-1].Received) {
				at = recs[k-1].Received
			}
			recs = append(recs, queue.Record{Seq: uint64(len(recs) + 1), Received: at, Body: body})
		}
	}
	if len(recs) == 0 {
		return nil, fmt.Errorf("read events: the files have none")
	}
	return recs, nil
}

// eventOf returns the body of a captured request, or what it is given when that is the event itself.
func eventOf(data []byte) ([]byte, error) {
	if !bytes.Contains(data, []byte(`"body"`)) {
		return data, nil
	}
	var request struct {
		Event string  `json:"event"`
		Body  *string `json:"body"`
	}
	if err := json.Unmarshal(data, &request); err != nil {
		return nil, err
	}
	if request.Event != "" || request.Body == nil {
		return data, nil
	}
	return []byte(*request.Body), nil
}

// replay takes the events through the output's part of the way as serve does, without queue and receiver. In the end it
// waits in thought until nothing can come of itself any more but repeats.
func replay(cfg *config, res *resolver, o *outputConfig, recs []queue.Record) replayedOutput {
	var table *alarms.Table
	if !o.EveryEvent {
		table = alarms.New(cfg.Alarms, res.translator)
		table.Output = o.Name
	}
	r := &reader{output: o.Name, resolver: res, log: slog.New(slog.DiscardHandler), now: time.Now, table: table}
	rules, events := map[string]*replayedLine{}, map[string]*replayedLine{}
	result := replayedOutput{Output: o.Name}
	line := func(m map[string]*replayedLine, name string) *replayedLine {
		if m[name] == nil {
			m[name] = &replayedLine{Name: name, Other: map[string]int{}}
		}
		return m[name]
	}
	note := func(it *outputs.Item, event string) {
		rule := it.Rule
		switch {
		case it.Extra:
			rule = "(alarms)" // by themselves: what was held, what has aged, the clears of all that depended on one thing
		case rule == "":
			rule = "(no rule)"
		}
		for _, l := range []*replayedLine{line(rules, rule), line(events, event)} {
			if !it.Extra {
				l.Events++
			}
			if it.Notification != nil {
				l.Sent++
			} else if it.Outcome != "" {
				l.Other[string(it.Outcome)]++
			}
		}
		if it.Notification != nil {
			result.Sent++
		}
	}
	for i := range recs {
		before := uint64(0)
		if i > 0 {
			before = recs[i-1].Seq
		}
		one := r.resolveAll(recs[i : i+1])
		event := "(not an event)"
		if one[0].n != nil {
			event = one[0].n.Event
		}
		if one[0].item.Notification != nil {
			result.Raw++
		}
		for _, it := range r.fold(one, before) {
			name := event
			if it.Extra && it.Notification != nil {
				name = it.Notification.Event
			}
			note(&it, name)
		}
	}
	if table != nil {
		for _, s := range table.Advance(nil, recs[len(recs)-1].Received.Add(time.Duration(cfg.Alarms.Grace)+time.Minute)) {
			it := extra(&s, recs[len(recs)-1].Seq)
			if it.Notification != nil {
				note(&it, it.Notification.Event)
			}
		}
	}
	most := func(a, b replayedLine) int {
		return cmp.Or(cmp.Compare(b.Sent, a.Sent), cmp.Compare(b.Events, a.Events), cmp.Compare(a.Name, b.Name))
	}
	sorted := func(m map[string]*replayedLine) []replayedLine {
		var all []replayedLine
		for _, l := range m {
			all = append(all, *l)
		}
		slices.SortFunc(all, most)
		return all
	}
	result.Rules, result.ByEvent = sorted(rules), sorted(events)
	return result
}

func printReplayed(c *cli.Context, r *replayed) error {
	out := c.App.Writer
	fmt.Fprintf(out, "%d events in %s\n", r.Events, alarms.Span(r.To.Sub(r.From)))
	for i := range r.Outputs {
		o := &r.Outputs[i]
		fmt.Fprintf(out, "\n%s: %d notifications (%d if it heard each event as it comes)\n", o.Output, o.Sent, o.Raw)
		w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
		for _, part := range []struct {
			head  string
			lines []replayedLine
		}{{"RULE", o.Rules}, {"EVENT", o.ByEvent}} {
			fmt.Fprintf(w, "  %s\tEVENTS\tSENT\tNOT SENT\n", part.head)
			for _, l := range part.lines {
				other := ""
				for _, name := range slices.Sorted(maps.Keys(l.Other)) {
					if other != "" {
						other += ", "
					}
					other += fmt.Sprintf("%s %d", name, l.Other[name])
				}
				fmt.Fprintf(w, "  %s\t%d\t%d\t%s\n", l.Name, l.Events, l.Sent, dash(other))
			}
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	return nil
}
