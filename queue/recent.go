package queue

import "sync"

const (
	recentRecords = 512  // a power of two
	recentBody    = 2048 // longer bodies are left to the database, so that this never takes more than 1 MiB
)

// recent holds copies of the newest durable records, for outputs that keep up: finding one record in SQLite costs
// 15 us of locks and lookups, here less than one.
type recent struct {
	mu          sync.RWMutex // guards everything below
	first, last uint64       // numbers held; first is last+1 when none is
	ring        [recentRecords]Record
}

// add takes the records of a committed batch; they follow those it has, or it starts over.
func (r *recent) add(batch []*request) {
	size := 0
	for _, req := range batch {
		for _, rec := range req.recs {
			size += len(rec.Body)
		}
	}
	arena := make([]byte, 0, size)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, req := range batch {
		for _, rec := range req.recs {
			if len(rec.Body) > recentBody {
				r.first, r.last = rec.Seq+1, rec.Seq
				continue
			}
			if r.first == 0 || rec.Seq != r.last+1 || r.last < r.first {
				r.first = rec.Seq
			}
			arena = append(arena, rec.Body...)
			slot := &r.ring[rec.Seq%recentRecords]
			*slot = *rec
			slot.Received = rec.Received.UTC()
			slot.Body = arena[len(arena)-len(rec.Body) : len(arena) : len(arena)]
			r.last = rec.Seq
			r.first = max(r.first, r.last-min(r.last, recentRecords-1))
		}
	}
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
