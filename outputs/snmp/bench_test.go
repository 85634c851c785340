package snmp

import (
	"context"
	"testing"

	"github.com/gosnmp/gosnmp"

	"github.com/gluster-trapgw/gluster-trapgw/outputs"
)

func BenchmarkRenderV2c(b *testing.B) {
	o := newOutput(b, config("127.0.0.1:162"))
	n := quorumLost(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := o.Render(n, 1); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkEncoderV2c is the bare encoder with the varbinds of BenchmarkRenderV2c: the limit of it.
func BenchmarkEncoderV2c(b *testing.B) {
	o := newOutput(b, config("127.0.0.1:162"))
	s := &scratch{}
	if err := o.fill(quorumLost(b), s); err != nil {
		b.Fatal(err)
	}
	p := gosnmp.SnmpPacket{Version: gosnmp.Version2c, Community: "public", PDUType: gosnmp.SNMPv2Trap, Variables: s.vars}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.MarshalMsg(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRenderV2cTrimmed(b *testing.B) {
	o := newOutput(b, config("127.0.0.1:162"))
	n := full(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := o.Render(n, 1); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSendTraps(b *testing.B) {
	l, err := Listen("127.0.0.1:0", testMIB(b))
	if err != nil {
		b.Fatal(err)
	}
	defer l.conn.Close() // bound but not read: what does not fit into its buffer is thrown away
	o := newOutput(b, config(l.Addr()))
	var batch []outputs.Message
	for range 256 {
		batch = append(batch, render(b, o, quorumLost(b)))
	}
	for b.Loop() {
		if n, err := o.Send(context.Background(), batch); n != len(batch) || err != nil {
			b.Fatal(n, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(batch)), "ns/trap")
}
