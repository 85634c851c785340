package queue

import (
	"math"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

const (
	measureEvery = 128 << 10            // octets appended between two looks at the size
	leastStep    = 32 << 10             // octets that a transaction gives up at most, or twice what was appended
	vacuumFrom   = 1024                 // free pages that are worth giving back; fewer are soon used again
	clockJump    = time.Minute          // by so much the time of day may differ from the time that passes
	clockUnset   = 365 * 24 * time.Hour // a time of day so soon after 1970 is that of a clock that was not set
	quietAfter   = time.Minute          // an episode of losses is over when nothing was lost for so long
)

// trimmer gives up the oldest records, a few with every transaction while a bound is passed, so that no single
// append waits for a large deletion.
type trimmer struct {
	appended  int64 // octets since the last measuring
	over      bool  // MaxBytes is passed
	oldest    int64 // receipt of the oldest record, in nanoseconds
	clock     clock
	vacuuming bool
	losses    []loss // of the running transaction
}

type loss struct {
	output      string
	first, last uint64
	n           uint64
}

// clock tells by which time of receipt a record is old enough to go. When the time of day jumps, or the oldest record is of
// the future or of a clock that was not set, nobody knows any more how old the records are: then those that there are stay for
// another MaxAge of the time that this process sees pass, and go after that, whatever their times of receipt say.
type clock struct {
	started time.Time     // for its monotonic time
	apart   int64         // time of day less monotonic time, in nanoseconds; 0 before the first look
	unsure  uint64        // records up to here are of unknown age ...
	until   time.Duration // ... until then, since started
}

// cutoff returns the time before which a record has to be received to go, and the last one that goes in any case.
func (c *clock) cutoff(now time.Time, maxAge time.Duration, oldest int64, first, newest uint64) (before int64, always uint64) {
	if c.started.IsZero() {
		c.started = time.Now()
	}
	wall, passed := now.UnixNano(), time.Since(c.started)
	apart := wall - int64(passed)
	jumped := c.apart != 0 && max(apart-c.apart, c.apart-apart) > int64(clockJump)
	c.apart = apart
	wrong := oldest > wall+int64(clockJump) || oldest < int64(clockUnset) && wall >= int64(clockUnset)
	if jumped || first > c.unsure && first <= newest && wrong {
		c.unsure, c.until = newest, passed+maxAge
	}
	if first <= c.unsure && passed < c.until {
		return math.MinInt64, 0
	}
	return now.Add(-maxAge).UnixNano(), c.unsure
}

// episode is a time in which an output keeps losing events.
type episode struct {
	active         bool
	first, last    uint64 // not yet told to OnLost; last is 0 when all is told
	total          uint64
	told, lastLoss time.Time
}

func (t *trimmer) load(w *writer) (err error) {
	t.appended, t.losses = measureEvery, t.losses[:0]
	t.oldest, err = oldest(w.conn, w.first)
	return err
}

func oldest(c *sqlite.Conn, first uint64) (int64, error) {
	t := int64(math.MaxInt64)
	err := sqlitex.Execute(c, "SELECT received FROM events WHERE seq>=? ORDER BY seq LIMIT 1", &sqlitex.ExecOptions{
		Args: []any{int64(first)}, ResultFunc: func(st *sqlite.Stmt) error {
			t = st.ColumnInt64(0)
			return nil
		}})
	return t, err
}

// step gives up some of the oldest records inside the running transaction: as many as a bound demands, within what keeps
// the transaction short. Those that the transaction itself brings stay, for they are about to be acknowledged.
func (t *trimmer) step(w *writer) error {
	atMost, excess := max(leastStep, 2*t.appended), int64(0)
	if t.over || t.appended >= measureEvery {
		t.appended, t.over = 0, false
		if w.cfg.MaxBytes > 0 {
			used, _, err := w.size()
			if err != nil {
				return err
			}
			excess = used - int64(w.cfg.MaxBytes)
			t.over = excess > 0
		}
	}
	newest, before, always := w.bounds.last.Load(), int64(math.MinInt64), uint64(0)
	if w.cfg.MaxAge > 0 {
		before, always = t.clock.cutoff(w.cfg.now(), time.Duration(w.cfg.MaxAge), t.oldest, w.first, newest)
	}
	if w.first > newest || !t.over && t.oldest >= before && w.first > always {
		return nil
	}
	through, err := t.reach(w, newest, excess, atMost, before, always)
	if err != nil || through < w.first {
		return err
	}
	if err := t.giveUp(w, through); err != nil {
		return err
	}
	w.first = through + 1
	t.oldest, err = oldest(w.conn, w.first)
	return err
}

// reach returns the last record that goes: all received before that time, all up to always, and at least excess octets, but
// not more than atMost.
func (t *trimmer) reach(w *writer, newest uint64, excess, atMost, before int64, always uint64) (through uint64, err error) {
	st, err := w.conn.Prepare("SELECT seq, received, length(body) FROM events WHERE seq BETWEEN ? AND ? ORDER BY seq")
	if err != nil {
		return 0, err
	}
	defer st.Reset()
	st.BindInt64(1, int64(w.first))
	st.BindInt64(2, int64(newest))
	through = w.first - 1
	for octets := int64(0); octets < atMost; octets += st.ColumnInt64(2) + recordOverhead {
		row, err := st.Step()
		if err != nil {
			return 0, err
		}
		if !row {
			return newest, nil // numbers without records
		}
		seq := uint64(st.ColumnInt64(0))
		if octets >= excess && st.ColumnInt64(1) >= before && seq > always {
			break
		}
		through = seq
	}
	return through, nil
}

// giveUp deletes the records up to and including through, and what is known about them.
func (t *trimmer) giveUp(w *writer, through uint64) error {
	// Readers of this process look at this when records are missing, so it comes before the deletion can be seen.
	w.bounds.trimmed.Store(through)
	for name, o := range w.outputs {
		n := w.count(max(o.cursor, w.first-1), through)
		if n == 0 {
			continue
		}
		if err := w.exec("UPDATE outputs SET lost=lost+? WHERE name=?", int64(n), name); err != nil {
			return err
		}
		o.lost += n
		t.losses = append(t.losses, loss{name, max(o.cursor+1, w.first), through, n})
	}
	end := int64(through)
	if err := w.exec("DELETE FROM events WHERE seq<=?", end); err != nil {
		return err
	}
	for name := range w.names {
		if err := w.exec("DELETE FROM deliveries WHERE output=? AND first<=? AND last<=?", name, end, end); err != nil {
			return err
		}
		if o := w.outputs[name]; o == nil || o.tailLast <= through {
			left, err := queryInt(w.conn, "SELECT count(*) FROM (SELECT 1 FROM deliveries WHERE output=? LIMIT 1)", name)
			if err != nil {
				return err
			}
			if left == 0 {
				delete(w.names, name)
			}
			if o != nil {
				o.tail = nil
			}
		}
	}
	if err := w.exec("DELETE FROM damaged WHERE seq<=?", end); err != nil {
		return err
	}
	if len(w.gaps) > 0 && w.gaps[0].last <= through {
		if err := w.exec("DELETE FROM gaps WHERE last<=?", end); err != nil {
			return err
		}
		for len(w.gaps) > 0 && w.gaps[0].last <= through {
			w.gaps = w.gaps[1:]
		}
	}
	return setMeta(w.conn, "trimmed", strconv.FormatUint(through, 10))
}

// size is what the store takes on disk, pages that will be given back or used again not counted, and no more of the log
// than what it may take: giving up events makes it no shorter while a reader of another process holds it.
func (w *writer) size() (used, free int64, err error) {
	var n [2]int64
	for i, st := range []*sqlite.Stmt{w.st.pages, w.st.free} {
		if _, err = st.Step(); err == nil {
			n[i] = st.ColumnInt64(0)
		}
		st.Reset()
		if err != nil {
			return 0, 0, err
		}
	}
	used = (n[0] - n[1]) * pageSize
	if fi, err := os.Stat(filepath.Join(w.q.dir, walFile)); err == nil {
		used += min(fi.Size(), w.cfg.walLimit())
	}
	return used, n[1], nil
}

// committed makes known what the transaction gave up.
func (t *trimmer) committed(w *writer) {
	for _, l := range t.losses {
		if o := w.outputs[l.output]; o != nil && o.attached {
			w.lose(&o.episode, l)
		}
	}
	t.losses = t.losses[:0]
}

func (w *writer) lose(e *episode, l loss) {
	now := w.cfg.now()
	if !e.active {
		*e = episode{active: true}
		w.log.Warn("queue is full, events are given up that an output has not sent",
			"output", l.output, "first", l.first, "last", l.last)
	}
	if e.last == 0 {
		e.first = l.first
	}
	e.last, e.lastLoss = l.last, now
	e.total += l.n
	if now.Sub(e.told) >= quietAfter {
		w.tell(l.output, e)
	}
}

// tell passes on what an episode has not told yet.
func (w *writer) tell(name string, e *episode) {
	if first, last := e.first, e.last; last > 0 && w.cfg.OnLost != nil {
		w.callbacks.Add(1)
		go func() {
			defer w.callbacks.Done()
			w.cfg.OnLost(name, first, last)
		}()
	}
	e.first, e.last, e.told = 0, 0, w.cfg.now()
}

// endEpisodes closes those that are over, or all of them.
func (w *writer) endEpisodes(all bool) {
	for name, o := range w.outputs {
		if e := &o.episode; e.active && (all || w.cfg.now().Sub(e.lastLoss) >= quietAfter) {
			w.tell(name, e)
			w.log.Warn("queue gave up events", "output", name, "events", e.total)
			*e = episode{}
			if w.cfg.OnKept != nil && !all {
				w.callbacks.Go(func() { w.cfg.OnKept(name) })
			}
		}
	}
}

// tidy does one small piece of work that can wait for idle moments, and tells whether there is more.
func (w *writer) tidy() (more bool) {
	if w.conn == nil {
		return false // the next batch opens it
	}
	if w.failing.n > 0 {
		w.note(w.tryAgain(), w.failing.octets) // nobody may be appending
		return false
	}
	first := w.first
	err := w.inTransaction(func() error { return w.trim.step(w) })
	if more = err == nil && w.first != first; err == nil && !more {
		more, err = w.vacuum()
	}
	if malformed(err) {
		err = w.repair(err)
	}
	if err != nil {
		w.note(err, 0)
		return false
	}
	if w.logged >= w.cfg.walBytes()/2 {
		w.checkpoint()
	}
	return more
}

// vacuum gives a few free pages back to the file system.
func (w *writer) vacuum() (more bool, err error) {
	_, free, err := w.size()
	if err != nil || free == 0 || !w.trim.vacuuming && free < vacuumFrom {
		w.trim.vacuuming = false
		return false, err
	}
	w.trim.vacuuming = true
	w.logged += 64 * 3 * pageSize
	return true, w.inTransaction(func() error {
		return sqlitex.Execute(w.conn, "PRAGMA incremental_vacuum(64)", nil)
	})
}

// checkpoint copies the log into the database and lets it start over. Only the second needs that nobody reads; the
// gate sees to that for this process, and a reader in another process only puts it off.
func (w *writer) checkpoint() {
	busy, frames, done, err := w.walCheckpoint("PASSIVE")
	if err == nil && busy == 0 && frames == done {
		w.q.Reader.gate.Lock()
		w.conn.SetBusyTimeout(0)
		busy, _, _, err = w.walCheckpoint("RESTART")
		w.conn.SetBusyTimeout(5 * time.Second)
		w.q.Reader.gate.Unlock()
		if err == nil && busy == 0 {
			w.logged, w.walHeld = 0, false
			return
		}
	}
	if err != nil {
		w.log.Debug("queue log not copied into the database yet", "err", err)
	}
	if bytes := frames * pageSize; err == nil && bytes > 2*w.cfg.walLimit() && !w.walHeld {
		w.walHeld = true
		w.log.Warn("queue log grows beyond its size: another process keeps a transaction open on the database",
			"file", filepath.Join(w.q.dir, walFile), "bytes", bytes)
	}
	w.logged = w.cfg.walBytes() * 3 / 4 // again soon, not at once
}

func (w *writer) walCheckpoint(mode string) (busy, frames, done int64, err error) {
	err = sqlitex.Execute(w.conn, "PRAGMA wal_checkpoint("+mode+")", &sqlitex.ExecOptions{
		ResultFunc: func(st *sqlite.Stmt) error {
			busy, frames, done = st.ColumnInt64(0), st.ColumnInt64(1), st.ColumnInt64(2)
			return nil
		}})
	return busy, frames, done, err
}
