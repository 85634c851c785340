package webhook

import (
	"errors"
	"net/netip"
	"strconv"
	"strings"

	"github.com/gluster-trapgw/gluster-trapgw/conffile"
	"github.com/gluster-trapgw/gluster-trapgw/listener"
)

// Config is the webhook part of the configuration.
type Config struct {
	Listen     string          `yaml:"listen"` // host:port or unix:/path
	Path       string          `yaml:"path"`
	Token      conffile.Secret `yaml:"token"`
	TokenFile  string          `yaml:"token_file"`
	Secret     conffile.Secret `yaml:"secret"`
	SecretFile string          `yaml:"secret_file"`
	TLS        TLSConfig       `yaml:"tls"`
	AllowFrom  []netip.Prefix  `yaml:"allow_from"` // empty allows all
	MaxBody    conffile.Size   `yaml:"max_body"`
}

// TLSConfig names the certificate files.
type TLSConfig = listener.TLS

// DefaultConfig listens on loopback, at the port and path of gluster's own example receiver.
func DefaultConfig() Config {
	return Config{Listen: "127.0.0.1:9000", Path: "/listen", MaxBody: 64 << 10}
}

// largestBody bounds max_body: a body is held in memory until it is on disk.
const largestBody = 16 << 20

// Validate reports every mistake, unreadable secrets and certificates included.
func (c *Config) Validate() error {
	var errs []error
	add := func(path, format string, args ...any) { errs = append(errs, conffile.At(path, format, args...)) }
	if err := listener.Check(c.Listen, "127.0.0.1:9000 or [::]:9000"); err != nil {
		add("listen", "%w", err)
	}
	if !strings.HasPrefix(c.Path, "/") || strings.ContainsAny(c.Path, "?#% ") {
		add("path", "%q is not a path: it begins with / and has no query, no %% and no space", c.Path)
	}
	if c.MaxBody < 1024 || c.MaxBody > largestBody {
		add("max_body", "%s is out of range: 1KiB to 16MiB", c.MaxBody)
	}
	for _, secret := range []func() (conffile.Secret, error){c.token, c.secret} {
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

func (c *Config) token() (conffile.Secret, error) {
	return conffile.PickSecret("token", c.Token, c.TokenFile)
}
func (c *Config) secret() (conffile.Secret, error) {
	return conffile.PickSecret("secret", c.Secret, c.SecretFile)
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
