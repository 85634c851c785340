package queue

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"time"

	"zombiezen.com/go/sqlite"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksum covers everything of a record, lengths included, so that no octet can move between two fields unseen.
func checksum(seq uint64, received int64, input, remote string, body []byte, scratch []byte) (uint32, []byte) {
	b := binary.BigEndian.AppendUint64(scratch[:0], seq)
	b = binary.BigEndian.AppendUint64(b, uint64(received))
	b = binary.BigEndian.AppendUint32(b, uint32(len(input)))
	b = append(b, input...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(remote)))
	b = append(b, remote...)
	return crc32.Update(crc32.Checksum(b, castagnoli), castagnoli, body), b
}

// decoder turns rows of selectEvents into records. Bodies of one Read share chunks of memory, and a name that repeats
// the one before it is not allocated again.
type decoder struct {
	input, remote string
	chunk         []byte
	scratch       []byte
}

const selectEvents = "SELECT seq, received, input, remote, crc, body FROM events "

func (d *decoder) record(st *sqlite.Stmt) Record {
	rec, crc := d.raw(st)
	sum, scratch := checksum(rec.Seq, rec.Received.UnixNano(), rec.Input, rec.Remote, rec.Body, d.scratch)
	d.scratch = scratch
	rec.Damaged = int64(sum) != crc
	return rec
}

func (d *decoder) raw(st *sqlite.Stmt) (rec Record, crc int64) {
	n := st.ColumnLen(5)
	if n > cap(d.chunk)-len(d.chunk) {
		d.chunk = make([]byte, 0, max(n, min(16<<10, 2*cap(d.chunk)), 1<<10))
	}
	at := len(d.chunk)
	d.chunk = d.chunk[:at+n]
	body := d.chunk[at : at+n : at+n]
	st.ColumnBytes(5, body)
	d.input, d.remote = d.text(st, 2, d.input), d.text(st, 3, d.remote)
	return Record{
		Seq: uint64(st.ColumnInt64(0)), Received: time.Unix(0, st.ColumnInt64(1)).UTC(),
		Input: d.input, Remote: d.remote, Body: body,
	}, st.ColumnInt64(4)
}

// text returns the column, as the same string when it is the same as was.
func (d *decoder) text(st *sqlite.Stmt, col int, was string) string {
	n := st.ColumnLen(col)
	if cap(d.scratch) < n {
		d.scratch = make([]byte, 0, n+64)
	}
	b := d.scratch[:n]
	st.ColumnBytes(col, b)
	if string(b) == was {
		return was
	}
	return string(b)
}

// MarshalJSON is the form in the deliveries table: [12,"sent","everything else"].
func (r Run) MarshalJSON() ([]byte, error) { return json.Marshal([]any{r.N, r.Outcome, r.Rule}) }

// UnmarshalJSON reads what MarshalJSON wrote.
func (r *Run) UnmarshalJSON(b []byte) error {
	parts := []any{&r.N, &r.Outcome, &r.Rule}
	if err := json.Unmarshal(b, &parts); err != nil {
		return fmt.Errorf("decode run %q: %w", b, err)
	}
	return nil
}

// addRuns appends more to runs, joining neighbours that fared alike.
func addRuns(runs []Run, more ...Run) []Run {
	for _, r := range more {
		if n := len(runs); n > 0 && runs[n-1].Outcome == r.Outcome && runs[n-1].Rule == r.Rule {
			runs[n-1].N += r.N
		} else {
			runs = append(runs, r)
		}
	}
	return runs
}
