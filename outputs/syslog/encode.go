package syslog

import (
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

// encoder appends RFC 5424 messages. It is immutable and safe for concurrent use.
//
// The structured data of a message: gluster@PEN holds the fields of the event as GlusterFS sent them, trapgw@PEN what
// the gateway made of them, alarm the alarm as RFC 5674 has it, origin and meta are those of RFC 5424 section 7, and
// snmp holds the OID of the notification as RFC 5675 does, so that a message and its trap can be joined. The two of our
// own are apart because a value on the wire of glustereventsd can smuggle in fields of any name.
type encoder struct {
	facility int
	app      string
	bom      bool
	maxSize  int // octets of one message; 0 is no limit
	eventID  string
	ownID    string
	origin   string // ready: software="..." swVersion="..." enterpriseId="..."
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

// append appends one message without framing. When it is larger than the limit, the event's own fields go first, then
// the end of the text, and trapgw@PEN says truncated="true".
func (e *encoder) append(dst []byte, n *translate.Notification, ord uint64) []byte {
	start := len(dst)
	dst = e.message(dst, n, ord, full)
	if e.maxSize == 0 || len(dst)-start <= e.maxSize {
		return dst
	}
	dst = e.message(dst[:start], n, ord, withoutFields)
	if len(dst)-start <= e.maxSize {
		return dst
	}
	dst = e.message(dst[:start], n, ord, bare)
	if over := len(dst) - start - e.maxSize; over > 0 {
		dst = append(cut(dst, max(start, len(dst)-over-len("…"))), "…"...)
	}
	return dst
}

// How much of the structured data is written.
type detail int

const (
	full detail = iota
	withoutFields
	bare // what identifies the message
)

func (e *encoder) message(b []byte, n *translate.Notification, ord uint64, d detail) []byte {
	severity := 5
	if int(n.Severity) < len(severities) {
		severity = severities[n.Severity]
	}
	b = append(b, '<')
	b = strconv.AppendInt(b, int64(e.facility*8+severity), 10)
	b = append(b, ">1 "...)
	b = appendTime(b, n.Time)
	b = append(b, ' ')
	b = appendName(b, n.Host(), maxHost)
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
	return append(b, translate.Clean(n.Text)...)
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
	cutMark := d != full
	if d == full && len(n.Fields) > 0 {
		b = append(b, '[')
		b = append(b, e.eventID...)
		for i := range n.Fields {
			var short bool
			b, short = appendField(b, n.Fields[i].Key, n.Fields[i].Value)
			cutMark = cutMark || short
		}
		b = append(b, ']')
	}
	b = append(b, '[')
	b = append(b, e.ownID...)
	b = param(b, "event", n.Event)
	b = param(b, "severity", n.Severity.String())
	if d != bare {
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
	if cutMark {
		b = param(b, "truncated", "true")
	}
	b = append(b, ']')
	if d != bare && n.State != translate.Stateless {
		b = appendAlarm(b, n)
	}
	b = append(b, "[origin"...)
	if d != bare && n.NodeAddr.IsValid() {
		b = append(b, ` ip="`...)
		b = n.NodeAddr.AppendTo(b)
		b = append(b, '"')
	}
	b = append(b, e.origin...)
	b = append(b, `][meta sequenceId="`...)
	b = strconv.AppendUint(b, (ord-1)%2147483647+1, 10) // 1 to 2147483647, then 1 again: RFC 5424 section 7.3.1
	b = append(b, `"][snmp v1="`+snmpTrapOID+`" l1="snmpTrapOID.0" o1="`...)
	b = append(b, strings.TrimPrefix(n.OID, ".")...)
	return append(b, `"]`...)
}

// appendAlarm is the structured data of RFC 5674 section 3. informational is no severity there.
func appendAlarm(b []byte, n *translate.Notification) []byte {
	cause, kind := causeOf(n.AlarmClass)
	severity, trend := n.Severity, "moreSevere"
	switch n.State {
	case translate.Clear:
		severity, trend = translate.Cleared, "lessSevere"
	case translate.Update:
		trend = "noChange"
	}
	if severity == translate.Informational {
		severity = translate.Indeterminate
	}
	b = append(b, "[alarm"...)
	b = param(b, "resource", n.AlarmKey)
	b = param(b, "probableCause", cause)
	b = param(b, "perceivedSeverity", severity.String())
	b = param(b, "eventType", kind)
	b = param(b, "trendIndication", trend)
	return append(b, ']')
}

// causeOf gives the names that IANA-ITU-ALARM-TC-MIB has for the probable cause and the event type of an alarm class.
func causeOf(class string) (cause, kind string) {
	switch class {
	case "peer", "peer-rpc":
		return "communicationsSubsystemFailure", "communicationsAlarm"
	case "peer-reject", "client-auth":
		return "authenticationFailure", "securityServiceOrMechanismViolation"
	case "brick", "brick-stop", "svc":
		return "softwareProgramAbnormallyTerminated", "processingErrorAlarm"
	case "quorum", "replica", "replica-quorum", "disperse", "volume-stopped":
		return "underlyingResourceUnavailable", "processingErrorAlarm"
	case "quota", "disk-usage", "inode-usage", "snapshot-limit", "tier-watermark":
		return "storageCapacityProblem", "processingErrorAlarm"
	case "split-brain", "bad-file", "same-gfid":
		return "corruptData", "processingErrorAlarm"
	case "peer-store", "peer-unknown", "import-quota", "import-volume", "import-brick", "compare-volume":
		return "configurationOrCustomizationError", "processingErrorAlarm"
	default:
		return "softwareError", "processingErrorAlarm"
	}
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

// appendField writes a field of the event; its name may be anything. It reports whether the name had to be changed.
func appendField(b []byte, name, value string) ([]byte, bool) {
	b = append(b, ' ')
	changed := len(name) > maxName || name == ""
	if name == "" {
		name = "_"
	}
	for i := 0; i < len(name) && i < maxName; i++ {
		// RFC 5424 section 6.3.2: printable US-ASCII except = SP ] "
		if c := name[i]; c > 0x20 && c < 0x7f && c != '=' && c != ']' && c != '"' {
			b = append(b, c)
		} else {
			b = append(b, '_')
			changed = true
		}
	}
	return appendValue(b, value), changed
}

// appendValue writes ="value" with ", \ and ] escaped (RFC 5424 section 6.3.3); control characters are spaces.
func appendValue(b []byte, value string) []byte {
	b = append(b, `="`...)
	value = translate.Clean(value)
	from := 0
	for i := 0; i < len(value); i++ {
		switch value[i] {
		case '"', '\\', ']':
			b = append(b, value[from:i]...)
			b = append(b, '\\')
			from = i
		}
	}
	b = append(b, value[from:]...)
	return append(b, '"')
}

// cut shortens b to at most n octets at a character boundary.
func cut(b []byte, n int) []byte {
	for n > 0 && n < len(b) && !utf8.RuneStart(b[n]) {
		n--
	}
	return b[:n]
}

// MsgID is the MSGID of an event type: its name, and for names over 32 characters a stable short form: words that make
// names long are shortened, and what is still too long ends in a hash. The full name is in the structured data.
func MsgID(event string) string {
	if len(event) <= maxMsgID {
		return event
	}
	short := event
	for _, w := range [][2]string{{"SNAPSHOT_", "SNAP_"}, {"SCHEDULER_", "SCHED_"}, {"SCHEDULE_", "JOB_"}, {"VOLUME_", "VOL_"}} {
		short = strings.Replace(short, w[0], w[1], 1)
		if len(short) <= maxMsgID {
			return short
		}
	}
	h := fnv.New32a()
	h.Write([]byte(event)) //nolint:errcheck // a hash never fails
	return fmt.Sprintf("%.23s~%08x", strings.ToValidUTF8(event, "_"), h.Sum32())
}
