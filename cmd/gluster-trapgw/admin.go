package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/gluster-trapgw/gluster-trapgw/admin"
	"github.com/gluster-trapgw/gluster-trapgw/inputs/eventsd"
	"github.com/gluster-trapgw/gluster-trapgw/inputs/eventslog"
	"github.com/gluster-trapgw/gluster-trapgw/inputs/webhook"
	"github.com/gluster-trapgw/gluster-trapgw/metrics"
	"github.com/gluster-trapgw/gluster-trapgw/outputs"
	"github.com/gluster-trapgw/gluster-trapgw/outputs/snmp"
	"github.com/gluster-trapgw/gluster-trapgw/queue"
	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

// overseer is the gateway as the admin endpoint sees it.
type overseer struct {
	*gateway
	started time.Time
	engines *snmp.Engines // nil when no output needs one
	preview previewer
	rate    rate

	mu      sync.Mutex // guards what follows
	alarms  map[string]uint64
	counted time.Time
}

var _ admin.Gateway = (*overseer)(nil)

// newAdmin binds the admin endpoint; it is nil when it is off. Further handlers are added here.
func newAdmin(g *gateway, env outputEnv) (*admin.Server, error) {
	if !g.cfg.Admin.On() {
		return nil, nil
	}
	o := &overseer{gateway: g, started: time.Now(), engines: env.snmp.Engines}
	o.preview = previewer{check: g.cfg.Webhook.Check, resolver: g.resolver, configs: g.cfg.Outputs, configured: true}
	for _, w := range g.workers {
		o.preview.outputs = append(o.preview.outputs, w.Output)
	}
	var err error
	if o.preview.varbinds, err = snmp.New(*exampleOutputs()[0].SNMP, env.snmp); err != nil {
		return nil, err
	}
	s, err := admin.New(g.cfg.Admin, o, g.log)
	if err != nil {
		return nil, err
	}
	m := metrics.New(o.Status, g.tally)
	for _, w := range g.workers {
		w.Sent = m.Sent(w.Name)
	}
	s.Handle("GET /metrics", m.Handler())
	s.Handle("GET /stream", g.stream)
	if err := s.Listen(); err != nil {
		return nil, err
	}
	return s, nil
}

// newTally counts the event types that the catalogue knows.
func newTally() (*metrics.Tally, error) {
	cat, err := translate.LoadCatalogue()
	if err != nil {
		return nil, err
	}
	return metrics.NewTally(cat.EventNames(), webhook.Name, eventsd.Name, eventslog.Name), nil
}

// adminAddr is where the admin endpoint listens; empty when it is off.
func (g *gateway) adminAddr() string {
	if g.admin == nil {
		return ""
	}
	return g.admin.Addr()
}

// Queue implements admin.Gateway.
func (o *overseer) Queue(ctx context.Context) (*admin.Queue, error) {
	st, err := o.queue.Status(ctx)
	if err != nil {
		return nil, err
	}
	q := newQueueStatus(o.cfg, &st)
	q.FromRunning = true
	return q, nil
}

func newQueueStatus(cfg *config, st *queue.Status) *admin.Queue {
	dir := queueDir(cfg)
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	q := &admin.Queue{Dir: dir, ID: st.ID, First: st.First, Last: st.Last, Events: st.Events, Bytes: st.Bytes,
		MaxBytes: st.MaxBytes, MaxAge: st.MaxAge.Seconds(), Damaged: st.Damaged, WriteError: st.WriteErr, Outputs: []admin.QueueOutput{}}
	for _, o := range st.Outputs {
		q.Outputs = append(q.Outputs, admin.QueueOutput{Name: o.Name, Cursor: o.Cursor, Waiting: o.Waiting,
			Oldest: when(o.Oldest), Lost: o.Lost, Updated: when(o.Updated),
			Removed: !slices.ContainsFunc(cfg.Outputs, func(c outputConfig) bool { return c.Name == o.Name })})
	}
	return q
}

