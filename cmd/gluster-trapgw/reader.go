package main

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/alarms"
	"github.com/gluster-trapgw/gluster-trapgw/outputs"
	"github.com/gluster-trapgw/gluster-trapgw/policy"
	"github.com/gluster-trapgw/gluster-trapgw/queue"
	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

// resolver turns a stored record into what is sent and where: translate, then policy. It is the one function that
// serve, demo and test share; it is pure and safe for concurrent use.
type resolver struct {
	translator *translate.Translator
	policy     atomic.Pointer[policy.Policy] // a reload puts another in its place
	recent     []atomic.Pointer[shared]      // by number: outputs that keep up share the work; empty for one output
}

// shared is what resolve found out about a record. It is not changed any more.
type shared struct {
	seq      uint64
	policy   *policy.Policy
	n        *translate.Notification
	decision policy.Decision
}

// recentShared is how far apart outputs can be and still share: some batches.
const recentShared = 2048

// share is resolve for one of several outputs.
func (r *resolver) share(rec *queue.Record) (*translate.Notification, policy.Decision, error) {
	if len(r.recent) == 0 {
		return r.resolve(rec)
	}
	slot := &r.recent[rec.Seq%recentShared]
	if v := slot.Load(); v != nil && v.seq == rec.Seq && v.policy == r.policy.Load() {
		return v.n, v.decision, nil
	}
	p := r.policy.Load()
	n, d, err := r.resolve(rec)
	if err == nil {
		slot.Store(&shared{rec.Seq, p, n, d})
	}
	return n, d, err
}

// resolve returns the notification, severity already as the policy wants it, and the decision.
func (r *resolver) resolve(rec *queue.Record) (*translate.Notification, policy.Decision, error) {
	n, err := r.translate(rec)
	if err != nil {
		return nil, policy.Decision{}, err
	}
	if n.Group == translate.ControlGroup {
		return n, policy.Decision{Dropped: true, Severity: n.Severity}, nil
	}
	p := r.policy.Load()
	d := p.Decide(n)
	return p.Apply(n, d), d, nil
}

// explain returns the rules that resolve tries, up to the one that decides.
func (r *resolver) explain(rec *queue.Record) ([]policy.Step, error) {
	n, err := r.translate(rec)
	if err != nil {
		return nil, err
	}
	return r.policy.Load().Explain(n), nil
}

func (r *resolver) translate(rec *queue.Record) (*translate.Notification, error) {
	ev, err := translate.Decode(rec.Body)
	if err != nil {
		return nil, fmt.Errorf("decode event %d: %w", rec.Seq, err)
	}
	ev.Seq, ev.Received, ev.Input, ev.Remote = rec.Seq, rec.Received, rec.Input, rec.Remote
	return r.translator.Translate(&ev), nil
}

// reader is one output's view of the queue: it reads records, resolves them, folds them into the output's alarms and
// tells what the output gets. It implements outputs.Log for one worker and is not safe for concurrent use, except that
// Commit may run beside Next.
//
// Every item carries the rows of alarm state that change with it, and Commit saves them in one transaction with the
// cursor: what a crash leaves behind is always the state after a whole number of items.
type reader struct {
	queue     queue.Queue
	output    string
	resolver  *resolver
	log       *slog.Logger
	now       func() time.Time
	table     *alarms.Table  // nil when the output gets every event as it comes
	stale     []queue.Change // rows that nothing uses any more; the next commit deletes them
	last      uint64         // last record that was read
	committed uint64
	buf       []queue.Record
	steps     []alarms.Step
	ready     []outputs.Item // folded, but more than Next was asked for

	done   atomic.Uint64 // committed, for others to look at
	active atomic.Int64  // alarms in table, likewise

	complained atomic.Int64 // when complain last did, in nanoseconds
}

var _ outputs.Log = (*reader)(nil)

