package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/gluster-trapgw/gluster-trapgw/conffile"
	"github.com/gluster-trapgw/gluster-trapgw/queue"
)

// policyCases is a file of cases for policy test.
type policyCases struct {
	Policy string       `yaml:"policy"` // a file name that is relative counts from the directory of this file
	Cases  []policyCase `yaml:"cases"`
}

// policyCase is an event and what is expected of the policy; what is not given is not compared.
type policyCase struct {
	Name    string            `yaml:"name"`
	Event   string            `yaml:"event"`
	Message map[string]string `yaml:"message"`
	Node    string            `yaml:"node"`
	Time    string            `yaml:"time"` // RFC 3339
	Body    string            `yaml:"body"` // the whole event as JSON, in place of the four before it
	Want    wantedCase        `yaml:"want"`
}

type wantedCase struct {
	Rule     string            `yaml:"rule"`
	Dropped  bool              `yaml:"dropped"`
	Outputs  conffile.Texts    `yaml:"outputs"` // "*" is all
	Severity string            `yaml:"severity"`
	Text     string            `yaml:"text"`
	Hold     conffile.Duration `yaml:"hold"`
	Repeat   conffile.Duration `yaml:"repeat"`
	Throttle bool              `yaml:"throttle"`
}

func policyTest(c *cli.Context) error {
	if c.NArg() != 1 {
		return usagef("policy test takes one file of cases, got %d", c.NArg())
	}
	file := c.Args().First()
	data, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read cases: %w", err)
	}
	var cases policyCases
	doc, err := conffile.Decode(file, data, &cases)
	if doc == nil {
		return err
	}
	var mistakes []error
	bodies := make([][]byte, len(cases.Cases))
	for i := range cases.Cases {
		path := fmt.Sprintf("cases[%d]", i)
		if bodies[i], err = cases.Cases[i].body(); err != nil {
			mistakes = append(mistakes, conffile.In(path, err))
		}
		if _, ok := doc.Line(path + ".want"); !ok {
			mistakes = append(mistakes, conffile.At(path, "want is missing: what is expected of the policy"))
		}
	}
	if len(cases.Cases) == 0 {
		mistakes = append(mistakes, conffile.At("cases", "missing: write a list of events and what is expected of each"))
	}
	if err := doc.Locate(errors.Join(mistakes...)); err != nil {
		return err
	}
	name := c.String("policy")
	if name == "" && cases.Policy != "" {
		if name = cases.Policy; !filepath.IsAbs(name) {
			name = filepath.Join(filepath.Dir(file), name)
		}
	}
	cfg, res, err := policySite(c, name)
	if err != nil {
		return err
	}
	failed := 0
	for i := range cases.Cases {
		path, tc := fmt.Sprintf("cases[%d]", i), &cases.Cases[i]
		wrong, err := tc.run(cfg, res, bodies[i], func(key string) bool { _, ok := doc.Line(path + ".want." + key); return ok })
		if err != nil {
			wrong = []string{err.Error()}
		}
		if len(wrong) == 0 {
			continue
		}
		failed++
		line, _ := doc.Line(path)
		fmt.Fprintf(c.App.Writer, "%s:%d: %s\n", file, line, tc.title())
		for _, w := range wrong {
			fmt.Fprintf(c.App.Writer, "  %s\n", w)
		}
	}
	fmt.Fprintf(c.App.Writer, "%d of %d cases passed\n", len(cases.Cases)-failed, len(cases.Cases))
	if failed > 0 {
		return errReported
	}
	return nil
}

func (tc *policyCase) title() string {
	if tc.Name != "" {
		return tc.Name
	}
	return tc.Event
}

// body is the event as glustereventsd would post it.
func (tc *policyCase) body() ([]byte, error) {
	if tc.Body != "" {
		if tc.Event != "" || tc.Message != nil || tc.Node != "" || tc.Time != "" {
			return nil, conffile.At("body", "it is the whole event: remove event, message, node and time")
		}
		return []byte(tc.Body), nil
	}
	if tc.Event == "" {
		return nil, conffile.At("event", "missing: the name of an event, or body with the whole of it as JSON")
	}
	at := time.Now()
	if tc.Time != "" {
		var err error
		if at, err = time.Parse(time.RFC3339, tc.Time); err != nil {
			return nil, conffile.At("time", "%q is not a time: write it like 2026-11-23T08:00:00Z or 2026-11-23T08:00:00+01:00", tc.Time)
		}
	}
	var node any
	if tc.Node != "" {
		node = tc.Node
	}
	message := tc.Message
	if message == nil {
		message = map[string]string{}
	}
	return json.Marshal(map[string]any{"event": tc.Event, "message": message, "nodeid": node, "ts": at.Unix()})
}

// run returns what is not as it should be; given tells which keys of want there are.
func (tc *policyCase) run(cfg *config, res *resolver, body []byte, given func(key string) bool) ([]string, error) {
	if err := cfg.Webhook.Check(body); err != nil {
		return nil, err
	}
	n, d, err := res.resolve(&queue.Record{Seq: 1, Received: time.Now(), Body: body})
	if err != nil {
		return nil, err
	}
	got, want := newDecisionTexts(n, d), &tc.Want
	var wrong []string
	compare := func(key string, got, want any) {
		if given(key) && fmt.Sprint(got) != fmt.Sprint(want) {
			wrong = append(wrong, fmt.Sprintf("%s is %q, expected %q", key, fmt.Sprint(got), fmt.Sprint(want)))
		}
	}
	outputs := func(names []string) string {
		if names == nil || slices.Contains(names, "*") {
			return "*"
		}
		return strings.Join(slices.Sorted(slices.Values(names)), ", ")
	}
	compare("rule", got.Rule, want.Rule)
	compare("dropped", got.Dropped, want.Dropped)
	compare("outputs", outputs(got.Outputs), outputs(append([]string{}, want.Outputs...)))
	compare("severity", got.Severity, want.Severity)
	compare("text", got.Text, want.Text)
	compare("hold", conffile.Duration(d.Hold), want.Hold)
	compare("repeat", conffile.Duration(d.Repeat), want.Repeat)
	compare("throttle", d.Throttle != nil, want.Throttle)
	return wrong, nil
}
