package snmp

import (
	"strings"

	"github.com/gosnmp/gosnmp"

	"github.com/gluster-trapgw/gluster-trapgw/conffile"
)

// Protocol is an authentication or privacy protocol of SNMPv3 by its name in configuration files.
type Protocol struct {
	Name    string
	Text    string // which receiver wants it
	Warning string // why another one would be better; empty when it is a good choice
	auth    gosnmp.SnmpV3AuthProtocol
	priv    gosnmp.SnmpV3PrivProtocol
}

// AuthProtocols are the values of user.auth. The names are those of snmptrapd.conf.
var AuthProtocols = []Protocol{
	{Name: "MD5", auth: gosnmp.MD5, Text: "HMAC-MD5-96 (RFC 3414), for receivers that know nothing else",
		Warning: "MD5 is broken and many receivers no longer have it: use SHA-256 where the receiver can"},
	{Name: "SHA", auth: gosnmp.SHA, Text: "HMAC-SHA-96, that is SHA-1 (RFC 3414), which every v3 receiver has",
		Warning: "SHA is SHA-1, which is weak: use SHA-256 where the receiver can"},
	{Name: "SHA-224", auth: gosnmp.SHA224, Text: "HMAC-SHA-2 (RFC 7860); net-snmp 5.8 and later"},
	{Name: "SHA-256", auth: gosnmp.SHA256, Text: "HMAC-SHA-2 (RFC 7860), the usual choice; net-snmp 5.8 and later"},
	{Name: "SHA-384", auth: gosnmp.SHA384, Text: "HMAC-SHA-2 (RFC 7860); net-snmp 5.8 and later"},
	{Name: "SHA-512", auth: gosnmp.SHA512, Text: "HMAC-SHA-2 (RFC 7860); net-snmp 5.8 and later"},
}

// PrivProtocols are the values of user.priv. The names are those of snmptrapd.conf.
var PrivProtocols = []Protocol{
	{Name: "DES", priv: gosnmp.DES, Text: "CBC-DES (RFC 3414), for old receivers",
		Warning: "DES can be broken in hours and OpenSSL 3 has it switched off by default: use AES where the receiver can"},
	{Name: "AES", priv: gosnmp.AES, Text: "AES-128 (RFC 3826), the usual choice; every current v3 receiver has it"},
	{Name: "AES-192", priv: gosnmp.AES192, Text: "AES-192 with Blumenthal's key extension; net-snmp calls it by this name"},
	{Name: "AES-256", priv: gosnmp.AES256, Text: "AES-256 with Blumenthal's key extension; net-snmp calls it by this name"},
	{Name: "AES-192-C", priv: gosnmp.AES192C, Text: "AES-192 with Reeder's key extension; Cisco and receivers after its kind. " + reederText},
	{Name: "AES-256-C", priv: gosnmp.AES256C, Text: "AES-256 with Reeder's key extension; Cisco and receivers after its kind. " + reederText},
}

const reederText = "net-snmp has it under this name too. It differs from the plain form only where the digest is shorter than the key; with SHA-256 and longer both are the same"

// protocol finds a protocol by name. Case, dashes and underscores do not count, and AES-128 and SHA-1 mean AES and SHA.
func protocol(list []Protocol, name string) (Protocol, bool) {
	want := foldName(name)
	for _, p := range list {
		if foldName(p.Name) == want {
			return p, true
		}
	}
	return Protocol{}, false
}

func foldName(name string) string {
	s := strings.NewReplacer("-", "", "_", "").Replace(strings.ToUpper(name))
	switch s {
	case "SHA1":
		return "SHA"
	case "AES128":
		return "AES"
	}
	return s
}

func names(list []Protocol) string {
	var all []string
	for _, p := range list {
		all = append(all, p.Name)
	}
	return strings.Join(all, ", ")
}

func (c *Config) validateV3() []error {
	var errs []error
	bad := func(path, format string, args ...any) { errs = append(errs, conffile.At(path, format, args...)) }
	u := &c.User
	if c.Community != "" || c.CommunityFile != "" {
		bad("community", "SNMPv3 has no community: write user, or version: 2c")
	}
	switch {
	case u.Name == "":
		bad("user.name", "missing: SNMPv3 needs a user that the receiver knows")
	case len(u.Name) > maxUserName:
		bad("user.name", "%d octets are too long: a user name has at most %d", len(u.Name), maxUserName)
	}
	if len(c.Context) > maxContext {
		bad("context", "%d octets are too long: a context name has at most %d", len(c.Context), maxContext)
	}
	if c.EngineID != "" {
		if c.inform() {
			bad("engine_id", "informs use the engine ID of the receiver: take it away, or write kind: trap")
		}
		if _, err := parseEngineID(c.EngineID); err != nil {
			bad("engine_id", "%w", err)
		}
	}
	if _, ok := protocol(AuthProtocols, u.Auth); u.Auth != "" && !ok {
		bad("user.auth", "%q is not an authentication protocol: one of %s", u.Auth, names(AuthProtocols))
	}
	if _, ok := protocol(PrivProtocols, u.Priv); u.Priv != "" && !ok {
		bad("user.priv", "%q is not a privacy protocol: one of %s", u.Priv, names(PrivProtocols))
	}
	if u.Priv != "" && u.Auth == "" {
		bad("user.priv", "privacy without authentication does not exist in SNMPv3: write user.auth too")
	}
	for _, k := range []struct {
		key, proto string
		inline     conffile.Secret
		file       string
	}{
		{"auth", u.Auth, u.AuthKey, u.AuthKeyFile},
		{"priv", u.Priv, u.PrivKey, u.PrivKeyFile},
	} {
		path := "user." + k.key
		value, from, err := secret(path+"_key", k.inline, k.file)
		switch {
		case err != nil:
			errs = append(errs, err)
		case k.proto == "" && value != "":
			bad(path, "missing: a passphrase is given but no protocol, write one of %s", names(map[string][]Protocol{"auth": AuthProtocols, "priv": PrivProtocols}[k.key]))
		case k.proto != "" && value == "":
			bad(from, "missing: write the passphrase here or in %s_key_file", path)
		case k.proto != "" && len(value) < minPassphrase:
			bad(from, "the passphrase has %d octets: at least %d are needed (RFC 3414)", len(value), minPassphrase)
		}
	}
	return errs
}

// Warnings lists what is accepted and yet not a good choice, one sentence each.
func (c *Config) Warnings() []string {
	if !c.v3() {
		return nil
	}
	var warn []string
	if c.User.Auth == "" {
		warn = append(warn, "user "+c.User.Name+" has no authentication: anybody can send in its name")
	}
	if p, ok := protocol(AuthProtocols, c.User.Auth); ok && p.Warning != "" {
		warn = append(warn, p.Warning)
	}
	if p, ok := protocol(PrivProtocols, c.User.Priv); ok && p.Warning != "" {
		warn = append(warn, p.Warning)
	}
	return warn
}
