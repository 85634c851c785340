// Package eventsd is the input that takes the datagrams of the GlusterFS daemons directly, in place of glustereventsd
// or on a node without Python. It listens on the port that libglusterfs has compiled in (55555; 24009 before 10.0), so
// glustereventsd cannot run beside it on the same address.
//
// A record's body is the JSON that glustereventsd would have posted; see parse for where the two differ. There is no
// sender to refuse anything to: what cannot be stored is tried again in order, while the socket's buffer and then the
// kernel's drop counter take what comes. Nothing but loopback is bound unless the configuration names an address, for
// the protocol has no credentials. The package never decides by the content of a message.
package eventsd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/inputs"
)

// Name is the name of this input in records and logs.
const Name = "eventsd"

const (
	receiveBuffer = 8 << 20          // octets in the kernel; each small datagram takes about 800 of them
	waitBuffer    = 4096             // datagrams read and not yet stored
	maxDatagram   = 64 << 10         // glustereventsd cuts at 8192
	quietAfter    = 10 * time.Second // without a drop an episode of drops is over
	drainFor      = 50 * time.Millisecond
	retryFirst    = 100 * time.Millisecond
	retryMost     = 5 * time.Second
	storeAtStop   = 2 * time.Second // for what was read already
)

// Counters count datagrams.
type Counters struct {
	Accepted atomic.Uint64 // stored
	Bad      atomic.Uint64 // not an event
	Unknown  atomic.Uint64 // of those accepted, with a number that has no name
	Dropped  atomic.Uint64 // by the kernel, because we read too slowly
	Lost     atomic.Uint64 // read and not stored before the end of the program
}

// Input is the UDP receiver.
type Input struct {
	Counters Counters

	cfg       Config
	log       *slog.Logger
	numbering numbering
	now       func() time.Time
	conns     []*net.UDPConn
	retry     time.Duration // first wait after a failed store
	buffer    int           // datagrams between the sockets and the store
}

// New returns an input for a validated configuration. The names of the events stand at their numbers, "" where there is
// none.
func New(cfg Config, names []string, log *slog.Logger) *Input {
	return &Input{cfg: cfg, log: log, numbering: numbering{names, cfg.Release == "3.9.0"}, now: time.Now, retry: retryFirst, buffer: waitBuffer}
}

// Listen binds the sockets.
func (in *Input) Listen() error {
	hosts, port, err := in.cfg.address()
	if err != nil {
		return err
	}
	var lc net.ListenConfig
	lc.Control = func(_, _ string, c syscall.RawConn) error {
		var serr error
		err := c.Control(func(fd uintptr) { serr = prepare(fd) })
		return errors.Join(err, serr)
	}
	for i, host := range hosts {
		pc, err := lc.ListenPacket(context.Background(), "udp", net.JoinHostPort(host, strconv.Itoa(int(port))))
		if i > 0 && (errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT)) {
			continue // no IPv6 here, so the daemons do not use it either
		}
		if err != nil {
			err = fmt.Errorf("bind the eventsd port: %w", err)
			if errors.Is(err, syscall.EADDRINUSE) {
				err = fmt.Errorf("%w (glustereventsd holds it while it runs)", err)
			}
			return errors.Join(err, in.Close())
		}
		conn := pc.(*net.UDPConn)
		in.conns = append(in.conns, conn)
		port = conn.LocalAddr().(*net.UDPAddr).AddrPort().Port()
	}
	return nil
}

// Addrs are the addresses that are bound.
func (in *Input) Addrs() []string {
	var addrs []string
	for _, c := range in.conns {
		addrs = append(addrs, c.LocalAddr().String())
	}
	return addrs
}

// Close closes the sockets of an input that does not run.
func (in *Input) Close() error {
	var errs []error
	for _, c := range in.conns {
		errs = append(errs, c.Close())
	}
	in.conns = nil
	return errors.Join(errs...)
}

// datagram is one as it was read.
type datagram struct {
	time   time.Time
	remote string
	data   []byte
}

