package queue

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

const readConns = 4

// Reader looks at a store without writing. Any number of goroutines may use it, and any number of processes may read
// a store while one writes. Every method reads in short transactions, so that the log of the writer can be reused.
type Reader struct {
	dir string

	// gate is held for reading during every read transaction, and for writing when the log starts over and when the
	// file is replaced.
	gate   sync.RWMutex
	id     string // guarded by gate
	gen    uint64 // guarded by gate; grows when the file is replaced
	closed bool   // guarded by gate
	conns  chan *sqlite.Conn

	// Both are nil in a store that is only read.
	suspect func(ctx context.Context, seq, gen uint64, err error) error
	bounds  *bounds

	mu      sync.Mutex          // guards damaged
	damaged map[uint64]struct{} // reported already
}

// OpenReadOnly opens the store in dir for looking at it, whether a gateway has it open or not. It never changes
// anything in it.
func OpenReadOnly(dir string) (*Reader, error) {
	if _, err := os.Stat(dbPath(dir)); err != nil {
		return nil, fmt.Errorf("open queue: %w", err)
	}
	r, err := newReader(dir)
	if err != nil {
		return nil, fmt.Errorf("open queue %q: %w", dir, err)
	}
	return r, nil
}

func newReader(dir string) (*Reader, error) {
	r := &Reader{dir: dir, conns: make(chan *sqlite.Conn, readConns), damaged: map[uint64]struct{}{}}
	c, err := openReader(dbPath(dir))
	if err != nil {
		return nil, err
	}
	version, err := schemaVersion(c)
	if err == nil && version < len(migrations) {
		err = fmt.Errorf("schema %d is older than this program's (%d): start the gateway once to bring it up to date",
			version, len(migrations))
	}
	if err == nil {
		r.id, err = meta(c, "id")
	}
	if err != nil {
		closeQuietly(c)
		return nil, err
	}
	r.conns <- c
	for len(r.conns) < readConns {
		r.conns <- nil // opened when needed
	}
	return r, nil
}

// ID implements Queue.
func (r *Reader) ID() string {
	r.gate.RLock()
	defer r.gate.RUnlock()
	return r.id
}

// Close closes the connections.
func (r *Reader) Close() error {
	r.gate.Lock()
	defer r.gate.Unlock()
	if r.closed {
		return nil
	}
	r.closed = true
	return r.dropConns()
}

// dropConns closes all connections; they are opened again when needed. The gate must be held for writing.
func (r *Reader) dropConns() error {
	var errs []error
	for range readConns {
		if c := <-r.conns; c != nil {
			errs = append(errs, c.Close())
		}
		r.conns <- nil
	}
	return errors.Join(errs...)
}

// with runs fn with a connection.
func (r *Reader) with(ctx context.Context, fn func(c *sqlite.Conn) error) (gen uint64, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	// The gate first: dropConns holds it and needs every connection.
	r.gate.RLock()
	defer r.gate.RUnlock()
	if r.closed {
		return 0, ErrClosed
	}
	c := <-r.conns
	defer func() { r.conns <- c }()
	if c == nil {
		if c, err = openReader(dbPath(r.dir)); err != nil {
			return r.gen, err
		}
	}
	return r.gen, fn(c)
}

// errHole is what a read finds when records are missing that nobody removed.
var errHole = fmt.Errorf("records are missing: %w", sqlite.ResultCorrupt.ToError())

// Read implements Queue. Names and bodies of the records share memory with each other and with nothing else.
func (r *Reader) Read(ctx context.Context, after uint64, max int, buf []Record) ([]Record, error) {
	for repaired := false; ; repaired = true {
		out := buf
		gen, err := r.with(ctx, func(c *sqlite.Conn) (err error) {
			out, err = r.read(c, after, max, buf)
			return err
		})
		if err == nil {
			r.report(ctx, out[len(buf):])
			return out, nil
		}
		if r.suspect != nil && malformed(err) && !repaired {
			if err = r.suspect(ctx, 0, gen, err); err == nil {
				continue
			}
		}
		if err != ErrClosed && ctx.Err() == nil {
			err = fmt.Errorf("read queue after %d: %w", after, err)
		}
		return buf, err
	}
}

func (r *Reader) read(c *sqlite.Conn, after uint64, max int, buf []Record) ([]Record, error) {
	var durable uint64
	if r.bounds != nil {
		durable = r.bounds.last.Load()
		if durable <= after {
			return buf, nil
		}
	}
	st, err := c.Prepare(selectEvents + "WHERE seq > ? ORDER BY seq LIMIT ?")
	if err != nil {
		return buf, err
	}
	defer st.Reset()
	st.BindInt64(1, int64(after))
	st.BindInt64(2, int64(max))
	var d decoder
	out, prev := buf, after
	for len(out)-len(buf) < max {
		row, err := st.Step()
		if err != nil {
			return buf, err
		}
		if !row {
			if r.bounds != nil && !r.bounds.explained(prev, durable+1) {
				return buf, errHole
			}
			break
		}
		rec := d.record(st)
		if rec.Seq <= prev || r.bounds != nil && !r.bounds.explained(prev, rec.Seq) {
			return buf, errHole
		}
		prev = rec.Seq
		out = append(out, rec)
	}
	return out, nil
}

