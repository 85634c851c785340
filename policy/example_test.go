package policy_test

import (
	"fmt"

	"github.com/gluster-trapgw/gluster-trapgw/policy"
	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

const text = `
rules:
  - name: bricks page
    match: {event: "BRICK_*", severity: ">= major", volume: "prod-*"}
    send_to: noc
    severity: critical
  - name: the rest is for the log
    send_to: siem
`

func ExampleLoad() {
	p, err := policy.Load("policy.yaml", []byte(text), []string{"noc", "siem"})
	if err != nil {
		fmt.Println(err)
		return
	}
	n := &translate.Notification{Event: "BRICK_DISCONNECTED", Volume: "prod-web", Severity: translate.Major}
	d := p.Decide(n)
	fmt.Println(d.Rule, d.Sends("noc"), d.Sends("siem"), p.Apply(n, d).Severity)
	// Output: bricks page true false critical
}

func ExampleLoad_mistakes() {
	_, err := policy.Load("policy.yaml", []byte(text), []string{"nms", "siem"})
	fmt.Println(err)
	// Output: policy.yaml:5: rules[0].send_to: "noc" is not an output: the outputs are nms, siem
}

func ExamplePolicy_Explain() {
	p, err := policy.Load("policy.yaml", []byte(text), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	n := &translate.Notification{Event: "BRICK_DISCONNECTED", Volume: "test", Severity: translate.Critical}
	for _, s := range p.Explain(n) {
		fmt.Println(s.Rule, s.Matched, s.Why)
	}
	// Output:
	// bricks page false volume is "test", expected "prod-*"
	// the rest is for the log true
}
