package main

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"sync"

	"github.com/gluster-trapgw/gluster-trapgw/outputs"
	"github.com/gluster-trapgw/gluster-trapgw/policy"
	"github.com/gluster-trapgw/gluster-trapgw/queue"
	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

// resolver turns a stored record into what is sent and where: translate, then policy. It is the one function that
// serve, demo and test share; it is pure and safe for concurrent use.
type resolver struct {
	translator *translate.Translator
	policy     *policy.Policy
}

// resolve returns the notification, severity already as the policy wants it, and the decision.
func (r *resolver) resolve(rec *queue.Record) (*translate.Notification, policy.Decision, error) {
	ev, err := translate.Decode(rec.Body)
	if err != nil {
		return nil, policy.Decision{}, fmt.Errorf("decode event %d: %w", rec.Seq, err)
	}
	ev.Seq, ev.Received, ev.Input, ev.Remote = rec.Seq, rec.Received, rec.Input, rec.Remote
	n := r.translator.Translate(&ev)
	d := r.policy.Decide(n)
	return r.policy.Apply(n, d), d, nil
}

// reader is one output's view of the queue: it reads records, resolves them and tells which of them the output
// gets. It implements outputs.Log for one worker and is not safe for concurrent use, except that Commit may run
// beside Next.
type reader struct {
	queue     queue.Queue
	output    string
	resolver  *resolver
	log       *slog.Logger
	last      uint64 // last record that Next returned
	committed uint64
	buf       []queue.Record
}

var _ outputs.Log = (*reader)(nil)

// newReader attaches the output to the queue, where it resumes after its cursor.
func newReader(ctx context.Context, q queue.Queue, output string, r *resolver, log *slog.Logger) (*reader, error) {
	cursor, err := q.Attach(ctx, output)
	if err != nil {
		return nil, fmt.Errorf("attach output %q to the queue: %w", output, err)
	}
	return &reader{queue: q, output: output, resolver: r, log: log, last: cursor, committed: cursor}, nil
}

// Next returns the next records of the log as this output sees them.
func (r *reader) Next(ctx context.Context, max int) ([]outputs.Item, error) {
	for {
		recs, err := r.queue.Read(ctx, r.last, max, r.buf[:0])
		if err != nil {
			return nil, err
		}
		r.buf = recs
		if len(recs) > 0 {
			r.last = recs[len(recs)-1].Seq
			return r.resolveAll(recs), nil
		}
		if err := r.queue.Wait(ctx, r.last); err != nil {
			return nil, err
		}
	}
}

// resolveAll resolves a batch on all cores: decoding and translating cost more than reading.
func (r *reader) resolveAll(recs []queue.Record) []outputs.Item {
	items := make([]outputs.Item, len(recs))
	parts := min(runtime.GOMAXPROCS(0), 1+len(recs)/32)
	var wg sync.WaitGroup
	for p := 1; p < parts; p++ {
		from, to := len(recs)*p/parts, len(recs)*(p+1)/parts
		wg.Go(func() { r.resolvePart(recs[from:to], items[from:to]) })
	}
	r.resolvePart(recs[:len(recs)/parts], items[:len(recs)/parts])
	wg.Wait()
	return items
}

func (r *reader) resolvePart(recs []queue.Record, items []outputs.Item) {
	for i := range recs {
		items[i] = r.item(&recs[i])
	}
}

func (r *reader) item(rec *queue.Record) outputs.Item {
	it := outputs.Item{Seq: rec.Seq}
	if rec.Damaged {
		it.Outcome = outputs.Damaged
		return it
	}
	n, d, err := r.resolver.resolve(rec)
	if err != nil {
		// The input checked it, so this is a fault of ours: say so, keep going, the record stays in the history.
		r.log.Error("event cannot be translated", "output", r.output, "seq", rec.Seq, "err", err)
		it.Outcome = outputs.Failed
		return it
	}
	it.Rule = d.Rule
	if d.Sends(r.output) {
		it.Notification = n
	} else {
		it.Outcome = outputs.Dropped
		r.log.Debug("event not sent", "output", r.output, "event", n.Event, "seq", n.Seq, "rule", d.Rule)
	}
	return it
}

// Commit saves the cursor and what became of each event. Records that the queue gave up before this reader came to
// them show as gaps in the numbers and are recorded as lost.
func (r *reader) Commit(ctx context.Context, done []outputs.Item) error {
	if len(done) == 0 {
		return nil
	}
	var runs []queue.Run
	add := func(n int, outcome outputs.Outcome, rule string) {
		if k := len(runs) - 1; k >= 0 && runs[k].Outcome == string(outcome) && runs[k].Rule == rule {
			runs[k].N += n
			return
		}
		runs = append(runs, queue.Run{N: n, Outcome: string(outcome), Rule: rule})
	}
	at := r.committed
	for i := range done {
		if gap := done[i].Seq - at - 1; gap > 0 {
			add(int(gap), outputs.Lost, "")
		}
		add(1, done[i].Outcome, done[i].Rule)
		at = done[i].Seq
	}
	if err := r.queue.Commit(ctx, r.output, queue.Progress{Cursor: at, Runs: runs}); err != nil {
		return err
	}
	r.committed = at
	return nil
}
