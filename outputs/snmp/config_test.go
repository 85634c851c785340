package snmp

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// mistakes returns the lines of Validate's error.
func mistakes(c Config) []string {
	err := c.Validate()
	if err == nil {
		return nil
	}
	return strings.Split(err.Error(), "\n")
}

func withUser(u User) func(*Config) {
	return func(c *Config) { c.Version, c.Community, c.User = "3", "", u }
}

func TestConfigValidate(t *testing.T) {
	t.Parallel()
	good := User{Name: "alice", Auth: "SHA-256", AuthKey: "authpass12345", Priv: "AES", PrivKey: "privpass12345"}
	with := func(change func(*User)) func(*Config) { u := good; change(&u); return withUser(u) }
	for _, c := range []struct {
		name   string
		change func(*Config)
		want   []string // beginnings of the lines
	}{
		{"plain", func(c *Config) {}, nil},
		{"v1 trap", func(c *Config) { c.Version = "1" }, nil},
		{"v2c inform", func(c *Config) { c.Kind = "inform" }, nil},
		{"v3", withUser(good), nil},
		{"v3 without anything", withUser(User{Name: "alice"}), nil},
		{"lax protocol names", with(func(u *User) { u.Auth, u.Priv = "sha1", "aes128" }), nil},
		{"IPv6", func(c *Config) { c.Target = "[2001:db8::1]:162" }, nil},
		{"TCP", func(c *Config) { c.Target = "tcp://nms.example.org:162" }, nil},
		{"no target", func(c *Config) { c.Target = "" }, []string{"target: missing"}},
		{"target without port", func(c *Config) { c.Target = "192.0.2.1" }, []string{`target: "192.0.2.1" is not host:port`}},
		{"target with a named port", func(c *Config) { c.Target = "192.0.2.1:snmptrap" }, []string{`target: port "snmptrap" is not a number`}},
		{"target without host", func(c *Config) { c.Target = ":162" }, []string{`target: ":162" has no usable host`}},
		{"target of another kind", func(c *Config) { c.Target = "http://192.0.2.1:162" }, []string{`target: "http://" is not a transport`}},
		{"unknown version", func(c *Config) { c.Version = "2" }, []string{`version: "2" is not a version`}},
		{"unknown kind", func(c *Config) { c.Kind = "informs" }, []string{`kind: "informs" is not a kind`}},
		{"v1 inform", func(c *Config) { c.Version, c.Kind = "1", "inform" }, []string{"kind: SNMPv1 has no informs"}},
		{"no community", func(c *Config) { c.Community = "" }, []string{"community: missing"}},
		{"long community", func(c *Config) { c.Community = longSecret(128) }, []string{"community: 128 octets are too long"}},
		{"longest community", func(c *Config) { c.Community = longSecret(127) }, nil},
		{"community twice", func(c *Config) { c.CommunityFile = "x" }, []string{"community: given twice"}},
		{"no such file", func(c *Config) { c.Community, c.CommunityFile = "", "/nonexistent" }, []string{"community_file: open /nonexistent"}},
		{"small max_size", func(c *Config) { c.MaxSize = 483 }, []string{"max_size: 483 octets is out of range"}},
		{"large max_size", func(c *Config) { c.MaxSize = 65508 }, []string{"max_size: 65508 octets is out of range"}},
		{"negative rate", func(c *Config) { c.Rate = -1 }, []string{"rate: -1 is negative"}},
		{"no timeout", func(c *Config) { c.Timeout = 0 }, []string{"timeout: "}},
		{"no window", func(c *Config) { c.Window = 0 }, []string{"window: 0 is out of range"}},
		{"bad source", func(c *Config) { c.Source = "eth0" }, []string{`source: "eth0" is not an address`}},
		{"source of another family", func(c *Config) { c.Source = "::1" }, []string{`source: "::1" and the target are not both`}},
		{"user in v2c", func(c *Config) { c.User = good }, []string{"user: SNMPv2c has no users"}},
		{"engine in v2c", func(c *Config) { c.EngineID = "8000000001020304" }, []string{"engine_id: SNMPv2c has no engines"}},
		{"community in v3", func(c *Config) { withUser(good)(c); c.Community = "public" }, []string{"community: SNMPv3 has no community"}},
		{"no user", withUser(User{}), []string{"user.name: missing"}},
		{"long user", with(func(u *User) { u.Name = long(34) }), []string{"user.name: 34 octets are too long"}},
		{"privacy without authentication", with(func(u *User) { u.Auth, u.AuthKey = "", "" }), []string{"user.priv: privacy without authentication"}},
		{"unknown protocols", with(func(u *User) { u.Auth, u.Priv = "SHA-3", "3DES" }), []string{`user.auth: "SHA-3" is not an`, `user.priv: "3DES" is not a`}},
		{"short passphrases", with(func(u *User) { u.AuthKey, u.PrivKey = "1234567", "1234567" }),
			[]string{"user.auth_key: the passphrase has 7 octets", "user.priv_key: the passphrase has 7 octets"}},
		{"missing passphrases", with(func(u *User) { u.AuthKey, u.PrivKey = "", "" }), []string{"user.auth_key: missing", "user.priv_key: missing"}},
		{"passphrase without protocol", with(func(u *User) { u.Priv = "" }), []string{"user.priv: missing"}},
		{"engine ID for informs", func(c *Config) { withUser(good)(c); c.Kind, c.EngineID = "inform", "8000000001020304" }, []string{"engine_id: informs use"}},
		{"engine ID of zeros", func(c *Config) { withUser(good)(c); c.EngineID = "0x000000000000" }, []string{"engine_id: an engine ID of only"}},
		{"short engine ID", func(c *Config) { withUser(good)(c); c.EngineID = "80000000" }, []string{"engine_id: 4 octets is no engine ID"}},
		{"all at once", func(c *Config) { *c = Config{} }, []string{"target", "version", "kind", "max_size", "timeout", "window", "community"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := mistakes(config("192.0.2.1:162", c.change))
			if len(got) != len(c.want) {
				t.Fatalf("got %q, want %q", got, c.want)
			}
			for i, want := range c.want {
				if !strings.HasPrefix(got[i], want) {
					t.Errorf("got %q, want %q", got[i], want)
				}
			}
		})
	}
}

