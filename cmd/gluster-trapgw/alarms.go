package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/gluster-trapgw/gluster-trapgw/alarms"
	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

func alarmsCommand() *cli.Command {
	outputFlag := &cli.StringFlag{Name: "output", Usage: "only what output `NAME` was sent"}
	jsonFlag := &cli.BoolFlag{Name: "json", Usage: "print one JSON object per alarm"}
	return &cli.Command{
		Name:  "alarms",
		Usage: "show the alarms that are active",
		Subcommands: []*cli.Command{{
			Name:  "list",
			Usage: "list the active alarms, the worst first",
			Description: "Reads the state of a running or stopped gateway. An alarm is held from an output while its cause is known\n" +
				"(a brick of a disconnected peer), on hold by the policy, silenced, or one too many for a throttle. Examples:\n" +
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
		}},
	}
}

// activeAlarm is an alarm with the outputs that know of it, as --json prints it.
type activeAlarm struct {
	Key      string    `json:"key"`
	Class    string    `json:"class"`
	Event    string    `json:"event"`
	Severity string    `json:"severity"`
	Text     string    `json:"text"`
	Begun    time.Time `json:"begun"`
	Last     time.Time `json:"last"`
	Count    int       `json:"count"`
	Seq      uint64    `json:"seq"`
	Outputs  []string  `json:"outputs"`
	Held     []string  `json:"held,omitempty"` // the outputs that it is kept back from
	Body     string    `json:"body"`

	// Why it is kept back from each of them: cause, hold, silence ID, throttle.
	Why map[string]string `json:"why,omitempty"`
}

// activeAlarms reads the alarms of the outputs, or of one of them, the worst and oldest first.
func activeAlarms(c *cli.Context) ([]*activeAlarm, error) {
	store, _, err := openStore(c)
	if err != nil {
		return nil, err
	}
	defer store.Close() //nolint:errcheck // only read
	st, err := store.Status(c.Context)
	if err != nil {
		return nil, err
	}
	only := c.String("output")
	var names []string
	byKey := map[string]*activeAlarm{}
	for _, o := range st.Outputs {
		if names = append(names, o.Name); only != "" && o.Name != only {
			continue
		}
		err := store.State(c.Context, o.Name, func(key string, value []byte) error {
			row, ok, err := alarms.ParseRow(key, value)
			if !ok || err != nil {
				return err
			}
			a := byKey[row.Key]
			if a == nil {
				a = &activeAlarm{Key: row.Key, Outputs: []string{}}
				byKey[row.Key] = a
			}
			a.add(o.Name, &row)
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("output %q: %w", o.Name, err)
		}
	}
	if only != "" && !slices.Contains(names, only) {
		return nil, hinted{fmt.Errorf("%q is not an output", only), "one of: " + strings.Join(names, ", ")}
	}
	all := make([]*activeAlarm, 0, len(byKey))
	for _, a := range byKey {
		all = append(all, a)
	}
	slices.SortFunc(all, func(a, b *activeAlarm) int {
		return cmp.Or(cmp.Compare(rank(b.Severity), rank(a.Severity)), a.Begun.Compare(b.Begun), cmp.Compare(a.Key, b.Key))
	})
	return all, nil
}

func rank(severity string) int {
	s, _ := translate.ParseSeverity(severity)
	return s.Rank()
}

// add joins what one output knows: outputs may be at different places of the log.
func (a *activeAlarm) add(output string, row *alarms.Row) {
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
func (a *activeAlarm) knownBy() string {
	all := slices.Clone(a.Outputs)
	for _, o := range a.Held {
		all = append(all, o+" (held: "+a.Why[o]+")")
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

func alarmsList(c *cli.Context) error {
	if _, err := path.Match(c.String("class"), ""); err != nil {
		return usagef("--class: %q is not a glob: %w", c.String("class"), err)
	}
	all, err := activeAlarms(c)
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(a *activeAlarm) bool {
		fits, err := path.Match(c.String("class"), a.Class)
		return c.String("class") != "" && (!fits || err != nil) || !strings.HasPrefix(a.Key, c.String("key"))
	})
	if c.Bool("json") {
		return printAlarms(c.App.Writer, all...)
	}
	w := tabwriter.NewWriter(c.App.Writer, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "SEVERITY\tSINCE\tCOUNT\tKEY\tTEXT\tOUTPUTS")
	for _, a := range all {
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\t%s\n", a.Severity, a.Begun.Local().Format("2006-01-02 15:04:05"), a.Count, a.Key, a.Text, a.knownBy())
	}
	return w.Flush()
}

func alarmsShow(c *cli.Context) error {
	if c.NArg() != 1 {
		return usagef("%s takes one argument, the key of an alarm", c.Command.HelpName)
	}
	all, err := activeAlarms(c)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(a *activeAlarm) bool { return a.Key == c.Args().First() })
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
		{"outputs", a.knownBy()}, {"event", a.Body},
	} {
		fmt.Fprintf(w, "%s:\t%s\n", f[0], f[1])
	}
	return w.Flush()
}

func printAlarms(w io.Writer, all ...*activeAlarm) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for _, a := range all {
		if err := enc.Encode(a); err != nil {
			return err
		}
	}
	return nil
}
