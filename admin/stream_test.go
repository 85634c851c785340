package admin

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
)

// book is a log in memory.
type book struct {
	mu     sync.Mutex
	first  uint64
	events []*Live
	more   chan struct{}
}

func newBook(n int) *book {
	b := &book{first: 1, more: make(chan struct{})}
	b.add(n)
	return b
}

// add writes events; every third one is a critical BRICK_DISCONNECTED of gv1.
func (b *book) add(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for range n {
		e := &Live{Seq: uint64(len(b.events)) + b.first, Event: "VOLUME_START", Group: "volume", Severity: "informational", Volume: "gv0", Node: "gfs1", Text: "x", Outputs: []string{"noc"}}
		if e.Seq%3 == 0 {
			e.Event, e.Group, e.Severity, e.Volume = "BRICK_DISCONNECTED", "brick", "critical", "gv1"
		}
		b.events = append(b.events, e)
	}
	close(b.more)
	b.more = make(chan struct{})
}

func (b *book) Range(context.Context) (first, last uint64, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.first, b.first + uint64(len(b.events)) - 1, nil
}

func (b *book) Live(_ context.Context, after uint64, max int) ([]*Live, uint64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	from := int(after + 1 - b.first)
	if from >= len(b.events) {
		return nil, after, nil
	}
	all := b.events[from:min(len(b.events), from+max)]
	return all, all[len(all)-1].Seq, nil
}

