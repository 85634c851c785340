package admin

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

// The live stream: what comes into the log, as it comes, to whoever listens. One goroutine reads the log for all, decodes
// and encodes each event once, and hands the same octets to everybody. It is never in the way of an output: it only
// reads, and a listener who is too slow is told where to go on and cut off.

const (
	streamBatch = 256                    // events that are handed on together at most
	streamPause = 100 * time.Millisecond // between two batches: nobody sees a difference, and many listeners cost less
	streamQueue = 256                    // batches that a listener may be behind
	streamPing  = 15 * time.Second       // how often a silent stream shows that it is alive
	maxStreams  = 512
)

// Live is an event of the stream.
type Live struct {
	Seq      uint64            `json:"seq"`
	Received time.Time         `json:"received"`
	Input    string            `json:"input"`
	Event    string            `json:"event"`
	Group    string            `json:"group"`
	Severity string            `json:"severity"`
	State    string            `json:"state"`
	AlarmKey string            `json:"alarm_key,omitempty"`
	Node     string            `json:"node,omitempty"`
	NodeID   string            `json:"node_id,omitempty"`
	Volume   string            `json:"volume,omitempty"`
	Brick    string            `json:"brick,omitempty"`
	Peer     string            `json:"peer,omitempty"`
	Text     string            `json:"text"`
	Fields   map[string]string `json:"fields,omitempty"` // as GlusterFS sent them
	Rule     string            `json:"rule,omitempty"`   // of the policy
	Outputs  []string          `json:"outputs"`          // where the policy sends it
}

// Feed is the log as the stream reads it.
type Feed interface {
	// Range returns the numbers of the oldest and the newest event.
	Range(ctx context.Context) (first, last uint64, err error)
	// Live returns at most max events after the given number, and the number up to which that is all. It does not block.
	Live(ctx context.Context, after uint64, max int) ([]*Live, uint64, error)
	// Wait blocks until there is one after the given number.
	Wait(ctx context.Context, after uint64) error
}

// LiveQuery selects from the stream.
type LiveQuery struct {
	Events, Volumes, Nodes, Groups []string // globs, any of which may fit
	Severity                       [8]bool  // by translate.Severity; none is all
	After                          uint64   // resume after this event
	Resume                         bool     // After was given
}

// LiveFilters are the names by which ParseLiveQuery asks for the filters.
var LiveFilters = []string{"event", "volume", "node", "group", "severity", "after"}

// ParseLiveQuery reads the filters as people write them; get returns all values of that name.
func ParseLiveQuery(get func(name string) []string) (q LiveQuery, err error) {
	q.Events, q.Volumes, q.Nodes, q.Groups = get("event"), get("volume"), get("node"), get("group")
	for _, f := range []struct {
		name  string
		globs []string
	}{{"event", q.Events}, {"volume", q.Volumes}, {"node", q.Nodes}, {"group", q.Groups}} {
		for _, g := range f.globs {
			if _, err := path.Match(g, ""); err != nil {
				return q, fmt.Errorf("%s: %q is not a glob: %w", f.name, g, err)
			}
		}
	}
	for _, text := range get("severity") {
		name, least := strings.CutPrefix(strings.TrimSpace(text), ">=")
		limit, ok := translate.ParseSeverity(strings.TrimSpace(name))
		if !ok {
			return q, fmt.Errorf("severity: %q is not a severity: write one of %s, or \">=major\"", text, strings.Join(translate.Severities, ", "))
		}
		for s := translate.Cleared; s <= translate.Informational; s++ {
			q.Severity[s] = q.Severity[s] || s == limit || least && s.Rank() >= limit.Rank()
		}
	}
	for _, s := range get("after") {
		if q.After, err = strconv.ParseUint(s, 10, 64); err != nil {
			return q, fmt.Errorf("after: %q is not the number of an event", s)
		}
		q.Resume = true
	}
	return q, nil
}

func anyGlob(patterns []string, values ...string) bool {
	for _, p := range patterns {
		if glob(p, values...) {
			return true
		}
	}
	return len(patterns) == 0
}

// Matches reports whether the event is wanted.
func (q *LiveQuery) Matches(e *Live) bool {
	if q.Severity != [8]bool{} {
		if s, _ := translate.ParseSeverity(e.Severity); !q.Severity[s] {
			return false
		}
	}
	return anyGlob(q.Events, e.Event) && anyGlob(q.Volumes, e.Volume) && anyGlob(q.Nodes, e.Node, e.NodeID) && anyGlob(q.Groups, e.Group)
}

func (q *LiveQuery) all() bool {
	return len(q.Events)+len(q.Volumes)+len(q.Nodes)+len(q.Groups) == 0 && q.Severity == [8]bool{}
}

// liveBatch is some events on their way to all listeners, encoded once for all of them. Nobody changes it.
type liveBatch struct {
	events []*Live
	texts  [][]byte // each as JSON
	upTo   uint64   // nothing is missing up to here
	whole  map[framing]func() []byte
}

