package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/alarms"
	"github.com/gluster-trapgw/gluster-trapgw/mibs"
	"github.com/gluster-trapgw/gluster-trapgw/outputs"
	"github.com/gluster-trapgw/gluster-trapgw/policy"
	"github.com/gluster-trapgw/gluster-trapgw/queue"
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
}

func newSite(t *testing.T, p *policy.Policy) *site {
	s := &site{t: t, dir: t.TempDir(), policy: p}
	s.open()
	t.Cleanup(s.close)
	return s
}

func (s *site) open() {
	s.t.Helper()
	var err error
	if s.queue, err = queue.Open(s.dir, queue.DefaultConfig()); err != nil {
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
	s.res = &resolver{translator: tr, policy: s.policy}
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
	recs := captured(t)
	now := recs[len(recs)-1].Received
	s := newSite(t, policy.Default())
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
