package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// Operator is what can be asked of the alarms of a running gateway. An error that wraps ErrInput is the asker's.
type Operator interface {
	Silences(ctx context.Context) ([]*Silence, error)
	AddSilence(ctx context.Context, s *Silence) (*Silence, error)
	ExpireSilence(ctx context.Context, id, author string) (*Silence, error)
	ClearAlarm(ctx context.Context, r *ClearRequest) (*Recorded, error)
	Resend(ctx context.Context, r *ResendRequest) (*Recorded, error)
}

// Silence is what nobody wants to hear of for a while. Who adds one gives matchers, ends, author and comment, and starts
// when it is not now.
type Silence struct {
	ID       string     `json:"id,omitempty"`
	State    string     `json:"state,omitempty"` // pending, active, ended
	Matchers []string   `json:"matchers"`        // volume="gv0"
	Starts   *time.Time `json:"starts,omitempty"`
	Ends     time.Time  `json:"ends"`
	Author   string     `json:"author"`
	Comment  string     `json:"comment"`
}

// Silences is a list of silences in the order in which they begin; ended ones are in it for some days.
type Silences struct {
	Silences []*Silence `json:"silences"`
}

// ExpireRequest ends a silence.
type ExpireRequest struct {
	Author string `json:"author"`
}

// ClearRequest ends an alarm by hand, at every output that knows of it.
type ClearRequest struct {
	Key     string `json:"key"`
	Author  string `json:"author"`
	Comment string `json:"comment"`
}

// ResendRequest sends all active alarms to an output again.
type ResendRequest struct {
	Output string `json:"output"`
}

// Recorded is the number under which a request is in the log: outputs act on it when they come to it.
type Recorded struct {
	Seq uint64 `json:"seq"`
}

func (s *Server) operatorRoutes() {
	handle := func(pattern string, h func(r *http.Request) (any, error)) {
		s.Handle(pattern, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			v, err := h(r)
			answer(w, v, err)
		}))
	}
	handle("GET /api/v1/silences", func(r *http.Request) (any, error) {
		all, err := s.gateway.Silences(r.Context())
		return Silences{all}, err
	})
	handle("POST /api/v1/silences", func(r *http.Request) (any, error) {
		var one Silence
		if err := decode(r, &one); err != nil {
			return nil, err
		}
		return s.gateway.AddSilence(r.Context(), &one)
	})
	handle("POST /api/v1/silences/{id}/expire", func(r *http.Request) (any, error) {
		var e ExpireRequest
		if err := decode(r, &e); err != nil {
			return nil, err
		}
		return s.gateway.ExpireSilence(r.Context(), r.PathValue("id"), e.Author)
	})
	handle("POST /api/v1/alarms/clear", func(r *http.Request) (any, error) {
		var c ClearRequest
		if err := decode(r, &c); err != nil {
			return nil, err
		}
		return s.gateway.ClearAlarm(r.Context(), &c)
	})
	handle("POST /api/v1/alarms/resend", func(r *http.Request) (any, error) {
		var v ResendRequest
		if err := decode(r, &v); err != nil {
			return nil, err
		}
		return s.gateway.Resend(r.Context(), &v)
	})
}

// decode reads the JSON of a request; what it does not know it refuses.
func decode(r *http.Request, v any) error {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("there is more after the JSON object")
		}
	}
	if err != nil {
		return fmt.Errorf("%w: read the request: %w", ErrInput, err)
	}
	return nil
}
