package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// SQLite is the Queue in a directory of the local disk. Run must run for Append, Commit, Attach and Detach to get
// anywhere; reading needs no Run.
type SQLite struct {
	*Reader
	cfg  Config
	log  *slog.Logger
	dir  string
	lock *os.File
	w    *writer

	// turn is held by whoever writes: the goroutine of Run, or one that found nobody before it and so does its own
	// writing, which saves a lone append the way to another goroutine and back. Locked before mu.
	turn sync.Mutex

	mu      sync.Mutex // guards the fields below
	pending []*request // what the writer takes next
	running bool
	crowd   int           // while the writer gathers: how many must wait for it to be woken
	lone    bool          // the last transaction was for one request: nobody else is likely to come for the next
	closing bool          // nothing more is accepted
	done    chan struct{} // closed when Run is over
	durable uint64        // the newest record on disk
	newer   chan struct{} // closed when durable grows; nil while nobody waits
	writeE  error         // why writes fail

	recent  recent
	wake    chan struct{} // tells the writer that pending is not empty or closing is set
	closeMu sync.Once
	closeE  error
}

var _ Queue = (*SQLite)(nil)

// Open opens the store in dir, making both when they do not exist. The caller starts Run. Only one process can have
// a store open for writing.
func Open(dir string, cfg Config) (*SQLite, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("open queue: %w", err)
	}
	lock, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	q := &SQLite{
		cfg: cfg, log: cfg.log(), dir: dir, lock: lock,
		done: make(chan struct{}), wake: make(chan struct{}, 1),
	}
	q.w = &writer{q: q, cfg: cfg, log: q.log}
	if err := q.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("open queue %q: %w", dir, err), lock.Close())
	}
	q.durable = q.w.last
	return q, nil
}

func (q *SQLite) open() error {
	if err := finishSalvage(q.dir); err != nil {
		return err
	}
	err := q.w.open()
	if malformed(err) {
		if err = q.w.salvage(err); err == nil {
			err = q.w.open()
		}
	}
	if err != nil {
		return err
	}
	q.Reader, err = newReader(q.dir)
	if err != nil {
		return errors.Join(err, q.w.close())
	}
	q.Reader.suspect = q.suspect
	q.Reader.bounds = q.w.bounds
	return nil
}

// request is one thing for the writer to do, and where its answer goes.
type request struct {
	recs     []*Record
	progress *Progress
	output   string
	attach   bool
	detach   bool
	probe    bool
	damaged  uint64 // a record that a reader found damaged
	repair   error  // a reader met what SQLite calls malformed ...
	gen      uint64 // ... in this generation of the file

	cursor uint64 // answer to attach
	err    error
	done   chan struct{}
}

var requests = sync.Pool{New: func() any { return &request{done: make(chan struct{}, 1)} }}

// do hands req to the writer and waits. When ctx ends first, the request is taken back, or, when the writer has it
// already, waited for: that takes one disk write.
func (q *SQLite) do(ctx context.Context, req *request) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	q.mu.Lock()
	if q.closing {
		q.mu.Unlock()
		return ErrClosed
	}
	q.pending = append(q.pending, req)
	alone := q.running && q.lone && len(q.pending) == 1
	enough := len(q.pending) >= q.crowd
	q.mu.Unlock()
	if enough && (!alone || !q.writeOwn()) {
		q.poke()
	}
	if ctx.Done() == nil { // a plain receive costs half of a select
		<-req.done
		return req.err
	}
	select {
	case <-req.done:
		return req.err
	case <-ctx.Done():
	}
	q.mu.Lock()
	for i, r := range q.pending {
		if r == req {
			q.pending = append(q.pending[:i:i], q.pending[i+1:]...)
			q.mu.Unlock()
			return ctx.Err()
		}
	}
	q.mu.Unlock()
	<-req.done
	return req.err
}

// writeOwn does one round of writing unless somebody else is at it, and leaves what remains to the goroutine of Run.
func (q *SQLite) writeOwn() bool {
	if !q.turn.TryLock() {
		return false
	}
	q.w.round()
	more := q.w.checkpointDue()
	q.turn.Unlock()
	if more || q.waiting() {
		q.poke()
	}
	return true
}

func (q *SQLite) poke() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// Append implements Queue.
func (q *SQLite) Append(ctx context.Context, recs ...*Record) error {
	if len(recs) == 0 {
		return nil
	}
	req := requests.Get().(*request)
	req.recs = recs
	err := q.do(ctx, req)
	*req = request{done: req.done}
	requests.Put(req)
	return err
}

// Read implements Queue. Nobody may change the bodies: other readers may have the same.
func (q *SQLite) Read(ctx context.Context, after uint64, max int, buf []Record) ([]Record, error) {
	if err := ctx.Err(); err != nil {
		return buf, err
	}
	// Memory may still hold what was given up: the database knows.
	if after >= q.Reader.bounds.trimmed.Load() {
		if out := q.recent.read(after, max, buf); len(out) > len(buf) {
			return out, nil
		}
	}
	return q.Reader.Read(ctx, after, max, buf)
}

// Commit implements Queue.
func (q *SQLite) Commit(ctx context.Context, output string, p Progress) error {
	return q.do(ctx, &request{progress: &p, output: output, done: make(chan struct{}, 1)})
}

// Attach implements Queue.
func (q *SQLite) Attach(ctx context.Context, output string) (uint64, error) {
	req := &request{attach: true, output: output, done: make(chan struct{}, 1)}
	err := q.do(ctx, req)
	return req.cursor, err
}

// Detach implements Queue. What was delivered to the output stays in the history until its events go.
func (q *SQLite) Detach(ctx context.Context, output string) error {
	return q.do(ctx, &request{detach: true, output: output, done: make(chan struct{}, 1)})
}

