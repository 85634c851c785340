// Package dedupe keeps an event that comes over several paths from being stored more than once: from two webhooks
// that were registered for one gateway, or from the webhook and events.log.
//
// Nothing in an event says which one it is: its time has whole seconds and there is no number. So the events with one
// body (which is node, time, type and message) are counted for each path, and as many are stored as the path with the
// most of them had. Two equal events by the same path are two events; the third, by another path, is one of those.
// Bodies are compared octet by octet: glustereventsd posts the same octets to every webhook, and the other inputs write
// them the same way.
//
// As long as all events come by one path there is nothing to compare: they are only noted, which costs a fraction.
//
// What it remembers is bounded in time and number. What was forgotten is stored again; nothing is lost by it.
package dedupe

import (
	"context"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/inputs"
)

const (
	// Window is how long an event is remembered at least, unless there are too many.
	Window = 10 * time.Minute
	// MaxEvents is how many different events are remembered at most; a flood shortens the window.
	MaxEvents = 1 << 16
	maxPaths  = 1 << 10 // further ones count as one
)

// Filter stands between the inputs and the function that stores. It is safe for concurrent use.
type Filter struct {
	// Duplicates counts the events that were accepted and not stored, as they were there already.
	Duplicates atomic.Uint64

	next inputs.Accept
	now  func() time.Time
	max  int // events in one generation

	// compares is set, for good, by the first event of another path than only. Who stores an event of only before that
	// holds begin for reading, so that all of those are in noted when it is held for writing.
	begin    sync.RWMutex // guards compares and only; locked before mu
	compares bool
	only     path

	mu    sync.Mutex // guards what follows
	noted []key      // of the events of only, a ring of max
	at    int        // where the next goes in a full ring
	young map[key]*entry
	old   map[key]*entry
	since time.Time // when young began
	paths map[path]uint16
}

// key stands for a body. Its seeds are random and known to nobody, so that no sender can make two bodies share one.
type key struct{ a, b uint64 }

var seeds = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}

// path is the way that an event came. What an input had before the start came by one that is not known any more.
type path struct {
	input, via string
	before     bool
}

// entry is an event. Its lock is held while it is being stored, so that the same one by another path waits for the
// outcome.
type entry struct {
	mu     sync.Mutex // guards what follows
	stored uint32     // how many of it are stored
	counts []count    // of each path that had it
	room   [1]count   // for counts: nearly all events come by one path
}

type count struct {
	path uint16
	n    uint32
}

// New returns a filter before next.
func New(next inputs.Accept) *Filter {
	return newFilter(next, time.Now, MaxEvents/2)
}

func newFilter(next inputs.Accept, now func() time.Time, most int) *Filter {
	return &Filter{next: next, now: now, max: most, young: map[key]*entry{}, since: now(), paths: map[path]uint16{}}
}

// Accept stores the event unless it is stored already. It is an inputs.Accept.
func (f *Filter) Accept(ctx context.Context, r inputs.Received) error {
	if alone, err := f.alone(ctx, &r); alone {
		return err
	}
	e, before, id := f.find(&r)
	e.mu.Lock()
	defer e.mu.Unlock()
	c := e.count(id, before)
	if c.n < e.stored {
		c.n++
		f.Duplicates.Add(1)
		return nil
	}
	if err := f.next(ctx, r); err != nil {
		return err
	}
	c.n++
	e.stored = c.n
	return nil
}

// alone stores the event if all others came by the same path, and tells whether that is so.
func (f *Filter) alone(ctx context.Context, r *inputs.Received) (bool, error) {
	way := path{input: r.Input, via: r.Via}
	f.begin.RLock()
	if !f.compares && f.only == way {
		defer f.begin.RUnlock()
		err := f.next(ctx, *r)
		if err == nil {
			f.note(keyOf(r.Body))
		}
		return true, err
	}
	compares := f.compares
	f.begin.RUnlock()
	if compares {
		return false, nil
	}
	f.meet(way)
	return f.alone(ctx, r)
}

