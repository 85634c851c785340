// Package outputs delivers notifications. An Output is one receiver and knows how to encode and how to try once;
// a Worker drives one Output: it reads the log, paces, retries with backoff, counts and saves the cursor. Retry
// lives in Worker and nowhere else. Only the cmd package makes either of them.
package outputs

import (
	"context"
	"errors"

	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

// ErrPermanent marks an error of Render or Send that repeating cannot help. The worker then counts the
// notification as failed and goes on with the next one; every other error is temporary and is retried for ever.
var ErrPermanent = errors.New("permanent")

// Message is one encoded notification on its way to a receiver.
type Message struct {
	Data []byte // what goes on the wire; framing of stream transports is added by Send
	Tag  uint64 // free for the output, for example the request-id of an inform
}

// Output is one receiver of notifications.
//
// Render encodes one notification. It does no I/O, never blocks, and is called concurrently; ord counts the
// notifications of this output since the gateway started, from 1 (syslog's sequenceId). The worker calls it
// shortly before each Send, again before each retry, so clocks and boots counters inside are fresh.
//
// Send tries to deliver the batch once, in order, and returns how many messages from its front are delivered as
// surely as the transport can know, with an error when that is fewer than all. It returns promptly when ctx ends.
// Only one Send runs at a time; Close is called once, after the last Send.
type Output interface {
	Render(n *translate.Notification, ord uint64) (Message, error)
	Send(ctx context.Context, batch []Message) (int, error)
	Close() error
}

// Item is one event of the log as one output sees it.
type Item struct {
	Seq          uint64
	Notification *translate.Notification // nil when there is nothing to send
	Outcome      Outcome                 // what became of it: decided by the policy when Notification is nil, else set by the worker
	Rule         string                  // name of the policy rule that decided; empty when none matched

	// Extra marks a notification beside those of the records, such as the clear of an alarm that has aged. It lies
	// after record Seq and counts as no record; committing it moves the cursor no further than Seq.
	Extra bool
	State any // what the Log wants to have back at Commit; nobody else looks at it
}

// Outcome is what became of one event at one output, as history shows it.
type Outcome string

// The outcomes. Waiting is never stored: it is what lies beyond the cursor.
const (
	Sent    Outcome = "sent"
	Dropped Outcome = "dropped"  // by a rule, or sent to other outputs only
	Failed  Outcome = "failed"   // a permanent error
	Lost    Outcome = "lost"     // given up by the queue's bounds before this output got to it
	Damaged Outcome = "damaged"  // the record failed its checksum
	Repeat  Outcome = "repeat"   // the output knows of this alarm already
	NoAlarm Outcome = "no alarm" // a clear of nothing that the output was sent
	Held    Outcome = "held"     // an alarm that is kept back because its cause is known, or because it may be over soon

	Silenced  Outcome = "silenced"  // nobody wanted to hear of it
	Throttled Outcome = "throttled" // there were too many; a later notification sums them up
	Noted     Outcome = "noted"     // what an operator asked of the gateway; no event
)

// Outcomes are those that a worker counts; what is lost it never sees.
var Outcomes = []Outcome{Sent, Dropped, Failed, Damaged, Repeat, NoAlarm, Held, Silenced, Throttled, Noted}

// Log is one output's view of the durable log. The worker is its only caller.
//
// Next blocks until at least one item lies after the last one returned, and returns at most max, in order. After
// a restart it begins after the committed cursor.
// Commit durably moves the cursor past the given items, which are the oldest not yet committed, in order, and
// records their outcomes; of an Extra item it saves only what State says.
type Log interface {
	Next(ctx context.Context, max int) ([]Item, error)
	Commit(ctx context.Context, done []Item) error
}
