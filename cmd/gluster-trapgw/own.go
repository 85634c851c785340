package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/alarms"
	"github.com/gluster-trapgw/gluster-trapgw/conffile"
	"github.com/gluster-trapgw/gluster-trapgw/inputs"
	"github.com/gluster-trapgw/gluster-trapgw/queue"
	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

// The gateway's own notifications are records of the log like any event: every output gets them in their place, the
// policy and the history know them, and a crash loses none.

// heartbeatConfig is the heartbeat section of the configuration.
type heartbeatConfig struct {
	Every     conffile.Duration `yaml:"every"`      // 0 turns it off
	StartStop bool              `yaml:"start_stop"` // tell when the gateway starts and stops
}

func (c heartbeatConfig) validate() error {
	if d := time.Duration(c.Every); d != 0 && (d < time.Second || d > 24*time.Hour) {
		return conffile.At("every", "%s is out of range: 1s to 24h, or 0 for no heartbeat", c.Every)
	}
	return nil
}

const (
	watchEvery = 10 * time.Second // how often the nodes are looked at
	saveEvery  = 10 * time.Minute // how often their rhythm is saved
	lastWords  = 2 * time.Second  // how long the outputs have for what lies before the end
)

// own appends a notification of the gateway itself and returns its number. fields are message keys: objects of the MIB
// and what its text needs.
func (g *gateway) own(ctx context.Context, name, node string, fields map[string]any) (uint64, error) {
	now := time.Now().UTC()
	body := inputs.Body{Event: name, NodeID: node, TS: now.Unix(), Message: fields}
	rec := &queue.Record{Received: now, Input: translate.OwnInput, Body: body.JSON()}
	if err := g.queue.Append(ctx, rec); err != nil {
		return 0, fmt.Errorf("append %s: %w", name, err)
	}
	return rec.Seq, nil
}

// tell is own for what nobody waits for. That the queue cannot be written, the queue says itself.
func (g *gateway) tell(ctx context.Context, name, node string, fields map[string]any) bool {
	_, err := g.own(ctx, name, node, fields)
	if err != nil && !errors.Is(err, queue.ErrClosed) && ctx.Err() == nil {
		g.log.Debug("a notification of the gateway itself is not made", "err", err)
	}
	return err == nil
}

// counts are the fields of a heartbeat.
func (g *gateway) counts(ctx context.Context) map[string]any {
	fields := map[string]any{
		"gtgGwReceived":          int64(g.received.Load()),
		"gtgGwHeartbeatInterval": int64(time.Duration(g.cfg.Heartbeat.Every).Seconds()),
	}
	var sent, failed, waiting, lost uint64
	for _, w := range g.workers {
		st := w.Status()
		sent, failed = sent+st.Sent, failed+st.Failed
	}
	st, err := g.queue.Status(ctx)
	if err == nil {
		for _, o := range st.Outputs {
			if g.drives(o.Name) { // others were taken out of the configuration and keep their place
				waiting, lost = max(waiting, o.Waiting), lost+o.Lost
			}
		}
	}
	fields["gtgGwSent"], fields["gtgGwFailed"], fields["gtgGwDropped"] = int64(sent), int64(failed), int64(lost)
	fields["gtgGwQueueLength"], fields["gtgLogHighestSequence"] = int64(waiting), int64(st.Last)
	fields["gtgAlarmActiveCount"] = int64(g.activeAlarms())
	return fields
}

// activeAlarms is how many alarms are active at the output that has most.
func (g *gateway) activeAlarms() int64 {
	most := int64(0)
	for _, r := range *g.readers.Load() {
		most = max(most, r.active.Load())
	}
	return most
}

// speak makes the notifications that come with time, until ctx ends.
func (g *gateway) speak(ctx context.Context) error {
	var beat <-chan time.Time
	if every := time.Duration(g.cfg.Heartbeat.Every); every > 0 {
		t := time.NewTicker(every)
		defer t.Stop()
		beat = t.C
	}
	watch, save := time.NewTicker(watchEvery), time.NewTicker(saveEvery)
	defer watch.Stop()
	defer save.Stop()
	defer g.sources.save()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-beat:
			g.tell(ctx, "gtgHeartbeat", "", g.counts(ctx))
		case now := <-watch.C:
			g.listen(ctx, now)
		case <-save.C:
			g.sources.save()
		}
	}
}

// listen tells of the nodes that fell silent or speak again.
func (g *gateway) listen(ctx context.Context, now time.Time) {
	changes := g.sources.changes(now)
	for _, c := range changes {
		name, fields := "gtgSourceActive", map[string]any{"gtgGwSource": g.resolver.translator.NodeName(c.node)}
		if c.silent {
			name = "gtgSourceSilent"
			fields["gtgGwLastEventAge"] = int64(c.since.Seconds())
			fields["silence"] = alarms.Span(c.since)
		}
		if g.tell(ctx, name, c.node, fields) {
			g.sources.commit(c)
		}
	}
	if len(changes) > 0 {
		g.sources.save()
	}
}

// greet says that the gateway has started, before any event comes in.
func (g *gateway) greet(ctx context.Context) {
	if g.cfg.Heartbeat.StartStop {
		g.tell(ctx, "gtgStarted", "", map[string]any{"version": version(), "gtgLogHighestSequence": int64(g.lastSeq(ctx)),
			"gtgAlarmActiveCount": g.activeAlarms()})
	}
}

// farewell says that the gateway stops and gives the outputs that work a moment to send what lies before it.
func (g *gateway) farewell(ctx context.Context) {
	if !g.cfg.Heartbeat.StartStop || len(*g.readers.Load()) != len(g.workers) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, lastWords)
	defer cancel()
	seq, err := g.own(ctx, "gtgStopping", "", map[string]any{"gtgLogHighestSequence": int64(g.lastSeq(ctx))})
	if err != nil {
		return
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for i, r := range *g.readers.Load() {
		for r.done.Load() < seq && g.workers[i].Status().FailingSince.IsZero() {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	}
}

func (g *gateway) lastSeq(ctx context.Context) uint64 {
	st, err := g.queue.Status(ctx)
	if err != nil {
		return 0
	}
	return st.Last
}
