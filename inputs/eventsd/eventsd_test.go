package eventsd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/inputs"
)

// start runs an input on loopback and returns a connection to it.
func start(t *testing.T, cfg Config, prepare func(*Input), accept inputs.Accept) (*Input, net.Conn, *logBuffer, func()) {
	t.Helper()
	cfg.Listen = "127.0.0.1:0"
	log := &logBuffer{}
	in := New(cfg, names(t), slog.New(slog.NewTextHandler(log, nil)))
	if err := in.Listen(); err != nil {
		t.Fatal(err)
	}
	if prepare != nil {
		prepare(in)
	}
	c, err := net.Dial("udp", in.Addrs()[0])
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- in.Run(ctx, accept) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run returned %v", err)
		}
		c.Close()
	})
	t.Cleanup(stop)
	return in, c, log, stop
}

type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func send(t *testing.T, c net.Conn, format string, args ...any) {
	t.Helper()
	if _, err := fmt.Fprintf(c, format, args...); err != nil {
		t.Fatal(err)
	}
}

func info(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "glusterd.info")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestInputRun(t *testing.T) {
	got := make(chan inputs.Received, 10)
	cfg := DefaultConfig()
	cfg.GlusterdInfo = info(t, "UUID=1a6111b8-4f13-4c02-9739-2c473e398b41\noperating-version=30900\n")
	in, c, log, stop := start(t, cfg, nil, func(_ context.Context, r inputs.Received) error { got <- r; return nil })
	before := time.Now()
	send(t, c, "7 80 volume=gv0")
	r := <-got
	if want := `{"event": "QUORUM_LOST", "message": {"volume": "gv0"}, "nodeid": "1a6111b8-4f13-4c02-9739-2c473e398b41", "ts": 7}`; string(r.Body) != want {
		t.Errorf("got %s, want %s", r.Body, want)
	}
	if r.Input != Name || r.Remote != "127.0.0.1" || r.Time.Before(before) || r.Time.Location() != time.UTC {
		t.Errorf("got %+v", r)
	}
	send(t, c, "rubbish")
	send(t, c, "more rubbish")
	send(t, c, "8 777 a=b")
	if r := <-got; !strings.Contains(string(r.Body), `"UNKNOWN_777"`) {
		t.Errorf("got %s", r.Body)
	}
	// What arrived before the end is stored.
	for i := range 5 {
		send(t, c, "%d 80 volume=gv0", i)
	}
	stop()
	for i := range 5 {
		if r := <-got; !strings.Contains(string(r.Body), fmt.Sprintf(`"ts": %d}`, i)) {
			t.Errorf("event %d is %s", i, r.Body)
		}
	}
	if n := &in.Counters; n.Accepted.Load() != 7 || n.Bad.Load() != 2 || n.Unknown.Load() != 1 || n.Dropped.Load() != 0 {
		t.Errorf("got %d accepted, %d bad, %d unknown, %d dropped", n.Accepted.Load(), n.Bad.Load(), n.Unknown.Load(), n.Dropped.Load())
	}
	if text := log.String(); strings.Count(text, "not an event") != 1 || !strings.Contains(text, "eventsd.release") {
		t.Errorf("got the log\n%s", text)
	}
}

// The daemons send to ::1 where there is IPv6.
func TestInputListensOnBothLoopbacks(t *testing.T) {
	if c, err := net.ListenPacket("udp", "[::1]:0"); err != nil {
		t.Skip("no IPv6 here: ", err)
	} else {
		c.Close()
	}
	got := make(chan inputs.Received, 1)
	in, _, _, _ := start(t, DefaultConfig(), nil, func(_ context.Context, r inputs.Received) error { got <- r; return nil })
	if len(in.Addrs()) != 2 {
		t.Fatalf("bound %v", in.Addrs())
	}
	c, err := net.Dial("udp", in.Addrs()[1])
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	send(t, c, "7 80 volume=gv0")
	if r := <-got; r.Remote != "::1" || !strings.Contains(string(r.Body), `"nodeid": null`) {
		t.Errorf("got %+v", r)
	}
}

func TestInputPortInUse(t *testing.T) {
	in, _, _, _ := start(t, DefaultConfig(), nil, func(context.Context, inputs.Received) error { return nil })
	cfg := DefaultConfig()
	cfg.Listen = in.Addrs()[0]
	if err := New(cfg, nil, slog.New(slog.DiscardHandler)).Listen(); err == nil || !strings.Contains(err.Error(), "glustereventsd") {
		t.Errorf("got %v", err)
	}
}

// An event that cannot be stored is tried again; none is lost and the order stays.
func TestInputRetries(t *testing.T) {
	got := make(chan string, 10)
	failures := 3
	_, c, log, _ := start(t, DefaultConfig(), func(in *Input) { in.retry = time.Millisecond }, func(_ context.Context, r inputs.Received) error {
		if failures--; failures >= 0 {
			return errors.New("disk full")
		}
		got <- string(r.Body)
		return nil
	})
	for i := range 3 {
		send(t, c, "%d 80 volume=gv0", i)
	}
	for i := range 3 {
		if body := <-got; !strings.Contains(body, fmt.Sprintf(`"ts": %d}`, i)) {
			t.Errorf("event %d is %s", i, body)
		}
	}
	if text := log.String(); strings.Count(text, "cannot be stored") != 1 || strings.Count(text, "can be stored again") != 1 {
		t.Errorf("got the log\n%s", text)
	}
}

