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
		var posted atomic.Int64
		failed := make(chan error, 1)
		start := time.Now()
		running.Go(func() { failed <- postSteadily(ctx, gw.addr, &posted) })
		if rate, err = c.rate(b.ctx, n); err != nil {
			return 0, err
		}
		events, took := posted.Load(), time.Since(start)
		if float64(events) < 0.8*streamEvents*took.Seconds() {
			return 0, fmt.Errorf("only %d events could be posted in %v: the machine is too busy for this figure", events, took)
		}
		for deadline := time.Now().Add(5 * time.Second); heard.Load() < events*int64(readers); time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				return 0, fmt.Errorf("%d readers heard %d messages of %d events", readers, heard.Load(), events)
			}
		}
		stop()
		return rate, <-failed
	}
	return b.compare(fmt.Sprintf("drain SNMP beside %d WebSocket readers, %d messages/s", streamReaders, streamReaders*streamEvents), 0.9, b.rounds,
		func() (float64, error) { return drain(streamReaders) },
		func() (float64, error) { return drain(0) })
}

// postSteadily posts streamEvents per second until ctx ends and counts those that were taken.
func postSteadily(ctx context.Context, addr string, posted *atomic.Int64) error {
	tr := &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: streamEvents}
	defer tr.CloseIdleConnections()
	var posting sync.WaitGroup
	defer posting.Wait()
	failed := make(chan error, 1)
	start := time.Now()
	for i := 0; ; i++ {
		next := time.NewTimer(time.Until(start.Add(time.Duration(i) * time.Second / streamEvents)))
		select {
		case <-ctx.Done():
			next.Stop()
			return nil
		case err := <-failed:
			return err
		case <-next.C:
		}
		posting.Go(func() { // beside the one before it, which may wait for the disk
			if err := postOne(tr, addr, i); err != nil {
				select {
				case failed <- err:
				default:
				}
				return
			}
			posted.Add(1)
		})
	}
}
