package main

import (
	"context"

	"github.com/gluster-trapgw/gluster-trapgw/admin"
	"github.com/gluster-trapgw/gluster-trapgw/queue"
	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

// feed is the log as the live stream reads it: one more reader, without a place of its own.
type feed struct {
	queue    queue.Queue
	resolver *resolver
	outputs  []string
}

var _ admin.Feed = (*feed)(nil)

func newFeed(g *gateway) *feed {
	f := &feed{queue: g.queue, resolver: g.resolver}
	for i := range g.cfg.Outputs {
		f.outputs = append(f.outputs, g.cfg.Outputs[i].Name)
	}
	return f
}

// Range implements admin.Feed.
func (f *feed) Range(ctx context.Context) (first, last uint64, err error) {
	st, err := f.queue.Status(ctx)
	return st.First, st.Last, err
}

// Wait implements admin.Feed.
func (f *feed) Wait(ctx context.Context, after uint64) error { return f.queue.Wait(ctx, after) }

// Live implements admin.Feed.
func (f *feed) Live(ctx context.Context, after uint64, max int) ([]*admin.Live, uint64, error) {
	recs, err := f.queue.Read(ctx, after, max, nil)
	if err != nil || len(recs) == 0 {
		return nil, after, err
	}
	all := make([]*admin.Live, 0, len(recs))
	for i := range recs {
		if e := f.live(&recs[i]); e.Group != translate.ControlGroup {
			all = append(all, e)
		}
	}
	return all, recs[len(recs)-1].Seq, nil
}

func (f *feed) live(rec *queue.Record) *admin.Live {
	e := &admin.Live{Seq: rec.Seq, Received: rec.Received, Input: rec.Input, Outputs: []string{}}
	if rec.Damaged {
		e.Event, e.Text = "(damaged record)", "The record failed its checksum"
		return e
	}
	n, d, err := f.resolver.share(rec)
	if err != nil {
		e.Event, e.Text = "(not an event)", err.Error()
		return e
	}
	e.Event, e.Group, e.Severity, e.State, e.AlarmKey = n.Event, n.Group, n.Severity.String(), n.State.String(), n.AlarmKey
	e.Node, e.NodeID, e.Volume, e.Brick, e.Peer, e.Text, e.Rule = n.Host(), n.NodeID, n.Volume, n.Brick, n.Peer, n.Text, d.Rule
	e.Fields = fieldsOf(n)
	for _, name := range f.outputs {
		if d.Sends(name) {
			e.Outputs = append(e.Outputs, name)
		}
	}
	return e
}

// fieldsOf returns the message by key; of a repeated key the last one stays.
func fieldsOf(n *translate.Notification) map[string]string {
	m := make(map[string]string, len(n.Fields))
	for _, f := range n.Fields {
		m[f.Key] = f.Value
	}
	return m
}
