package eventsd

import (
	"encoding/binary"
	"errors"
	"syscall"
)

// prepare sizes the receive buffer and asks the kernel to say how many datagrams it threw away.
func prepare(fd uintptr) error {
	s := int(fd)
	err := syscall.SetsockoptInt(s, syscall.SOL_SOCKET, syscall.SO_RCVBUFFORCE, receiveBuffer)
	if err != nil { // without CAP_NET_ADMIN the limit of the system holds
		err = syscall.SetsockoptInt(s, syscall.SOL_SOCKET, syscall.SO_RCVBUF, receiveBuffer)
	}
	return errors.Join(err, syscall.SetsockoptInt(s, syscall.SOL_SOCKET, syscall.SO_RXQ_OVFL, 1))
}

// dropped reads the count of lost datagrams since the socket was opened from the control data of one that came.
func dropped(control []byte) (n uint32, ok bool) {
	if len(control) == 0 {
		return 0, false
	}
	msgs, err := syscall.ParseSocketControlMessage(control)
	if err != nil {
		return 0, false
	}
	for _, m := range msgs {
		if m.Header.Level == syscall.SOL_SOCKET && m.Header.Type == syscall.SO_RXQ_OVFL && len(m.Data) >= 4 {
			return binary.NativeEndian.Uint32(m.Data), true
		}
	}
	return 0, false
}
