package webhook

import (
	"sync"
	"time"
)

const (
	complainEvery = time.Minute
	maxComplaints = 1024 // remembered; a scan from many addresses must fill neither the memory nor the log
)

// complaints limit the log to one line for each source and kind of trouble in a minute. The counters have them all.
type complaints struct {
	mu   sync.Mutex // guards last
	last map[complaint]time.Time
}

type complaint struct{ text, remote string }

func (c *complaints) due(k complaint, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	recent := func(t time.Time) bool { d := now.Sub(t); return d >= 0 && d < complainEvery }
	if t, ok := c.last[k]; ok && recent(t) {
		return false
	}
	if len(c.last) >= maxComplaints {
		for k, t := range c.last {
			if !recent(t) {
				delete(c.last, k)
			}
		}
		if len(c.last) >= maxComplaints {
			return false
		}
	}
	if c.last == nil {
		c.last = map[complaint]time.Time{}
	}
	c.last[k] = now
	return true
}

// complain logs trouble that a sender causes, at most once a minute for each.
func (in *Input) complain(text, remote string, err error) {
	if !in.complaints.due(complaint{text, remote}, in.now()) {
		return
	}
	var fields []any
	if remote != "" {
		fields = append(fields, "remote", remote)
	}
	if err != nil {
		fields = append(fields, "err", err)
	}
	in.log.Warn(text, fields...)
}
