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
	"log/slog"
	"net"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/gluster-trapgw/gluster-trapgw/inputs"
	"github.com/gluster-trapgw/gluster-trapgw/listener"
)

// Name is the name of this input in records and logs.
const Name = "webhook"

// Input is the HTTP server.
type Input struct {
	Counters Counters

	cfg        Config
	log        *slog.Logger
	now        func() time.Time
	secrets    *credentials
	rates      rates
	certs      *listener.Certificates // nil without TLS
	limits     limits
	listeners  []net.Listener
	addrs      []net.Addr // that they are bound to
	accept     inputs.Accept
	inFlight   atomic.Int64
	failing    atomic.Bool // the last event could not be stored
	complaints complaints
}

// New returns an input for a validated configuration; it reads the secrets and certificates.
func New(cfg Config, log *slog.Logger) (*Input, error) {
	return newInput(cfg, log, time.Now)
}

func newInput(cfg Config, log *slog.Logger, now func() time.Time) (*Input, error) {
	in := &Input{cfg: cfg, log: log, now: now, limits: defaultLimits, rates: newRates(cfg.MaxRate)}
	var err error
	if in.secrets, err = newCredentials(&in.cfg, log, now); err != nil {
		return nil, err
	}
	if cfg.TLS.On() {
		if in.certs, err = listener.NewCertificates(cfg.TLS, Name, log, now); err != nil {
			return nil, err
		}
	}
	return in, nil
}

// Run serves until ctx ends, finishes the requests under way and returns nil. It wants Listen or ListenOn before.
func (in *Input) Run(ctx context.Context, accept inputs.Accept) error {
	if len(in.listeners) == 0 {
		return errors.New("serve the webhook: no address is bound")
	}
	in.accept = accept
	var open connections
	srv := &fasthttp.Server{
		Handler:                      in.serve,
		ErrorHandler:                 in.broken,
		ConnState:                    open.state,
		ReadTimeout:                  in.limits.read,
		IdleTimeout:                  in.limits.idle,
		ReadBufferSize:               in.limits.headerBytes,
		HeaderReceived:               in.bodyLimit,
		MaxRequestBodySize:           int(in.cfg.MaxBody),
		Concurrency:                  in.limits.connections + 1, // the listener holds the bound, where connections wait
		NoDefaultServerHeader:        true,
		NoDefaultContentType:         true,
		DisablePreParseMultipartForm: true,
		CloseOnShutdown:              true,
		Logger:                       slog.NewLogLogger(in.log.Handler(), slog.LevelDebug),
	}
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		cut := time.AfterFunc(in.limits.shutdown, func() {
			in.log.Warn("requests were cut off at shutdown", "connections", open.close())
		})
		defer cut.Stop()
		// Shutdown knows only the listeners that are served already, which right after the start may be none.
		err := in.Close()
		if err = errors.Join(err, srv.Shutdown()); err != nil && !errors.Is(err, net.ErrClosed) {
			in.log.Debug("webhook stopped", "err", err)
		}
		open.close() // those that linger
	})
	ended := make(chan error, len(in.listeners))
	for _, l := range in.listeners {
		go func() { ended <- srv.Serve(l) }() // ends with this function
	}
	err := <-ended
	if !stop() {
		<-stopped
		return nil
	}
	return errors.Join(fmt.Errorf("serve the webhook: %w", err), srv.Shutdown())
}

// here tells whether the request is for the configured path. Nearly always it is written just so, and then the URL is not
// taken apart.
func (in *Input) here(x *fasthttp.RequestCtx) bool {
	plain, _, _ := bytes.Cut(x.Request.Header.RequestURI(), []byte("?"))
	return string(plain) == in.cfg.Path || string(x.Path()) == in.cfg.Path
}

// strangerBody is how much of a body is taken before the credentials were looked at. Nearly all events are shorter, so that
// only the long ones cost a second look; and nobody without credentials can have us keep more.
const strangerBody = 4 << 10

