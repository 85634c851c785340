// Package admin is the gateway's endpoint for the people and programs that look after it: health, status, history,
// alarms and the few things that can be told to a running gateway, as JSON over HTTP, on loopback unless told otherwise.
//
// It shows what others know and decides nothing: what it serves comes through Gateway, which cmd implements. Metrics
// and the live stream are added to it with Handle. The status page at / is a client of it like any other. It is never in
// the way of an event.
//
// A browser on this machine can reach loopback on behalf of any page it shows. So on loopback only requests that name
// this machine are served (a page that had its own name resolve to 127.0.0.1 does not), none that another page began,
// and what changes something wants a content type or a header that a form cannot send.
package admin

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/netutil"

	"github.com/gluster-trapgw/gluster-trapgw/listener"
)

const (
	maxConnections = 1024
	maxBody        = 1 << 20
	shutdownTime   = 3 * time.Second
)

// Server is the HTTP server.
type Server struct {
	cfg      Config
	gateway  Gateway
	log      *slog.Logger
	token    *[sha256.Size]byte // nil when none is wanted
	certs    *listener.Certificates
	mux      *http.ServeMux
	patterns []string
	open     map[string]bool // patterns that need no credentials
	listener net.Listener
	addr     net.Addr
}

// New returns a server for a validated configuration with the routes of the API.
func New(cfg Config, g Gateway, log *slog.Logger) (*Server, error) {
	s := &Server{cfg: cfg, gateway: g, log: log, mux: http.NewServeMux(), open: map[string]bool{}}
	token, err := cfg.token()
	if err != nil {
		return nil, err
	}
	if token != "" {
		sum := sha256.Sum256([]byte(token.Reveal()))
		s.token = &sum
	}
	if cfg.TLS.On() {
		if s.certs, err = listener.NewCertificates(cfg.TLS, "admin", log, time.Now); err != nil {
			return nil, err
		}
	}
	s.routes()
	return s, s.page()
}

// Handle adds a handler under a pattern of net/http's ServeMux, such as "GET /metrics". It wants to be called before
// Run. A handler that streams calls Unlimited first and ends with its request's context.
func (s *Server) Handle(pattern string, h http.Handler) {
	s.mux.Handle(pattern, h)
	s.patterns = append(s.patterns, pattern)
}

// Unlimited lifts the time limits of a request, for a handler that answers for as long as the client wants.
func Unlimited(w http.ResponseWriter) error {
	c := http.NewResponseController(w)
	return errors.Join(c.SetReadDeadline(time.Time{}), c.SetWriteDeadline(time.Time{}))
}

// Patterns returns what was added with Handle, and the API's own.
func (s *Server) Patterns() []string { return slices.Clone(s.patterns) }

// Listen binds the address. Connections wait until Run.
func (s *Server) Listen() error {
	l, err := listener.Listen(s.cfg.Listen)
	if err != nil {
		return fmt.Errorf("bind admin.listen: %w", err)
	}
	s.addr = l.Addr()
	l = netutil.LimitListener(l, maxConnections)
	if s.certs != nil {
		l = tls.NewListener(l, &tls.Config{GetConfigForClient: s.certs.Config, MinVersion: tls.VersionTLS12})
	}
	s.listener = l
	return nil
}

// Addr is the bound address, useful when the configured port was 0; empty before Listen.
func (s *Server) Addr() string {
	if s.addr == nil {
		return ""
	}
	return s.addr.String()
}

// Close releases the address when Run is never called.
func (s *Server) Close() error {
	if s.listener == nil {
		return nil
	}
	if err := s.listener.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// Run serves until ctx ends and returns nil. It wants Listen before. The contexts of requests end with ctx.
func (s *Server) Run(ctx context.Context) error {
	if s.listener == nil {
		return errors.New("serve admin: no address is bound")
	}
	srv := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      60 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		c, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
		defer cancel()
		if err := srv.Shutdown(c); err != nil {
			srv.Close() //nolint:errcheck // what is still under way is given up
		}
	})
	err := srv.Serve(s.listener)
	if !stop() {
		<-stopped
		return nil
	}
	return fmt.Errorf("serve admin: %w", err)
}

