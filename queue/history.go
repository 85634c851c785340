package queue

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

const historyChunk = 256

// Query selects from the history. The zero Query is everything, oldest first.
type Query struct {
	From, To time.Time // time of receipt: not before From, before To; zero means no bound
	After    uint64    // only records with a higher number
	Before   uint64    // only records with a lower number; 0 means no bound
	Contains string    // only records whose body has this in it
	Newest   bool      // newest first
	Limit    int       // at most so many; 0 means all
}

// Item is one record and how it fared.
type Item struct {
	Record
	Outcomes []Outcome // sorted by output; none for an output that was attached later
}

// Outcome is how a record fared at one output: that of a Run, or "waiting".
type Outcome struct {
	Output, Outcome, Rule string
}

// clockSlack is how far the clock may have been set back without From and To missing a record.
const clockSlack = time.Minute

// History calls fn for every record that q selects. fn may keep the item, may take its time and may use the queue:
// no transaction is open meanwhile. An error of fn ends it and is returned.
func (r *Reader) History(ctx context.Context, q Query, fn func(Item) error) error {
	lo, hi := q.After, q.Before // exclusive both
	_, err := r.with(ctx, func(c *sqlite.Conn) (err error) {
		defer sqlitex.Save(c)(&err)
		v, err := loadView(c)
		if err != nil {
			return err
		}
		if hi == 0 || hi > v.last {
			hi = v.last + 1
		}
		lo = max(lo, v.first-1)
		if !q.From.IsZero() {
			seq, err := firstSince(c, v, q.From.Add(-clockSlack))
			if err != nil {
				return err
			}
			lo = max(lo, seq-1)
		}
		if !q.To.IsZero() {
			seq, err := firstSince(c, v, q.To.Add(clockSlack))
			if err != nil {
				return err
			}
			hi = min(hi, seq)
		}
		return nil
	})
	if err != nil {
		return wrapRead("history", err)
	}
	sent := 0
	for lo+1 < hi {
		items, err := r.chunk(ctx, lo, hi, q.Newest)
		if err != nil {
			return wrapRead("history", err)
		}
		if len(items) == 0 {
			return nil
		}
		for _, it := range items {
			if !q.From.IsZero() && it.Received.Before(q.From) || !q.To.IsZero() && !it.Received.Before(q.To) ||
				!strings.Contains(string(it.Body), q.Contains) {
				continue
			}
			if err := fn(it); err != nil {
				return err
			}
			if sent++; sent == q.Limit {
				return nil
			}
		}
		if last := items[len(items)-1].Seq; q.Newest {
			hi = last
		} else {
			lo = last
		}
	}
	return nil
}

// firstSince finds the lowest number received at t or later by bisection: numbers grow with time.
func firstSince(c *sqlite.Conn, v view, t time.Time) (uint64, error) {
	var failed error
	n := sort.Search(int(v.last+1-v.first), func(i int) bool {
		received, err := oldest(c, v.first+uint64(i))
		if err != nil {
			failed = err
		}
		return received >= t.UnixNano()
	})
	return v.first + uint64(n), failed
}

// chunk reads a few records of lo < seq < hi with their outcomes, in one short transaction.
func (r *Reader) chunk(ctx context.Context, lo, hi uint64, newest bool) (items []Item, err error) {
	order := ""
	if newest {
		order = " DESC"
	}
	_, err = r.with(ctx, func(c *sqlite.Conn) (err error) {
		defer sqlitex.Save(c)(&err)
		outcomes, err := newOutcomes(c)
		if err != nil {
			return err
		}
		var d decoder
		items = make([]Item, 0, historyChunk)
		err = sqlitex.Execute(c, selectEvents+"WHERE seq>? AND seq<? ORDER BY seq"+order+" LIMIT ?", &sqlitex.ExecOptions{
			Args: []any{int64(lo), int64(hi), historyChunk}, ResultFunc: func(st *sqlite.Stmt) error {
				items = append(items, Item{Record: d.record(st)})
				return nil
			}})
		for i := range items {
			if err != nil {
				return err
			}
			items[i].Outcomes, err = outcomes.of(c, items[i].Seq)
		}
		return err
	})
	return items, err
}

// outcomes finds how records fared; for neighbours it reads each row of deliveries once.
type outcomes struct {
	outputs []*delivered
}

type delivered struct {
	name        string
	cursor      uint64
	attached    bool
	first, last uint64 // what row describes, or where no row is
	ends        []uint64
	runs        []Run
}

func newOutcomes(c *sqlite.Conn) (*outcomes, error) {
	o := &outcomes{}
	err := sqlitex.Execute(c, "SELECT name, cursor FROM outputs", &sqlitex.ExecOptions{
		ResultFunc: func(st *sqlite.Stmt) error {
			o.outputs = append(o.outputs, &delivered{name: st.ColumnText(0), cursor: uint64(st.ColumnInt64(1)), attached: true})
			return nil
		}})
	if err != nil {
		return nil, err
	}
	names, err := deliveredTo(c)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if !slices.ContainsFunc(o.outputs, func(d *delivered) bool { return d.name == name }) {
			o.outputs = append(o.outputs, &delivered{name: name})
		}
	}
	slices.SortFunc(o.outputs, func(a, b *delivered) int { return strings.Compare(a.name, b.name) })
	return o, nil
}

func (o *outcomes) of(c *sqlite.Conn, seq uint64) (list []Outcome, err error) {
	for _, d := range o.outputs {
		if d.attached && seq > d.cursor {
			list = append(list, Outcome{Output: d.name, Outcome: "waiting"})
			continue
		}
		if seq < d.first || seq > d.last {
			if err := d.load(c, seq); err != nil {
				return nil, err
			}
		}
		if i, _ := slices.BinarySearch(d.ends, seq); i < len(d.runs) {
			list = append(list, Outcome{Output: d.name, Outcome: d.runs[i].Outcome, Rule: d.runs[i].Rule})
		}
	}
	return list, nil
}

// load reads the row that describes seq; without one, runs is empty for seq alone.
func (d *delivered) load(c *sqlite.Conn, seq uint64) error {
	d.first, d.last, d.runs, d.ends = seq, seq, nil, d.ends[:0]
	return sqlitex.Execute(c, "SELECT first, last, runs FROM deliveries WHERE output=? AND first<=? ORDER BY first DESC LIMIT 1",
		&sqlitex.ExecOptions{Args: []any{d.name, int64(seq)}, ResultFunc: func(st *sqlite.Stmt) error {
			first, last := uint64(st.ColumnInt64(0)), uint64(st.ColumnInt64(1))
			if seq > last {
				return nil
			}
			if err := json.Unmarshal([]byte(st.ColumnText(2)), &d.runs); err != nil {
				return fmt.Errorf("deliveries of %q from %d: %w", d.name, first, err)
			}
			d.first, d.last = first, last
			end := first - 1
			for _, r := range d.runs {
				end += uint64(r.N)
				d.ends = append(d.ends, end)
			}
			return nil
		}})
}
