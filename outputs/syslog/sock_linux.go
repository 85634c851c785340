package syslog

import (
	"errors"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// unacknowledged is how many written octets the other side does not have yet: of TCP those that the peer's host has
// not acknowledged (tcp(7), SIOCOUTQ), of unix sockets, in memory rather than octets, what the peer has not read.
func unacknowledged(c net.Conn) (n int, err error) {
	cerr := control(c, func(fd int) { n, err = unix.IoctlGetInt(fd, unix.SIOCOUTQ) })
	return n, errors.Join(cerr, err)
}

// pendingError takes the error that an earlier datagram met, such as a refusal by the receiver's host.
func pendingError(c net.Conn) error {
	var code int
	var err error
	cerr := control(c, func(fd int) { code, err = unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR) })
	if err := errors.Join(cerr, err); err != nil || code == 0 {
		return err
	}
	return syscall.Errno(code)
}

// quickAck makes the kernel acknowledge at once what comes next (tcp(7)). A collector's small answers otherwise wait
// 40 ms for each other: its kernel holds the second until we acknowledge the first, and ours delays that.
func quickAck(c net.Conn) error {
	var err error
	cerr := control(c, func(fd int) { err = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_QUICKACK, 1) })
	return errors.Join(cerr, err)
}

func control(c net.Conn, fn func(fd int)) error {
	s, ok := c.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return err
	}
	return raw.Control(func(fd uintptr) { fn(int(fd)) })
}
