package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/outputs"
	"github.com/gluster-trapgw/gluster-trapgw/policy"
	"github.com/gluster-trapgw/gluster-trapgw/queue"
	"github.com/gluster-trapgw/gluster-trapgw/silences"
)

// storyLine is one line of a story: an event, or the clock.
type storyLine struct {
	At    int             `json:"at"` // seconds since the story began
	Input string          `json:"input"`
	Event json.RawMessage `json:"event"`
}

var storyBegin = time.Unix(1795388400, 0).UTC()

// TestStories tells what two outputs hear of a file of events with a policy of the site and, where there is one, a file of
// silences: NAME.jsonl, NAME.yaml and NAME.silences become NAME.golden. All of it is what serve runs, queue on disk included; one
// run goes through, in another the gateway is started anew at every line.
func TestStories(t *testing.T) {
	files, err := filepath.Glob("testdata/stories/*.jsonl")
	if err != nil || len(files) == 0 {
		t.Fatal("no stories", err)
	}
	for _, file := range files {
		base := strings.TrimSuffix(file, ".jsonl")
		t.Run(filepath.Base(base), func(t *testing.T) {
			steady, shaky := tellStory(t, base, false), tellStory(t, base, true)
			if steady != shaky {
				t.Errorf("with restarts:\n%s\nwithout:\n%s", shaky, steady)
			}
			if *update {
				if err := os.WriteFile(base+".golden", []byte(steady), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(base + ".golden")
			if err != nil {
				t.Fatal(err)
			}
			if steady != string(want) {
				t.Errorf("got\n%s\nwant\n%s\nrun with -update when the change is right", steady, want)
			}
		})
	}
}

func tellStory(t *testing.T, base string, restart bool) string {
	t.Helper()
	read := func(file string) []byte {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	names := []string{"noc", "siem"}
	p, err := policy.Load(base+".yaml", read(base+".yaml"), names)
	if err != nil {
		t.Fatal(err)
	}
	s := newSite(t, p)
	if _, err := os.Stat(base + ".silences"); err == nil {
		if s.silences, err = openSilences(t, base+".silences"); err != nil {
			t.Fatal(err)
		}
	}
	readers := make([]*reader, len(names))
	open := func(now time.Time) {
		for i, name := range names {
			readers[i] = s.reader(name, false, now)
		}
	}
	open(storyBegin)
	var b strings.Builder
	last := uint64(0)
	for i, text := range strings.Split(strings.TrimSpace(string(read(base+".jsonl"))), "\n") {
		var l storyLine
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Fatalf("line %d: %v", i+1, err)
		}
		now := storyBegin.Add(time.Duration(l.At) * time.Second)
		what := "(time passes)"
		if l.Event != nil {
			var e struct{ Event string }
			if err := json.Unmarshal(l.Event, &e); err != nil {
				t.Fatalf("line %d: %v", i+1, err)
			}
			what = e.Event
			s.append([]*queue.Record{{Received: now, Input: l.Input, Body: l.Event}})
			last++
		}
		if restart {
			open(now)
		}
		for _, r := range readers {
			r.now = func() time.Time { return now }
			for _, line := range hearAll(t, r, last, now) {
				fmt.Fprintf(&b, "%6ds %-24s %-5s %s\n", l.At, what, r.output, line)
				what = ""
			}
		}
	}
	return b.String()
}

// hearAll returns what an output is told until now.
func hearAll(t *testing.T, r *reader, last uint64, now time.Time) (heard []string) {
	t.Helper()
	due := func() bool { return !r.table.Due().IsZero() && !r.table.Due().After(now) }
	for r.committed < last || due() {
		if r.committed == last {
			// Next would wait for more when nothing comes of it.
			if err := r.wait(t.Context()); err != nil {
				t.Fatal(err)
			}
			if len(r.ready) == 0 {
				continue
			}
		}
		items, err := r.Next(t.Context(), 256)
		if err != nil {
			t.Fatal(err)
		}
		for i := range items {
			n := items[i].Notification
			switch {
			case n != nil:
				items[i].Outcome = outputs.Sent
				line := fmt.Sprintf("%-9s %-13s %s", n.State, n.Severity, n.Text)
				if n.AlarmKey != "" {
					line += "  [" + n.AlarmKey + "]"
				}
				heard = append(heard, line)
			case !items[i].Extra:
				heard = append(heard, "("+string(items[i].Outcome)+")")
			}
		}
		if err := r.Commit(t.Context(), items); err != nil {
			t.Fatal(err)
		}
	}
	return heard
}

// openSilences opens a copy of a file of silences.
func openSilences(t *testing.T, file string) (*silences.Store, error) {
	to := filepath.Join(t.TempDir(), "silences.json")
	copyConfig(t, file, to, "", "")
	if _, err := silences.Read(to); err != nil {
		return nil, err
	}
	return silences.Open(to, nil), nil
}
