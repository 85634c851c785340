package alarms

import (
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

func event(t testing.TB, tr *translate.Translator, seq int, body string) *translate.Notification {
	t.Helper()
	ev, err := translate.Decode([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	ev.Seq, ev.Received, ev.TS = uint64(seq), storyBegin.Add(time.Duration(seq)*time.Millisecond), storyBegin.Unix()
	return tr.Translate(&ev)
}

func brickBody(event string, i int) string {
	return fmt.Sprintf(`{"nodeid": "1a6111b8-4f13-4c02-9739-2c473e398b41", "ts": 1795388400, "event": "%s", "message": {"volume": "gv%d", "peer": "gfs2", "brick": "/bricks/brick%d"}}`,
		event, i/100, i)
}

// full returns a table with so many alarms.
func full(t testing.TB, tr *translate.Translator, alarms int) *Table {
	table := New(DefaultConfig(), tr)
	var steps []Step
	for i := range alarms {
		// As much as a policy can want of each.
		w := Want{Sends: true, Repeat: time.Hour, Limit: &Limit{Rule: "r", Key: "r/gv" + strconv.Itoa(i/100), Max: alarms, Every: 24 * time.Hour}}
		steps = table.Apply(steps[:0], event(t, tr, i+1, brickBody("BRICK_DISCONNECTED", i)), w)
	}
	if table.Len() != alarms {
		t.Fatalf("%d alarms, want %d", table.Len(), alarms)
	}
	return table
}

func BenchmarkApply(b *testing.B) {
	tr := newTranslator(b, testNodes)
	for _, bb := range []struct {
		name   string
		events []string
	}{
		{"stateless", []string{`{"nodeid": "1a6111b8-4f13-4c02-9739-2c473e398b41", "event": "VOLUME_SET", "message": {"volume": "gv0", "options": "[('a', 'b')]"}}`}},
		{"orphan clear", []string{brickBody("BRICK_CONNECTED", 1_000_000)}},
		{"repeated raise", []string{brickBody("BRICK_DISCONNECTED", 77)}},
		{"raise and clear", []string{brickBody("BRICK_DISCONNECTED", 1_000_000), brickBody("BRICK_CONNECTED", 1_000_000)}},
	} {
		b.Run(bb.name, func(b *testing.B) {
			table := full(b, tr, 1000)
			var ns []*translate.Notification
			for i, e := range bb.events {
				ns = append(ns, event(b, tr, 5000+i, e))
			}
			var steps []Step
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				steps = table.Apply(steps[:0], ns[i%len(ns)], Want{Sends: true})
			}
		})
	}
	b.Run("throttled and saved", func(b *testing.B) {
		table := full(b, tr, 1000)
		n := event(b, tr, 5000, `{"nodeid": "1a6111b8-4f13-4c02-9739-2c473e398b41", "event": "VOLUME_SET", "message": {"volume": "gv0", "options": "[('a', 'b')]"}}`)
		w := Want{Sends: true, Limit: &Limit{Rule: "r", Key: "r/VOLUME_SET", Max: 5, Every: time.Hour}}
		var steps []Step
		b.ReportAllocs()
		for i := range b.N {
			if steps = table.Apply(steps[:0], n, w); i%256 == 0 { // as often as a batch is committed
				steps[0].Changes[0].Value()
			}
		}
	})
	b.Run("held raise and clear", func(b *testing.B) {
		table := full(b, tr, 1000)
		raise, clear := event(b, tr, 5000, brickBody("BRICK_DISCONNECTED", 1_000_000)), event(b, tr, 5001, brickBody("BRICK_CONNECTED", 1_000_000))
		var steps []Step
		b.ReportAllocs()
		for i := range b.N {
			n := raise
			if i%2 == 1 {
				n = clear
			}
			steps = table.Apply(steps[:0], n, Want{Sends: true, Hold: time.Minute, Repeat: time.Hour})
		}
	})
	b.Run("saved raise and clear", func(b *testing.B) {
		table := full(b, tr, 1000)
		raise, clear := event(b, tr, 5000, brickBody("BRICK_DISCONNECTED", 1_000_000)), event(b, tr, 5001, brickBody("BRICK_CONNECTED", 1_000_000))
		var steps []Step
		b.ReportAllocs()
		for i := range b.N {
			n := raise
			if i%2 == 1 {
				n = clear
			}
			steps = table.Apply(steps[:0], n, Want{Sends: true})
			for k := range steps {
				for c := range steps[k].Changes {
					steps[k].Changes[c].Value()
				}
			}
		}
	})
}

// 100,000 active alarms fit into 100 MB, and the events about them stay cheap.
func TestMemory(t *testing.T) {
	tr := newTranslator(t, testNodes)
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	table := full(t, tr, 100_000)
	used := (heap() - before) >> 20
	t.Logf("100,000 alarms take %d MiB", used)
	if used > 90 {
		t.Errorf("100,000 alarms take %d MiB", used)
	}
	steps := table.Apply(nil, event(t, tr, 200_000, brickBody("BRICK_CONNECTED", 99_999)), Want{Sends: true})
	if len(steps) != 1 || steps[0].Notification == nil || table.Len() != 99_999 {
		t.Errorf("clear of one of many: %+v", steps)
	}
}

func TestFlood(t *testing.T) {
	tr := newTranslator(t, testNodes)
	table := New(DefaultConfig(), tr)
	var steps []Step
	for i := range maxAlarms + 10 {
		steps = table.Apply(steps[:0], event(t, tr, i+1, brickBody("BRICK_DISCONNECTED", i)), Want{Sends: true})
		if len(steps) != 1 || steps[0].Notification == nil {
			t.Fatalf("raise %d is not heard", i)
		}
	}
	if table.Len() != maxAlarms {
		t.Errorf("%d alarms, want %d", table.Len(), maxAlarms)
	}
	if s := table.Apply(nil, event(t, tr, maxAlarms+11, brickBody("BRICK_CONNECTED", maxAlarms+5)), Want{Sends: true}); s[0].Notification == nil {
		t.Error("clear of an alarm that had no room is not heard")
	}
}

// Throttle keys beyond what a table holds are counted together.
func TestManyThrottleKeys(t *testing.T) {
	tr := newTranslator(t, testNodes)
	table := New(DefaultConfig(), tr)
	n := event(t, tr, 1, `{"event": "VOLUME_SET", "message": {"volume": "gv0", "options": "a=b"}}`)
	heard := 0
	for i := range maxWindows + 10 {
		w := Want{Sends: true, Limit: &Limit{Rule: "r", Key: "r\x1f" + strconv.Itoa(i), Max: 1, Every: time.Hour}}
		if steps := table.Apply(nil, n, w); steps[0].Notification != nil {
			heard++
		}
	}
	if heard != maxWindows+1 || len(table.windows) != maxWindows+1 {
		t.Errorf("%d were heard, %d windows", heard, len(table.windows))
	}
	sums := 0
	for _, s := range table.Advance(nil, n.Received.Add(time.Hour)) {
		if s.Notification != nil {
			sums++
			if !strings.HasPrefix(s.Notification.Text, "9 more VOLUME_SET of volume gv0 in 1h, the last: ") {
				t.Errorf("got %q", s.Notification.Text)
			}
		}
	}
	if sums != 1 || len(table.windows) != 0 || !table.Due().IsZero() {
		t.Errorf("%d sums, %d windows are left", sums, len(table.windows))
	}
}
