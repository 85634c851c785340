package syslog

import (
	"testing"

	"github.com/gluster-trapgw/gluster-trapgw/outputs/syslog/syslogtest"
)

func relpConfig(addr string, a *syslogtest.Authority, client string) Config {
	cfg := tlsConfig(addr, a, client)
	cfg.Target = "relp+tls://" + addr
	return cfg
}

// rsyslog with the name of its clients checked.
func TestRsyslogRELPOverTLS(t *testing.T) {
	a := syslogtest.NewAuthority(t)
	r := syslogtest.StartRELP(t, a, "gateway")
	o := newOutput(t, relpConfig(r.RELPTLS, a, "gateway"))
	sendAll(t, o, 0, 300)
	all := r.Wait(func(all []syslogtest.Message) bool { return len(all) >= 300 })
	if len(all) != 300 || len(ids(all)) != 300 {
		t.Errorf("%d messages arrived, %d different ones, want 300", len(all), len(ids(all)))
	}
	o = newOutput(t, relpConfig(r.RELPTLS, a, "somebody"))
	if n, err := o.Send(t.Context(), batch(t, o, 0, 3)); n != 0 || err == nil {
		t.Errorf("Send with a certificate of another name = %d, %v", n, err)
	}
}
