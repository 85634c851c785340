package admin

import (
	"errors"

	"github.com/gluster-trapgw/gluster-trapgw/conffile"
	"github.com/gluster-trapgw/gluster-trapgw/listener"
)

// Config is the admin part of the configuration.
type Config struct {
	Listen    string          `yaml:"listen"` // host:port or unix:/path; empty turns the endpoint off
	Token     conffile.Secret `yaml:"token"`
	TokenFile string          `yaml:"token_file"`
	TLS       listener.TLS    `yaml:"tls"`
}

// DefaultConfig listens on loopback, beside the webhook.
func DefaultConfig() Config { return Config{Listen: "127.0.0.1:9001"} }

// On reports whether the endpoint is wanted.
func (c *Config) On() bool { return c.Listen != "" }

// Validate reports every mistake. Beyond loopback nobody gets in without a token or a certificate.
func (c *Config) Validate() error {
	if !c.On() {
		return nil
	}
	var errs []error
	if err := listener.Check(c.Listen, "127.0.0.1:9001 or [::1]:9001"); err != nil {
		errs = append(errs, conffile.At("listen", "%w", err))
	} else if !c.local() && c.Token == "" && c.TokenFile == "" && c.TLS.ClientCAFile == "" {
		errs = append(errs, conffile.At("listen", "%q is beyond loopback: set token_file or tls.client_ca_file, or listen on 127.0.0.1:9001", c.Listen))
	}
	if _, err := c.token(); err != nil {
		errs = append(errs, err)
	}
	if c.TLS.On() {
		if _, err := c.TLS.Load(); err != nil {
			errs = append(errs, conffile.In("tls", err))
		}
	}
	return errors.Join(errs...)
}

// Warnings are what is allowed and still not wise.
func (c *Config) Warnings() []string {
	if c.On() && !c.local() && !c.TLS.On() {
		return []string{"tls: the token crosses the network in the clear: set tls.cert_file and tls.key_file"}
	}
	return nil
}

func (c *Config) token() (conffile.Secret, error) {
	return conffile.PickSecret("token", c.Token, c.TokenFile)
}

// local reports whether only this machine can reach the address.
func (c *Config) local() bool { return listener.Local(c.Listen) }
