package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/admin"
	"github.com/gluster-trapgw/gluster-trapgw/alarms"
	"github.com/gluster-trapgw/gluster-trapgw/dbus"
	"github.com/gluster-trapgw/gluster-trapgw/inputs"
	"github.com/gluster-trapgw/gluster-trapgw/inputs/webhook"
	"github.com/gluster-trapgw/gluster-trapgw/listener"
	"github.com/gluster-trapgw/gluster-trapgw/metrics"
	"github.com/gluster-trapgw/gluster-trapgw/outputs"
	"github.com/gluster-trapgw/gluster-trapgw/outputs/snmp"
	"github.com/gluster-trapgw/gluster-trapgw/queue"
	"github.com/gluster-trapgw/gluster-trapgw/silences"
	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

// gateway is the running program: what serve and demo both start.
type gateway struct {
	cfg      *config
	log      *slog.Logger
	queue    *queue.SQLite
	webhook  *webhook.Input
	node     *nodeInputs
	resolver *resolver
	workers  []*outputs.Worker
	tables   []*alarms.Table           // of each worker; nil for an output that gets every event
	readers  atomic.Pointer[[]*reader] // of each worker, once they run
	sources  *sources
	losing   *losing
	silences *silences.Store
	policy   policyState
	admin    *admin.Server // nil when it is off
	stream   *admin.Stream
	tally    *metrics.Tally // of the events that are stored
	hup      chan os.Signal // each asks for a reload
	systemd  *supervisor    // nil when systemd did not start it
	received atomic.Uint64  // events accepted since the start
}

// newGateway builds every part. Nothing runs yet, but the queue is open and the webhook's address is bound, so that
// a mistake shows before anything starts.
func newGateway(cfg *config, log *slog.Logger) (g *gateway, err error) {
	g = &gateway{cfg: cfg, log: log, hup: make(chan os.Signal, 1)}
	g.readers.Store(&[]*reader{})
	if g.tally, err = newTally(); err != nil {
		return nil, err
	}
	if g.systemd, err = newSupervisor(); err != nil {
		return nil, err
	}
	g.policy.loaded, g.policy.rules = time.Now(), cfg.policy.Len()
	if cfg.file != "" {
		if g.policy.config, err = os.ReadFile(cfg.file); err != nil {
			return nil, fmt.Errorf("read configuration: %w", err)
		}
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, g.close())
		}
	}()
	if err := os.MkdirAll(cfg.StateDir, 0o750); err != nil {
		return g, fmt.Errorf("make state directory: %w", err)
	}
	g.losing = newLosing(filepath.Join(cfg.StateDir, "losing.json"), log)
	qcfg := cfg.Queue
	qcfg.Log, qcfg.OnLost, qcfg.OnKept = log, g.overflow, g.recovered
	if g.queue, err = queue.Open(queueDir(cfg), qcfg); err != nil {
		return g, err
	}
	if g.resolver, err = newResolver(cfg, g.queue.ID()); err != nil {
		return g, err
	}
	g.sources = newSources(filepath.Join(cfg.StateDir, "sources.json"), cfg.Sources, time.Now(), log)
	g.silences = silences.Open(silencesFile(cfg), log)
	if g.webhook, err = webhook.New(cfg.Webhook, log); err != nil {
		return g, err
	}
	passed, err := listener.Passed()
	if err != nil {
		return g, err
	}
	if len(passed) > 0 {
		g.webhook.ListenOn(passed...)
	} else if err := g.webhook.Listen(); err != nil {
		return g, err
	}
	if g.node, err = newNodeInputs(cfg, g.append, log); err != nil {
		return g, err
	}
	var engines *snmp.Engines
	if cfg.needsEngine() {
		if engines, err = snmp.OpenEngines(cfg.StateDir, log); err != nil {
			return g, err
		}
	}
	if len(cfg.Outputs) > 1 {
		g.resolver.recent = make([]atomic.Pointer[shared], recentShared)
	}
	env := newOutputEnv(cfg, engines, log)
	for i := range cfg.Outputs {
		o := &cfg.Outputs[i]
		out, rate, err := newOutput(o, env)
		if err != nil {
			return g, fmt.Errorf("output %q: %w", o.Name, err)
		}
		g.workers = append(g.workers, &outputs.Worker{Name: o.Name, Output: out, Rate: rate, Logger: log, Recovered: g.resendAfter(o)})
		var table *alarms.Table
		if !o.EveryEvent {
			table = alarms.New(cfg.Alarms, g.resolver.translator)
			table.Output, table.Silences = o.Name, g.silences
		}
		g.tables = append(g.tables, table)
	}
	g.stream = admin.NewStream(newFeed(g), log)
	g.admin, err = newAdmin(g, env)
	return g, err
}

