package listener

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// longestSocket is what the kernel takes as the path of a unix socket.
const longestSocket = 107

// Check says what is wrong with an address; example is a right one.
func Check(addr, example string) error {
	if file, ok := strings.CutPrefix(addr, "unix:"); ok {
		if !strings.HasPrefix(file, "/") || len(file) > longestSocket {
			return fmt.Errorf("%q is not an absolute path of up to %d octets, like unix:/run/gluster-trapgw.sock", addr, longestSocket)
		}
		return nil
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("%q is not host:port or unix:/path, like %s", addr, example)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return fmt.Errorf("%q has no port from 0 to 65535", addr)
	}
	if strings.ContainsAny(host, " /") {
		return fmt.Errorf("%q is not a host", host)
	}
	return nil
}

// Local reports whether only this machine can reach an address.
func Local(addr string) bool {
	if strings.HasPrefix(addr, "unix:") {
		return true
	}
	host, _, err := net.SplitHostPort(addr)
	return err == nil && Loopback(host)
}

// Loopback reports whether a host is this machine itself, by address or as localhost.
func Loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

// Overlap reports whether two addresses cannot both be bound: they are the same, or one is that port on all hosts. Port 0 is
// a free one.
func Overlap(a, b string) bool {
	if strings.HasPrefix(a, "unix:") || strings.HasPrefix(b, "unix:") {
		return a == b
	}
	hostA, portA, errA := net.SplitHostPort(a)
	hostB, portB, errB := net.SplitHostPort(b)
	if errA != nil || errB != nil || portA != portB || portA == "0" {
		return false
	}
	return strings.EqualFold(hostA, hostB) || covers(hostA, hostB) || covers(hostB, hostA)
}

// covers reports whether to listen on host takes the other one as well: [::] takes IPv4 too.
func covers(host, other string) bool {
	addr, err := netip.ParseAddr(other)
	return host == "" || host == "::" || host == "0.0.0.0" && (err != nil || addr.Unmap().Is4() || addr.IsUnspecified())
}

// Listen binds host:port or unix:/path. The socket file of a killed process is replaced; a new one is open to its owner
// and group.
func Listen(addr string) (net.Listener, error) {
	network := "tcp"
	if file, ok := strings.CutPrefix(addr, "unix:"); ok {
		network, addr = "unix", file
		if err := removeStale(file); err != nil {
			return nil, err
		}
	}
	// No keep-alive probes: idle connections are closed long before, and setting them up costs each connection four calls.
	quiet := net.ListenConfig{KeepAlive: -1}
	l, err := quiet.Listen(context.Background(), network, addr)
	if err != nil {
		return nil, err
	}
	if network == "unix" {
		if err := os.Chmod(addr, 0o660); err != nil {
			return nil, errors.Join(err, l.Close())
		}
	}
	return l, nil
}

// removeStale removes the socket that a killed process left behind: nobody answers there any more.
func removeStale(file string) error {
	info, err := os.Lstat(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("%q exists and is not a socket", file)
	}
	c, err := net.DialTimeout("unix", file, time.Second)
	if err == nil {
		return errors.Join(fmt.Errorf("another process listens on %q", file), c.Close())
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return err
	}
	return os.Remove(file)
}
