package snmp

import (
	"math"
	"slices"

	"github.com/gosnmp/gosnmp"

	"github.com/gluster-trapgw/gluster-trapgw/mibs"
)

// trim makes a packet fit into the limit: it leaves out the raw body, then the other extras from the last to the
// first, then cuts the message, then drops the address, then the figures that only the gateway's own notifications
// have, then cuts the key and the names. It measures the encoded packet after each round, and takes away in one round
// all that the measured excess needs, so that one round is mostly enough. What does not fit even then is sent as it is.
func (o *Output) trim(p *packet, s *scratch, data []byte, tag uint64) ([]byte, uint64, error) {
	for len(data) > o.maxSize && s.shrink(len(data)-o.maxSize) {
		p.vars = s.vars
		var err error
		if data, tag, err = o.encode(p); err != nil {
			return nil, 0, err
		}
	}
	return data, tag, nil
}

// shrink takes at least the given number of octets away and says whether it took any. Truncated is set with the
// first cut and goes last.
func (s *scratch) shrink(excess int) bool {
	took := 0
	if !s.cut {
		s.cut = true
		at := len(s.vars)
		if i := s.find(raw); i >= 0 {
			at = i
		} else if s.vars[at-1].Type == gosnmp.IPAddress {
			at--
		}
		s.insertMark(at)
		excess += tlvSize(tlvSize(s.mark.size) + tlvSize(1))
	}
	if i := s.find(raw); i >= 0 {
		took += s.drop(i)
	}
	for i := len(s.vars) - 1; i >= 0 && took < excess; i-- {
		if sl := s.slots[i]; sl != nil && sl.more && sl.name != truncated {
			took += s.drop(i)
		}
	}
	took += s.cutTo(message, 0, excess-took)
	if last := len(s.vars) - 1; took < excess && s.vars[last].Type == gosnmp.IPAddress {
		took += s.drop(last)
	}
	for i := len(s.vars) - 1; i >= 0 && took < excess; i-- {
		if sl := s.slots[i]; sl != nil && sl.tail {
			took += s.drop(i)
		}
	}
	if took < excess { // to one fixed length: see cutKey
		took += s.cutTo(alarmKey, shortKey, math.MaxInt32)
	}
	for i := len(s.vars) - 1; i >= 0 && took < excess; i-- {
		if sl := s.slots[i]; sl != nil && sl.text && sl.name != alarmKey && sl.name != name {
			took += s.cutTo(sl.name, 0, excess-took)
		}
	}
	took += s.cutTo(name, 1, excess-took)
	took += s.cutTo(alarmKey, 0, excess-took)
	if i := s.find(truncated); i >= 0 && took < excess {
		took += s.drop(i)
	}
	return took > 0
}

// insertMark puts gtgEvTruncated, a TruthValue that is true, before varbind i.
func (s *scratch) insertMark(i int) {
	s.vars = slices.Insert(s.vars, i, gosnmp.SnmpPDU{Name: s.mark.oid, Type: gosnmp.Integer, Value: 1})
	s.slots = slices.Insert(s.slots, i, s.mark)
}

func (s *scratch) find(name string) int {
	for i, sl := range s.slots {
		if sl != nil && sl.name == name {
			return i
		}
	}
	return -1
}

// drop takes out varbind i and returns how many octets that saves, give or take the length of a number.
func (s *scratch) drop(i int) int {
	oid, value := oidSize(mibs.TrapAddress), 4
	if s.slots[i] != nil {
		oid = s.slots[i].size
	}
	if text, ok := s.vars[i].Value.(string); ok {
		value = len(text)
	}
	s.vars = slices.Delete(s.vars, i, i+1)
	s.slots = slices.Delete(s.slots, i, i+1)
	return tlvSize(tlvSize(oid) + tlvSize(value))
}

// cutTo cuts the text of an object by at least n octets but leaves at least keep of them, and returns what it saved.
func (s *scratch) cutTo(object string, keep, n int) int {
	i := s.find(object)
	if i < 0 || n <= 0 {
		return 0
	}
	text, ok := s.vars[i].Value.(string)
	if !ok || len(text) <= keep {
		return 0
	}
	short := fit(object, text, max(len(text)-n, keep))
	s.vars[i].Value = short
	return len(text) - len(short)
}
