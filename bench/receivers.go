package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/outputs/syslog"
)

// counter is a receiver that counts messages and does nothing else.
type counter struct {
	n     atomic.Int64
	addr  string
	close func() error
}

// wait returns when n messages have come.
func (c *counter) wait(ctx context.Context, n int64) error {
	last, since := int64(-1), time.Now()
	for c.n.Load() < n {
		if got := c.n.Load(); got != last {
			last, since = got, time.Now()
		}
		if time.Since(since) > 10*time.Second {
			return fmt.Errorf("%d of %d messages arrived, then none for 10 s", c.n.Load(), n)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(500 * time.Microsecond):
		}
	}
	return nil
}

// countUDP counts datagrams, with a receive buffer large enough for a burst of all of them.
func countUDP() (*counter, error) {
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	const soRcvbufForce = 33 // Linux, needs CAP_NET_ADMIN; without it the ordinary bound holds
	if err := raw.Control(func(fd uintptr) {
		if syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, soRcvbufForce, 512<<20) != nil {
			err = conn.SetReadBuffer(8 << 20)
		}
	}); err != nil {
		return nil, err
	}
	c := &counter{addr: conn.LocalAddr().String(), close: conn.Close}
	go func() {
		buf := make([]byte, 2048)
		for {
			if _, err := conn.Read(buf); err != nil {
				return
			}
			c.n.Add(1)
		}
	}()
	return c, err
}

// countTCP counts octet-counted syslog frames that the strict parser takes.
func countTCP() (*counter, error) { return listenTCP((*counter).parseFrames) }

// countRawTCP only counts them.
func countRawTCP() (*counter, error) { return listenTCP((*counter).countFrames) }

func listenTCP(read func(*counter, net.Conn)) (*counter, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	c := &counter{addr: l.Addr().String(), close: l.Close}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go read(c, conn)
		}
	}()
	return c, nil
}

func (c *counter) parseFrames(conn net.Conn) {
	defer conn.Close()                                                              //nolint:errcheck // only read
	syslog.ReadStream(bufio.NewReaderSize(conn, 256<<10), func(r syslog.Received) { //nolint:errcheck // it ends when the sender does
		if r.Err == nil {
			c.n.Add(1)
		}
	})
}

func (c *counter) countFrames(conn net.Conn) {
	defer conn.Close() //nolint:errcheck // only read
	rd := bufio.NewReaderSize(conn, 256<<10)
	for {
		digits, err := rd.ReadSlice(' ')
		if err != nil {
			return
		}
		n, err := strconv.Atoi(string(digits[:len(digits)-1]))
		if err != nil {
			return
		}
		if _, err := rd.Discard(n); err != nil {
			return
		}
		c.n.Add(1)
	}
}
