package snmp

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gosnmp/gosnmp"
)

// usm is what v3 packets to or from one engine are made with. The keys are derived once, when it is made.
type usm struct {
	engineID string
	user     string
	flags    gosnmp.SnmpV3MsgFlags
	auth     gosnmp.SnmpV3AuthProtocol
	priv     gosnmp.SnmpV3PrivProtocol
	authKey  []byte
	privKey  []byte
	clock    func() (boots, seconds uint32)

	generation uint32 // counts what is known of a receiver's engine, see Message.Tag in inform.go
}

// salts counts privacy salts for the whole process: one must not be used twice with a key (RFC 3826 section 3.1.2.1).
var salts atomic.Uint64

func init() { salts.Store(rand.Uint64()) }

// security is a user with its passphrases.
type security struct {
	user               string
	auth               gosnmp.SnmpV3AuthProtocol
	priv               gosnmp.SnmpV3PrivProtocol
	authPass, privPass string
}

// security reads the user of a valid configuration.
func (c *Config) security() (security, error) {
	s := security{user: c.User.Name, auth: gosnmp.NoAuth, priv: gosnmp.NoPriv}
	var err error
	if p, ok := protocol(AuthProtocols, c.User.Auth); ok {
		s.auth = p.auth
		if s.authPass, _, err = secret("user.auth_key", c.User.AuthKey, c.User.AuthKeyFile); err != nil {
			return s, err
		}
	}
	if p, ok := protocol(PrivProtocols, c.User.Priv); ok {
		s.priv = p.priv
		if s.privPass, _, err = secret("user.priv_key", c.User.PrivKey, c.User.PrivKeyFile); err != nil {
			return s, err
		}
	}
	return s, nil
}

// localize derives the keys for one engine (RFC 3414 section 2.6).
func (s security) localize(engineID string, clock func() (boots, seconds uint32)) (*usm, error) {
	sp := gosnmp.UsmSecurityParameters{AuthoritativeEngineID: engineID, UserName: s.user,
		AuthenticationProtocol: s.auth, AuthenticationPassphrase: s.authPass,
		PrivacyProtocol: s.priv, PrivacyPassphrase: s.privPass}
	if err := sp.InitSecurityKeys(); err != nil {
		return nil, fmt.Errorf("derive the keys of user %q: %w", s.user, err)
	}
	u := &usm{engineID: engineID, user: s.user, auth: s.auth, priv: s.priv, authKey: sp.SecretKey, privKey: sp.PrivacyKey, clock: clock}
	switch {
	case s.priv > gosnmp.NoPriv:
		u.flags = gosnmp.AuthPriv
	case s.auth > gosnmp.NoAuth:
		u.flags = gosnmp.AuthNoPriv
	}
	return u, nil
}

// params are the security parameters of one packet sent now.
func (u *usm) params() *gosnmp.UsmSecurityParameters {
	boots, seconds := u.clock()
	sp := &gosnmp.UsmSecurityParameters{AuthoritativeEngineID: u.engineID, AuthoritativeEngineBoots: boots, AuthoritativeEngineTime: seconds,
		UserName: u.user, AuthenticationProtocol: u.auth, PrivacyProtocol: u.priv, SecretKey: u.authKey, PrivacyKey: u.privKey}
	if u.priv > gosnmp.NoPriv {
		salt := make([]byte, 8)
		binary.BigEndian.PutUint64(salt, salts.Add(1))
		if u.priv == gosnmp.DES { // RFC 3414 section 8.1.1.1: boots and a counter
			binary.BigEndian.PutUint32(salt, boots)
		}
		sp.PrivacyParameters = salt
	}
	return sp
}

// seal makes the octets of a v3 packet.
func (u *usm) seal(kind gosnmp.PDUType, id uint32, context string, vars []gosnmp.SnmpPDU) ([]byte, error) {
	flags := u.flags
	if kind == gosnmp.InformRequest {
		flags |= gosnmp.Reportable
	}
	msg := gosnmp.SnmpPacket{Version: gosnmp.Version3, MsgFlags: flags, SecurityModel: gosnmp.UserSecurityModel,
		SecurityParameters: u.params(), ContextEngineID: u.engineID, ContextName: context,
		PDUType: kind, MsgID: id, RequestID: id, Variables: vars}
	return msg.MarshalMsg()
}

// open checks and decrypts a v3 packet. The packet is left as it is.
func (u *usm) open(packet []byte) (*gosnmp.SnmpPacket, error) {
	g := &gosnmp.GoSNMP{Version: gosnmp.Version3, SecurityModel: gosnmp.UserSecurityModel, MsgFlags: u.flags, SecurityParameters: u.params()}
	p, err := g.UnmarshalTrap(append([]byte(nil), packet...), false)
	if err != nil {
		return nil, err
	}
	// With another engine ID the decoder has derived other keys, of passphrases that it does not have.
	if sp, ok := p.SecurityParameters.(*gosnmp.UsmSecurityParameters); !ok || sp.AuthoritativeEngineID != u.engineID {
		return nil, fmt.Errorf("the packet is of another engine")
	}
	return p, nil
}

// reseal makes a packet rendered earlier anew for another engine or a later time.
func (u *usm) reseal(packet []byte, as *usm, context string) ([]byte, error) {
	p, err := u.open(packet)
	if err != nil {
		return nil, fmt.Errorf("open the packet again: %w", err)
	}
	return as.seal(p.PDUType, p.RequestID, context, p.Variables)
}

// openReport reads a packet without any authentication, which only a Report may be.
func openReport(packet []byte) (*gosnmp.SnmpPacket, error) {
	g := &gosnmp.GoSNMP{Version: gosnmp.Version3, SecurityModel: gosnmp.UserSecurityModel,
		SecurityParameters: &gosnmp.UsmSecurityParameters{AuthenticationProtocol: gosnmp.NoAuth, PrivacyProtocol: gosnmp.NoPriv}}
	p, err := g.UnmarshalTrap(append([]byte(nil), packet...), false)
	if err != nil {
		return nil, err
	}
	if p.PDUType != gosnmp.Report || len(p.Variables) == 0 {
		return nil, fmt.Errorf("an unauthenticated %s", p.PDUType)
	}
	return p, nil
}

// inWindow says whether what an engine says of its clock is what is known of it, RFC 3414 section 2.2.3.
func (u *usm) inWindow(sp *gosnmp.UsmSecurityParameters) bool {
	boots, seconds := u.clock()
	diff := int64(seconds) - int64(sp.AuthoritativeEngineTime)
	return boots == sp.AuthoritativeEngineBoots && max(diff, -diff) < 150
}

// provisional stands for an engine that is not known yet: as large as an engine ID can be, so that what fits with it
// fits with any other.
var provisional = strings.Repeat("\x01", maxEngineID)

// fixedClock is the clock of an engine of which nothing is known.
func fixedClock() (boots, seconds uint32) { return 1 << 30, 1 << 30 }

// runningClock goes on from what an engine said of itself just now.
func runningClock(boots, seconds uint32) func() (uint32, uint32) {
	at := time.Now()
	return func() (uint32, uint32) { return boots, seconds + uint32(time.Since(at)/time.Second) }
}
