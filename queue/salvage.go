package queue

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

const (
	salvagedFile = "queue.db.salvaged" // a complete copy that is about to become queue.db
	repairPause  = time.Minute         // a disk that breaks files faster than this is beyond help
	probeLimit   = 10000               // unreadable numbers in a row after which the end is assumed
)

// repair replaces the malformed database by what can be read of it while the queue stays open. The readers wait.
func (w *writer) repair(cause error) error {
	if !w.repaired.IsZero() && time.Since(w.repaired) < repairPause {
		return cause
	}
	w.repaired = time.Now()
	r := w.q.Reader
	r.gate.Lock()
	defer r.gate.Unlock()
	_ = r.dropConns() // they only read, and the file is given up
	_ = w.close()     // the same
	err := w.salvage(cause)
	if openErr := w.open(); openErr != nil {
		return errors.Join(err, openErr)
	}
	if err != nil {
		return err
	}
	r.gen++
	r.id, err = meta(w.conn, "id")
	return err
}

func (w *writer) close() error {
	if w.conn == nil {
		return nil
	}
	c := w.conn
	w.conn, w.stale = nil, true
	return c.Close()
}

// salvage copies everything readable into a new file and puts it in the place of the malformed one, which is kept
// as queue.db.damaged. No connection may be open.
func (w *writer) salvage(cause error) error {
	w.log.Error("queue database damaged, copying what can be read into a new one", "err", cause)
	fresh := filepath.Join(w.q.dir, freshFile)
	if err := removeDB(fresh); err != nil {
		return err
	}
	dst, err := openWriter(fresh)
	if err != nil {
		return err
	}
	s := &salvager{w: w, dst: dst}
	s.src, err = openDamaged(dbPath(w.q.dir))
	if malformed(err) { // anything else says nothing about the page
		w.log.Error("queue first page damaged, using a new one", "err", err)
		if err = s.replaceFirstPage(); err == nil {
			s.src, err = sqlite.OpenConn(dbPath(w.q.dir), sqlite.OpenReadOnly)
		}
	}
	if err == nil {
		err = s.copy()
		closeQuietly(s.src)
	}
	if err = errors.Join(err, dst.Close()); err != nil {
		return errors.Join(fmt.Errorf("salvage queue: %w", err), removeDB(fresh))
	}
	kept := filepath.Join(w.q.dir, damagedFile)
	if err := removeDB(kept); err != nil { // one is enough: they count against the disk, not against max_bytes
		return err
	}
	if err := os.Rename(fresh, filepath.Join(w.q.dir, salvagedFile)); err != nil {
		return err
	}
	if err := finishSalvage(w.q.dir); err != nil {
		return err
	}
	w.log.Error("queue database salvaged", "events", s.copied, "missing", s.missing, "kept", kept)
	return nil
}

type salvager struct {
	w        *writer
	src, dst *sqlite.Conn
	d        decoder
	batch    int
	last     uint64 // number of the last record copied
	known    uint64 // the newest number that is known to have been given
	ended    bool   // the end of the table was seen
	gaps     []gap
	copied   uint64
	missing  uint64
}

// copy returns only errors of the new file; what the old one does not give is left out.
func (s *salvager) copy() error {
	// What memory knows is better than what the file says.
	id, idErr := meta(s.src, "id")
	damaged, _ := metaUint(s.src, "damaged") // 0 when it cannot be read
	trimmed, trimErr := metaUint(s.src, "trimmed")
	inMemory := s.w.bounds != nil
	if inMemory {
		trimmed, trimErr, s.known = s.w.savedFirst-1, nil, s.w.bounds.last.Load()
	}
	for _, t := range []struct{ name, key string }{
		{"outputs", "name"}, {"deliveries", "output,first"}, {"state", "output,key"}, {"gaps", "first"}, {"damaged", "seq"},
	} {
		if err := s.table(t.name, strings.Split(t.key, ",")); err != nil {
			return err
		}
	}
	if err := s.cursors(); err != nil {
		return err
	}
	reached, err := queryInt(s.dst, "SELECT max(cursor) FROM outputs")
	if err != nil {
		return err
	}
	s.known = max(s.known, uint64(reached))
	old, err := loadView(s.dst)
	if err != nil {
		return err
	}
	s.last = trimmed
	if err := s.exec("BEGIN"); err != nil {
		return err
	}
	if err := s.events(); err != nil {
		return err
	}
	if s.last < s.known {
		s.gaps = append(s.gaps, gap{s.last + 1, s.known})
	}
	if trimErr != nil && len(s.gaps) > 0 && s.gaps[0].first == 1 {
		trimmed, s.gaps = s.gaps[0].last, s.gaps[1:] // more likely given up than damaged
	}
	now := view{gaps: s.gaps}
	for _, g := range s.gaps {
		s.missing += old.count(g.first-1, g.last)
		if err := s.exec("INSERT OR REPLACE INTO gaps VALUES(?,?)", int64(g.first), int64(g.last)); err != nil {
			return err
		}
	}
	err = s.lose(now, old, trimmed)
	if err != nil {
		return err
	}
	if idErr == nil && id != "" && (inMemory || s.ended) {
		err = setMeta(s.dst, "id", id) // otherwise numbers may be given twice, and the new id says so
	}
	return errors.Join(err, setMeta(s.dst, "trimmed", strconv.FormatUint(trimmed, 10)),
		setMeta(s.dst, "damaged", strconv.FormatUint(damaged+s.missing, 10)), s.exec("COMMIT"))
}

func (s *salvager) exec(sql string, args ...any) error {
	return sqlitex.Execute(s.dst, sql, &sqlitex.ExecOptions{Args: args})
}

