package listener

import "github.com/gluster-trapgw/gluster-trapgw/conffile"

// Keys implements what package schema asks for.
func (TLS) Keys() conffile.Keys {
	return conffile.Keys{
		"cert_file": {Text: "certificate in PEM form, with those between it and its authority", Example: "/etc/gluster-trapgw/cert.pem", Reread: true},
		"key_file":  {Text: "its private key in PEM form", Example: "/etc/gluster-trapgw/key.pem", Reread: true},
		"client_ca_file": {Text: "authorities of client certificates; with it only clients that show one of theirs can connect",
			Example: "/etc/gluster-trapgw/client-ca.pem", Reread: true},
	}
}
