package webhook

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{}
	var der []byte
	der, a.key = a.sign(t, 1, "ca", true)
	var err error
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.pem = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return a
}

func (a *authority) sign(t *testing.T, serial int64, name string, ca bool) ([]byte, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: ca, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	parent, signer := a.cert, a.key
	if ca {
		parent, signer = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	return der, key
}

// issue returns a certificate and its key in PEM form.
func (a *authority) issue(t *testing.T, serial int64) (cert, key []byte) {
	t.Helper()
	der, k := a.sign(t, serial, "gfs1", false)
	kder, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: kder})
}

func write(t *testing.T, file string, text []byte) {
	t.Helper()
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestTLS(t *testing.T) {
	ca := newAuthority(t)
	dir := t.TempDir()
	cfg := DefaultConfig()
	cfg.TLS = TLSConfig{CertFile: filepath.Join(dir, "cert"), KeyFile: filepath.Join(dir, "key"), ClientCAFile: filepath.Join(dir, "ca")}
	write(t, cfg.TLS.ClientCAFile, ca.pem)
	cert, key := ca.issue(t, 10)
	write(t, cfg.TLS.CertFile, cert)
	write(t, cfg.TLS.KeyFile, key)

	var clock atomic.Int64 // seconds
	begin := time.Now()
	s := start(t, cfg, func() time.Time { return begin.Add(time.Duration(clock.Load()) * time.Second) })
	roots := x509.NewCertPool()
	roots.AddCert(ca.cert)
	pair, err := tls.X509KeyPair(ca.issue(t, 20))
	if err != nil {
		t.Fatal(err)
	}
	// post sends an event over a new connection and returns the serial number of the server's certificate.
	post := func(client ...tls.Certificate) (int64, error) {
		c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: client}}}
		resp, err := c.Post("https://"+s.Addr()+"/listen", "", strings.NewReader(goodBody))
		if err != nil {
			return 0, err
		}
		resp.Body.Close()
		if resp.StatusCode != 200 || resp.Proto != "HTTP/1.1" {
			t.Errorf("got %s %s, want 200 by HTTP/1.1", resp.Proto, resp.Status)
		}
		return resp.TLS.PeerCertificates[0].SerialNumber.Int64(), nil
	}
	expect := func(want int64) {
		t.Helper()
		if got, err := post(pair); err != nil || got != want {
			t.Errorf("got certificate %d, %v, want %d", got, err, want)
		}
	}
	expect(10)
	if _, err := post(); err == nil {
		t.Error("a client without a certificate was served")
	}

	// A renewal in two steps: after the first, certificate and key do not fit.
	cert, key = ca.issue(t, 1000)
	write(t, cfg.TLS.CertFile, cert)
	clock.Add(2)
	expect(10)
	clock.Add(2)
	expect(10)
	write(t, cfg.TLS.KeyFile, key)
	clock.Add(2)
	expect(1000)

	// A new CA for clients counts as well.
	write(t, cfg.TLS.ClientCAFile, append(newAuthority(t).pem, '\n'))
	clock.Add(2)
	if _, err := post(pair); err == nil {
		t.Error("a client of the old CA was served")
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	if a, b := strings.Count(s.logs.String(), "changed certificate files cannot be used"), strings.Count(s.logs.String(), "new certificate in use"); a != 1 || b != 2 {
		t.Errorf("%d lines about the failure and %d about new ones, want 1 and 2:\n%s", a, b, s.logs)
	}
	if bytes.Contains(s.logs.Bytes(), []byte("PRIVATE")) {
		t.Error("the log shows the key")
	}
}

func TestTLSMistakes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "x")
	write(t, file, []byte("not PEM"))
	for name, tt := range map[string]struct {
		cfg  TLSConfig
		want string
	}{
		"key only":    {TLSConfig{KeyFile: file}, "tls.cert_file: missing"},
		"not PEM":     {TLSConfig{CertFile: file, KeyFile: file}, "tls.cert_file: read the certificate"},
		"CA only":     {TLSConfig{ClientCAFile: file}, "tls.client_ca_file: " + `"` + file + `" has no certificate`},
		"missing key": {TLSConfig{CertFile: file, KeyFile: file + ".missing"}, "tls.cert_file: read the certificate"},
	} {
		cfg := DefaultConfig()
		cfg.TLS = tt.cfg
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", name, err, tt.want)
		}
	}
}
