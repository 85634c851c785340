package mibs

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// FormatValue returns the value of a varbind as a person reads it: "critical(3)" for an enumerated value, the date
// of a DateAndTime, the name of a notification's OID, days and hours for TimeTicks. The OID has a leading dot. The
// value is what an SNMP library decodes to: octets as []byte or string, OIDs as string, numbers as any integer type.
// It serves printers of received packets, so that a value of the wrong type or size is shown as it is, and what a
// terminal would act on is escaped.
func (m *MIB) FormatValue(oid string, value any) string {
	o, known := m.byOID[oid]
	number, isNumber := asInt64(value)
	switch {
	case value == nil:
		return ""
	case isNumber && (oid == SysUpTime || known && o.Kind == TimeTicks):
		return formatTicks(number)
	case isNumber && known && o.Label(number) != "":
		return fmt.Sprintf("%s(%d)", o.Label(number), number)
	case isNumber:
		return fmt.Sprint(value)
	}
	switch v := value.(type) {
	case []byte:
		if known && o.Kind == Octets && !o.IsText {
			return formatDateAndTime(v)
		}
		return formatText(string(v))
	case string:
		if known && o.Kind == Octets && !o.IsText {
			return formatDateAndTime([]byte(v))
		}
		if oid == TrapOID || oid == Enterprise || known && o.Kind == ObjectID {
			if name, ok := m.names["."+strings.TrimPrefix(v, ".")]; ok {
				return name
			}
		}
		return formatText(v)
	default:
		return formatText(fmt.Sprint(v))
	}
}

// asInt64 widens any integer; a Counter64 above the largest int64 is left to the caller.
func asInt64(value any) (int64, bool) {
	switch v := value.(type) {
	case int:
		return int64(v), true
	case int32:
		return int64(v), true
	case int64:
		return v, true
	case uint8:
		return int64(v), true
	case uint32:
		return int64(v), true
	case uint:
		return int64(v), v <= 1<<63-1
	case uint64:
		return int64(v), v <= 1<<63-1
	default:
		return 0, false
	}
}

// formatTicks writes hundredths of a second as "1d 02:03:04.05".
func formatTicks(n int64) string {
	seconds := n / 100
	return fmt.Sprintf("%dd %02d:%02d:%02d.%02d", seconds/86400, seconds/3600%24, seconds/60%60, seconds%60, n%100)
}

// formatDateAndTime writes the 8 or 11 octets of a DateAndTime (RFC 2579) as "2026-11-23 09:05:00.0 +01:00", and
// octets that are none in hexadecimal. The offset is missing in the short form: it means local time of the sender.
func formatDateAndTime(b []byte) string {
	if len(b) != 8 && len(b) != 11 || b[2] < 1 || b[2] > 12 || b[3] < 1 || b[3] > 31 ||
		b[4] > 23 || b[5] > 59 || b[6] > 60 || b[7] > 9 {
		return hex.EncodeToString(b)
	}
	s := fmt.Sprintf("%04d-%02d-%02d %02d:%02d:%02d.%d", binary.BigEndian.Uint16(b), b[2], b[3], b[4], b[5], b[6], b[7])
	if len(b) == 8 {
		return s
	}
	if b[8] != '+' && b[8] != '-' || b[9] > 14 || b[10] > 59 {
		return hex.EncodeToString(b)
	}
	return s + fmt.Sprintf(" %c%02d:%02d", b[8], b[9], b[10])
}

// formatText keeps printable UTF-8 and escapes the rest: a received string must not move the reader's cursor.
func formatText(s string) string {
	clean := true
	for _, r := range s {
		clean = clean && r != utf8.RuneError && unicode.IsPrint(r)
	}
	if clean {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r < 0x80:
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
		i += size
	}
	return b.String()
}
