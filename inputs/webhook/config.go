package webhook

import (
	"errors"
	"net"
	"strconv"
	"strings"

	"github.com/gluster-trapgw/gluster-trapgw/conffile"
)

// Config is the webhook part of the configuration.
type Config struct {
	Listen     string          `yaml:"listen"` // host:port
	Path       string          `yaml:"path"`
	Token      conffile.Secret `yaml:"token"`
	TokenFile  string          `yaml:"token_file"`
	Secret     conffile.Secret `yaml:"secret"`
	SecretFile string          `yaml:"secret_file"`
	MaxBody    conffile.Size   `yaml:"max_body"`
}

// DefaultConfig listens on loopback, at the port and path of gluster's own example receiver.
func DefaultConfig() Config {
	return Config{Listen: "127.0.0.1:9000", Path: "/listen", MaxBody: 64 << 10}
}

// largestBody bounds max_body: a body is held in memory until it is on disk.
const largestBody = 16 << 20

// Validate reports every mistake, unreadable secrets included.
func (c *Config) Validate() error {
	var errs []error
	host, port, err := net.SplitHostPort(c.Listen)
	if err != nil {
		errs = append(errs, conffile.At("listen", "%q is not host:port, like 127.0.0.1:9000 or [::]:9000", c.Listen))
	} else if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		errs = append(errs, conffile.At("listen", "%q has no port from 0 to 65535", c.Listen))
	} else if strings.ContainsAny(host, " /") {
		errs = append(errs, conffile.At("listen", "%q is not a host", host))
	}
	if !strings.HasPrefix(c.Path, "/") || strings.ContainsAny(c.Path, "?# ") {
		errs = append(errs, conffile.At("path", "%q is not a path: it begins with / and has no query", c.Path))
	}
	if c.MaxBody < 1024 || c.MaxBody > largestBody {
		errs = append(errs, conffile.At("max_body", "%s is out of range: 1KiB to 16MiB", c.MaxBody))
	}
	if _, err := pick("token", c.Token, c.TokenFile); err != nil {
		errs = append(errs, err)
	}
	if _, err := pick("secret", c.Secret, c.SecretFile); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

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