// report has records that were found damaged counted, each once.
func (r *Reader) report(ctx context.Context, recs []Record) {
	if r.suspect == nil {
		return
	}
	for i := range recs {
		if !recs[i].Damaged {
			continue
		}
		r.mu.Lock()
		_, known := r.damaged[recs[i].Seq]
		r.damaged[recs[i].Seq] = struct{}{}
		r.mu.Unlock()
		if !known {
			_ = r.suspect(ctx, recs[i].Seq, 0, nil) // only noted: there is nothing to wait for
		}
	}
}

// State implements Queue.
func (r *Reader) State(ctx context.Context, output string, fn func(key string, value []byte) error) error {
	type row struct {
		key   string
		value []byte
	}
	var rows []row
	_, err := r.with(ctx, func(c *sqlite.Conn) error {
		return sqlitex.Execute(c, "SELECT key, value FROM state WHERE output=? ORDER BY key", &sqlitex.ExecOptions{
			Args: []any{output}, ResultFunc: func(st *sqlite.Stmt) error {
				value := make([]byte, st.ColumnLen(1))
				st.ColumnBytes(1, value)
				rows = append(rows, row{st.ColumnText(0), value})
				return nil
			}})
	})
	if err != nil {
		return wrapRead("state", err)
	}
	for _, row := range rows {
		if err := fn(row.key, row.value); err != nil {
			return err
		}
	}
	return nil
}

func wrapRead(what string, err error) error {
	if errors.Is(err, ErrClosed) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fmt.Errorf("read queue %s: %w", what, err)
}

// Status implements Queue. What only the writing process knows (bounds, write error) is empty in a store that is
// only read.
func (r *Reader) Status(ctx context.Context) (s Status, err error) {
	_, err = r.with(ctx, func(c *sqlite.Conn) (err error) {
		defer sqlitex.Save(c)(&err) // one snapshot for all
		s, err = r.status(c)
		return err
	})
	if err != nil {
		return s, wrapRead("status", err)
	}
	return s, nil
}

func (r *Reader) status(c *sqlite.Conn) (s Status, err error) {
	s.ID = r.id
	for _, name := range []string{dbFile, walFile} {
		if fi, err := os.Stat(filepath.Join(r.dir, name)); err == nil {
			s.Bytes += fi.Size()
		}
	}
	v, err := loadView(c)
	if err != nil {
		return s, err
	}
	s.First, s.Last, s.Events = v.first, v.last, v.count(v.first-1, v.last)
	if s.Events == 0 {
		s.First = v.last
	}
	if s.Damaged, err = metaUint(c, "damaged"); err != nil {
		return s, err
	}
	err = sqlitex.Execute(c, "SELECT name, cursor, lost, updated FROM outputs ORDER BY name", &sqlitex.ExecOptions{
		ResultFunc: func(st *sqlite.Stmt) error {
			o := OutputStatus{Name: st.ColumnText(0), Cursor: uint64(st.ColumnInt64(1)), Lost: uint64(st.ColumnInt64(2)),
				Updated: time.Unix(0, st.ColumnInt64(3)).UTC()}
			o.Waiting = v.count(max(o.Cursor, v.first-1), v.last)
			s.Outputs = append(s.Outputs, o)
			return nil
		}})
	for i := range s.Outputs {
		if o := &s.Outputs[i]; err == nil && o.Waiting > 0 {
			var t int64
			t, err = queryInt(c, "SELECT received FROM events WHERE seq>? ORDER BY seq LIMIT 1", int64(o.Cursor))
			o.Oldest = time.Unix(0, t).UTC()
		}
	}
	return s, err
}

// gap is a range of numbers whose records a damaged file lost.
type gap struct{ first, last uint64 }

// view is what a store holds: numbers first to last without the gaps. first is last+1 when it holds nothing.
type view struct {
	first, last uint64
	gaps        []gap
}

// loadView reads it from the tables.
func loadView(c *sqlite.Conn) (v view, err error) {
	trimmed, err := metaUint(c, "trimmed")
	if err != nil {
		return v, err
	}
	last, err := queryInt(c, "SELECT max(seq) FROM events")
	if err != nil {
		return v, err
	}
	v.first, v.last = trimmed+1, max(uint64(last), trimmed)
	err = sqlitex.Execute(c, "SELECT first, last FROM gaps ORDER BY first", &sqlitex.ExecOptions{
		ResultFunc: func(st *sqlite.Stmt) error {
			g := gap{uint64(st.ColumnInt64(0)), uint64(st.ColumnInt64(1))}
			v.gaps, v.last = append(v.gaps, g), max(v.last, g.last)
			return nil
		}})
	return v, err
}

// count is how many records there are with after < seq <= last.
func (v view) count(after, last uint64) uint64 {
	if last <= after {
		return 0
	}
	n := last - after
	for _, g := range v.gaps {
		if lo, hi := max(g.first, after+1), min(g.last, last); lo <= hi {
			n -= hi - lo + 1
		}
	}
	return n
}

// bounds is what the writer tells the readers of its process without SQLite.
type bounds struct {
	last    atomic.Uint64 // the newest record on disk
	trimmed atomic.Uint64 // records up to here are given up, or are about to be
	mu      sync.Mutex    // guards gaps
	gaps    []gap
}

// explained tells whether it is right that no record is between prev and next, both exclusive.
func (b *bounds) explained(prev, next uint64) bool {
	prev = max(prev, b.trimmed.Load())
	if next <= prev+1 {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return view{gaps: b.gaps}.count(prev, next-1) == 0
}
