package snmp

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/conffile"
)

// Config is one SNMP receiver as configuration files spell it.
type Config struct {
	Target        string          `yaml:"target"`         // host:port, [v6]:port; tcp:// before it for SNMP over TCP
	Version       string          `yaml:"version"`        // 1, 2c, 3
	Kind          string          `yaml:"kind"`           // trap, inform
	Community     conffile.Secret `yaml:"community"`      // v1 and v2c
	CommunityFile string          `yaml:"community_file"` // the same from the first line of a file

	User     User   `yaml:"user"`      // v3
	Context  string `yaml:"context"`   // v3 contextName, usually empty
	EngineID string `yaml:"engine_id"` // own engine ID for v3 traps, in hexadecimal; empty: the one generated for this gateway

	Rate    int               `yaml:"rate"`     // notifications per second, 0 is no limit
	MaxSize int               `yaml:"max_size"` // octets of one packet without UDP and IP headers
	Source  string            `yaml:"source"`   // address to send from: empty, an IP address or IP:port
	Timeout conffile.Duration `yaml:"timeout"`  // how long to wait for the acknowledgement of an inform
	Window  int               `yaml:"window"`   // informs in flight at once
	Resolve conffile.Duration `yaml:"resolve"`  // how often the name of the target is looked up again; 0: only after an error
}

// User is a user of the User-based Security Model (RFC 3414). Without Auth messages are not signed, without Priv they
// are not encrypted.
type User struct {
	Name        string          `yaml:"name"`
	Auth        string          `yaml:"auth"` // a name of AuthProtocols
	AuthKey     conffile.Secret `yaml:"auth_key"`
	AuthKeyFile string          `yaml:"auth_key_file"`
	Priv        string          `yaml:"priv"` // a name of PrivProtocols
	PrivKey     conffile.Secret `yaml:"priv_key"`
	PrivKeyFile string          `yaml:"priv_key_file"`
}

// The limits that come from the protocol or from its receivers.
const (
	minMaxSize    = 484   // what every receiver takes, RFC 3417 section 3.2
	maxMaxSize    = 65507 // a UDP datagram over IPv4
	maxCommunity  = 127   // the encoder's one-octet length
	minPassphrase = 8     // RFC 3414 section 11.2
	maxUserName   = 32    // RFC 3414 section 2.4
	minEngineID   = 5     // RFC 3411 SnmpEngineID
	maxEngineID   = 32
	maxWindow     = 1024
	maxContext    = 64
)

// DefaultConfig is what holds for every key that a file leaves out.
func DefaultConfig() Config {
	return Config{
		Version: "2c",
		Kind:    "trap",
		Rate:    1000,
		MaxSize: 1472, // one Ethernet frame over IPv4
		Timeout: conffile.Duration(5 * time.Second),
		Window:  64,
		Resolve: conffile.Duration(5 * time.Minute),
	}
}

// UnmarshalYAML reads a receiver over the defaults.
func (c *Config) UnmarshalYAML(unmarshal func(any) error) error {
	type plain Config // without this method
	*c = DefaultConfig()
	return unmarshal((*plain)(c))
}

// v3 says whether the receiver is spoken to in SNMPv3.
func (c *Config) v3() bool { return c.Version == "3" }

// inform says whether the receiver acknowledges.
func (c *Config) inform() bool { return c.Kind == "inform" }

// OwnEngine says whether the gateway's own SNMP engine is authoritative: for v3 traps; for informs it is the receiver's.
func (c *Config) OwnEngine() bool { return c.v3() && !c.inform() }

// Validate reports every mistake at once, each with its key. It reads the files that hold secrets.
func (c *Config) Validate() error {
	var errs []error
	bad := func(path, format string, args ...any) { errs = append(errs, conffile.At(path, format, args...)) }

	if _, _, err := splitTarget(c.Target); err != nil {
		bad("target", "%w", err)
	}
	switch c.Version {
	case "1", "2c", "3":
	default:
		bad("version", "%q is not a version of SNMP: write 1, 2c or 3", c.Version)
	}
	switch {
	case c.Kind != "trap" && c.Kind != "inform":
		bad("kind", "%q is not a kind of notification: write trap or inform", c.Kind)
	case c.inform() && c.Version == "1":
		bad("kind", "SNMPv1 has no informs: write kind: trap, or version: 2c or 3")
	}
	if c.Source != "" {
		source, err := parseSource(c.Source)
		if err != nil {
			bad("source", "%w", err)
		}
		_, addr, _ := splitTarget(c.Target) // its error is reported above
		if to, terr := netip.ParseAddrPort(addr); err == nil && terr == nil && to.Addr().Unmap().Is4() != source.Addr().Unmap().Is4() {
			bad("source", "%q and the target are not both IPv4 or both IPv6", c.Source)
		}
	}
	if c.Rate < 0 {
		bad("rate", "%d is negative: write notifications per second, or 0 for no limit", c.Rate)
	}
	if c.MaxSize < minMaxSize || c.MaxSize > maxMaxSize {
		bad("max_size", "%d octets is out of range: every receiver takes %d (RFC 3417), UDP carries at most %d", c.MaxSize, minMaxSize, maxMaxSize)
	}
	if c.Timeout <= 0 {
		bad("timeout", "%s is too short: the receiver needs time to acknowledge, like 5s", c.Timeout)
	}
	if c.Window < 1 || c.Window > maxWindow {
		bad("window", "%d is out of range: write the number of informs in flight, 1 to %d", c.Window, maxWindow)
	}
	if c.v3() {
		errs = append(errs, c.validateV3()...)
	} else {
		errs = append(errs, c.validateCommunity()...)
	}
	return errors.Join(errs...)
}

