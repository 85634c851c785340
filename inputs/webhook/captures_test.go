package webhook

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// Every request that a real cluster sent gets the answer that it needs.
func TestCaptures(t *testing.T) {
	// The tokens of the captures have expired since.
	cfg := DefaultConfig()
	cfg.Secret = "s3cret"
	withSecret := start(t, cfg, func() time.Time { return time.Unix(1795389355, 0) })
	open := start(t, DefaultConfig(), time.Now)
	f, err := os.Open("../../testdata/captures/webhook-real.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	n, signed := 0, 0
	for lines.Scan() {
		var c struct {
			Method, Body, Origin string
			Headers              [][2]string
		}
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		s := open
		for _, h := range c.Headers {
			if h[0] == "Authorization" && strings.HasPrefix(h[1], "Bearer eyJ") {
				s = withSecret
				signed++
			}
		}
		var raw bytes.Buffer
		fmt.Fprintf(&raw, "%s /listen HTTP/1.1\r\n", c.Method)
		for _, h := range c.Headers {
			fmt.Fprintf(&raw, "%s: %s\r\n", h[0], h[1])
		}
		fmt.Fprintf(&raw, "\r\n%s", c.Body)
		want := 200
		if c.Method == "GET" { // what requests makes of a redirect
			want = 405
		}
		if got := exchange(t, s.Addr(), raw.Bytes()); got != want {
			t.Errorf("%s %s %.80s: got %d, want %d", c.Origin, c.Method, c.Body, got, want)
		}
		if c.Body != "" && c.Method == "POST" {
			if b := s.bodies(); len(b) == 0 || b[len(b)-1] != c.Body {
				t.Errorf("%.80s was not stored as sent", c.Body)
			}
			n++
		}
	}
	if n < 1000 || signed < 4 {
		t.Errorf("%d events and %d signed requests in the captures", n, signed)
	}
}

// exchange sends a request as it is, over a connection of its own, and returns the status.
func exchange(t *testing.T, addr string, raw []byte) int {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write(raw); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode
}
