package eventsd

import (
	"errors"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/gluster-trapgw/gluster-trapgw/conffile"
)

// Config is the eventsd part of the configuration.
type Config struct {
	Listen       string `yaml:"listen"`        // [host:]port; empty turns the input off
	NodeID       string `yaml:"node_id"`       // UUID of this node; empty reads GlusterdInfo
	GlusterdInfo string `yaml:"glusterd_info"` // file with a line UUID=
	Release      string `yaml:"release"`       // auto, or 3.9.0
}

// DefaultConfig is an input that is off.
func DefaultConfig() Config {
	return Config{GlusterdInfo: "/var/lib/glusterd/glusterd.info", Release: "auto"}
}

// On reports whether the input is wanted.
func (c *Config) On() bool { return c.Listen != "" }

// Validate reports every mistake.
func (c *Config) Validate() error {
	var errs []error
	if c.On() {
		if _, _, err := c.address(); err != nil {
			errs = append(errs, err)
		}
		if c.NodeID == "" && !strings.HasPrefix(c.GlusterdInfo, "/") {
			errs = append(errs, conffile.At("glusterd_info", "%q is not an absolute path, like /var/lib/glusterd/glusterd.info; or set node_id", c.GlusterdInfo))
		}
	}
	if c.NodeID != "" && !isNodeID(c.NodeID) {
		errs = append(errs, conffile.At("node_id", "%q is not a UUID, like 1a6111b8-4f13-4c02-9739-2c473e398b41", c.NodeID))
	}
	if c.Release != "auto" && c.Release != "3.9.0" {
		errs = append(errs, conffile.At("release", "%q is not auto or 3.9.0, the only release that numbers its events otherwise", c.Release))
	}
	return errors.Join(errs...)
}

// address returns the hosts to bind, and the port. Loopback means both of its addresses: the daemons send to ::1 where
// there is IPv6, and to 127.0.0.1 where there is none.
func (c *Config) address() (hosts []string, port uint16, err error) {
	text := c.Listen
	if !strings.Contains(text, ":") {
		text = ":" + text
	}
	host, p, err := net.SplitHostPort(text)
	n, perr := strconv.ParseUint(p, 10, 16)
	if err != nil || perr != nil {
		return nil, 0, conffile.At("listen", "%q is not [host:]port, like 127.0.0.1:55555 (24009 before GlusterFS 10)", c.Listen)
	}
	if host == "" || host == "localhost" {
		host = "127.0.0.1"
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return nil, 0, conffile.At("listen", "%q is not an address of this host: use one such as 127.0.0.1, or 0.0.0.0 or [::] for all", host)
	}
	if addr.IsLoopback() && (addr.Is6() || addr == netip.AddrFrom4([4]byte{127, 0, 0, 1})) {
		return []string{"127.0.0.1", "::1"}, uint16(n), nil
	}
	return []string{addr.String()}, uint16(n), nil
}

// isNodeID reports whether a text has the form of a UUID.
func isNodeID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		if dash != (s[i] == '-') || !dash && !strings.ContainsRune("0123456789abcdefABCDEF", rune(s[i])) {
			return false
		}
	}
	return true
}