// bodyLimit is asked when the header of a request is read and its body is not. No limit of its own is that of the server.
func (in *Input) bodyLimit(h *fasthttp.RequestHeader) (c fasthttp.RequestConfig) {
	if n := h.ContentLength(); n < 0 || n > strangerBody { // a chunked body has a negative one
		if in.authorize(h) != nil {
			c.MaxRequestBodySize = strangerBody
		}
	}
	return c
}

// authorize returns nil, or why the credentials of a request are refused.
func (in *Input) authorize(h *fasthttp.RequestHeader) error {
	return in.secrets.auth().check(string(h.Peek(fasthttp.HeaderAuthorization)))
}

// connections are those that are open, for the end of a shutdown that takes too long.
type connections struct {
	mu   sync.Mutex // guards open
	open map[net.Conn]bool
}

func (c *connections) state(conn net.Conn, s fasthttp.ConnState) {
	if s != fasthttp.StateNew && s != fasthttp.StateClosed {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch s {
	case fasthttp.StateNew:
		if c.open == nil {
			c.open = map[net.Conn]bool{}
		}
		c.open[conn] = true
	case fasthttp.StateClosed:
		delete(c.open, conn)
	}
}

// close closes all and returns how many that were.
func (c *connections) close() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	for conn := range c.open {
		guarded(conn).abort()
	}
	return len(c.open)
}

// serve answers one request. The body is read by then.
func (in *Input) serve(x *fasthttp.RequestCtx) {
	defer func() { // fasthttp would end the process
		if p := recover(); p != nil {
			in.log.Error("webhook cannot handle a request", "panic", p, "stack", string(debug.Stack()))
			refuse(x, fasthttp.StatusInternalServerError, &bodyError{Text: "the gateway failed"})
		}
	}()
	remote := remoteIP(x.RemoteAddr())
	if !in.admits(x, remote) {
		return
	}
	if wait := in.rates.take(remote, in.now()); wait > 0 {
		in.Counters.Limited.Add(1)
		in.complain("webhook refused events above max_rate with 429: glustereventsd does not repeat them", remote, nil)
		x.Response.Header.Set("Retry-After", strconv.Itoa(1+int(wait/time.Second)))
		refuse(x, fasthttp.StatusTooManyRequests, &bodyError{Text: "too many events from this address (max_rate)"})
		return
	}
	body := x.Request.Body()
	if len(body) == 0 {
		in.Counters.Tests.Add(1)
		return
	}
	node, bad := check(body)
	if bad != nil {
		in.Counters.Bad.Add(1)
		in.complain("webhook refused a body that is not an event", remote, bad)
		refuse(x, fasthttp.StatusBadRequest, bad)
		return
	}
	if isGlusterd2Test(body) {
		in.Counters.Tests.Add(1)
		return
	}
	if in.store(x, remote, string(node), body) {
		in.Counters.Accepted.Add(1)
	}
}

// admits tells whether the sender may post events and is about to, or answers why not. It does not look at the body.
func (in *Input) admits(x *fasthttp.RequestCtx, remote string) bool {
	if !in.cfg.allows(remote) {
		in.Counters.Forbidden.Add(1)
		in.complain("webhook refused a sender that allow_from does not name", remote, nil)
		refuse(x, fasthttp.StatusForbidden, &bodyError{Text: "this address is not allowed"})
		return false
	}
	if !in.here(x) {
		in.Counters.NotFound.Add(1)
		refuse(x, fasthttp.StatusNotFound, &bodyError{Text: "nothing here: events are posted to " + in.cfg.Path})
		return false
	}
	if !x.IsPost() {
		in.Counters.BadMethod.Add(1)
		x.Response.Header.Set("Allow", fasthttp.MethodPost)
		refuse(x, fasthttp.StatusMethodNotAllowed, &bodyError{Text: "events are posted: use POST"})
		return false
	}
	if err := in.authorize(&x.Request.Header); err != nil {
		in.Counters.Unauthorized.Add(1)
		in.complain("webhook refused a sender", remote, err)
		x.Response.Header.Set("WWW-Authenticate", `Bearer realm="gluster-trapgw"`)
		refuse(x, fasthttp.StatusUnauthorized, &bodyError{Text: err.Error()})
		return false
	}
	return true
}

