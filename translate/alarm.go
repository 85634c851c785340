package translate

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
)

// Alarm identifies the alarm that a raise begins or repeats.
type Alarm struct {
	Class string
	Key   string  // the notification's AlarmKey
	Parts []Field // the identity in the order of the class, then what else the event told: volume, brick, peer, ...
}

// Match describes the alarms that a notification ends.
type Match struct {
	Class string  // of this class; of any when empty
	Parts []Field // and with all of these parts
}

// Covers reports whether the alarm is one of those that the match describes.
func (m *Match) Covers(a *Alarm) bool {
	if m.Class != "" && m.Class != a.Class {
		return false
	}
	for _, p := range m.Parts {
		i := slices.IndexFunc(a.Parts, func(f Field) bool { return f.Key == p.Key })
		if i < 0 || a.Parts[i].Value != p.Value {
			return false
		}
	}
	return true
}

// further are the parts that an alarm has beside its identity, so that the end of a volume, a brick or a peer can find
// it. The reporting node is not among them: an alarm belongs to a node only when its identity says so.
var further = []string{"volume", "brick", "peer", "peername", "subvol"}

// Alarm returns the alarm that a raise is about, and whether the notification is a raise of the catalogue.
func (t *Translator) Alarm(n *Notification) (Alarm, bool) {
	e := t.catalogue.entry(n)
	if e == nil || e.Raises == "" {
		return Alarm{}, false
	}
	class := t.catalogue.Classes[e.Raises]
	a := Alarm{Class: e.Raises, Key: n.key(e.Raises, class, nil)}
	for _, p := range class {
		a.Parts = append(a.Parts, Field{p, n.part(p)})
	}
	for _, p := range further {
		if v := n.part(p); v != "" && !slices.Contains(class, p) {
			a.Parts = append(a.Parts, Field{p, v})
		}
	}
	return a, true
}

// Learn adds the parts beside the identity that another report of the alarm tells and the reports before did not, and
// returns whether there were any. A slice of the parts that somebody holds stays as it is.
func (a *Alarm) Learn(n *Notification) bool {
	had := len(a.Parts)
	for _, p := range further {
		if v := n.part(p); v != "" && !slices.ContainsFunc(a.Parts, func(f Field) bool { return f.Key == p }) {
			a.Parts = append(slices.Clip(a.Parts), Field{p, v})
		}
	}
	return len(a.Parts) > had
}

// Fill gives a notification about the alarm what the alarm knows and the event of the notification did not tell.
func (a *Alarm) Fill(n *Notification) {
	for _, p := range a.Parts {
		switch {
		case p.Key == "volume" && n.Volume == "":
			n.Volume = p.Value
		case p.Key == "subvol" && n.Subvol == "":
			n.Subvol = p.Value
		case p.Key == "peername" && n.Peer == "":
			n.Peer = p.Value
		case p.Key == "peer" && n.PeerID == "" && isUUID(p.Value):
			n.PeerID = p.Value
		}
	}
}

// Ends returns the alarms that a notification ends: for a clear first the one of its AlarmKey, then further classes,
// then what depended on a volume, brick or peer that is gone. A raise may end alarms too; they end before it begins.
func (t *Translator) Ends(n *Notification) []Match {
	e := t.catalogue.entry(n)
	if e == nil {
		return nil
	}
	var all []Match
	add := func(class string, parts ...Field) { all = append(all, Match{class, parts}) }
	for i := range e.Clears {
		c := &e.Clears[i]
		var parts []Field
		whole := slices.Equal(c.By, t.catalogue.Classes[c.Class])
		for _, p := range c.By {
			v := n.part(p)
			if v == "" && !whole {
				parts = nil // would match alarms of all volumes
				break
			}
			parts = append(parts, Field{p, v})
		}
		if parts != nil || whole {
			add(c.Class, parts...)
		}
	}
	switch e.Ends {
	case "volume":
		if n.Volume != "" {
			add("", Field{"volume", n.Volume})
		}
	case "brick":
		if n.Brick != "" {
			add("", Field{"brick", n.Brick})
		}
	case "bricks":
		for _, b := range strings.Fields(n.field("bricks")) {
			add("", Field{"brick", t.brickName(b)})
		}
	case "peer":
		if n.Peer != "" {
			add("", Field{"peername", n.Peer})
		}
		if n.PeerID != "" {
			add("", Field{"peer", n.PeerID})
			add("", Field{"node", n.PeerID})
		}
	}
	return all
}

// state fills in the alarm of a known event.
func (t *Translator) state(n *Notification, e *Entry) {
	switch {
	case e.Raises != "":
		n.State, n.AlarmClass = Raise, e.Raises
		n.AlarmKey = n.key(e.Raises, t.catalogue.Classes[e.Raises], nil)
	case len(e.Clears) > 0:
		c := &e.Clears[0]
		n.State, n.AlarmClass = Clear, c.Class
		n.AlarmKey = n.key(c.Class, t.catalogue.Classes[c.Class], c.By)
	}
}

// maxKey is the size that the MIB gives to alarm keys.
const maxKey = 255

// key joins the identity of an alarm: CLASS/PART/PART, with * for a part that is not among those given by (nil means
// that all are), and so matches any. It is for comparing, not for taking apart. A key that is too long ends in a digest
// of the whole, so that it stays one to one.
func (n *Notification) key(class string, parts, by []string) string {
	var buf [maxKey]byte
	b := append(buf[:0], class...)
	for _, p := range parts {
		b = append(b, '/')
		if by != nil && !slices.Contains(by, p) {
			b = append(b, '*')
			continue
		}
		b = append(b, n.part(p)...)
	}
	if len(b) <= maxKey {
		return string(b)
	}
	sum := sha256.Sum256(b)
	digest := "~" + hex.EncodeToString(sum[:12])
	return clip(string(b), maxKey-len(digest)) + digest
}
