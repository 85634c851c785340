package admin

import "github.com/gluster-trapgw/gluster-trapgw/conffile"

// Keys implements what package schema asks for.
func (Config) Keys() conffile.Keys {
	return conffile.Keys{
		"listen": {Text: "host:port or unix:/path of the status page, metrics and the API; empty turns it off. Beyond loopback it needs a token or tls.client_ca_file",
			Example: "127.0.0.1:9001"},
		"token":      {Text: "bearer token, which the status page asks for; better in token_file", Example: "s3cret"},
		"token_file": {Text: "file whose first line is the token", Example: "/etc/gluster-trapgw/admin-token"},
		"tls":        {Text: "certificate files; with them the endpoint speaks https"},
	}
}
