package webhook

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/gluster-trapgw/gluster-trapgw/conffile"
	"github.com/gluster-trapgw/gluster-trapgw/inputs"
)

// dial opens a connection and sends the beginning of a request.
func dial(t *testing.T, network, addr, text string) net.Conn {
	t.Helper()
	c, err := net.Dial(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	return c
}

// ended reads what the server sends until it hangs up.
func ended(t *testing.T, c net.Conn) string {
	t.Helper()
	text, err := io.ReadAll(c)
	if err, ok := err.(net.Error); ok && err.Timeout() {
		t.Fatal("the server keeps the connection")
	}
	return string(text)
}

const slowHead = "POST /listen HTTP/1.1\r\nHost: x\r\nContent-Length: 137\r\n"

func TestSlowSendersAreCutOff(t *testing.T) {
	s := start(t, DefaultConfig(), time.Now, func(in *Input) {
		in.limits.read, in.limits.idle = 200*time.Millisecond, 100*time.Millisecond
	})
	for name, text := range map[string]string{"nothing": "", "half a header": slowHead, "half a body": slowHead + "\r\n" + goodBody[:50]} {
		c := dial(t, "tcp", s.Addr(), text)
		got := ended(t, c)
		if want := "HTTP/1.1 408"; name == "half a body" && !strings.HasPrefix(got, want) {
			t.Errorf("%s: got %q, want %s", name, got, want)
		}
	}
	c := dial(t, "tcp", s.Addr(), slowHead+"\r\n"+goodBody)
	if got := ended(t, c); !strings.HasPrefix(got, "HTTP/1.1 200") {
		t.Errorf("got %q, want 200 and then the end of an idle connection", got)
	}
	if n := s.Counters.TimedOut.Load(); n != 3 {
		t.Errorf("counted %d slow senders, want 3", n)
	}
}

func TestSenderThatNeverReadsIsCutOff(t *testing.T) {
	s := start(t, DefaultConfig(), time.Now, func(in *Input) { in.limits.write = 200 * time.Millisecond })
	c := dial(t, "tcp", s.Addr(), "")
	if err := c.(*net.TCPConn).SetReadBuffer(4096); err != nil {
		t.Fatal(err)
	}
	requests, err := strings.Repeat("GET /x HTTP/1.1\r\nHost: x\r\n\r\n", 1000), error(nil)
	for err == nil {
		_, err = io.WriteString(c, requests)
	}
	if err, ok := err.(net.Error); ok && err.Timeout() {
		t.Error("the server keeps the connection")
	}
}

func TestSlowSenderDoesNotHoldUpShutdown(t *testing.T) {
	s := start(t, DefaultConfig(), time.Now, func(in *Input) { in.limits.shutdown = 50 * time.Millisecond })
	// The answer to the first request shows that the server has the connection, before the second begins.
	c := dial(t, "tcp", s.Addr(), slowHead+"\r\n"+goodBody)
	if _, err := bufio.NewReader(c).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, slowHead+"\r\n{"); err != nil {
		t.Fatal(err)
	}
	if err := s.stop(); err != nil {
		t.Errorf("Run returned %v", err)
	}
	ended(t, c)
}

func TestTooManyFromOneSource(t *testing.T) {
	s := start(t, DefaultConfig(), time.Now, func(in *Input) { in.limits.perSource = 2 })
	first, second := dial(t, "tcp", s.Addr(), slowHead), dial(t, "tcp", s.Addr(), slowHead)
	third := dial(t, "tcp", s.Addr(), "")
	if got := ended(t, third); got != "" {
		t.Errorf("got %q, want a closed connection", got)
	}
	for _, c := range []net.Conn{first, second} {
		if _, err := io.WriteString(c, "Connection: close\r\n\r\n"+goodBody); err != nil {
			t.Fatal(err)
		}
		if got := ended(t, c); !strings.HasPrefix(got, "HTTP/1.1 200") {
			t.Errorf("got %q, want 200", got)
		}
	}
	// Both have been closed, the places are free again.
	if got := exchange(t, s.Addr(), []byte(slowHead+"\r\n"+goodBody)); got != 200 {
		t.Errorf("got %d, want 200", got)
	}
	if n := s.Counters.Disconnected.Load(); n != 1 {
		t.Errorf("counted %d closed connections, want 1", n)
	}
}

