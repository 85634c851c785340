package snmp

import (
	"fmt"
	"hash/fnv"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gosnmp/gosnmp"

	"github.com/gluster-trapgw/gluster-trapgw/mibs"
	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

// texts tells where the value of a text object comes from. Objects that are not named here or in numbers are taken
// from the field of the notification that has the object's name: so the gateway's own notifications carry figures.
var texts = map[string]func(n *translate.Notification) string{
	"gtgEvClusterId":      func(n *translate.Notification) string { return n.Cluster },
	"gtgEvNodeId":         func(n *translate.Notification) string { return n.NodeID },
	"gtgEvNodeName":       (*translate.Notification).Host,
	"gtgEvName":           eventName,
	"gtgEvAlarmKey":       func(n *translate.Notification) string { return n.AlarmKey },
	"gtgEvNotificationId": func(n *translate.Notification) string { return n.ID },
	"gtgEvVolume":         func(n *translate.Notification) string { return n.Volume },
	"gtgEvBrick":          func(n *translate.Notification) string { return n.Brick },
	"gtgEvPeer":           func(n *translate.Notification) string { return n.Peer },
	"gtgEvSubvol":         func(n *translate.Notification) string { return n.Subvol },
	"gtgEvMessage":        func(n *translate.Notification) string { return n.Text },
	"gtgEvRaw":            func(n *translate.Notification) string { return n.Raw },
}

// numbers tells where the value of a numeric object comes from; ok is false where there is nothing to say.
var numbers = map[string]func(n *translate.Notification) (v uint32, ok bool){
	"gtgEvSeverity":   func(n *translate.Notification) (uint32, bool) { return uint32(n.Severity), true },
	"gtgEvAlarmState": func(n *translate.Notification) (uint32, bool) { return uint32(n.State), true },
	"gtgEvSequence":   func(n *translate.Notification) (uint32, bool) { return uint32(n.Seq), true }, // modulo 2^32, as its DESCRIPTION says
	"gtgEvEpoch": func(n *translate.Notification) (uint32, bool) {
		s := n.Time.Unix()
		return uint32(s), s >= 0 && s <= math.MaxUint32
	},
}

// extras are appended to the objects of every notification that lacks them, in this order, where they are not empty
// and fit. The snmpTrapAddress comes after them.
var extras = []string{"gtgEvBrick", "gtgEvPeer", "gtgEvSubvol", "gtgEvNodeId", "gtgEvNotificationId", "gtgEvEpoch", truncated, raw}

// The objects that trimming treats apart.
const (
	truncated = "gtgEvTruncated"
	raw       = "gtgEvRaw"
	message   = "gtgEvMessage"
	alarmKey  = "gtgEvAlarmKey"
	name      = "gtgEvName"
)

// eventName is never empty: the object has SIZE (1..64).
func eventName(n *translate.Notification) string {
	if n.Event != "" {
		return n.Event
	}
	if n.Name != "" {
		return n.Name
	}
	return "UNKNOWN"
}

// slot is one varbind of a layout.
type slot struct {
	name string // of the object
	oid  string
	kind mibs.Kind
	max  int  // octets
	text bool // UTF-8; else a DateAndTime
	more bool // one of extras
	tail bool // an object of few notification types, after those that all types have
	size int  // octets of the OID when encoded
	get  func(n *translate.Notification) string
	num  func(n *translate.Notification) (uint32, bool)
}

// layout is the varbinds of one notification type: the objects that its type demands, and the extras.
type layout struct {
	objects []slot
	extras  []slot
	mark    slot // gtgEvTruncated
}

func newSlot(o *mibs.Object) slot {
	s := slot{name: o.Name, oid: o.OID, kind: o.Kind, max: o.MaxSize, text: o.IsText, get: texts[o.Name], num: numbers[o.Name]}
	s.size = oidSize(o.OID)
	switch {
	case o.Kind == mibs.Octets && s.get == nil:
		s.get = fieldText(o.Name)
	case o.Kind != mibs.Octets && s.num == nil:
		s.num = fieldNumber(o.Name)
	}
	return s
}

// oidSize is how many octets an OID has when encoded (X.690 section 8.19).
func oidSize(oid string) int {
	size := -1 // the first two numbers share an octet
	for _, arc := range strings.Split(strings.TrimPrefix(oid, "."), ".") {
		n, _ := strconv.ParseUint(arc, 10, 32) // the MIB holds nothing else
		size++
		for n >>= 7; n > 0; n >>= 7 {
			size++
		}
	}
	return size
}

// tlvSize is how many octets a value of n octets has with its tag and length.
func tlvSize(n int) int {
	switch {
	case n < 128:
		return 2 + n
	case n < 256:
		return 3 + n
	default:
		return 4 + n
	}
}

func fieldText(name string) func(n *translate.Notification) string {
	return func(n *translate.Notification) string {
		for i := range n.Fields {
			if n.Fields[i].Key == name {
				return n.Fields[i].Value
			}
		}
		return ""
	}
}

func fieldNumber(name string) func(n *translate.Notification) (uint32, bool) {
	text := fieldText(name)
	return func(n *translate.Notification) (uint32, bool) {
		v, err := strconv.ParseUint(text(n), 10, 64)
		return uint32(min(v, math.MaxUint32)), err == nil
	}
}

// layouts makes the layout of every notification of the MIB, by the name of the notification.
func layouts(mib *mibs.MIB) (map[string]*layout, error) {
	all := map[string]*layout{}
	for _, n := range mib.Notifications() {
		l := &layout{}
		have := map[string]bool{}
		for i, o := range n.Objects {
			s := newSlot(o)
			s.tail = i >= len(mib.Unknown().Objects)
			l.objects = append(l.objects, s)
			have[o.Name] = true
		}
		for _, e := range extras {
			o, ok := mib.Object(e)
			if !ok {
				return nil, fmt.Errorf("the MIB has no object %q", e)
			}
			if have[e] {
				continue
			}
			s := newSlot(o)
			s.more = true
			l.extras = append(l.extras, s)
			if e == truncated {
				l.mark = s
			}
		}
		all[n.Name] = l
	}
	return all, nil
}

// value returns the slot's value in gosnmp's form; ok is false where there is nothing to say.
func (s *slot) value(n *translate.Notification) (v gosnmp.SnmpPDU, cut, ok bool) {
	v.Name = s.oid
	switch {
	case s.kind == mibs.Octets && s.get != nil && s.text:
		whole := s.get(n)
		text := fit(s.name, whole, s.max)
		v.Type, v.Value = gosnmp.OctetString, text
		return v, len(text) < len(whole), text != ""
	case s.kind == mibs.Octets:
		v.Type, v.Value = gosnmp.OctetString, dateAndTime(n.Time)
		return v, false, true
	}
	num, ok := s.num(n)
	switch s.kind {
	case mibs.Integer:
		v.Type, v.Value = gosnmp.Integer, int(int32(min(num, math.MaxInt32)))
	case mibs.Counter:
		v.Type, v.Value = gosnmp.Counter32, num
	case mibs.TimeTicks:
		v.Type, v.Value = gosnmp.TimeTicks, num
	case mibs.ObjectID:
		v.Type, v.Value = gosnmp.ObjectIdentifier, ".0.0"
	default:
		v.Type, v.Value = gosnmp.Gauge32, num // the tag of Unsigned32, RFC 2578 section 7.1.11
	}
	return v, false, ok
}

// dateAndTime is SNMPv2-TC's DateAndTime in its long form, in UTC.
func dateAndTime(t time.Time) []byte {
	t = t.UTC()
	year := min(max(t.Year(), 0), math.MaxUint16)
	return []byte{byte(year >> 8), byte(year), byte(t.Month()), byte(t.Day()),
		byte(t.Hour()), byte(t.Minute()), byte(t.Second()), byte(t.Nanosecond() / 1e8), '+', 0, 0}
}

// fit cuts text to at most max octets in the way that suits the object.
func fit(object, text string, max int) string {
	switch {
	case len(text) <= max:
		return text
	case object == message:
		return cutMark(text, max)
	case object == alarmKey:
		return cutKey(text, max)
	default:
		return cut(text, max)
	}
}

// cut keeps at most max octets and no half character.
func cut(text string, max int) string {
	if len(text) <= max {
		return text
	}
	for i := max; i >= 0 && i > max-utf8.UTFMax; i-- {
		if utf8.RuneStart(text[i]) {
			return text[:i]
		}
	}
	return text[:max] // not UTF-8 at all
}

// cutMark shows that something is missing.
func cutMark(text string, max int) string {
	const mark = "…"
	if len(text) <= max || max < len(mark) {
		return cut(text, max)
	}
	return cut(text, max-len(mark)) + mark
}

// shortKey is the least length of a cut alarm key that is still told from others.
const shortKey = 32

// cutKey ends a cut key with a digest of the whole one, so that two long keys stay different and the key of a clear
// stays equal to that of its raise.
func cutKey(key string, max int) string {
	if len(key) <= max {
		return key
	}
	h := fnv.New32a()
	h.Write([]byte(key))
	tail := fmt.Sprintf("~%08x", h.Sum32())
	if max < len(tail) {
		return cut(key, max)
	}
	return cut(key, max-len(tail)) + tail
}
