package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
)

// The live stream is measured by what it takes from an output: 100 readers that hear 100 events per second each.
const (
	streamReaders = 100
	streamEvents  = 100 // per second
)

// stream: a backlog leaves as SNMP v2c traps while new events come and all readers hear each of them over WebSocket,
// against the same without readers.
func (b *bench) stream() error {
	n := b.n(2 * backlog)
	defer func() { b.admin = "" }()
	drain := func(readers int) (rate float64, err error) {
		c, err := countUDP()
		if err != nil {
			return 0, err
		}
		defer c.close() //nolint:errcheck // only read
		state, err := b.fill("snmp", n)
		if err != nil {
			return 0, err
		}
		if b.admin, err = freeAddr(); err != nil {
			return 0, err
		}
		gw, err := b.startGateway(state, snmpOutput(c.addr))
		if err != nil {
			return 0, err
		}
		defer func() { err = errors.Join(err, gw.stop(), os.RemoveAll(state)) }()
		ctx, stop := context.WithCancel(b.ctx)
		var running sync.WaitGroup
		defer running.Wait()
		defer stop()
		var heard atomic.Int64
		for range readers {
			conn, _, _, err := ws.Dial(ctx, "ws://"+b.admin+"/stream")
			if err != nil {
				return 0, fmt.Errorf("listen to the stream: %w", err)
			}
			running.Go(func() {
				for {
					if _, err := wsutil.ReadServerText(conn); err != nil {
						return
					}
					heard.Add(1)
				}
			})
			running.Go(func() {
				<-ctx.Done()
				conn.Close() //nolint:errcheck // the other side goes as well
			})
		}
		failed := make(chan error, 1)
		running.Go(func() { failed <- postSteadily(ctx, gw.addr) })
		start, before := time.Now(), heard.Load()
		if rate, err = c.rate(b.ctx, n); err != nil {
			return 0, err
		}
		messages, took := heard.Load()-before, time.Since(start)
		stop()
		if err := <-failed; err != nil {
			return 0, err
		}
		if want := float64(readers) * streamEvents * took.Seconds(); float64(messages) < 0.8*want-float64(readers*streamEvents)/4 {
			return 0, fmt.Errorf("%d readers heard %d messages in %v, of %.0f", readers, messages, took, want)
		}
		return rate, nil
	}
	return b.compare(fmt.Sprintf("drain SNMP beside %d WebSocket readers, %d messages/s", streamReaders, streamReaders*streamEvents), 0.9,
		func() (float64, error) { return drain(streamReaders) },
		func() (float64, error) { return drain(0) })
}

// postSteadily posts streamEvents per second until ctx ends.
func postSteadily(ctx context.Context, addr string) error {
	tr := &http.Transport{DisableCompression: true}
	defer tr.CloseIdleConnections()
	tick := time.NewTicker(time.Second / streamEvents)
	defer tick.Stop()
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := postOne(tr, addr, i); err != nil {
				return err
			}
		}
	}
}