func TestConnectionsBeyondTheLimitWait(t *testing.T) {
	s := start(t, DefaultConfig(), time.Now, func(in *Input) { in.limits.connections = 1 })
	first := dial(t, "tcp", s.Addr(), slowHead)
	second := dial(t, "tcp", s.Addr(), slowHead+"Connection: close\r\n\r\n"+goodBody)
	first.Close()
	if got := ended(t, second); !strings.HasPrefix(got, "HTTP/1.1 200") {
		t.Errorf("got %q, want 200 after the other one left", got)
	}
}

func TestTooManyUnderWayIs503(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Listen = conffile.Texts{"127.0.0.1:0"}
	in, err := newInput(cfg, slog.New(slog.DiscardHandler), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	in.limits.inFlight = 1
	if err := in.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	entered, release, stopped := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		stopped <- in.Run(ctx, func(context.Context, inputs.Received) error { entered <- struct{}{}; <-release; return nil })
	}()
	request := []byte(slowHead + "\r\n" + goodBody)
	first := dial(t, "tcp", in.Addr(), string(request))
	<-entered
	if got := exchange(t, in.Addr(), request); got != 503 {
		t.Errorf("got %d, want 503", got)
	}
	close(release)
	if resp, err := http.ReadResponse(bufio.NewReader(first), nil); err != nil || resp.StatusCode != 200 {
		t.Errorf("the first got %v, %v, want 200", resp, err)
	}
	cancel()
	if err := <-stopped; err != nil {
		t.Errorf("Run returned %v", err)
	}
	if got := in.Counters.ByStatus(); got[503] != 1 || got[200] != 1 || in.Counters.Busy.Load() != 1 {
		t.Errorf("counted %v", got)
	}
}

// Whoever writes a body that is refused before it is read hears why: the answer is not lost with the rest of the body.
func TestLongBodies(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Token = "t0ken"
	s := start(t, cfg, time.Now)
	fits := goodBody + strings.Repeat(" ", int(cfg.MaxBody)-len(goodBody))
	chunk := fmt.Sprintf("%x\r\n%s\r\n", len(fits), fits)
	sized := func(body string) string { return fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body) }
	for _, tt := range []struct {
		name, token, rest string
		want              int
	}{
		{"as long as may be", "t0ken", sized(fits), 200},
		{"as long as may be, in chunks", "t0ken", "Transfer-Encoding: chunked\r\n\r\n" + chunk + "0\r\n\r\n", 200},
		{"too long", "t0ken", sized(fits + " "), 413},
		{"far too long", "t0ken", sized(strings.Repeat("x", 10<<20)), 413},
		{"too long, in chunks", "t0ken", "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat(chunk, 100), 413},
		{"of a stranger", "wrong", sized(fits), 401},
		{"of a stranger, far too long", "wrong", sized(strings.Repeat("x", 10<<20)), 401},
		{"of a stranger, in chunks", "wrong", "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat(chunk, 100), 413},
		{"short, of a stranger", "wrong", sized(goodBody), 401},
	} {
		c := dial(t, "tcp", s.Addr(), "POST /listen HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer "+tt.token+"\r\n"+tt.rest)
		if got, want := ended(t, c), fmt.Sprintf("HTTP/1.1 %d ", tt.want); !strings.HasPrefix(got, want) {
			t.Errorf("%s: got %q, want %q", tt.name, got, want)
		}
	}
	if got := s.Counters.ByStatus(); got[200] != 2 || got[413] != 4 || got[401] != 3 {
		t.Errorf("counted %v, want 2 times 200, 4 times 413 and 3 times 401", got)
	}
}

func TestStrangersMayNotFillMemory(t *testing.T) {
	t.Parallel()
	cfg := DefaultConfig()
	cfg.Token = "t0ken"
	in, err := New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		token  string
		length int
		want   int // 0 is max_body
	}{
		{"t0ken", 300, 0}, {"t0ken", 60000, 0}, {"t0ken", -1, 0}, {"wrong", 60000, strangerBody}, {"wrong", -1, strangerBody},
	} {
		var h fasthttp.RequestHeader
		h.SetMethod("POST")
		h.Set("Authorization", "Bearer "+tt.token)
		h.SetContentLength(tt.length)
		if got := in.bodyLimit(&h).MaxRequestBodySize; got != tt.want {
			t.Errorf("%s, %d octets: got the limit %d, want %d", tt.token, tt.length, got, tt.want)
		}
	}
}

