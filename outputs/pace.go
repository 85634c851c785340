package outputs

import (
	"context"
	"time"
)

// bucket is a token bucket. Only the worker's goroutine uses it.
type bucket struct {
	rate, burst, tokens float64
	last                time.Time
}

func newBucket(rate float64, burst int) bucket {
	b := bucket{rate: rate, burst: float64(burst), last: time.Now()}
	if b.burst == 0 {
		b.burst = max(1, rate/10)
	}
	b.tokens = b.burst
	return b
}

// pause is how long take would wait now.
func (b *bucket) pause() time.Duration {
	if b.rate <= 0 {
		return 0
	}
	now := time.Now()
	b.tokens = min(b.burst, b.tokens+now.Sub(b.last).Seconds()*b.rate)
	b.last = now
	if b.tokens >= 1 {
		return 0
	}
	return time.Duration((1-b.tokens)/b.rate*float64(time.Second)) + 1 // rounded up: never an early, useless wake-up
}

// take waits until at least one notification may go and takes up to want.
func (b *bucket) take(ctx context.Context, want int) (int, bool) {
	if b.rate <= 0 {
		return want, true
	}
	for d := b.pause(); d > 0; d = b.pause() {
		if !sleep(ctx, d) {
			return 0, false
		}
	}
	n := min(want, int(b.tokens))
	b.tokens -= float64(n)
	return n, true
}

// giveBack returns what was taken and not used.
func (b *bucket) giveBack(n int) {
	if b.rate > 0 {
		b.tokens = min(b.burst, b.tokens+float64(n))
	}
}
