package main

import (
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/conffile"
	"github.com/gluster-trapgw/gluster-trapgw/statefile"
)

// sourcesConfig is the sources section of the configuration.
type sourcesConfig struct {
	// SilentAfter is how long a node must have been silent at least before that can be worth an alarm; 0 turns it off.
	SilentAfter conffile.Duration `yaml:"silent_after"`
}

func (c sourcesConfig) validate() error {
	if d := time.Duration(c.SilentAfter); d != 0 && d < burst {
		return conffile.At("silent_after", "%s is too short: at least %s, or 0 to never raise an alarm", c.SilentAfter, conffile.Duration(burst))
	}
	return nil
}

const (
	burst      = 10 * time.Minute // events that are closer together than this are one sign of life
	pauses     = 32               // how many pauses between signs of life are remembered
	rhythm     = 8                // how many it takes to know the rhythm of a node
	patience   = 3                // a node is silent after so many times its longest pause
	maxSources = 1024
)

// source is a node as its events show it. The file holds it like this.
type source struct {
	Last   time.Time       `json:"last"`   // when its last event was received
	Events uint64          `json:"events"` // since the first start
	Pauses []time.Duration `json:"pauses"` // between signs of life, newest last
	Silent bool            `json:"silent"` // an alarm was raised

	away   bool // the gateway was away since Last: the next pause is not the node's
	awake  time.Time
	longer bool // an event came since the alarm was raised
}

// sources knows which nodes send events, and in which rhythm. GlusterFS sends nothing while all is well, so silence
// alone says nothing: only a node that used to speak every so often, and has not for several times as long, is worth
// a word. That is no proof that it has failed, and its peers tell when it has; it is for what they cannot know, such as a
// glustereventsd that died or a webhook that was lost.
type sources struct {
	file  string
	least time.Duration
	log   *slog.Logger

	mu    sync.Mutex // guards nodes and what is in it
	nodes map[string]*source
}

// newSources reads what was known before the restart at now.
func newSources(file string, cfg sourcesConfig, now time.Time, log *slog.Logger) *sources {
	s := &sources{file: file, least: time.Duration(cfg.SilentAfter), log: log, nodes: map[string]*source{}}
	data, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(data, &s.nodes)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		log.Warn("the rhythm of the nodes is not known any more: it is learnt anew", "err", err)
		s.nodes = map[string]*source{}
	}
	for uuid, n := range s.nodes {
		if n == nil || !isNode(uuid) {
			delete(s.nodes, uuid)
			continue
		}
		n.away, n.awake = true, now
	}
	return s
}

// seen notes an event of the node.
func (s *sources) seen(uuid string, now time.Time) {
	if !isNode(uuid) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.nodes[uuid]
	if n == nil {
		if len(s.nodes) >= maxSources {
			return
		}
		n = &source{Last: now}
		s.nodes[uuid] = n
	}
	if pause := now.Sub(n.Last); pause >= burst && !n.away {
		if len(n.Pauses) >= pauses {
			n.Pauses = slices.Delete(n.Pauses, 0, 1)
		}
		n.Pauses = append(n.Pauses, pause)
	}
	n.Last, n.away, n.longer = now, false, true
	n.Events++
}

// isNode tells whether an event came with a node's UUID. The webhook takes any text, as whoever makes up events may
// write what he likes; but it would stay in the file and in the status for ever, in the place of a real node.
func isNode(id string) bool {
	for i := range len(id) {
		switch c := id[i]; {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'f', c >= 'A' && c <= 'F', c == '-':
		default:
			return false
		}
	}
	return id != "" && len(id) <= len("00000000-0000-0000-0000-000000000000")
}

// change is a node that fell silent, or spoke again.
type change struct {
	node   string
	silent bool
	since  time.Duration
}

// changes returns what is new at now. Who is told makes it known with commit.
func (s *sources) changes(now time.Time) []change {
	if s.least == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []change
	for uuid, n := range s.nodes {
		since := n.Last
		if n.awake.After(since) {
			since = n.awake
		}
		quiet := now.Sub(since)
		switch {
		case n.Silent && n.longer:
			all = append(all, change{node: uuid})
		case !n.Silent && len(n.Pauses) >= rhythm && quiet >= max(s.least, patience*slices.Max(n.Pauses)):
			all = append(all, change{node: uuid, silent: true, since: now.Sub(n.Last)})
		}
	}
	return all
}

// commit notes that a change was made known.
func (s *sources) commit(c change) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := s.nodes[c.node]; n != nil {
		n.Silent, n.longer = c.silent, false
	}
}

// save writes the file.
func (s *sources) save() {
	s.mu.Lock()
	data, err := json.Marshal(s.nodes)
	s.mu.Unlock()
	if err == nil {
		err = statefile.Write(s.file, data)
	}
	if err != nil {
		s.log.Warn("the rhythm of the nodes cannot be saved", "err", err)
	}
}

// lastEvents returns when each node was last heard of.
func (s *sources) lastEvents() map[string]time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make(map[string]time.Time, len(s.nodes))
	for uuid, n := range s.nodes {
		all[uuid] = n.Last
	}
	return all
}
