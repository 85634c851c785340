// Package mibs is the program's own two MIB modules and the one place that knows OIDs. The files
// GLUSTER-TRAPGW-ROOT-MIB and GLUSTER-EVENTS-MIB beside it are the truth: the program reads from them at start which
// event has which OID, which objects a notification carries in which order, their sizes, enumerations and
// descriptions. The modules import nothing but SMIv2 itself, which comes with the MIB library, so that they load on a
// machine without any other MIB.
//
// Everything lies below one root (DefaultRoot, or the one a site sets), and moving the root changes the ROOT module
// only. It never decides what is sent or how severe it is; translate and the outputs ask it for names and OIDs.
package mibs

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"sort"
	"strings"

	"github.com/golangsnmp/gomib"
	"github.com/golangsnmp/gomib/mib"
)

// The names of the two modules.
const (
	RootModule   = "GLUSTER-TRAPGW-ROOT-MIB"
	EventsModule = "GLUSTER-EVENTS-MIB"
)

//go:embed GLUSTER-TRAPGW-ROOT-MIB GLUSTER-EVENTS-MIB
var modules embed.FS

// Kind is the SMI base type of an object.
type Kind uint8

// The base types that occur.
const (
	Octets Kind = iota
	Integer
	Unsigned
	Counter
	TimeTicks
	ObjectID
)

// Object is one object that can be a varbind.
type Object struct {
	Name    string
	OID     string // of the instance, with a leading dot: ".1.3.6.1.4.1.8072....0"
	Kind    Kind
	MaxSize int  // octets, for Octets
	IsText  bool // UTF-8; other octet strings are DateAndTime (SNMPv2-TC)
	enum    []enumLabel
}

type enumLabel struct {
	number int64
	label  string
}

// Label returns the name of an enumerated value, "critical" for 3, and "" when it has none.
func (o *Object) Label(number int64) string {
	for _, e := range o.enum {
		if e.number == number {
			return e.label
		}
	}
	return ""
}

// Labels returns every enumerated value by its name; nil for other objects.
func (o *Object) Labels() map[string]int64 {
	if len(o.enum) == 0 {
		return nil
	}
	m := make(map[string]int64, len(o.enum))
	for _, e := range o.enum {
		m[e.label] = e.number
	}
	return m
}

// Notification is one NOTIFICATION-TYPE.
type Notification struct {
	Name        string // "glusterQuorumLost"
	OID         string // with a leading dot
	Number      uint32 // last sub-identifier
	Event       string // GlusterFS event name, "QUORUM_LOST"; empty for the generic one and the gateway's own
	Description string
	Objects     []*Object // in the order in which they must be sent
}

// MIB is the loaded modules under one root. It is immutable and safe for concurrent use.
type MIB struct {
	root          string
	notifications []Notification // by number
	byEvent       map[string]*Notification
	byName        map[string]*Notification
	objects       map[string]*Object
	names         map[string]string // OID to name
	byOID         map[string]*Object
	enterprise    string
	unknown       *Notification
}

// unknownName is the notification for event types that the module lacks.
const unknownName = "glusterUnknownEvent"

// referencePrefix stands before the event's name in the REFERENCE clause.
const referencePrefix = "GlusterFS event "

// Load reads the bundled modules and puts everything below root, a dotted OID below 1.3.6.1.4.1; an empty one means
// DefaultRoot. It takes a few milliseconds. The error says what is wrong with the root.
func Load(root string) (*MIB, error) {
	arcs, err := parseRoot(root)
	if err != nil {
		return nil, err
	}
	m, err := load(modules)
	if err != nil {
		return nil, fmt.Errorf("load the bundled MIB modules: %w", err)
	}
	return m.rebase(arcs), nil
}

// load reads the modules from a file system under the root that their text has, and copies out what is needed: the
// library's own tables are much larger and go away.
func load(fsys fs.FS) (*MIB, error) {
	lib, err := gomib.Load(context.Background(), gomib.WithSource(gomib.FS("bundled", fsys)), gomib.WithModules(EventsModule))
	if err != nil {
		return nil, err
	}
	if d := lib.Diagnostics(); len(d) > 0 {
		return nil, fmt.Errorf("%s", d[0].Message)
	}
	node := lib.Node("glusterTrapgw")
	if node == nil {
		return nil, fmt.Errorf("glusterTrapgw is not defined")
	}
	m := &MIB{root: node.OID().String(), objects: map[string]*Object{}}
	for _, o := range lib.Objects() {
		if o.Module() == nil || o.Module().Name() != EventsModule || !o.IsScalar() {
			continue
		}
		m.objects[o.Name()] = newObject(o)
	}
	for _, n := range lib.Notifications() {
		if n.Module() == nil || n.Module().Name() != EventsModule {
			continue
		}
		event, _ := strings.CutPrefix(n.Reference(), referencePrefix)
		own := Notification{Name: n.Name(), OID: "." + n.OID().String(), Number: n.OID().LastArc(),
			Event: event, Description: oneLine(n.Description())}
		for _, o := range n.Objects() {
			own.Objects = append(own.Objects, m.objects[o.Name()])
		}
		m.notifications = append(m.notifications, own)
	}
	sort.Slice(m.notifications, func(i, k int) bool { return m.notifications[i].Number < m.notifications[k].Number })
	if ent := lib.Node("glusterEventsMIB"); ent != nil {
		m.enterprise = "." + ent.OID().String()
	}
	return m, nil
}

