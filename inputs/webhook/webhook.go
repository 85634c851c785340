// Package webhook is the input that glustereventsd posts to: gluster-eventsapi webhook-add http://HOST:9000/listen.
//
// glustereventsd sends one event per POST, one at a time, without a time limit, and takes anything but 200 for a
// failure that it never repeats. So the handler does only what must come before the answer: credentials, is it an
// event at all, and accept, which returns when the event is durable. An empty POST is gluster-eventsapi webhook-test
// and is answered 200 with nothing stored. It never looks at what an event means.
package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/inputs"
)

// Name is the name of this input in records and logs.
const Name = "webhook"

// Input is the HTTP server.
type Input struct {
	Counters Counters

	cfg        Config
	log        *slog.Logger
	now        func() time.Time
	auth       *authenticator
	certs      *certificates // nil without TLS
	limits     limits
	listener   net.Listener
	addr       net.Addr // that the listener is bound to
	accept     inputs.Accept
	buffers    sync.Pool // of *[]byte
	inFlight   atomic.Int64
	failing    atomic.Bool // the last event could not be stored
	complaints complaints
}

// New returns an input for a validated configuration; it reads the secrets and certificates.
func New(cfg Config, log *slog.Logger) (*Input, error) {
	return newInput(cfg, log, time.Now)
}

func newInput(cfg Config, log *slog.Logger, now func() time.Time) (*Input, error) {
	token, err := cfg.token()
	if err != nil {
		return nil, err
	}
	secret, err := cfg.secret()
	if err != nil {
		return nil, err
	}
	in := &Input{cfg: cfg, log: log, now: now, auth: newAuthenticator(token, secret, now), limits: defaultLimits}
	if cfg.TLS.on() {
		if in.certs, err = newCertificates(cfg.TLS, log, now); err != nil {
			return nil, err
		}
	}
	return in, nil
}

// Run serves until ctx ends, finishes the requests under way and returns nil. It wants Listen or ListenOn before.
func (in *Input) Run(ctx context.Context, accept inputs.Accept) error {
	if in.listener == nil {
		return errors.New("serve the webhook: no address is bound")
	}
	in.accept = accept
	srv := &http.Server{
		Handler:           in,
		ReadHeaderTimeout: in.limits.header,
		ReadTimeout:       in.limits.read,
		IdleTimeout:       in.limits.idle,
		MaxHeaderBytes:    in.limits.headerBytes,
		ErrorLog:          slog.NewLogLogger(in.log.Handler(), slog.LevelDebug),
	}
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		c, cancel := context.WithTimeout(context.WithoutCancel(ctx), in.limits.shutdown)
		defer cancel()
		if err := srv.Shutdown(c); err != nil {
			in.log.Warn("requests were cut off at shutdown", "err", errors.Join(err, srv.Close()))
		}
	})
	err := srv.Serve(in.listener)
	if !stop() {
		<-stopped
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve the webhook: %w", errors.Join(err, srv.Close()))
}

// typeJSON is shared by all answers, so that the header costs no allocation.
var typeJSON = []string{"application/json"}

// ServeHTTP answers one request.
func (in *Input) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	remote := remoteIP(r.RemoteAddr)
	if !in.cfg.allows(remote) {
		in.Counters.Forbidden.Add(1)
		in.complain("webhook refused a sender that allow_from does not name", remote, nil)
		refuse(w, http.StatusForbidden, &bodyError{Text: "this address is not allowed"})
		return
	}
	if r.URL.Path != in.cfg.Path {
		in.Counters.NotFound.Add(1)
		refuse(w, http.StatusNotFound, &bodyError{Text: "nothing here: events are posted to " + in.cfg.Path})
		return
	}
	if r.Method != http.MethodPost {
		in.Counters.BadMethod.Add(1)
		w.Header().Set("Allow", http.MethodPost)
		refuse(w, http.StatusMethodNotAllowed, &bodyError{Text: "events are posted: use POST"})
		return
	}
	if err := in.auth.check(r.Header.Get("Authorization")); err != nil {
		in.Counters.Unauthorized.Add(1)
		in.complain("webhook refused a sender", remote, err)
		w.Header().Set("WWW-Authenticate", `Bearer realm="gluster-trapgw"`)
		refuse(w, http.StatusUnauthorized, &bodyError{Text: err.Error()})
		return
	}
	buf := in.buffer()
	defer in.release(buf)
	if bad := in.read(buf, r, remote); bad != nil {
		refuse(w, bad.status, &bad.bodyError)
		return
	}
	if len(*buf) == 0 {
		in.Counters.Tests.Add(1)
		succeed(w)
		return
	}
	if bad := check(*buf); bad != nil {
		in.Counters.Bad.Add(1)
		in.complain("webhook refused a body that is not an event", remote, bad)
		refuse(w, http.StatusBadRequest, bad)
		return
	}
	if !in.store(w, r, remote, *buf) {
		return
	}
	in.Counters.Accepted.Add(1)
	succeed(w)
}

