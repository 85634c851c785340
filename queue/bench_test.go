package queue

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"
)

var benchBody = []byte(`{"event": "BRICK_DISCONNECTED", "message": {"brick": "/bricks/b1", "peer": "gfs2.example.net", ` +
	`"volume": "gv0"}, "nodeid": "1a6111b8-4f13-4c02-9739-2c473e398b41", "ts": 1795389266}`)

func BenchmarkAppend1(b *testing.B)   { benchmarkAppend(b, 1) }
func BenchmarkAppend64(b *testing.B)  { benchmarkAppend(b, 64) }
func BenchmarkAppend256(b *testing.B) { benchmarkAppend(b, 256) }

func benchmarkAppend(b *testing.B, producers int) {
	q, stop := started(b, b.TempDir(), Config{})
	defer stop()
	var wg sync.WaitGroup
	var mu sync.Mutex
	worst := time.Duration(0)
	b.ResetTimer()
	for p := range producers {
		n := b.N / producers
		if p < b.N%producers {
			n++
		}
		wg.Go(func() {
			slowest := time.Duration(0)
			for range n {
				t := time.Now()
				if err := q.Append(context.Background(), &Record{Received: t, Input: "webhook", Remote: "192.0.2.1", Body: benchBody}); err != nil {
					b.Error(err)
					return
				}
				slowest = max(slowest, time.Since(t))
			}
			mu.Lock()
			worst = max(worst, slowest)
			mu.Unlock()
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(worst.Seconds()*1e3, "worst-ms")
}

// BenchmarkAppendFull appends at the bound, so that every append makes others go.
func BenchmarkAppendFull(b *testing.B) {
	q, stop := started(b, b.TempDir(), Config{MaxBytes: minBytes})
	defer stop()
	fill(b, q, 30000)
	b.ResetTimer()
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			for range b.N/64 + 1 {
				if err := q.Append(context.Background(), &Record{Received: time.Now(), Input: "webhook", Body: benchBody}); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

func BenchmarkRead(b *testing.B) {
	for _, batch := range []int{1, 256} {
		b.Run(fmt.Sprint(batch), func(b *testing.B) {
			q, stop := started(b, b.TempDir(), Config{})
			defer stop()
			fill(b, q, 100000)
			var buf []Record
			after := uint64(0)
			b.ReportAllocs()
			b.ResetTimer()
			for n := 0; n < b.N; n += len(buf) {
				var err error
				if buf, err = q.Read(context.Background(), after, batch, buf[:0]); err != nil {
					b.Fatal(err)
				}
				if after += uint64(len(buf)); after >= 99999 {
					after = 0
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// BenchmarkFollow is a lone producer and two outputs that keep up with it.
func BenchmarkFollow(b *testing.B) {
	q, stop := started(b, b.TempDir(), Config{})
	defer stop()
	ctx := context.Background()
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			var buf []Record
			for after := uint64(0); after < uint64(b.N); after += uint64(len(buf)) {
				err := q.Wait(ctx, after)
				if err == nil {
					buf, err = q.Read(ctx, after, 256, buf[:0])
				}
				if err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	b.ReportAllocs()
	for range b.N {
		if err := q.Append(ctx, &Record{Received: time.Now(), Input: "webhook", Body: benchBody}); err != nil {
			b.Fatal(err)
		}
	}
	wg.Wait()
}

// started opens a queue and runs it until the returned function is called.
func started(t testing.TB, dir string, cfg Config) (*SQLite, func()) {
	t.Helper()
	q, err := Open(dir, cfg)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- q.Run(context.Background()) }()
	return q, func() {
		t.Helper()
		if err := q.Close(); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// fill appends n records in groups.
func fill(t testing.TB, q *SQLite, n int) {
	t.Helper()
	for n > 0 {
		recs := make([]*Record, min(n, 1000))
		for i := range recs {
			recs[i] = &Record{Received: time.Now(), Input: "webhook", Remote: "192.0.2.1", Body: benchBody}
		}
		if err := q.Append(context.Background(), recs...); err != nil {
			t.Fatal(err)
		}
		n -= len(recs)
	}
}
