package webhook

import (
	"net/http"
	"sync/atomic"
)

// Counters count requests by how they ended; each request counts in one of them.
type Counters struct {
	Accepted     atomic.Uint64 // 200: stored
	Tests        atomic.Uint64 // 200: empty POST, or the test of glusterd2
	Bad          atomic.Uint64 // 400: not an event, or a body that broke off
	Unauthorized atomic.Uint64 // 401
	Forbidden    atomic.Uint64 // 403: not in allow_from
	NotFound     atomic.Uint64 // 404
	BadMethod    atomic.Uint64 // 405
	TimedOut     atomic.Uint64 // 408: the request came too slowly
	TooLarge     atomic.Uint64 // 413
	Limited      atomic.Uint64 // 429: above max_rate
	Failed       atomic.Uint64 // 503: could not be made durable
	Busy         atomic.Uint64 // 503: too many under way

	Disconnected atomic.Uint64 // not requests: connections closed because their sender has too many
}

// ByStatus sums the requests by the status of the answer; every status is there, zero or not.
func (c *Counters) ByStatus() map[int]uint64 {
	return map[int]uint64{
		http.StatusOK:                    c.Accepted.Load() + c.Tests.Load(),
		http.StatusBadRequest:            c.Bad.Load(),
		http.StatusUnauthorized:          c.Unauthorized.Load(),
		http.StatusForbidden:             c.Forbidden.Load(),
		http.StatusNotFound:              c.NotFound.Load(),
		http.StatusMethodNotAllowed:      c.BadMethod.Load(),
		http.StatusRequestTimeout:        c.TimedOut.Load(),
		http.StatusRequestEntityTooLarge: c.TooLarge.Load(),
		http.StatusTooManyRequests:       c.Limited.Load(),
		http.StatusServiceUnavailable:    c.Failed.Load() + c.Busy.Load(),
	}
}
