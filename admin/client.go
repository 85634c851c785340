package admin

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"time"
)

// ErrNotRunning means that nothing answers at the configured address.
var ErrNotRunning = errors.New("the gateway does not run")

// Client talks to the gateway of a configuration.
type Client struct {
	base  string
	token string
	http  *http.Client
}

// NewClient finds address, token and certificate in the configuration of the gateway it will talk to. Over TLS it takes
// the server for the right one when it has the certificate of cert_file, and shows the same one when it is asked.
func NewClient(cfg Config) (*Client, error) {
	if !cfg.On() {
		return nil, fmt.Errorf("admin.listen is empty: %w", ErrNotRunning)
	}
	token, err := cfg.token()
	if err != nil {
		return nil, err
	}
	network, addr := "tcp", cfg.Listen
	if file, ok := strings.CutPrefix(addr, "unix:"); ok {
		network, addr = "unix", file
	} else if host, port, err := net.SplitHostPort(addr); err == nil {
		if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
			addr = net.JoinHostPort("localhost", port)
		}
	}
	dialer := net.Dialer{Timeout: 5 * time.Second}
	t := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return dialer.DialContext(ctx, network, addr)
	}}
	c := &Client{base: "http://" + addr, token: token.Reveal(), http: &http.Client{Transport: t}}
	if network == "unix" {
		c.base = "http://localhost"
	}
	if cfg.TLS.On() {
		if t.TLSClientConfig, err = pinned(cfg.TLS.CertFile, cfg.TLS.KeyFile); err != nil {
			return nil, err
		}
		c.base = "https" + strings.TrimPrefix(c.base, "http")
	}
	return c, nil
}

// pinned trusts the certificate of the file and no other: the name in it need not be that of loopback.
func pinned(certFile, keyFile string) (*tls.Config, error) {
	data, err := os.ReadFile(certFile)
	if err != nil {
		return nil, fmt.Errorf("read the certificate of the gateway: %w", err)
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, fmt.Errorf("%s has no certificate in PEM form", certFile)
	}
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: true, // the next function verifies
		VerifyPeerCertificate: func(raw [][]byte, _ [][]*x509.Certificate) error {
			if len(raw) == 0 || !bytes.Equal(raw[0], block.Bytes) {
				return fmt.Errorf("the server has another certificate than %s", certFile)
			}
			return nil
		},
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			pair, err := tls.LoadX509KeyPair(certFile, keyFile)
			return &pair, err
		},
	}, nil
}

// Get asks for a path of the API, such as "/api/v1/status", and decodes the answer into v.
func (c *Client) Get(ctx context.Context, path string, v any) error {
	return c.call(ctx, http.MethodGet, path, nil, v)
}

// Post sends body, which is JSON, and decodes the answer into v.
func (c *Client) Post(ctx context.Context, path string, body []byte, v any) error {
	return c.call(ctx, http.MethodPost, path, body, v)
}

// Do sends any request to the gateway: NewRequest's URL begins with URL. The caller closes the body of the answer.
func (c *Client) Do(r *http.Request) (*http.Response, error) {
	r.Header.Set("X-Trapgw", "1")
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.http.Do(r)
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return nil, fmt.Errorf("%w: %w", ErrNotRunning, op)
	}
	return resp, err
}

// URL is the address of a path.
func (c *Client) URL(path string) string { return c.base + path }

func (c *Client) call(ctx context.Context, method, path string, body []byte, v any) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, c.URL(path), bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := c.Do(r)
	if err != nil {
		return fmt.Errorf("ask the gateway: %w", err)
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	if resp.StatusCode != http.StatusOK {
		text, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
		var p Problem
		if err != nil || json.Unmarshal(text, &p) != nil || p.Error == "" {
			return fmt.Errorf("the gateway answers %s", resp.Status)
		}
		return errors.New(p.Error)
	}
	if err := json.NewDecoder(resp.Body).Decode(v); err != nil {
		return fmt.Errorf("read the answer of the gateway: %w", err)
	}
	return nil
}
