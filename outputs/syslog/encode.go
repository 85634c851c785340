package syslog

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

// encoder appends messages. It is immutable and safe for concurrent use.
//
// The structured data of an RFC 5424 message: gluster@PEN holds the fields of the event as GlusterFS sent them,
// trapgw@PEN what the gateway made of them, alarm the alarm as RFC 5674 has it, origin and meta are those of RFC 5424
// section 7, and snmp holds the OID of the notification as RFC 5675 does, so that a message and its trap can be joined.
// The two of our own are apart because a value on the wire of glustereventsd can smuggle in fields of any name.
type encoder struct {
	facility int
	app      string
	bom      bool
	maxSize  int // octets of one message
	eventID  string
	ownID    string
	origin   string // ready: software="..." swVersion="..." enterpriseId="..."
	form     func(e *encoder, b []byte, n *translate.Notification, ord uint64, d detail) []byte
	zone     *time.Location // of RFC 3164 timestamps
	local    bool           // RFC 3164 for a unix socket
}

// Limits of RFC 5424 section 6.
const (
	maxHost  = 255
	maxApp   = 48
	maxMsgID = 32
	maxName  = 32 // SD-NAME
)

// severities is the table of RFC 5674 section 2; informational, which it lacks, is Informational (6).
var severities = [...]int{
	translate.Critical:      1, // Alert
	translate.Major:         2, // Critical
	translate.Minor:         3, // Error
	translate.Warning:       4,
	translate.Indeterminate: 5, // Notice
	translate.Cleared:       5,
	translate.Informational: 6,
}

// snmpTrapOID is the varbind that says which notification it is.
const snmpTrapOID = "1.3.6.1.6.3.1.1.4.1.0"

// detail is how much of a notification is written.
type detail struct {
	fields     bool // the event's own fields
	value      int  // octets of each of them; 0 is no limit
	text       int  // octets of the text; 0 is no limit
	resources  bool // what the gateway made of them, the alarm, the origin
	oid        bool
	identifier int  // octets of host and event name; 0 is no limit
	cut        bool // something is left out: say so
}

// append appends one message without framing. A message over the limit gives up, until it fits: the ends of long
// values, the event's own fields, all but what identifies the notification, and the end of the text, which then closes
// with an ellipsis. truncated="true" says that something was left out.
func (e *encoder) append(dst []byte, n *translate.Notification, ord uint64) []byte {
	start := len(dst)
	dst = e.form(e, dst, n, ord, detail{fields: true, resources: true, oid: true})
	if len(dst)-start <= e.maxSize {
		return dst
	}
	text := max(e.maxSize/4, 64)
	d := detail{cut: true, identifier: 48, text: 1}
	for _, try := range []detail{
		{cut: true, fields: true, value: 128, text: text, resources: true, oid: true},
		{cut: true, text: text, resources: true, oid: true},
		{cut: true, text: text, oid: true},
		{cut: true, text: 1, oid: true, identifier: 64},
		d,
	} {
		if d = try; len(e.form(e, dst[:start], n, ord, d))-start <= e.maxSize {
			break
		}
	}
	// The text gets the room that is left. Escaping may make it longer than it is, so this may take a second try.
	for d.text = e.maxSize; ; {
		dst = e.form(e, dst[:start], n, ord, d)
		over := len(dst) - start - e.maxSize
		if over <= 0 || d.text <= 1 {
			return dst
		}
		d.text = max(1, min(d.text, len(n.Text)+len(ellipsis))-over)
	}
}

const ellipsis = "…"

// short cuts s to at most max octets, the last of them an ellipsis; 0 is no limit.
func short(s string, max int) string {
	if max == 0 {
		return s
	}
	if s = translate.Clean(s); len(s) <= max { // as long as it will be on the wire
		return s
	}
	if max < len(ellipsis) {
		return ""
	}
	return string(cut([]byte(s[:max]), max-len(ellipsis))) + ellipsis
}

// priority is facility and severity (RFC 5424 section 6.2.1).
func (e *encoder) priority(n *translate.Notification) int {
	if n.Severity == 0 || int(n.Severity) >= len(severities) {
		return e.facility*8 + 5
	}
	return e.facility*8 + severities[n.Severity]
}

// rfc5424 is the message of RFC 5424.
func (e *encoder) rfc5424(b []byte, n *translate.Notification, ord uint64, d detail) []byte {
	b = append(b, '<')
	b = strconv.AppendInt(b, int64(e.priority(n)), 10)
	b = append(b, ">1 "...)
	b = appendTime(b, n.Time)
	b = append(b, ' ')
	b = appendName(b, n.Host(), d.limit(maxHost))
	b = append(b, ' ')
	b = append(b, e.app...)
	b = append(b, " - "...)
	b = appendName(b, MsgID(n.Event), maxMsgID)
	b = append(b, ' ')
	b = e.data(b, n, ord, d)
	b = append(b, ' ')
	if e.bom {
		b = append(b, "\xef\xbb\xbf"...)
	}
	return append(b, short(translate.Clean(n.Text), d.text)...)
}

// limit is the smaller of max and the limit of identifiers.
func (d *detail) limit(max int) int {
	if d.identifier > 0 {
		return min(d.identifier, max)
	}
	return max
}

// appendTime is RFC 5424 section 6.2.3: at most six digits of a second, UTC. Years beyond 9999 have no such form.
func appendTime(b []byte, t time.Time) []byte {
	if y := t.UTC().Year(); y < 0 || y > 9999 {
		return append(b, '-')
	}
	return t.UTC().AppendFormat(b, "2006-01-02T15:04:05.999999Z")
}

