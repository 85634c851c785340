package policy

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

func TestContinue(t *testing.T) {
	t.Parallel()
	keep := "{name: keep, continue: true, send_to: siem}"
	for name, tt := range map[string]struct {
		rules []string
		rule  string
		to    string // * is all, - is none
		text  string
		sev   translate.Severity
	}{
		"outputs add up":              {[]string{keep, "{name: page, send_to: noc}", "{name: no, drop: true}"}, "keep, page", "siem noc", "", translate.Critical},
		"the same output twice":       {[]string{keep, "{name: page, send_to: [siem, noc]}"}, "keep, page", "siem noc", "", translate.Critical},
		"a later drop takes the rest": {[]string{keep, "{name: no, drop: true}"}, "keep, no", "siem", "", translate.Critical},
		"a later drop takes all":      {[]string{"{name: loud, continue: true, severity: minor}", "{name: no, drop: true}"}, "loud, no", "-", "", translate.Minor},
		"nothing after it":            {[]string{keep}, "keep", "siem", "", translate.Critical},
		"no outputs after it":         {[]string{"{name: loud, continue: true, severity: minor}"}, "loud", "*", "", translate.Minor},
		"all outputs stay all":        {[]string{`{name: all, continue: true, send_to: "*"}`, "{name: page, send_to: noc}"}, "all, page", "*", "", translate.Critical},
		"all outputs and a drop":      {[]string{`{name: all, continue: true, send_to: "*"}`, "{name: no, drop: true}"}, "all, no", "*", "", translate.Critical},
		"the rest goes to all":        {[]string{keep, "{name: loud, severity: major}"}, "keep, loud", "*", "", translate.Major},
		"the first that sets wins": {[]string{"{name: a, continue: true, severity: minor, text: one}", "{name: b, severity: major, text: two}"},
			"a, b", "*", "one", translate.Minor},
		"passed over": {[]string{"{name: a, match: {volume: x}, continue: true, severity: minor}", "{name: b, send_to: noc}"}, "b", "noc", "", translate.Critical},
	} {
		t.Run(name, func(t *testing.T) {
			p, n := rules(t, tt.rules...), brickDown()
			d := p.Decide(n)
			to := strings.Join(d.SendTo, " ")
			switch {
			case d.Dropped:
				to = "-"
			case d.SendTo == nil:
				to = "*"
			}
			if got := p.Apply(n, d); d.Rule != tt.rule || to != tt.to || d.Severity != tt.sev || got.Text != tt.text {
				t.Errorf("got rule %q to %q, severity %s, text %q; want %+v", d.Rule, to, d.Severity, got.Text, tt)
			}
			if again := p.Decide(n); !reflect.DeepEqual(d, again) {
				t.Errorf("the second time %+v, the first %+v", again, d)
			}
		})
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	n := brickDown()
	n.Text, n.Fields = "Brick is down", []translate.Field{{Key: "error", Value: "a"}, {Key: "error", Value: "b"}}
	for text, want := range map[string]string{
		`{{.Text}}: {{upper .Message.error}}{{.Message.none}}`: "Brick is down: A",
		`{{.Volume}} {{.Brick}} on {{.Node}} is {{.Severity}}`: "prod-web gfs2:/bricks/b1 on gfs1 is critical",
		"a\nb\t":              "a b",
		`{{slice .Text 100}}`: "", // refused at load
		`{{range .Message}}{{.}}{{else}}none{{end}}`:                   "a",
		`{{$m := 1}}{{range $k, $v := $.Message}}{{$k}}={{$v}}{{end}}`: "error=a",
		`{{printf "%2000s" "x"}}`:                                      "x",
		`{{printf "x%5000s" "y"}}z`:                                    "x",
		`ü{{printf "%1022s" "ü"}}`:                                     "ü" + strings.Repeat(" ", 1021),
		// More than a text may have, and then something that would fail.
		`{{range .Message}}{{printf "x%5000s" "y"}}{{slice . 100}}{{end}}`: "x",
	} {
		p, err := Load("p.yaml", []byte("rules:\n- {name: a, text: '"+text+"'}\n"), nil)
		if want == "" {
			if err == nil {
				t.Errorf("%s: no mistake", text)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := p.Apply(n, p.Decide(n)).Text; strings.TrimSpace(got) != strings.TrimSpace(want) {
			t.Errorf("%s: got %.80q of %d, want %.80q", text, got, len(got), want)
		}
	}
	// One that fails only with some values keeps the text and is explained.
	p := rules(t, `{name: a, text: '{{if eq .Volume "prod-web"}}{{slice .Text 100}}{{end}}'}`)
	if got := p.Apply(n, p.Decide(n)); got.Text != n.Text {
		t.Errorf("got %q, want the text as it was", got.Text)
	}
	if s := p.Explain(n); !s[0].Matched || !strings.Contains(s[0].Why, "the text stays as it is") {
		t.Errorf("got %+v", s)
	}
}

func TestWhen(t *testing.T) {
	t.Parallel()
	n := brickDown()
	n.Time = time.Date(2026, 11, 23, 22, 30, 0, 0, time.UTC)
	for when, want := range map[string]bool{
		`volume startsWith "prod-" && rank >= 5`: true, `message["peer"] == "gfs2"`: true, `message["none"] == ""`: true,
		`"x" in message`: false, `time.Hour() >= 22`: true, `severity in ["major", "critical"]`: true,
		`brick matches "^gfs[12]:"`: true, `node != "gfs1"`: false, `all(keys(message), # != "secret")`: true,
	} {
		if d := rules(t, `{name: a, match: {when: '`+when+`'}, drop: true}`).Decide(n); d.Dropped != want || d.Fault != nil {
			t.Errorf("%s: got %+v, want %v", when, d, want)
		}
	}
	p := rules(t, `{name: a, match: {when: 'split(volume, "-")[5] == "x"'}, drop: true}`, "{name: b, send_to: noc}")
	d := p.Decide(n)
	if d.Rule != "b" || d.Fault == nil || !strings.Contains(d.Fault.Error(), `when: split(volume, "-")[5]`) {
		t.Errorf("got %+v, want the fault and the next rule", d)
	}
	if s := p.Explain(n); s[0].Matched || !strings.Contains(s[0].Why, "out of range") {
		t.Errorf("got %+v", s)
	}
	p = rules(t, `{name: a, match: {when: 'volume == "x"'}, drop: true}`)
	if s := p.Explain(n); s[0].Matched || s[0].Why != `when is false: volume == "x"` {
		t.Errorf("got %+v", s)
	}
}

func TestIntervals(t *testing.T) {
	t.Parallel()
	const file = `
time_intervals:
  - {name: office, location: Europe/Berlin, weekdays: ["monday:friday"], times: ["08:00-18:00"]}
  - {name: night, weekdays: sunday, times: "22:00-02:00"}
  - {name: weekend, weekdays: ["saturday:sunday"]}
  - {name: wrap, weekdays: ["friday:monday"]}
  - {name: last, days_of_month: ["-2:-1"], months: ["february"]}
  - {name: year, years: 2027, times: "00:00-24:00"}
rules:
  - {name: office, match: {during: office}, continue: true, send_to: a}
  - {name: night, match: {during: night}, continue: true, send_to: a}
  - {name: weekend, match: {during: weekend}, continue: true, send_to: a}
  - {name: wrap, match: {during: wrap}, continue: true, send_to: a}
  - {name: last, match: {during: [last, year]}, continue: true, send_to: a}
  - {name: out, match: {outside: [office, weekend]}, continue: true, send_to: a}
`
	p, err := Load("p.yaml", []byte(file), nil)
	if err != nil {
		t.Fatal(err)
	}
	n := brickDown()
	for at, want := range map[string]string{
		"2026-11-23T07:00:00Z": "office, wrap", // Monday, 8 o'clock in Berlin
		"2026-11-23T06:59:59Z": "wrap, out",
		"2026-11-23T17:00:00Z": "wrap, out",
		"2026-07-06T06:00:00Z": "office, wrap", // summer time
		"2026-11-24T10:00:00Z": "office",
		"2026-11-22T21:59:00Z": "weekend, wrap",
		"2026-11-22T22:00:00Z": "night, weekend, wrap",
		"2026-11-23T01:59:00Z": "night, wrap, out", // belongs to Sunday
		"2026-11-23T02:00:00Z": "wrap, out",
		"2028-02-28T12:00:00Z": "office, wrap, last", // of a leap year the last but one
		"2028-02-27T12:00:00Z": "weekend, wrap",
		"2027-11-24T23:59:00Z": "last, out",
	} {
		var err error
		if n.Time, err = time.Parse(time.RFC3339, at); err != nil {
			t.Fatal(err)
		}
		if d := p.Decide(n); d.Rule != want {
			t.Errorf("%s: got %q, want %q", at, d.Rule, want)
		}
	}
	s := p.Explain(n)
	for _, s := range s {
		if !s.Matched && !strings.Contains(s.Why, "time is ") {
			t.Errorf("got %+v", s)
		}
	}
}

func TestThrottleKey(t *testing.T) {
	t.Parallel()
	p := rules(t, "{name: a, throttle: {max: 5, every: 10m}}")
	n := brickDown()
	d := p.Decide(n)
	if d.Throttle == nil || d.Throttle.Max != 5 || d.Throttle.Every != 10*time.Minute || d.Throttle.Key(n) != "BRICK_DISCONNECTED|prod-web" {
		t.Errorf("got %+v with key %q", d.Throttle, d.Throttle.Key(n))
	}
	all := &Throttle{Rule: "r", By: append([]string{"message.peer", "message.none"}, throttleBy...)}
	n.State, n.AlarmKey, n.Subvol = translate.Raise, "brick/x", "s"
	want := "gfs2||BRICK_DISCONNECTED|brick|critical|raise|gfs1|prod-web|gfs2:/bricks/b1|gfs2|s|brick/x"
	if got := all.Key(n); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A memory that is full begins anew and decides alike.
func TestMemoIsBounded(t *testing.T) {
	t.Parallel()
	p := rules(t, `{name: a, match: {volume: "*7"}, drop: true}`)
	n := brickDown()
	for i := range 3 * memoMax / 2 {
		n.Volume = "v" + string(rune('a'+i%26)) + time.Duration(i).String() + []string{"", "7"}[i%2]
		if d := p.Decide(n); d.Dropped != strings.HasSuffix(n.Volume, "7") {
			t.Fatalf("%q: %+v", n.Volume, d)
		}
	}
	if len(p.memo.sets) > memoMax {
		t.Errorf("%d values are remembered", len(p.memo.sets))
	}
}
