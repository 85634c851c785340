package main

import (
	"context"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/inputs"
	"github.com/gluster-trapgw/gluster-trapgw/inputs/dedupe"
	"github.com/gluster-trapgw/gluster-trapgw/inputs/eventsd"
	"github.com/gluster-trapgw/gluster-trapgw/inputs/eventslog"
	"github.com/gluster-trapgw/gluster-trapgw/mibs"
	"github.com/gluster-trapgw/gluster-trapgw/queue"
	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

// nodeInputs are the inputs of a gateway that runs on a Gluster node, and the filter that all inputs go through: an
// event may come by more than one of them.
type nodeInputs struct {
	log       *slog.Logger
	filter    *dedupe.Filter
	eventsd   *eventsd.Input   // nil when it is off
	eventslog *eventslog.Input // nil when it is off
	since     time.Time        // up to here everything in events.log was handed on before
}

// newNodeInputs binds the addresses and finds the place in events.log. Nothing runs yet.
func newNodeInputs(cfg *config, store inputs.Accept, log *slog.Logger) (*nodeInputs, error) {
	n := &nodeInputs{log: log, filter: dedupe.New(store), since: time.Now()}
	if cfg.Eventslog.On() {
		n.eventslog = eventslog.New(cfg.Eventslog, filepath.Join(cfg.StateDir, "eventslog.json"), n.filter.Had, log)
		since, err := n.eventslog.Open()
		if err != nil {
			return nil, err
		}
		n.since = since
	}
	if cfg.Eventsd.On() {
		n.eventsd = eventsd.New(cfg.Eventsd, eventNames(cfg.mib), log)
		if err := n.eventsd.Listen(); err != nil {
			return nil, err
		}
		log.Info("events are taken over UDP", "addresses", n.eventsd.Addrs())
	}
	return n, nil
}

// eventNames is what the numbers of events on the wire mean: the MIB numbers its notifications alike.
func eventNames(m *mibs.MIB) []string {
	const first = 1001 // the notification of event 0
	var names []string
	for _, n := range m.Notifications() {
		if n.Event == "" || n.Number < first {
			continue
		}
		for len(names) <= int(n.Number-first) {
			names = append(names, "")
		}
		names[n.Number-first] = n.Event
	}
	return names
}

// remember tells the filter what was stored lately, so that it knows it again after a restart.
func (n *nodeInputs) remember(ctx context.Context, q *queue.SQLite) {
	lately := queue.Query{From: n.since.Add(-dedupe.Window), Newest: true, Limit: dedupe.MaxEvents / 2}
	err := q.History(ctx, lately, func(e queue.Item) error {
		if !e.Damaged && e.Input != translate.OwnInput {
			n.filter.Stored(e.Input, e.Body, e.Input == eventslog.Name)
		}
		return nil
	})
	if err != nil {
		n.log.Warn("events of before the start are not known again: some may be sent twice", "err", err)
	}
	if n.eventslog != nil {
		n.eventslog.Note()
	}
}

// catchUpFor bounds how long the webhook waits at the start. glustereventsd waits with it, without a limit of its own.
const catchUpFor = 10 * time.Second

// catchUp hands on what was logged while the gateway was away, before anything newer comes in: so the order stays.
func (n *nodeInputs) catchUp(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, catchUpFor)
	defer cancel()
	before := n.eventslog.Counters.Accepted.Load() - n.filter.Duplicates.Load()
	n.eventslog.CatchUp(ctx, n.filter.Accept)
	if found := n.eventslog.Counters.Accepted.Load() - n.filter.Duplicates.Load() - before; found > 0 {
		n.log.Info("events that were missed are recovered from events.log", "events", found)
	}
}

func (n *nodeInputs) close() error {
	if n.eventsd == nil {
		return nil
	}
	return n.eventsd.Close()
}
