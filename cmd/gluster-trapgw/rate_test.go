package main

import (
	"context"
	"errors"
	"testing"
	"time"
)

// A rate asks the log for what is new only, and forgets what is more than an hour old.
func TestRate(t *testing.T) {
	now := time.Date(2026, 11, 23, 4, 30, 20, 0, time.UTC)
	var asked uint64
	add := map[int64]uint64{}
	var failure error
	count := func(_ context.Context, after uint64, from time.Time, except string, counts map[int64]uint64) (uint64, error) {
		if asked = after; except != "gateway" || from.Second() != 0 || now.Sub(from) >= time.Hour || now.Sub(from) < 59*time.Minute {
			t.Errorf("asked for all but %q since %s at %s", except, from, now)
		}
		for at, n := range add {
			counts[at] += n
			after += n
		}
		return after, failure
	}
	var r rate
	check := func(wantAfter, wantUpTo, first, last uint64) {
		t.Helper()
		v, err := r.at(t.Context(), count, now)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(v.Minutes); n != 60 || asked != wantAfter || v.UpTo != wantUpTo || v.Minutes[0].Events != first || v.Minutes[n-1].Events != last {
			t.Errorf("asked after %d and got %d minutes up to %d from %v to %v; want after %d, up to %d, %d and %d", asked, n, v.UpTo,
				v.Minutes[0], v.Minutes[n-1], wantAfter, wantUpTo, first, last)
		}
	}
	add[now.Truncate(time.Minute).Unix()] = 3
	add[now.Truncate(time.Minute).Add(-59*time.Minute).Unix()] = 4
	check(0, 7, 4, 3)
	clear(add)
	check(7, 7, 4, 3)
	failure = errors.New("the disk is gone")
	add[now.Truncate(time.Minute).Unix()] = 1
	if _, err := r.at(t.Context(), count, now); !errors.Is(err, failure) {
		t.Errorf("got %v", err)
	}
	failure = nil // what was read before the failure is read again
	check(7, 8, 4, 4)
	clear(add)
	now = now.Add(time.Minute)
	check(8, 8, 0, 0)
	now = now.Add(58 * time.Minute)
	check(8, 8, 4, 0)
}
