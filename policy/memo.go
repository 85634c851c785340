package policy

import (
	"math/bits"
	"net/netip"
	"sync"

	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

// Deciding tries no rule by rule. Each thing that rules look at is a column; for each value that was seen in it, a set
// of bits is remembered that says which rules can match: those whose matcher holds, and those that have none. The rules
// that match are the ones that are in all sets. Names of events, volumes and nodes are few and come again and again.

// ruleSet has a bit for each rule.
type ruleSet []uint64

func (s ruleSet) add(rule int) { s[rule/64] |= 1 << (rule % 64) }

// column is one thing that at least one rule looks at.
type column struct {
	field field
	key   string  // of the message
	free  ruleSet // rules without a matcher on it
	rules []int   // those with one, and its place in their matchers
	place []int
	fixed [16]ruleSet // of severities and states, which are numbers
}

// value tells the values of a column apart. Nodes and peers have several names.
type value struct {
	column int
	a, b   string
	addr   netip.Addr
}

// memoMax bounds what is remembered: a flood of different values begins anew.
const memoMax = 16384

type memo struct {
	mu   sync.RWMutex // guards sets
	sets map[value]ruleSet
}

// arrange makes the columns.
func (p *Policy) arrange() {
	words := (len(p.rules) + 63) / 64
	find := func(m *matcher) *column {
		for _, c := range p.columns {
			if c.field == m.field && c.key == m.key {
				return c
			}
		}
		c := &column{field: m.field, key: m.key}
		p.columns = append(p.columns, c)
		return c
	}
	for i, r := range p.rules {
		for k := range r.matchers {
			c := find(&r.matchers[k])
			c.rules, c.place = append(c.rules, i), append(c.place, k)
		}
	}
	for _, c := range p.columns {
		c.free = make(ruleSet, words)
		for i := range p.rules {
			c.free.add(i)
		}
		for _, i := range c.rules {
			c.free[i/64] &^= 1 << (i % 64)
		}
		for v := range c.fixed {
			switch c.field {
			case bySeverity:
				c.fixed[v] = p.fits(c, &translate.Notification{Severity: translate.Severity(v)})
			case byState:
				c.fixed[v] = p.fits(c, &translate.Notification{State: translate.AlarmState(v)})
			}
		}
	}
	p.memo.sets = map[value]ruleSet{}
}

// fits works out which rules can match as far as the column goes.
func (p *Policy) fits(c *column, n *translate.Notification) ruleSet {
	set := make(ruleSet, len(c.free))
	copy(set, c.free)
	for k, i := range c.rules {
		if p.rules[i].matchers[c.place[k]].holds(n) {
			set.add(i)
		}
	}
	return set
}

// of returns the value that the notification has in the column.
func (c *column) of(n *translate.Notification) (v value) {
	switch c.field {
	case byEvent:
		v.a = n.Event
	case byGroup:
		v.a = n.Group
	case byVolume:
		v.a = n.Volume
	case byBrick:
		v.a = n.Brick
	case bySubvol:
		v.a = n.Subvol
	case byPeer:
		v.a, v.b = n.Peer, n.PeerID
	case byNode:
		v.a, v.b, v.addr = n.NodeName, n.NodeID, n.NodeAddr
	case byMessage:
		for i := range n.Fields {
			if n.Fields[i].Key == c.key {
				v.a = n.Fields[i].Value
				break
			}
		}
	}
	return v
}

// set returns the rules that can match as far as column i goes.
func (p *Policy) set(i int, n *translate.Notification) ruleSet {
	c := p.columns[i]
	switch {
	case c.field == bySeverity && int(n.Severity) < len(c.fixed):
		return c.fixed[n.Severity]
	case c.field == byState && int(n.State) < len(c.fixed):
		return c.fixed[n.State]
	}
	v := c.of(n)
	v.column = i
	p.memo.mu.RLock()
	s, ok := p.memo.sets[v]
	p.memo.mu.RUnlock()
	if ok {
		return s
	}
	s = p.fits(c, n)
	p.memo.mu.Lock()
	defer p.memo.mu.Unlock()
	if len(p.memo.sets) >= memoMax {
		clear(p.memo.sets)
	}
	p.memo.sets[v] = s
	return s
}

// candidates calls fn for each rule whose matchers hold, in order, until it returns false.
func (p *Policy) candidates(n *translate.Notification, fn func(*rule) bool) {
	var few [4]uint64
	left := ruleSet(few[:])
	if words := (len(p.rules) + 63) / 64; words > len(few) {
		left = make(ruleSet, words)
	} else {
		left = left[:words]
	}
	for i := range left {
		left[i] = ^uint64(0)
	}
	if over := len(p.rules) % 64; over > 0 {
		left[len(left)-1] = 1<<over - 1
	}
	for i := range p.columns {
		for w, bitsOf := range p.set(i, n) {
			left[w] &= bitsOf
		}
	}
	for w, b := range left {
		for ; b != 0; b &= b - 1 {
			if !fn(p.rules[w*64+bits.TrailingZeros64(b)]) {
				return
			}
		}
	}
}
