package syslog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/outputs"
)

const (
	// returnEvery is how often a collector before the one in use is tried again.
	returnEvery = 30 * time.Second
	// returnTimeout bounds that try, for messages wait meanwhile.
	returnTimeout = 2 * time.Second
)

// failoverLink sends to the first collector of a list that takes messages, and goes back to one before it when that
// answers again. What a collector that went away may not have read goes to its successor.
type failoverLink struct {
	links []link
	names []string
	every time.Duration // returnEvery, shorter in tests
	log   *slog.Logger

	active int
	tried  time.Time // when going back was last tried
	carry  [][]byte  // to be sent ahead of the next batch
}

func (l *failoverLink) send(ctx context.Context, batch []outputs.Message) (int, error) {
	l.collect()
	l.goBack(ctx)
	total := 0
	var failures []string
	var kind outputs.Trouble // of the last one
	for try := range len(l.links) {
		i := l.active // first the one in use, then the others in their order
		if try > 0 {
			if i = try - 1; i >= l.active {
				i = try
			}
		}
		n, err := l.deliver(ctx, i, batch[total:])
		total += n
		switch {
		case err == nil:
			if i != l.active {
				l.log.Warn("messages go to another collector", "target", l.names[i], "instead", l.names[l.active], "err", failures[0])
				l.active, l.tried = i, time.Now()
			}
			return total, nil
		case ctx.Err() != nil, errors.Is(err, outputs.ErrPermanent):
			return total, err
		}
		l.carry = append(l.carry, l.links[i].unsure()...)
		kind = outputs.TroubleOf(err)
		failures = append(failures, fmt.Sprintf("%s: %v", l.names[i], err))
	}
	return total, outputs.Troubled(kind, fmt.Errorf("no syslog collector takes messages: %s", strings.Join(failures, "; ")))
}

// deliver sends what is carried and then the batch to one collector, and returns how many of the batch it has.
func (l *failoverLink) deliver(ctx context.Context, i int, batch []outputs.Message) (int, error) {
	if len(l.carry) == 0 {
		return l.links[i].send(ctx, batch)
	}
	all := make([]outputs.Message, 0, len(l.carry)+len(batch))
	for _, d := range l.carry {
		all = append(all, outputs.Message{Data: d})
	}
	n, err := l.links[i].send(ctx, append(all, batch...))
	if errors.Is(err, outputs.ErrPermanent) && n < len(l.carry) {
		l.carry = l.carry[n+1:] // it is this one that cannot be helped, not the first of the batch
		return 0, errors.New("one of the messages that were sent again cannot be sent here")
	}
	carried := min(n, len(l.carry))
	l.carry = l.carry[carried:]
	return n - carried, err
}

// collect takes back what the collectors not in use turn out not to have read, and lets go of them after that.
func (l *failoverLink) collect() {
	for i, k := range l.links {
		if i == l.active {
			continue
		}
		l.carry = append(l.carry, k.unsure()...)
		if !k.unsettled() {
			k.close() //nolint:errcheck // nothing is on its way
		}
	}
}

// goBack makes the first collector that answers the one in use, when there is a better one.
func (l *failoverLink) goBack(ctx context.Context) {
	if l.active == 0 || time.Since(l.tried) < l.every {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, returnTimeout)
	defer cancel()
	for i := range l.active {
		if l.links[i].open(ctx) == nil {
			l.log.Info("messages go back to the collector that is preferred", "target", l.names[i], "instead", l.names[l.active])
			l.active = i
			break
		}
	}
	l.tried = time.Now()
}

func (l *failoverLink) unsettled() bool {
	for _, k := range l.links {
		if k.unsettled() {
			return true
		}
	}
	return len(l.carry) > 0
}

func (l *failoverLink) close() error {
	var errs []error
	for _, k := range l.links {
		errs = append(errs, k.close())
	}
	return errors.Join(errs...)
}
