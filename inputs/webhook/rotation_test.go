package webhook

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/gluster-trapgw/gluster-trapgw/conffile"
	"github.com/gluster-trapgw/gluster-trapgw/inputs"
)

// clock is a time that tests move.
type clock struct{ ns atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.ns.Store(1795389266e9)
	return c
}

func (c *clock) now() time.Time        { return time.Unix(0, c.ns.Load()) }
func (c *clock) later(d time.Duration) { c.ns.Add(int64(d)) }

// Tokens and secrets change while the gateway runs: a new one is added, the nodes are told one by one, the old one goes.
func TestRotation(t *testing.T) {
	dir, at := t.TempDir(), newClock()
	cfg := DefaultConfig()
	cfg.TokenFile, cfg.SecretFile = filepath.Join(dir, "token"), filepath.Join(dir, "secret")
	write := func(file, text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(cfg.TokenFile, "old\n")
	write(cfg.SecretFile, "s-old\n")
	s := start(t, cfg, at.now)
	sign := func(secret string) string {
		text, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"exp": at.now().Unix() + 60}).SignedString([]byte(secret))
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	expect := func(when string, want map[string]int) {
		t.Helper()
		for token, status := range want {
			credentials := token
			if strings.HasPrefix(token, "s-") {
				credentials = sign(token)
			}
			if got, _, _ := s.do(t, "POST", s.url, "Bearer "+credentials, strings.NewReader(goodBody)); got != status {
				t.Errorf("%s: %s got %d, want %d", when, token, got, status)
			}
		}
	}
	expect("at first", map[string]int{"old": 200, "new": 401, "s-old": 200, "s-new": 401})
	write(cfg.TokenFile, "old\n\n new \n")
	write(cfg.SecretFile, "s-new\ns-old\n")
	expect("within the second", map[string]int{"new": 401})
	at.later(2 * time.Second)
	expect("both", map[string]int{"old": 200, "new": 200, "s-old": 200, "s-new": 200, "other": 401, "s-other": 401})
	write(cfg.TokenFile, "")
	at.later(2 * time.Second)
	expect("file without a token", map[string]int{"old": 200, "new": 200, "s-new": 200})
	write(cfg.TokenFile, "new\n")
	write(cfg.SecretFile, "s-new")
	at.later(2 * time.Second)
	expect("in the end", map[string]int{"old": 401, "new": 200, "s-old": 401, "s-new": 200})
	logs := s.logs.String()
	for _, want := range []string{"the old ones stay in use", "new secrets in use"} {
		if !strings.Contains(logs, want) {
			t.Errorf("the log has no %q:\n%s", want, logs)
		}
	}
	if n := strings.Count(logs, "webhook refused a sender"); n != 1 {
		t.Errorf("%d lines about refused senders, want one a minute:\n%s", n, logs)
	}
	for _, secret := range []string{"s-old", "s-new", "Bearer", "eyJ"} {
		if strings.Contains(logs, secret) {
			t.Errorf("the log has %q:\n%s", secret, logs)
		}
	}
	at.later(2 * time.Minute)
	expect("later", map[string]int{"old": 401})
	if n := strings.Count(s.logs.String(), "webhook refused a sender"); n != 2 {
		t.Errorf("%d lines about refused senders, want one a minute", n)
	}
}

// All addresses are served alike and share the limits.
func TestSeveralListeners(t *testing.T) {
	cfg := DefaultConfig()
	socket := filepath.Join(t.TempDir(), "s")
	cfg.Listen = conffile.Texts{"127.0.0.1:0", "[::1]:0", "unix:" + socket}
	s := start(t, cfg, time.Now, func(in *Input) { in.limits.connections = 2 })
	addrs := s.Addrs()
	if len(addrs) != 3 {
		t.Fatalf("got %v", addrs)
	}
	unix := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, Dial: func(string, string) (net.Conn, error) { return net.Dial("unix", socket) }}}
	plain := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for url, c := range map[string]*http.Client{"http://" + addrs[0]: plain, "http://" + addrs[1]: plain, "http://x": unix} {
		resp, err := c.Post(url+"/listen", "application/json", strings.NewReader(goodBody))
		if err != nil || resp.StatusCode != 200 {
			t.Fatalf("%s: %v %v", url, resp, err)
		}
		resp.Body.Close()
	}
	if n := len(s.bodies()); n != 3 {
		t.Errorf("got %d events, want 3", n)
	}
	// Two connections that say nothing take all places: the next one, at another address, waits until one goes.
	var idle []net.Conn
	for _, addr := range addrs[:2] {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		idle = append(idle, c)
	}
	defer idle[1].Close()
	answered := make(chan error, 1)
	go func() {
		resp, err := unix.Post("http://x/listen", "application/json", strings.NewReader(goodBody))
		if err == nil {
			err = resp.Body.Close()
		}
		answered <- err
	}()
	select {
	case err := <-answered:
		t.Errorf("got %v, want it to wait", err)
	case <-time.After(100 * time.Millisecond):
		idle[0].Close()
		if err := <-answered; err != nil {
			t.Error(err)
		}
	}
	// An address that is taken releases those bound before it.
	taken := DefaultConfig()
	taken.Listen = conffile.Texts{"127.0.0.1:0", addrs[0]}
	in, err := New(taken, s.log)
	if err != nil {
		t.Fatal(err)
	}
	if err := in.Listen(); err == nil || len(in.Addrs()) != 0 {
		t.Errorf("got %v and %v, want an error and nothing bound", err, in.Addrs())
	}
}

func TestMaxRate(t *testing.T) {
	at := newClock()
	cfg := DefaultConfig()
	cfg.MaxRate = 5
	s := start(t, cfg, at.now)
	post := func() int {
		status, text, header := s.do(t, "POST", s.url, "", strings.NewReader(goodBody))
		if status == 429 && (header.Get("Retry-After") != "1" || !strings.Contains(text, "max_rate")) {
			t.Errorf("got %q, Retry-After %q", text, header.Get("Retry-After"))
		}
		return status
	}
	count := func(n int) (taken int) {
		for range n {
			if post() == 200 {
				taken++
			}
		}
		return taken
	}
	if n := count(20); n != 5 {
		t.Errorf("%d of 20 were taken at once, want 5", n)
	}
	at.later(time.Second)
	if n := count(20); n != 5 {
		t.Errorf("%d of 20 were taken a second later, want 5", n)
	}
	if n := len(s.bodies()); n != 10 {
		t.Errorf("%d events, want 10", n)
	}
	if n := s.Counters.Limited.Load(); n != 30 {
		t.Errorf("%d were counted, want 30", n)
	}
	if n := strings.Count(s.logs.String(), "max_rate with 429"); n != 1 {
		t.Errorf("%d lines in the log, want 1", n)
	}
	// Each address has its own share, and what is remembered is bounded.
	r := newRates(1)
	for i := range 3 * maxRates {
		if r.take(time.Duration(i).String(), at.now()) != 0 {
			t.Fatalf("address %d had no share", i)
		}
	}
	if len(r.sources) > maxRates {
		t.Errorf("%d addresses are remembered", len(r.sources))
	}
}

// An input that is told to stop while it starts ends.
func TestStopsWhileItStarts(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Listen = conffile.Texts{"127.0.0.1:0"}
	for i := range 300 {
		in, err := New(cfg, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		if err := in.Listen(); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- in.Run(ctx, func(context.Context, inputs.Received) error { return nil }) }()
		if i%2 == 0 {
			runtime.Gosched()
		}
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Fatal(err)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("round %d: it still runs", i)
		}
	}
}
