package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/gluster-trapgw/gluster-trapgw/admin"
	"github.com/gluster-trapgw/gluster-trapgw/alarms"
	"github.com/gluster-trapgw/gluster-trapgw/queue"
	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

func alarmsCommand() *cli.Command {
	outputFlag := &cli.StringFlag{Name: "output", Usage: "only what output `NAME` was sent"}
	jsonFlag := &cli.BoolFlag{Name: "json", Usage: "print one JSON object per alarm"}
	return &cli.Command{
		Name:  "alarms",
		Usage: "show the alarms that are active, end one, send them again",
		Subcommands: []*cli.Command{{
			Name:  "list",
			Usage: "list the active alarms, the worst first",
			Description: "Asks the running gateway, or reads its state directory when it does not run. An alarm is held from an output\n" +
				"while its cause is known (a brick of a disconnected peer), on hold by the policy, silenced, or one too many for a throttle. Examples:\n" +
				"  gluster-trapgw alarms list --config FILE\n" +
				"  gluster-trapgw alarms list --config FILE --class 'replica*' --json",
			Flags: []cli.Flag{configFlag, outputFlag, &cli.StringFlag{Name: "class", Usage: "only classes that match `GLOB`"},
				&cli.StringFlag{Name: "key", Usage: "only keys that begin with `TEXT`"}, jsonFlag},
			Before: noArgs,
			Action: alarmsList,
		}, {
			Name:        "show",
			Usage:       "show everything about one active alarm",
			ArgsUsage:   "KEY",
			Description: "The key is that of `alarms list`. Example:\n  gluster-trapgw alarms show --config FILE brick/gfs2:/bricks/b1",
			Flags:       []cli.Flag{configFlag, outputFlag, jsonFlag},
			Action:      alarmsShow,
		}, {
			Name:      "clear",
			Usage:     "end an alarm by hand at every output",
			ArgsUsage: "KEY",
			Description: "For a fault whose end nothing will report. The clear that is sent says who ended it and why; the next report of\n" +
				"the fault begins it anew. Example:\n" +
				"  gluster-trapgw alarms clear --config FILE --comment 'brick was moved' brick/gfs2:/bricks/b1",
			Flags:  []cli.Flag{configFlag, &cli.StringFlag{Name: "comment", Usage: "`TEXT` that says why"}, authorFlag},
			Action: alarmsClear,
		}, {
			Name:  "resend",
			Usage: "send all active alarms to an output again",
			Description: "For a receiver that was restarted and forgot them: gtgResync, then each alarm as a raise. Example:\n" +
				"  gluster-trapgw alarms resend --config FILE --output noc",
			Flags:  []cli.Flag{configFlag, &cli.StringFlag{Name: "output", Usage: "`NAME` of the output"}},
			Before: noArgs,
			Action: alarmsResend,
		}},
	}
}

