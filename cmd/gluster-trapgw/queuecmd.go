package main

import (
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/gluster-trapgw/gluster-trapgw/admin"
	"github.com/gluster-trapgw/gluster-trapgw/conffile"
)

func queueCommand() *cli.Command {
	return &cli.Command{
		Name:  "queue",
		Usage: "look at the durable log",
		Subcommands: []*cli.Command{{
			Name:  "status",
			Usage: "show the size of the log and how far each output is",
			Description: "Asks the running gateway, or reads its state directory when it does not run. Example:\n" +
				"  gluster-trapgw queue status --config /etc/gluster-trapgw/config.yaml",
			Flags:  []cli.Flag{configFlag, &cli.BoolFlag{Name: "json", Usage: "print JSON"}},
			Before: noArgs,
			Action: queueStatus,
		}},
	}
}

func queueStatus(c *cli.Context) error {
	q, err := askQueue(c)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return printJSON(c.App.Writer, q)
	}
	fmt.Fprintf(c.App.Writer, "events %d (%d to %d), %s on disk of %s, damaged %d\n",
		q.Events, q.First, q.Last, conffile.Size(q.Bytes), conffile.Size(q.MaxBytes), q.Damaged)
	if q.WriteError != "" {
		fmt.Fprintf(c.App.Writer, "CANNOT BE WRITTEN: %s\n", q.WriteError)
	}
	w := tabwriter.NewWriter(c.App.Writer, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "OUTPUT\tCURSOR\tWAITING\tOLDEST\tLOST\tLAST COMMIT")
	for _, o := range q.Outputs {
		oldest, updated := "-", "-"
		if o.Oldest != nil {
			oldest = time.Since(*o.Oldest).Round(time.Second).String()
		}
		if o.Updated != nil {
			updated = o.Updated.Local().Format("2006-01-02 15:04:05")
		}
		name := o.Name
		if o.Removed {
			name += " (no longer configured)"
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%s\t%d\t%s\n", name, o.Cursor, o.Waiting, oldest, o.Lost, updated)
	}
	return w.Flush()
}

// askQueue asks the running gateway, or reads the state directory when it does not run.
func askQueue(c *cli.Context) (*admin.Queue, error) {
	cfg, err := requireAddresses(c)
	if err != nil {
		return nil, err
	}
	api, err := runningGateway(c, cfg)
	if err != nil {
		return nil, err
	}
	if api != nil {
		var q admin.Queue
		return &q, api.Get(c.Context, "/api/v1/queue", &q)
	}
	store, _, err := openStore(c)
	if err != nil {
		return nil, err
	}
	defer store.Close() //nolint:errcheck // only read
	st, err := store.Status(c.Context)
	if err != nil {
		return nil, err
	}
	st.MaxBytes, st.MaxAge = int64(cfg.Queue.MaxBytes), time.Duration(cfg.Queue.MaxAge)
	return newQueueStatus(cfg, &st), nil
}