func TestConfigSecretsDoNotPrint(t *testing.T) {
	t.Parallel()
	c := config("192.0.2.1:162", withUser(User{Name: "alice", Auth: "SHA", AuthKey: "authpass12345", Priv: "AES", PrivKey: "short"}))
	out := fmt.Sprintf("%v %+v %#v %s", c, c, c, mistakes(c))
	if strings.Contains(out, "authpass") || strings.Contains(out, `"short"`) {
		t.Errorf("a secret shows in %s", out)
	}
}

func TestTargetSecretsDoNotPrint(t *testing.T) {
	t.Parallel()
	for _, target := range []string{"udp://admin:s3cret@nms:162", "admin:s3cret@nms:162", "admin:s3cret@nms", "s3cret@nms:162", "http://admin:s3cret@nms", "nms:162?token=s3cret"} {
		if got := mistakes(config(target)); len(got) != 1 || strings.Contains(got[0], "s3cret") || !strings.HasPrefix(got[0], "target: only host and port are expected") {
			t.Errorf("%s: got %q", target, got)
		}
	}
}

func TestConfigFromYAML(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "community")
	if err := os.WriteFile(file, []byte("s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var c Config
	if err := yaml.Unmarshal([]byte("{target: '192.0.2.1:162', version: 1, community_file: "+file+", rate: 0, timeout: 2s}"), &c); err != nil {
		t.Fatal(err)
	}
	want := DefaultConfig()
	want.Target, want.Version, want.CommunityFile, want.Rate, want.Timeout = "192.0.2.1:162", "1", file, 0, 2e9
	if c != want {
		t.Errorf("got %+v, want %+v", c, want)
	}
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	if o := newOutput(t, c); o.community != "s3cret" {
		t.Error("the community is not that of the file")
	}
}

func TestConfigWarnings(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		auth, priv string
		want       int
	}{{"SHA-256", "AES", 0}, {"MD5", "DES", 2}, {"SHA", "AES-256-C", 1}, {"", "", 1}, {"SHA-512", "AES-256-C", 0}} {
		cfg := config("192.0.2.1:162", withUser(User{Name: "alice", Auth: c.auth, Priv: c.priv}))
		if got := cfg.Warnings(); len(got) != c.want {
			t.Errorf("%s/%s: got %q, want %d warnings", c.auth, c.priv, got, c.want)
		}
	}
}