func newResolver(cfg *config, queueID string) (*resolver, error) {
	cluster := cfg.Cluster
	cluster.ID = queueID
	tr, err := translate.New(cfg.mib, cluster)
	if err != nil {
		return nil, err
	}
	r := &resolver{translator: tr}
	r.policy.Store(cfg.policy)
	return r, nil
}

func queueDir(cfg *config) string { return filepath.Join(cfg.StateDir, "queue") }

// Run starts every long-lived goroutine of the process and stops them in the order of the data: inputs, workers,
// outputs, queue. Nothing needs draining: what is not sent is on disk. It returns nil when ctx ends, or the first
// error that ended a part.
func (g *gateway) Run(ctx context.Context) error {
	queueCtx, stopQueue := context.WithCancel(context.WithoutCancel(ctx))
	workCtx, stopWorkers := context.WithCancel(context.WithoutCancel(ctx))
	inputCtx, stopInputs := context.WithCancel(ctx)
	defer stopQueue()
	defer stopWorkers()
	defer stopInputs()

	var mu sync.Mutex // guards first
	var first error
	fail := func(part string, err error) {
		if err != nil && (ctx.Err() == nil || !errors.Is(err, context.Canceled)) { // told to stop while it starts
			mu.Lock()
			if first == nil {
				first = fmt.Errorf("%s: %w", part, err)
			}
			mu.Unlock()
			stopInputs()
		}
	}
	var input, work, store sync.WaitGroup
	store.Go(func() { fail("queue", g.queue.Run(queueCtx)) })
	var readers []*reader
	for i, w := range g.workers {
		r, err := newReader(ctx, g.queue, w.Name, g.resolver, g.tables[i], g.log)
		if err != nil {
			fail("queue", err)
			continue
		}
		w.Log = r
		readers = append(readers, r)
		work.Go(func() { fail("output "+w.Name, w.Run(workCtx)) })
	}
	g.readers.Store(&readers)
	g.greet(ctx)
	for _, output := range g.losing.before() {
		g.recovered(output) // when it is not over, it is told of again
	}
	g.node.remember(ctx, g.queue)
	ready := make(chan struct{}) // closed when the webhook may begin
	if in := g.node.eventslog; in != nil {
		input.Go(func() {
			g.node.catchUp(inputCtx)
			close(ready)
			fail("eventslog", in.Run(inputCtx, g.accept))
		})
	} else {
		close(ready)
	}
	input.Go(func() {
		<-ready
		fail("webhook", g.webhook.Run(inputCtx, g.accept))
	})
	input.Go(func() {
		<-ready
		fail("systemd", g.supervise(inputCtx))
	})
	if in := g.node.eventsd; in != nil {
		input.Go(func() { fail("eventsd", in.Run(inputCtx, g.accept)) })
	}
	if g.admin != nil {
		input.Go(func() { fail("admin", g.admin.Run(inputCtx)) })
	}
	input.Go(func() { fail("stream", g.stream.Run(inputCtx)) })
	if g.cfg.DBus.On() {
		input.Go(func() { fail("dbus", dbus.New(g.cfg.DBus, g.stream.Each, g.log).Run(inputCtx)) })
	}
	input.Go(func() { fail("heartbeat", g.speak(inputCtx)) })
	input.Go(func() { fail("policy", g.watchPolicy(inputCtx, g.hup)) })

	<-inputCtx.Done()
	input.Wait()
	g.farewell(queueCtx)
	stopWorkers()
	work.Wait()
	stopQueue()
	store.Wait()
	return errors.Join(first, g.close())
}

// accept makes an event durable; it is the whole of what happens before the sender hears 200.
func (g *gateway) accept(ctx context.Context, r inputs.Received) error {
	return g.node.filter.Accept(ctx, r)
}

func (g *gateway) append(ctx context.Context, r inputs.Received) error {
	err := g.queue.Append(ctx, &queue.Record{Received: r.Time, Input: r.Input, Remote: r.Remote, Body: r.Body})
	if err == nil {
		g.received.Add(1)
		g.tally.Stored(r.Input, r.Body)
		g.sources.seen(r.Node, r.Time)
	}
	return err
}

func (g *gateway) close() error {
	var errs []error
	for _, w := range g.workers {
		errs = append(errs, w.Output.Close())
	}
	if g.webhook != nil {
		errs = append(errs, g.webhook.Close())
	}
	if g.admin != nil {
		errs = append(errs, g.admin.Close())
	}
	if g.node != nil {
		errs = append(errs, g.node.close())
	}
	if g.queue != nil {
		errs = append(errs, g.queue.Close())
	}
	return errors.Join(errs...)
}