// appendName appends a header field: printable US-ASCII without spaces, at most max octets, - when there is nothing.
func appendName(b []byte, s string, max int) []byte {
	if s == "" {
		return append(b, '-')
	}
	for i := 0; i < len(s) && i < max; i++ {
		if c := s[i]; c > 0x20 && c < 0x7f {
			b = append(b, c)
		} else {
			b = append(b, '_')
		}
	}
	return b
}

func (e *encoder) data(b []byte, n *translate.Notification, ord uint64, d detail) []byte {
	if d.fields && len(n.Fields) > 0 {
		b = append(b, '[')
		b = append(b, e.eventID...)
		for i := range n.Fields {
			value := short(n.Fields[i].Value, d.value)
			d.cut = d.cut || len(n.Fields[i].Key) > maxName
			b = appendField(b, n.Fields[i].Key, value)
		}
		b = append(b, ']')
	}
	event := short(n.Event, d.identifier)
	b = append(b, '[')
	b = append(b, e.ownID...)
	b = param(b, "event", event)
	b = param(b, "severity", n.Severity.String())
	if d.resources {
		b = optional(b, "cluster", n.Cluster)
		b = optional(b, "node", n.NodeName)
		b = optional(b, "nodeId", n.NodeID)
		b = optional(b, "volume", n.Volume)
		b = optional(b, "brick", n.Brick)
		b = optional(b, "peer", n.Peer)
		b = optional(b, "subvol", n.Subvol)
		if n.AlarmKey != "" {
			b = param(b, "alarmState", n.State.String())
			b = param(b, "alarmKey", n.AlarmKey)
		}
	}
	b = param(b, "id", n.ID)
	if d.cut {
		b = append(b, ` truncated="true"`...)
	}
	b = append(b, ']')
	if d.resources && isAlarm(n) {
		b = appendAlarm(b, n)
	}
	if d.resources {
		b = append(b, "[origin"...)
		if n.NodeAddr.IsValid() {
			b = append(b, ` ip="`...)
			b = n.NodeAddr.WithZone("").AppendTo(b)
			b = append(b, '"')
		}
		b = append(b, e.origin...)
		b = append(b, ']')
	}
	b = append(b, `[meta sequenceId="`...)
	b = strconv.AppendUint(b, sequence(ord), 10)
	b = append(b, `"]`...)
	if d.oid {
		b = append(b, `[snmp v1="`+snmpTrapOID+`" l1="snmpTrapOID.0"`...)
		b = param(b, "o1", strings.TrimPrefix(n.OID, "."))
		b = append(b, ']')
	}
	return b
}

// sequence counts from 1 to 2147483647 and then from 1 again (RFC 5424 section 7.3.1).
func sequence(ord uint64) uint64 { return (max(ord, 1)-1)%2147483647 + 1 }

func isAlarm(n *translate.Notification) bool {
	return n.State == translate.Raise || n.State == translate.Clear || n.State == translate.Update
}

// appendAlarm is the structured data of RFC 5674 section 3.
func appendAlarm(b []byte, n *translate.Notification) []byte {
	cause, kind, severity, trend := alarm(n)
	b = append(b, "[alarm"...)
	b = param(b, "resource", n.AlarmKey)
	b = param(b, "probableCause", cause)
	b = param(b, "perceivedSeverity", severity)
	b = param(b, "eventType", kind)
	b = param(b, "trendIndication", trend)
	return append(b, ']')
}

// alarm is what RFC 5674 wants to know. informational is no severity there.
func alarm(n *translate.Notification) (cause, kind, severity, trend string) {
	cause, kind = causeOf(n.AlarmClass)
	perceived := n.Severity
	switch n.State {
	case translate.Clear:
		perceived, trend = translate.Cleared, "lessSevere"
	case translate.Update:
		trend = "noChange"
	default:
		trend = "moreSevere"
	}
	if perceived == translate.Informational || perceived.String() == "" {
		perceived = translate.Indeterminate
	}
	return cause, kind, perceived.String(), trend
}

func optional(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	return param(b, name, value)
}

func param(b []byte, name, value string) []byte {
	b = append(b, ' ')
	b = append(b, name...)
	return appendValue(b, value)
}

// appendField writes a field of the event. Its name may be anything: what RFC 5424 section 6.3.2 does not allow in a
// name, which is printable US-ASCII except = SP ] ", becomes an underscore, and what is over 32 octets is left out.
func appendField(b []byte, name, value string) []byte {
	b = append(b, ' ')
	if name == "" {
		name = "_"
	}
	for i := 0; i < len(name) && i < maxName; i++ {
		if c := name[i]; c > 0x20 && c < 0x7f && c != '=' && c != ']' && c != '"' {
			b = append(b, c)
		} else {
			b = append(b, '_')
		}
	}
	return appendValue(b, value)
}

// appendValue writes ="value" with ", \ and ] escaped (RFC 5424 section 6.3.3); control characters are spaces.
func appendValue(b []byte, value string) []byte {
	b = append(b, `="`...)
	value = translate.Clean(value)
	from := 0
	for i := 0; i < len(value); i++ {
		switch value[i] {
		case '"', '\\', ']':
			b = append(append(b, value[from:i]...), '\\')
			from = i
		}
	}
	return append(append(b, value[from:]...), '"')
}

// cut shortens b to at most n octets at a character boundary.
func cut(b []byte, n int) []byte {
	for n > 0 && n < len(b) && !utf8.RuneStart(b[n]) {
		n--
	}
	return b[:n]
}
