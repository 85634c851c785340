package snmp

import "github.com/gluster-trapgw/gluster-trapgw/conffile"

// Keys implements what package schema asks for.
func (Config) Keys() conffile.Keys {
	return conffile.Keys{
		"target":         {Text: "host:port or [v6]:port of the receiver; tcp:// before it for SNMP over TCP", Example: "192.0.2.20:162", Required: true},
		"version":        {Text: "version of SNMP", Values: []string{"1", "2c", "3"}},
		"kind":           {Text: "informs are acknowledged by the receiver and repeated until they are; SNMPv1 has none", Values: []string{"trap", "inform"}},
		"community":      {Text: "community of v1 and v2c, 1 to 127 octets", Example: "public"},
		"community_file": {Text: "file whose first line is the community", Example: "/etc/gluster-trapgw/community"},
		"user":           {Text: "user of v3"},
		"context":        {Text: "contextName of v3, usually empty", Example: "gluster"},
		"engine_id": {Text: "engine ID of v3 traps in hexadecimal, 5 to 32 octets; empty takes the one made for this gateway at its first start",
			Example: "0x80001f8880e963000001020304"},
		"rate":     {Text: "pace of sending; snmptrapd drops bursts without a word; 0 is no limit", Unit: "notifications per second", Example: "1000"},
		"max_size": {Text: "largest packet without its UDP and IP headers, 484 to 65507; what does not fit is left out of the end", Unit: "octets", Example: "1472"},
		"source":   {Text: "address to send from, with or without port; empty leaves it to the system", Example: "192.0.2.5"},
		"timeout":  {Text: "how long to wait for the acknowledgement of an inform", Example: "5s"},
		"window":   {Text: "how many informs may wait for their acknowledgement, 1 to 1024", Unit: "informs", Example: "64"},
		"resolve":  {Text: "how often the name of the target is looked up again; 0 only after an error", Example: "5m"},
	}
}

// Keys implements what package schema asks for.
func (User) Keys() conffile.Keys {
	list := func(protocols []Protocol) (names []string) {
		for _, p := range protocols {
			names = append(names, p.Name)
		}
		return names
	}
	return conffile.Keys{
		"name":          {Text: "name of the user, at most 32 octets", Example: "gluster"},
		"auth":          {Text: "how messages are signed; empty: they are not", Known: list(AuthProtocols), Example: "SHA-256"},
		"auth_key":      {Text: "passphrase of auth, 8 octets at least; better in auth_key_file", Example: "s3cret-s3cret"},
		"auth_key_file": {Text: "file whose first line is the passphrase of auth", Example: "/etc/gluster-trapgw/auth-key"},
		"priv":          {Text: "how messages are encrypted; empty: they are not", Known: list(PrivProtocols), Example: "AES"},
		"priv_key":      {Text: "passphrase of priv, 8 octets at least; better in priv_key_file", Example: "s3cret-s3cret"},
		"priv_key_file": {Text: "file whose first line is the passphrase of priv", Example: "/etc/gluster-trapgw/priv-key"},
	}
}
