package snmp

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/gosnmp/gosnmp"

	"github.com/gluster-trapgw/gluster-trapgw/mibs"
	"github.com/gluster-trapgw/gluster-trapgw/outputs"
	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

// scratch is the working memory of one rendering.
type scratch struct {
	vars  []gosnmp.SnmpPDU
	slots []*slot // of each of vars; nil for the ones that SNMP itself demands
	mark  *slot   // gtgEvTruncated
	cut   bool    // something was cut or left out
}

// Render encodes one notification; it is outputs.Output's.
func (o *Output) Render(n *translate.Notification, _ uint64) (outputs.Message, error) {
	s := o.pool.Get().(*scratch)
	defer o.pool.Put(s)
	return o.render(n, s)
}

func (o *Output) render(n *translate.Notification, s *scratch) (outputs.Message, error) {
	if err := o.fill(n, s); err != nil {
		return outputs.Message{}, err
	}
	p := packet{trap: n, vars: s.vars, id: o.requestID.Add(1) & maxRequestID}
	data, tag, err := o.encode(&p)
	if err == nil && len(data) > o.maxSize {
		data, tag, err = o.trim(&p, s, data, tag)
	}
	if err != nil {
		return outputs.Message{}, fmt.Errorf("encode notification %q: %w: %w", n.Name, err, outputs.ErrPermanent)
	}
	return outputs.Message{Data: data, Tag: tag}, nil
}

// fill puts the varbinds of the notification into s.
func (o *Output) fill(n *translate.Notification, s *scratch) error {
	l := o.layouts[n.Name]
	if l == nil {
		return fmt.Errorf("notification %q is not in the MIB: %w", n.Name, outputs.ErrPermanent)
	}
	s.vars, s.slots, s.mark, s.cut = s.vars[:0], s.slots[:0], &l.mark, false
	if !o.v1 {
		s.add(gosnmp.SnmpPDU{Name: mibs.SysUpTime, Type: gosnmp.TimeTicks, Value: o.upTime()}, nil)
		s.add(gosnmp.SnmpPDU{Name: mibs.TrapOID, Type: gosnmp.ObjectIdentifier, Value: n.OID}, nil)
	}
	for i := range l.objects {
		v, cut, _ := l.objects[i].value(n)
		s.cut = s.cut || cut
		s.add(v, &l.objects[i])
	}
	for i := range l.extras {
		e := &l.extras[i]
		if e.name == truncated {
			if s.cut {
				s.insertMark(len(s.vars))
			}
			continue
		}
		if v, cut, ok := e.value(n); ok {
			s.add(v, e)
			if cut && !s.cut { // only the raw body comes after the mark
				s.cut = true
				if e.name == raw {
					s.insertMark(len(s.vars) - 1)
				}
			}
		}
	}
	if addr, ok := ipv4(n.NodeAddr); ok && !o.v1 {
		s.add(gosnmp.SnmpPDU{Name: mibs.TrapAddress, Type: gosnmp.IPAddress, Value: addr}, nil)
	}
	return nil
}

func (s *scratch) add(v gosnmp.SnmpPDU, from *slot) {
	s.vars = append(s.vars, v)
	s.slots = append(s.slots, from)
}

// ipv4 returns the four octets of an address that has such a form. SNMP's IpAddress has no other.
func ipv4(a netip.Addr) ([]byte, bool) {
	a = a.Unmap()
	if !a.Is4() {
		return nil, false
	}
	b := a.As4()
	return b[:], true
}

// packet is what encode needs to know about one notification.
type packet struct {
	trap *translate.Notification
	vars []gosnmp.SnmpPDU
	id   uint32
}

// maxRequestID keeps request-id and msgID positive, RFC 3412 section 6.
const maxRequestID = 0x7fffffff

// encode makes the octets of one packet, and the tag by which Send knows its acknowledgement.
func (o *Output) encode(p *packet) ([]byte, uint64, error) {
	switch {
	case o.own != nil:
		data, err := o.own.seal(o.kind, p.id, o.cfg.Context, p.vars)
		return data, uint64(p.id), err
	case o.remote != nil:
		u := o.remote.newest()
		data, err := u.seal(o.kind, p.id, o.cfg.Context, p.vars)
		return data, uint64(u.generation)<<32 | uint64(p.id), err
	}
	if !o.v1 {
		data, err := o.oids.marshalV2c(o.community, o.kind, p.id, p.vars)
		return data, uint64(p.id), err
	}
	header, err := v1Header(p.trap)
	if err != nil {
		return nil, 0, err
	}
	header.Timestamp = uint(o.upTime())
	msg := gosnmp.SnmpPacket{Version: gosnmp.Version1, Community: o.community, PDUType: gosnmp.Trap, RequestID: p.id,
		Variables: p.vars, SnmpTrap: header}
	data, err := msg.MarshalMsg()
	return data, uint64(p.id), err
}

// v1Header translates the identity of a notification, RFC 3584 section 3.2.
func v1Header(n *translate.Notification) (gosnmp.SnmpTrap, error) {
	last := strings.LastIndexByte(n.OID, '.')
	if last <= 0 {
		return gosnmp.SnmpTrap{}, fmt.Errorf("%q is not the OID of a notification", n.OID)
	}
	var specific int
	if _, err := fmt.Sscanf(n.OID[last+1:], "%d", &specific); err != nil {
		return gosnmp.SnmpTrap{}, fmt.Errorf("%q is not the OID of a notification: %w", n.OID, err)
	}
	t := gosnmp.SnmpTrap{
		Enterprise:   strings.TrimSuffix(n.OID[:last], ".0"),
		GenericTrap:  6, // enterpriseSpecific
		SpecificTrap: specific,
		AgentAddress: "0.0.0.0", // not known, or IPv6
	}
	if a := n.NodeAddr.Unmap(); a.Is4() {
		t.AgentAddress = a.String()
	}
	return t, nil
}