func (b *book) Wait(ctx context.Context, after uint64) error {
	for {
		b.mu.Lock()
		last, more := b.first+uint64(len(b.events))-1, b.more
		b.mu.Unlock()
		if last > after {
			return nil
		}
		select {
		case <-more:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// startStream serves the book until the test ends and returns the address.
func startStream(t *testing.T, b *book) string {
	t.Helper()
	s, err := New(Config{Listen: "127.0.0.1:0"}, fake{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	stream := NewStream(b, slog.New(slog.DiscardHandler))
	s.Handle("GET /stream", stream)
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for _, run := range []func(context.Context) error{s.Run, stream.Run} {
		running.Go(func() {
			if err := run(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(func() { cancel(); running.Wait() })
	return s.Addr()
}

// message is an event or a notice.
type message struct {
	Live
	Notice string
	Resume uint64 `json:"resume_after"`
}

// sseClient returns what comes as server-sent events; it is closed at the end of the stream.
func sseClient(t *testing.T, addr, query string, header http.Header) <-chan message {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+addr+"/stream"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range header {
		r.Header[k] = v
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("got %d, %v", resp.StatusCode, resp.Header)
	}
	t.Cleanup(func() { resp.Body.Close() })
	got := make(chan message, 100000)
	go func() {
		defer close(got)
		var id string
		for in := bufio.NewReader(resp.Body); ; {
			line, err := in.ReadString('\n')
			if err != nil {
				return // what broke off is no line
			}
			line = strings.TrimSuffix(line, "\n")
			if v, ok := strings.CutPrefix(line, "id: "); ok {
				id = v
			}
			if v, ok := strings.CutPrefix(line, "data: "); ok {
				var m message
				if err := json.Unmarshal([]byte(v), &m); err != nil || m.Notice == "" && fmt.Sprint(m.Seq) != id {
					t.Errorf("got %s with id %s: %v", v, id, err)
				}
				got <- m
			}
		}
	}()
	return got
}

// wsClient is sseClient for a WebSocket; the first message says that it listens.
func wsClient(t *testing.T, addr, query string) <-chan message {
	t.Helper()
	conn, buf, _, err := ws.Dial(t.Context(), "ws://"+addr+"/stream"+query)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	var r = bufio.NewReader(conn)
	if buf != nil {
		r = buf
	}
	got := make(chan message, 100000)
	go func() {
		defer close(got)
		for {
			text, err := wsutil.ReadServerText(struct {
				io.Reader
				io.Writer
			}{r, conn})
			if err != nil {
				return
			}
			var m message
			if err := json.Unmarshal(text, &m); err != nil {
				t.Errorf("got %s: %v", text, err)
			}
			got <- m
		}
	}()
	return got
}

// take returns the numbers of the next n events; a notice fails the test.
func take(t *testing.T, got <-chan message, n int) (seqs []uint64) {
	t.Helper()
	limit := time.After(20 * time.Second)
	for len(seqs) < n {
		select {
		case m, ok := <-got:
			switch {
			case !ok:
				t.Fatalf("the stream ended after %v", seqs)
			case m.Notice == "listening":
			case m.Notice != "":
				t.Fatalf("notice: %s", m.Notice)
			default:
				seqs = append(seqs, m.Seq)
			}
		case <-limit:
			t.Fatalf("only %v came", seqs)
		}
	}
	return seqs
}

func upFrom(first uint64, n int) (seqs []uint64) {
	for i := range n {
		seqs = append(seqs, first+uint64(i))
	}
	return seqs
}

// Everything comes once and in order to everybody, whenever they join and wherever they resume.
func TestStreamHasNoGapAndNoRepeat(t *testing.T) {
	b := newBook(1000)
	addr := startStream(t, b)
	live := sseClient(t, addr, "", nil)
	past := wsClient(t, addr, "?after=0")
	if got := take(t, past, 1000); !slices.Equal(got, upFrom(1, 1000)) {
		t.Errorf("from the beginning: %v", got)
	}
	stop := make(chan struct{})
	var writing sync.WaitGroup
	writing.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				b.add(7)
				time.Sleep(time.Millisecond)
			}
		}
	})
	for i := range 10 { // who joins while events come
		from := uint64(i * 100)
		header := http.Header{"Last-Event-Id": {fmt.Sprint(from)}}
		if got := take(t, sseClient(t, addr, "?after=5", header), 1500); !slices.Equal(got, upFrom(from+1, 1500)) {
			t.Errorf("SSE after %d: %v", from, got)
		}
		if got := take(t, wsClient(t, addr, fmt.Sprintf("?after=%d", from)), 1500); !slices.Equal(got, upFrom(from+1, 1500)) {
			t.Errorf("WebSocket after %d: %v", from, got)
		}
	}
	close(stop)
	writing.Wait()
	if got := take(t, live, 500); !slices.Equal(got, upFrom(1001, 500)) {
		t.Errorf("live: %v", got)
	}
	if got := take(t, past, 500); !slices.Equal(got, upFrom(1001, 500)) {
		t.Errorf("after the past: %v", got)
	}
}

// A filter selects; any of several values may fit.
func TestStreamFilters(t *testing.T) {
	b := newBook(9)
	addr := startStream(t, b)
	for query, want := range map[string][]uint64{
		"?after=0&event=BRICK_*":                  {3, 6, 9},
		"?after=0&severity=%3E%3Dmajor":           {3, 6, 9},
		"?after=0&severity=informational":         {1, 2, 4, 5, 7, 8},
		"?after=0&volume=gv1&volume=gv9":          {3, 6, 9},
		"?after=0&group=brick&group=volume":       {1, 2, 3, 4, 5, 6, 7, 8, 9},
		"?after=4&group=volume&node=gfs*":         {5, 7, 8},
		"?after=0&event=BRICK_*&severity=warning": nil,
	} {
		if got := take(t, sseClient(t, addr, query, nil), len(want)); !slices.Equal(got, want) {
			t.Errorf("SSE %s: %v", query, got)
		}
		if got := take(t, wsClient(t, addr, query), len(want)); !slices.Equal(got, want) {
			t.Errorf("WebSocket %s: %v", query, got)
		}
	}
	live := wsClient(t, addr, "?event=BRICK_*")
	for m := range live {
		if m.Notice == "listening" && m.Resume == 9 {
			break
		}
	}
	b.add(6)
	if got := take(t, live, 2); !slices.Equal(got, []uint64{12, 15}) {
		t.Errorf("live: %v", got)
	}
	for query, want := range map[string]string{
		"?event=[":        `event: "[" is not a glob`,
		"?severity=worst": `severity: "worst" is not a severity`,
		"?after=x":        `after: "x" is not the number of an event`,
		"?evnt=x":         `"evnt" is not a filter`,
	} {
		resp, text := send(t, "GET", "http://"+addr+"/stream"+query, nil)
		if resp.StatusCode != 400 || !strings.Contains(strings.ReplaceAll(text, `\"`, `"`), want) {
			t.Errorf("%s: %d %s", query, resp.StatusCode, text)
		}
	}
}

// Who resumes where the log no longer is, or is not yet, hears so.
func TestStreamTellsWhatIsMissing(t *testing.T) {
	b := newBook(0)
	b.first = 100
	b.add(3)
	addr := startStream(t, b)
	for query, want := range map[string]string{
		"?after=5":   "events 6 to 99 are no longer kept",
		"?after=900": "there is no event 900: this is another log than before",
	} {
		for _, got := range []<-chan message{sseClient(t, addr, query, nil), wsClient(t, addr, query)} {
			if m := <-got; m.Notice != want {
				t.Errorf("%s: got %+v", query, m)
			}
		}
	}
}

// A listener who takes nothing is cut off with the number to go on from; nobody else notices.
func TestStreamCutsOffTheSlow(t *testing.T) {
	b := newBook(0)
	stream := NewStream(b, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var running sync.WaitGroup
	running.Go(func() { stream.Run(ctx) }) //nolint:errcheck // it returns nil
	block := make(chan struct{})
	slow := &listening{query: &LiveQuery{}, write: func(data []byte) error {
		if strings.Contains(string(data), "data: ") {
			<-block
		}
		return nil
	}}
	began := make(chan bool)
	taken := uint64(0)
	quick := &listening{query: &LiveQuery{}, write: func(data []byte) error {
		if taken += uint64(strings.Count(string(data), "data: ")); taken == 0 {
			began <- true
		}
		return nil
	}}
	end := make(chan error)
	go func() { end <- stream.follow(ctx, slow) }()
	running.Go(func() { stream.follow(ctx, quick) }) //nolint:errcheck // it ends with ctx
	<-began
	for { // until both listen
		stream.mu.Lock()
		n := len(stream.subs)
		stream.mu.Unlock()
		if n == 2 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	const events = (streamQueue + 50) * streamBatch
	for range events / streamBatch {
		b.add(streamBatch)
		time.Sleep(100 * time.Microsecond)
	}
	for { // the slow one is out
		stream.mu.Lock()
		n := len(stream.subs)
		stream.mu.Unlock()
		if n == 1 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	close(block)
	if err := <-end; err != errSlow || slow.at == 0 || slow.at >= events {
		t.Errorf("got %v after event %d", err, slow.at)
	}
	for { // the quick one has everything
		stream.mu.Lock()
		at := stream.at
		stream.mu.Unlock()
		if at == events {
			break
		}
		time.Sleep(time.Millisecond)
	}
	time.Sleep(50 * time.Millisecond)
	cancel()
	running.Wait()
	if taken != events {
		t.Errorf("the quick listener has %d of %d", taken, events)
	}
}

// What a listener says is taken as the protocol wants: a ping is answered, a close closed, noise dropped.
func TestStreamHearsWebSocketControl(t *testing.T) {
	addr := startStream(t, newBook(1))
	conn, _, _, err := ws.Dial(t.Context(), "ws://"+addr+"/stream")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second)) //nolint:errcheck // a TCP connection can
	for _, f := range []ws.Frame{ws.NewTextFrame([]byte("hello")), ws.NewPingFrame([]byte("are you there")), ws.NewCloseFrame(ws.NewCloseFrameBody(ws.StatusNormalClosure, "bye"))} {
		if err := ws.WriteFrame(conn, ws.MaskFrame(f)); err != nil {
			t.Fatal(err)
		}
	}
	var ops []ws.OpCode
	for {
		f, err := ws.ReadFrame(conn)
		if err != nil {
			break
		}
		if ops = append(ops, f.Header.OpCode); f.Header.OpCode == ws.OpPong && string(f.Payload) != "are you there" {
			t.Errorf("pong %q", f.Payload)
		}
	}
	if !slices.Contains(ops, ws.OpPong) || !slices.Contains(ops, ws.OpClose) {
		t.Errorf("got frames %v", ops)
	}
}