// Probe writes the time of day and returns when that is on disk: whoever stores events would get as far. While larger writes
// fail it returns why.
func (q *SQLite) Probe(ctx context.Context) error {
	return q.do(ctx, &request{probe: true, done: make(chan struct{}, 1)})
}

// Wait implements Queue.
func (q *SQLite) Wait(ctx context.Context, after uint64) error {
	for {
		q.mu.Lock()
		// Records that were given up do not count: there would be nothing to read.
		if q.durable > after && !q.Reader.bounds.explained(after, q.durable+1) {
			q.mu.Unlock()
			return nil
		}
		if q.closing {
			q.mu.Unlock()
			return ErrClosed
		}
		if q.newer == nil {
			q.newer = make(chan struct{})
		}
		newer := q.newer
		q.mu.Unlock()
		select {
		case <-newer:
		case <-q.done:
			return ErrClosed
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Status implements Queue.
func (q *SQLite) Status(ctx context.Context) (Status, error) {
	st, err := q.Reader.Status(ctx)
	st.MaxBytes, st.MaxAge = int64(q.cfg.MaxBytes), time.Duration(q.cfg.MaxAge)
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.writeE != nil {
		st.WriteErr = q.writeE.Error()
	}
	return st, err
}

// suspect is called by a reader that found a record damaged (err nil) or the file malformed. It returns when the
// file was repaired; a damaged record is only noted.
func (q *SQLite) suspect(ctx context.Context, seq, gen uint64, err error) error {
	req := &request{damaged: seq, repair: err, gen: gen, done: make(chan struct{}, 1)}
	if err != nil {
		return q.do(ctx, req)
	}
	q.mu.Lock()
	if !q.closing {
		q.pending = append(q.pending, req)
	}
	q.mu.Unlock()
	q.poke()
	return nil
}

// publish makes records up to last visible to Wait.
func (q *SQLite) publish(last uint64) {
	q.mu.Lock()
	grown := last > q.durable
	q.durable = max(q.durable, last)
	q.mu.Unlock()
	if grown {
		q.rouse()
	}
}

// rouse has everybody in Wait look again.
func (q *SQLite) rouse() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.newer != nil {
		close(q.newer)
		q.newer = nil
	}
}

// take returns what the writer does next: everything that waits, within what one transaction should hold.
func (q *SQLite) take(buf []*request) (batch []*request, closing bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	n, records, size := 0, 0, 0
	for n < len(q.pending) && records < maxBatchRecords && size < maxBatchBytes {
		for _, rec := range q.pending[n].recs {
			records, size = records+1, size+len(rec.Body)
		}
		n++
	}
	if n > 0 {
		q.lone = n == 1
	}
	batch = append(buf[:0], q.pending[:n]...)
	rest := copy(q.pending, q.pending[n:])
	clear(q.pending[rest:])
	q.pending = q.pending[:rest]
	return batch, q.closing
}

// gather is called after a transaction of n requests. It waits for those who were just answered to come back with their
// next record: fewer, fuller transactions. Half of all who were there lately fill one; the others are on their way
// while it is written. lately is the most that were there together, less with every transaction that had fewer.
func (q *SQLite) gather(n, lately int, timer *time.Timer) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	lately = max(n+len(q.pending), lately*7/8)
	q.crowd = lately / 2
	timer.Reset(gatherFor)
	for len(q.pending) < q.crowd && !q.closing {
		q.mu.Unlock()
		late := false
		select {
		case <-q.wake:
		case <-timer.C:
			late = true
		}
		q.mu.Lock()
		if late {
			lately = len(q.pending) // they are gone
			break
		}
	}
	q.crowd = 0
	return lately
}

func (q *SQLite) waiting() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.pending) > 0 || q.closing
}

// Run writes until ctx ends or Close is called, finishes what was accepted and returns nil. After that the queue
// only reads, so ctx must outlive the inputs and the outputs.
func (q *SQLite) Run(ctx context.Context) error {
	q.mu.Lock()
	if q.running || q.closing {
		defer q.mu.Unlock()
		if q.closing {
			return nil
		}
		return errors.New("run queue: it runs already")
	}
	q.running = true
	q.mu.Unlock()
	stop := context.AfterFunc(ctx, q.stop)
	defer stop()
	q.w.loop()
	close(q.done)
	q.w.callbacks.Wait()
	return nil
}

// stop accepts nothing more.
func (q *SQLite) stop() {
	q.mu.Lock()
	q.closing = true
	q.mu.Unlock()
	q.poke()
}

// Close implements Queue.
func (q *SQLite) Close() error {
	q.closeMu.Do(func() {
		q.mu.Lock()
		q.closing = true
		running := q.running
		q.mu.Unlock()
		q.poke()
		if running {
			<-q.done
		} else {
			q.w.loop() // nobody ran it: what was accepted is still written
			close(q.done)
		}
		q.w.callbacks.Wait()
		q.recent.close()
		q.closeE = errors.Join(q.Reader.Close(), q.w.close())
		if err := q.reserve(); err != nil {
			q.log.Warn("queue log not written ahead, the next start needs room on the disk", "err", err)
		}
		q.closeE = errors.Join(q.closeE, q.lock.Close())
	})
	return q.closeE
}

// reserve makes the log and its index again, which SQLite removes when the last connection closes and needs before it gives
// the first answer: without them a gateway that was stopped would not start on a disk that is full. No connection of this
// process may be open: closing any file lets go of all locks that the process has on it.
func (q *SQLite) reserve() error {
	return errors.Join(grow(filepath.Join(q.dir, walFile), q.cfg.walAhead()), grow(filepath.Join(q.dir, shmFile), shmBytes))
}
