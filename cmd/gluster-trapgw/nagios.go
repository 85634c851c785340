package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/gluster-trapgw/gluster-trapgw/integrations/nagios"
	"github.com/gluster-trapgw/gluster-trapgw/mibs"
)

func nagiosCommand() *cli.Command {
	return &cli.Command{
		Name:  "nagios-result",
		Usage: "turn a trap into passive check results for Nagios or Icinga 2: a traphandle program for snmptrapd",
		Description: "Reads one notification on standard input as snmptrapd hands it over, and submits the state of the service of\n" +
			"its alarm class: as bad as the worst active alarm, OK when the last is over. In snmptrapd.conf:\n" +
			"  traphandle default /usr/bin/gluster-trapgw nagios-result --command-file /var/lib/nagios4/rw/nagios.cmd\n" +
			"Traps of other senders are left alone. With --key and the others it takes them from its flags, for SNMPTT.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "command-file", Usage: "submit to the command pipe `FILE` of Nagios or Icinga 2 (default: print)"},
			&cli.StringFlag{Name: "state", Value: "/var/lib/snmp/gluster-trapgw-nagios.json", Usage: "keep the active alarms in `FILE`"},
			&cli.StringFlag{Name: "host", Usage: "`NAME` of the host in Nagios (default: gluster-CLUSTER, by the trap)"},
			&cli.StringFlag{Name: "root", Usage: "the `OID` root of the site (default: the built-in one)"},
			&cli.StringFlag{Name: "event", Usage: "no standard input: the `NAME` of the event"},
			&cli.StringFlag{Name: "alarm-state", Usage: "no standard input: raise, clear, update or stateless, or its `NUMBER`"},
			&cli.StringFlag{Name: "severity", Usage: "no standard input: critical, major, ..., or its `NUMBER`"},
			&cli.StringFlag{Name: "key", Usage: "no standard input: the `KEY` of the alarm"},
		},
		Before: noArgs,
		Action: nagiosResult,
	}
}

func nagiosResult(c *cli.Context) error {
	mib, err := mibs.Load(c.String("root"))
	if err != nil {
		return usageError{err}
	}
	var trap *nagios.Trap
	if c.IsSet("event") {
		trap, err = trapOfFlags(c, mib)
	} else {
		trap, err = nagios.ReadTrap(c.App.Reader, mib)
	}
	if errors.Is(err, nagios.ErrForeign) {
		return nil // snmptrapd hears more than ours
	}
	if err != nil {
		return err
	}
	host := c.String("host")
	if host == "" {
		host = nagios.HostName(trap.Cluster)
	}
	if strings.ContainsAny(host, ";\n\r") {
		return usagef("--host: %q is not the name of a host", host)
	}
	file := c.String("state")
	unlock, err := nagios.Lock(file)
	if err != nil {
		return hinted{err, "--state names a file in a directory that snmptrapd's user may write"}
	}
	defer unlock()
	state, err := nagios.Load(file)
	if err != nil {
		return err
	}
	now := time.Now()
	results := state.Apply(trap, host, now)
	// Saved first: what could not be submitted is in the next result of its class.
	if err := state.Save(file); err != nil {
		return err
	}
	if pipe := c.String("command-file"); pipe != "" {
		return nagios.Submit(pipe, results, now)
	}
	return nagios.Write(c.App.Writer, results, now)
}

// trapOfFlags is the notification that SNMPTT has taken apart already.
func trapOfFlags(c *cli.Context, mib *mibs.MIB) (*nagios.Trap, error) {
	t := &nagios.Trap{Event: c.String("event"), Name: c.String("event"), Key: c.String("key"), Text: c.String("key")}
	for _, f := range []struct {
		flag, object string
		to           *string
	}{{"alarm-state", "gtgEvAlarmState", &t.State}, {"severity", "gtgEvSeverity", &t.Severity}} {
		name, err := nagios.Label(mib, f.object, c.String(f.flag))
		if err != nil {
			return nil, usageError{fmt.Errorf("--%s: %w", f.flag, err)}
		}
		*f.to = name
	}
	if t.State == "clear" {
		t.Text = "over: " + t.Key
	}
	return t, nil
}