// ServeHTTP lets in who may, and words what the mux has no handler for as JSON.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Cache-Control", "no-store")
	if status, why := s.fromElsewhere(r); why != "" {
		Error(w, status, why)
		return
	}
	handler, pattern := s.mux.Handler(r)
	if !s.open[pattern] && !s.authorized(r) {
		h.Set("WWW-Authenticate", `Basic realm="gluster-trapgw", charset="UTF-8"`)
		if r.Header.Get("X-Trapgw") != "" { // the status page, which asks for the token itself: the browser must not
			h.Set("WWW-Authenticate", `Bearer realm="gluster-trapgw"`)
		}
		Error(w, http.StatusUnauthorized, "credentials are wanted: Authorization: Bearer TOKEN, or Basic with the token as password")
		return
	}
	if pattern == "" {
		none := discarded{} // the mux knows whether it is the path or the method
		handler.ServeHTTP(none, r)
		if allow := none.Header().Get("Allow"); allow != "" {
			h.Set("Allow", allow)
			Error(w, http.StatusMethodNotAllowed, r.Method+" is not possible here, only "+allow)
			return
		}
		Error(w, http.StatusNotFound, "nothing here: see /api/v1/openapi.json")
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	s.mux.ServeHTTP(w, r)
}

// discarded is an answer of which only the header counts.
type discarded http.Header

// Header implements http.ResponseWriter.
func (d discarded) Header() http.Header { return http.Header(d) }

// Write implements http.ResponseWriter.
func (d discarded) Write(p []byte) (int, error) { return len(p), nil }

// WriteHeader implements http.ResponseWriter.
func (d discarded) WriteHeader(int) {}

// fromElsewhere says why a request looks like the work of another page in a browser of this machine.
func (s *Server) fromElsewhere(r *http.Request) (status int, why string) {
	if tcp, ok := s.addr.(*net.TCPAddr); ok && tcp.IP.IsLoopback() {
		host := r.Host
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		if !listener.Loopback(strings.Trim(host, "[]")) {
			return http.StatusMisdirectedRequest, "this is a gateway on loopback and not " + host
		}
	}
	if origin := r.Header.Get("Origin"); origin != "" {
		if u, err := url.Parse(origin); err != nil || !strings.EqualFold(u.Host, r.Host) {
			return http.StatusForbidden, "requests of other sites are not served"
		}
	}
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return 0, ""
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); (err != nil || kind != "application/json") && r.Header.Get("X-Trapgw") == "" {
		return http.StatusUnsupportedMediaType, "send Content-Type: application/json, or the header X-Trapgw: 1"
	}
	return 0, ""
}

// authorized checks the token. A certificate was checked when the connection was made.
func (s *Server) authorized(r *http.Request) bool {
	if s.token == nil {
		return true
	}
	scheme, given, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		_, given, _ = r.BasicAuth() // what browsers can send
	}
	// Sums have equal lengths: the comparison must not tell how long the token is.
	sum := sha256.Sum256([]byte(strings.TrimLeft(given, " ")))
	return subtle.ConstantTimeCompare(sum[:], s.token[:]) == 1
}

// Problem is how every error is answered.
type Problem struct {
	Error string `json:"error"`
}

// Error answers with a Problem.
func Error(w http.ResponseWriter, status int, text string) { Answer(w, status, Problem{text}) }

// Answer answers with v as JSON.
func Answer(w http.ResponseWriter, status int, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		status, data = http.StatusInternalServerError, []byte(`{"error":"the answer cannot be written as JSON"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(append(data, '\n')) //nolint:errcheck // the client has gone
}
