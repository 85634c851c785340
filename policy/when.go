package policy

import (
	"fmt"
	"sync"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/vm"

	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

// whenEnv returns what an expression can use. A map is what the language finds things in fastest.
func whenEnv(n *translate.Notification) map[string]any {
	return map[string]any{
		"event": n.Event, "group": n.Group, "state": n.State.String(), "severity": n.Severity.String(),
		"rank":    n.Severity.Rank(), // cleared is 0, critical 6
		"cluster": n.Cluster, "node": n.Host(), "node_id": n.NodeID,
		"volume": n.Volume, "brick": n.Brick, "peer": n.Peer, "peer_id": n.PeerID, "subvol": n.Subvol,
		"alarm_class": n.AlarmClass, "alarm_key": n.AlarmKey, "text": n.Text,
		"time":    n.Time, // of the event, UTC
		"message": messageOf(n),
	}
}

// maxNodes bounds an expression, and with it how long it can take: the language has no loop but over lists that the
// expression itself holds and the keys of a message.
const maxNodes = 1000

// when is a condition in the language of expr-lang.org.
type when struct {
	source  string
	program *vm.Program
}

func parseWhen(source string) (*when, error) {
	program, err := expr.Compile(source, expr.Env(whenEnv(&translate.Notification{})), expr.AsBool(), expr.MaxNodes(maxNodes), expr.DisableBuiltin("now"))
	if err != nil {
		return nil, err
	}
	return &when{source, program}, nil
}

// machines run expressions; a new one costs more than most expressions.
var machines = sync.Pool{New: func() any { return new(vm.VM) }}

// failing implements condition.
func (w *when) failing(v *view) func() string {
	if v.env == nil {
		v.env = whenEnv(v.n)
	}
	m := machines.Get().(*vm.VM)
	result, err := m.Run(w.program, v.env)
	machines.Put(m)
	if err != nil {
		err = fmt.Errorf("when: %s: %w", w.source, err)
		if v.fault == nil {
			v.fault = err
		}
		return err.Error
	}
	if result != true {
		return func() string { return "when is false: " + w.source }
	}
	return nil
}
