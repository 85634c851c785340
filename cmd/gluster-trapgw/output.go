package main

import (
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/mibs"
	"github.com/gluster-trapgw/gluster-trapgw/outputs"
	"github.com/gluster-trapgw/gluster-trapgw/outputs/snmp"
	"github.com/gluster-trapgw/gluster-trapgw/outputs/syslog"
)

// outputEnv is what the outputs need beside their configuration.
type outputEnv struct {
	snmp   snmp.Env
	syslog syslog.Env
}

// newOutputEnv takes the keeper of the SNMP engine, which serve opens and the other commands join; nil will do where no
// v3 trap is sent.
func newOutputEnv(cfg *config, engines *snmp.Engines, log *slog.Logger) outputEnv {
	return outputEnv{
		snmp:   snmp.Env{MIB: cfg.mib, Start: time.Now(), Engines: engines, Log: log},
		syslog: syslog.Env{Root: cfg.mib.Root(), Version: version(), Log: log},
	}
}

// newOutput makes an output of its kind: every kind there is has its line here. It connects to nothing yet. The rate
// is in notifications per second; 0 is no limit.
func newOutput(o *outputConfig, env outputEnv) (out outputs.Output, rate float64, err error) {
	if o.SNMP != nil {
		out, err = snmp.New(*o.SNMP, env.snmp)
		return out, float64(o.SNMP.Rate), err
	}
	out, err = syslog.New(*o.Syslog, env.syslog)
	return out, o.Syslog.Rate, err
}

// destination is where an output sends to, for people.
func (o *outputConfig) destination() string {
	if o.SNMP != nil {
		return "snmp " + o.SNMP.Target
	}
	return "syslog " + o.Syslog.Destination()
}

// needsEngine reports whether any output sends v3 traps, for which the gateway's own SNMP engine is authoritative.
func (c *config) needsEngine() bool {
	for i := range c.Outputs {
		if s := c.Outputs[i].SNMP; s != nil && s.OwnEngine() {
			return true
		}
	}
	return false
}

// joinEngines is for commands that may run beside serve. Without an output that needs one there is no engine.
func (c *config) joinEngines(log *slog.Logger) (*snmp.Engines, error) {
	if !c.needsEngine() {
		return nil, nil
	}
	// The engine ID must be known to receivers before serve has run for the first time. A directory that root makes here
	// becomes the service's at its start: systemd hands over StateDirectory= with all that is in it.
	if err := os.MkdirAll(c.StateDir, 0o750); err != nil {
		return nil, fmt.Errorf("make state directory: %w", err)
	}
	return snmp.JoinEngines(c.StateDir, log)
}

// warnings are what is allowed and still not wise, each with the path of its key.
func (c *config) warnings() []string {
	var all []string
	for _, w := range c.Webhook.Warnings() {
		all = append(all, "webhook."+w)
	}
	for i := range c.Outputs {
		if s := c.Outputs[i].SNMP; s != nil {
			for _, w := range s.Warnings() {
				all = append(all, fmt.Sprintf("outputs[%d].snmp: %s", i, w))
			}
		}
	}
	for _, w := range c.Admin.Warnings() {
		all = append(all, "admin."+w)
	}
	if len(c.Outputs) > 0 {
		for _, w := range mibs.RootWarnings(c.MIB.OIDRoot) {
			all = append(all, "mib.oid_root: "+w)
		}
	}
	return all
}
