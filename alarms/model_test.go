package alarms

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

// model is what is raised according to the catalogue, by brute force and without anything kept back.
type model struct {
	tr     *translate.Translator
	raised []translate.Alarm
}

func (m *model) apply(n *translate.Notification, sends bool) {
	ends := m.tr.Ends(n)
	m.raised = slices.DeleteFunc(m.raised, func(a translate.Alarm) bool {
		return slices.ContainsFunc(ends, func(e translate.Match) bool { return e.Covers(&a) })
	})
	a, ok := m.tr.Alarm(n)
	if !ok {
		return
	}
	if i := slices.IndexFunc(m.raised, func(b translate.Alarm) bool { return a.Key == b.Key }); i >= 0 {
		m.raised[i].Learn(n)
	} else if sends {
		m.raised = append(m.raised, a)
	}
}

// ear keeps what an operator believes to be raised and complains about what makes no sense to him.
type ear struct {
	t    *testing.T
	open map[string]bool
}

func (e *ear) hear(n *translate.Notification) {
	switch n.State {
	case translate.Raise:
		if e.open[n.AlarmKey] && !strings.Contains(n.ID, "-resync-") {
			e.t.Fatalf("raised twice: %s", heardOf(n))
		}
		e.open[n.AlarmKey] = true
	case translate.Update:
		if !e.open[n.AlarmKey] {
			e.t.Fatalf("update of nothing: %s", heardOf(n))
		}
	case translate.Clear:
		if !e.open[n.AlarmKey] {
			e.t.Fatalf("clear of nothing: %s", heardOf(n))
		}
		delete(e.open, n.AlarmKey)
		if n.Severity != translate.Cleared {
			e.t.Fatalf("clear with severity %s: %s", n.Severity, heardOf(n))
		}
	}
}

// mood is what a policy and silences do in a run of the model.
type mood struct {
	picky, patient, throttled bool
	silences                  silences
}

func newMood(seed uint64, r *rand.Rand) (m mood) {
	m.picky, m.patient, m.throttled = seed%5 == 2, seed%5 >= 3, seed%5 == 4
	for i := range 8 {
		if from := r.IntN(6000); m.patient {
			m.silences = append(m.silences, &silenced{ID: fmt.Sprint("s", i), Text: []string{"gfs1", "Brick", "gv0", "Peer"}[r.IntN(4)], From: from, To: from + r.IntN(1000)})
		}
	}
	return m
}

func (m *mood) want(r *rand.Rand, n *translate.Notification) Want {
	w := Want{Sends: !m.picky || r.IntN(4) > 0}
	if m.patient {
		w.Hold, w.Repeat = time.Duration(len(n.Event)%3)*20*time.Second, time.Duration(len(n.Event)%4)*5*time.Minute
	}
	if m.throttled {
		w.Limit = &Limit{Rule: "r", Key: n.Event, Max: 2, Every: 3 * time.Minute}
	}
	return w
}

// someControl returns what an operator may ask for, and the key of an alarm that he ends.
func someControl(r *rand.Rand, e *ear) (body, key string) {
	switch keys := slices.Sorted(maps.Keys(e.open)); {
	case len(keys) == 0 || r.IntN(3) == 0:
		return `{"event":"gtgResync","message":{"output":"noc"}}`, ""
	case r.IntN(2) == 0:
		return `{"event":"gtgSilence","message":{}}`, ""
	default:
		key = keys[r.IntN(len(keys))]
		return `{"event":"gtgAlarmClear","message":{"key":"` + key + `"}}`, key
	}
}

// someEvent returns one of the events of a small cluster.
func someEvent(r *rand.Rand) string {
	nodes := []string{"gfs1", "gfs2", "gfs3"}
	ids := map[string]string{}
	for id, n := range testNodes {
		ids[n.Name] = id
	}
	from, other := nodes[r.IntN(3)], nodes[r.IntN(3)]
	vol, path := fmt.Sprint("gv", r.IntN(2)), fmt.Sprint("/b/", r.IntN(2))
	kinds := []string{
		`"BRICK_DISCONNECTED","message":{"peer":"FROM","volume":"VOL","brick":"PATH"}`,
		`"BRICK_CONNECTED","message":{"peer":"FROM","volume":"VOL","brick":"PATH"}`,
		`"BRICKPATH_RESOLVE_FAILED","message":{"peer":"OTHER","volume":"VOL","brick":"PATH"}`,
		`"POSIX_HEALTH_CHECK_FAILED","message":{"op":"open","brick":"FROM:PATH timeout is 20"}`,
		`"PEER_DISCONNECT","message":{"peer":"OTHER","uuid":"UUID","state":"x"}`,
		`"PEER_CONNECT","message":{"host":"OTHER","uuid":"UUID"}`,
		`"PEER_CONNECT","message":{"host":"OTHER","uuid":"UUID"}`,
		`"SVC_DISCONNECTED","message":{"svc_name":"glustershd"}`,
		`"SVC_CONNECTED","message":{"svc_name":"glustershd"}`,
		`"AFR_SUBVOLS_DOWN","message":{" subvol":"VOL-replicate-0"}`,
		`"AFR_SUBVOL_UP","message":{" subvol":"VOL-replicate-0"}`,
		`"QUOTA_CROSSED_SOFT_LIMIT","message":{"volume":"VOL","path":"PATH"}`,
		`"QUOTA_DISABLE","message":{"volume":"VOL"}`,
		`"VOLUME_STOP","message":{"name":"VOL"}`,
		`"VOLUME_START","message":{"name":"VOL"}`,
		`"VOLUME_DELETE","message":{"name":"VOL"}`,
		`"BRICK_REPLACE","message":{"Volume":"VOL","source-brick":"FROM:PATH"}`,
		`"PEER_DETACH","message":{"host":"OTHER"}`,
		`"GEOREP_FAULTY","message":{"primary_volume":"VOL","secondary_host":"far","secondary_volume":"gv9","primary_node":"FROM","brick_path":"PATH"}`,
		`"GEOREP_STOP","message":{"primary":"VOL","secondary":"far::gv9"}`,
		`"SNAPSHOT_SOFT_LIMIT_REACHED","message":{"volume_name":"VOL"}`,
		`"SNAPSHOT_HARD_LIMIT_REACHED","message":{"volume_name":"VOL"}`,
		`"CLIENT_CONNECT","message":{}`,
		`"VOLUME_SET","message":{"volume":"VOL"}`,
	}
	body := strings.NewReplacer("FROM", from, "OTHER", other, "UUID", ids[other], "VOL", vol, "PATH", path).Replace(kinds[r.IntN(len(kinds))])
	return `{"event":` + body + `,"nodeid":"` + ids[from] + `"}`
}

