package syslog

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/outputs/syslog/syslogtest"
)

// tlsPeer listens with TLS 1.3 and asks for a client certificate of the authority.
func tlsPeer(t testing.TB, a *syslogtest.Authority) *peer {
	t.Helper()
	certFile, keyFile := a.Issue("localhost")
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	pem, err := os.ReadFile(a.CA)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	p := newPeer(t, "tcp", "127.0.0.1:0")
	p.ln = tls.NewListener(p.ln, &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: pool,
		ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS13})
	return p
}

func tlsConfig(addr string, a *syslogtest.Authority, client string) Config {
	cfg := config("tls://" + addr)
	cfg.TLS.CAFile = a.CA
	if client != "" {
		cfg.TLS.CertFile, cfg.TLS.KeyFile = a.Issue(client)
	}
	return cfg
}

func TestTLS(t *testing.T) {
	a := syslogtest.NewAuthority(t)
	p := tlsPeer(t, a)
	o := newOutput(t, tlsConfig(p.ln.Addr().String(), a, "gateway"))
	done := make(chan []string)
	go func() { done <- p.read(p.accept(), 300) }()
	mustSend(t, o, batch(t, o, 0, 300))
	if got := <-done; !slices.Equal(got, wantIDs(0, 300)) {
		t.Errorf("got %v", got)
	}
}

// A refusal of our certificate comes after our side of a TLS 1.3 handshake is over; no message may count as sent.
func TestTLSCollectorRefusesUs(t *testing.T) {
	a, stranger := syslogtest.NewAuthority(t), syslogtest.NewAuthority(t)
	p := tlsPeer(t, a)
	go drain(p.ln)
	for name, cfg := range map[string]Config{
		"no certificate": tlsConfig(p.ln.Addr().String(), a, ""),
		"of another authority": func() Config {
			c := tlsConfig(p.ln.Addr().String(), stranger, "gateway")
			c.TLS.CAFile = a.CA
			return c
		}(),
		"unknown authority": tlsConfig(p.ln.Addr().String(), stranger, ""),
		"name is not the peer's": func() Config {
			c := tlsConfig(p.ln.Addr().String(), a, "gateway")
			c.TLS.ServerName = "other.example"
			return c
		}(),
	} {
		o := newOutput(t, cfg)
		if n, err := o.Send(t.Context(), batch(t, o, 0, 3)); n != 0 || err == nil || !strings.Contains(err.Error(), "tls: ") {
			t.Errorf("%s: Send = %d, %v, want an error of TLS", name, n, err)
		}
	}
}

// Renewed files are used for the next connection, and files that are half written leave the former ones in use.
func TestTLSFilesAreReadAgain(t *testing.T) {
	a := syslogtest.NewAuthority(t)
	p := tlsPeer(t, a)
	cfg := tlsConfig(p.ln.Addr().String(), a, "gateway")
	o := newQuietOutput(t, cfg)
	serial := func(first int) string {
		t.Helper()
		seen := make(chan string)
		go func() {
			c := p.accept().(*tls.Conn)
			p.read(c, 1)
			seen <- c.ConnectionState().PeerCertificates[0].SerialNumber.String()
			c.Close() //nolint:errcheck // so that the next message needs a new connection
		}()
		mustSend(t, o, batch(t, o, first, 1))
		s := <-seen
		waitGone(t, o)
		return s
	}
	before := serial(0)
	a.Issue("gateway")
	renewed := serial(1)
	if err := os.WriteFile(cfg.TLS.CertFile, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if broken := serial(2); renewed == before || broken != renewed {
		t.Errorf("certificates %s, renewed %s, then broken files and %s", before, renewed, broken)
	}
}

func TestTLSMistakes(t *testing.T) {
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for want, c := range map[string]TLSConfig{
		"tls.ca_file: open ":     {CAFile: filepath.Join(dir, "none")},
		"tls.ca_file: ":          {CAFile: empty},
		"tls.cert_file: missing": {KeyFile: empty},
		"tls.key_file: missing":  {CertFile: empty},
		"tls.cert_file: read":    {CertFile: empty, KeyFile: empty},
	} {
		cfg := config("tls://127.0.0.1:6514")
		cfg.TLS = c
		if err := cfg.Validate(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%+v: got %v, want %s", c, err, want)
		}
	}
	cfg := config("tcp://127.0.0.1:601")
	cfg.TLS.CAFile = empty
	if err := cfg.Validate(); err == nil || !strings.HasPrefix(err.Error(), "tls: ") {
		t.Errorf("tls with a plain target: %v", err)
	}
}

// rsyslog with the name of its clients checked, restarted between batches.
func TestRsyslogTLS(t *testing.T) {
	if _, err := os.Stat("/usr/lib/x86_64-linux-gnu/rsyslog/lmnsd_gtls.so"); err != nil && os.Getenv("TRAPGW_PEERS") != "1" {
		t.Skip("rsyslog-gnutls is not installed")
	}
	a := syslogtest.NewAuthority(t)
	r := syslogtest.StartTLS(t, a, "gateway")
	o := newOutput(t, tlsConfig(r.TLS, a, "gateway"))
	sendAll(t, o, 0, 600)
	r.Stop()
	r.Restart()
	sendAll(t, o, 600, 600)
	got := ids(r.Wait(func(all []syslogtest.Message) bool { return len(ids(all)) >= 1200 }))
	repeated := 0
	for _, n := range got {
		repeated += n - 1
	}
	t.Logf("%d messages arrived, %d of them twice", len(got), repeated)

	o = newOutput(t, tlsConfig(r.TLS, a, "somebody"))
	if n, err := o.Send(t.Context(), batch(t, o, 0, 3)); n != 0 || err == nil {
		t.Errorf("Send with a certificate of another name = %d, %v", n, err)
	}
}

// sendAll does as the worker does.
func sendAll(t testing.TB, o *Output, from, n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for to := from + n; from < to; {
		k, err := o.Send(ctx, batch(t, o, from, min(100, to-from)))
		if from += k; ctx.Err() != nil {
			t.Fatalf("stuck: %v", err)
		}
	}
}

func BenchmarkTLS(b *testing.B) {
	a := syslogtest.NewAuthority(b)
	p := tlsPeer(b, a)
	go drain(p.ln)
	benchmarkSend(b, tlsConfig(p.ln.Addr().String(), a, "gateway"))
}

// BenchmarkPrebuilt is what a plain writer of the same frames reaches.
func BenchmarkPrebuilt(b *testing.B) {
	p := newPeer(b, "tcp", "127.0.0.1:0")
	go drain(p.ln)
	o := newOutput(b, config("tcp://"+p.ln.Addr().String()))
	msgs := batch(b, o, 0, 256)
	var data [][]byte
	for _, m := range msgs {
		data = append(data, m.Data)
	}
	frames := (&streamLink{}).frame(nil, data)
	c, err := net.Dial("tcp", p.ln.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close() //nolint:errcheck // end of benchmark
	var w io.Writer = c
	b.SetBytes(int64(len(msgs[0].Data)))
	for i := 0; b.Loop(); i++ {
		if i%len(msgs) == 0 {
			if _, err := w.Write(frames); err != nil {
				b.Fatal(err)
			}
		}
	}
}
