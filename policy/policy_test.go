package policy

import (
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

var update = flag.Bool("update", false, "rewrite the .err files")

var (
	testOutputs = []string{"noc", "siem"}
	testEvents  = []string{"BRICK_CONNECTED", "BRICK_DISCONNECTED", "PEER_CONNECT", "PEER_DISCONNECT", "CLIENT_CONNECT",
		"CLIENT_DISCONNECT", "VOLUME_STOP", "gtgHeartbeat"}
	testGroups = []string{"brick", "client", "peer", "volume"}
)

func loadTest(file string, data []byte) (*Policy, error) {
	return Load(filepath.Base(file), data, testOutputs, KnownEvents(testEvents), KnownGroups(testGroups))
}

// rules loads a policy of the given lines, which are list items.
func rules(t testing.TB, items ...string) *Policy {
	t.Helper()
	p, err := Load("p.yaml", []byte("rules:\n- "+strings.Join(items, "\n- ")+"\n"), nil)
	if err != nil {
		t.Fatalf("%q: %v", items, err)
	}
	return p
}

func brickDown() *translate.Notification {
	return &translate.Notification{
		Event: "BRICK_DISCONNECTED", Group: "brick", Severity: translate.Critical, State: translate.Raise,
		NodeID: "3f1b6a52-0000-4000-8000-00000000000a", NodeName: "gfs1", NodeAddr: netip.MustParseAddr("192.0.2.11"),
		Volume: "prod-web", Brick: "gfs2:/bricks/b1", Peer: "gfs2", PeerID: "3f1b6a52-0000-4000-8000-00000000000b",
		Fields: []translate.Field{{Key: "peer", Value: "gfs2"}, {Key: "brick", Value: "/bricks/b1"}, {Key: "empty", Value: ""}},
	}
}

func TestLoadGood(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/good-*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("found %d files, %v", len(files), err)
	}
	for _, file := range append(files, "default.yaml") {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := loadTest(file, data); err != nil {
			t.Errorf("got %v, want no mistakes", err)
		}
	}
}

// TestLoadBad compares all mistakes of each testdata/bad-NAME.yaml with bad-NAME.err.
func TestLoadBad(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/bad-*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("found %d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			p, err := loadTest(file, data)
			if err == nil || p != nil {
				t.Fatalf("got %v, %v, want only an error", p, err)
			}
			got := err.Error() + "\n"
			golden := strings.TrimSuffix(file, ".yaml") + ".err"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got:\n%swant:\n%s", got, want)
			}
		})
	}
}

func TestLoadWithoutOutputs(t *testing.T) {
	t.Parallel()
	data := []byte("rules: [{name: a, send_to: noc}]")
	_, err := Load("p.yaml", data, []string{})
	want := `p.yaml:1: rules[0].send_to: "noc" is not an output: the configuration has none`
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if _, err := Load("p.yaml", data, nil); err != nil {
		t.Errorf("outputs not known: got %v, want nil", err)
	}
	if _, err := Load("p.yaml", []byte(`rules: [{name: a, send_to: ""}]`), nil); err == nil {
		t.Error("outputs not known: a name is empty, got no mistake")
	}
}