// Run takes datagrams until ctx ends, stores those that have arrived by then and returns nil. It wants Listen before.
func (in *Input) Run(ctx context.Context, accept inputs.Accept) error {
	if len(in.conns) == 0 {
		return errors.New("take events over UDP: no address is bound")
	}
	queue := make(chan datagram, in.buffer) // closed when all readers have returned
	readCtx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	var readers sync.WaitGroup
	for _, c := range in.conns {
		readers.Go(func() {
			if err := in.read(readCtx, c, queue); err != nil {
				fail(err)
			}
		})
	}
	stop := context.AfterFunc(readCtx, func() {
		for _, c := range in.conns {
			c.SetReadDeadline(in.now().Add(drainFor)) //nolint:errcheck // fails only on a closed socket, which ends the reader too
		}
	})
	defer stop()
	go func() {
		readers.Wait()
		close(queue)
	}()
	in.storeAll(ctx, queue, accept)
	err := in.Close()
	if cause := context.Cause(readCtx); ctx.Err() == nil && cause != nil {
		return cause
	}
	return err
}

// read puts the datagrams of one socket into the queue until the socket's deadline, which is set when ctx ends.
func (in *Input) read(ctx context.Context, c *net.UDPConn, queue chan<- datagram) error {
	buf := make([]byte, maxDatagram)
	control := make([]byte, 128)
	drops := dropLog{in: in, addr: c.LocalAddr().String()}
	for {
		n, nc, _, from, err := c.ReadMsgUDPAddrPort(buf, control)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			if errors.Is(err, syscall.ECONNREFUSED) {
				continue
			}
			return fmt.Errorf("read from the eventsd port: %w", err)
		}
		now := in.now()
		if count, ok := dropped(control[:nc]); ok {
			drops.see(count, now)
		}
		queue <- datagram{now, from.Addr().Unmap().WithZone("").String(), append([]byte(nil), buf[:n]...)}
	}
}

// dropLog turns the kernel's counter into our own and one line for each episode.
type dropLog struct {
	in     *Input
	addr   string
	last   uint32 // the kernel counts in 32 bits and starts at 0
	since  uint64 // dropped in this episode; 0 when there is none
	latest time.Time
}

func (d *dropLog) see(count uint32, now time.Time) {
	n := uint64(count - d.last)
	d.last = count
	switch {
	case n > 0:
		d.in.Counters.Dropped.Add(n)
		if d.since == 0 {
			d.in.log.Warn("the kernel drops events because they come faster than they can be stored", "address", d.addr, "dropped", n)
		}
		d.since += n
		d.latest = now
	case d.since > 0 && now.Sub(d.latest) >= quietAfter:
		d.in.log.Info("the kernel drops no more events", "address", d.addr, "dropped", d.since)
		d.since = 0
	}
}

// storeAll hands on what the readers read, in order. What cannot be stored is tried again until ctx ends.
func (in *Input) storeAll(ctx context.Context, queue <-chan datagram, accept inputs.Accept) {
	id := node{cfg: in.cfg, log: in.log}
	id.get(in.now())
	var lastComplaint time.Time
	// After the end of ctx there is a little time for the rest.
	storeCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(storeAtStop, cancel) })
	defer stop()
	for d := range queue {
		w, err := parse(d.data, in.numbering)
		if err != nil {
			in.Counters.Bad.Add(1)
			if d.time.Sub(lastComplaint) >= time.Minute {
				lastComplaint = d.time
				in.log.Warn("eventsd got a datagram that is not an event", "remote", d.remote, "err", err)
			}
			continue
		}
		if !w.known {
			in.Counters.Unknown.Add(1)
		}
		uuid := id.get(d.time)
		in.store(ctx, storeCtx, accept, inputs.Received{Time: d.time.UTC(), Input: Name, Remote: d.remote, Node: uuid, Body: w.body(uuid)})
	}
}

// store tries until it works; after the end of ctx only once.
func (in *Input) store(ctx, storeCtx context.Context, accept inputs.Accept, r inputs.Received) {
	wait := in.retry
	failing := false
	for {
		err := accept(storeCtx, r)
		if err == nil {
			in.Counters.Accepted.Add(1)
			if failing {
				in.log.Info("events of eventsd can be stored again")
			}
			return
		}
		if !failing {
			failing = true
			in.log.Error("an event of eventsd cannot be stored: trying again, while the kernel keeps what it can", "err", err)
		}
		if ctx.Err() != nil {
			in.Counters.Lost.Add(1)
			return
		}
		select {
		case <-time.After(wait):
			wait = min(2*wait, retryMost)
		case <-ctx.Done():
		}
	}
}
