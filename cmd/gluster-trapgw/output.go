package main

import (
	"log/slog"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/outputs"
	"github.com/gluster-trapgw/gluster-trapgw/outputs/snmp"
	"github.com/gluster-trapgw/gluster-trapgw/outputs/syslog"
)

// outputEnv is what the outputs need beside their configuration.
type outputEnv struct {
	snmp   snmp.Env
	syslog syslog.Env
}

func newOutputEnv(cfg *config, log *slog.Logger) outputEnv {
	return outputEnv{
		snmp:   snmp.Env{MIB: cfg.mib, Start: time.Now(), Log: log},
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
	return "syslog " + o.Syslog.Target
}
