package queue

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

// progress returns a mistake of the caller apart from what fails the transaction.
func (w *writer) progress(name string, p *Progress) (mistake, err error) {
	o := w.outputs[name]
	if o == nil {
		return fmt.Errorf("commit output %q: it is not attached", name), nil
	}
	if p.Cursor < o.cursor || p.Cursor > w.last {
		return fmt.Errorf("commit output %q: cursor %d is not between %d and %d", name, p.Cursor, o.cursor, w.last), nil
	}
	total, moved := uint64(0), p.Cursor-o.cursor
	for _, r := range p.Runs {
		if r.N < 1 {
			return fmt.Errorf("commit output %q: a run of %d events", name, r.N), nil
		}
		total += uint64(r.N)
	}
	if total > moved {
		return fmt.Errorf("commit output %q: outcomes of %d events, but the cursor moves by %d", name, total, moved), nil
	}
	lost := o.lost
	if len(p.Runs) > 0 {
		first := o.cursor + 1
		var runs []Run
		if moved > total {
			runs = append(runs, Run{N: int(moved - total), Outcome: "lost"})
		}
		runs = addRuns(runs, p.Runs...)
		// Given up while the output had them in hand: those it finished were not lost after all.
		seq, trimmed := first, w.first-1
		for _, r := range runs {
			if seq <= trimmed && r.Outcome != "lost" {
				lost -= min(lost, min(trimmed-seq+1, uint64(r.N)))
			}
			seq += uint64(r.N)
		}
		if err := w.deliver(name, o, first, p.Cursor, runs); err != nil {
			return nil, err
		}
	}
	if err := w.exec("UPDATE outputs SET cursor=?, lost=?, updated=? WHERE name=?",
		int64(p.Cursor), int64(lost), w.cfg.now().UnixNano(), name); err != nil {
		return nil, err
	}
	o.cursor, o.lost = p.Cursor, lost
	for _, ch := range p.Changes {
		if ch.Value == nil {
			err = w.exec("DELETE FROM state WHERE output=? AND key=?", name, ch.Key)
		} else {
			err = w.exec("INSERT OR REPLACE INTO state VALUES(?,?,?)", name, ch.Key, ch.Value)
		}
		if err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// deliver extends the output's last row of deliveries, or begins a new one.
func (w *writer) deliver(name string, o *output, first, last uint64, runs []Run) error {
	if len(o.tail) > 0 && o.tailLast+1 == first && len(o.tail) < maxTailRuns {
		o.tail = addRuns(o.tail, runs...)
	} else {
		o.tailFirst, o.tail = first, runs
	}
	o.tailLast = last
	text, err := json.Marshal(o.tail)
	if err != nil {
		return err
	}
	w.names[name] = true
	w.logged += int64(len(text))
	return w.exec("INSERT INTO deliveries VALUES(?,?,?,?) ON CONFLICT DO UPDATE SET last=excluded.last, runs=excluded.runs",
		name, int64(o.tailFirst), int64(last), string(text))
}

func (w *writer) attach(name string) (cursor uint64, err error) {
	if o := w.outputs[name]; o != nil {
		o.attached = true
		return o.cursor, nil
	}
	cursor = w.last
	if w.freshRead {
		cursor = w.first - 1
	}
	err = w.exec("INSERT INTO outputs VALUES(?,?,0,?)", name, int64(cursor), w.cfg.now().UnixNano())
	w.outputs[name] = &output{cursor: cursor, attached: true}
	return cursor, err
}

func (w *writer) detach(name string) error {
	delete(w.outputs, name)
	return errors.Join(w.exec("DELETE FROM outputs WHERE name=?", name), w.exec("DELETE FROM state WHERE output=?", name))
}

func (w *writer) noteDamaged(seq uint64) error {
	if seq < w.first {
		return nil
	}
	if err := w.exec("INSERT OR IGNORE INTO damaged VALUES(?)", int64(seq)); err != nil || w.conn.Changes() == 0 {
		return err
	}
	w.log.Error("queue record damaged, it is skipped", "seq", seq)
	n, err := metaUint(w.conn, "damaged")
	if err != nil {
		return err
	}
	return setMeta(w.conn, "damaged", strconv.FormatUint(n+1, 10))
}