func TestLingeringEnds(t *testing.T) {
	tooLong := fmt.Sprintf("POST /listen HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n{", 1<<20)
	afterItsTime := func(in *Input) { in.limits.linger = 100 * time.Millisecond }
	withTheShutdown := func(in *Input) { in.limits.linger, in.limits.shutdown = time.Hour, 50*time.Millisecond }
	encrypted := DefaultConfig()
	encrypted.TLS = TLSConfig{CertFile: filepath.Join(t.TempDir(), "cert"), KeyFile: filepath.Join(t.TempDir(), "key")}
	cert, key := newAuthority(t).issue(t, 10)
	write(t, encrypted.TLS.CertFile, cert)
	write(t, encrypted.TLS.KeyFile, key)
	for name, tt := range map[string]struct {
		cfg Config
		set func(*Input)
	}{
		"after its time":              {DefaultConfig(), afterItsTime},
		"with the shutdown":           {DefaultConfig(), withTheShutdown},
		"over TLS, after its time":    {encrypted, afterItsTime},
		"over TLS, with the shutdown": {encrypted, withTheShutdown},
	} {
		s := start(t, tt.cfg, time.Now, tt.set)
		c := dial(t, "tcp", s.Addr(), "")
		if tt.cfg.TLS.On() {
			c = tls.Client(c, &tls.Config{InsecureSkipVerify: true})
		}
		if _, err := io.WriteString(c, tooLong); err != nil {
			t.Fatal(err)
		}
		if got := ended(t, c); !strings.HasPrefix(got, "HTTP/1.1 413") { // the half that the server writes to
			t.Errorf("%s: got %q, want 413", name, got)
		}
		if err := s.stop(); err != nil {
			t.Errorf("%s: Run returned %v", name, err)
		}
		var err error
		for err == nil { // until the server is gone
			_, err = io.WriteString(c, strings.Repeat(" ", 4096))
		}
		if err, ok := err.(net.Error); ok && err.Timeout() {
			t.Errorf("%s: the server keeps the connection", name)
		}
	}
}

func TestAllowFrom(t *testing.T) {
	t.Parallel()
	cfg := DefaultConfig()
	cfg.AllowFrom = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::/32")}
	for remote, want := range map[string]bool{"192.0.2.7": true, "::ffff:192.0.2.7": true, "192.0.3.7": false, "2001:db8::1": true,
		"2001:db9::1": false, "127.0.0.1": false, "": true, "x": false} {
		if got := cfg.allows(remote); got != want {
			t.Errorf("%q: got %v, want %v", remote, got, want)
		}
	}
	s := start(t, cfg, time.Now)
	for _, body := range []string{goodBody, ""} {
		if status, text, _ := s.do(t, "POST", s.url, "", strings.NewReader(body)); status != 403 {
			t.Errorf("got %d %s, want 403", status, text)
		}
	}
	if len(s.bodies()) != 0 {
		t.Error("an event of a sender that is not allowed was stored")
	}
}

