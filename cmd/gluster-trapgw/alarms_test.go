package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/alarms"
	"github.com/gluster-trapgw/gluster-trapgw/mibs"
	"github.com/gluster-trapgw/gluster-trapgw/outputs"
	"github.com/gluster-trapgw/gluster-trapgw/outputs/syslog"
	"github.com/gluster-trapgw/gluster-trapgw/policy"
	"github.com/gluster-trapgw/gluster-trapgw/queue"
	"github.com/gluster-trapgw/gluster-trapgw/silences"
	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

// captured returns the events of the three-node cluster with the times at which they came.
func captured(t testing.TB) []*queue.Record {
	t.Helper()
	f, err := os.Open("../../testdata/captures/webhook-real.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var recs []*queue.Record
	s := bufio.NewScanner(f)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		var c struct {
			Body string
			Recv float64 `json:"recv_ts"`
		}
		if err := json.Unmarshal(s.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		if c.Body != "" {
			recs = append(recs, &queue.Record{Received: time.Unix(0, int64(c.Recv*1e9)).UTC(), Input: "webhook", Body: []byte(c.Body)})
		}
	}
	return recs
}

// site is a queue on disk that can be closed and opened again, and what reads it.
type site struct {
	t      *testing.T
	dir    string
	policy *policy.Policy
	queue  *queue.SQLite
	ended  chan error
	stop   context.CancelFunc
	res    *resolver

	silences *silences.Store // nil when there are none
}

func newSite(t *testing.T, p *policy.Policy) *site {
	s := &site{t: t, dir: t.TempDir(), policy: p}
	s.open()
	t.Cleanup(s.close)
	return s
}

func (s *site) open() {
	s.t.Helper()
	cfg := queue.DefaultConfig()
	cfg.MaxAge = 0 // the records are as old as the capture
	var err error
	if s.queue, err = queue.Open(s.dir, cfg); err != nil {
		s.t.Fatal(err)
	}
	var ctx context.Context
	ctx, s.stop = context.WithCancel(context.Background())
	s.ended = make(chan error, 1)
	go func() { s.ended <- s.queue.Run(ctx) }()
	m, err := mibs.Load("")
	if err != nil {
		s.t.Fatal(err)
	}
	tr, err := translate.New(m, translate.Cluster{ID: "q", Nodes: demoNodes})
	if err != nil {
		s.t.Fatal(err)
	}
	s.res = &resolver{translator: tr}
	s.res.policy.Store(s.policy)
}

func (s *site) close() {
	s.stop()
	if err := <-s.ended; err != nil {
		s.t.Error(err)
	}
	if err := s.queue.Close(); err != nil {
		s.t.Error(err)
	}
}

// reader returns the reader of an output as a start of the gateway makes it. Time stands still where the records end.
func (s *site) reader(output string, everyEvent bool, now time.Time) *reader {
	s.t.Helper()
	var table *alarms.Table
	if !everyEvent {
		table = alarms.New(alarms.DefaultConfig(), s.res.translator)
		if table.Output = output; s.silences != nil {
			table.Silences = s.silences
		}
	}
	r, err := newReader(s.t.Context(), s.queue, output, s.res, table, slog.New(slog.DiscardHandler))
	if err != nil {
		s.t.Fatal(err)
	}
	r.now = func() time.Time { return now }
	return r
}

func (s *site) append(recs []*queue.Record) {
	s.t.Helper()
	if err := s.queue.Append(s.t.Context(), recs...); err != nil {
		s.t.Fatal(err)
	}
}

// drain reads to the end of the log, sends and commits everything, in pieces as the worker does.
func (s *site) drain(r *reader) (sent []*translate.Notification) {
	s.t.Helper()
	last := uint64(0)
	st, err := s.queue.Status(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	for last < st.Last {
		items, err := r.Next(s.t.Context(), 256)
		if err != nil {
			s.t.Fatal(err)
		}
		for i := range items {
			if items[i].Notification != nil {
				items[i].Outcome = outputs.Sent
				sent = append(sent, items[i].Notification)
			}
			if !items[i].Extra {
				last = items[i].Seq
			}
		}
		if err := r.Commit(s.t.Context(), items); err != nil {
			s.t.Fatal(err)
		}
	}
	return sent
}

// What the operators of the captured cluster would have got.
func TestNotificationsOfTheCapturedCluster(t *testing.T) {
	all, err := policy.Load("all.yaml", []byte("rules: []\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	recs := captured(t)
	count := func(p *policy.Policy, everyEvent bool) int {
		s := newSite(t, p)
		r := s.reader("noc", everyEvent, recs[len(recs)-1].Received)
		s.append(recs)
		return len(s.drain(r))
	}
	raw, withPolicy, withAlarms, both := count(all, true), count(policy.Default(), true), count(all, false), count(policy.Default(), false)
	t.Logf("%d events of %s: %d notifications without policy and alarms, %d with the default policy, %d with alarms, %d with both",
		len(recs), recs[len(recs)-1].Received.Sub(recs[0].Received).Round(time.Second), raw, withPolicy, withAlarms, both)
	if raw != len(recs) || withPolicy >= raw || both >= withPolicy || both > 350 {
		t.Error("that is not what it should be")
	}
}

// The program dies again and again, after any number of items, some of them sent and not committed: what was committed
// before and what is sent afterwards is together what a run without a restart sends.
func TestAlarmsSurviveRestarts(t *testing.T) {
	t.Run("default policy", func(t *testing.T) { surviveRestarts(t, policy.Default(), captured(t), nil) })
	p, err := policy.Load("p.yaml", []byte(`rules:
  - {name: flaps, match: {event: "*CONNECT*", severity: ">= warning"}, hold: 20s, repeat: 2m, continue: true}
  - {name: herds, throttle: {max: 2, every: 30s, by: [event, volume]}}
`), nil)
	if err != nil {
		t.Fatal(err)
	}
	recs := captured(t)
	begin, end := recs[0].Received, recs[len(recs)-1].Received
	file := filepath.Join(t.TempDir(), "silences.json")
	text := fmt.Sprintf(`{"v":1,"silences":[{"id":"s","matchers":["event=~(PEER|BRICK)_.*"],"starts":%q,"ends":%q,"author":"eve","comment":"x"}]}`,
		begin.Add(end.Sub(begin)/3).Format(time.RFC3339Nano), begin.Add(end.Sub(begin)/2).Format(time.RFC3339Nano))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{300, 700, 900} {
		resync := &queue.Record{Received: recs[i].Received, Input: translate.OwnInput, Body: []byte(`{"event":"gtgResync","message":{}}`)}
		recs = slices.Insert(recs, i, resync)
	}
	t.Run("hold, repeat, throttle, silence, resync", func(t *testing.T) {
		surviveRestarts(t, p, recs, silences.Open(file, slog.New(slog.DiscardHandler)))
	})
}

func surviveRestarts(t *testing.T, p *policy.Policy, recs []*queue.Record, quiet *silences.Store) {
	now := recs[len(recs)-1].Received
	s := newSite(t, p)
	s.silences = quiet
	steady, shaky := s.reader("steady", false, now), s.reader("shaky", false, now)
	s.append(recs)
	var want, got []string
	tell := func(n *translate.Notification) string {
		return fmt.Sprint(n.ID, n.State, n.Severity, n.AlarmKey, n.Active, n.Count, n.Text)
	}
	for _, n := range s.drain(steady) {
		want = append(want, tell(n))
	}
	rnd := rand.New(rand.NewPCG(5, 1))
	restarts := 0
	for at := uint64(0); at < uint64(len(recs)); restarts++ {
		items, err := shaky.Next(t.Context(), 1+rnd.IntN(20))
		if err != nil {
			t.Fatal(err)
		}
		if shaky.last < uint64(len(recs)) {
			// The worker reads ahead; that is lost with the process.
			if _, err := shaky.Next(t.Context(), 10); err != nil {
				t.Fatal(err)
			}
		}
		keep := 1 + rnd.IntN(len(items))
		for i := range items[:keep] {
			if items[i].Notification != nil {
				items[i].Outcome = outputs.Sent
				got = append(got, tell(items[i].Notification))
			}
			if !items[i].Extra {
				at = items[i].Seq
			}
		}
		if err := shaky.Commit(t.Context(), items[:keep]); err != nil {
			t.Fatal(err)
		}
		if at == uint64(len(recs)) {
			break
		}
		if restarts%10 == 0 {
			s.close()
			s.open()
		}
		shaky = s.reader("shaky", false, now)
	}
	if !slices.Equal(got, want) {
		t.Errorf("%d notifications with %d restarts, %d without", len(got), restarts, len(want))
		for i := range min(len(got), len(want)) {
			if got[i] != want[i] {
				t.Fatalf("the first that differs is\n%s\nwant\n%s", got[i], want[i])
			}
		}
	}
	t.Logf("%d notifications over %d restarts", len(got), restarts)
	if quiet != nil {
		all := strings.Join(want, "\n")
		for _, what := range []string{"Still: ", " more ", "-resync-"} {
			if !strings.Contains(all, what) {
				t.Errorf("nothing has %q in it: this proves little", what)
			}
		}
	}
	rows := func(output string) (rows []string) {
		if err := s.queue.State(t.Context(), output, func(key string, value []byte) error {
			rows = append(rows, key+string(value))
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return rows
	}
	if a, b := rows("steady"), rows("shaky"); !slices.Equal(a, b) || len(a) == 0 {
		t.Errorf("the rows differ:\n%q\n%q", a, b)
	}
	// An output that wants every event from now on has no use for them.
	every := s.reader("shaky", true, now)
	s.append(recs[:1])
	s.drain(every)
	if left := rows("shaky"); len(left) > 0 {
		t.Errorf("%d rows of an output without alarms are left", len(left))
	}
}

// What happens by itself needs no record: it comes when the log is at its end, and committing it moves no cursor.
func TestAlarmsAgeWithoutRecords(t *testing.T) {
	s := newSite(t, policy.Default())
	begin := time.Now()
	r := s.reader("noc", false, begin.Add(25*time.Hour))
	s.append([]*queue.Record{{Received: begin, Body: []byte(`{"event":"DHT_DISK_USAGE","message":{"volume":"gv0","subvol":"gv0-client-0","usage":"95%"}}`)}})
	s.drain(r)
	for _, restart := range []bool{true, false} {
		items, err := r.Next(t.Context(), 256)
		if err != nil {
			t.Fatal(err)
		}
		if len(items) != 1 || !items[0].Extra || items[0].Seq != 1 || items[0].Notification.State != translate.Clear {
			t.Fatalf("got %+v, want the clear of an alarm that has aged", items)
		}
		if restart { // sent, but not committed
			r = s.reader("noc", false, begin.Add(25*time.Hour))
			continue
		}
		if err := r.Commit(t.Context(), items); err != nil {
			t.Fatal(err)
		}
	}
	st, err := s.queue.Status(t.Context())
	if err != nil || st.Outputs[0].Cursor != 1 || st.Outputs[0].Lost != 0 {
		t.Errorf("%+v, %v", st.Outputs, err)
	}
	if r.table.Len() != 0 || !r.table.Due().IsZero() {
		t.Error("the alarm is still there")
	}
}

// collector runs a syslog receiver and returns its address and what waits for its next line.
func collector(t *testing.T) (addr string, heard func() string) {
	t.Helper()
	cfg, err := loadConfig("")
	if err != nil {
		t.Fatal(err)
	}
	r, err := newReceivers(cfg, "", "", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	lines := make(chan syslog.Received, 16)
	r.line = func(m syslog.Received) { lines <- m }
	go func() {
		if err := r.Run(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	return r.lines.TCPAddr(), func() string {
		select {
		case m := <-lines:
			return m.Raw
		case <-time.After(20 * time.Second):
			t.Fatal("nothing arrives")
			return ""
		}
	}
}

// A gateway is killed while two alarms are active; the commands show them, and after the start only the clear is sent.
func TestAlarmsCommands(t *testing.T) {
	addr, heard := collector(t)
	d := newDaemon(t, fmt.Sprintf("outputs:\n  - {name: siem, syslog: {target: \"tcp://%s\"}}\n", addr))
	d.start()
	down := `{"event":"BRICK_DISCONNECTED","ts":1795388400,"nodeid":"1a6111b8-4f13-4c02-9739-2c473e398b41","message":{"peer":"gfs2","volume":"gv0","brick":"/b/1"}}`
	peer := `{"event":"PEER_DISCONNECT","ts":1795388400,"nodeid":null,"message":{"peer":"gfs3","uuid":"d99d4578-93c0-410b-9d94-278198626ce6","state":"x"}}`
	hidden := `{"event":"SVC_DISCONNECTED","ts":1795388400,"nodeid":"d99d4578-93c0-410b-9d94-278198626ce6","message":{"svc_name":"glustershd"}}`
	stop := `{"event":"VOLUME_STOP","ts":1795388400,"nodeid":null,"message":{"name":"gv9","force":false}}`
	for _, body := range []string{down, down, peer, hidden, stop} {
		if status := d.post(http.DefaultClient, []byte(body)); status != 200 {
			t.Fatal(status)
		}
	}
	for _, want := range []string{"is down", "Peer gfs3 is disconnected", "Volume gv9 was stopped"} {
		if line := heard(); !strings.Contains(line, want) {
			t.Errorf("got %s, want %q", line, want)
		}
	}
	list := func(args ...string) string {
		out, err := program(append(append([]string{"alarms"}, args...), "--config", d.file)...).Output()
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			return "error: " + string(exit.Stderr)
		}
		return string(out)
	}
	for deadline := time.Now().Add(20 * time.Second); !strings.Contains(list("list"), "volume-stopped/gv9"); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not committed: %s", list("list"))
		}
	}
	if err := d.end(syscall.SIGKILL); err == nil {
		t.Error("the gateway ended by itself")
	}
	rows := strings.Split(strings.TrimSpace(list("list")), "\n")
	if len(rows) != 5 || !strings.Contains(rows[1]+rows[2], "brick/gfs2:/b/1") || !strings.Contains(rows[3], "siem (held: cause)") || !strings.HasPrefix(rows[4], "warning") {
		t.Errorf("got\n%s", strings.Join(rows, "\n"))
	}
	if out := list("list", "--class", "vol*", "--json"); strings.Count(out, "\n") != 1 || !strings.Contains(out, `"outputs":["siem"]`) {
		t.Errorf("got %s", out)
	}
	if out := list("show", "brick/gfs2:/b/1"); !strings.Contains(out, "reports:      2\n") || !strings.Contains(out, `"BRICK_DISCONNECTED"`) {
		t.Errorf("got\n%s", out)
	}
	for want, args := range map[string][]string{
		`error: no alarm "x" is active`: {"show", "x"}, "takes one argument": {"show"}, `"noc" is not an output`: {"list", "--output", "noc"}, "not a glob": {"list", "--class", "["},
	} {
		if out := list(args...); !strings.HasPrefix(out, "error: ") || !strings.Contains(out, want) {
			t.Errorf("%v: got %s, want %q", args, out, want)
		}
	}
	d.start()
	for _, body := range []string{down, strings.Replace(down, "DISCONN", "CONN", 1)} {
		if status := d.post(http.DefaultClient, []byte(body)); status != 200 {
			t.Fatal(status)
		}
	}
	if line := heard(); !strings.Contains(line, "Brick gfs2:/b/1 of volume gv0 is up (after") || !strings.Contains(line, "reported 3 times)") {
		t.Errorf("got %s, want the clear", line)
	}
	out, err := program("history", "--config", d.file).Output()
	if err != nil || strings.Count(string(out), "siem: repeat") != 2 || strings.Count(string(out), "siem: held") != 1 {
		t.Errorf("%v\n%s", err, out)
	}
}

// The running program says by itself that an alarm is too old.
func TestServeSpeaksWithoutRecords(t *testing.T) {
	addr, heard := collector(t)
	d := newDaemon(t, fmt.Sprintf("alarms: {class_age: {brick: 2s}}\noutputs:\n  - {name: siem, syslog: {target: \"tcp://%s\"}}\n", addr))
	d.start()
	body := `{"event":"BRICK_DISCONNECTED","ts":1795388400,"nodeid":null,"message":{"peer":"gfs2","volume":"gv0","brick":"/b/1"}}`
	for _, want := range []string{"Brick gfs2:/b/1 of volume gv0 is down", "not reported again for 2s"} {
		if status := d.post(http.DefaultClient, []byte(body)); status != 200 {
			t.Fatal(status)
		}
		if line := heard(); !strings.Contains(line, want) {
			t.Errorf("got %s, want %q", line, want)
		}
	}
	if err := d.end(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	out, err := program("history", "--config", d.file).Output()
	if err != nil || strings.Count(string(out), "siem: sent") != 1 || strings.Count(string(out), "siem: repeat") != 1 {
		t.Errorf("%v\n%s", err, out)
	}
	out, err = program("alarms", "list", "--config", d.file, "--json").Output()
	if err != nil || len(out) > 0 {
		t.Errorf("%v\n%s", err, out)
	}
}
