package queue

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

const (
	maxBatchRecords = 4096
	maxBatchBytes   = 4 << 20
	recordOverhead  = 64 // octets of a record beside its body
	maxTailRuns     = 64 // a row of deliveries is extended until it has so many runs
	tick            = time.Second
	gatherFor       = time.Millisecond // how long a transaction is put off for others to join
)

// writer owns the only connection that writes. Its methods are called by whoever has the turn (SQLite.turn), and before
// and after Run.
type writer struct {
	q    *SQLite
	cfg  Config
	log  *slog.Logger
	conn *sqlite.Conn
	st   struct{ begin, commit, rollback, insert, pages, free *sqlite.Stmt }

	bound      bound
	bounds     *bounds
	view       // as the last transaction left it
	outputs    map[string]*output
	names      map[string]bool // outputs that have rows in deliveries
	savedFirst uint64
	stale      bool // a failed transaction left the fields above unsure
	scratch    []byte
	batch      []*request

	trim      trimmer
	logged    int64 // octets written to the log since it started over, about
	walHeld   bool  // and it was logged that somebody keeps it from starting over
	failing   streak
	repaired  time.Time // last salvage
	freshRead bool      // cursors could not be salvaged: a new output starts at the oldest record
	callbacks sync.WaitGroup
}

// bound is what st.insert keeps bound from one record to the next: it is nearly always the same.
type bound struct {
	set           bool
	input, remote string
}

// output is a row of outputs and the last row of its deliveries.
type output struct {
	cursor, lost        uint64
	saved               bool // the next two are what the last transaction that worked left
	savedCursor         uint64
	savedLost           uint64
	tailFirst, tailLast uint64
	tail                []Run
	attached            bool // since the start; nobody is told of the losses of others
	episode             episode
}

func (w *writer) open() error {
	c, err := openWriter(dbPath(w.q.dir))
	if err != nil {
		return err
	}
	w.conn = c
	err = sqlitex.ExecuteTransient(c, fmt.Sprintf("PRAGMA journal_size_limit=%d", w.cfg.walLimit()), nil)
	if err == nil {
		err = w.load()
	}
	if err != nil {
		w.conn = nil
		return errors.Join(err, c.Close())
	}
	if err := grow(filepath.Join(w.q.dir, walFile), w.cfg.walAhead()); err != nil {
		w.log.Warn("queue log not written ahead, appending is slower", "err", err)
	}
	w.logged = w.cfg.walBytes() - 1 // unknown: the first idle moment finds out
	return nil
}

// load reads everything that is kept in memory.
func (w *writer) load() (err error) {
	c := w.conn
	w.bound = bound{}
	for _, p := range []struct {
		st  **sqlite.Stmt
		sql string
	}{
		{&w.st.begin, "BEGIN IMMEDIATE"}, {&w.st.commit, "COMMIT"}, {&w.st.rollback, "ROLLBACK"},
		{&w.st.insert, "INSERT INTO events VALUES(?,?,?,?,?,?)"},
		{&w.st.pages, "PRAGMA page_count"}, {&w.st.free, "PRAGMA freelist_count"},
	} {
		if *p.st, err = c.Prepare(p.sql); err != nil {
			return err
		}
	}
	if w.view, err = loadView(c); err != nil {
		return err
	}
	old := w.outputs
	w.outputs, w.names = map[string]*output{}, map[string]bool{}
	err = sqlitex.Execute(c, "SELECT name, cursor, lost FROM outputs", &sqlitex.ExecOptions{
		ResultFunc: func(st *sqlite.Stmt) error {
			o := &output{cursor: uint64(st.ColumnInt64(1)), lost: uint64(st.ColumnInt64(2))}
			if was := old[st.ColumnText(0)]; was != nil {
				o.attached, o.episode = was.attached, was.episode
			}
			w.outputs[st.ColumnText(0)] = o
			return nil
		}})
	if err != nil {
		return err
	}
	names, err := deliveredTo(c)
	if err != nil {
		return err
	}
	for _, name := range names {
		w.names[name] = true
	}
	w.stale = false
	if w.bounds == nil {
		w.bounds = &bounds{}
	}
	w.bounds.mu.Lock()
	w.bounds.gaps = append([]gap(nil), w.gaps...)
	w.bounds.mu.Unlock()
	w.bounds.trimmed.Store(w.first - 1)
	w.bounds.last.Store(w.last)
	w.q.rouse() // what a failed transaction was about to give up is still there
	w.saved()
	return w.trim.load(w)
}

// deliveredTo lists the outputs with rows in deliveries by skipping from name to name.
func deliveredTo(c *sqlite.Conn) (names []string, err error) {
	for name := ""; ; {
		found := false
		err := sqlitex.Execute(c, "SELECT output FROM deliveries WHERE output>? ORDER BY output LIMIT 1",
			&sqlitex.ExecOptions{Args: []any{name}, ResultFunc: func(st *sqlite.Stmt) error {
				name, found = st.ColumnText(0), true
				return nil
			}})
		if err != nil || !found {
			return names, err
		}
		names = append(names, name)
	}
}