// What the kernel throws away is counted: each datagram is either stored or in the counter.
func TestInputCountsKernelDrops(t *testing.T) {
	const flood = 500
	block := make(chan struct{})
	got := make(chan string, 2*flood)
	in, c, log, stop := start(t, DefaultConfig(), func(in *Input) {
		in.buffer = 1
		if err := in.conns[0].SetReadBuffer(4096); err != nil {
			t.Fatal(err)
		}
	}, func(_ context.Context, r inputs.Received) error {
		<-block
		got <- string(r.Body)
		return nil
	})
	for i := range flood {
		send(t, c, "%d 80 volume=gv0", i)
	}
	close(block)
	// The count comes with the next datagram that finds room: send until one comes through.
	sent := uint64(flood)
	for last := ""; !strings.Contains(last, `"ts": 9999}`); {
		send(t, c, "9999 80 volume=gv0")
		sent++
		for waiting := true; waiting && !strings.Contains(last, `"ts": 9999}`); {
			select {
			case last = <-got:
			case <-time.After(time.Second):
				waiting = false
			}
		}
	}
	stop()
	if n := in.Counters.Accepted.Load() + in.Counters.Dropped.Load(); n != sent || in.Counters.Dropped.Load() == 0 {
		t.Errorf("%d stored or dropped, %d sent", n, sent)
	}
	if n := strings.Count(log.String(), "kernel drops events"); n != 1 {
		t.Errorf("%d lines about drops\n%s", n, log)
	}
}

func TestDropLog(t *testing.T) {
	log := &logBuffer{}
	in := New(DefaultConfig(), nil, slog.New(slog.NewTextHandler(log, nil)))
	d := dropLog{in: in, addr: "a"}
	now := time.Unix(1000, 0)
	for _, step := range []struct {
		after  time.Duration
		count  uint32
		lines  int
		counts uint64
	}{{0, 0, 0, 0}, {time.Second, 5, 1, 5}, {time.Second, 7, 1, 7}, {9 * time.Second, 7, 1, 7}, {time.Second, 7, 2, 7},
		{time.Hour, 7, 2, 7}, {0, 1<<32 - 1, 3, 1<<32 - 1}, {0, 3, 3, 1<<32 + 3}} {
		now = now.Add(step.after)
		d.see(step.count, now)
		if n := strings.Count(log.String(), "\n"); n != step.lines || in.Counters.Dropped.Load() != step.counts {
			t.Errorf("at %d: %d lines, %d counted, want %d, %d", step.count, n, in.Counters.Dropped.Load(), step.lines, step.counts)
		}
	}
}

// The file of glusterd may appear later.
func TestNode(t *testing.T) {
	file := filepath.Join(t.TempDir(), "glusterd.info")
	log := &logBuffer{}
	n := node{cfg: Config{GlusterdInfo: file, Release: "auto"}, log: slog.New(slog.NewTextHandler(log, nil))}
	now := time.Unix(1000, 0)
	if id := n.get(now); id != "" {
		t.Errorf("got %q from nowhere", id)
	}
	const want = "1a6111b8-4f13-4c02-9739-2c473e398b41"
	if err := os.WriteFile(file, []byte("operating-version=100000\nUUID="+want+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if id := n.get(now.Add(time.Second)); id != "" {
		t.Errorf("looked again too soon")
	}
	if id := n.get(now.Add(lookEvery)); id != want {
		t.Errorf("got %q, want %q", id, want)
	}
	if text := log.String(); strings.Count(text, "\n") != 1 {
		t.Errorf("got the log\n%s", text)
	}
}

func TestConfigValidate(t *testing.T) {
	const uuid = "1a6111b8-4f13-4c02-9739-2c473e398b41"
	for _, tt := range []struct {
		name string
		cfg  Config
		bad  []string
	}{
		{"off", DefaultConfig(), nil},
		{"port", Config{"55555", "", "/x", "auto"}, nil},
		{"no host", Config{":55555", uuid, "", "3.9.0"}, nil},
		{"all addresses", Config{"[::]:55555", uuid, "", "auto"}, nil},
		{"everything wrong", Config{"gfs1:x", "none", "x", "4"}, []string{"listen: ", "node_id: ", "release: "}},
		{"host name", Config{"gfs1:5", "", "x", "auto"}, []string{"listen: ", "glusterd_info: "}},
		{"port too high", Config{"127.0.0.1:65536", "", "/x", "auto"}, []string{"listen: "}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.cfg.Validate()
			var got []string
			if err != nil {
				got = strings.Split(err.Error(), "\n")
			}
			if len(got) != len(tt.bad) {
				t.Fatalf("got %q, want %q", got, tt.bad)
			}
			for i := range got {
				if !strings.HasPrefix(got[i], tt.bad[i]) {
					t.Errorf("got %q, want %q", got[i], tt.bad[i])
				}
			}
		})
	}
	for listen, want := range map[string]string{"55555": "[127.0.0.1 ::1]", ":1": "[127.0.0.1 ::1]", "localhost:1": "[127.0.0.1 ::1]", "[::1]:1": "[127.0.0.1 ::1]",
		"127.0.0.1:1": "[127.0.0.1 ::1]", "127.0.0.2:1": "[127.0.0.2]", "0.0.0.0:1": "[0.0.0.0]", "192.0.2.1:1": "[192.0.2.1]"} {
		cfg := Config{Listen: listen}
		if hosts, _, err := cfg.address(); err != nil || fmt.Sprint(hosts) != want {
			t.Errorf("%s: got %v, %v, want %s", listen, hosts, err, want)
		}
	}
}
