package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/queue"
)

// ingest: 200 after fsync on 64 keep-alive connections, against the bare server.
func (b *bench) ingest() error {
	// Short rounds and more of them: on a machine that others use the two sides of a long one meet different moments.
	return b.againstBare("durable ingest, 64 connections", 0.7, 10*b.rounds, func(addr string) (float64, error) {
		return post(addr, 64, b.n(20_000))
	})
}

// serial: one connection per event and one event at a time, against the bare server in the same mode.
func (b *bench) serial() error {
	return b.againstBare("one event at a time, a connection each", 0.5, b.rounds, func(addr string) (float64, error) {
		return postSerially(addr, b.n(4_000))
	})
}

func (b *bench) againstBare(name string, want float64, rounds int, load func(addr string) (float64, error)) (err error) {
	bare, err := b.startBare()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, bare.stop()) }()
	gw, err := b.startGateway("", "")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, gw.stop()) }()
	return b.compare(name, want, rounds,
		func() (float64, error) { return load(gw.addr) },
		func() (float64, error) { return load(bare.addr) })
}

// endToEnd: every event arrives at an SNMP v2c and a syslog TCP receiver, against the bare server's rate.
func (b *bench) endToEnd() (err error) {
	bare, err := b.startBare()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, bare.stop()) }()
	traps, err := countUDP()
	if err != nil {
		return err
	}
	defer traps.close() //nolint:errcheck // only read
	lines, err := countRawTCP()
	if err != nil {
		return err
	}
	defer lines.close() //nolint:errcheck // only read
	gw, err := b.startGateway("", snmpOutput(traps.addr)+syslogOutput(lines.addr))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, gw.stop()) }()
	n := b.n(100_000)
	var sent int64
	return b.compare("end to end, SNMP v2c and syslog TCP", 0.45, b.rounds,
		func() (float64, error) {
			start := time.Now()
			if _, err := post(gw.addr, 64, n); err != nil {
				return 0, err
			}
			sent += int64(n)
			if err := errors.Join(traps.wait(b.ctx, sent), lines.wait(b.ctx, sent)); err != nil {
				return 0, err
			}
			return float64(n) / time.Since(start).Seconds(), nil
		},
		func() (float64, error) { return post(bare.addr, 64, n) })
}

func snmpOutput(addr string) string {
	return fmt.Sprintf("  - {name: snmp, snmp: {target: %q, version: 2c, community: public, rate: 0}}\n", addr)
}

func syslogOutput(addr string) string {
	return fmt.Sprintf("  - {name: syslog, syslog: {target: %q, rate: 0}}\n", "tcp://"+addr)
}

const backlog = 200_000

// drainSNMP: a backlog leaves as SNMP v2c traps, against writing prebuilt packets to the same UDP socket.
func (b *bench) drainSNMP() error {
	return b.drain("drain a backlog, SNMP v2c", 0.4, "snmp", countUDP, snmpOutput, func(addr string, n int, packet []byte) error {
		conn, err := net.Dial("udp", addr)
		if err != nil {
			return err
		}
		for range n {
			if _, err := conn.Write(packet); err != nil {
				return err
			}
		}
		return conn.Close()
	})
}

// drainSyslog: a backlog leaves as syslog over TCP, against writing prebuilt frames in batches of 256 to the same
// receiver; and, for information, to one that only counts frames, which takes them as fast as memory is copied.
func (b *bench) drainSyslog() error {
	return errors.Join(
		b.drainSyslogTo("drain a backlog, syslog TCP", 0.3, countTCP),
		b.drainSyslogTo("  the same, receiver only counts", 0, countRawTCP))
}

func (b *bench) drainSyslogTo(name string, want float64, receiver func() (*counter, error)) error {
	return b.drain(name, want, "syslog", receiver, syslogOutput, func(addr string, n int, frame []byte) error {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			return err
		}
		const per = 256
		var batch []byte
		for range per {
			batch = append(batch, frame...)
		}
		for ; n > 0; n -= per {
			if _, err := conn.Write(batch[:len(frame)*min(n, per)]); err != nil {
				return err
			}
		}
		return conn.Close()
	})
}

