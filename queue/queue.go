package queue

import (
	"context"
	"errors"
	"time"
)

// ErrClosed is returned by every method after Close.
var ErrClosed = errors.New("queue is closed")

// Record is one accepted event: a small header and the raw bytes as they were received.
type Record struct {
	Seq      uint64    // given by Append: 1 and up, without gaps, never used twice
	Received time.Time // nanosecond resolution, UTC
	Input    string    // name of the input that accepted it
	Remote   string    // IP address of the sender, may be empty
	Body     []byte
	Damaged  bool // set by Read: the checksum did not match; Body is not to be trusted
}

// Run is a number of consecutive events that fared alike at one output.
type Run struct {
	N       int    // how many events, 1 and up
	Outcome string // "sent", "dropped", "failed", "lost", "damaged"
	Rule    string // the policy rule that decided, may be empty
}

// Change is one row of an output's own state, written in the same transaction as its cursor.
type Change struct {
	Key   string
	Value []byte // nil deletes the row
}

// Progress is what a reader hands back: how far it is and what it remembers.
type Progress struct {
	Cursor  uint64 // the last Seq that is done with
	Runs    []Run  // outcomes of the events after the previous cursor up to Cursor, oldest first
	Changes []Change
}

// OutputStatus is how one reader stands.
type OutputStatus struct {
	Name    string
	Cursor  uint64
	Waiting uint64    // events beyond the cursor
	Oldest  time.Time // receipt of the oldest waiting event; zero when none waits
	Lost    uint64    // events given up by the bounds before this output was done with them, ever
	Updated time.Time // last commit
}

// Status is how the queue stands.
type Status struct {
	ID          string // random, made with the store: changes when the numbering starts again
	First, Last uint64 // lowest and highest Seq held; Last is the highest ever given when nothing is held
	Events      uint64
	Bytes       int64 // size on disk, log files included
	MaxBytes    int64
	MaxAge      time.Duration
	Damaged     uint64 // records found damaged, ever
	Outputs     []OutputStatus
	WriteErr    string // why writes fail, also when small ones work in between; empty when they work
}

// Queue is the durable log. Any number of goroutines may call any method.
type Queue interface {
	// ID is the store's identity (Status.ID).
	ID() string
	// Append stores the records and returns when they are on disk: after it returned nil they survive any
	// crash. It fills in Seq. On error none of them is stored. It never waits for a reader.
	Append(ctx context.Context, recs ...*Record) error
	// Attach makes a reader known and returns its cursor. A new reader begins after the newest record, so that
	// an output added later is not flooded with history.
	Attach(ctx context.Context, output string) (cursor uint64, err error)
	// Detach forgets a reader and its state.
	Detach(ctx context.Context, output string) error
	// Read appends to buf at most max records with Seq > after, in order, and returns it. It does not block:
	// none there means none appended. Records given up by the bounds are simply not there any more.
	Read(ctx context.Context, after uint64, max int, buf []Record) ([]Record, error)
	// Wait blocks until a record with Seq > after exists.
	Wait(ctx context.Context, after uint64) error
	// Commit saves a reader's progress durably; many commits and appends share one fsync.
	Commit(ctx context.Context, output string, p Progress) error
	// State calls fn for every state row of a reader.
	State(ctx context.Context, output string, fn func(key string, value []byte) error) error
	// Status reports how things stand.
	Status(ctx context.Context) (Status, error)
	// Close finishes what was accepted and closes the store.
	Close() error
}
