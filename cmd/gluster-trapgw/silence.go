package main

import (
	"encoding/json"
	"fmt"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/gluster-trapgw/gluster-trapgw/admin"
	"github.com/gluster-trapgw/gluster-trapgw/conffile"
	"github.com/gluster-trapgw/gluster-trapgw/silences"
)

func silenceCommand() *cli.Command {
	return &cli.Command{
		Name:  "silence",
		Usage: "keep back what nobody wants to hear of for a while, such as during planned work",
		Subcommands: []*cli.Command{{
			Name:      "add",
			Usage:     "begin a silence",
			ArgsUsage: "MATCHER...",
			Description: "A matcher is NAME=VALUE, NAME!=VALUE, NAME=~REGEXP or NAME!~REGEXP; all of them must hold. Names: " + strings.Join(silences.Names, ", ") + ",\n" +
				"message.KEY. A fault that is still there when the silence ends is reported then; one that was reported before is\n" +
				"cleared as usual. Examples:\n" +
				"  gluster-trapgw silence add --config FILE --for 2h --comment 'new disks' node=gfs2\n" +
				"  gluster-trapgw silence add --config FILE --until '2026-11-24 06:00' --comment upgrade 'volume=~prod-.*'",
			Flags: []cli.Flag{configFlag,
				&cli.StringFlag{Name: "for", Usage: "end after `DURATION`: 30m, 2h, 1d"},
				&cli.StringFlag{Name: "until", Usage: "end at `WHEN`: 2006-01-02 15:04"},
				&cli.StringFlag{Name: "start", Usage: "begin at `WHEN` instead of now"},
				&cli.StringFlag{Name: "comment", Usage: "`TEXT` that says why"}, authorFlag},
			Action: silenceAdd,
		}, {
			Name:        "list",
			Usage:       "list the silences that are active or begin later",
			Description: "Example:\n  gluster-trapgw silence list --config FILE --all",
			Flags: []cli.Flag{configFlag, &cli.BoolFlag{Name: "all", Usage: "also those that ended in the last days"},
				&cli.BoolFlag{Name: "json", Usage: "print one JSON object per silence"}},
			Before: noArgs,
			Action: silenceList,
		}, {
			Name:        "expire",
			Usage:       "end silences now",
			ArgsUsage:   "ID...",
			Description: "What a silence kept back and is still there is reported then. Example:\n  gluster-trapgw silence expire --config FILE 3f2a9c11",
			Flags:       []cli.Flag{configFlag, authorFlag},
			Action:      silenceExpire,
		}},
	}
}

var authorFlag = &cli.StringFlag{Name: "author", Usage: "`NAME` of who asks for it", DefaultText: "the login name"}

func author(c *cli.Context) string {
	if name := c.String("author"); name != "" {
		return name
	}
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "unknown"
}

// ask sends a request to the gateway that runs with this configuration, and decodes its answer.
func ask(c *cli.Context, path string, request, answer any) error {
	client, err := adminClient(c)
	if err != nil {
		return err
	}
	body, err := json.Marshal(request)
	if err != nil {
		return err
	}
	return client.Post(c.Context, path, body, answer)
}

func silenceAdd(c *cli.Context) error {
	if c.NArg() == 0 {
		return usagef("%s takes one matcher at least, such as volume=gv0", c.Command.HelpName)
	}
	s := admin.Silence{Author: author(c), Comment: c.String("comment")}
	for _, text := range c.Args().Slice() {
		m, err := silences.ParseMatcher(text)
		if err != nil {
			return usageError{err}
		}
		s.Matchers = append(s.Matchers, m.String())
	}
	if s.Comment == "" {
		return usagef("--comment is missing: others want to know why")
	}
	now := time.Now()
	start := now
	if c.String("start") != "" {
		var err error
		if start, err = timeFlag(c, "start"); err != nil {
			return err
		}
		s.Starts = &start
	}
	switch length, until := c.String("for"), c.String("until"); {
	case (length == "") == (until == ""):
		return usagef("give --for or --until: a silence has an end")
	case length != "":
		d, err := conffile.ParseDuration(length)
		if err != nil {
			return usagef("--for: %w", err)
		}
		s.Ends = start.Add(time.Duration(d))
	default:
		var err error
		if s.Ends, err = timeFlag(c, "until"); err != nil {
			return err
		}
	}
	var added admin.Silence
	if err := ask(c, "/api/v1/silences", &s, &added); err != nil {
		return err
	}
	_, err := fmt.Fprintln(c.App.Writer, added.ID)
	return err
}