func TestLoadEmpty(t *testing.T) {
	t.Parallel()
	p, err := Load("p.yaml", []byte("rules: []\n"), testOutputs)
	if err != nil {
		t.Fatal(err)
	}
	if d := p.Decide(brickDown()); !reflect.DeepEqual(d, Decision{Severity: translate.Critical}) || !d.Sends("noc") {
		t.Errorf("got %+v, want everything sent everywhere", d)
	}
	// What was cut off while it was written must not take the place of a policy.
	const want = "p.yaml:1: rules: missing: write `rules: []` to send everything everywhere"
	for _, text := range []string{"", "# nothing\n", "---\n", "null\n", "{}\n", "rules:\n", "rules: ~\n", "time_intervals: []\n"} {
		if p, err := Load("p.yaml", []byte(text), testOutputs); p != nil || err == nil || err.Error() != want {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}

func TestDecideMatchers(t *testing.T) {
	t.Parallel()
	for match, want := range map[string]bool{
		`event: BRICK_DISCONNECTED`:                           true,
		`event: BRICK_CONNECTED`:                              false,
		`event: [PEER_CONNECT, BRICK_DISCONNECTED]`:           true,
		`event: "BRICK_*"`:                                    true,
		`event: "PEER_*"`:                                     false,
		`event: "/(BRICK|PEER)_DIS.*/"`:                       true,
		`event: "/BRICK/"`:                                    false,
		`event: brick_disconnected`:                           false,
		`group: brick`:                                        true,
		`group: [peer, "br*"]`:                                true,
		`group: peer`:                                         false,
		`severity: critical`:                                  true,
		`severity: ">= major"`:                                true,
		`severity: ">=major"`:                                 true,
		`severity: "> major"`:                                 true,
		`severity: "< critical"`:                              false,
		`severity: "<= critical"`:                             true,
		`severity: [cleared, minor]`:                          false,
		`severity: [cleared, critical]`:                       true,
		`state: raise`:                                        true,
		`state: [clear, update]`:                              false,
		`node: gfs1`:                                          true,
		`node: gfs2`:                                          false,
		`node: 192.0.2.11`:                                    true,
		`node: "192.0.2.*"`:                                   true,
		`node: "198.51.100.*"`:                                false,
		`node: 3f1b6a52-0000-4000-8000-00000000000a`:          true,
		`node: 3F1B6A52-0000-4000-8000-00000000000A`:          true,
		`node: ""`:                                            false,
		`volume: "prod-*"`:                                    true,
		`volume: [gv0, prod-web]`:                             true,
		`volume: prod`:                                        false,
		`volume: "Prod-*"`:                                    false,
		`brick: "gfs2:/bricks/*"`:                             true,
		`brick: "*/b1"`:                                       true,
		`brick: "gfs2:/*1"`:                                   true,
		`brick: "gfs[13]:*"`:                                  false,
		`brick: "gfs[!13]:*"`:                                 true,
		`brick: "/gfs\\d:/bricks/b\\d/"`:                      true,
		`peer: gfs2`:                                          true,
		`peer: 3f1b6a52-0000-4000-8000-00000000000b`:          true,
		`peer: gfs1`:                                          false,
		`subvol: "*"`:                                         false,
		`subvol: ""`:                                          true,
		`subvol: "/.*/"`:                                      false,
		`message: {brick: "/bricks/*"}`:                       true,
		`message: {" brick ": "/bricks/*"}`:                   true,
		`message: {brick: "/bricks/*", peer: gfs1}`:           false,
		`message: {brick: "/bricks/*", peer: [gfs1, gfs2]}`:   true,
		`message: {other: "*"}`:                               false,
		`message: {other: ""}`:                                true,
		`message: {empty: ""}`:                                true,
		`message: {empty: "*"}`:                               false,
		`event: "BRICK_*", volume: "prod-*", severity: minor`: false,
	} {
		p := rules(t, "{name: r, drop: true, match: {"+match+"}}")
		n := brickDown()
		if got := p.Decide(n).Dropped; got != want {
			t.Errorf("%s: got %t, want %t", match, got, want)
		}
		steps := p.Explain(n)
		if len(steps) != 1 || steps[0].Matched != want || (steps[0].Why == "") != want {
			t.Errorf("%s: explained as %+v, want matched %t", match, steps, want)
		}
	}
}

func TestDecideAbsent(t *testing.T) {
	t.Parallel()
	n := &translate.Notification{Event: "X"}
	for match, want := range map[string]bool{
		`node: ""`: true, `node: "*"`: false, `peer: ["", x]`: true, `volume: ""`: true, `volume: "*"`: false,
		`group: ""`: true, `brick: "/.*/"`: false, `severity: "<= critical"`: false, `state: stateless`: false,
	} {
		if got := rules(t, "{name: r, drop: true, match: {"+match+"}}").Decide(n).Dropped; got != want {
			t.Errorf("%s: got %t, want %t", match, got, want)
		}
	}
}

func TestSeverityComparisons(t *testing.T) {
	t.Parallel()
	for expr, want := range map[string]string{
		"major":            "major",
		">= major":         "critical major",
		"> major":          "critical",
		"<= warning":       "warning indeterminate informational cleared",
		"< indeterminate":  "informational cleared",
		"<= cleared":       "cleared",
		"> cleared":        "critical major minor warning indeterminate informational",
		">= informational": "critical major minor warning indeterminate informational",
	} {
		p := rules(t, fmt.Sprintf("{name: r, drop: true, match: {severity: %q}}", expr))
		var got []string
		for _, name := range translate.Severities {
			s, _ := translate.ParseSeverity(name)
			if p.Decide(&translate.Notification{Severity: s}).Dropped {
				got = append(got, name)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: got %v, want %s", expr, got, want)
		}
	}
}

func TestDecideSample(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/good-sample.yaml")
	if err != nil {
		t.Fatal(err)
	}
	p, err := Load("sample.yaml", data, testOutputs)
	if err != nil {
		t.Fatal(err)
	}
	churn := &translate.Notification{Event: "CLIENT_CONNECT", Severity: translate.Informational}
	other := brickDown()
	other.Volume = "test"
	major := brickDown()
	major.Severity = translate.Major
	for _, c := range []struct {
		name string
		n    *translate.Notification
		want Decision
	}{
		{"first rule", churn, Decision{Rule: "client churn", Line: 6, Dropped: true, Severity: translate.Informational}},
		{"second rule", major, Decision{Rule: "production bricks page the operations room", Line: 10, SendTo: []string{"noc", "siem"}, Severity: translate.Critical}},
		{"last rule", other, Decision{Rule: "everything else is for the log", Line: 20, SendTo: []string{"siem"}, Severity: translate.Critical}},
	} {
		d := p.Decide(c.n)
		if !reflect.DeepEqual(d, c.want) {
			t.Errorf("%s: got %+v, want %+v", c.name, d, c.want)
		}
		for _, o := range testOutputs {
			if want := !d.Dropped && slices.Contains(d.SendTo, o); d.Sends(o) != want {
				t.Errorf("%s: Sends(%q) is %t, want %t", c.name, o, d.Sends(o), want)
			}
		}
	}
}

func TestApply(t *testing.T) {
	t.Parallel()
	p := rules(t, `{name: louder, match: {event: "BRICK_*"}, severity: minor}`)
	n := brickDown()
	d := p.Decide(n)
	changed := p.Apply(n, d)
	want := *brickDown()
	want.Severity = translate.Minor
	if !reflect.DeepEqual(*changed, want) || n.Severity != translate.Critical {
		t.Errorf("got %+v from %+v, want a copy with severity minor", changed, n)
	}
	if !d.Sends("any") || d.Rule != "louder" {
		t.Errorf("got %+v, want it sent everywhere", d)
	}
	clear := brickDown()
	clear.Event, clear.Severity, clear.State = "BRICK_CONNECTED", translate.Cleared, translate.Clear
	if got := p.Apply(clear, p.Decide(clear)); got != clear {
		t.Errorf("got %+v, want the clear as it was", got)
	}
}

// endings are all events of the catalogue that end an alarm and begin none.
func endings(t *testing.T) []*translate.Notification {
	c, err := translate.LoadCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	var all []*translate.Notification
	for _, e := range slices.Concat(c.Events, c.Own) {
		if len(e.Clears) > 0 && e.Raises == "" {
			all = append(all, &translate.Notification{Event: e.Event, Group: e.Group, Severity: e.Severity, State: translate.Clear, Volume: "prod-web"})
		}
	}
	if len(all) < 30 {
		t.Fatalf("only %d events end alarms", len(all))
	}
	return all
}

func TestClearKeepsItsSeverity(t *testing.T) {
	t.Parallel()
	p := rules(t, "{name: loud, severity: critical}")
	for _, n := range endings(t) {
		if d := p.Decide(n); d.Severity != n.Severity || d.Rule != "loud" {
			t.Errorf("%s: got %+v, want severity %s", n.Event, d, n.Severity)
		}
	}
}

func TestSendToAll(t *testing.T) {
	t.Parallel()
	p := rules(t, `{name: keep, match: {volume: gv0}, send_to: ["*", noc]}`, `{name: drop, drop: true}`)
	d := p.Decide(&translate.Notification{Volume: "gv0"})
	if d.SendTo != nil || !d.Sends("anything") || d.Rule != "keep" {
		t.Errorf("got %+v, want it sent everywhere", d)
	}
	if d := p.Decide(&translate.Notification{Volume: "gv1"}); d.Sends("noc") || !d.Dropped {
		t.Errorf("got %+v, want it dropped", d)
	}
}

// TestIndexKeepsOrder decides with and without the index of known events.
func TestIndexKeepsOrder(t *testing.T) {
	t.Parallel()
	text := `rules:
- {name: a, match: {event: "PEER_*", volume: x}, drop: true}
- {name: b, match: {event: [PEER_CONNECT, VOLUME_STOP], volume: y}, drop: true}
- {name: c, match: {volume: "*"}, drop: true}
- {name: d, match: {event: "/PEER_D.*/"}, drop: true}
- {name: e, match: {event: VOLUME_STOP}, drop: true}
`
	with, err := Load("p.yaml", []byte(text), nil, KnownEvents(testEvents))
	if err != nil {
		t.Fatal(err)
	}
	without, err := Load("p.yaml", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, event := range append([]string{"PEER_NEW", "NEW"}, testEvents...) {
		for _, volume := range []string{"", "x", "y", "z"} {
			n := &translate.Notification{Event: event, Volume: volume}
			want := ""
			if steps := with.Explain(n); steps[len(steps)-1].Matched {
				want = steps[len(steps)-1].Rule
			}
			if a, b := with.Decide(n).Rule, without.Decide(n).Rule; a != want || b != want {
				t.Errorf("%s of %q: got %q with index, %q without, want %q", event, volume, a, b, want)
			}
		}
	}
}

func TestExplain(t *testing.T) {
	t.Parallel()
	p := rules(t,
		`{name: a, match: {event: ["PEER_*", VOLUME_STOP]}, drop: true}`,
		`{name: b, match: {event: "BRICK_*", severity: ["< major", cleared]}, drop: true}`,
		`{name: c, match: {node: [gfs7, gfs8]}, drop: true}`,
		`{name: d, match: {message: {error: "/.*timeout.*/"}}, drop: true}`,
		`{name: e, match: {message: {brick: /x}}, drop: true}`,
		`{name: f, match: {state: clear}, drop: true}`,
		`{name: g, match: {volume: "prod-*"}, drop: true}`,
		`{name: never tried, drop: true}`)
	want := []Step{
		{"a", 2, false, `event is "BRICK_DISCONNECTED", expected "PEER_*" or "VOLUME_STOP"`},
		{"b", 3, false, `severity is critical, expected "< major" or "cleared"`},
		{"c", 4, false, `node is "gfs1 or 3f1b6a52-0000-4000-8000-00000000000a or 192.0.2.11", expected "gfs7" or "gfs8"`},
		{"d", 5, false, `the event has no message.error, expected "/.*timeout.*/"`},
		{"e", 6, false, `message.brick is "/bricks/b1", expected "/x"`},
		{"f", 7, false, `state is raise, expected "clear"`},
		{"g", 8, true, ""},
	}
	if got := p.Explain(brickDown()); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestDefault(t *testing.T) {
	t.Parallel()
	p := Default()
	for event, dropped := range map[string]bool{"CLIENT_CONNECT": true, "CLIENT_DISCONNECT": true, "CLIENT_AUTH_REJECT": false, "BRICK_DISCONNECTED": false, "gtgHeartbeat": false} {
		d := p.Decide(&translate.Notification{Event: event})
		if d.Dropped != dropped || d.Sends("any") == dropped {
			t.Errorf("%s: got %+v, want dropped %t", event, d, dropped)
		}
	}
	src := DefaultSource()
	src[0] = 'x'
	if DefaultSource()[0] != '#' {
		t.Error("a caller can change the built-in policy")
	}
}

// TestDefaultNamesRealEvents loads the built-in policy and the sample with the names of the catalogue.
func TestDefaultNamesRealEvents(t *testing.T) {
	t.Parallel()
	c, err := translate.LoadCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	sample, err := os.ReadFile("testdata/good-sample.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, data := range [][]byte{DefaultSource(), sample} {
		if _, err := Load("p.yaml", data, testOutputs, KnownEvents(c.EventNames())); err != nil {
			t.Error(err)
		}
	}
}

// TestDefaultExamples takes the # off the examples in the built-in policy: they must be right too.
func TestDefaultExamples(t *testing.T) {
	t.Parallel()
	head, tail, _ := strings.Cut(string(DefaultSource()), "\nrules:\n")
	var b strings.Builder
	b.WriteString("rules:\n")
	for line := range strings.SplitSeq(tail, "\n") {
		if code, ok := strings.CutPrefix(line, "  # "); ok && (strings.HasPrefix(code, "- ") || strings.HasPrefix(code, "  ")) {
			line = "  " + code
		}
		b.WriteString(line + "\n")
	}
	p, err := Load("default.yaml", []byte(b.String()), testOutputs)
	if err != nil || p.Len() != 4 {
		t.Fatalf("got %v rules, %v, want 4 rules of\n%s", p, err, b.String())
	}
	for _, n := range endings(t) {
		if d := p.Decide(n); d.Rule != "production faults are over" && d.Rule != "client churn" {
			t.Errorf("%s: got %+v, want it where the fault went", n.Event, d)
		}
	}
	for i, m := 0, reflect.TypeFor[matchSource](); i < m.NumField(); i++ {
		if key := m.Field(i).Tag.Get("yaml"); !strings.Contains(head, key+":") {
			t.Errorf("matcher %s is not explained", key)
		}
	}
}