// store hands the event on, or answers 503.
func (in *Input) store(w http.ResponseWriter, r *http.Request, remote string, body []byte) bool {
	// Counted here, not from the first octet on: slow senders take no place away from others.
	defer in.inFlight.Add(-1)
	if in.inFlight.Add(1) > int64(in.limits.inFlight) {
		in.Counters.Busy.Add(1)
		in.complain("webhook refused events with 503: too many wait to be stored", "", nil)
		unavailable(w, "too many events are under way")
		return false
	}
	// The sender cannot take the event back: what is under way is stored even if the connection breaks meanwhile.
	ctx := context.WithoutCancel(r.Context())
	if err := in.accept(ctx, inputs.Received{Time: in.now().UTC(), Input: Name, Remote: remote, Body: bytes.Clone(body)}); err != nil {
		in.Counters.Failed.Add(1)
		if in.failing.CompareAndSwap(false, true) {
			in.log.Error("events cannot be stored and are refused with 503: glustereventsd does not repeat them", "err", err)
		}
		unavailable(w, "the event could not be stored")
		return false
	}
	if in.failing.Load() && in.failing.CompareAndSwap(true, false) {
		in.log.Info("events can be stored again")
	}
	return true
}

// refusal is an answer other than 200.
type refusal struct {
	status int
	bodyError
}

// read reads the body, up to max_body, into buf.
func (in *Input) read(buf *[]byte, r *http.Request, remote string) *refusal {
	limit := int(in.cfg.MaxBody)
	b := *buf
	for r.ContentLength <= int64(limit) && len(b) <= limit {
		if len(b) == cap(b) {
			b = append(b, 0)[:len(b)]
		}
		n, err := r.Body.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		*buf = b
		switch {
		case err == nil:
		case err == io.EOF && len(b) <= limit:
			return nil
		case err == io.EOF: // too large
		case errors.Is(err, os.ErrDeadlineExceeded):
			in.Counters.TimedOut.Add(1)
			in.complain("webhook gave up on a sender that is too slow", remote, nil)
			return &refusal{http.StatusRequestTimeout, bodyError{Text: "the body came too slowly"}}
		default:
			in.Counters.Bad.Add(1)
			return &refusal{http.StatusBadRequest, bodyError{Text: "the body ended early"}}
		}
	}
	in.Counters.TooLarge.Add(1)
	in.complain("webhook refused a body above max_body", remote, nil)
	return &refusal{http.StatusRequestEntityTooLarge, bodyError{Text: fmt.Sprintf("the body is larger than %s (max_body)", in.cfg.MaxBody)}}
}

// buffer returns an empty buffer.
func (in *Input) buffer() *[]byte {
	if b, ok := in.buffers.Get().(*[]byte); ok {
		return b
	}
	b := make([]byte, 0, 1024) // fits nearly every event
	return &b
}

// release takes a buffer back, but not the memory of a rare huge body.
func (in *Input) release(b *[]byte) {
	if cap(*b) <= 64<<10 {
		*b = (*b)[:0]
		in.buffers.Put(b)
	}
}

// succeed answers 200 with nothing more: glustereventsd looks at the status only.
func succeed(w http.ResponseWriter) { w.WriteHeader(http.StatusOK) }

func unavailable(w http.ResponseWriter, text string) {
	w.Header().Set("Retry-After", "5")
	refuse(w, http.StatusServiceUnavailable, &bodyError{Text: text})
}

func refuse(w http.ResponseWriter, status int, body *bodyError) {
	text, err := json.Marshal(body)
	if err != nil {
		text = []byte(`{}`) // two strings always marshal
	}
	w.Header()["Content-Type"] = typeJSON
	w.WriteHeader(status)
	w.Write(append(text, '\n')) //nolint:errcheck // a client that is gone does not want to know
}

// remoteIP is the address without its port, and without the zone of a link-local one; empty for a unix socket.
func remoteIP(addr string) string {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return ""
	}
	host, _, _ = strings.Cut(host, "%")
	return host
}
