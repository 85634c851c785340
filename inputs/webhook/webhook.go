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
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/netutil"

	"github.com/gluster-trapgw/gluster-trapgw/inputs"
)

// Name is the name of this input in records and logs.
const Name = "webhook"

// The limits. A node opens one connection at a time, so they are far from what a cluster needs.
const (
	maxConnections    = 4096 // further ones wait in the kernel's backlog: refusing them would lose events
	maxHeader         = 16 << 10
	readHeaderTimeout = 10 * time.Second
	readTimeout       = 30 * time.Second
	idleTimeout       = 2 * time.Minute
	shutdownTimeout   = 10 * time.Second
)

// Counters count requests by how they ended.
type Counters struct {
	Accepted     atomic.Uint64 // stored and answered 200
	Tests        atomic.Uint64 // empty POSTs answered 200
	Bad          atomic.Uint64 // 400: not an event
	TooLarge     atomic.Uint64 // 413
	Unauthorized atomic.Uint64 // 401
	Refused      atomic.Uint64 // 404 and 405
	Failed       atomic.Uint64 // 503: could not be made durable
}

// Input is the HTTP server.
type Input struct {
	Counters Counters

	cfg      Config
	log      *slog.Logger
	auth     *authenticator
	listener net.Listener
	accept   inputs.Accept
	buffers  sync.Pool // of *bytes.Buffer
	now      func() time.Time

	failing atomic.Bool // the last event could not be stored

	mu      sync.Mutex           // guards refused
	refused map[string]time.Time // when a refusal of this source was last logged
}

// New returns an input for a validated configuration; it reads the secrets.
func New(cfg Config, log *slog.Logger) (*Input, error) {
	return newInput(cfg, log, time.Now)
}

func newInput(cfg Config, log *slog.Logger, now func() time.Time) (*Input, error) {
	token, err := pick("token", cfg.Token, cfg.TokenFile)
	if err != nil {
		return nil, err
	}
	secret, err := pick("secret", cfg.Secret, cfg.SecretFile)
	if err != nil {
		return nil, err
	}
	return &Input{cfg: cfg, log: log, auth: newAuthenticator(token, secret, now), now: now,
		buffers: sync.Pool{New: func() any { return new(bytes.Buffer) }}, refused: map[string]time.Time{}}, nil
}

// Listen binds the configured address. Connections wait until Run.
func (in *Input) Listen() error {
	l, err := net.Listen("tcp", in.cfg.Listen)
	if err != nil {
		return fmt.Errorf("listen for the webhook: %w", err)
	}
	in.listener = netutil.LimitListener(l, maxConnections)
	if addr, ok := l.Addr().(*net.TCPAddr); ok && !addr.IP.IsLoopback() && in.auth.open() {
		in.log.Warn("the webhook takes events from anybody who reaches it: set token_file", "listen", in.Addr())
	}
	return nil
}

// Addr is the bound address, useful when the configured port was 0.
func (in *Input) Addr() string { return in.listener.Addr().String() }

