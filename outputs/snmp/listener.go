package snmp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/gosnmp/gosnmp"

	"github.com/gluster-trapgw/gluster-trapgw/mibs"
)

// Received is one notification that a Listener got.
type Received struct {
	From     string // address of the sender, host:port
	Version  string // 1, 2c, 3
	Kind     string // trap, inform
	Name     string // of the notification; its OID where the MIB does not know it
	OID      string // of the notification, with a leading dot
	Size     int    // octets of the packet
	Varbinds []Varbind
}

// Value returns the value of the varbind with this name ("gtgEvName.0"), empty when there is none.
func (r *Received) Value(name string) string {
	for i := range r.Varbinds {
		if r.Varbinds[i].Name == name {
			return r.Varbinds[i].Value
		}
	}
	return ""
}

// Decode reads one packet of SNMPv1 or v2c. A v1 trap is given the form of a v2c one (RFC 3584 section 3.1). The packet
// is not changed, but the result may share its memory.
func Decode(mib *mibs.MIB, packet []byte) (*Received, error) {
	r, _, err := decode(mib, &gosnmp.GoSNMP{}, packet)
	return r, err
}

func decode(mib *mibs.MIB, g *gosnmp.GoSNMP, packet []byte) (*Received, *gosnmp.SnmpPacket, error) {
	p, err := g.UnmarshalTrap(packet, false)
	if err != nil {
		return nil, nil, fmt.Errorf("decode SNMP packet: %w", err)
	}
	r := &Received{Version: p.Version.String(), Kind: "trap", Size: len(packet)}
	vars := p.Variables
	switch p.PDUType {
	case gosnmp.Trap:
		vars = fromV1(p)
	case gosnmp.InformRequest:
		r.Kind = "inform"
	case gosnmp.SNMPv2Trap:
	default:
		return nil, nil, fmt.Errorf("decode SNMP packet: %s is not a notification", p.PDUType)
	}
	for _, v := range vars {
		r.Varbinds = append(r.Varbinds, describe(mib, v))
		if oid, ok := v.Value.(string); ok && v.Name == mibs.TrapOID {
			r.OID, r.Name = oid, oid
			if name, ok := mib.Name(oid); ok {
				r.Name = name
			}
		}
	}
	return r, p, nil
}

// fromV1 puts the header of a v1 trap into varbinds.
func fromV1(p *gosnmp.SnmpPacket) []gosnmp.SnmpPDU {
	oid := p.Enterprise + ".0." + strconv.Itoa(p.SpecificTrap)
	if p.GenericTrap != 6 { // coldStart and the other standard ones
		oid = ".1.3.6.1.6.3.1.1.5." + strconv.Itoa(p.GenericTrap+1)
	}
	vars := []gosnmp.SnmpPDU{
		{Name: mibs.SysUpTime, Type: gosnmp.TimeTicks, Value: uint32(p.Timestamp)},
		{Name: mibs.TrapOID, Type: gosnmp.ObjectIdentifier, Value: oid},
	}
	vars = append(vars, p.Variables...)
	if p.AgentAddress != "" && p.AgentAddress != "0.0.0.0" {
		vars = append(vars, gosnmp.SnmpPDU{Name: mibs.TrapAddress, Type: gosnmp.IPAddress, Value: p.AgentAddress})
	}
	return vars
}

// Listener receives SNMPv1 and v2c traps and v2c informs on a UDP port, from anybody and with any community, and
// acknowledges the informs.
type Listener struct {
	conn net.PacketConn
	mib  *mibs.MIB
}

// Listen binds the address; port 0 picks a free one.
func Listen(addr string, mib *mibs.MIB) (*Listener, error) {
	conn, err := net.ListenPacket("udp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen for SNMP: %w", err)
	}
	if u, ok := conn.(*net.UDPConn); ok {
		// A burst must find room while fn is busy. The system may give less, which is no error.
		if err := u.SetReadBuffer(4 << 20); err != nil {
			return nil, errors.Join(fmt.Errorf("listen for SNMP: %w", err), conn.Close())
		}
	}
	return &Listener{conn: conn, mib: mib}, nil
}

// Addr is the bound address, host:port.
func (l *Listener) Addr() string { return l.conn.LocalAddr().String() }

// Run receives until ctx ends and hands every notification to fn, or the reason why a packet is none. It closes the
// socket.
func (l *Listener) Run(ctx context.Context, fn func(*Received, error)) error {
	stop := context.AfterFunc(ctx, func() { l.conn.SetReadDeadline(time.Unix(1, 0)) }) // fails only on a closed socket, which ends Run too
	defer stop()
	defer l.conn.Close() // nothing is left to write
	buf := make([]byte, 65536)
	g := &gosnmp.GoSNMP{}
	for {
		n, from, err := l.conn.ReadFrom(buf)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("receive SNMP: %w", err)
		}
		r, p, err := decode(l.mib, g, buf[:n])
		if err != nil {
			fn(nil, fmt.Errorf("packet from %s: %w", from, err))
			continue
		}
		r.From = from.String()
		fn(r, nil)
		if p.PDUType == gosnmp.InformRequest {
			if err := l.acknowledge(p, from); err != nil && ctx.Err() == nil {
				fn(nil, fmt.Errorf("acknowledge inform from %s: %w", from, err))
			}
		}
	}
}

// acknowledge answers an inform with a response of the same varbinds, RFC 3416 section 4.2.7.
func (l *Listener) acknowledge(p *gosnmp.SnmpPacket, to net.Addr) error {
	p.PDUType, p.Error, p.ErrorIndex = gosnmp.GetResponse, gosnmp.NoError, 0
	data, err := p.MarshalMsg()
	if err == nil {
		_, err = l.conn.WriteTo(data, to)
	}
	return err
}