// when is nil for no time.
func when(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// Ready implements admin.Gateway: events can be stored, and at least one output gets them.
func (o *overseer) Ready(ctx context.Context) []string {
	var problems []string
	if st, err := o.queue.Status(ctx); err != nil {
		problems = append(problems, "the queue cannot be read: "+err.Error())
	} else if st.WriteErr != "" {
		problems = append(problems, "the queue cannot be written: "+st.WriteErr)
	}
	failing := 0
	for _, w := range o.workers {
		if !w.Status().FailingSince.IsZero() {
			failing++
		}
	}
	if failing > 0 && failing == len(o.workers) {
		problems = append(problems, "all outputs are failing")
	}
	return problems
}

// Status implements admin.Gateway.
func (o *overseer) Status(ctx context.Context) (*admin.Status, error) {
	q, err := o.Queue(ctx)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	s := &admin.Status{Version: version(), Cluster: o.cfg.Cluster.Name, Started: o.started.UTC(), Uptime: now.Sub(o.started).Seconds(), Queue: *q,
		Inputs: o.inputs(), Repeated: o.node.filter.Duplicates.Load(), Policy: o.policyInUse(),
		Nodes: []admin.Node{}, Engines: []admin.Engine{}, Problems: o.Ready(ctx), Outputs: []admin.Output{}}
	if s.Ready = len(s.Problems) == 0; s.Ready {
		s.Problems = []string{}
	}
	if s.Alarms, err = o.alarmCounts(ctx, now); err != nil {
		return nil, err
	}
	for _, silence := range o.silences.List() {
		if silence.State(now) == "active" {
			s.Silences++
		}
	}
	for i, w := range o.workers {
		out := newOutputStatus(&o.cfg.Outputs[i], w.Status())
		for _, c := range q.Outputs {
			if c.Name == w.Name {
				out.Waiting, out.Cursor, out.Lost = c.Waiting, c.Cursor, c.Lost
				if c.Oldest != nil {
					out.Lag = max(0, now.Sub(*c.Oldest).Seconds())
				}
			}
		}
		s.Outputs = append(s.Outputs, out)
	}
	last := o.sources.lastEvents()
	for _, id := range slices.Sorted(maps.Keys(last)) {
		n := admin.Node{ID: id, LastEvent: last[id].UTC()}
		if name := o.resolver.translator.NodeName(id); name != id {
			n.Name = name
		}
		s.Nodes = append(s.Nodes, n)
	}
	if o.engines != nil {
		for _, e := range o.engines.Open() {
			s.Engines = append(s.Engines, admin.Engine{ID: e.HexID(), Boots: e.Boots, Time: e.Time()})
		}
	}
	return s, nil
}

// countEvery is how often the active alarms are counted at most: in a storm that takes longer than all else in the status,
// and a status page may ask every second.
const countEvery = 2 * time.Second

// alarmCounts returns how many alarms are active of each severity, or were a moment ago.
func (o *overseer) alarmCounts(ctx context.Context, now time.Time) (map[string]uint64, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if age := now.Sub(o.counted); o.alarms == nil || age < 0 || age >= countEvery {
		active, err := activeAlarms(ctx, o.queue.Reader, admin.AlarmQuery{})
		if err != nil {
			return nil, err
		}
		o.alarms, o.counted = map[string]uint64{}, now
		for _, a := range active {
			o.alarms[a.Severity]++
		}
	}
	return maps.Clone(o.alarms), nil
}

func newOutputStatus(o *outputConfig, st outputs.Status) admin.Output {
	out := admin.Output{Name: o.Name, Kind: "snmp", State: admin.Working, Trouble: string(st.Trouble), Summary: admin.Working,
		FailingSince: when(st.FailingSince), LastError: st.LastErr, LastSent: when(st.LastSent), Sent: st.Sent,
		Outcomes: map[string]uint64{}, Failures: map[string]uint64{}}
	if o.SNMP != nil {
		out.Target = o.SNMP.Target
	} else {
		out.Kind, out.Target = "syslog", o.Syslog.Destination()
	}
	if !st.FailingSince.IsZero() {
		out.State, out.Summary = admin.Failing, st.Trouble.Words()
	}
	for k, n := range st.Outcomes {
		out.Outcomes[string(k)] = n
	}
	for k, n := range st.Failures {
		out.Failures[string(k)] = n
	}
	return out
}

// inputs lists the inputs that are on with their counters.
func (o *overseer) inputs() []admin.Input {
	c := &o.webhook.Counters
	all := []admin.Input{{Name: webhook.Name, Addresses: o.webhook.Addrs(), Counters: map[string]uint64{
		"accepted": c.Accepted.Load(), "test": c.Tests.Load(), "bad": c.Bad.Load(), "unauthorized": c.Unauthorized.Load(),
		"forbidden": c.Forbidden.Load(), "not_found": c.NotFound.Load(), "bad_method": c.BadMethod.Load(), "timed_out": c.TimedOut.Load(),
		"too_large": c.TooLarge.Load(), "rate_limited": c.Limited.Load(), "not_stored": c.Failed.Load(), "busy": c.Busy.Load(), "disconnected": c.Disconnected.Load(),
	}}}
	if in := o.node.eventsd; in != nil {
		c := &in.Counters
		all = append(all, admin.Input{Name: eventsd.Name, Addresses: in.Addrs(), Counters: map[string]uint64{
			"accepted": c.Accepted.Load(), "bad": c.Bad.Load(), "unknown": c.Unknown.Load(), "kernel_dropped": c.Dropped.Load(), "lost": c.Lost.Load(),
		}})
	}
	if in := o.node.eventslog; in != nil {
		c := &in.Counters
		all = append(all, admin.Input{Name: eventslog.Name, Addresses: []string{o.cfg.Eventslog.Path}, Counters: map[string]uint64{
			"accepted": c.Accepted.Load(), "bad": c.Bad.Load(), "gaps": c.Gaps.Load(),
		}})
	}
	return all
}

func (o *overseer) policyInUse() admin.Policy {
	st := o.policyStatus()
	p := admin.Policy{File: st.File, Rules: st.Rules, Loaded: st.Loaded.UTC(), Reloads: st.Reloads, Failures: st.Failures, Hits: []admin.RuleHits{}}
	if st.Err != nil {
		p.LastError = st.Err.Error()
	}
	for _, w := range o.workers {
		rules := w.Status().Rules
		for _, r := range slices.Sorted(maps.Keys(rules)) {
			p.Hits = append(p.Hits, admin.RuleHits{Rule: r, Output: w.Name, Events: rules[r]})
		}
	}
	return p
}

// Alarms implements admin.Gateway.
func (o *overseer) Alarms(ctx context.Context, q admin.AlarmQuery) ([]*admin.Alarm, error) {
	all, err := activeAlarms(ctx, o.queue.Reader, q)
	var h hinted
	if errors.As(err, &h) {
		err = fmt.Errorf("%w: %s: %w", admin.ErrInput, h, errors.New(h.hint))
	}
	return all, err
}

// Events implements admin.Gateway.
func (o *overseer) Events(ctx context.Context, q admin.EventQuery) ([]*admin.Event, error) {
	return pastEvents(ctx, o.queue.Reader, o.resolver, q)
}

// Reload implements admin.Gateway.
func (o *overseer) Reload(context.Context) (*admin.Policy, error) {
	if err := o.reload(); err != nil {
		return nil, err
	}
	p := o.policyInUse()
	return &p, nil
}

// Try implements admin.Gateway.
func (o *overseer) Try(ctx context.Context, body []byte) (*admin.Preview, error) {
	p, err := o.preview.preview(ctx, body, 1, false)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", admin.ErrInput, err)
	}
	return p, nil
}

