package queue

import (
	"runtime"
	"testing"
)

// What outputs that keep up are given from memory stays small, whatever comes between the short records.
func TestRecentMemory(t *testing.T) {
	body := make([]byte, 64<<10)
	for _, tt := range []struct {
		name           string
		batches, batch int // one short of a power of two: every slot of the ring gets its turn
		first, others  int // octets
	}{
		{"one short among long ones", recentRecords, 63, 300, len(body)},
		{"large batches", 4, 4*recentRecords - 1, recentBody, recentBody},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, seq := &recent{}, uint64(0)
			before := heap()
			for range tt.batches {
				recs := make([]*Record, tt.batch)
				for i := range recs {
					seq++
					recs[i] = &Record{Seq: seq, Body: body[:tt.others]}
				}
				recs[0].Body = body[:tt.first]
				r.add([]*request{{recs: recs}})
			}
			if grown := heap() - before; grown > 5<<19 {
				t.Errorf("%d octets are held, want 2 MiB at most", grown)
			}
			runtime.KeepAlive(r)
		})
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
