package webhook

import "github.com/gluster-trapgw/gluster-trapgw/conffile"

// Keys implements what package schema asks for.
func (Config) Keys() conffile.Keys {
	return conffile.Keys{
		"listen": {Text: "addresses to listen on, each host:port or unix:/path; sockets that systemd passes are used instead. Beyond loopback set a token",
			Example: `[127.0.0.1:9000, "unix:/run/gluster-trapgw/webhook.sock"]`},
		"path": {Text: "path of the URL that glustereventsd posts to", Example: "/listen"},
		"token": {Text: "the bearer token that webhook-add -t was given; better in token_file",
			Example: "s3cret"},
		"token_file": {Text: "file with the bearer tokens, one on each line, all of them valid, so that a new one can be added before an old one goes",
			Example: "/etc/gluster-trapgw/token", Reread: true},
		"secret": {Text: "the secret of HS256 tokens (webhook-add -s), which glustereventsd on Python 3 cannot send; better in secret_file",
			Example: "s3cret"},
		"secret_file": {Text: "file with the secrets of HS256 tokens, one on each line, all of them valid",
			Example: "/etc/gluster-trapgw/secret", Reread: true},
		"tls":        {Text: "certificate files; with them the webhook speaks https"},
		"allow_from": {Text: "networks that may post; empty allows all", Example: "[192.0.2.0/24, \"2001:db8::/32\"]"},
		"max_body":   {Text: "largest body of a request, 1KiB to 16MiB", Example: "64KiB"},
		"max_rate": {Text: "how much one address may send, 1 to 1000000, with as many at once; what is more is refused with 429 and so lost; 0 is no limit",
			Unit: "events per second", Example: "500"},
	}
}
