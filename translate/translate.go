// Package translate turns a GlusterFS event into a notification: which OID, which resources, how severe, which alarm,
// and one line of text for a human. It is pure: no clock, no file, no network, no state between events, so that serve,
// test and a later look into the history come to the same result.
//
// OIDs and names come from package mibs; severity, alarm and text from the event catalogue (catalogue.yaml). The keys of
// an event's message fill in resources and text and choose nothing: on the wire of glustereventsd any value can smuggle
// in keys. No string of a notification has a control character or an octet that is not UTF-8, whatever the event had.
//
// Readers of the log call Decode and Translator.Translate for each record; who keeps alarm state asks Translator.Alarm
// which alarm a notification begins and Translator.Ends which ones it ends.
package translate

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/mibs"
)

// Translator translates events. It is immutable and safe for concurrent use.
type Translator struct {
	mib       *mibs.MIB
	catalogue *Catalogue
	cluster   Cluster
	nodes     nodes
	types     map[string]eventType
}

type eventType struct {
	entry *Entry
	notif *mibs.Notification
}

// maxID is the room that a notification ID of 64 octets has beside a dash and a number of 20 digits.
const maxID = 64 - 21

// New returns a translator for a validated cluster configuration.
func New(m *mibs.MIB, cluster Cluster) (*Translator, error) {
	c, err := LoadCatalogue()
	if err != nil {
		return nil, err
	}
	if len(cluster.ID) > maxID || Clean(cluster.ID) != cluster.ID {
		return nil, fmt.Errorf("use log identity %q: it has more than %d octets or control characters", cluster.ID, maxID)
	}
	ns, err := newNodes(cluster.Nodes)
	if err != nil {
		return nil, fmt.Errorf("read the cluster's nodes: %w", err)
	}
	t := &Translator{mib: m, catalogue: c, cluster: cluster, nodes: ns, types: map[string]eventType{}}
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
	if isUUID(n.NodeID) {
		n.NodeID = strings.ToLower(n.NodeID)
	}
	nd := t.nodes.byUUID[n.NodeID]
	n.NodeName, n.NodeAddr = nd.name, nd.addr
	// glustereventsd posts from its own node. Other inputs hear from clients too, which are no nodes.
	if !n.NodeAddr.IsValid() && ev.Input == "webhook" && ev.Remote != "" {
		if a, err := parseAddr(ev.Remote); err == nil && !a.IsLoopback() && !a.IsUnspecified() {
			n.NodeAddr = a
		}
	}
	if ev.Input == OwnInput && t.own(n) {
		return n
	}
	et, known := t.types[ev.Name]
	if !known {
		u := t.mib.Unknown()
		n.Name, n.OID, n.Group = u.Name, u.OID, unknownGroup
		t.resources(n, false)
		n.Text = unknownText(n)
		return n
	}
	n.Name, n.OID, n.Group, n.Severity = et.notif.Name, et.notif.OID, et.entry.Group, et.entry.Severity
	t.resources(n, et.entry.Local)
	var buf [256]byte
	n.Text = string(n.appendText(buf[:0], et.entry.template))
	t.state(n, et.entry)
	return n
}

// unknownGroup is the group of events that the catalogue lacks.
const unknownGroup = "unknown"

func unknownText(n *Notification) string {
	var b strings.Builder
	b.WriteString("Unknown GlusterFS event ")
	b.WriteString(n.Event)
	sep := ": "
	for _, f := range n.Fields {
		b.WriteString(sep)
		b.WriteString(f.Key)
		b.WriteByte('=')
		b.WriteString(f.Value)
		sep = ", "
	}
	return b.String()
}

// hostAddr tells whether s is a bare IP address; unlike netip.ParseAddr it costs nothing for a name.
func hostAddr(s string) bool {
	if s == "" || s[0] != ':' && (s[0] < '0' || s[0] > '9') && strings.IndexByte(s, ':') < 0 {
		return false
	}
	_, err := netip.ParseAddr(s)
	return err == nil
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