func newObject(o *mib.Object) *Object {
	own := &Object{Name: o.Name(), OID: "." + o.OID().String() + ".0"}
	base := o.Type().EffectiveBase().String()
	switch {
	case strings.Contains(base, "OCTET"):
		own.Kind = Octets
		own.IsText = strings.HasSuffix(o.EffectiveDisplayHint(), "t")
		for _, r := range o.EffectiveSizes() {
			own.MaxSize = max(own.MaxSize, int(r.Max))
		}
	case strings.Contains(base, "OBJECT"):
		own.Kind = ObjectID
	case strings.Contains(base, "Counter"):
		own.Kind = Counter
	case strings.Contains(base, "TimeTicks"):
		own.Kind = TimeTicks
	case strings.Contains(base, "Unsigned"), strings.Contains(base, "Gauge"):
		own.Kind = Unsigned
	default:
		own.Kind = Integer
	}
	for _, e := range o.EffectiveEnums() {
		own.enum = append(own.enum, enumLabel{e.Value, e.Label})
	}
	return own
}

// rebase moves everything below another root and builds the lookups.
func (m *MIB) rebase(root []uint32) *MIB {
	to := dotted(root)
	move := func(oid string) string { return "." + to + strings.TrimPrefix(oid, "."+m.root) }
	m.byEvent, m.byName = map[string]*Notification{}, map[string]*Notification{}
	m.names, m.byOID = map[string]string{}, map[string]*Object{}
	for _, o := range m.objects {
		o.OID = move(o.OID)
		m.names[o.OID], m.byOID[o.OID] = o.Name+".0", o
	}
	for i := range m.notifications {
		n := &m.notifications[i]
		n.OID = move(n.OID)
		m.names[n.OID], m.byName[n.Name] = n.Name, n
		if n.Event != "" {
			m.byEvent[n.Event] = n
		}
	}
	m.unknown = m.byName[unknownName]
	m.enterprise = move(m.enterprise)
	m.root = to
	for oid, name := range standardNames {
		m.names[oid] = name
	}
	return m
}

// The varbinds of other modules that notifications carry.
const (
	SysUpTime   = ".1.3.6.1.2.1.1.3.0"     // SNMPv2-MIB, the first varbind (RFC 3416 section 4.2.6)
	TrapOID     = ".1.3.6.1.6.3.1.1.4.1.0" // SNMPv2-MIB snmpTrapOID, the second
	TrapAddress = ".1.3.6.1.6.3.18.1.3.0"  // SNMP-COMMUNITY-MIB snmpTrapAddress (RFC 3584)
	Enterprise  = ".1.3.6.1.6.3.1.1.4.3.0" // SNMPv2-MIB snmpTrapEnterprise
	Community   = ".1.3.6.1.6.3.18.1.4.0"  // SNMP-COMMUNITY-MIB snmpTrapCommunity
)

var standardNames = map[string]string{
	SysUpTime: "sysUpTime.0", TrapOID: "snmpTrapOID.0", TrapAddress: "snmpTrapAddress.0",
	Enterprise: "snmpTrapEnterprise.0", Community: "snmpTrapCommunity.0",
}

// Root is the OID below which everything lies, without a leading dot.
func (m *MIB) Root() string { return m.root }

// EnterpriseOID is the OID of glusterEventsMIB with a leading dot: the enterprise of v1 traps (RFC 3584).
func (m *MIB) EnterpriseOID() string { return m.enterprise }

// Event returns the notification of a GlusterFS event type and whether the module has one.
func (m *MIB) Event(name string) (*Notification, bool) {
	n, ok := m.byEvent[name]
	return n, ok
}

// Unknown is the generic notification for event types that the module lacks.
func (m *MIB) Unknown() *Notification { return m.unknown }

// Notification returns a notification by its own name, "gtgHeartbeat".
func (m *MIB) Notification(name string) (*Notification, bool) {
	n, ok := m.byName[name]
	return n, ok
}

// Notifications returns all of them in the order of their numbers. The caller must not change them.
func (m *MIB) Notifications() []Notification { return m.notifications }

// Object returns an object by name, "gtgEvSeverity".
func (m *MIB) Object(name string) (*Object, bool) {
	o, ok := m.objects[name]
	return o, ok
}

// Instance returns the object with this instance OID (leading dot).
func (m *MIB) Instance(oid string) (*Object, bool) {
	o, ok := m.byOID[oid]
	return o, ok
}

// Name returns the name of a notification's or a varbind's OID (leading dot), "gtgEvSeverity.0", and whether it is
// known; the few standard varbinds of traps are.
func (m *MIB) Name(oid string) (string, bool) {
	name, ok := m.names[oid]
	return name, ok
}

// oneLine folds the white space of a DESCRIPTION.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
