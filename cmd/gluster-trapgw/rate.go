package main

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/admin"
	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

// rateSpan is how far back the minutes of a rate go.
const rateSpan = 60 * time.Minute

// rate counts events by minute from the log, which also knows of those before the last restart. Each is counted once:
// the first who asks after a storm waits a moment, nobody else does.
type rate struct {
	mu      sync.Mutex // guards what follows
	minutes map[int64]uint64
	upTo    uint64
}

// Rate implements admin.Gateway.
func (o *overseer) Rate(ctx context.Context) (*admin.Rate, error) {
	return o.rate.at(ctx, o.queue.PerMinute, time.Now())
}

// perMinute is that of queue.Reader.
type perMinute func(ctx context.Context, after uint64, from time.Time, except string, counts map[int64]uint64) (uint64, error)

func (r *rate) at(ctx context.Context, count perMinute, now time.Time) (*admin.Rate, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	first := now.Truncate(time.Minute).Add(time.Minute - rateSpan)
	if r.minutes == nil {
		r.minutes = map[int64]uint64{}
	}
	more := map[int64]uint64{}
	upTo, err := count(ctx, r.upTo, first, translate.OwnInput, more)
	if err != nil {
		return nil, err
	}
	for minute, n := range more {
		r.minutes[minute] += n
	}
	r.upTo = max(r.upTo, upTo)
	maps.DeleteFunc(r.minutes, func(minute int64, _ uint64) bool { return minute < first.Unix() })
	v := &admin.Rate{UpTo: r.upTo}
	for t := first; !t.After(now); t = t.Add(time.Minute) {
		v.Minutes = append(v.Minutes, admin.Minute{Start: t.UTC(), Events: r.minutes[t.Unix()]})
	}
	return v, nil
}
