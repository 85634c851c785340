package outputs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
)

func TestTroubleOf(t *testing.T) {
	for _, c := range []struct {
		err  error
		want Trouble
	}{
		{nil, ""},
		{fmt.Errorf("send: %w", syscall.ECONNREFUSED), Refused},
		{&net.OpError{Op: "read", Err: os.NewSyscallError("read", syscall.ECONNRESET)}, Refused},
		{fmt.Errorf("read: %w", io.EOF), Refused},
		{&net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", IsTimeout: true}}, Unresolved},
		{fmt.Errorf("send: %w", syscall.EHOSTUNREACH), Unreachable},
		{context.DeadlineExceeded, Timeout},
		{os.ErrDeadlineExceeded, Timeout},
		{errors.Join(errors.New("x"), fmt.Errorf("y: %w", Troubled(Rejected, io.EOF))), Rejected},
		{errors.New("something"), Other},
	} {
		if got := TroubleOf(c.err); got != c.want {
			t.Errorf("%v: got %q, want %q", c.err, got, c.want)
		}
	}
	for _, k := range Troubles {
		if k.Words() == "" {
			t.Errorf("%s has no words", k)
		}
	}
}