func TestExpectContinue(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Token = "t0ken"
	s := start(t, cfg, time.Now)
	head := slowHead + "Expect: 100-continue\r\nConnection: close\r\n"
	c := dial(t, "tcp", s.Addr(), head+"Authorization: Bearer t0ken\r\n\r\n")
	r := bufio.NewReader(c)
	if line, err := r.ReadString('\n'); err != nil || !strings.HasPrefix(line, "HTTP/1.1 100 ") {
		t.Fatalf("got %q, %v, want 100", line, err)
	}
	if _, err := io.WriteString(c, goodBody); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(r); err != nil || !strings.Contains(string(rest), "HTTP/1.1 200") {
		t.Errorf("got %q, %v, want 200", rest, err)
	}
}

func TestExpectContinueRefusedKeepsTheConnection(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Token = "t0ken"
	s := start(t, cfg, time.Now)
	c := dial(t, "tcp", s.Addr(), "")
	r := bufio.NewReader(c)
	for _, step := range []struct {
		name, head string
		want       int
	}{
		{"wrong credentials", "Authorization: Bearer wrong\r\nExpect: 100-continue\r\n", 401},
		{"right credentials", "Authorization: Bearer t0ken\r\n", 200},
		{"wrong credentials again", "Authorization: Bearer wrong\r\n", 401},
	} {
		if _, err := io.WriteString(c, slowHead+step.head+"\r\n"+goodBody); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(r, nil)
		if err == nil && resp.StatusCode == http.StatusContinue {
			resp, err = http.ReadResponse(r, nil)
		}
		if err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != step.want {
			t.Errorf("%s: got %s, %v, want %d", step.name, resp.Status, err, step.want)
		}
	}
	if got := s.bodies(); len(got) != 1 || got[0] != goodBody {
		t.Errorf("stored %q, want the event with the right credentials", got)
	}
}

func TestUnixSocket(t *testing.T) {
	file := filepath.Join(t.TempDir(), "s")
	// A socket that a killed process left behind.
	old, err := net.ListenUnix("unix", &net.UnixAddr{Name: file})
	if err != nil {
		t.Fatal(err)
	}
	old.SetUnlinkOnClose(false)
	old.Close()

	cfg := DefaultConfig()
	cfg.Listen = conffile.Texts{"unix:" + file}
	cfg.AllowFrom = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} // means nothing here
	s := start(t, cfg, time.Now)
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o660 {
		t.Errorf("got %v, %v, want mode 0660", info.Mode(), err)
	}
	c := dial(t, "unix", file, slowHead+"Connection: close\r\n\r\n"+goodBody)
	if got := ended(t, c); !strings.HasPrefix(got, "HTTP/1.1 200") {
		t.Errorf("got %q, want 200", got)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.got) != 1 || s.got[0].Remote != "" {
		t.Errorf("stored %v, want one event without an address", s.got)
	}
	second, err := New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Listen(); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("got %v, want that another process listens", err)
	}
	if err := os.WriteFile(file+"2", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	second.cfg.Listen = conffile.Texts{"unix:" + file + "2"}
	if err := second.Listen(); err == nil || !strings.Contains(err.Error(), "not a socket") {
		t.Errorf("got %v, want that the file is not a socket", err)
	}
}

func TestComplaintsAreBounded(t *testing.T) {
	t.Parallel()
	var c complaints
	now := time.Unix(1795389266, 0)
	logged := 0
	for i := range 5000 {
		if c.due(complaint{"x", fmt.Sprint(i)}, now) {
			logged++
		}
	}
	if logged != maxComplaints || len(c.last) != maxComplaints {
		t.Errorf("%d logged and %d remembered, want %d", logged, len(c.last), maxComplaints)
	}
	if k := (complaint{"x", "1"}); c.due(k, now.Add(59*time.Second)) || !c.due(k, now.Add(time.Minute)) || !c.due(complaint{"x", "new"}, now.Add(time.Minute)) {
		t.Error("a source is not heard again after a minute")
	}
}

func TestRunWithoutListen(t *testing.T) {
	t.Parallel()
	in, err := New(DefaultConfig(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := in.Run(context.Background(), nil); err == nil || in.Addr() != "" || in.Close() != nil {
		t.Errorf("got %v, want an error", err)
	}
}
