package webhook

import (
	"errors"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/gluster-trapgw/gluster-trapgw/conffile"
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

// TLSConfig names PEM files; all of them are read again when they change. With a CA for clients, only clients with a
// certificate of that CA can connect.
type TLSConfig struct {
	CertFile     string `yaml:"cert_file"`
	KeyFile      string `yaml:"key_file"`
	ClientCAFile string `yaml:"client_ca_file"`
}

func (c *TLSConfig) on() bool { return *c != TLSConfig{} }

// DefaultConfig listens on loopback, at the port and path of gluster's own example receiver.
func DefaultConfig() Config {
	return Config{Listen: "127.0.0.1:9000", Path: "/listen", MaxBody: 64 << 10}
}

// largestBody bounds max_body: a body is held in memory until it is on disk.
const largestBody = 16 << 20

// longestSocket is what the kernel takes as the path of a unix socket.
const longestSocket = 107

// Validate reports every mistake, unreadable secrets and certificates included.
func (c *Config) Validate() error {
	var errs []error
	add := func(path, format string, args ...any) { errs = append(errs, conffile.At(path, format, args...)) }
	if file, ok := strings.CutPrefix(c.Listen, "unix:"); ok {
		if !strings.HasPrefix(file, "/") || len(file) > longestSocket {
			add("listen", "%q is not an absolute path of up to %d octets, like unix:/run/gluster-trapgw.sock", c.Listen, longestSocket)
		}
	} else if host, port, err := net.SplitHostPort(c.Listen); err != nil {
		add("listen", "%q is not host:port or unix:/path, like 127.0.0.1:9000 or [::]:9000", c.Listen)
	} else if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		add("listen", "%q has no port from 0 to 65535", c.Listen)
	} else if strings.ContainsAny(host, " /") {
		add("listen", "%q is not a host", host)
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
	if c.TLS.on() {
		if _, err := c.TLS.load(); err != nil {
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

func (c *Config) token() (conffile.Secret, error)  { return pick("token", c.Token, c.TokenFile) }
func (c *Config) secret() (conffile.Secret, error) { return pick("secret", c.Secret, c.SecretFile) }

// pick returns a secret that is written inline or in a file.
func pick(key string, inline conffile.Secret, file string) (conffile.Secret, error) {
	switch {
	case inline != "" && file != "":
		return "", conffile.At(key, "both %s and %s_file are set: use one", key, key)
	case file == "":
		return inline, nil
	}
	s, err := conffile.ReadSecret(file)
	if err != nil {
		return "", conffile.At(key+"_file", "%w", err)
	}
	return s, nil
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