// table copies a small table from both ends towards the damage.
func (s *salvager) table(name string, key []string) error {
	for _, dir := range []string{"", " DESC"} {
		st, err := s.src.Prepare("SELECT * FROM " + name + " ORDER BY " + strings.Join(key, dir+",") + dir)
		if err != nil {
			s.w.log.Error("queue table not salvaged", "table", name, "err", err)
			return nil
		}
		for {
			row, err := st.Step()
			if err != nil || !row {
				st.Reset()
				if err == nil {
					return nil
				}
				s.w.log.Error("queue table damaged", "table", name, "err", err)
				break
			}
			args := make([]any, st.ColumnCount())
			for i := range args {
				switch st.ColumnType(i) {
				case sqlite.TypeInteger:
					args[i] = st.ColumnInt64(i)
				case sqlite.TypeBlob:
					b := make([]byte, st.ColumnLen(i))
					st.ColumnBytes(i, b)
					args[i] = b
				default:
					args[i] = st.ColumnText(i)
				}
			}
			marks := strings.TrimSuffix(strings.Repeat("?,", len(args)), ",")
			if err := s.exec("INSERT OR IGNORE INTO "+name+" VALUES("+marks+")", args...); err != nil {
				st.Reset()
				return err
			}
		}
	}
	return nil
}

// cursors corrects the outputs by what memory knows, or makes them up from the deliveries when there are none.
func (s *salvager) cursors() error {
	if s.w.bounds != nil {
		for name, o := range s.w.outputs {
			if !o.saved {
				continue
			}
			if err := s.exec("INSERT OR REPLACE INTO outputs VALUES(?,?,?,?)", name, int64(o.savedCursor), int64(o.savedLost),
				s.w.cfg.now().UnixNano()); err != nil {
				return err
			}
		}
		return nil
	}
	n, err := queryInt(s.dst, "SELECT count(*) FROM outputs")
	if err != nil || n > 0 {
		return err
	}
	s.w.freshRead = true
	return s.exec("INSERT INTO outputs SELECT output, max(last), 0, 0 FROM deliveries GROUP BY output")
}

// lose counts the records that are gone for every output that had not passed them.
func (s *salvager) lose(now, old view, trimmed uint64) error {
	type row struct {
		name string
		lost uint64
	}
	var rows []row
	err := sqlitex.Execute(s.dst, "SELECT name, cursor FROM outputs", &sqlitex.ExecOptions{
		ResultFunc: func(st *sqlite.Stmt) error {
			from := max(uint64(st.ColumnInt64(1)), trimmed)
			if to := max(s.known, s.last); to > from {
				rows = append(rows, row{st.ColumnText(0), old.count(from, to) - min(now.count(from, to), old.count(from, to))})
			}
			return nil
		}})
	for _, r := range rows {
		if err == nil && r.lost > 0 {
			err = s.exec("UPDATE outputs SET lost=lost+? WHERE name=?", int64(r.lost), r.name)
			s.w.log.Error("queue lost events to the damage that an output has not sent", "output", r.name, "events", r.lost)
		}
	}
	return err
}

// events walks the table in its own order; at a page that cannot be read it looks for the next readable number.
func (s *salvager) events() error {
	for {
		err, fatal := s.scan()
		if fatal != nil {
			return fatal
		}
		if err == nil {
			s.ended = true
			return nil
		}
		found := false
		for seq := s.last + 1; !found; seq++ {
			if s.known > 0 && seq > s.known && s.w.bounds != nil || seq > max(s.known, s.last)+probeLimit {
				return nil
			}
			if found, fatal = s.probe(seq); fatal != nil {
				return fatal
			}
		}
	}
}

func (s *salvager) scan() (err, fatal error) {
	st, err := s.src.Prepare(selectEvents + "WHERE seq > ? ORDER BY seq")
	if err != nil {
		return err, nil
	}
	defer st.Reset()
	st.BindInt64(1, int64(s.last))
	for {
		row, err := st.Step()
		if err != nil || !row {
			return err, nil
		}
		if fatal := s.put(st, false); fatal != nil {
			return nil, fatal
		}
	}
}

func (s *salvager) probe(seq uint64) (found bool, fatal error) {
	st, err := s.src.Prepare(selectEvents + "WHERE seq = ?")
	if err != nil {
		return false, nil
	}
	defer st.Reset()
	st.BindInt64(1, int64(seq))
	row, err := st.Step()
	if err != nil || !row {
		return false, nil
	}
	return true, s.put(st, true)
}

// put copies the row as it is, with its checksum. A number that jumps is believed only when the checksum is right.
func (s *salvager) put(st *sqlite.Stmt, asked bool) error {
	rec, crc := s.d.raw(st)
	sum, scratch := checksum(rec.Seq, rec.Received.UnixNano(), rec.Input, rec.Remote, rec.Body, s.d.scratch)
	s.d.scratch = scratch
	if rec.Seq <= s.last || rec.Seq != s.last+1 && !asked && int64(sum) != crc {
		return nil
	}
	if rec.Seq > s.last+1 {
		s.gaps = append(s.gaps, gap{s.last + 1, rec.Seq - 1})
	}
	s.last = rec.Seq
	s.copied++
	if s.batch++; s.batch%maxBatchRecords == 0 {
		if err := errors.Join(s.exec("COMMIT"), s.exec("PRAGMA wal_checkpoint(TRUNCATE)"), s.exec("BEGIN")); err != nil {
			return err
		}
	}
	return s.exec("INSERT INTO events VALUES(?,?,?,?,?,?)", int64(rec.Seq), rec.Received.UnixNano(), rec.Input, rec.Remote, crc, rec.Body)
}
