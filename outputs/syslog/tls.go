package syslog

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/conffile"
)

// TLSConfig is how a tls:// collector is trusted and what it is shown. The files are read again at each connection.
type TLSConfig struct {
	CAFile     string `yaml:"ca_file"`     // certificates that may have signed the collector's; empty: those of the system
	CertFile   string `yaml:"cert_file"`   // our own certificate, when the collector asks for one
	KeyFile    string `yaml:"key_file"`    // its private key
	ServerName string `yaml:"server_name"` // name that the collector's certificate must have; empty: the host of the target
}

// load reads the files and reports every mistake.
func (c *TLSConfig) load(host string) (*tls.Config, error) {
	t := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: host} // RFC 5425 section 5 wants the name checked
	if c.ServerName != "" {
		t.ServerName = c.ServerName
	}
	var errs []error
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		t.RootCAs = x509.NewCertPool()
		if err != nil {
			errs = append(errs, conffile.At("ca_file", "%w", err))
		} else if !t.RootCAs.AppendCertsFromPEM(pem) {
			errs = append(errs, conffile.At("ca_file", "%q has no certificate in PEM form", c.CAFile))
		}
	}
	switch {
	case c.CertFile == "" && c.KeyFile != "":
		errs = append(errs, conffile.At("cert_file", "missing: key_file %q is of no use without the certificate", c.KeyFile))
	case c.CertFile != "" && c.KeyFile == "":
		errs = append(errs, conffile.At("key_file", "missing: cert_file %q is of no use without the key", c.CertFile))
	case c.CertFile != "":
		pair, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
		if err != nil {
			errs = append(errs, conffile.At("cert_file", "read the certificate %q with the key %q: %w", c.CertFile, c.KeyFile, err))
		}
		t.Certificates = []tls.Certificate{pair}
	}
	return t, errors.Join(errs...)
}

// settleTime is how long a new TLS connection has to live before it is used. With TLS 1.3 our handshake is over before
// the collector has looked at our certificate, and what is written until its refusal comes would be lost without a word.
const settleTime = 250 * time.Millisecond

// tlsDialer connects with the certificates that the files hold at that moment, so that renewed ones are used without a
// restart. Files that do not fit together, as in the middle of a renewal, leave the former ones in use.
type tlsDialer struct {
	files TLSConfig
	addr  string
	host  string
	log   *slog.Logger

	current *tls.Config
	failing bool
}

func (d *tlsDialer) dial(ctx context.Context) (net.Conn, error) {
	fresh, err := d.files.load(d.host)
	switch {
	case err == nil:
		d.current, d.failing = fresh, false
	case d.current == nil:
		return nil, err
	case !d.failing:
		d.failing = true
		d.log.Error("syslog output keeps its old certificates: the changed files cannot be used", "target", d.addr, "err", err)
	}
	return (&tls.Dialer{Config: d.current}).DialContext(ctx, "tcp", d.addr)
}
