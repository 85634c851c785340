// Package silences keeps what nobody wants to hear of for a while: a peer under maintenance, a volume that is being
// rebuilt. A silence has matchers, which must all hold, a start and an end, an author and a comment. It hides no fault
// from the gateway: alarms go on beneath it, and package alarms asks Store.Silenced before it says anything of them.
//
// The store is one small file that is replaced as a whole. Silences that have ended stay in it for some days, so that
// the history can be understood and a backlog is read as it would have been on time. A file that cannot be read is set
// aside with a word in the log: a gateway must not stay silent, and must not fail, because of its silences.
//
// The admin API of cmd adds and expires silences; the readers of the log ask. Any number of goroutines may do either.
package silences

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/statefile"
	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

// ErrInvalid is returned by Add for a silence that makes no sense.
var ErrInvalid = errors.New("not a silence")

// ErrUnknown is returned by Expire for an ID that no silence has.
var ErrUnknown = errors.New("there is no such silence")

// ErrEnded is returned by Expire for a silence that has ended already.
var ErrEnded = errors.New("the silence has ended already")

// Silence is one silence. It is not changed once it is in a store; Expire puts another in its place.
type Silence struct {
	ID       string    `json:"id"`
	Matchers []Matcher `json:"matchers"`
	Starts   time.Time `json:"starts"`
	Ends     time.Time `json:"ends"`
	Author   string    `json:"author"`
	Comment  string    `json:"comment"`
}

// State is "pending", "active" or "ended".
func (s *Silence) State(at time.Time) string {
	switch {
	case at.Before(s.Starts):
		return "pending"
	case at.Before(s.Ends):
		return "active"
	default:
		return "ended"
	}
}

const (
	keepEnded   = 5 * 24 * time.Hour
	maxSilences = 1000
	maxMatchers = 20
	maxText     = 512
)

func (s *Silence) validate(now time.Time) error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if len(s.Matchers) == 0 {
		bad("a silence needs at least one matcher, such as volume=gv0")
	} else if !slices.ContainsFunc(s.Matchers, func(m Matcher) bool { return m.fits("") == strings.HasPrefix(m.Op, "!") }) {
		bad("every matcher fits what is not there, so that the silence would cover nearly everything: add one such as volume=gv0")
	}
	if len(s.Matchers) > maxMatchers {
		bad("%d matchers, %d are allowed", len(s.Matchers), maxMatchers)
	}
	if !s.Ends.After(now) || !s.Ends.After(s.Starts) {
		bad("it would end at %s, before it begins or before now", s.Ends.Format(time.RFC3339))
	}
	if s.Ends.Year() > 2199 {
		bad("it would end in the year %d", s.Ends.Year())
	}
	for name, text := range map[string]string{"author": s.Author, "comment": s.Comment} {
		if strings.TrimSpace(text) == "" {
			bad("the %s is empty: others want to know", name)
		}
		if len(text) > maxText {
			bad("the %s has %d octets, %d are allowed", name, len(text), maxText)
		}
	}
	return errors.Join(errs...)
}

// Store holds the silences. Make it with Open.
type Store struct {
	file string
	now  func() time.Time

	mu  sync.Mutex // one writer at a time
	all atomic.Pointer[[]*Silence]
}

type content struct {
	Version  int        `json:"v"`
	Silences []*Silence `json:"silences"`
}

// Open reads the file, which need not exist. It never fails: what cannot be read is set aside and reported.
func Open(file string, log *slog.Logger) *Store {
	s := &Store{file: file, now: time.Now}
	all, err := Read(file)
	if err != nil {
		aside := file + ".damaged"
		log.Error("silences cannot be read: there are none now", "file", file, "kept_as", aside, "err", errors.Join(err, os.Rename(file, aside)))
		all = nil
	}
	s.all.Store(&all)
	return s
}

