package syslog

import (
	"errors"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/outputs"
)

// narrowConn is the socket of a host that learns of a router with smaller packets when it writes the nth.
type narrowConn struct {
	*net.UDPConn
	nth int
}

func (c *narrowConn) Write(b []byte) (int, error) {
	if c.nth--; c.nth == 0 {
		return 0, syscall.EMSGSIZE
	}
	return c.UDPConn.Write(b)
}

// What a router did not pass on because of its size is sent again, and no message is given up for it.
func TestDatagramsThroughANarrowRouter(t *testing.T) {
	t.Parallel()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	l := &datagramLink{network: "udp", addr: c.LocalAddr().String()}
	if err := l.open(t.Context()); err != nil {
		t.Fatal(err)
	}
	l.conn = &narrowConn{l.conn.(*net.UDPConn), 4}
	msgs := []outputs.Message{{Data: []byte("a")}, {Data: []byte("b")}, {Data: []byte("c")}, {Data: []byte("d")}}
	if n, err := l.send(t.Context(), msgs); n != 0 || err == nil || errors.Is(err, outputs.ErrPermanent) {
		t.Fatalf("sent %d, error %v, want that all are sent again", n, err)
	}
	if n, err := l.send(t.Context(), msgs); n != 4 || err != nil {
		t.Fatalf("sent %d, error %v", n, err)
	}
	times, buf := map[string]int{}, make([]byte, 16)
	if err := c.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	for times["a"] < 2 || times["b"] < 2 || times["c"] < 2 || times["d"] < 1 {
		n, _, err := c.ReadFrom(buf)
		if err != nil {
			t.Fatalf("got %v: %v", times, err)
		}
		times[string(buf[:n])]++
	}
	if err := l.close(); err != nil {
		t.Error(err)
	}
}