// Whatever happens, with restarts in between: nothing is raised twice, nothing is cleared that was not raised, and when
// all causes are over the operator knows exactly what is raised.
func TestRandom(t *testing.T) {
	tr := newTranslator(t, testNodes)
	cfg := DefaultConfig()
	cfg.MaxAge = 0 // the model does not age
	cfg.Inhibit = []Inhibit{{Source: []string{"brick"}, Target: []string{"georep-worker"}, Equal: []string{"brick"}}}
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 1))
		m := &model{tr: tr}
		e := &ear{t: t, open: map[string]bool{}}
		mood := newMood(seed, r)
		s := &store{rows: map[string][]byte{}, story: []line{{Silences: mood.silences}}}
		table := s.open(t, tr, cfg)
		now := storyBegin
		for i := range 600 {
			now = now.Add(time.Duration(r.IntN(20)) * time.Second)
			body, from := someEvent(r), "webhook"
			if mood.patient && r.IntN(30) == 0 {
				var key string
				body, key = someControl(r, e)
				from = translate.OwnInput
				m.raised = slices.DeleteFunc(m.raised, func(a translate.Alarm) bool { return a.Key == key })
			}
			ev, err := translate.Decode([]byte(body))
			if err != nil {
				t.Fatal(err)
			}
			ev.Seq, ev.Received, ev.Input = uint64(i+1), now, from
			n := tr.Translate(&ev)
			in := input{n: n, want: mood.want(r, n), now: now}
			m.apply(in.n, in.want.Sends)
			for {
				steps := in.apply(table)
				done := len(steps)
				if r.IntN(8) == 0 {
					done = r.IntN(len(steps) + 1) // killed after so many
				}
				for k := range done {
					if n := steps[k].Notification; n != nil {
						e.hear(n)
					}
					s.save(&steps[k], false)
				}
				if r.IntN(8) == 0 || done < len(steps) {
					table = s.open(t, tr, cfg)
				}
				if done == len(steps) {
					break
				}
			}
		}
		// Every peer comes back and every brick is as it is.
		for i, id := range []string{"c6ad9be2-5ce9-46e0-9574-6917a91bcfb6", "1a6111b8-4f13-4c02-9739-2c473e398b41", "d99d4578-93c0-410b-9d94-278198626ce6"} {
			now = now.Add(time.Second)
			ev, err := translate.Decode([]byte(`{"event":"PEER_CONNECT","message":{"uuid":"` + id + `"}}`))
			if err != nil {
				t.Fatal(err)
			}
			ev.Seq, ev.Received = uint64(1000+i), now
			n := tr.Translate(&ev)
			m.apply(n, true)
			for _, s := range table.Apply(nil, n, Want{Sends: true}) {
				if s.Notification != nil {
					e.hear(s.Notification)
				}
			}
		}
		for due := table.Due(); !due.IsZero() && due.Sub(now) < time.Hour; due = table.Due() {
			if due.Before(now) {
				due = now
			}
			for _, s := range table.Advance(nil, due) {
				if s.Notification != nil {
					e.hear(s.Notification)
				}
			}
		}
		for _, a := range m.raised {
			inhibited := a.Class == "georep-worker" && slices.ContainsFunc(m.raised, func(b translate.Alarm) bool {
				return b.Class == "brick" && strings.HasSuffix(a.Key, strings.TrimPrefix(b.Key, "brick"))
			})
			if !e.open[a.Key] && !inhibited && !mood.picky && !mood.throttled {
				t.Errorf("seed %d: %s is raised, and the operator was not told", seed, a.Key)
			}
			delete(e.open, a.Key)
		}
		if len(e.open) > 0 {
			t.Errorf("seed %d: the operator believes %v to be raised", seed, e.open)
		}
		if t.Failed() {
			return
		}
	}
}