// store hands the event on, or answers 503. What is under way is stored even if the connection breaks meanwhile: the
// sender cannot take the event back.
func (in *Input) store(x *fasthttp.RequestCtx, remote, node string, body []byte) bool {
	defer in.inFlight.Add(-1)
	if in.inFlight.Add(1) > int64(in.limits.inFlight) {
		in.Counters.Busy.Add(1)
		in.complain("webhook refused events with 503: too many wait to be stored", "", nil)
		unavailable(x, "too many events are under way")
		return false
	}
	// The URL as it was registered: glustereventsd posts each event to each of those.
	var room [128]byte
	via := string(append(append(room[:0], x.Request.Header.Host()...), x.RequestURI()...))
	if err := in.accept(context.Background(), inputs.Received{Time: in.now().UTC(), Input: Name, Remote: remote, Via: via,
		Node: node, Body: bytes.Clone(body)}); err != nil {
		in.Counters.Failed.Add(1)
		if in.failing.CompareAndSwap(false, true) {
			in.log.Error("events cannot be stored and are refused with 503: glustereventsd does not repeat them", "err", err)
		}
		unavailable(x, "the event could not be stored")
		return false
	}
	if in.failing.Load() && in.failing.CompareAndSwap(true, false) {
		in.log.Info("events can be stored again")
	}
	return true
}

// broken answers a request that could not be read whole.
func (in *Input) broken(x *fasthttp.RequestCtx, err error) {
	remote := remoteIP(x.RemoteAddr())
	var timeout net.Error
	switch {
	case errors.Is(err, fasthttp.ErrBodyTooLarge):
		guarded(x.Conn()).lingers.Store(true)
		// Of a request in chunks fasthttp has forgotten the header by now.
		if x.Request.Header.ContentLength() > 0 && !in.admits(x, remote) {
			return
		}
		in.Counters.TooLarge.Add(1)
		in.complain("webhook refused a body above max_body", remote, nil)
		refuse(x, fasthttp.StatusRequestEntityTooLarge, in.cfg.tooLarge())
	case errors.As(err, &timeout) && timeout.Timeout():
		in.Counters.TimedOut.Add(1)
		in.complain("webhook gave up on a sender that is too slow", remote, nil)
		refuse(x, fasthttp.StatusRequestTimeout, &bodyError{Text: "the request came too slowly"})
	default:
		in.Counters.Bad.Add(1)
		refuse(x, fasthttp.StatusBadRequest, &bodyError{Text: "the request is broken or ended early"})
	}
}

func unavailable(x *fasthttp.RequestCtx, text string) {
	x.Response.Header.Set("Retry-After", "5")
	refuse(x, fasthttp.StatusServiceUnavailable, &bodyError{Text: text})
}

func refuse(x *fasthttp.RequestCtx, status int, body *bodyError) {
	text, err := json.Marshal(body)
	if err != nil {
		text = []byte(`{}`) // two strings always marshal
	}
	x.SetStatusCode(status)
	x.SetContentType("application/json")
	x.SetBody(append(text, '\n'))
}

// remoteIP is the address without its port and without the zone of a link-local one; empty for a unix socket.
func remoteIP(addr net.Addr) string {
	if a, ok := addr.(*sender); ok {
		return a.ip
	}
	if a, ok := addr.(*net.TCPAddr); ok {
		return a.AddrPort().Addr().Unmap().WithZone("").String()
	}
	return ""
}
