package queue

import "sync"

const (
	recentRecords = 512  // a power of two
	recentBody    = 2048 // longer bodies are left to the database, so that this holds 1 MiB, and 1 MiB of a batch that is half pushed out
)

// recent holds copies of the newest durable records, for outputs that keep up: finding one record in SQLite costs
// 15 us of locks and lookups, here less than one.
type recent struct {
	mu          sync.RWMutex // guards everything below
	first, last uint64       // numbers held; first is last+1 when none is
	ring        [recentRecords]Record
}

// add takes the records of a committed batch; they follow those it has, or it starts over. The copies of one batch share
// one arena, which its last copy keeps alive: it has room for nothing else.
func (r *recent) add(batch []*request) {
	newest, size := uint64(0), 0
	for _, req := range batch {
		for _, rec := range req.recs {
			newest = rec.Seq
		}
	}
	for _, req := range batch {
		for _, rec := range req.recs {
			if keeps(rec, newest) {
				size += len(rec.Body)
			}
		}
	}
	arena := make([]byte, 0, size)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, req := range batch {
		for _, rec := range req.recs {
			slot := &r.ring[rec.Seq%recentRecords]
			if !keeps(rec, newest) {
				*slot = Record{}
				r.first, r.last = rec.Seq+1, rec.Seq
				continue
			}
			if r.first == 0 || rec.Seq != r.last+1 || r.last < r.first {
				r.first = rec.Seq
			}
			arena = append(arena, rec.Body...)
			*slot = *rec
			slot.Received = rec.Received.UTC()
			slot.Body = arena[len(arena)-len(rec.Body) : len(arena) : len(arena)]
			r.last = rec.Seq
			r.first = max(r.first, r.last-min(r.last, recentRecords-1))
		}
	}
}

// keeps tells whether a record is short enough and is not pushed out by its own batch.
func keeps(rec *Record, newest uint64) bool {
	return len(rec.Body) <= recentBody && rec.Seq+recentRecords > newest
}

// read is Read for what is held; nothing is appended when the record after after is not.
func (r *recent) read(after uint64, max int, buf []Record) []Record {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.first == 0 || after+1 < r.first {
		return buf
	}
	for seq := after + 1; seq <= r.last && max > 0; seq, max = seq+1, max-1 {
		buf = append(buf, r.ring[seq%recentRecords])
	}
	return buf
}

// close lets go of everything, so that Read finds the closed store.
func (r *recent) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.first, r.last = 0, 0
	clear(r.ring[:])
}