// meet makes known that there are events of a path.
func (f *Filter) meet(p path) {
	f.begin.Lock()
	defer f.begin.Unlock()
	earlier := path{input: p.input, before: true}
	switch {
	case f.only == (path{}), f.only == earlier:
		f.only = p
	case f.only == p, p == earlier && p.input == f.only.input:
	default:
		f.compare()
	}
}

// note remembers an event of the only path.
func (f *Filter) note(k key) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.noted) < f.max {
		f.noted = append(f.noted, k)
		return
	}
	f.noted[f.at] = k
	f.at = (f.at + 1) % f.max
}

// expect makes known that events will come again.
func (f *Filter) expect() {
	f.begin.Lock()
	defer f.begin.Unlock()
	f.compare()
}

// compare begins to compare events: those that were noted become known. begin must be held for writing.
func (f *Filter) compare() {
	f.compares = true
	f.mu.Lock()
	noted := f.noted
	f.noted = nil
	f.mu.Unlock()
	for i := range noted {
		e, before, id := f.entry(noted[(f.at+i)%len(noted)], f.only)
		c := e.count(id, before)
		c.n++
		e.stored = c.n
	}
}

// Stored tells the filter of an event that was stored before the program started. An input that will offer again what
// it had offered before says so with again.
func (f *Filter) Stored(input string, body []byte, again bool) {
	f.meet(path{input: input, before: true})
	if again {
		f.expect()
	}
	// Which of the input's paths it was is not known: all of them take it as theirs.
	e, before, _ := f.find(&inputs.Received{Input: input, Body: body})
	e.mu.Lock()
	defer e.mu.Unlock()
	e.stored++
	if !again {
		e.count(before, before).n++
	}
}

// Had tells the filter that an event came by a path earlier and is done with.
func (f *Filter) Had(r inputs.Received) {
	f.expect()
	e, before, id := f.find(&r)
	e.mu.Lock()
	defer e.mu.Unlock()
	c := e.count(id, before)
	c.n++
	e.stored = max(e.stored, c.n)
}

// find returns the entry of an event, the number of its path, and that of the input's unknown path before the start.
func (f *Filter) find(r *inputs.Received) (e *entry, before, id uint16) {
	return f.entry(keyOf(r.Body), path{input: r.Input, via: r.Via})
}

func keyOf(body []byte) key {
	return key{maphash.Bytes(seeds[0], body), maphash.Bytes(seeds[1], body)}
}

func (f *Filter) entry(k key, p path) (e *entry, before, id uint16) {
	now := f.now()
	f.mu.Lock()
	defer f.mu.Unlock()
	if d := now.Sub(f.since); len(f.young) >= f.max || d >= Window || d < 0 {
		f.old, f.young, f.since = f.young, make(map[key]*entry), now
	}
	before = f.path(path{input: p.input, before: true})
	id = f.path(p)
	e = f.young[k]
	if e == nil {
		if e = f.old[k]; e == nil {
			e = &entry{}
			e.counts = e.room[:0]
		}
		f.young[k] = e
	}
	return e, before, id
}

func (f *Filter) path(p path) uint16 {
	id, ok := f.paths[p]
	if !ok {
		if len(f.paths) >= maxPaths {
			return maxPaths
		}
		id = uint16(len(f.paths))
		f.paths[p] = id
	}
	return id
}

// count returns the counter of a path. A path that is new begins with what its input had before the start.
func (e *entry) count(id, before uint16) *count {
	first := uint32(0)
	for i := range e.counts {
		if e.counts[i].path == id {
			return &e.counts[i]
		}
		if e.counts[i].path == before {
			first = e.counts[i].n
		}
	}
	e.counts = append(e.counts, count{id, first})
	return &e.counts[len(e.counts)-1]
}
