package main

import (
	"encoding/json"
	"fmt"
	"path"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

func eventsCommand() *cli.Command {
	return &cli.Command{
		Name:        "events",
		Usage:       "list the event types with their OIDs and severities",
		ArgsUsage:   "[GLOB...]",
		Description: "Examples:\n  gluster-trapgw events 'BRICK_*'\n  gluster-trapgw events --severity critical --json",
		Flags: []cli.Flag{configFlag,
			&cli.StringFlag{Name: "group", Usage: "only this `GROUP`: peer, volume, brick, ..."},
			&cli.StringFlag{Name: "severity", Usage: "only this `SEVERITY`: " + strings.Join(translate.Severities, ", ")},
			&cli.BoolFlag{Name: "json", Usage: "print one JSON object per event type"}},
		Action: events,
	}
}

// eventRow is one event type as --json prints it.
type eventRow struct {
	Event        string `json:"event"`
	Group        string `json:"group"`
	Severity     string `json:"severity"`
	Alarm        string `json:"alarm,omitempty"` // "raises brick", "clears brick"
	Notification string `json:"notification"`
	OID          string `json:"oid"`
	Description  string `json:"description"`
}

func events(c *cli.Context) error {
	cfg, err := loadConfig(c.String("config"))
	if err != nil {
		return err
	}
	cat, err := translate.LoadCatalogue()
	if err != nil {
		return err
	}
	if s := c.String("severity"); s != "" {
		if _, ok := translate.ParseSeverity(s); !ok {
			return usagef("--severity: %q is not a severity: one of %s", s, strings.Join(translate.Severities, ", "))
		}
	}
	for _, glob := range c.Args().Slice() {
		if _, err := path.Match(glob, ""); err != nil {
			return usagef("%q is not a glob: %w", glob, err)
		}
	}
	var rows []eventRow
	for _, e := range cat.Events {
		n, ok := cfg.mib.Event(e.Event)
		if !ok || !wantEvent(c, e) {
			continue
		}
		row := eventRow{Event: e.Event, Group: e.Group, Severity: e.Severity.String(), Notification: n.Name,
			OID: strings.TrimPrefix(n.OID, "."), Description: n.Description}
		switch {
		case e.Raises != "":
			row.Alarm = "raises " + e.Raises
		case len(e.Clears) > 0:
			row.Alarm = "clears " + e.Clears[0].Class
		}
		rows = append(rows, row)
	}
	if len(rows) == 0 {
		return fmt.Errorf("no event type matches")
	}
	if c.Bool("json") {
		enc := json.NewEncoder(c.App.Writer)
		for i := range rows {
			if err := enc.Encode(&rows[i]); err != nil {
				return err
			}
		}
		return nil
	}
	w := tabwriter.NewWriter(c.App.Writer, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "EVENT\tGROUP\tSEVERITY\tALARM\tOID")
	for i := range rows {
		r := &rows[i]
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", r.Event, r.Group, r.Severity, dash(r.Alarm), r.OID)
	}
	return w.Flush()
}

func wantEvent(c *cli.Context, e *translate.Entry) bool {
	if g := c.String("group"); g != "" && g != e.Group {
		return false
	}
	if s := c.String("severity"); s != "" && s != e.Severity.String() {
		return false
	}
	if c.NArg() == 0 {
		return true
	}
	for _, glob := range c.Args().Slice() {
		if ok, err := path.Match(glob, e.Event); ok && err == nil {
			return true
		}
	}
	return false
}
