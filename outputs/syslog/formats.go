package syslog

import (
	"strconv"
	"strings"

	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

// maxTag is the longest TAG of RFC 3164 section 4.1.3.
const maxTag = 32

// rfc3164 is the message of RFC 3164 for old collectors: the time in the gateway's own zone and without a year, as
// that format wants it, and what RFC 5424 has structured data for in front of the text.
func (e *encoder) rfc3164(b []byte, n *translate.Notification, _ uint64, d detail) []byte {
	b = append(b, '<')
	b = strconv.AppendInt(b, int64(e.priority(n)), 10)
	b = append(b, '>')
	b = n.Time.In(e.zone).AppendFormat(b, "Jan _2 15:04:05 ")
	if !e.local { // syslog(3) sends no host name, and what reads /dev/log would take it for the tag
		b = appendName(b, n.Host(), d.limit(maxHost))
		b = append(b, ' ')
	}
	b = append(b, e.app[:min(len(e.app), maxTag)]...)
	b = append(b, ": "...)
	if e.local {
		b = appendName(b, n.Host(), d.limit(maxHost))
		b = append(b, ' ')
	}
	b = appendName(b, n.Event, d.limit(maxHost))
	b = append(b, ' ')
	b = append(b, n.Severity.String()...)
	if isAlarm(n) {
		b = append(b, ' ')
		b = append(b, n.State.String()...)
	}
	b = append(b, " ["...)
	b = append(b, translate.Clean(n.ID)...)
	b = append(b, "] "...)
	return append(b, short(translate.Clean(n.Text), d.text)...)
}

// json is a JSON object without a syslog header, for collectors that take lines of JSON. The event's own fields are
// apart, in fields; a name that is there twice gets a number.
func (e *encoder) json(b []byte, n *translate.Notification, ord uint64, d detail) []byte {
	event := short(n.Event, d.identifier)
	host := short(n.Host(), d.identifier)
	b = append(b, `{"time":"`...)
	b = appendTime(b, n.Time)
	b = append(b, '"')
	b = member(b, "host", host)
	b = member(b, "app", e.app)
	b = append(b, `,"pri":`...)
	b = strconv.AppendInt(b, int64(e.priority(n)), 10)
	b = member(b, "event", event)
	b = member(b, "severity", n.Severity.String())
	b = member(b, "state", n.State.String())
	b = member(b, "id", n.ID)
	b = append(b, `,"sequence":`...)
	b = strconv.AppendUint(b, sequence(ord), 10)
	if d.oid {
		b = member(b, "oid", strings.TrimPrefix(n.OID, "."))
	}
	if d.resources {
		for _, m := range [...]struct{ name, value string }{{"cluster", n.Cluster}, {"node", n.NodeName}, {"node_id", n.NodeID},
			{"volume", n.Volume}, {"brick", n.Brick}, {"peer", n.Peer}, {"subvol", n.Subvol}, {"alarm_key", n.AlarmKey}} {
			if m.value != "" {
				b = member(b, m.name, m.value)
			}
		}
		if n.NodeAddr.IsValid() {
			b = member(b, "ip", n.NodeAddr.WithZone("").String())
		}
		if isAlarm(n) {
			cause, kind, severity, trend := alarm(n)
			b = append(b, `,"alarm":{"probableCause":`...)
			b = appendJSON(b, cause)
			b = member(b, "perceivedSeverity", severity)
			b = member(b, "eventType", kind)
			b = member(b, "trendIndication", trend)
			b = append(b, '}')
		}
	}
	if d.fields && len(n.Fields) > 0 {
		b = append(b, `,"fields":{`...)
		for i, name := range fieldNames(n.Fields) {
			if i > 0 {
				b = append(b, ',')
			}
			value := short(n.Fields[i].Value, d.value)
			b = appendJSON(b, name)
			b = append(b, ':')
			b = appendJSON(b, value)
		}
		b = append(b, '}')
	}
	if d.cut {
		b = append(b, `,"truncated":true`...)
	}
	b = member(b, "text", short(n.Text, d.text))
	return append(b, '}')
}

// fieldNames are the names of the fields, clean and each only once.
func fieldNames(fields []translate.Field) []string {
	names := make([]string, len(fields))
	used := make(map[string]bool, len(fields))
	for i := range fields {
		name := translate.Clean(fields[i].Key)
		for k := 2; used[name]; k++ {
			name = translate.Clean(fields[i].Key) + "_" + strconv.Itoa(k)
		}
		names[i], used[name] = name, true
	}
	return names
}

func member(b []byte, name, value string) []byte {
	b = append(b, ',', '"')
	b = append(b, name...)
	b = append(b, '"', ':')
	return appendJSON(b, value)
}

// appendJSON appends a string; after Clean only two characters need escaping.
func appendJSON(b []byte, s string) []byte {
	s = translate.Clean(s)
	b = append(b, '"')
	from := 0
	for i := 0; i < len(s); i++ {
		if s[i] == '"' || s[i] == '\\' {
			b = append(append(b, s[from:i]...), '\\')
			from = i
		}
	}
	return append(append(b, s[from:]...), '"')
}
