package queue

import (
	"errors"
	"time"

	"zombiezen.com/go/sqlite/sqlitex"
)

// streak is a row of failed writes. It is over when a write works that is as large as the largest of them: on a disk that is
// nearly full small ones work in between, those of the outputs for example.
type streak struct {
	err    error
	n      int
	octets int64 // of the largest
	since  time.Time
}

// octets is the room that the requests take in pages: one may take a short record and stay half empty.
func octets(batch []*request) (n int64) {
	add := func(size int) {
		if size += recordOverhead; size < pageSize {
			size *= 2
		}
		n += int64(size)
	}
	for _, req := range batch {
		for _, rec := range req.recs {
			add(len(rec.Body))
		}
		if req.progress != nil {
			for _, ch := range req.progress.Changes {
				add(len(ch.Value))
			}
		}
	}
	return n
}

// note logs the first failure of a streak and its end; a write that works is noted only in a streak. octets is what was written,
// or would have been.
func (w *writer) note(err error, octets int64) {
	switch {
	case err != nil:
		if w.failing.n == 0 {
			w.failing = streak{err: err, since: time.Now()}
			w.log.Error("queue cannot write, events are refused", "err", err)
		}
		w.failing.n, w.failing.octets = w.failing.n+1, max(w.failing.octets, octets)
	case octets < w.failing.octets:
		return
	default:
		w.log.Info("queue writes again", "failed", w.failing.n, "after", time.Since(w.failing.since).Round(time.Millisecond))
		w.failing = streak{}
	}
	w.q.mu.Lock()
	w.q.writeE = err
	w.q.mu.Unlock()
}

// tryAgain finds out whether a write as large as those that failed would work: a row of that size is written and rolled back.
// A transaction that is rolled back may never touch the disk, but with a cache too small to keep the row SQLite writes it to the
// log at once, where the next transaction writes too, be that written ahead or not. Then a row that stays shows that the log
// can be synced.
func (w *writer) tryAgain() error {
	if err := w.tryRoom(w.failing.octets + 16*pageSize); err != nil { // every transaction writes some pages more
		return err
	}
	return w.inTransaction(w.touch)
}

func (w *writer) tryRoom(octets int64) (err error) {
	if err := sqlitex.ExecuteTransient(w.conn, "PRAGMA cache_size=1", nil); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sqlitex.ExecuteTransient(w.conn, "PRAGMA "+writerCache, nil)) }()
	if err := run(w.st.begin); err != nil {
		return err
	}
	err = sqlitex.Execute(w.conn, "INSERT OR REPLACE INTO meta VALUES('probed',zeroblob(?))", &sqlitex.ExecOptions{Args: []any{octets}})
	if !w.conn.AutocommitEnabled() {
		err = errors.Join(err, run(w.st.rollback))
	}
	return err
}

// touch writes a row: another value each time, for SQLite does not write what is there already.
func (w *writer) touch() error {
	return w.exec("INSERT OR REPLACE INTO meta VALUES('probed',?)", w.cfg.now().Format(time.RFC3339Nano))
}
