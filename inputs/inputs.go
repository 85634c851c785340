// Package inputs holds what the inputs share: the form in which they hand on what they received, and the function
// they hand it to. Each input lives in its own folder below, has Run(ctx, accept), and knows neither the queue nor
// the translation: whether bytes are a Gluster event is all it decides.
package inputs

import (
	"context"
	"time"
)

// Received is one event as it came in, before anything looks inside.
type Received struct {
	Time   time.Time // when it was received, UTC
	Input  string    // name of the input, "webhook"
	Remote string    // IP address of the sender without port; empty when unknown
	Via    string    // tells the ways apart by which an input gets the same events: the URL that was posted to; may be empty
	Node   string    // UUID of the Gluster node that sent it; empty when unknown
	Body   []byte    // the accept function keeps it: the input must not use it again
}

// Accept stores an event and returns when it is durable. On any error nothing was stored and the input must not
// acknowledge it. It is safe for concurrent use.
type Accept func(ctx context.Context, r Received) error
