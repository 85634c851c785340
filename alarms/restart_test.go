package alarms

import (
	"fmt"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

// store is what survives: the rows and how many inputs are done with.
type store struct {
	rows   map[string][]byte
	cursor int
	story  []line // what a table needs to know of it
}

func (s *store) save(st *Step, last bool) {
	for i := range st.Changes {
		c := &st.Changes[i]
		if v := c.Value(); v == nil {
			delete(s.rows, c.Key())
		} else {
			s.rows[c.Key()] = v
		}
	}
	if last {
		s.cursor++
	}
}

func (s *store) open(t testing.TB, tr *translate.Translator, cfg Config) *Table {
	t.Helper()
	table := New(cfg, tr)
	if s.story != nil {
		table = newStoryTable(tr, cfg, s.story)
	}
	for _, key := range slices.Sorted(maps.Keys(s.rows)) {
		if err := table.Restore(key, s.rows[key]); err != nil {
			t.Fatal(err)
		}
	}
	return table
}

// heardOf is all of a notification that has to do with alarms.
func heardOf(n *translate.Notification) string {
	return fmt.Sprint(n.ID, " ", n.Event, " ", n.State, " ", n.Severity, " ", n.AlarmClass, " ", n.AlarmKey, " ", n.Active, " ", n.Count,
		" ", n.Time.Format(time.RFC3339), " ", n.Volume, n.Brick, n.Peer, " ", n.Text)
}

// run applies the inputs after the cursor, saves each step, and stops after so many steps in all; it returns what was
// heard and how many steps there were.
func run(t testing.TB, s *store, tr *translate.Translator, cfg Config, all []input, stop int) (heard []string, steps int) {
	table := s.open(t, tr, cfg)
	for s.cursor < len(all) {
		in := &all[s.cursor]
		got := in.apply(table)
		for i := range got {
			if steps == stop {
				return heard, steps
			}
			steps++
			if got[i].Notification != nil {
				heard = append(heard, heardOf(got[i].Notification))
			}
			s.save(&got[i], i == len(got)-1)
		}
		if len(got) == 0 {
			s.cursor++ // time passed and nothing happened
		}
	}
	return heard, steps
}

// Whoever is killed after any step and starts again from what was saved tells the same story.
func TestRestartAfterEveryStep(t *testing.T) {
	tr := newTranslator(t, testNodes)
	files, err := filepath.Glob("../testdata/stories/*.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	cuts := 0
	for _, file := range files {
		for _, story := range readStories(t, file) {
			all := inputs(t, tr, story)
			want, steps := run(t, &store{rows: map[string][]byte{}, story: story}, tr, storyConfig(story), all, -1)
			for stop := range steps {
				s := &store{rows: map[string][]byte{}, story: story}
				got, _ := run(t, s, tr, storyConfig(story), all, stop)
				rest, _ := run(t, s, tr, storyConfig(story), all, -1)
				if got = append(got, rest...); !slices.Equal(got, want) {
					t.Fatalf("%s, %s, killed after step %d:\n%s\nwant\n%s", filepath.Base(file), story[0].Story, stop,
						strings.Join(got, "\n"), strings.Join(want, "\n"))
				}
				cuts++
			}
			seen := map[string]bool{}
			for _, h := range want {
				id, _, _ := strings.Cut(h, " ")
				if seen[id] || len(id) > 64 {
					t.Errorf("%s: ID %q is used twice or too long", story[0].Story, id)
				}
				seen[id] = true
			}
		}
	}
	if cuts < 450 {
		t.Errorf("only %d restarts were tried", cuts)
	}
}

// A restart with other names for the nodes changes keys, but a clear bears the key of its raise.
func TestRestartWithOtherNames(t *testing.T) {
	raise := `{"event":"BRICK_DISCONNECTED","nodeid":"1a6111b8-4f13-4c02-9739-2c473e398b41","ts":1795388400,"message":{"peer":"192.0.2.12","volume":"gv0","brick":"/b/1"}}`
	clear := strings.Replace(raise, "DISCONN", "CONN", 1)
	s := &store{rows: map[string][]byte{}}
	old, renamed := newTranslator(t, nil), newTranslator(t, testNodes)
	one, _ := run(t, s, old, DefaultConfig(), inputs(t, old, []line{{Event: []byte(raise)}}), -1)
	two, _ := run(t, s, renamed, DefaultConfig(), inputs(t, renamed, []line{{Event: []byte(raise)}, {At: 5, Event: []byte(raise)}, {At: 9, Event: []byte(clear)}}), -1)
	all := strings.Join(append(one, two...), "\n")
	if len(one) != 1 || len(two) != 1 || strings.Count(all, " brick brick/192.0.2.12:/b/1 ") != 2 {
		t.Errorf("heard\n%s\nwant one raise and one clear with the same key", all)
	}
	if len(s.rows) != 0 {
		t.Errorf("%d rows are left", len(s.rows))
	}
}

// What was kept back comes out when the configuration has no reason for it any more.
func TestRestartWithoutCauses(t *testing.T) {
	tr := newTranslator(t, testNodes)
	s := &store{rows: map[string][]byte{}}
	peer := `{"event":"PEER_DISCONNECT","nodeid":"c6ad9be2-5ce9-46e0-9574-6917a91bcfb6","message":{"peer":"gfs2","uuid":"1a6111b8-4f13-4c02-9739-2c473e398b41"}}`
	heard, _ := run(t, s, tr, DefaultConfig(), inputs(t, tr, []line{{Event: []byte(peer)}, {Event: []byte(brickBody("BRICK_DISCONNECTED", 1))}}), -1)
	if len(heard) != 1 {
		t.Fatalf("heard %q", heard)
	}
	cfg := DefaultConfig()
	cfg.PeerHides = false
	table := s.open(t, tr, cfg)
	now := storyBegin.Add(time.Hour)
	for range 2 {
		due := table.Due()
		if due.IsZero() {
			t.Fatal("nothing is planned")
		}
		if due.After(now) {
			now = due
		}
		for _, st := range table.Advance(nil, now) {
			if st.Notification != nil {
				heard = append(heard, heardOf(st.Notification))
			}
		}
	}
	if len(heard) != 2 || !strings.Contains(heard[1], "raise critical brick brick/gfs2:/bricks/brick1") {
		t.Errorf("heard %q", heard)
	}
}

// What a silence kept back comes out at once when nobody knows of the silence any more.
func TestRestartWithoutSilences(t *testing.T) {
	tr := newTranslator(t, testNodes)
	story := []line{{Silences: []*silenced{{ID: "s", Text: "Brick", To: 36000}}}, {Event: []byte(brickBody("BRICK_DISCONNECTED", 1))}}
	s := &store{rows: map[string][]byte{}, story: story}
	if heard, _ := run(t, s, tr, DefaultConfig(), inputs(t, tr, story), -1); len(heard) != 0 || len(s.rows) != 1 {
		t.Fatalf("heard %q, %d rows", heard, len(s.rows))
	}
	s.story = nil
	table := s.open(t, tr, DefaultConfig())
	now, heard := storyBegin.Add(time.Minute), 0
	for due := table.Due(); !due.IsZero() && !due.After(now); due = table.Due() {
		for _, st := range table.Advance(nil, now) {
			if n := st.Notification; n != nil && n.State == translate.Raise {
				heard++
			}
		}
	}
	if heard != 1 {
		t.Errorf("%d raises, want 1", heard)
	}
}

// All of many alarms come again once, however often the program is started meanwhile, and not in one step.
func TestResyncOfMany(t *testing.T) {
	tr := newTranslator(t, testNodes)
	s := &store{rows: map[string][]byte{}, story: []line{{}}}
	all := make([]input, 0, 1001)
	for i := range 1000 {
		n := event(t, tr, i+1, brickBody("BRICK_DISCONNECTED", i))
		all = append(all, input{n: n, want: Want{Sends: true}, now: n.Received})
	}
	ev, err := translate.Decode([]byte(`{"event":"gtgResync","message":{"output":"noc"}}`))
	if err != nil {
		t.Fatal(err)
	}
	ev.Seq, ev.Received, ev.Input = 1001, storyBegin.Add(time.Hour), translate.OwnInput
	all = append(all, input{n: tr.Translate(&ev), now: ev.Received})
	if heard, _ := run(t, s, tr, DefaultConfig(), all, -1); len(heard) != 1001 || !strings.Contains(heard[1000], "The 1000 active alarms follow again") {
		t.Fatalf("heard %d, the last %s", len(heard), heard[len(heard)-1])
	}
	seen := map[string]int{}
	rounds := 0
	for ; ; rounds++ {
		table := s.open(t, tr, DefaultConfig())
		if due := table.Due(); due.IsZero() || due.After(ev.Received) {
			break
		}
		steps := table.Advance(nil, ev.Received)
		if len(steps) > resyncChunk {
			t.Fatalf("%d steps at once", len(steps))
		}
		for i := range min(len(steps), 100) { // killed then
			if n := steps[i].Notification; n != nil {
				seen[n.AlarmKey]++
			}
			s.save(&steps[i], false)
		}
	}
	if len(seen) != 1000 || rounds < 10 {
		t.Errorf("%d alarms came again in %d rounds", len(seen), rounds)
	}
	for key, n := range seen {
		if n != 1 {
			t.Errorf("%s came %d times", key, n)
		}
	}
	if s.rows[resyncKey] != nil {
		t.Error("the row of the resync is left")
	}
}

func TestRestoreRefuses(t *testing.T) {
	table := New(DefaultConfig(), newTranslator(t, nil))
	if err := table.Restore("other/x", []byte("?")); err != nil {
		t.Errorf("row of something else: %v", err)
	}
	for name, value := range map[string]string{
		"not JSON":         `{`,
		"unknown version":  `{"v":2}`,
		"unknown severity": `{"v":1,"severity":"bad","body":"{}"}`,
		"no event":         `{"v":1,"severity":"major","body":"{}"}`,
		"bad address":      `{"v":1,"severity":"major","remote":"x","body":"{\"event\":\"QUORUM_LOST\"}"}`,
	} {
		if err := table.Restore(RowPrefix+"k", []byte(value)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if table.Len() != 0 {
		t.Errorf("%d alarms", table.Len())
	}
	for _, value := range []string{`{`, `{"v":2}`, `{"v":1,"held":1}`, `{"v":1,"held":1,"severity":"x","last":{"body":"{}"}}`, `{"v":1,"held":1,"severity":"major","last":{"body":"{}","remote":"x"}}`} {
		if err := table.Restore(throttlePrefix+"k", []byte(value)); err == nil {
			t.Errorf("throttle %s: no error", value)
		}
	}
	for _, value := range []string{`{`, `{"v":2}`} {
		if err := table.Restore(resyncKey, []byte(value)); err == nil {
			t.Errorf("resync %s: no error", value)
		}
	}
	if !table.Due().IsZero() {
		t.Error("something is planned")
	}
}

// A row says what the alarm is, whatever the event has in it.
func TestRowRoundTrip(t *testing.T) {
	tr := newTranslator(t, nil)
	for _, path := range []string{`/a`, `/a\"b\\c`, "/\u00e4\u4e2d", `/\u0007\n\u2028`, "/\xff"} {
		ev, err := translate.Decode([]byte(`{"event":"QUOTA_CROSSED_SOFT_LIMIT","nodeid":"x","message":{"volume":"gv0","path":"` + path + `"}}`))
		if err != nil {
			t.Fatal(err)
		}
		ev.Seq, ev.Received, ev.Input, ev.Remote = 7, storyBegin.Add(123456789), "webhook", "192.0.2.1"
		n := tr.Translate(&ev)
		c := New(DefaultConfig(), tr).Apply(nil, n, Want{Sends: true})[0].Changes[0]
		c.status.held, c.status.due = byHold, storyBegin.UnixNano()
		row, ok, err := ParseRow(c.Key(), c.Value())
		if !ok || err != nil {
			t.Fatalf("%s: %v", c.Value(), err)
		}
		due := storyBegin
		want := Row{Key: n.AlarmKey, Version: 1, Class: "quota", Event: n.Event, Severity: "warning", Text: n.Text, Count: 1,
			Begun: n.Time, Last: ev.Received, Held: true, Why: "hold", Due: row.Due, Seq: 7, ReportSeq: 7, Received: ev.Received,
			Remote: "192.0.2.1", Body: n.Raw}
		if !reflect.DeepEqual(row, want) || row.Due == nil || !row.Due.Equal(due) {
			t.Errorf("got  %+v\nwant %+v", row, want)
		}
	}
}
