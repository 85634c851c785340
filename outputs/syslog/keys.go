package syslog

import "github.com/gluster-trapgw/gluster-trapgw/conffile"

// Keys implements what package schema asks for.
func (Config) Keys() conffile.Keys {
	return conffile.Keys{
		"target": {Text: "udp, tcp, tls, relp or relp+tls, each ://host:port, or unix:///path", Example: "tcp://192.0.2.30:601"},
		"targets": {Text: "a list in place of target: the first that answers is used",
			Example: `["relp://192.0.2.30:2514", "tcp://192.0.2.31:601"]`},
		"facility": {Text: "facility of the messages", Values: Facilities},
		"app_name": {Text: "APP-NAME, or the tag of RFC 3164: 1 to 48 printable ASCII characters without spaces", Example: "gluster"},
		"format":   {Text: "form of a message: RFC 5424, RFC 3164 for old collectors, or a JSON object without a syslog header", Values: Formats},
		"framing":  {Text: "how a stream is divided into messages; empty: lf for json and unix sockets, else octet-counted", Values: Framings},
		"bom":      {Text: "a byte order mark before the text of RFC 5424"},
		"max_size": {Text: "largest message, 480 to 64KiB; 0: 2048 over UDP (rfc3164: 1024), else 8192", Example: "8KiB"},
		"rate":     {Text: "pace of sending; 0 is no limit", Unit: "messages per second", Example: "1000"},
		"tls":      {Text: "certificates of tls:// and relp+tls://"},
	}
}

// Keys implements what package schema asks for.
func (TLSConfig) Keys() conffile.Keys {
	return conffile.Keys{
		"ca_file":     {Text: "certificates that may have signed the collector's; empty: those of the system", Example: "/etc/gluster-trapgw/ca.pem", Reread: true},
		"cert_file":   {Text: "our own certificate, when the collector asks for one", Example: "/etc/gluster-trapgw/cert.pem", Reread: true},
		"key_file":    {Text: "its private key", Example: "/etc/gluster-trapgw/key.pem", Reread: true},
		"server_name": {Text: "name that the collector's certificate must have; empty: the host of the target", Example: "collector.example.org"},
	}
}