// newReader attaches the output to the queue, where it resumes after its cursor with the alarms of that moment. table is
// empty, or nil for an output that gets every event as it comes.
func newReader(ctx context.Context, q queue.Queue, output string, r *resolver, table *alarms.Table, log *slog.Logger) (*reader, error) {
	cursor, err := q.Attach(ctx, output)
	if err != nil {
		return nil, fmt.Errorf("attach output %q to the queue: %w", output, err)
	}
	rd := &reader{queue: q, output: output, resolver: r, log: log, now: time.Now, table: table, last: cursor, committed: cursor}
	err = q.State(ctx, output, func(key string, value []byte) error {
		switch {
		case table == nil && alarms.Owns(key):
			rd.stale = append(rd.stale, queue.Change{Key: key})
		case table != nil:
			if err := table.Restore(key, value); err != nil {
				log.Error("alarm cannot be restored: it begins anew when it is raised again", "output", output, "err", err)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("restore the alarms of output %q: %w", output, err)
	}
	rd.count()
	return rd, nil
}

// count makes known how many alarms there are.
func (r *reader) count() {
	if r.table != nil {
		r.active.Store(int64(r.table.Len()))
	}
}

// Next returns the next records of the log as this output sees them, and what happened to its alarms by itself.
func (r *reader) Next(ctx context.Context, max int) ([]outputs.Item, error) {
	for len(r.ready) == 0 {
		recs, err := r.queue.Read(ctx, r.last, max, r.buf[:0])
		if err != nil {
			return nil, err
		}
		r.buf = recs
		if len(recs) > 0 {
			before := r.last
			r.last = recs[len(recs)-1].Seq
			r.ready = r.fold(r.resolveAll(recs), before)
			r.count()
		} else if err := r.wait(ctx); err != nil {
			return nil, err
		}
	}
	n := min(max, len(r.ready))
	items := r.ready[:n:n]
	r.ready = r.ready[n:]
	return items, nil
}

// wait blocks until there is another record, or until something happens to the alarms by itself.
func (r *reader) wait(ctx context.Context) error {
	var due time.Time
	if r.table != nil {
		due = r.table.Due()
	}
	if due.IsZero() {
		return r.queue.Wait(ctx, r.last)
	}
	if left := due.Sub(r.now()); left > 0 {
		c, cancel := context.WithTimeout(ctx, left)
		defer cancel()
		if err := r.queue.Wait(c, r.last); err == nil || c.Err() == nil || ctx.Err() != nil {
			return err
		}
	}
	r.steps = r.table.Advance(r.steps[:0], r.now())
	for i := range r.steps {
		r.ready = append(r.ready, extra(&r.steps[i], r.last))
	}
	r.count()
	return nil
}

// resolved is a record before the output's alarms have a say: its item, and the notification also when the policy
// does not send it.
type resolved struct {
	item outputs.Item
	n    *translate.Notification
	want alarms.Want
}

// resolveAll resolves a batch on all cores: decoding and translating cost more than reading.
func (r *reader) resolveAll(recs []queue.Record) []resolved {
	all := make([]resolved, len(recs))
	parts := min(runtime.GOMAXPROCS(0), 1+len(recs)/32)
	var wg sync.WaitGroup
	for p := 1; p < parts; p++ {
		from, to := len(recs)*p/parts, len(recs)*(p+1)/parts
		wg.Go(func() { r.resolvePart(recs[from:to], all[from:to]) })
	}
	r.resolvePart(recs[:len(recs)/parts], all[:len(recs)/parts])
	wg.Wait()
	return all
}

func (r *reader) resolvePart(recs []queue.Record, all []resolved) {
	for i := range recs {
		all[i] = r.resolve(&recs[i])
	}
}

func (r *reader) resolve(rec *queue.Record) resolved {
	it := outputs.Item{Seq: rec.Seq}
	if rec.Damaged {
		it.Outcome = outputs.Damaged
		return resolved{item: it}
	}
	n, d, err := r.resolver.share(rec)
	if err != nil {
		// The input checked it, so this is a fault of ours: say so, keep going, the record stays in the history.
		r.log.Error("event cannot be translated", "output", r.output, "seq", rec.Seq, "err", err)
		it.Outcome = outputs.Failed
		return resolved{item: it}
	}
	it.Rule = d.Rule
	if d.Fault != nil {
		r.complain(d.Fault, n)
	}
	want := alarms.Want{Sends: d.Sends(r.output), Hold: d.Hold, Repeat: d.Repeat}
	if d.Throttle != nil {
		want.Limit = &alarms.Limit{Rule: d.Throttle.Rule, Key: d.Throttle.Key(n), Max: d.Throttle.Max, Every: d.Throttle.Every}
	}
	switch {
	case n.Group == translate.ControlGroup:
		it.Outcome = outputs.Noted
	case want.Sends && alarms.Addressed(n, r.output):
		it.Notification = n
	default:
		it.Outcome = outputs.Dropped
	}
	return resolved{it, n, want}
}

// complain logs an expression of the policy that fails, once a minute.
func (r *reader) complain(fault error, n *translate.Notification) {
	now := r.now().UnixNano()
	if last := r.complained.Load(); now-last >= int64(time.Minute) && r.complained.CompareAndSwap(last, now) {
		r.log.Warn("an expression of the policy fails, so its rule does not match", "output", r.output, "event", n.Event, "seq", n.Seq, "err", fault)
	}
}

// fold takes the records in order through the output's alarms; before is the record before the first.
func (r *reader) fold(all []resolved, before uint64) []outputs.Item {
	items := make([]outputs.Item, 0, len(all))
	audit := r.log.Enabled(context.Background(), slog.LevelDebug)
	for i := range all {
		it := all[i].item
		if r.table == nil || all[i].n == nil {
			if audit {
				r.audit(&it, all[i].n)
			}
			items = append(items, it)
			before = it.Seq
			continue
		}
		r.steps = r.table.Apply(r.steps[:0], all[i].n, all[i].want)
		own := len(r.steps) - 1
		for k := range own {
			items = append(items, extra(&r.steps[k], before))
		}
		it.Notification, it.Outcome, it.State = said(&r.steps[own])
		if audit {
			r.audit(&it, all[i].n)
		}
		items = append(items, it)
		before = it.Seq
	}
	return items
}

// audit logs an event that the output does not get, and why.
func (r *reader) audit(it *outputs.Item, n *translate.Notification) {
	if it.Notification == nil && n != nil {
		r.log.Debug("event not sent", "output", r.output, "event", n.Event, "seq", n.Seq, "outcome", it.Outcome, "rule", it.Rule)
	}
}

// extra is the item of a step that no record has.
func extra(s *alarms.Step, seq uint64) outputs.Item {
	it := outputs.Item{Seq: seq, Extra: true}
	it.Notification, it.Outcome, it.State = said(s)
	return it
}

// verdicts are the outcomes of what is not sent.
var verdicts = map[alarms.Verdict]outputs.Outcome{
	alarms.Unwanted: outputs.Dropped,
	alarms.Repeated: outputs.Repeat,
	alarms.NoAlarm:  outputs.NoAlarm,
	alarms.Held:     outputs.Held,

	alarms.Silenced:  outputs.Silenced,
	alarms.Throttled: outputs.Throttled,
	alarms.Noted:     outputs.Noted,
}

func said(s *alarms.Step) (*translate.Notification, outputs.Outcome, any) {
	if len(s.Changes) == 0 {
		return s.Notification, verdicts[s.Verdict], nil
	}
	return s.Notification, verdicts[s.Verdict], s.Changes
}

// Commit saves the cursor, what became of each event and what changed in the alarms. Records that the queue gave up
// before this reader came to them show as gaps in the numbers and are recorded as lost.
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
		if done[i].Extra {
			continue
		}
		if gap := done[i].Seq - at - 1; gap > 0 {
			add(int(gap), outputs.Lost, "")
		}
		add(1, done[i].Outcome, done[i].Rule)
		at = done[i].Seq
	}
	if err := r.queue.Commit(ctx, r.output, queue.Progress{Cursor: at, Runs: runs, Changes: r.changes(done)}); err != nil {
		return err
	}
	r.committed, r.stale = at, nil
	r.done.Store(at)
	return nil
}

// changes returns the rows that change with the items, each once and as it is in the end.
func (r *reader) changes(done []outputs.Item) []queue.Change {
	rows := r.stale
	seen := map[string]bool{}
	for i := len(done) - 1; i >= 0; i-- {
		changes, _ := done[i].State.([]alarms.Change)
		for k := len(changes) - 1; k >= 0; k-- {
			key := changes[k].Key()
			if !seen[key] {
				seen[key] = true
				rows = append(rows, queue.Change{Key: key, Value: changes[k].Value()})
			}
		}
	}
	return rows
}
