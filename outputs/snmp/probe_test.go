package snmp

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/conffile"
	"github.com/gluster-trapgw/gluster-trapgw/outputs/snmp/snmptest"
)

// A receiver may listen on one of the addresses of its name only, or on none.
func TestProbeTriesTheAddressesOfTheName(t *testing.T) {
	t.Parallel()
	d := startV3(t, "")
	_, port, _ := net.SplitHostPort(d.Addr)
	_, closed, _ := net.SplitHostPort(snmptest.FreeAddr(t, "udp"))
	for _, c := range []struct {
		name string
		cfg  Config
		want string // the steps, with ! after those that failed
	}{
		{"trap", config("receiver.test:" + port), "name route engine encode refusal! route engine encode send refusal"},
		{"inform", informer("receiver.test:" + port), "name route engine encode acknowledgement! route engine encode acknowledgement"},
		{"v3 inform", informer("receiver.test:"+port, withUser(alice)), "name route engine! route engine encode acknowledgement"},
		{"nobody", config("receiver.test:" + closed), "name route engine encode refusal! route engine encode refusal!"},
		{"rejected", informer("receiver.test:"+port, withUser(User{Name: "bob"})), "name route engine! route engine encode acknowledgement!"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := newOutput(t, c.cfg)
			o.link.udp.Lookup = twoAddresses
			var got []string
			steps := o.Probe(t.Context(), quorumLost(t))
			for _, s := range steps {
				if s.Err != nil {
					s.Name += "!"
				}
				got = append(got, s.Name)
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("got %s, want %s: %+v", got, c.want, steps)
			}
		})
	}
}

func TestProbe(t *testing.T) {
	t.Parallel()
	d := startV3(t, "")
	closed := snmptest.FreeAddr(t, "udp")
	short := func(c *Config) { c.Timeout = conffile.Duration(200 * time.Millisecond) }
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { silent.Close() })
	as := func(change func(*User)) func(*Config) { u := alice; change(&u); return withUser(u) }
	for _, c := range []struct {
		name string
		cfg  Config
		last string // step
		want string // in its detail
		ok   bool
	}{
		{"trap", config(d.Addr), "refusal", "not acknowledged", true},
		{"v3 trap", config(d.Addr, withUser(alice), func(c *Config) { c.EngineID = engineID }), "refusal", "not acknowledged", true},
		{"inform", informer(d.Addr), "acknowledgement", "has acknowledged", true},
		{"v3 inform", informer(d.Addr, withUser(alice)), "acknowledgement", "has acknowledged", true},
		{"unknown name", config("no-such-host.invalid:162"), "name", "name servers", false},
		{"foreign source", config(d.Addr, func(c *Config) { c.Source = "192.0.2.1" }), "route", "source", false},
		{"refused trap", config(closed), "refusal", "nothing listens", false},
		{"refused inform", informer(closed), "acknowledgement", "nothing listens", false},
		{"refused v3 inform", informer(closed, withUser(alice)), "engine", "nothing listens", false},
		{"silent receiver", informer(silent.LocalAddr().String(), short), "acknowledgement", "firewall", false},
		{"silent v3 receiver", informer(silent.LocalAddr().String(), withUser(alice), short), "engine", "firewall", false},
		{"wrong community", informer(d.Addr, short, func(c *Config) { c.Community = "wrong" }), "acknowledgement", "community", false},
		{"unknown user", informer(d.Addr, as(func(u *User) { u.Name = "bob" })), "acknowledgement", "compare its user", false},
		{"wrong passphrase", informer(d.Addr, as(func(u *User) { u.AuthKey = "wrongwrong" })), "acknowledgement", "compare its user", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := newOutput(t, c.cfg)
			steps := o.Probe(context.Background(), quorumLost(t))
			last := steps[len(steps)-1]
			if last.Name != c.last || (last.Err == nil) != c.ok || !strings.Contains(last.Detail, c.want) {
				t.Errorf("got %+v", steps)
			}
			if !c.ok && strings.Count(last.Err.Error(), "send to ") > 1 {
				t.Errorf("it is said twice: %v", last.Err)
			}
			for _, s := range steps[:len(steps)-1] {
				if s.Err != nil {
					t.Errorf("went on after %+v", s)
				}
			}
		})
	}
}
