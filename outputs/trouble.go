package outputs

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
)

// Trouble is the kind of a failure, as status and metrics tell them apart.
type Trouble string

// The kinds of failures.
const (
	Refused     Trouble = "refused"     // the receiver's host is there and takes nothing: its service is down
	Timeout     Trouble = "timeout"     // no answer, such as no acknowledgement of an inform
	Rejected    Trouble = "rejected"    // the receiver answers no: it needs another configuration
	Unresolved  Trouble = "unresolved"  // its name has no address
	Unreachable Trouble = "unreachable" // there is no way to its host
	Other       Trouble = "other"
)

// Troubles are all of them.
var Troubles = []Trouble{Refused, Timeout, Rejected, Unresolved, Unreachable, Other}

// Words says it for people; empty when there is none.
func (t Trouble) Words() string {
	switch t {
	case "":
		return ""
	case Refused:
		return "receiver refusing"
	case Timeout:
		return "receiver not answering"
	case Rejected:
		return "receiver rejects"
	case Unresolved:
		return "name not resolved"
	case Unreachable:
		return "receiver unreachable"
	}
	return "failing"
}

// Troubled is err with the kind of trouble that it is.
func Troubled(kind Trouble, err error) error { return &troubled{err, kind} }

type troubled struct {
	error
	kind Trouble
}

func (t *troubled) Unwrap() error    { return t.error }
func (t *troubled) Trouble() Trouble { return t.kind }

// TroubleOf tells the kind of an error of Send; empty for none. An error made by Troubled knows better than its text.
func TroubleOf(err error) Trouble {
	var own interface{ Trouble() Trouble }
	var dns *net.DNSError
	var timeout net.Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &own):
		return own.Trouble()
	case errors.As(err, &dns):
		return Unresolved
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE),
		errors.Is(err, io.EOF), errors.Is(err, os.ErrNotExist): // the last one is a unix socket
		return Refused
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.EADDRNOTAVAIL):
		return Unreachable
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return Timeout
	}
	return Other
}
