package syslog

import (
	"context"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/outputs"
)

const (
	// lookEvery is how often a link is looked after while nothing new is sent.
	lookEvery = 200 * time.Millisecond
	// lookMost bounds that pause, which grows while the link fails.
	lookMost = 30 * time.Second
	// lastLook bounds what is sent again when the output closes.
	lastLook = time.Second
)

// keeper looks after a link when nothing new is sent: the last message before a quiet hour must not wait for the next
// one when its collector turns out not to have read it.
type keeper struct {
	link sender
	turn chan struct{} // holds one token; whoever has it may use the rest

	ctx    context.Context // ends when the keeper closes
	cancel context.CancelFunc
	timer  *time.Timer
	pause  time.Duration
}

func newKeeper(l sender) *keeper {
	k := &keeper{link: l, turn: make(chan struct{}, 1), pause: lookEvery}
	k.ctx, k.cancel = context.WithCancel(context.Background())
	return k
}

func (k *keeper) send(ctx context.Context, batch []outputs.Message) (int, error) {
	select {
	case k.turn <- struct{}{}:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	defer func() { <-k.turn }()
	n, err := k.link.send(ctx, batch)
	if err == nil {
		k.pause = lookEvery
	}
	k.lookLater()
	return n, err
}

// lookLater needs the turn.
func (k *keeper) lookLater() {
	switch {
	case k.ctx.Err() != nil || !k.link.unsettled():
	case k.timer == nil:
		k.timer = time.AfterFunc(k.pause, k.look)
	default:
		k.timer.Reset(k.pause)
	}
}

func (k *keeper) look() {
	select {
	case k.turn <- struct{}{}:
	default:
		return // a send is under way and looks itself
	}
	defer func() { <-k.turn }()
	ctx, cancel := context.WithTimeout(k.ctx, dialTimeout+stallTimeout)
	defer cancel()
	if _, err := k.link.send(ctx, nil); err != nil {
		k.pause = min(2*k.pause, lookMost)
	} else {
		k.pause = lookEvery
	}
	k.lookLater()
}

func (k *keeper) close() error {
	k.cancel()
	k.turn <- struct{}{}
	defer func() { <-k.turn }()
	if k.timer != nil {
		k.timer.Stop()
	}
	if k.link.unsettled() {
		ctx, cancel := context.WithTimeout(context.Background(), lastLook)
		defer cancel()
		k.link.send(ctx, nil) //nolint:errcheck // the last chance; most often there is nothing to do
	}
	return k.link.close()
}