func newLiveBatch(events []*Live, upTo uint64) *liveBatch {
	b := &liveBatch{events: events, upTo: upTo, whole: map[framing]func() []byte{}}
	for _, e := range events {
		text, err := json.Marshal(e)
		if err != nil {
			text = []byte(`{}`) // not reached: there are only texts and numbers
		}
		b.texts = append(b.texts, text)
	}
	for _, f := range []framing{serverSent, webSocket} {
		b.whole[f] = sync.OnceValue(func() []byte { return b.framed(f, &LiveQuery{}, 0) })
	}
	return b
}

// picked returns what q wants of the batch after the given number, framed.
func (b *liveBatch) picked(f framing, q *LiveQuery, after uint64) []byte {
	if len(b.events) == 0 || q.all() && b.events[0].Seq > after {
		return b.whole[f]()
	}
	return b.framed(f, q, after)
}

func (b *liveBatch) framed(f framing, q *LiveQuery, after uint64) []byte {
	var dst []byte
	for i, e := range b.events {
		if e.Seq > after && q.Matches(e) {
			dst = f.event(dst, e.Seq, b.texts[i])
		}
	}
	return dst
}

// Stream hands the log on to those who listen at GET /stream.
type Stream struct {
	feed Feed
	log  *slog.Logger

	mu     sync.Mutex // guards what follows
	subs   map[*subscriber]bool
	open   int           // connections, those that catch up included
	at     uint64        // everything up to here was handed on
	joined chan struct{} // closed when the first one comes; nil while there are some
}

type subscriber struct {
	batches chan *liveBatch // closed when it is too slow
}

// NewStream returns a stream of the feed. Run must run.
func NewStream(feed Feed, log *slog.Logger) *Stream {
	return &Stream{feed: feed, log: log, subs: map[*subscriber]bool{}, joined: make(chan struct{})}
}

// Run reads the log while somebody listens, until ctx ends.
func (s *Stream) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		s.mu.Lock()
		joined, at := s.joined, s.at
		s.mu.Unlock()
		if joined != nil {
			select {
			case <-joined:
			case <-ctx.Done():
			}
			continue
		}
		if err := s.next(ctx, at); err != nil && ctx.Err() == nil {
			s.log.Warn("the live stream cannot read the log", "err", err)
			sleepFor(ctx, time.Second)
		}
	}
	return nil
}

// next hands on what lies after at.
func (s *Stream) next(ctx context.Context, at uint64) error {
	c, cancel := context.WithTimeout(ctx, streamPing) // so that it notices when the last one has gone
	defer cancel()
	if err := s.feed.Wait(c, at); err != nil {
		if c.Err() != nil {
			return nil
		}
		return err
	}
	defer sleepFor(ctx, streamPause) // what comes meanwhile goes out together
	for {
		events, upTo, err := s.feed.Live(ctx, at, streamBatch)
		if err != nil || upTo <= at {
			return err
		}
		at = upTo
		s.send(newLiveBatch(events, upTo))
		if len(events) < streamBatch {
			return nil
		}
	}
}

func sleepFor(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// send gives the batch to everybody and cuts off who is too far behind.
func (s *Stream) send(b *liveBatch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at = b.upTo
	for sub := range s.subs {
		select {
		case sub.batches <- b:
		default:
			delete(s.subs, sub)
			close(sub.batches)
		}
	}
	if len(s.subs) == 0 && s.joined == nil {
		s.joined = make(chan struct{})
	}
}

// join returns a subscriber and the number after which it gets everything; last is the newest event.
func (s *Stream) join(last uint64) (*subscriber, uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sub := &subscriber{batches: make(chan *liveBatch, streamQueue)}
	s.subs[sub] = true
	if s.joined != nil {
		s.at = max(s.at, last)
		close(s.joined)
		s.joined = nil
	}
	return sub, s.at
}

// enter counts a connection, unless there are too many.
func (s *Stream) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open >= maxStreams {
		return false
	}
	s.open++
	return true
}

func (s *Stream) exit() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open--
}

// Each calls begun and hands every event from then on to fn, until ctx ends or fn fails; who is too slow gets an error.
func (s *Stream) Each(ctx context.Context, begun func(), fn func(*Live) error) error {
	_, last, err := s.feed.Range(ctx)
	if err != nil {
		return errRead
	}
	sub, at := s.join(last)
	defer s.leave(sub)
	begun()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case b, ok := <-sub.batches:
			if !ok {
				return errSlow
			}
			for _, e := range b.events {
				if e.Seq <= at {
					continue
				}
				if err := fn(e); err != nil {
					return err
				}
			}
		}
	}
}

func (s *Stream) leave(sub *subscriber) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.subs[sub] {
		delete(s.subs, sub)
		close(sub.batches)
	}
	if len(s.subs) == 0 && s.joined == nil {
		s.joined = make(chan struct{})
	}
}
