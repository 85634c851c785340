package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/gluster-trapgw/gluster-trapgw/integrations"
	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

func integrationsCommand() *cli.Command {
	return &cli.Command{
		Name:  "integrations",
		Usage: "write what receivers need: SNMPTT, Nagios, Zabbix, OpenNMS, rsyslog, ...",
		Subcommands: []*cli.Command{{
			Name:        "list",
			Usage:       "list the receivers that files can be written for",
			Description: "Example:\n  gluster-trapgw integrations list",
			Before:      noArgs,
			Action: func(c *cli.Context) error {
				w := tabwriter.NewWriter(c.App.Writer, 0, 8, 2, ' ', 0)
				for _, r := range integrations.Receivers() {
					fmt.Fprintf(w, "%s\t%s\n", r.Name, r.Summary)
				}
				return w.Flush()
			},
		}, {
			Name:  "export",
			Usage: "write the files for a receiver, or for all, into a directory",
			Description: "They hold the OID root, the cluster, the heartbeat and the severities of the configuration; without one those of\n" +
				"the defaults. What to do with them is in docs/receivers/NAME.md. With --for all each receiver gets a directory of\n" +
				"its own in DIR. Example:\n" +
				"  gluster-trapgw integrations export --config /etc/gluster-trapgw/config.yaml --for snmptt --dir /etc/snmp",
			Flags: []cli.Flag{configFlag,
				&cli.StringFlag{Name: "for", Usage: "the receiver `NAME`: all, or one of integrations list"},
				&cli.StringFlag{Name: "dir", Usage: "write into `DIR`, which is made if need be"}},
			Before: needs("for", "dir"),
			Action: exportIntegrations,
		}},
	}
}

func exportIntegrations(c *cli.Context) error {
	cfg, err := loadConfig(c.String("config"))
	if err != nil {
		return err
	}
	names := []string{c.String("for")}
	if names[0] == "all" {
		names = nil
		for _, r := range integrations.Receivers() {
			names = append(names, r.Name)
		}
	}
	for _, name := range names {
		files, err := integrations.Files(name, cfg.site())
		if errors.Is(err, integrations.ErrUnknown) {
			var known []string
			for _, r := range integrations.Receivers() {
				known = append(known, r.Name)
			}
			return usageError{hinted{fmt.Errorf("--for: %w", err), "one of: all, " + strings.Join(known, ", ")}}
		}
		if err != nil {
			return err
		}
		dir := c.String("dir")
		if len(names) > 1 {
			dir = filepath.Join(dir, name)
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("export integrations: %w", err)
		}
		for _, f := range files {
			path := filepath.Join(dir, f.Name)
			if err := os.WriteFile(path, f.Data, f.Mode); err != nil {
				return fmt.Errorf("export integrations: %w", err)
			}
			// A file that was there keeps its mode otherwise.
			if err := os.Chmod(path, f.Mode); err != nil {
				return fmt.Errorf("export integrations: %w", err)
			}
			if _, err := fmt.Fprintln(c.App.Writer, path); err != nil {
				return err
			}
		}
	}
	return nil
}

// site is what the configuration tells the receivers' files.
func (c *config) site() integrations.Site {
	return integrations.Site{MIB: c.mib, Cluster: c.Cluster, Heartbeat: time.Duration(c.Heartbeat.Every),
		Severity: func(e *translate.Entry) translate.Severity {
			n := &translate.Notification{Event: e.Event, Group: e.Group, Severity: e.Severity, State: translate.Stateless}
			if e.Raises != "" {
				n.State = translate.Raise
			} else if len(e.Clears) > 0 {
				n.State = translate.Clear
			}
			return c.policy.OfType(n).Severity
		}}
}
