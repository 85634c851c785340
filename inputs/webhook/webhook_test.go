package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"github.com/gluster-trapgw/gluster-trapgw/conffile"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/inputs"
)

const goodBody = `{"event": "VOLUME_START", "message": {"force": false, "name": "gv0"}, "nodeid": "1a6111b8-4f13-4c02-9739-2c473e398b41", "ts": 1795389266}`

// started is an input that runs on a free port.
type started struct {
	*Input
	url  string
	logs *bytes.Buffer
	mu   sync.Mutex // guards got
	got  []inputs.Received
	err  error // what accept returns
	stop func() error
}

func start(t *testing.T, cfg Config, now func() time.Time, change ...func(*Input)) *started {
	t.Helper()
	s := &started{logs: new(bytes.Buffer)}
	if len(cfg.Listen) == 1 && !strings.HasPrefix(cfg.Listen[0], "unix:") {
		cfg.Listen = conffile.Texts{"127.0.0.1:0"}
	}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	in, err := newInput(cfg, slog.New(slog.NewTextHandler(s.logs, nil)), now)
	if err != nil {
		t.Fatal(err)
	}
	s.Input = in
	for _, f := range change {
		f(in)
	}
	if err := in.Listen(); err != nil {
		t.Fatal(err)
	}
	s.url = "http://" + in.Addr() + cfg.Path
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- in.Run(ctx, s.accept) }()
	s.stop = sync.OnceValue(func() error { cancel(); return <-ended })
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Errorf("Run returned %v", err)
		}
	})
	return s
}

func (s *started) accept(_ context.Context, r inputs.Received) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.got = append(s.got, r)
	}
	return s.err
}

func (s *started) bodies() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for _, r := range s.got {
		all = append(all, string(r.Body))
	}
	return all
}

