package snmp

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"github.com/gosnmp/gosnmp"

	"github.com/gluster-trapgw/gluster-trapgw/mibs"
)

// A v2c packet is encoded here and not by gosnmp, whose general encoder costs several times as much and is most of what
// draining a backlog of traps takes. What comes out is the same, octet for octet: a fuzz test holds the two together.
// v1 and v3, which nobody sends by the hundred thousand, go through gosnmp.

// oidTable holds the encoded forms of the OIDs that occur, by their dotted form with a leading dot.
type oidTable map[string][]byte

// newOIDTable encodes the OIDs of the MIB and the standard ones.
func newOIDTable(mib *mibs.MIB) (oidTable, error) {
	t := oidTable{}
	for _, oid := range []string{mibs.SysUpTime, mibs.TrapOID, mibs.TrapAddress} {
		if err := t.put(oid); err != nil {
			return nil, err
		}
	}
	for _, n := range mib.Notifications() {
		if err := t.put(n.OID); err != nil {
			return nil, err
		}
		for _, o := range n.Objects {
			if err := t.put(o.OID); err != nil {
				return nil, err
			}
		}
	}
	for _, name := range extras {
		if o, ok := mib.Object(name); ok {
			if err := t.put(o.OID); err != nil {
				return nil, err
			}
		}
	}
	return t, nil
}

func (t oidTable) put(oid string) error {
	b, err := encodeOID(oid)
	t[oid] = b
	return err
}

// get returns the encoded form, also of an OID that is not in the table.
func (t oidTable) get(oid string) ([]byte, error) {
	if b, ok := t[oid]; ok {
		return b, nil
	}
	return encodeOID(oid)
}

// encodeOID is X.690 section 8.19.
func encodeOID(oid string) ([]byte, error) {
	var b []byte
	for i, s := range strings.Split(strings.TrimPrefix(oid, "."), ".") {
		arc, err := strconv.ParseUint(s, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("%q is not an OID", oid)
		}
		switch i {
		case 0:
			b = append(b, byte(arc)*40)
		case 1:
			b[0] += byte(arc)
		default:
			b = appendBase128(b, uint32(arc))
		}
	}
	return b, nil
}

func appendBase128(b []byte, n uint32) []byte {
	for shift := 28; shift > 0; shift -= 7 {
		if n>>shift != 0 {
			b = append(b, byte(n>>shift)|0x80)
		}
	}
	return append(b, byte(n&0x7f))
}

// marshalV2c encodes a trap or inform: RFC 3416 section 3 in the message of RFC 1901. It is written from the end to the
// beginning, because each length stands before what it counts.
func (t oidTable) marshalV2c(community string, kind gosnmp.PDUType, id uint32, vars []gosnmp.SnmpPDU) ([]byte, error) {
	size := 64 + len(community)
	for i := range vars {
		size += 24 + len(vars[i].Name)
		switch v := vars[i].Value.(type) {
		case string:
			size += len(v)
		case []byte:
			size += len(v)
		}
	}
	w := backward{b: make([]byte, size), i: size}
	for i := len(vars) - 1; i >= 0; i-- {
		end := w.i
		if err := w.value(t, &vars[i]); err != nil {
			return nil, err
		}
		oid, err := t.get(vars[i].Name)
		if err != nil {
			return nil, err
		}
		w.octets(oid)
		w.header(byte(gosnmp.ObjectIdentifier), len(oid))
		w.header(0x30, end-w.i)
	}
	w.header(0x30, size-w.i) // variable-bindings
	w.integer(byte(gosnmp.Integer), 0)
	w.integer(byte(gosnmp.Integer), 0) // error-index and error-status
	w.integer(byte(gosnmp.Integer), int64(id))
	w.header(byte(kind), size-w.i)
	w.text(community)
	w.header(byte(gosnmp.OctetString), len(community))
	w.integer(byte(gosnmp.Integer), int64(gosnmp.Version2c))
	w.header(0x30, size-w.i)
	return w.b[w.i:], nil
}

// backward fills b from its end; i is the first octet used. b grows at the front when it is too small.
type backward struct {
	b []byte
	i int
}

func (w *backward) room(n int) {
	if w.i >= n {
		return
	}
	grown := make([]byte, 2*len(w.b)+n)
	at := len(grown) - (len(w.b) - w.i)
	copy(grown[at:], w.b[w.i:])
	w.b, w.i = grown, at
}

func (w *backward) octets(p []byte) {
	w.room(len(p))
	w.i -= len(p)
	copy(w.b[w.i:], p)
}

func (w *backward) text(s string) {
	w.room(len(s))
	w.i -= len(s)
	copy(w.b[w.i:], s)
}

// header writes tag and length, X.690 section 8.1.
func (w *backward) header(tag byte, n int) {
	w.room(6)
	switch {
	case n < 0x80:
		w.i--
		w.b[w.i] = byte(n)
	case n < 0x100:
		w.i -= 2
		w.b[w.i], w.b[w.i+1] = 0x81, byte(n)
	case n < 0x10000:
		w.i -= 3
		w.b[w.i] = 0x82
		binary.BigEndian.PutUint16(w.b[w.i+1:], uint16(n))
	default: // no UDP packet comes near it
		w.i -= 4
		w.b[w.i], w.b[w.i+1] = 0x83, byte(n>>16)
		binary.BigEndian.PutUint16(w.b[w.i+2:], uint16(n))
	}
	w.i--
	w.b[w.i] = tag
}

// integer writes a whole number in as few octets as two's complement allows.
func (w *backward) integer(tag byte, v int64) {
	w.room(16)
	end := w.i
	for {
		w.i--
		w.b[w.i] = byte(v)
		top := v & 0x80
		v >>= 8
		if v == 0 && top == 0 || v == -1 && top != 0 {
			break
		}
	}
	w.header(tag, end-w.i)
}

// value writes a value with tag and length.
func (w *backward) value(t oidTable, v *gosnmp.SnmpPDU) error {
	tag := byte(v.Type)
	switch x := v.Value.(type) {
	case string:
		if v.Type == gosnmp.ObjectIdentifier {
			oid, err := t.get(x)
			if err != nil {
				return err
			}
			w.octets(oid)
			w.header(tag, len(oid))
			return nil
		}
		w.text(x)
		w.header(tag, len(x))
	case []byte:
		w.octets(x)
		w.header(tag, len(x))
	case int:
		w.integer(tag, int64(x))
	case uint32:
		w.integer(tag, int64(x))
	default:
		return fmt.Errorf("%s has a value of a kind that no varbind has: %T", v.Name, v.Value)
	}
	return nil
}