// loop writes until the queue closes and nothing waits.
func (w *writer) loop() {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	timer := time.NewTimer(0)
	defer timer.Stop()
	lately := 0 // see gather
	for {
		w.q.turn.Lock()
		n, closing := w.round()
		if n > 0 && w.failing.n > 0 {
			select {
			case <-ticker.C: // under load there may be no idle moment to find out whether writing works again
				w.tidy()
			default:
			}
		}
		if w.checkpointDue() {
			w.checkpoint()
		}
		if n == 0 && closing {
			w.endEpisodes(true)
		}
		w.q.turn.Unlock()
		switch {
		case n > 0:
			lately = w.q.gather(n, lately, timer)
			continue
		case closing:
			return
		}
		select {
		case <-w.q.wake:
			continue
		case <-ticker.C:
		}
		w.q.turn.Lock()
		w.endEpisodes(false)
		for !w.q.waiting() && w.tidy() {
		}
		w.q.turn.Unlock()
	}
}

// round does everything that waits, in one transaction, and answers. It returns how much that was and whether the
// queue is closing.
func (w *writer) round() (n int, closing bool) {
	if w.batch, closing = w.q.take(w.batch); len(w.batch) > 0 {
		w.write(w.batch)
		for i, req := range w.batch {
			w.batch[i] = nil
			req.done <- struct{}{}
		}
	}
	return len(w.batch), closing
}

func (w *writer) checkpointDue() bool {
	return w.conn != nil && w.logged >= w.cfg.walBytes()
}

// write commits the batch, repairing the file once when it is malformed.
func (w *writer) write(batch []*request) {
	err := w.repairFor(batch)
	if err == nil {
		err = w.transact(batch)
	}
	if malformed(err) {
		if err = w.repair(err); err == nil {
			err = w.transact(batch)
		}
	}
	if err != nil {
		err = fmt.Errorf("write queue: %w", err)
		for _, req := range batch {
			if req.err == nil {
				req.err = err
			}
			for _, rec := range req.recs {
				rec.Seq = 0
			}
		}
	}
	if err == nil && w.failing.n == 0 {
		return
	}
	w.note(err, octets(batch))
	for _, req := range batch {
		if req.probe && req.err == nil {
			req.err = w.failing.err
		}
	}
}

// repairFor does what readers asked for that met a malformed file.
func (w *writer) repairFor(batch []*request) error {
	for _, req := range batch {
		if req.repair != nil && (w.q.Reader == nil || req.gen == w.q.Reader.gen) {
			req.err = w.repair(req.repair)
		}
	}
	if w.conn == nil {
		return w.open()
	}
	return nil
}

// transact does the work of the batch in one transaction. On error nothing of it is stored.
func (w *writer) transact(batch []*request) error {
	err := w.inTransaction(func() error {
		w.logged += 4 * pageSize // the first page, the map of pages, an inner page and one that is not full
		for _, req := range batch {
			var err error
			switch {
			case req.recs != nil:
				err = w.append(req.recs)
			case req.progress != nil:
				req.err, err = w.progress(req.output, req.progress)
			case req.attach:
				req.cursor, err = w.attach(req.output)
			case req.detach:
				err = w.detach(req.output)
			case req.probe:
				err = w.touch()
			case req.damaged != 0:
				err = w.noteDamaged(req.damaged)
			}
			if err != nil {
				return err
			}
		}
		return w.trim.step(w)
	})
	if err == nil {
		w.q.recent.add(batch)
		w.bounds.last.Store(w.last)
		w.q.publish(w.last)
	}
	return err
}

func (w *writer) inTransaction(fn func() error) error {
	if w.stale {
		if err := w.load(); err != nil {
			return err
		}
	}
	if err := run(w.st.begin); err != nil {
		return err
	}
	err := fn()
	if err == nil {
		err = run(w.st.commit)
	}
	if err != nil {
		w.stale = true
		if !w.conn.AutocommitEnabled() {
			err = errors.Join(err, run(w.st.rollback))
		}
		return err
	}
	w.saved()
	w.trim.committed(w)
	return nil
}

// saved remembers what is on disk, for the case that the next transaction fails and takes the file with it.
func (w *writer) saved() {
	w.savedFirst = w.first
	for _, o := range w.outputs {
		o.saved, o.savedCursor, o.savedLost = true, o.cursor, o.lost
	}
}

func run(st *sqlite.Stmt) error {
	_, err := st.Step()
	return errors.Join(err, st.Reset())
}

func (w *writer) exec(sql string, args ...any) error {
	w.logged += 2 * pageSize
	return sqlitex.Execute(w.conn, sql, &sqlitex.ExecOptions{Args: args})
}

func (w *writer) append(recs []*Record) error {
	st, size := w.st.insert, 0
	for _, rec := range recs {
		seq, received := w.last+1, rec.Received.UnixNano()
		if w.first > w.last {
			w.trim.oldest = received
		}
		crc, scratch := checksum(seq, received, rec.Input, rec.Remote, rec.Body, w.scratch)
		w.scratch = scratch
		st.BindInt64(1, int64(seq))
		st.BindInt64(2, received)
		if rec.Input != w.bound.input || rec.Remote != w.bound.remote || !w.bound.set {
			st.BindText(3, rec.Input)
			st.BindText(4, rec.Remote)
			w.bound = bound{true, rec.Input, rec.Remote}
		}
		st.BindInt64(5, int64(crc))
		st.BindBytes(6, rec.Body)
		if err := run(st); err != nil {
			return err
		}
		rec.Seq, w.last = seq, seq
		size += len(rec.Body) + recordOverhead
	}
	w.trim.appended += int64(size)
	w.logged += int64(size)
	return nil
}