// Close releases the address when Run is never called.
func (in *Input) Close() error {
	if in.listener == nil {
		return nil
	}
	if err := in.listener.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// Run serves until ctx ends, finishes the requests under way and returns nil.
func (in *Input) Run(ctx context.Context, accept inputs.Accept) error {
	in.accept = accept
	srv := &http.Server{
		Handler:           in,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(in.log.Handler(), slog.LevelDebug),
	}
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		c, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
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
	return fmt.Errorf("serve the webhook: %w", err)
}

// ServeHTTP answers one request.
func (in *Input) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path != in.cfg.Path:
		in.Counters.Refused.Add(1)
		refuse(w, http.StatusNotFound, &bodyError{Text: "nothing here: events are posted to " + in.cfg.Path})
		return
	case r.Method != http.MethodPost:
		in.Counters.Refused.Add(1)
		w.Header().Set("Allow", http.MethodPost)
		refuse(w, http.StatusMethodNotAllowed, &bodyError{Text: "events are posted: use POST"})
		return
	}
	remote := remoteIP(r.RemoteAddr)
	if err := in.auth.check(r.Header.Get("Authorization")); err != nil {
		in.unauthorized(w, remote, err)
		return
	}
	buf := in.buffers.Get().(*bytes.Buffer)
	defer in.buffers.Put(buf)
	buf.Reset()
	limit := int64(in.cfg.MaxBody)
	if r.ContentLength > limit {
		in.tooLarge(w)
		return
	}
	switch n, err := buf.ReadFrom(io.LimitReader(r.Body, limit+1)); {
	case err != nil:
		in.Counters.Bad.Add(1)
		refuse(w, http.StatusBadRequest, &bodyError{Text: "the body ended early"})
		return
	case n > limit:
		in.tooLarge(w)
		return
	case n == 0:
		in.Counters.Tests.Add(1)
		w.WriteHeader(http.StatusOK)
		return
	}
	if bad := check(buf.Bytes()); bad != nil {
		in.Counters.Bad.Add(1)
		in.log.Debug("not an event", "remote", remote, "err", bad)
		refuse(w, http.StatusBadRequest, bad)
		return
	}
	// The sender cannot take the event back: what is under way is stored even if the connection breaks meanwhile.
	ctx := context.WithoutCancel(r.Context())
	err := in.accept(ctx, inputs.Received{Time: in.now().UTC(), Input: Name, Remote: remote, Body: bytes.Clone(buf.Bytes())})
	if err != nil {
		in.failed(w, err)
		return
	}
	in.Counters.Accepted.Add(1)
	if in.failing.Load() && in.failing.CompareAndSwap(true, false) {
		in.log.Info("events can be stored again")
	}
	w.WriteHeader(http.StatusOK)
}

// failed answers 503 and logs the first failure of a streak: glustereventsd will not send the event again.
func (in *Input) failed(w http.ResponseWriter, err error) {
	in.Counters.Failed.Add(1)
	if in.failing.CompareAndSwap(false, true) {
		in.log.Error("events cannot be stored and are refused with 503: glustereventsd does not repeat them", "err", err)
	}
	w.Header().Set("Retry-After", "5")
	refuse(w, http.StatusServiceUnavailable, &bodyError{Text: "the event could not be stored"})
}

func (in *Input) tooLarge(w http.ResponseWriter) {
	in.Counters.TooLarge.Add(1)
	refuse(w, http.StatusRequestEntityTooLarge, &bodyError{Text: fmt.Sprintf("the body is larger than %s (max_body)", in.cfg.MaxBody)})
}

// unauthorized answers 401 and logs once per source and minute.
func (in *Input) unauthorized(w http.ResponseWriter, remote string, err error) {
	in.Counters.Unauthorized.Add(1)
	now := in.now()
	in.mu.Lock()
	last, seen := in.refused[remote]
	due := !seen || now.Sub(last) >= time.Minute
	if due {
		if len(in.refused) > 1000 { // a scan from many addresses must not fill the memory
			clear(in.refused)
		}
		in.refused[remote] = now
	}
	in.mu.Unlock()
	if due {
		in.log.Warn("webhook refused a sender", "remote", remote, "err", err)
	}
	w.Header().Set("WWW-Authenticate", `Bearer realm="gluster-trapgw"`)
	refuse(w, http.StatusUnauthorized, &bodyError{Text: err.Error()})
}

func refuse(w http.ResponseWriter, status int, body *bodyError) {
	text, err := json.Marshal(body)
	if err != nil {
		text = []byte(`{}`) // two strings always marshal
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(append(text, '\n')) //nolint:errcheck // a client that is gone does not want to know
}

// remoteIP is the address without its port, and without the zone of a link-local one.
func remoteIP(addr string) string {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return ""
	}
	host, _, _ = strings.Cut(host, "%")
	return host
}
