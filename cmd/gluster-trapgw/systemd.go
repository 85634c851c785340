package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"time"

	sd "github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sys/unix"
)

// statusEvery is how often the line that "systemctl status" shows is brought up to date without a watchdog.
const statusEvery = 30 * time.Second

// supervisor tells systemd how the gateway is (sd_notify(3)).
type supervisor struct {
	watchdog time.Duration // WatchdogSec of the unit; 0 without
	ready    atomic.Bool   // READY=1 was sent
	mute     atomic.Bool   // a message could not be sent, and that was logged
}

// newSupervisor returns nil when nobody listens.
func newSupervisor() (*supervisor, error) {
	if os.Getenv("NOTIFY_SOCKET") == "" {
		return nil, nil
	}
	watchdog, err := sd.SdWatchdogEnabled(false)
	if err != nil {
		return nil, fmt.Errorf("read the watchdog's time from systemd: %w", err)
	}
	return &supervisor{watchdog: watchdog}, nil
}

// supervise says that the gateway serves, from then on that it lives, and at the end of ctx that it stops.
//
// The watchdog hears of a gateway that can do its work, not of a timer: first the queue has to answer. That it answers
// with an error, as on a full disk, is life enough: a restart repairs no disk, and events are refused with 503 meanwhile.
func (g *gateway) supervise(ctx context.Context) error {
	s := g.systemd
	if s == nil {
		return nil
	}
	s.ready.Store(true)
	g.notify(sd.SdNotifyReady, "STATUS="+g.statusLine(nil))
	every, patience := statusEvery, statusEvery/2
	if s.watchdog > 0 {
		every, patience = s.watchdog/2, s.watchdog/3
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			s.ready.Store(false)
			g.notify(sd.SdNotifyStopping, "STATUS=stopping")
			return nil
		case <-tick.C:
		}
		probe, cancel := context.WithTimeout(ctx, patience)
		err := g.queue.Probe(probe)
		cancel()
		if ctx.Err() != nil {
			continue
		}
		if errors.Is(err, context.DeadlineExceeded) {
			g.log.Error("the queue does not answer", "after", patience)
			g.notify("STATUS=the queue does not answer")
			continue
		}
		state := []string{"STATUS=" + g.statusLine(err)}
		if s.watchdog > 0 {
			state = append(state, sd.SdNotifyWatchdog)
		}
		g.notify(state...)
	}
}

// reloading tells systemd that a reload has begun; the function it returns, that it is over.
func (g *gateway) reloading() (done func()) {
	if g.systemd == nil || !g.systemd.ready.Load() {
		return func() {}
	}
	// systemd tells by the time which reload this is (Type=notify-reload).
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		g.log.Warn("the clock cannot be read", "err", err)
	}
	g.notify(sd.SdNotifyReloading, fmt.Sprintf("MONOTONIC_USEC=%d", now.Nano()/1000))
	return func() { g.notify(sd.SdNotifyReady) }
}

// notify sends one message of several assignments.
func (g *gateway) notify(state ...string) {
	_, err := sd.SdNotify(false, strings.Join(state, "\n"))
	if err != nil && g.systemd.mute.CompareAndSwap(false, true) {
		g.log.Warn("systemd cannot be told how the gateway is", "err", err)
	}
}

// statusLine is the state of the gateway in one line; queue is why the queue cannot be written.
func (g *gateway) statusLine(queue error) string {
	if queue != nil {
		return "events are refused: " + strings.ReplaceAll(queue.Error(), "\n", ", ")
	}
	var failing []string
	for _, w := range g.workers {
		if st := w.Status(); !st.FailingSince.IsZero() {
			failing = append(failing, w.Name+" ("+st.Trouble.Words()+")")
		}
	}
	line := fmt.Sprintf("%d events received; %d alarms; %d outputs", g.received.Load(), g.activeAlarms(), len(g.workers))
	if len(failing) == 0 {
		return line + ", none failing"
	}
	return line + ", failing: " + strings.Join(failing, ", ")
}