func (s *started) do(t *testing.T, method, url, auth string, body io.Reader) (int, string, http.Header) {
	t.Helper()
	req, err := http.NewRequest(method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	if auth != "" {
		req.Header.Set("Authorization", auth)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text), resp.Header
}

func TestContract(t *testing.T) {
	s := start(t, DefaultConfig(), time.Now)
	other := strings.Replace(s.url, "/listen", "/other", 1)
	for _, tt := range []struct {
		name, method, url, body string
		status                  int
		field                   string // named in the error
	}{
		{"event", "POST", s.url, goodBody, 200, ""},
		{"webhook-test", "POST", s.url, "", 200, ""},
		{"null node, negative time", "POST", s.url, `{"event":"X","message":{},"nodeid":null,"ts":-5}`, 200, ""},
		{"octets of a stranger", "POST", s.url, "\t{\"x\":[1e9,{\"y\":\"\\ud800\"}],\"event\":\"X\",\"message\":{\"a\":\"\xff\"},\"ts\":-0}\r\n", 200, ""},
		{"escaped key", "POST", s.url, `{"e\u0076ent":"X","message":{},"ts":1}`, 200, ""},
		{"name with a space", "POST", s.url, `{"event":"cleanup leader elected","message":{},"ts":1}`, 200, ""},
		{"huge time, no node", "POST", s.url, `{"ts":99999999999999999999999,"message":{"a":{"b":[1,"}"]}},"event":"X"}`, 200, ""},
		{"query is ignored", "POST", s.url + "?x=1", goodBody, 200, ""},
		{"not JSON", "POST", s.url, `{"event"`, 400, ""},
		{"not an object", "POST", s.url, `[1]`, 400, ""},
		{"two objects", "POST", s.url, goodBody + goodBody, 400, ""},
		{"white space only", "POST", s.url, " \n", 400, ""},
		{"nested too deep", "POST", s.url, `{"event":"X","ts":1,"message":{"a":` + strings.Repeat("[", 32) + strings.Repeat("]", 32) + `}}`, 400, ""},
		{"event with a newline", "POST", s.url, `{"event":"X\ny","message":{},"ts":1}`, 400, "event"},
		{"event in UTF-8", "POST", s.url, `{"event":"VOLÜME","message":{},"ts":1}`, 400, "event"},
		{"event too long", "POST", s.url, `{"event":"` + strings.Repeat("X", 129) + `","message":{},"ts":1}`, 400, "event"},
		{"event is a space", "POST", s.url, `{"event":" ","message":{},"ts":1}`, 400, "event"},
		{"escaped key, wrong value", "POST", s.url, `{"event":"X","message":{},"ts":1,"e\u0076ent":7}`, 400, "event"},
		{"second value wrong", "POST", s.url, `{"event":"X","message":{},"ts":1,"ts":null}`, 400, "ts"},
		{"message is null", "POST", s.url, `{"event":"X","message":null,"ts":1}`, 400, "message"},
		{"ts with an exponent", "POST", s.url, `{"event":"X","message":{},"ts":1e3}`, 400, "ts"},
		{"nodeid is a list", "POST", s.url, `{"event":"X","message":{},"ts":1,"nodeid":[]}`, 400, "nodeid"},
		{"event is missing", "POST", s.url, `{"message":{},"ts":1}`, 400, "event"},
		{"event is empty", "POST", s.url, `{"event":"","message":{},"ts":1}`, 400, "event"},
		{"event is a number", "POST", s.url, `{"event":7,"message":{},"ts":1}`, 400, "event"},
		{"message is text", "POST", s.url, `{"event":"X","message":"y","ts":1}`, 400, "message"},
		{"ts is missing", "POST", s.url, `{"event":"X","message":{}}`, 400, "ts"},
		{"ts is text", "POST", s.url, `{"event":"X","message":{},"ts":"1"}`, 400, "ts"},
		{"ts has a fraction", "POST", s.url, `{"event":"X","message":{},"ts":1.5}`, 400, "ts"},
		{"nodeid is a number", "POST", s.url, `{"event":"X","message":{},"ts":1,"nodeid":3}`, 400, "nodeid"},
		{"too large", "POST", s.url, `{"event":"` + strings.Repeat("x", 70000) + `"}`, 413, ""},
		{"as large as allowed", "POST", s.url, goodBody + strings.Repeat(" ", 64<<10-len(goodBody)), 200, ""},
		{"one octet too large", "POST", s.url, goodBody + strings.Repeat(" ", 64<<10-len(goodBody)+1), 413, ""},
		{"wrong method", "GET", s.url, "", 405, ""},
		{"PUT", "PUT", s.url, goodBody, 405, ""},
		{"path with more", "POST", s.url + "/", goodBody, 404, ""},
		{"wrong path", "POST", other, goodBody, 404, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := len(s.bodies())
			status, text, header := s.do(t, tt.method, tt.url, "", strings.NewReader(tt.body))
			if status != tt.status {
				t.Fatalf("got %d %s, want %d", status, text, tt.status)
			}
			stored := s.bodies()[before:]
			if wantStored := status == 200 && tt.body != ""; wantStored != (len(stored) == 1) || wantStored && stored[0] != tt.body {
				t.Errorf("stored %q", stored)
			}
			if status == 405 && header.Get("Allow") != "POST" {
				t.Errorf("Allow is %q", header.Get("Allow"))
			}
			if status >= 400 {
				var e bodyError
				if err := json.Unmarshal([]byte(text), &e); err != nil || e.Text == "" || e.Field != tt.field {
					t.Errorf("got %q, want an error that names %q", text, tt.field)
				}
			}
		})
	}
}

