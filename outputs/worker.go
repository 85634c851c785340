package outputs

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"sync"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

// Worker drives one output from its log. It is the only place that retries, paces and counts.
//
// It sends in order and never skips a temporary error: it tries again, for ever, with growing pauses. After a crash
// the notifications sent since the last commit are sent again: at most two batches (BatchSize), and when sending is
// slow no more than commitEvery of it.
type Worker struct {
	Name   string
	Output Output
	Log    Log
	Logger *slog.Logger

	// Recovered is called when a streak of failures is over, with how long it took; nil is nobody.
	Recovered func(failedFor time.Duration)

	// Sent is told of items right after they were delivered, those without a notification included; may be nil.
	Sent func(items []Item)

	Rate      float64 // notifications per second; 0 is no limit
	Burst     int     // how many may go at once after a pause; 0 is a tenth of a second's worth
	BatchSize int     // 0 is 256

	RetryMin time.Duration // first pause after a failure; 0 is 500 ms
	RetryMax time.Duration // longest pause; 0 is 30 s

	ord   uint64 // notifications delivered or given up since the start
	pace  bucket
	quiet silence // of the log lines about notifications that cannot be sent

	committing chan bool // the commit under way, which says whether it worked; nil when there is none

	mu     sync.Mutex // guards status
	status Status
}

// commitEvery is how long sent notifications may stay uncommitted while a batch is under way; stopCommit how long the
// last commit may take when the gateway stops.
const (
	commitEvery = 200 * time.Millisecond
	stopCommit  = 3 * time.Second
)

// Run delivers until ctx ends and then returns nil; what was sent by then is committed.
func (w *Worker) Run(ctx context.Context) error {
	if w.BatchSize == 0 {
		w.BatchSize = 256
	}
	if w.RetryMin == 0 {
		w.RetryMin = 500 * time.Millisecond
	}
	if w.RetryMax == 0 {
		w.RetryMax = 30 * time.Second
	}
	if w.Logger == nil {
		w.Logger = slog.New(slog.DiscardHandler)
	}
	w.pace = newBucket(w.Rate, w.Burst)

	defer w.settled()
	for next := w.fetch(ctx, 0); ; {
		b := <-next
		if b == nil {
			return nil // ctx ended
		}
		// The next batch is read, translated and encoded while this one is sent. Each notification of this one, delivered
		// or given up, will have counted by then.
		next = w.fetch(ctx, b.ord+uint64(len(b.messages)))
		if !w.deliver(ctx, b) {
			<-next
			return nil
		}
	}
}

// batch is items with what was made of them ahead of time.
type batch struct {
	items    []Item
	ord      uint64    // notifications before this batch
	messages []Message // of each item that has a notification; good until one fails or they get old
	rendered time.Time
	err      renderError
}

// freshFor is how long a message may wait between Render and Send: there are clocks in some.
const freshFor = time.Second

// fetch reads and renders the next batch, which begins after ord notifications; the channel gets nil when ctx ends.
func (w *Worker) fetch(ctx context.Context, ord uint64) <-chan *batch {
	ch := make(chan *batch, 1)
	go func() {
		for try := 0; ; try++ {
			items, err := w.Log.Next(ctx, w.BatchSize)
			if err == nil && len(items) == 0 {
				err = errors.New("it returned nothing")
			}
			if err == nil {
				if try > 0 {
					w.Logger.Info("log can be read again", "output", w.Name)
				}
				b := &batch{items: items, ord: ord, rendered: time.Now()}
				for i := range items {
					if items[i].Notification != nil {
						b.messages = append(b.messages, Message{})
					}
				}
				b.err = w.render(items, b.messages, ord)
				ch <- b
				return
			}
			if ctx.Err() != nil {
				ch <- nil
				return
			}
			if try == 0 {
				w.Logger.Error("log cannot be read", "output", w.Name, "err", err)
			}
			if !sleep(ctx, w.backoff(try)) {
				ch <- nil
				return
			}
		}
	}()
	return ch
}

// deliver sends and commits one batch; false means that ctx ended first.
func (w *Worker) deliver(ctx context.Context, b *batch) bool {
	items := b.items
	committed, lastCommit := 0, time.Now()
	commit := func(upTo int) bool {
		if upTo == committed {
			return true
		}
		ok := w.settled() && w.commit(ctx, items[committed:upTo])
		committed, lastCommit = upTo, time.Now()
		return ok && ctx.Err() == nil
	}
	done := 0 // items[:done] are finished with
	for try := 0; done < len(items); {
		if items[done].Notification == nil {
			done++
			continue
		}
		w.inHand(items[done].Notification.Received)
		if ctx.Err() != nil {
			commit(done)
			return false
		}
		// What was sent is not left uncommitted while the next has to wait for its turn.
		if pause := w.pace.pause(); pause > 0 && time.Since(lastCommit)+pause > commitEvery && !commit(done) {
			return false
		}
		n, delivered, err := w.send(ctx, items[done:], b)
		for i := done; i < done+n; i++ {
			if items[i].Notification != nil {
				items[i].Outcome = Sent
			}
		}
		if w.Sent != nil && delivered > 0 {
			w.Sent(items[done : done+n])
		}
		done += n
		w.delivered(delivered)
		if delivered > 0 {
			try = 0
		}
		switch {
		case err == nil:
			w.works()
		case errors.Is(err, ErrPermanent):
			w.failed(&items[done], err)
			done++
			w.ord++
		case ctx.Err() != nil:
			commit(done)
			return false
		default:
			w.failing(err)
			if !commit(done) || !sleep(ctx, w.backoff(try)) {
				return false
			}
			try++
			b.messages = nil // encoded anew for each try
		}
		if time.Since(lastCommit) > commitEvery && !commit(done) {
			return false
		}
	}
	w.inHand(time.Time{})
	if committed == done {
		return ctx.Err() == nil
	}
	// The rest is committed while the next batch is sent.
	if !w.settled() {
		return false
	}
	w.committing = make(chan bool, 1)
	go func(saved chan<- bool) { saved <- w.commit(ctx, items[committed:]) }(w.committing)
	return ctx.Err() == nil
}