func (c *Config) validateCommunity() []error {
	var errs []error
	if c.User != (User{}) {
		errs = append(errs, conffile.At("user", "SNMPv%s has no users: write version: 3, or take the user away", c.Version))
	}
	if c.EngineID != "" {
		errs = append(errs, conffile.At("engine_id", "SNMPv%s has no engines: write version: 3, or take it away", c.Version))
	}
	if c.Context != "" {
		errs = append(errs, conffile.At("context", "SNMPv%s has no contexts: write version: 3, or take it away", c.Version))
	}
	community, key, err := secret("community", c.Community, c.CommunityFile)
	switch {
	case err != nil:
		errs = append(errs, err)
	case community == "":
		errs = append(errs, conffile.At(key, "missing: the receiver expects a community, write it here or in community_file"))
	case len(community) > maxCommunity:
		errs = append(errs, conffile.At(key, "%d octets are too long: a community has at most %d", len(community), maxCommunity))
	}
	return errs
}

// secret returns a secret given inline or as a file, and the key that gave it.
func secret(key string, inline conffile.Secret, file string) (value, from string, err error) {
	switch {
	case inline != "" && file != "":
		return "", key, conffile.At(key, "given twice: keep %s or %s_file", key, key)
	case file != "":
		s, err := conffile.ReadSecret(file)
		if err != nil {
			return "", key + "_file", conffile.At(key+"_file", "%w", err)
		}
		return s.Reveal(), key + "_file", nil
	default:
		return inline.Reveal(), key, nil
	}
}

// splitTarget returns the network, udp or tcp, and the host:port of a target.
func splitTarget(target string) (network, addr string, err error) {
	if strings.ContainsAny(target, "@?#") { // not quoted: it may hold a password
		return "", "", errors.New("only host and port are expected, like 192.0.2.20:162: community and user have keys of their own")
	}
	network, addr = "udp", target
	if scheme, rest, ok := strings.Cut(target, "://"); ok {
		if scheme != "udp" && scheme != "tcp" {
			return "", "", fmt.Errorf("%q is not a transport of SNMP here: write udp:// or tcp://, or neither for UDP", scheme+"://")
		}
		network, addr = scheme, rest
	}
	if target == "" {
		return "", "", errors.New("missing: write host:port of the receiver, like 192.0.2.20:162 or [2001:db8::20]:162")
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", "", fmt.Errorf("%q is not host:port: write it like 192.0.2.20:162 or [2001:db8::20]:162; 162 is the port of traps", target)
	}
	if host == "" || strings.ContainsAny(host, " /") {
		return "", "", fmt.Errorf("%q has no usable host: write it like 192.0.2.20:162 or nms.example.org:162", target)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", "", fmt.Errorf("port %q is not a number from 1 to 65535; 162 is the port of traps", port)
	}
	return network, addr, nil
}

// parseSource reads an address with or without a port.
func parseSource(s string) (netip.AddrPort, error) {
	if ip, err := netip.ParseAddr(s); err == nil {
		return netip.AddrPortFrom(ip, 0), nil
	}
	ap, err := netip.ParseAddrPort(s)
	if err != nil {
		return ap, fmt.Errorf("%q is not an address of this machine: write an IP address or IP:port", s)
	}
	return ap, nil
}

// parseEngineID reads an engine ID in hexadecimal, with or without 0x.
func parseEngineID(s string) (string, error) {
	b, err := hex.DecodeString(strings.TrimPrefix(strings.ToLower(s), "0x"))
	if err != nil {
		return "", fmt.Errorf("%q is not hexadecimal: write it like 0x80001f8880e963000001020304", s)
	}
	if len(b) < minEngineID || len(b) > maxEngineID {
		return "", fmt.Errorf("%d octets is no engine ID: it has %d to %d (RFC 3411)", len(b), minEngineID, maxEngineID)
	}
	if allSame(b, 0) || allSame(b, 0xff) {
		return "", errors.New("an engine ID of only 00 or only ff is not allowed (RFC 3411)")
	}
	return string(b), nil
}

func allSame(b []byte, v byte) bool {
	for _, x := range b {
		if x != v {
			return false
		}
	}
	return true
}
