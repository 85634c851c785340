package queue

import (
	"errors"
	"log/slog"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/conffile"
)

// minBytes leaves room for the write-ahead log beside the events.
const minBytes = 8 << 20

// Config says how much history is kept. An event is kept until both bounds allow it no longer, whether it was
// delivered or not.
type Config struct {
	MaxBytes conffile.Size     `yaml:"max_bytes"` // database and log together; 0 means no bound
	MaxAge   conffile.Duration `yaml:"max_age"`   // 0 means no bound

	// Log receives what an operator must know; nil means slog.Default.
	Log *slog.Logger `yaml:"-"`
	// Now is the clock that MaxAge is held against; nil means time.Now.
	Now func() time.Time `yaml:"-"`
	// OnLost is told, in a goroutine of its own that may use the queue, that events were given up before output
	// was done with them: at the start of an episode, once a minute while it lasts, and at its end. The ranges of one
	// episode do not overlap.
	OnLost func(output string, first, last uint64) `yaml:"-"`
	// OnKept is told, in the same way, that an episode is over: for a minute the output has lost nothing.
	OnKept func(output string) `yaml:"-"`
}

// DefaultConfig is a week of history in at most 1 GiB.
func DefaultConfig() Config {
	return Config{MaxBytes: 1 << 30, MaxAge: conffile.Duration(7 * 24 * time.Hour)}
}

// Validate reports every mistake, each with its key.
func (c Config) Validate() error {
	var errs []error
	if c.MaxBytes != 0 && c.MaxBytes < minBytes {
		errs = append(errs, conffile.At("max_bytes", "%v is too small: at least %v, or 0 for no bound",
			c.MaxBytes, conffile.Size(minBytes)))
	}
	if c.MaxAge != 0 && time.Duration(c.MaxAge) < time.Minute {
		errs = append(errs, conffile.At("max_age", "%v is too short: at least 1m, or 0 for no bound", c.MaxAge))
	}
	return errors.Join(errs...)
}

// walBytes is how long the write-ahead log may get before it is copied into the database and used again.
func (c Config) walBytes() int64 {
	if c.MaxBytes == 0 {
		return 4 << 20
	}
	return min(max(int64(c.MaxBytes)/8, 256<<10), 4<<20)
}

// walAhead is how much of the log is written ahead: a little more than it has when it starts over.
func (c Config) walAhead() int64 { return c.walBytes() * 3 / 2 }

// walLimit is what the log shrinks back to after a reader of another process kept it from starting over.
func (c Config) walLimit() int64 { return 2 * c.walBytes() }

func (c Config) now() time.Time {
	if c.Now != nil {
		return c.Now()
	}
	return time.Now()
}

func (c Config) log() *slog.Logger {
	if c.Log != nil {
		return c.Log
	}
	return slog.Default()
}