// timeFlag reads a point in time.
func timeFlag(c *cli.Context, name string) (time.Time, error) {
	if t, ok := admin.ParseTime(c.String(name)); ok {
		return t, nil
	}
	return time.Time{}, usagef("--%s: %q is not a time like 2006-01-02 15:04 or 2006-01-02T15:04:05Z", name, c.String(name))
}

// knownSilences asks the running gateway, or reads the state directory when it does not run.
func knownSilences(c *cli.Context) ([]*admin.Silence, error) {
	cfg, err := requireAddresses(c)
	if err != nil {
		return nil, err
	}
	client, err := runningGateway(c, cfg)
	if err != nil {
		return nil, err
	}
	if client == nil {
		list, err := silences.Read(silencesFile(cfg))
		if err != nil {
			return nil, fmt.Errorf("read silences: %w", err)
		}
		return shownSilences(list, time.Now()), nil
	}
	var all admin.Silences
	err = client.Get(c.Context, "/api/v1/silences", &all)
	return all.Silences, err
}

func silencesFile(cfg *config) string { return filepath.Join(cfg.StateDir, "silences.json") }

func silenceList(c *cli.Context) error {
	all, err := knownSilences(c)
	if err != nil {
		return err
	}
	if !c.Bool("all") {
		all = slices.DeleteFunc(all, func(s *admin.Silence) bool { return s.State == "ended" })
	}
	if c.Bool("json") {
		enc := json.NewEncoder(c.App.Writer)
		enc.SetEscapeHTML(false)
		for _, s := range all {
			if err := enc.Encode(s); err != nil {
				return err
			}
		}
		return nil
	}
	w := tabwriter.NewWriter(c.App.Writer, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tSTATE\tSTARTS\tENDS\tAUTHOR\tMATCHERS\tCOMMENT")
	for _, s := range all {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", s.ID, s.State, s.Starts.Local().Format("2006-01-02 15:04:05"),
			s.Ends.Local().Format("2006-01-02 15:04:05"), s.Author, strings.Join(s.Matchers, " "), s.Comment)
	}
	return w.Flush()
}

func silenceExpire(c *cli.Context) error {
	if c.NArg() == 0 {
		return usagef("%s takes the IDs of silences, see gluster-trapgw silence list", c.Command.HelpName)
	}
	for _, id := range c.Args().Slice() {
		var ended admin.Silence
		if err := ask(c, "/api/v1/silences/"+id+"/expire", admin.ExpireRequest{Author: author(c)}, &ended); err != nil {
			return err
		}
	}
	return nil
}

func alarmsClear(c *cli.Context) error {
	if c.NArg() != 1 {
		return usagef("%s takes one argument, the key of an alarm", c.Command.HelpName)
	}
	var done admin.Recorded
	r := admin.ClearRequest{Key: c.Args().First(), Author: author(c), Comment: c.String("comment")}
	if err := ask(c, "/api/v1/alarms/clear", r, &done); err != nil {
		return err
	}
	_, err := fmt.Fprintf(c.App.Writer, "alarm %s is ended by event %d of the log\n", r.Key, done.Seq)
	return err
}

func alarmsResend(c *cli.Context) error {
	if c.String("output") == "" {
		return usagef("--output is missing: which receiver should have its alarms again?")
	}
	var done admin.Recorded
	if err := ask(c, "/api/v1/alarms/resend", admin.ResendRequest{Output: c.String("output")}, &done); err != nil {
		return err
	}
	_, err := fmt.Fprintf(c.App.Writer, "output %s gets its active alarms again from event %d of the log on\n", c.String("output"), done.Seq)
	return err
}
