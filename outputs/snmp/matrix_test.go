package snmp

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/conffile"
	"github.com/gluster-trapgw/gluster-trapgw/outputs"
	"github.com/gluster-trapgw/gluster-trapgw/outputs/snmp/snmptest"
)

// engineID is that of the senders of v3 traps in these tests.
const engineID = "0x80001f8880e963000001020304"

// variant is one row of the matrix: version x kind x auth x privacy.
func variants() []Config {
	var all []Config
	add := func(version, kind string, user User) {
		c := config("", func(c *Config) { c.Version, c.Kind, c.User = version, kind, user })
		if version == "3" {
			c.Community = ""
			if kind == "trap" {
				c.EngineID = engineID
			}
		}
		all = append(all, c)
	}
	add("1", "trap", User{})
	for _, kind := range []string{"trap", "inform"} {
		add("2c", kind, User{})
		add("3", kind, User{Name: "nobody" + kind})
		for i, a := range AuthProtocols {
			key := conffile.Secret(fmt.Sprintf("auth pass \"%d\" \\ #x", i))
			add("3", kind, User{Name: fmt.Sprintf("u%d%s", i, kind), Auth: a.Name, AuthKey: key})
			for k, p := range PrivProtocols {
				add("3", kind, User{Name: fmt.Sprintf("u%d%d%s", i, k, kind), Auth: a.Name, AuthKey: key, Priv: p.Name, PrivKey: conffile.Secret(fmt.Sprintf("privpass12345%d", k))})
			}
		}
	}
	return all
}

func rowName(c Config) string {
	return strings.TrimRight(strings.Join([]string{"v" + c.Version, c.Kind, c.User.Auth, c.User.Priv}, " "), " ")
}

// TestSnmptrapdMatrix sends one notification in every variant to one snmptrapd, configured with the lines that
// CreateUserLines prints, and reads every varbind back.
func TestSnmptrapdMatrix(t *testing.T) {
	t.Parallel()
	rows := variants()
	var conf []string
	for i := range rows {
		rows[i].Target = "127.0.0.1:162" // Validate wants one
		if rows[i].v3() {
			lines, err := CreateUserLines(rows[i], engineID)
			if err != nil {
				t.Fatal(err)
			}
			conf = append(conf, lines)
		}
	}
	d := snmptest.Start(t, snmptest.Options{Config: conf})
	engines, err := OpenEngines(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	sent := map[string]Config{}
	for i, c := range rows {
		c.Target = d.Addr
		o, err := New(c, Env{MIB: testMIB(t), Start: time.Now(), Engines: engines})
		if err != nil {
			t.Fatalf("%s: %v", rowName(c), err)
		}
		n := quorumLost(t)
		n.ID = fmt.Sprintf("row-%d", i)
		sent[n.ID] = c
		m := render(t, o, n)
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		if done, err := o.Send(ctx, []outputs.Message{m}); done != 1 || err != nil {
			t.Errorf("%s: %v", rowName(c), err)
			delete(sent, n.ID)
		}
		cancel()
		if err := o.Close(); err != nil {
			t.Error(err)
		}
	}
	got := d.Traps()
	for deadline := time.Now().Add(10 * time.Second); len(got) < len(sent) && time.Now().Before(deadline); {
		got = d.Traps()
	}
	for _, tr := range got {
		id := tr.Value("gtgEvNotificationId.0")
		c, ok := sent[id]
		if !ok {
			t.Errorf("a notification %q that was not sent, or not acknowledged", id)
			continue
		}
		delete(sent, id)
		for i := range tr.Varbinds {
			if tr.Varbinds[i].Value == id {
				tr.Varbinds[i].Value = "01-5f3a"
			}
		}
		t.Run(rowName(c), func(t *testing.T) { checkTrap(t, tr, c.Version) })
	}
	for _, c := range sent {
		t.Errorf("%s: snmptrapd did not log it", rowName(c))
	}
}