func TestChunkedBody(t *testing.T) {
	s := start(t, DefaultConfig(), time.Now)
	if status, text, _ := s.do(t, "POST", s.url, "", io.MultiReader(strings.NewReader(goodBody[:10]), strings.NewReader(goodBody[10:]))); status != 200 {
		t.Errorf("got %d %s, want 200", status, text)
	}
	if status, _, _ := s.do(t, "POST", s.url, "", io.LimitReader(endless{}, 70000)); status != 413 {
		t.Errorf("got %d for a body that is too large, want 413", status)
	}
	if got := s.bodies(); len(got) != 1 || got[0] != goodBody {
		t.Errorf("stored %q", got)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

func TestFailureIs503UntilItWorks(t *testing.T) {
	s := start(t, DefaultConfig(), time.Now)
	s.err = errors.New("disk is full")
	for range 3 {
		if status, _, header := s.do(t, "POST", s.url, "", strings.NewReader(goodBody)); status != 503 || header.Get("Retry-After") == "" {
			t.Errorf("got %d, want 503 with Retry-After", status)
		}
	}
	s.mu.Lock()
	s.err = nil
	s.mu.Unlock()
	if status, _, _ := s.do(t, "POST", s.url, "", strings.NewReader(goodBody)); status != 200 {
		t.Errorf("got %d, want 200", status)
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	if a, b := strings.Count(s.logs.String(), "disk is full"), strings.Count(s.logs.String(), "stored again"); a != 1 || b != 1 {
		t.Errorf("%d lines about the failure and %d about its end, want one of each:\n%s", a, b, s.logs)
	}
	if s.Counters.Failed.Load() != 3 || s.Counters.Accepted.Load() != 1 {
		t.Errorf("counted %d failed, %d accepted", s.Counters.Failed.Load(), s.Counters.Accepted.Load())
	}
}

func TestShutdownFinishesWhatItAccepted(t *testing.T) {
	in, err := newInput(DefaultConfig(), slog.New(slog.DiscardHandler), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	in.cfg.Listen = conffile.Texts{"127.0.0.1:0"}
	if err := in.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	entered, release := make(chan struct{}), make(chan struct{})
	ended := make(chan error, 1)
	go func() {
		ended <- in.Run(ctx, func(context.Context, inputs.Received) error { close(entered); <-release; return nil })
	}()
	answer := make(chan int, 1)
	go func() {
		resp, err := http.Post("http://"+in.Addr()+"/listen", "", strings.NewReader(goodBody))
		if err != nil {
			answer <- 0
			return
		}
		resp.Body.Close()
		answer <- resp.StatusCode
	}()
	<-entered
	cancel()
	refusesConnections(t, in.Addr()) // now the shutdown has begun
	select {
	case <-ended:
		t.Fatal("Run returned before the request was answered")
	default:
	}
	close(release)
	if status := <-answer; status != 200 {
		t.Errorf("the request under way got %d, want 200", status)
	}
	if err := <-ended; err != nil {
		t.Errorf("Run returned %v", err)
	}
}

// refusesConnections waits until nobody listens at addr.
func refusesConnections(t *testing.T, addr string) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			return
		}
		c.Close()
	}
	t.Fatalf("%s still takes connections", addr)
}

func TestValidateReportsEveryMistake(t *testing.T) {
	cfg := Config{Listen: conffile.Texts{"9000"}, Path: "listen", MaxBody: 5, Token: "a", TokenFile: "b", SecretFile: "/nonexistent/secret",
		TLS: TLSConfig{CertFile: "x", ClientCAFile: "/nonexistent/ca"}, AllowFrom: make([]netip.Prefix, 1)}
	err := cfg.Validate()
	for _, key := range []string{"listen: ", "path: ", "max_body: ", "token: ", "secret_file: ", "tls.key_file: ", "tls.client_ca_file: ", "allow_from[0]: "} {
		if err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("got %v, want a mistake at %s", err, key)
		}
	}
}

func TestValidatePath(t *testing.T) {
	for path, want := range map[string]string{
		"/listen": "", "/listen/": "", "/": "", "/a/b.c": "", "/a..b": "",
		"//listen":     `path: "//listen" is read as "/listen": write it like that, also in webhook-add`,
		"/a/../listen": `path: "/a/../listen" is read as "/listen": write it like that, also in webhook-add`,
		"/a//b":        `path: "/a//b" is read as "/a/b": write it like that, also in webhook-add`,
		"/./listen":    `path: "/./listen" is read as "/listen": write it like that, also in webhook-add`,
		"/listen?a":    `path: "/listen?a" is not a path: it begins with / and has no query, no % and no space`,
	} {
		cfg := DefaultConfig()
		cfg.Path = path
		got := ""
		if err := cfg.Validate(); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("path %q: got %q, want %q", path, got, want)
		}
	}
}

func TestWarnings(t *testing.T) {
	everybody := netip.MustParsePrefix("192.0.2.0/24")
	for name, c := range map[string]struct {
		cfg  Config
		want string
	}{
		"loopback":       {Config{Listen: conffile.Texts{"127.0.0.1:9000", "unix:/run/x"}}, ""},
		"open":           {Config{Listen: conffile.Texts{"127.0.0.1:9000", "0.0.0.0:9000"}}, "listen: everybody who reaches 0.0.0.0:9000"},
		"token":          {Config{Listen: conffile.Texts{":9000"}, TokenFile: "x"}, "tls: the token crosses"},
		"token over TLS": {Config{Listen: conffile.Texts{":9000"}, TokenFile: "x", TLS: TLSConfig{CertFile: "x"}}, ""},
		"certificates":   {Config{Listen: conffile.Texts{":9000"}, TLS: TLSConfig{CertFile: "x", ClientCAFile: "x"}}, ""},
		"TLS only":       {Config{Listen: conffile.Texts{":9000"}, TLS: TLSConfig{CertFile: "x"}}, "listen: everybody"},
		"network":        {Config{Listen: conffile.Texts{":9000"}, AllowFrom: []netip.Prefix{everybody}}, ""},
	} {
		if got := strings.Join(c.cfg.Warnings(), "; "); !strings.HasPrefix(got, c.want) || c.want == "" && got != "" {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}