// activeAlarms reads the alarms that q selects, the worst and oldest first.
func activeAlarms(ctx context.Context, store *queue.Reader, q admin.AlarmQuery) ([]*admin.Alarm, error) {
	st, err := store.Status(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	byKey := map[string]*admin.Alarm{}
	for _, o := range st.Outputs {
		if names = append(names, o.Name); q.Output != "" && o.Name != q.Output {
			continue
		}
		err := store.State(ctx, o.Name, func(key string, value []byte) error {
			row, ok, err := alarms.ParseRow(key, value)
			if !ok || err != nil {
				return err
			}
			a := byKey[row.Key]
			if a == nil {
				a = &admin.Alarm{Key: row.Key, Outputs: []string{}}
				byKey[row.Key] = a
			}
			addRow(a, o.Name, &row)
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("output %q: %w", o.Name, err)
		}
	}
	if q.Output != "" && !slices.Contains(names, q.Output) {
		return nil, hinted{fmt.Errorf("%q is not an output", q.Output), "one of: " + strings.Join(names, ", ")}
	}
	all := make([]*admin.Alarm, 0, len(byKey))
	for _, a := range byKey {
		if q.Matches(a) {
			all = append(all, a)
		}
	}
	slices.SortFunc(all, func(a, b *admin.Alarm) int {
		return cmp.Or(cmp.Compare(rank(b.Severity), rank(a.Severity)), a.Begun.Compare(b.Begun), cmp.Compare(a.Key, b.Key))
	})
	return all, nil
}

// askAlarms asks the running gateway, or reads the state directory when it does not run.
func askAlarms(c *cli.Context, q admin.AlarmQuery) ([]*admin.Alarm, error) {
	cfg, err := requireAddresses(c)
	if err != nil {
		return nil, err
	}
	api, err := runningGateway(c, cfg)
	if err != nil {
		return nil, err
	}
	if api != nil {
		var v admin.Alarms
		query := url.Values{"output": {q.Output}, "class": {q.Class}, "key": {q.Key}}
		err := api.Get(c.Context, "/api/v1/alarms?"+query.Encode(), &v)
		return v.Alarms, err
	}
	store, _, err := openStore(c)
	if err != nil {
		return nil, err
	}
	defer store.Close() //nolint:errcheck // only read
	return activeAlarms(c.Context, store, q)
}

func rank(severity string) int {
	s, _ := translate.ParseSeverity(severity)
	return s.Rank()
}

// addRow joins what one output knows: outputs may be at different places of the log.
func addRow(a *admin.Alarm, output string, row *alarms.Row) {
	if row.Held {
		a.Held = append(a.Held, output)
		if a.Why == nil {
			a.Why = map[string]string{}
		}
		a.Why[output] = strings.TrimSpace(cmp.Or(row.Why, "cause") + " " + row.Silence)
	} else {
		a.Outputs = append(a.Outputs, output)
	}
	if a.Event == "" || row.Last.After(a.Last) {
		a.Class, a.Event, a.Severity, a.Text, a.Body = row.Class, row.Event, row.Severity, row.Text, row.Body
		a.Begun, a.Last, a.Count, a.Seq = row.Begun, row.Last, row.Count, row.Seq
	}
}

// knownBy is "noc, siem (held: cause)".
func knownBy(a *admin.Alarm) string {
	all := slices.Clone(a.Outputs)
	for _, o := range a.Held {
		all = append(all, o+" (held: "+a.Why[o]+")")
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

func alarmsList(c *cli.Context) error {
	q, err := admin.ParseAlarmQuery(c.String)
	if err != nil {
		return usagef("--%w", err)
	}
	all, err := askAlarms(c, q)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return printAlarms(c.App.Writer, all...)
	}
	w := tabwriter.NewWriter(c.App.Writer, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "SEVERITY\tSINCE\tCOUNT\tKEY\tTEXT\tOUTPUTS")
	for _, a := range all {
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\t%s\n", a.Severity, a.Begun.Local().Format("2006-01-02 15:04:05"), a.Count, a.Key, a.Text, knownBy(a))
	}
	return w.Flush()
}

func alarmsShow(c *cli.Context) error {
	if c.NArg() != 1 {
		return usagef("%s takes one argument, the key of an alarm", c.Command.HelpName)
	}
	all, err := askAlarms(c, admin.AlarmQuery{Output: c.String("output")})
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(a *admin.Alarm) bool { return a.Key == c.Args().First() })
	if i < 0 {
		return hinted{fmt.Errorf("no alarm %q is active", c.Args().First()), "gluster-trapgw alarms list shows all keys"}
	}
	a := all[i]
	if c.Bool("json") {
		return printAlarms(c.App.Writer, a)
	}
	w := tabwriter.NewWriter(c.App.Writer, 0, 8, 2, ' ', 0)
	for _, f := range [][2]string{
		{"key", a.Key}, {"class", a.Class}, {"severity", a.Severity}, {"text", a.Text},
		{"begun", a.Begun.Local().Format(time.RFC3339)}, {"last report", a.Last.Local().Format(time.RFC3339)},
		{"reports", fmt.Sprint(a.Count)}, {"first event", fmt.Sprint("number ", a.Seq, " of the log")},
		{"outputs", knownBy(a)}, {"event", a.Body},
	} {
		fmt.Fprintf(w, "%s:\t%s\n", f[0], f[1])
	}
	return w.Flush()
}

func printAlarms(w io.Writer, all ...*admin.Alarm) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for _, a := range all {
		if err := enc.Encode(a); err != nil {
			return err
		}
	}
	return nil
}