// Read returns the silences of a file without touching it.
func Read(file string) ([]*Silence, error) {
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var c content
	if err := json.Unmarshal(data, &c); err != nil {
		return nil, err
	}
	if c.Version != 1 {
		return nil, fmt.Errorf("version %d is not known", c.Version)
	}
	for _, s := range c.Silences {
		if s == nil || s.ID == "" || len(s.Matchers) == 0 {
			return nil, errors.New("a silence has no ID or no matchers")
		}
	}
	return c.Silences, nil
}

// Silenced returns the silence that n falls under at a time, and when that ends: the one that lasts longest. The ID is
// empty when there is none.
func (s *Store) Silenced(n *translate.Notification, at time.Time) (id string, until time.Time) {
	for _, one := range *s.all.Load() {
		if at.Before(one.Starts) || !at.Before(one.Ends) || !one.Ends.After(until) || !one.covers(n) {
			continue
		}
		id, until = one.ID, one.Ends
	}
	return id, until
}

func (s *Silence) covers(n *translate.Notification) bool {
	for i := range s.Matchers {
		if !s.Matchers[i].matches(n) {
			return false
		}
	}
	return true
}

// List returns the silences that did not end long ago, in the order in which they begin. They must not be changed.
func (s *Store) List() []*Silence { return recent(*s.all.Load(), s.now()) }

func recent(all []*Silence, now time.Time) []*Silence {
	return slices.DeleteFunc(slices.Clone(all), func(one *Silence) bool { return now.Sub(one.Ends) > keepEnded })
}

// Add gives the silence an ID and keeps it; when it returns, it is on disk. One that should have begun already begins
// now: what was said cannot be taken back.
func (s *Store) Add(one Silence) (*Silence, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now().UTC()
	if one.Starts.Before(now) {
		one.Starts = now
	}
	one.Starts, one.Ends = one.Starts.UTC(), one.Ends.UTC()
	one.Author, one.Comment = translate.Clean(one.Author), translate.Clean(one.Comment)
	one.Matchers = slices.Clone(one.Matchers)
	for i := range one.Matchers {
		if err := one.Matchers[i].compile(); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
		}
	}
	if err := one.validate(now); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	all := recent(*s.all.Load(), now)
	if len(all) >= maxSilences { // those that have ended make room
		all = slices.DeleteFunc(all, func(o *Silence) bool { return o.State(now) == "ended" })
	}
	if len(all) >= maxSilences {
		return nil, fmt.Errorf("%w: there are %d already, no more are kept: expire some", ErrInvalid, len(all))
	}
	for one.ID = newID(); slices.ContainsFunc(all, func(o *Silence) bool { return o.ID == one.ID }); {
		one.ID = newID()
	}
	all = append(all, &one)
	slices.SortStableFunc(all, func(a, b *Silence) int { return a.Starts.Compare(b.Starts) })
	return &one, s.save(all)
}

// Expire ends a silence now.
func (s *Store) Expire(id string) (*Silence, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now().UTC()
	all := recent(*s.all.Load(), now)
	i := slices.IndexFunc(all, func(one *Silence) bool { return one.ID == id })
	if i < 0 {
		return nil, fmt.Errorf("%w: %q", ErrUnknown, id)
	}
	if !now.Before(all[i].Ends) {
		return nil, fmt.Errorf("%w: %q, at %s", ErrEnded, id, all[i].Ends.Format(time.RFC3339))
	}
	one := *all[i]
	if one.Ends = now; one.Starts.After(now) {
		one.Starts = now
	}
	all[i] = &one
	return &one, s.save(all)
}

func (s *Store) save(all []*Silence) error {
	data, err := json.MarshalIndent(content{1, all}, "", "  ")
	if err != nil {
		return fmt.Errorf("encode silences: %w", err)
	}
	if err := statefile.Write(s.file, append(data, '\n')); err != nil {
		return fmt.Errorf("save silences: %w", err)
	}
	s.all.Store(&all)
	return nil
}

func newID() string {
	var b [4]byte
	rand.Read(b[:]) //nolint:errcheck // it never fails
	return hex.EncodeToString(b[:])
}