// errAnother means that the gateway at the address has another state directory: it runs with another configuration.
var errAnother = errors.New("the gateway is another one")

// findGateway returns a client of the gateway that runs with this configuration.
func findGateway(ctx context.Context, cfg *config) (*admin.Client, error) {
	client, err := admin.NewClient(cfg.Admin)
	if err != nil {
		return nil, err
	}
	var q admin.Queue
	if err := client.Get(ctx, "/api/v1/queue", &q); err != nil {
		return nil, err
	}
	if here := newQueueStatus(cfg, &queue.Status{}).Dir; q.Dir != here {
		return nil, fmt.Errorf("%w: %s keeps its log in %s, and this configuration in %s", errAnother, cfg.Admin.Listen, q.Dir, here)
	}
	return client, nil
}

// runningGateway is findGateway for a command that can do without: it returns nil when there is none, and says on
// standard error which it is.
func runningGateway(c *cli.Context, cfg *config) (*admin.Client, error) {
	client, err := findGateway(c.Context, cfg)
	why := ""
	switch {
	case errors.Is(err, admin.ErrNotRunning):
		why = admin.ErrNotRunning.Error()
	case errors.Is(err, errAnother):
		why = "the gateway at " + cfg.Admin.Listen + " is another one"
	case err != nil:
		return nil, err
	default:
		fmt.Fprintf(c.App.ErrWriter, "gluster-trapgw: from the gateway at %s\n", cfg.Admin.Listen)
		return client, nil
	}
	fmt.Fprintf(c.App.ErrWriter, "gluster-trapgw: %s: read from %s\n", why, newQueueStatus(cfg, &queue.Status{}).Dir)
	return nil, nil
}
