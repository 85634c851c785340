package policy

import (
	"testing"

	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

func TestOfTypePassesOverRulesThatLookAtMore(t *testing.T) {
	p, err := Load("p.yaml", []byte(`rules:
  - {name: prod, match: {event: "BRICK_*", volume: "prod-*"}, severity: critical}
  - {name: bricks, match: {group: brick, state: raise}, severity: minor}
  - {name: churn, match: {event: CLIENT_CONNECT}, drop: true}
`), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		event, group string
		state        translate.AlarmState
		want         string
	}{
		{"BRICK_DISCONNECTED", "brick", translate.Raise, "minor bricks"},
		{"BRICK_RESET_COMMIT", "brick", translate.Stateless, "major "},
		{"CLIENT_CONNECT", "client", translate.Stateless, "major churn"},
	} {
		d := p.OfType(&translate.Notification{Event: tt.event, Group: tt.group, Severity: translate.Major, State: tt.state})
		if got := d.Severity.String() + " " + d.Rule; got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.event, got, tt.want)
		}
	}
}
