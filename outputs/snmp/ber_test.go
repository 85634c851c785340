package snmp

import (
	"bytes"
	"math"
	"testing"

	"github.com/gosnmp/gosnmp"
)

// FuzzMarshalV2c: our encoder gives what gosnmp's gives, octet for octet.
func FuzzMarshalV2c(f *testing.F) {
	table, err := newOIDTable(testMIB(f))
	if err != nil {
		f.Fatal(err)
	}
	f.Add("public", uint32(1), "text", []byte{1, 2}, int32(3), uint32(7), uint32(2312), uint8(1))
	f.Add("", uint32(math.MaxInt32), long(300), bytes.Repeat([]byte{255}, 70000), int32(math.MinInt32), uint32(math.MaxUint32), uint32(math.MaxUint32), uint8(1))
	f.Add("c", uint32(128), long(127), bytes.Repeat([]byte{0}, 128), int32(-129), uint32(0x80000000), uint32(127), uint8(3))
	f.Fuzz(func(t *testing.T, community string, id uint32, text string, octets []byte, whole int32, number, arc uint32, times uint8) {
		if len(community) > maxCommunity {
			return // gosnmp has one octet for its length; Validate refuses more
		}
		oid := "." + dotted([]uint32{1, 3, 6, 1, 4, 1, arc, 0, arc / 2, 5})
		one := []gosnmp.SnmpPDU{
			{Name: oid, Type: gosnmp.OctetString, Value: text},
			{Name: ".1.3.6.1.2.1.1.3.0", Type: gosnmp.TimeTicks, Value: number},
			{Name: ".1.3.6.1.6.3.1.1.4.1.0", Type: gosnmp.ObjectIdentifier, Value: oid},
			{Name: oid, Type: gosnmp.OctetString, Value: octets},
			{Name: oid, Type: gosnmp.Integer, Value: int(whole)},
			{Name: oid, Type: gosnmp.Gauge32, Value: number},
			{Name: oid, Type: gosnmp.Counter32, Value: number},
			{Name: oid, Type: gosnmp.IPAddress, Value: []byte{192, 0, 2, byte(arc)}},
		}
		var vars []gosnmp.SnmpPDU
		for range times % 4 {
			vars = append(vars, one...)
		}
		id &= maxRequestID
		for _, kind := range []gosnmp.PDUType{gosnmp.SNMPv2Trap, gosnmp.InformRequest} {
			got, err := table.marshalV2c(community, kind, id, vars)
			if err != nil {
				t.Fatal(err)
			}
			p := gosnmp.SnmpPacket{Version: gosnmp.Version2c, Community: community, PDUType: kind, RequestID: id, Variables: vars}
			want, err := p.MarshalMsg()
			if err != nil {
				return // what gosnmp cannot encode is no measure
			}
			if !bytes.Equal(got, want) {
				t.Fatalf("%d varbinds:\n got %x\nwant %x", len(vars), got[:min(200, len(got))], want[:min(200, len(want))])
			}
		}
	})
}

func dotted(arcs []uint32) string {
	s := ""
	for i, a := range arcs {
		if i > 0 {
			s += "."
		}
		s += itoa(a)
	}
	return s
}

func itoa(n uint32) string {
	if n < 10 {
		return string(rune('0' + n))
	}
	return itoa(n/10) + string(rune('0'+n%10))
}