// settled waits for the commit of the batch before and reports whether it worked. When it did not, nothing after it may
// be committed.
func (w *Worker) settled() bool {
	if w.committing == nil {
		return true
	}
	ok := <-w.committing
	w.committing = nil
	return ok
}

// send renders what is not rendered yet and tries once to send what may go now. It returns how many of the items are
// done with, how many notifications of them were delivered, and the error of the item after those.
func (w *Worker) send(ctx context.Context, items []Item, b *batch) (done, delivered int, err error) {
	allowed, ok := w.pace.take(ctx, len(items))
	if !ok {
		return 0, 0, ctx.Err()
	}
	// The items that go out: an error of Render ends the batch before that item.
	end := 0
	count := 0
	for end < len(items) && count < allowed {
		if items[end].Notification != nil {
			count++
		}
		end++
	}
	var batch []Message
	var at renderError
	if first := int(w.ord - b.ord); b.err.err == nil && len(b.messages) >= first+count && time.Since(b.rendered) < freshFor {
		batch = b.messages[first : first+count]
	} else {
		batch = make([]Message, count)
		if at = w.render(items[:end], batch, w.ord); at.err != nil {
			batch = batch[:at.index]
		}
	}
	sent := 0
	if len(batch) > 0 {
		sent, err = w.Output.Send(ctx, batch)
		sent = min(max(sent, 0), len(batch))
		switch {
		case sent == len(batch):
			err = nil // all are delivered: there is none that the error could be about
		case err == nil:
			err = errors.New("the output took only a part of the batch")
		}
	}
	w.pace.giveBack(allowed - sent)
	w.ord += uint64(sent)
	// Items without a notification count as done with together with those before them.
	for left := sent; done < end; done++ {
		if items[done].Notification == nil {
			continue
		}
		if left == 0 {
			break
		}
		left--
	}
	if err == nil {
		err = at.err
	}
	return done, sent, err
}

// renderError is the first message of a batch that could not be rendered.
type renderError struct {
	index int
	err   error
}

// render encodes the notifications of items, of which ord came before, into batch, on all cores when it is worth it.
func (w *Worker) render(items []Item, batch []Message, ord uint64) renderError {
	list := make([]*translate.Notification, 0, len(batch))
	for i := range items {
		if n := items[i].Notification; n != nil {
			list = append(list, n)
		}
	}
	part := func(from, to int) renderError {
		for i := from; i < to; i++ {
			m, err := w.Output.Render(list[i], ord+uint64(i)+1)
			if err != nil {
				return renderError{i, err}
			}
			batch[i] = m
		}
		return renderError{}
	}
	parts := min(runtime.GOMAXPROCS(0), 1+len(list)/32)
	if parts == 1 {
		return part(0, len(list))
	}
	errs := make([]renderError, parts)
	var wg sync.WaitGroup
	for p := range parts {
		wg.Go(func() { errs[p] = part(len(list)*p/parts, len(list)*(p+1)/parts) })
	}
	wg.Wait()
	for _, e := range errs {
		if e.err != nil {
			return e
		}
	}
	return renderError{}
}

// commit saves progress, trying until it works: nothing may be sent that could not be remembered. It waits for a slow
// disk as long as it takes, for a commit that was given up may have happened; only when ctx ends its time is limited,
// and then it is not repeated.
func (w *Worker) commit(ctx context.Context, items []Item) bool {
	for try := 0; ; try++ {
		c, cancel := context.WithCancel(context.WithoutCancel(ctx))
		stop := context.AfterFunc(ctx, func() { time.AfterFunc(stopCommit, cancel) })
		err := w.Log.Commit(c, items)
		stop()
		cancel()
		if err == nil {
			if try > 0 {
				w.Logger.Info("cursor can be saved again", "output", w.Name)
			}
			w.committed(items)
			return true
		}
		if try == 0 {
			w.Logger.Error("cursor cannot be saved: sending pauses", "output", w.Name, "err", err)
		}
		if !sleep(ctx, w.backoff(try)) {
			return false
		}
	}
}

// backoff is the pause after the try-th failure of a streak: doubling, capped, with jitter of a quarter either way so
// that outputs which failed together do not retry together.
func (w *Worker) backoff(try int) time.Duration {
	d := w.RetryMin
	for ; try > 0 && d < w.RetryMax; try-- {
		d *= 2
	}
	d = min(d, w.RetryMax)
	return d*3/4 + rand.N(d/2+1)
}

// sleep waits and reports whether ctx is still alive.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