func (b *bench) drain(name string, want float64, output string, receiver func() (*counter, error), yaml func(string) string,
	write func(addr string, n int, data []byte) error) error {
	sample, err := b.sample(output, receiver, yaml)
	if err != nil {
		return err
	}
	n := b.n(backlog)
	return b.compare(name, want, b.rounds,
		func() (rate float64, err error) {
			c, err := receiver()
			if err != nil {
				return 0, err
			}
			defer c.close() //nolint:errcheck // only read
			state, err := b.fill(output, n)
			if err != nil {
				return 0, err
			}
			gw, err := b.startGateway(state, yaml(c.addr))
			if err != nil {
				return 0, err
			}
			defer func() { err = errors.Join(err, gw.stop(), os.RemoveAll(state)) }()
			return c.rate(b.ctx, n)
		},
		func() (float64, error) {
			c, err := receiver()
			if err != nil {
				return 0, err
			}
			defer c.close() //nolint:errcheck // only read
			done := make(chan error, 1)
			go func() { done <- write(c.addr, n, sample) }()
			r, err := c.rate(b.ctx, n)
			return r, errors.Join(err, <-done)
		})
}

// rate is messages per second from the first to the n-th.
func (c *counter) rate(ctx context.Context, n int) (float64, error) {
	if err := c.wait(ctx, 1); err != nil {
		return 0, err
	}
	from, start := c.n.Load(), time.Now()
	err := c.wait(ctx, int64(n))
	return float64(int64(n)-from) / time.Since(start).Seconds(), err
}

// fill makes a state directory with n events that the output has not seen.
func (b *bench) fill(output string, n int) (dir string, err error) {
	if dir, err = os.MkdirTemp(b.dir, "state-"); err != nil {
		return "", err
	}
	cfg := queue.DefaultConfig()
	cfg.MaxBytes = 8 << 30
	q, err := queue.Open(filepath.Join(dir, "queue"), cfg)
	if err != nil {
		return "", err
	}
	ctx, stop := context.WithCancel(b.ctx)
	ran := make(chan error, 1)
	go func() { ran <- q.Run(ctx) }()
	defer func() {
		stop()
		err = errors.Join(err, <-ran, q.Close())
	}()
	if _, err := q.Attach(ctx, output); err != nil {
		return "", err
	}
	for i := 0; i < n; i += 1000 {
		recs := make([]*queue.Record, 0, 1000)
		for k := i; k < min(n, i+1000); k++ {
			recs = append(recs, &queue.Record{Received: time.Now(), Input: "webhook", Remote: "192.0.2.12", Body: eventBody(k)})
		}
		if err := q.Append(ctx, recs...); err != nil {
			return "", err
		}
	}
	return dir, nil
}

// sample lets the gateway send one event and returns the octets that arrived: the packet or frame that the limit
// of a drain writes again and again.
func (b *bench) sample(output string, receiver func() (*counter, error), yaml func(string) string) ([]byte, error) {
	state, err := b.fill(output, 1)
	if err != nil {
		return nil, err
	}
	return b.capture(output, state, yaml)
}

// capture starts the gateway on the state and returns the first octets that its only output sends.
func (b *bench) capture(output, state string, yaml func(string) string) (data []byte, err error) {
	buf := make([]byte, 4096)
	if output == "snmp" {
		conn, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer conn.Close() //nolint:errcheck // only read
		gw, err := b.startGateway(state, yaml(conn.LocalAddr().String()))
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, gw.stop()) }()
		if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
			return nil, err
		}
		n, _, err := conn.ReadFrom(buf)
		return buf[:n], err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer l.Close() //nolint:errcheck // only read
	gw, err := b.startGateway(state, yaml(l.Addr().String()))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, gw.stop()) }()
	conn, err := l.Accept()
	if err != nil {
		return nil, err
	}
	defer conn.Close() //nolint:errcheck // only read
	if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return nil, err
	}
	n, err := conn.Read(buf)
	return buf[:n], err
}

// memory: resident memory when idle, and with a million events waiting for a receiver that is down.
func (b *bench) memory() error {
	idle, err := b.startGateway("", syslogOutput("127.0.0.1:1"))
	if err != nil {
		return err
	}
	settle(b.ctx)
	used, err := idle.rss()
	if err := errors.Join(err, idle.stop()); err != nil {
		return err
	}
	b.rows = append(b.rows, row{name: "memory, idle", ours: used, unit: "MiB", want: 30})

	n := b.n(1_000_000)
	state, err := b.fill("syslog", n)
	if err != nil {
		return err
	}
	full, err := b.startGateway(state, syslogOutput("127.0.0.1:1"))
	if err != nil {
		return err
	}
	settle(b.ctx)
	used, err = full.rss()
	if err := errors.Join(err, full.stop()); err != nil {
		return err
	}
	b.rows = append(b.rows, row{name: fmt.Sprintf("memory, %d events waiting", n), ours: used, unit: "MiB", want: 60})
	return nil
}

// settle gives the process time to come to rest.
func settle(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(5 * time.Second):
	}
}
