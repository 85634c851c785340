package admin

import (
	_ "embed" // the description of the API
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

// openAPI describes every route; a test of cmd compares it with the mux and with real answers.
//
//go:embed openapi.json
var openAPI []byte

// How many events are listed when nothing else is asked for, and at most.
const (
	defaultLimit = "100"
	maxLimit     = 10000
)

func (s *Server) routes() {
	handle := func(pattern string, h func(http.ResponseWriter, *http.Request)) {
		s.Handle(pattern, http.HandlerFunc(h))
	}
	s.open["GET /healthz"], s.open["GET /readyz"] = true, true
	handle("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { Answer(w, http.StatusOK, Health{"ok"}) })
	handle("GET /readyz", s.ready)
	handle("GET /api/v1/openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Write(openAPI) //nolint:errcheck // the client has gone
	})
	handle("GET /api/v1/status", func(w http.ResponseWriter, r *http.Request) {
		v, err := s.gateway.Status(r.Context())
		answer(w, v, err)
	})
	handle("GET /api/v1/queue", func(w http.ResponseWriter, r *http.Request) {
		v, err := s.gateway.Queue(r.Context())
		answer(w, v, err)
	})
	handle("GET /api/v1/rate", func(w http.ResponseWriter, r *http.Request) {
		v, err := s.gateway.Rate(r.Context())
		answer(w, v, err)
	})
	handle("GET /api/v1/alarms", s.alarms)
	handle("GET /api/v1/events", s.events)
	handle("POST /api/v1/reload", func(w http.ResponseWriter, r *http.Request) {
		v, err := s.gateway.Reload(r.Context())
		if err != nil {
			Error(w, http.StatusUnprocessableEntity, err.Error())
			return
		}
		answer(w, v, nil)
	})
	handle("POST /api/v1/try", s.try)
	s.operatorRoutes()
}

// Health is the answer of /healthz: whoever reads it knows that the process is alive.
type Health struct {
	Status string `json:"status"`
}

// Readiness is the answer of /readyz.
type Readiness struct {
	Ready    bool     `json:"ready"`
	Problems []string `json:"problems,omitempty"` // for those who may see them
}

func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	problems := s.gateway.Ready(r.Context())
	status := http.StatusOK
	if len(problems) > 0 {
		status = http.StatusServiceUnavailable
	}
	v := Readiness{Ready: len(problems) == 0}
	if s.authorized(r) {
		v.Problems = problems
	}
	Answer(w, status, v)
}

func answer(w http.ResponseWriter, v any, err error) {
	switch {
	case errors.Is(err, ErrInput):
		Error(w, http.StatusBadRequest, strings.TrimPrefix(err.Error(), ErrInput.Error()+": "))
	case err != nil:
		Error(w, http.StatusInternalServerError, err.Error())
	default:
		Answer(w, http.StatusOK, v)
	}
}

// Alarms is a list of alarms, the worst first.
type Alarms struct {
	Alarms []*Alarm `json:"alarms"`
}

func (s *Server) alarms(w http.ResponseWriter, r *http.Request) {
	if err := knownFilters(r, AlarmFilters); err != nil {
		answer(w, nil, err)
		return
	}
	q, err := ParseAlarmQuery(r.URL.Query().Get)
	if err != nil {
		Error(w, http.StatusBadRequest, err.Error())
		return
	}
	all, err := s.gateway.Alarms(r.Context(), q)
	answer(w, Alarms{all}, err)
}

// Events is a part of the history, oldest first.
type Events struct {
	Events []*Event `json:"events"`
}

func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	if err := knownFilters(r, EventFilters); err != nil {
		answer(w, nil, err)
		return
	}
	values := r.URL.Query()
	if !values.Has("limit") {
		values.Set("limit", defaultLimit)
	}
	q, err := ParseEventQuery(values.Get, time.Now())
	if err != nil {
		Error(w, http.StatusBadRequest, err.Error())
		return
	}
	if q.Limit == 0 || q.Limit > maxLimit {
		Error(w, http.StatusBadRequest, fmt.Sprintf("limit: %d is out of range: 1 to %d", q.Limit, maxLimit))
		return
	}
	all, err := s.gateway.Events(r.Context(), q)
	answer(w, Events{all}, err)
}

// knownFilters refuses what would be ignored: who mistypes a filter must not get everything.
func knownFilters(r *http.Request, known []string) error {
	for name := range r.URL.Query() {
		if !slices.Contains(known, name) {
			return fmt.Errorf("%w: %q is not a filter: one of %s", ErrInput, name, strings.Join(known, ", "))
		}
	}
	return nil
}

func (s *Server) try(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		Error(w, http.StatusRequestEntityTooLarge, "the event is too large, or broke off")
		return
	}
	v, err := s.gateway.Try(r.Context(), body)
	answer(w, v, err)
}
