package admin

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/listener"
)

// fake is a gateway with one problem.
type fake struct{ Gateway }

func (fake) Ready(context.Context) []string { return []string{"the queue cannot be written"} }

func (fake) Reload(context.Context) (*Policy, error) { return nil, errors.New("line 1 is wrong") }

func (fake) Queue(context.Context) (*Queue, error) { return &Queue{Dir: "/state"}, nil }

// start runs a server until the test ends.
func start(t *testing.T, cfg Config) *Server {
	t.Helper()
	s, err := New(cfg, fake{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return s
}

// send sends a request with headers; Host is one of them.
func send(t *testing.T, method, url string, header map[string]string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range header {
		r.Header.Set(k, v)
	}
	if h := header["Host"]; h != "" {
		r.Host = h
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(text)
}

// What another page in a browser of this machine can send is refused, and what people and scripts send is not.
func TestOtherSitesAreRefused(t *testing.T) {
	s := start(t, Config{Listen: "127.0.0.1:0"})
	_, port, err := net.SplitHostPort(s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	json := map[string]string{"Content-Type": "application/json"}
	for _, c := range []struct {
		name, method, path string
		header             map[string]string
		want               int
	}{
		{"script", "GET", "/healthz", nil, 200},
		{"by name", "GET", "/healthz", map[string]string{"Host": "localhost:" + port}, 200},
		{"IPv6", "GET", "/healthz", map[string]string{"Host": "[::1]:" + port}, 200},
		{"rebinding", "GET", "/healthz", map[string]string{"Host": "evil.example:" + port}, 421},
		{"rebinding without port", "GET", "/healthz", map[string]string{"Host": "evil.example"}, 421},
		{"likely name", "GET", "/healthz", map[string]string{"Host": "localhost.evil.example"}, 421},
		{"own page", "GET", "/healthz", map[string]string{"Origin": "http://" + s.Addr()}, 200},
		{"other page", "GET", "/healthz", map[string]string{"Origin": "https://evil.example"}, 403},
		{"other port", "GET", "/healthz", map[string]string{"Origin": "http://127.0.0.1:1"}, 403},
		{"sandboxed page", "GET", "/healthz", map[string]string{"Origin": "null"}, 403},
		{"form", "POST", "/api/v1/reload", map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, 415},
		{"text form", "POST", "/api/v1/reload", map[string]string{"Content-Type": "text/plain; a=application/json"}, 415},
		{"no type", "POST", "/api/v1/reload", nil, 415},
		{"JSON", "POST", "/api/v1/reload", json, 422},
		{"JSON with charset", "POST", "/api/v1/reload", map[string]string{"Content-Type": "application/json; charset=utf-8"}, 422},
		{"own header", "POST", "/api/v1/reload", map[string]string{"X-Trapgw": "1"}, 422},
		{"wrong method", "DELETE", "/healthz", json, 405},
		{"nothing there", "GET", "/nothing", nil, 404},
		{"not ready", "GET", "/readyz", nil, 503},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp, text := send(t, c.method, "http://"+s.Addr()+c.path, c.header)
			if resp.StatusCode != c.want || !strings.HasPrefix(text, "{") || resp.Header.Get("Content-Type") != "application/json" {
				t.Errorf("got %s %s, want %d", resp.Status, text, c.want)
			}
			for _, h := range []string{"Content-Security-Policy", "X-Frame-Options", "X-Content-Type-Options", "Referrer-Policy"} {
				if resp.Header.Get(h) == "" {
					t.Errorf("no %s", h)
				}
			}
			if c.want == 405 && !strings.Contains(resp.Header.Get("Allow"), "GET") {
				t.Errorf("Allow is %q", resp.Header.Get("Allow"))
			}
		})
	}
}

func TestToken(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("geheim\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := start(t, Config{Listen: "127.0.0.1:0", TokenFile: file})
	url := "http://" + s.Addr()
	for header, want := range map[string]int{"": 401, "Bearer geheim": 200, "bearer  geheim": 200, "Bearer falsch": 401, "Bearer": 401,
		"Basic bWU6Z2VoZWlt": 200, "Basic bWU6ZmFsc2No": 401, "geheim": 401} {
		if resp, text := send(t, "GET", url+"/api/v1/queue", map[string]string{"Authorization": header}); resp.StatusCode != want || strings.Contains(text, "geheim") {
			t.Errorf("%q: got %s %s, want %d", header, resp.Status, text, want)
		}
	}
	// Whether the gateway is well may be known to all, why it is not only to those who may know.
	if resp, _ := send(t, "GET", url+"/healthz", nil); resp.StatusCode != 200 {
		t.Errorf("got %s", resp.Status)
	}
	if _, text := send(t, "GET", url+"/readyz", nil); text != "{\"ready\":false}\n" {
		t.Errorf("got %s", text)
	}
	if _, text := send(t, "GET", url+"/readyz", map[string]string{"Authorization": "Bearer geheim"}); !strings.Contains(text, "cannot be written") {
		t.Errorf("got %s", text)
	}
}

// Nobody listens beyond loopback by mistake.
func TestValidate(t *testing.T) {
	ca := filepath.Join(t.TempDir(), "ca")
	if err := os.WriteFile(ca, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		cfg  Config
		want string
	}{
		{DefaultConfig(), ""},
		{Config{}, ""},
		{Config{Listen: "localhost:9001"}, ""},
		{Config{Listen: "[::1]:9001"}, ""},
		{Config{Listen: "unix:/run/trapgw.sock"}, ""},
		{Config{Listen: "unix:trapgw.sock"}, "listen: \"unix:trapgw.sock\" is not an absolute path"},
		{Config{Listen: "9001"}, `listen: "9001" is not host:port`},
		{Config{Listen: ":9001"}, `listen: ":9001" is beyond loopback: set token_file or tls.client_ca_file`},
		{Config{Listen: "0.0.0.0:9001"}, "is beyond loopback"},
		{Config{Listen: "192.0.2.1:9001"}, "is beyond loopback"},
		{Config{Listen: "192.0.2.1:9001", Token: "x"}, ""},
		{Config{Listen: "127.0.0.1:9001", Token: "x", TokenFile: ca}, "token: both token and token_file are set"},
		{Config{Listen: "127.0.0.1:9001", TokenFile: ca + ".missing"}, "token_file: open "},
		{Config{Listen: "192.0.2.1:9001", TLS: listener.TLS{ClientCAFile: ca}}, "tls.cert_file: missing"},
	} {
		got := ""
		if err := c.cfg.Validate(); err != nil {
			got = err.Error()
		}
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%+v: got %q, want %q", c.cfg, got, c.want)
		}
	}
	if w := (&Config{Listen: "192.0.2.1:9001", Token: "x"}).Warnings(); len(w) != 1 {
		t.Errorf("got %q", w)
	}
	if w := (&Config{Listen: "127.0.0.1:9001", Token: "x"}).Warnings(); len(w) != 0 {
		t.Errorf("got %q", w)
	}
}

// selfSigned writes a certificate and its key.
func selfSigned(t *testing.T, dir string) (cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"gateway.example"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, c, c, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	kder, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "cert"), filepath.Join(dir, "key")
	for file, b := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: kder}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(b), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

// The client finds its way from the configuration alone, and talks to no other server than the configured one.
func TestClient(t *testing.T) {
	cert, key := selfSigned(t, t.TempDir())
	other, _ := selfSigned(t, t.TempDir())
	for name, cfg := range map[string]Config{
		"plain":              {Listen: "127.0.0.1:0"},
		"token":              {Listen: "127.0.0.1:0", Token: "geheim"},
		"socket":             {Listen: "unix:" + filepath.Join(t.TempDir(), "s"), Token: "geheim"},
		"TLS":                {Listen: "127.0.0.1:0", TLS: listener.TLS{CertFile: cert, KeyFile: key}},
		"client certificate": {Listen: "127.0.0.1:0", TLS: listener.TLS{CertFile: cert, KeyFile: key, ClientCAFile: cert}},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, cfg)
			if !strings.HasPrefix(cfg.Listen, "unix:") {
				cfg.Listen = s.Addr()
			}
			c, err := NewClient(cfg)
			if err != nil {
				t.Fatal(err)
			}
			var q Queue
			if err := c.Get(t.Context(), "/api/v1/queue", &q); err != nil || q.Dir != "/state" {
				t.Errorf("got %v, %v", q, err)
			}
			if err := c.Post(t.Context(), "/api/v1/reload", nil, &q); err == nil || err.Error() != "line 1 is wrong" {
				t.Errorf("got %v", err)
			}
			if cfg.TLS.CertFile != "" {
				cfg.TLS.CertFile = other
				if c, err = NewClient(cfg); err != nil {
					t.Fatal(err)
				}
				if err := c.Get(t.Context(), "/api/v1/queue", &q); err == nil || !strings.Contains(err.Error(), "another certificate") {
					t.Errorf("got %v", err)
				}
			}
			if cfg.Token != "" {
				cfg.Token = "falsch"
				if c, err = NewClient(cfg); err != nil {
					t.Fatal(err)
				}
				if err := c.Get(t.Context(), "/api/v1/queue", &q); err == nil || !strings.Contains(err.Error(), "credentials are wanted") {
					t.Errorf("got %v", err)
				}
			}
		})
	}
	c, err := NewClient(Config{Listen: "127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Get(t.Context(), "/healthz", nil); !errors.Is(err, ErrNotRunning) {
		t.Errorf("got %v", err)
	}
	if _, err := NewClient(Config{}); !errors.Is(err, ErrNotRunning) {
		t.Errorf("got %v", err)
	}
}

// A stream does not hold up the end of the program.
func TestStreamEndsWithTheServer(t *testing.T) {
	s, err := New(Config{Listen: "127.0.0.1:0"}, fake{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	begun := make(chan struct{})
	s.Handle("GET /stream", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := Unlimited(w); err != nil {
			t.Error(err)
		}
		close(begun)
		<-r.Context().Done()
	}))
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	go http.Get("http://" + s.Addr() + "/stream") //nolint:errcheck // it is cut off
	<-begun
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
