package queue

import (
	"context"
	"reflect"
	"testing"
	"time"
)

func TestPerMinute(t *testing.T) {
	t.Parallel()
	q, stop := started(t, t.TempDir(), Config{})
	defer stop()
	ctx := context.Background()
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	add := func(after time.Duration, input string, n int) {
		recs := make([]*Record, n)
		for i := range recs {
			recs[i] = &Record{Received: start.Add(after), Input: input, Body: []byte("{}")}
		}
		if err := q.Append(ctx, recs...); err != nil {
			t.Fatal(err)
		}
	}
	counts := map[int64]uint64{}
	count := func(after uint64, from time.Duration, upTo uint64, want map[int64]uint64) {
		t.Helper()
		got, err := q.PerMinute(ctx, after, start.Add(from), "gateway", counts)
		if err != nil || got != upTo || !reflect.DeepEqual(counts, want) {
			t.Errorf("got %v up to %d (%v), want %v up to %d", counts, got, err, want, upTo)
		}
	}
	count(0, 0, 0, map[int64]uint64{})
	minute := func(n int64) int64 { return start.Unix() + 60*n }
	add(0, "webhook", 1)
	add(59*time.Second, "webhook", 1)
	add(60*time.Second, "gateway", 1)
	add(119*time.Second, "eventsd", 1)
	count(0, 0, 4, map[int64]uint64{minute(0): 2, minute(1): 1})
	add(120*time.Second, "webhook", minutesChunk+5)
	count(4, 0, minutesChunk+9, map[int64]uint64{minute(0): 2, minute(1): 1, minute(2): minutesChunk + 5})
	count(minutesChunk+9, 0, minutesChunk+9, map[int64]uint64{minute(0): 2, minute(1): 1, minute(2): minutesChunk + 5})
	clear(counts)
	count(0, 30*time.Second, minutesChunk+9, map[int64]uint64{minute(0): 1, minute(1): 1, minute(2): minutesChunk + 5})
	clear(counts)
	count(0, time.Hour, minutesChunk+9, map[int64]uint64{})
}
