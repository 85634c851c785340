package snmp

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gosnmp/gosnmp"

	"github.com/gluster-trapgw/gluster-trapgw/mibs"
	"github.com/gluster-trapgw/gluster-trapgw/outputs"
	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

// Env is what an Output needs from the process around it.
type Env struct {
	MIB     *mibs.MIB
	Start   time.Time    // since when sysUpTime counts; needs its monotonic reading
	Engines *Engines     // holds the engine of v3 traps; needed for those only
	Log     *slog.Logger // nothing is logged when nil
}

// Output is one SNMP receiver.
type Output struct {
	cfg       Config
	env       Env
	layouts   map[string]*layout
	pool      sync.Pool // of *scratch
	requestID atomic.Uint32

	v1        bool
	kind      gosnmp.PDUType
	community string
	own       *usm    // for v3 traps
	remote    *remote // for v3 informs
	maxSize   int

	// Used by Send and Close only.
	link link
	past history

	oids oidTable // encoded
}

var _ outputs.Output = (*Output)(nil)

// New makes an Output of a configuration that Validate has passed. It does no I/O except reading secret files; the
// socket opens with the first Send.
func New(cfg Config, env Env) (*Output, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	all, err := layouts(env.MIB)
	if err != nil {
		return nil, err
	}
	if env.Log == nil {
		env.Log = slog.New(slog.DiscardHandler)
	}
	if env.Start.IsZero() {
		env.Start = time.Now()
	}
	o := &Output{cfg: cfg, env: env, layouts: all, v1: cfg.Version == "1", maxSize: cfg.MaxSize}
	o.pool.New = func() any { return &scratch{} }
	o.requestID.Store(rand.Uint32())
	if o.link, err = newLink(cfg); err != nil {
		return nil, err
	}
	if o.oids, err = newOIDTable(env.MIB); err != nil {
		return nil, err
	}
	o.kind = gosnmp.SNMPv2Trap
	if cfg.inform() {
		o.kind = gosnmp.InformRequest
	}
	if cfg.v3() {
		err = o.newV3()
	} else {
		o.community, _, err = secret("community", cfg.Community, cfg.CommunityFile)
	}
	if err != nil {
		return nil, err
	}
	return o, o.checkSize()
}

// checkSize warns when not even a notification that says nothing fits: then every packet is larger than configured.
func (o *Output) checkSize() error {
	u := o.env.MIB.Unknown()
	m, err := o.Render(&translate.Notification{Name: u.Name, OID: u.OID, Event: "E"}, 1)
	if err == nil && len(m.Data) > o.maxSize {
		o.env.Log.Warn("max_size is too small for the OID root, the user and the engine ID: packets will be larger", "target", o.cfg.Target, "max_size", o.maxSize, "least", len(m.Data))
	}
	return err
}

// newV3 derives the keys. The passphrases are not kept, but for informs, whose receiver can turn out to be another.
func (o *Output) newV3() error {
	s, err := o.cfg.security()
	if err != nil {
		return err
	}
	if o.cfg.inform() {
		o.remote, err = newRemote(s)
		return err
	}
	if o.env.Engines == nil {
		return errors.New("v3 traps need a state directory for the SNMP engine")
	}
	e, err := o.env.Engines.Engine(o.cfg.EngineID)
	if err != nil {
		return err
	}
	o.own, err = s.localize(e.ID, func() (uint32, uint32) { return e.Boots, e.Time() })
	return err
}

// upTime is sysUpTime: hundredths of seconds since the start, modulo 2^32 (RFC 2578 section 7.1.8).
func (o *Output) upTime() uint32 { return uint32(time.Since(o.env.Start) / (10 * time.Millisecond)) }

// Send delivers the batch; it is outputs.Output's.
func (o *Output) Send(ctx context.Context, batch []outputs.Message) (int, error) {
	send := o.sendTraps
	if o.cfg.inform() {
		send = o.sendInforms
	}
	return send(ctx, batch)
}

// Close gives the socket back.
func (o *Output) Close() error { return o.link.close() }

// Varbind is one varbind as a person reads it.
type Varbind struct {
	OID   string // with a leading dot
	Name  string // "gtgEvName.0"; the OID where the MIB has no name
	Type  string // as net-snmp prints it: STRING, INTEGER, Gauge32, ...
	Value string
}

// Varbinds lists what Render puts into the packet of a notification, after trimming. A v1 packet carries some of it
// in its header instead.
func (o *Output) Varbinds(n *translate.Notification) ([]Varbind, error) {
	s := &scratch{}
	if _, err := o.render(n, s); err != nil {
		return nil, err
	}
	list := make([]Varbind, 0, len(s.vars))
	for _, v := range s.vars {
		list = append(list, describe(o.env.MIB, v))
	}
	return list, nil
}

func describe(mib *mibs.MIB, v gosnmp.SnmpPDU) Varbind {
	if b, ok := v.Value.([]byte); ok && v.Type == gosnmp.IPAddress {
		v.Value = net.IP(b).String() // as it decodes
	}
	d := Varbind{OID: v.Name, Name: v.Name, Type: typeName(v.Type), Value: mib.FormatValue(v.Name, v.Value)}
	if name, ok := mib.Name(v.Name); ok {
		d.Name = name
	}
	return d
}

func typeName(t gosnmp.Asn1BER) string {
	switch t {
	case gosnmp.OctetString:
		return "STRING"
	case gosnmp.Integer:
		return "INTEGER"
	case gosnmp.ObjectIdentifier:
		return "OID"
	case gosnmp.IPAddress:
		return "IpAddress"
	case gosnmp.TimeTicks:
		return "Timeticks"
	}
	return t.String()
}

var errClosed = errors.New("the output is closed")
