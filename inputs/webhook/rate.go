package webhook

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// maxRates bounds how many addresses are counted. When there are more, the counting begins anew: for a moment somebody gets
// more than his share, and nobody less.
const maxRates = 4096

// rates limits the events of each address.
type rates struct {
	perSecond float64    // 0 is no limit
	mu        sync.Mutex // guards sources
	sources   map[string]*rate.Limiter
}

func newRates(perSecond float64) rates { return rates{perSecond: perSecond} }

// take returns 0 when the address may send an event now, else how long it has to wait. A unix socket is one address.
func (r *rates) take(remote string, now time.Time) time.Duration {
	if r.perSecond == 0 {
		return 0
	}
	r.mu.Lock()
	l := r.sources[remote]
	if l == nil {
		if r.sources == nil || len(r.sources) >= maxRates {
			r.sources = map[string]*rate.Limiter{}
		}
		l = rate.NewLimiter(rate.Limit(r.perSecond), max(1, int(r.perSecond)))
		r.sources[remote] = l
	}
	r.mu.Unlock()
	res := l.ReserveN(now, 1)
	wait := res.DelayFrom(now)
	if wait > 0 {
		res.CancelAt(now) // it is refused, so that it takes nothing
	}
	return wait
}
