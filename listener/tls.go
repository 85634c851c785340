// Package listener binds the addresses that the gateway is reached at: host:port or unix:/path, with or without TLS. The
// webhook and the admin endpoint are its callers; what is spoken over the connections is theirs.
package listener

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/conffile"
)

// TLS names PEM files; all of them are read again when they change. With a CA for clients, only clients with a
// certificate of that CA can connect.
type TLS struct {
	CertFile     string `yaml:"cert_file"`
	KeyFile      string `yaml:"key_file"`
	ClientCAFile string `yaml:"client_ca_file"`
}

// On reports whether anything is configured.
func (c *TLS) On() bool { return *c != TLS{} }

// Load reads the files and reports every mistake.
func (c *TLS) Load() (*tls.Config, error) {
	// HTTP/1.1 only, which is what glustereventsd speaks; HTTP/2 would have limits of its own to watch.
	t := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}
	var errs []error
	for _, f := range []struct{ key, file string }{{"cert_file", c.CertFile}, {"key_file", c.KeyFile}} {
		if f.file == "" {
			errs = append(errs, conffile.At(f.key, "missing: TLS needs cert_file and key_file"))
		}
	}
	if len(errs) == 0 {
		pair, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
		if err != nil {
			errs = append(errs, conffile.At("cert_file", "read the certificate %q with the key %q: %w", c.CertFile, c.KeyFile, err))
		}
		t.Certificates = []tls.Certificate{pair}
	}
	if c.ClientCAFile != "" {
		pem, err := os.ReadFile(c.ClientCAFile)
		t.ClientCAs, t.ClientAuth = x509.NewCertPool(), tls.RequireAndVerifyClientCert
		if err != nil {
			errs = append(errs, conffile.At("client_ca_file", "%w", err))
		} else if !t.ClientCAs.AppendCertsFromPEM(pem) {
			errs = append(errs, conffile.At("client_ca_file", "%q has no certificate in PEM form", c.ClientCAFile))
		}
	}
	return t, errors.Join(errs...)
}

// Certificates hands out the TLS configuration and reads the files again when they changed. It looks when a client
// connects, at most once a second, so that it needs no goroutine. Files that do not fit together, as in the middle of
// a renewal, leave the old ones in use.
type Certificates struct {
	files TLS
	name  string // for the log
	log   *slog.Logger
	now   func() time.Time

	mu      sync.Mutex // guards what follows
	current *tls.Config
	stamps  [3]stamp
	looked  time.Time
	failing bool
}

// stamp tells one state of a file from another.
type stamp struct {
	modified time.Time
	size     int64
}

// NewCertificates reads the files; name is what the log calls their user.
func NewCertificates(files TLS, name string, log *slog.Logger, now func() time.Time) (*Certificates, error) {
	c := &Certificates{files: files, name: name, log: log, now: now, looked: now(), stamps: files.stamps()}
	var err error
	if c.current, err = files.Load(); err != nil {
		return nil, conffile.In("tls", err)
	}
	return c, nil
}

// stamps of missing files are zero.
func (c *TLS) stamps() (s [3]stamp) {
	for i, file := range []string{c.CertFile, c.KeyFile, c.ClientCAFile} {
		if info, err := os.Stat(file); err == nil {
			s[i] = stamp{info.ModTime(), info.Size()}
		}
	}
	return s
}

// Config is for tls.Config.GetConfigForClient.
func (c *Certificates) Config(*tls.ClientHelloInfo) (*tls.Config, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	if since := now.Sub(c.looked); since >= 0 && since < time.Second {
		return c.current, nil
	}
	c.looked = now
	stamps := c.files.stamps() // before reading: a change in between is seen the next time
	if stamps == c.stamps {
		return c.current, nil
	}
	fresh, err := c.files.Load()
	if err != nil {
		if !c.failing {
			c.log.Error("changed certificate files cannot be used: the old certificate stays", "listener", c.name, "err", err)
		}
		c.failing = true
		return c.current, nil
	}
	c.current, c.stamps, c.failing = fresh, stamps, false
	c.log.Info("new certificate in use", "listener", c.name, "file", c.files.CertFile)
	return c.current, nil
}
