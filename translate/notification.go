package translate

import (
	"net/netip"
	"time"
)

// Notification is what the gateway sends for one event: everything an encoder needs, already normalised and
// free of control characters. It is immutable once made; policy changes a copy.
type Notification struct {
	ID       string    // equal on every resend of this notification, unique across restarts; 64 octets at most
	Seq      uint64    // the event's position in the durable log
	Event    string    // raw event name, "QUORUM_LOST"; for the gateway's own ones the MIB name
	Name     string    // NOTIFICATION-TYPE name, "glusterQuorumLost"; "glusterUnknownEvent" for types the MIB lacks
	OID      string    // its OID, dotted, with a leading dot, under the configured root
	Group    string    // catalogue group: peer, brick, quota, ...
	Time     time.Time // the event's own time, UTC; Received when TS cannot be a time (see Event.TS)
	TS       int64     // as sent
	Received time.Time

	Severity   Severity
	State      AlarmState
	AlarmClass string // catalogue alarm class, "brick", "peer"; empty for stateless events
	AlarmKey   string // identity, equal for a raise and its clear, * for what a clear does not know; empty for stateless events

	// Of updates and clears, filled in by package alarms: how long the alarm has been active and how often it was
	// reported in that time. Text says both too.
	Active time.Duration
	Count  int

	Cluster  string     // configured cluster name
	NodeID   string     // UUID, may be empty
	NodeName string     // configured name; empty when not configured
	NodeAddr netip.Addr // configured address, else the address the event came from; invalid when unknown

	Volume, Brick, Peer, Subvol string  // normalised resources; Brick is "host:/path", Peer a host name, else UUID
	PeerID                      string  // UUID of the peer when the event names it
	Text                        string  // one line for a human on duty: "Brick gfs2:/bricks/b1 of volume gv0 is down"
	Secondary, Client, Service  string  // further parts of alarm identities: host::volume, address, service name
	Fields                      []Field // message keys and values, control characters replaced, keys trimmed
	Raw                         string  // the body as received, control characters replaced
}

// Get returns the value of a message key, and whether it is there and not empty.
func (n *Notification) Get(key string) (string, bool) {
	v := n.field(key)
	return v, v != ""
}

// Host returns the best name for the node: its configured name, else its address, else its UUID, else "".
func (n *Notification) Host() string {
	switch {
	case n.NodeName != "":
		return n.NodeName
	case n.NodeAddr.IsValid():
		return n.NodeAddr.String()
	default:
		return n.NodeID
	}
}

// Severity is the perceived severity with the numbers of the MIB's GtgSeverity, which for 1 to 6 are those of
// ItuPerceivedSeverity (RFC 3877); informational is an addition.
type Severity uint8

// The perceived severities of ITU-T X.733, and informational.
const (
	Cleared       Severity = 1
	Indeterminate Severity = 2
	Critical      Severity = 3
	Major         Severity = 4
	Minor         Severity = 5
	Warning       Severity = 6
	Informational Severity = 7
)

var severityNames = [...]string{"", "cleared", "indeterminate", "critical", "major", "minor", "warning", "informational"}

// Severities lists the severity names, most severe first, as configuration files spell them.
var Severities = []string{"critical", "major", "minor", "warning", "indeterminate", "informational", "cleared"}

// String returns the lower-case name.
func (s Severity) String() string {
	if int(s) < len(severityNames) {
		return severityNames[s]
	}
	return ""
}

// ParseSeverity returns the severity of a lower-case name and whether there is one.
func ParseSeverity(name string) (Severity, bool) {
	for i, n := range severityNames {
		if n == name && i > 0 {
			return Severity(i), true
		}
	}
	return 0, false
}

// Rank orders severities for comparisons such as ">= major": critical is 6, cleared is 0.
func (s Severity) Rank() int {
	switch s {
	case Critical:
		return 6
	case Major:
		return 5
	case Minor:
		return 4
	case Warning:
		return 3
	case Indeterminate:
		return 2
	case Informational:
		return 1
	default:
		return 0
	}
}

// AlarmState says what a notification does to an alarm, with the numbers of the MIB's GtgAlarmState.
type AlarmState uint8

// The alarm states.
const (
	Stateless AlarmState = 1
	Raise     AlarmState = 2
	Clear     AlarmState = 3
	Update    AlarmState = 4
)

var stateNames = [...]string{"", "stateless", "raise", "clear", "update"}

// String returns the lower-case name.
func (s AlarmState) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return ""
}
