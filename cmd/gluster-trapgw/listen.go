package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/gluster-trapgw/gluster-trapgw/outputs/snmp"
	"github.com/gluster-trapgw/gluster-trapgw/outputs/syslog"
)

func listenCommand() *cli.Command {
	return &cli.Command{
		Name:  "listen",
		Usage: "receive traps and syslog messages and print them: a receiver for trying things",
		Description: "Runs until it is interrupted. An empty address turns a receiver off. Example:\n" +
			"  gluster-trapgw listen --snmp 127.0.0.1:9162 --syslog-tcp 127.0.0.1:9601",
		Flags: []cli.Flag{configFlag,
			&cli.StringFlag{Name: "snmp", Value: "127.0.0.1:9162", Usage: "`ADDR` for SNMP traps and informs over UDP"},
			&cli.StringFlag{Name: "syslog-udp", Value: "127.0.0.1:9514", Usage: "`ADDR` for syslog over UDP"},
			&cli.StringFlag{Name: "syslog-tcp", Value: "127.0.0.1:9601", Usage: "`ADDR` for syslog over TCP, octet-counted or by line"}},
		Before: noArgs,
		Action: listen,
	}
}

func listen(c *cli.Context) error {
	for _, f := range []struct{ name, network string }{{"snmp", "udp"}, {"syslog-udp", "udp"}, {"syslog-tcp", "tcp"}} {
		if a := c.String(f.name); a != "" {
			_, port, err := net.SplitHostPort(a)
			if err != nil {
				return usagef("--%s: %q is not host:port", f.name, a)
			}
			if _, err := net.DefaultResolver.LookupPort(c.Context, f.network, port); err != nil {
				return usagef("--%s: %q has no port from 0 to 65535", f.name, a)
			}
		}
	}
	cfg, err := loadConfig(c.String("config"))
	if err != nil {
		return err
	}
	r, err := newReceivers(cfg, c.String("snmp"), c.String("syslog-udp"), c.String("syslog-tcp"))
	if err != nil {
		return err
	}
	w := c.App.Writer
	r.trap = func(t *snmp.Received, err error) {
		if err != nil {
			fmt.Fprintf(w, "%s  not understood: %v\n", time.Now().Format(time.TimeOnly), err)
			return
		}
		fmt.Fprintf(w, "%s  ", time.Now().Format(time.TimeOnly))
		printTrap(w, t)
	}
	r.line = func(m syslog.Received) {
		fmt.Fprintf(w, "%s  ", time.Now().Format(time.TimeOnly))
		printLine(w, m)
	}
	fmt.Fprintf(c.App.ErrWriter, "listening: SNMP %s, syslog UDP %s, TCP %s\n", dash(r.snmpAddr()), dash(r.lines.UDPAddr()), dash(r.lines.TCPAddr()))
	return r.Run(c.Context)
}

func printTrap(w io.Writer, t *snmp.Received) {
	fmt.Fprintf(w, "SNMPv%s %s from %s, %d octets: %s\n", t.Version, t.Kind, t.From, t.Size, t.Name)
	printVarbinds(w, t.Varbinds)
}

func printLine(w io.Writer, m syslog.Received) {
	fmt.Fprintf(w, "syslog from %s, %d octets", m.From, len(m.Raw))
	if m.Err != nil {
		fmt.Fprintf(w, " (%v)", m.Err)
	}
	fmt.Fprintf(w, "\n  %q\n", m.Raw)
}

// receivers are the built-in receivers of listen and demo. The callbacks are called one at a time.
type receivers struct {
	traps *snmp.Listener
	lines *syslog.Listener
	mu    sync.Mutex // one callback at a time
	trap  func(*snmp.Received, error)
	line  func(syslog.Received)
}

// newReceivers binds the addresses; an empty one is left out.
func newReceivers(cfg *config, snmpAddr, udp, tcp string) (*receivers, error) {
	r := &receivers{}
	var err error
	if snmpAddr != "" {
		if r.traps, err = snmp.Listen(snmpAddr, cfg.mib); err != nil {
			return nil, err
		}
	}
	r.lines, err = syslog.Listen(udp, tcp)
	return r, err
}

func (r *receivers) snmpAddr() string {
	if r.traps == nil {
		return ""
	}
	return r.traps.Addr()
}

// Run receives until ctx ends.
func (r *receivers) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	var trapErr, lineErr error
	if r.traps != nil {
		wg.Go(func() {
			trapErr = r.traps.Run(ctx, func(t *snmp.Received, err error) {
				r.mu.Lock()
				defer r.mu.Unlock()
				r.trap(t, err)
			})
		})
	}
	wg.Go(func() {
		lineErr = r.lines.Run(ctx, func(m syslog.Received) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.line(m)
		})
	})
	wg.Wait()
	return errors.Join(trapErr, lineErr)
}
