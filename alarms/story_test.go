package alarms

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/mibs"
	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

var update = flag.Bool("update", false, "write the golden files anew")

var testNodes = map[string]translate.Node{
	"c6ad9be2-5ce9-46e0-9574-6917a91bcfb6": {Name: "gfs1", Address: "192.0.2.11"},
	"1a6111b8-4f13-4c02-9739-2c473e398b41": {Name: "gfs2", Address: "192.0.2.12"},
	"d99d4578-93c0-410b-9d94-278198626ce6": {Name: "gfs3", Address: "192.0.2.13"},
}

func newTranslator(t testing.TB, nodes map[string]translate.Node) *translate.Translator {
	t.Helper()
	m, err := mibs.Load("")
	if err != nil {
		t.Fatal(err)
	}
	c := translate.Cluster{ID: "q1", Name: "prod", Nodes: nodes}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	tr, err := translate.New(m, c)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// line is one line of a story: where another story begins in the file, an event, or the clock.
type line struct {
	Story    string          `json:"story"`
	At       int             `json:"at"` // seconds since the story began
	Event    json.RawMessage `json:"event"`
	Unwanted bool            `json:"unwanted"` // the policy does not send it
	Tick     int             `json:"tick"`     // nothing came until then
	Input    string          `json:"input"`    // "gateway" for what the gateway writes itself

	// Of the first line of a story, in seconds: what the policy says of all its events, and the silences.
	Hold     int         `json:"hold"`
	Repeat   int         `json:"repeat"`
	Max      *int        `json:"max"` // per event and volume
	Every    int         `json:"every"`
	Silences []*silenced `json:"silences"`
	Inhibit  bool        `json:"inhibit"` // a brick that is down explains a lack of space
}

// silenced is a silence of what has Text in its text.
type silenced struct {
	ID     string `json:"id"`
	Text   string `json:"text"`
	From   int    `json:"from"`
	To     int    `json:"to"`
	Expire int    `json:"expire"` // known from then on: it has ended
}

// silences are those of a story.
type silences []*silenced

// Silenced implements Silences.
func (all silences) Silenced(n *translate.Notification, at time.Time) (string, time.Time) {
	sec := int(at.Sub(storyBegin) / time.Second)
	for _, s := range all {
		to := s.To
		if s.Expire > 0 && sec >= s.Expire {
			to = s.Expire
		}
		if sec >= s.From && sec < to && strings.Contains(n.Text, s.Text) {
			return s.ID, storyBegin.Add(time.Duration(to) * time.Second)
		}
	}
	return "", time.Time{}
}

// want is what the policy of the story says of the line.
func (l *line) want(first *line, n *translate.Notification) Want {
	w := Want{Sends: !l.Unwanted, Hold: time.Duration(first.Hold) * time.Second, Repeat: time.Duration(first.Repeat) * time.Second}
	if first.Max != nil {
		w.Limit = &Limit{Rule: "story", Key: "story\x1f" + n.Event + "\x1f" + n.Volume, Max: *first.Max, Every: time.Duration(first.Every) * time.Second}
	}
	return w
}

// storyConfig is the configuration of a story.
func storyConfig(story []line) Config {
	cfg := DefaultConfig()
	if story[0].Inhibit {
		cfg.Inhibit = []Inhibit{{Source: []string{"brick"}, Target: []string{"disk-usage"}, Equal: []string{"volume"}}}
	}
	return cfg
}

// newStoryTable returns an empty table for a story.
func newStoryTable(tr *translate.Translator, cfg Config, story []line) *Table {
	t := New(cfg, tr)
	t.Output, t.Silences = "noc", silences(story[0].Silences)
	return t
}

var storyBegin = time.Unix(1795388400, 0).UTC()

// readStories returns the stories of a file.
func readStories(t testing.TB, file string) [][]line {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var all [][]line
	for i, text := range bytes.Split(bytes.TrimSpace(data), []byte("\n")) {
		var l line
		if err := json.Unmarshal(text, &l); err != nil {
			t.Fatalf("%s:%d: %v", file, i+1, err)
		}
		if l.Story != "" || len(all) == 0 {
			all = append(all, nil)
		}
		all[len(all)-1] = append(all[len(all)-1], l)
	}
	return all
}

// input is one thing that happens to a table.
type input struct {
	n    *translate.Notification // nil when only time passes
	want Want
	now  time.Time
}

func inputs(t testing.TB, tr *translate.Translator, story []line) []input {
	t.Helper()
	var all []input
	for _, l := range story {
		switch {
		case l.Event != nil:
			ev, err := translate.Decode(l.Event)
			if err != nil {
				t.Fatal(err)
			}
			ev.Seq, ev.Received, ev.Input = uint64(len(all)+1), storyBegin.Add(time.Duration(l.At)*time.Second), l.Input
			n := tr.Translate(&ev)
			all = append(all, input{n, l.want(&story[0], n), ev.Received})
		case l.Tick > 0:
			all = append(all, input{now: storyBegin.Add(time.Duration(l.Tick) * time.Second)})
		}
	}
	return all
}

func (in *input) apply(table *Table) []Step {
	if in.n == nil {
		return table.Advance(nil, in.now)
	}
	return table.Apply(nil, in.n, in.want)
}

var verdictNames = [...]string{"heard", "not for this output", "repeat", "no alarm", "held back", "silenced", "throttled", "noted"}

// tell writes what the output hears.
func tell(s *Step) string {
	n := s.Notification
	if n == nil {
		return "(" + verdictNames[s.Verdict] + ")"
	}
	text := fmt.Sprintf("%-9s %-13s %s", n.State, n.Severity, n.Text)
	if n.AlarmKey != "" {
		text += "  [" + n.AlarmKey + "]"
	}
	return text
}

func TestStories(t *testing.T) {
	tr := newTranslator(t, testNodes)
	files, err := filepath.Glob("../testdata/stories/*.jsonl")
	if err != nil || len(files) == 0 {
		t.Fatal("no stories", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".jsonl"), func(t *testing.T) {
			var b strings.Builder
			for _, story := range readStories(t, file) {
				fmt.Fprintf(&b, "# %s\n", story[0].Story)
				table := newStoryTable(tr, storyConfig(story), story)
				for _, in := range inputs(t, tr, story) {
					what := "(time passes)"
					if in.n != nil {
						what = in.n.Event
					}
					head := fmt.Sprintf("%7.0fs %-32s", in.now.Sub(storyBegin).Seconds(), what)
					for _, s := range in.apply(table) {
						fmt.Fprintf(&b, "%s %s\n", head, tell(&s))
						head = strings.Repeat(" ", len(head))
					}
				}
			}
			golden := strings.TrimSuffix(file, ".jsonl") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if b.String() != string(want) {
				t.Errorf("got\n%s\nwant\n%s\nrun with -update when the change is right", b.String(), want)
			}
		})
	}
}
