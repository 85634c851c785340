package webhook

import (
	"errors"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/gluster-trapgw/gluster-trapgw/conffile"
	"github.com/gluster-trapgw/gluster-trapgw/listener"
)

// Config is the webhook part of the configuration.
type Config struct {
	Listen     conffile.Texts  `yaml:"listen"` // each host:port or unix:/path
	Path       string          `yaml:"path"`
	Token      conffile.Secret `yaml:"token"`
	TokenFile  string          `yaml:"token_file"`
	Secret     conffile.Secret `yaml:"secret"`
	SecretFile string          `yaml:"secret_file"`
	TLS        TLSConfig       `yaml:"tls"`
	AllowFrom  []netip.Prefix  `yaml:"allow_from"` // empty allows all
	MaxBody    conffile.Size   `yaml:"max_body"`
	MaxRate    float64         `yaml:"max_rate"` // events per second of one address, with as many at once; 0 is no limit
}

// TLSConfig names the certificate files.
type TLSConfig = listener.TLS

// DefaultConfig listens on loopback, at the port and path of gluster's own example receiver.
func DefaultConfig() Config {
	return Config{Listen: conffile.Texts{"127.0.0.1:9000"}, Path: "/listen", MaxBody: 64 << 10}
}

// largestBody bounds max_body: a body is held in memory until it is on disk.
const largestBody = 16 << 20

// Validate reports every mistake, unreadable secrets and certificates included.
func (c *Config) Validate() error {
	var errs []error
	add := func(key, format string, args ...any) { errs = append(errs, conffile.At(key, format, args...)) }
	if len(c.Listen) == 0 {
		add("listen", "empty, expected an address like 127.0.0.1:9000")
	}
	for i, addr := range c.Listen {
		key := "listen"
		if len(c.Listen) > 1 {
			key += "[" + strconv.Itoa(i) + "]"
		}
		if err := listener.Check(addr, "127.0.0.1:9000 or [::]:9000"); err != nil {
			add(key, "%w", err)
		} else if slices.Contains(c.Listen[:i], addr) {
			add(key, "%q is there twice", addr)
		}
	}
	if c.MaxRate < 0 || c.MaxRate > 0 && c.MaxRate < 1 || c.MaxRate > 1e6 {
		add("max_rate", "%v is out of range: 1 to 1000000 events per second, or 0 for no limit", c.MaxRate)
	}
	if !strings.HasPrefix(c.Path, "/") || strings.ContainsAny(c.Path, "?#% ") {
		add("path", "%q is not a path: it begins with / and has no query, no %% and no space", c.Path)
	} else if clean := path.Clean(c.Path); clean != c.Path && clean+"/" != c.Path {
		add("path", "%q is read as %q: write it like that, also in webhook-add", c.Path, clean)
	}
	if c.MaxBody < 1024 || c.MaxBody > largestBody {
		add("max_body", "%s is out of range: 1KiB to 16MiB", c.MaxBody)
	}
	for _, secret := range []func() ([]conffile.Secret, error){c.tokens, c.secrets} {
		if _, err := secret(); err != nil {
			errs = append(errs, err)
		}
	}
	if c.TLS.On() {
		if _, err := c.TLS.Load(); err != nil {
			errs = append(errs, conffile.In("tls", err))
		}
	}
	for i, p := range c.AllowFrom {
		if !p.IsValid() { // an empty item of the list
			add("allow_from["+strconv.Itoa(i)+"]", "missing, expected a network like 192.0.2.0/24 or 2001:db8::/32")
		}
	}
	return errors.Join(errs...)
}

// Warnings are what is allowed and still not wise.
func (c *Config) Warnings() []string {
	beyond := slices.IndexFunc(c.Listen, func(addr string) bool { return !listener.Local(addr) })
	if beyond < 0 {
		return nil
	}
	guarded := c.Token != "" || c.TokenFile != "" || c.Secret != "" || c.SecretFile != ""
	if !guarded && c.TLS.ClientCAFile == "" && len(c.AllowFrom) == 0 {
		return []string{"listen: everybody who reaches " + c.Listen[beyond] + " can make up events: set token_file, tls.client_ca_file or allow_from"}
	}
	if guarded && !c.TLS.On() {
		return []string{"tls: the token crosses the network in the clear: set tls.cert_file and tls.key_file"}
	}
	return nil
}

func (c *Config) tokens() ([]conffile.Secret, error) {
	return conffile.PickSecrets("token", c.Token, c.TokenFile)
}

func (c *Config) secrets() ([]conffile.Secret, error) {
	return conffile.PickSecrets("secret", c.Secret, c.SecretFile)
}

// allows reports whether a sender may talk to us. A unix socket has no addresses: its file mode decides.
func (c *Config) allows(remote string) bool {
	if len(c.AllowFrom) == 0 || remote == "" {
		return true
	}
	addr, err := netip.ParseAddr(remote)
	if err != nil {
		return false
	}
	addr = addr.Unmap()
	for _, p := range c.AllowFrom {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}
