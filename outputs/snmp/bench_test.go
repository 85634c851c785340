package snmp

import (
	"context"
	"fmt"
	"net"
	"testing"
	"time"

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

func BenchmarkRenderV3AuthPriv(b *testing.B) {
	o := newOutput(b, config("127.0.0.1:162", withUser(alice)))
	n := quorumLost(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := o.Render(n, 1); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkEncoderV3AuthPriv is the bare encoder with the varbinds of BenchmarkRenderV3AuthPriv.
func BenchmarkEncoderV3AuthPriv(b *testing.B) {
	o := newOutput(b, config("127.0.0.1:162", withUser(alice)))
	s := &scratch{}
	if err := o.fill(quorumLost(b), s); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		p := gosnmp.SnmpPacket{Version: gosnmp.Version3, MsgFlags: gosnmp.AuthPriv, SecurityModel: gosnmp.UserSecurityModel,
			SecurityParameters: o.own.params(), ContextEngineID: o.own.engineID, PDUType: gosnmp.SNMPv2Trap, Variables: s.vars}
		if _, err := p.MarshalMsg(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkInforms renders informs and sends them to a receiver in this process, which takes a good part of the time,
// once as near as it is and once with a round trip of a millisecond.
func BenchmarkInforms(b *testing.B) {
	for _, away := range []time.Duration{0, time.Millisecond} {
		for _, window := range []int{1, 64} {
			b.Run(fmt.Sprintf("away %s window %d", away, window), func(b *testing.B) {
				o := newOutput(b, informer(acknowledger(b, away), func(c *Config) { c.Window = window }))
				n := quorumLost(b)
				batch := make([]outputs.Message, 256)
				for b.Loop() {
					for i := range batch {
						var err error
						if batch[i], err = o.Render(n, 1); err != nil {
							b.Fatal(err)
						}
					}
					if n, err := o.Send(context.Background(), batch); n != len(batch) || err != nil {
						b.Fatal(n, err)
					}
				}
				b.ReportMetric(float64(b.N*len(batch))/b.Elapsed().Seconds(), "informs/s")
			})
		}
	}
}

// acknowledger answers informs after a while.
func acknowledger(b *testing.B, after time.Duration) string {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.Close() })
	go func() {
		buf := make([]byte, 65536)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			p, err := (&gosnmp.GoSNMP{}).UnmarshalTrap(buf[:n], false)
			if err != nil {
				b.Error(err)
				return
			}
			p.PDUType, p.Variables = gosnmp.GetResponse, p.Variables[:1]
			data, err := p.MarshalMsg()
			if err != nil {
				b.Error(err)
				return
			}
			answer := func() { conn.WriteTo(data, from) } // after the end nobody wants it
			if after == 0 {
				answer()
			} else {
				time.AfterFunc(after, answer)
			}
		}
	}()
	return conn.LocalAddr().String()
}
