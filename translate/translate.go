// Package translate turns a GlusterFS event into a notification: which OID, which resources, how severe, which alarm,
// and one line of text for a human. It is pure: no clock, no file, no network, no state between events, so that serve,
// test and a later look into the history come to the same result.
//
// OIDs and names come from package mibs; severity, alarm and text from the event catalogue (catalogue.yaml). The keys of
// an event's message fill in resources and text and choose nothing: on the wire of glustereventsd any value can smuggle
// in keys.
package translate

import (
	"errors"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/conffile"
	"github.com/gluster-trapgw/gluster-trapgw/mibs"
)

// Cluster is what the configuration says about the cluster.
type Cluster struct {
	Name  string          `yaml:"name"`
	Nodes map[string]Node `yaml:"nodes"` // by UUID
	ID    string          `yaml:"-"`     // identity of the durable log, the first part of notification IDs
}

// Node is one node of the cluster.
type Node struct {
	Name    string `yaml:"name"`
	Address string `yaml:"address"`
}

// Validate reports every mistake.
func (c *Cluster) Validate() error {
	var errs []error
	if len(c.Name) > 64 || Clean(c.Name) != c.Name {
		errs = append(errs, conffile.At("name", "%q is not a cluster name: at most 64 octets without control characters", c.Name))
	}
	for id, n := range c.Nodes {
		if !isUUID(id) {
			errs = append(errs, conffile.At("nodes."+id, "%q is not the UUID of a node: see gluster pool list", id))
		}
		if n.Address != "" {
			if _, err := netip.ParseAddr(n.Address); err != nil {
				errs = append(errs, conffile.At("nodes."+id+".address", "%q is not an IP address", n.Address))
			}
		}
		if len(n.Name) > 255 || Clean(n.Name) != n.Name {
			errs = append(errs, conffile.At("nodes."+id+".name", "%q is not a node name", n.Name))
		}
	}
	return errors.Join(errs...)
}

func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return false
			}
		case c >= '0' && c <= '9', c >= 'a' && c <= 'f', c >= 'A' && c <= 'F':
		default:
			return false
		}
	}
	return true
}

// Translator translates events. It is immutable and safe for concurrent use.
type Translator struct {
	mib       *mibs.MIB
	catalogue *Catalogue
	cluster   Cluster
	nodes     map[string]node   // by lower-case UUID
	uuids     map[string]string // node name or address to UUID
	types     map[string]eventType
}

type node struct {
	name string
	addr netip.Addr
}

type eventType struct {
	entry *Entry
	notif *mibs.Notification
}

// New returns a translator for a validated cluster configuration.
func New(m *mibs.MIB, cluster Cluster) (*Translator, error) {
	c, err := LoadCatalogue()
	if err != nil {
		return nil, err
	}
	t := &Translator{mib: m, catalogue: c, cluster: cluster,
		nodes: map[string]node{}, uuids: map[string]string{}, types: map[string]eventType{}}
	for id, n := range cluster.Nodes {
		addr, err := netip.ParseAddr(n.Address)
		if n.Address != "" && err != nil {
			return nil, err
		}
		id = strings.ToLower(id)
		t.nodes[id] = node{n.Name, addr}
		for _, name := range []string{n.Name, n.Address} {
			if name != "" {
				t.uuids[name] = id
			}
		}
	}
	for _, e := range c.Events {
		if n, ok := m.Event(e.Event); ok {
			t.types[e.Event] = eventType{e, n}
		}
	}
	return t, nil
}

// Catalogue returns the event catalogue in use.
func (t *Translator) Catalogue() *Catalogue { return t.catalogue }

// lastTime is the end of the year 9999, beyond which no output format has a time.
const lastTime = 253402300800

// Translate returns the notification of an event.
func (t *Translator) Translate(ev *Event) *Notification {
	n := &Notification{
		ID: t.cluster.ID + "-" + strconv.FormatUint(ev.Seq, 10), Seq: ev.Seq, TS: ev.TS, Received: ev.Received,
		Event: clip(Clean(ev.Name), 64), Cluster: t.cluster.Name, NodeID: Clean(ev.NodeID), Raw: Clean(ev.Raw),
		Severity: Indeterminate, State: Stateless, Time: ev.Received.UTC(),
	}
	if ev.TS > 0 && ev.TS < lastTime {
		n.Time = time.Unix(ev.TS, 0).UTC()
	}
	n.Fields = make([]Field, len(ev.Message))
	for i, f := range ev.Message {
		n.Fields[i] = Field{strings.TrimSpace(Clean(f.Key)), Clean(f.Value)}
	}
	nd := t.nodes[strings.ToLower(n.NodeID)]
	n.NodeName, n.NodeAddr = nd.name, nd.addr
	if !n.NodeAddr.IsValid() {
		if a, err := netip.ParseAddr(ev.Remote); err == nil && !a.IsLoopback() && !a.IsUnspecified() {
			n.NodeAddr = a.Unmap().WithZone("")
		}
	}
	et, known := t.types[ev.Name]
	if !known {
		n.Name, n.OID, n.Group = t.mib.Unknown().Name, t.mib.Unknown().OID, "unknown"
		t.resources(n)
		n.Text = unknownText(n)
		return n
	}
	n.Name, n.OID, n.Group, n.Severity = et.notif.Name, et.notif.OID, et.entry.Group, et.entry.Severity
	t.resources(n)
	var buf [256]byte
	n.Text = string(n.appendText(buf[:0], et.entry.text))
	switch e := et.entry; {
	case e.Raises != "":
		n.State, n.AlarmClass = Raise, e.Raises
		n.AlarmKey = n.Key(e.Raises, t.catalogue.Classes[e.Raises], nil)
	case len(e.Clears) > 0:
		c := &e.Clears[0]
		n.State, n.AlarmClass = Clear, c.Class
		n.AlarmKey = n.Key(c.Class, t.catalogue.Classes[c.Class], c.By)
	}
	return n
}

// Key is the identity of an alarm: CLASS/PART/PART, with * for a part that is not among those given by (nil means that
// all are), and so matches any.
func (n *Notification) Key(class string, parts, by []string) string {
	var buf [128]byte
	b := append(buf[:0], class...)
	for _, p := range parts {
		b = append(b, '/')
		if by != nil && !contains(by, p) {
			b = append(b, '*')
			continue
		}
		b = append(b, n.part(p)...)
	}
	return string(b)
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}

func unknownText(n *Notification) string {
	var b strings.Builder
	b.WriteString("Unknown GlusterFS event ")
	b.WriteString(n.Event)
	sep := ": "
	for _, f := range n.Fields {
		b.WriteString(sep + f.Key + "=" + f.Value)
		sep = ", "
	}
	return b.String()
}

// clip cuts s to at most max octets at a character boundary.
func clip(s string, max int) string {
	if len(s) <= max {
		return s
	}
	for max > 0 && s[max]&0xc0 == 0x80 {
		max--
	}
	return s[:max]
}
