package syslog

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/gluster-trapgw/gluster-trapgw/conffile"
)

// Config is one syslog output of the configuration.
type Config struct {
	Target   string        `yaml:"target"` // udp://host:port, tcp://host:port
	Facility string        `yaml:"facility"`
	AppName  string        `yaml:"app_name"`
	BOM      bool          `yaml:"bom"`
	MaxSize  conffile.Size `yaml:"max_size"` // octets of one message; 0 is the transport's default
	Rate     float64       `yaml:"rate"`     // messages per second; 0 is no limit
}

// DefaultConfig has no target. Collectors take what comes, so there is no pacing unless it is asked for.
func DefaultConfig() Config { return Config{Facility: "local3", AppName: "gluster"} }

// UnmarshalYAML gives what the file leaves out its default.
func (c *Config) UnmarshalYAML(unmarshal func(any) error) error {
	type plain Config
	*c = DefaultConfig()
	return unmarshal((*plain)(c))
}

// Facilities are the names of the facilities 0 to 23 (RFC 5424 table 1) as syslog.conf spells them.
var Facilities = []string{"kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
	"ntp", "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"}

// Sizes, in octets. RFC 5426 section 3.2 wants every receiver to take 480 and advises 2048; RFC 5425 and 6587 have no
// limit, but rsyslog cuts at 8 KiB unless told otherwise.
const (
	leastSize      = 480
	defaultUDPSize = 2048
	defaultTCPSize = 8192
	largestSize    = 64 << 10
)

// Validate reports every mistake.
func (c *Config) Validate() error {
	var errs []error
	if _, err := parseTarget(c.Target); err != nil {
		errs = append(errs, conffile.At("target", "%w", err))
	}
	if !slices.Contains(Facilities, c.Facility) {
		errs = append(errs, conffile.At("facility", "%q is not a facility: one of %s", c.Facility, strings.Join(Facilities, ", ")))
	}
	if c.AppName == "" || len(c.AppName) > maxApp || string(appendName(nil, c.AppName, maxApp)) != c.AppName {
		errs = append(errs, conffile.At("app_name", "%q is not an APP-NAME: 1 to 48 printable ASCII characters without spaces", c.AppName))
	}
	if c.MaxSize != 0 && (c.MaxSize < leastSize || c.MaxSize > largestSize) {
		errs = append(errs, conffile.At("max_size", "%s is out of range: 480 to 64KiB", c.MaxSize))
	}
	if c.Rate < 0 {
		errs = append(errs, conffile.At("rate", "%v is negative: 0 is no limit", c.Rate))
	}
	return errors.Join(errs...)
}

// target is a parsed Config.Target.
type target struct {
	network string // "udp" or "tcp"
	addr    string // host:port
}

func parseTarget(s string) (target, error) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme == "" || u.Host == "" {
		return target{}, fmt.Errorf("%q is not a target: write it like udp://192.0.2.30:514 or tcp://collector.example.org:601", s)
	}
	if u.Scheme != "udp" && u.Scheme != "tcp" {
		return target{}, fmt.Errorf("%q: %q is not a transport: one of udp, tcp", s, u.Scheme)
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "" {
		return target{}, fmt.Errorf("%q: only transport, host and port are expected", s)
	}
	port := u.Port()
	if port == "" {
		return target{}, fmt.Errorf("%q has no port: 514 for UDP, 601 for TCP are usual", s)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return target{}, fmt.Errorf("%q: the port is not from 1 to 65535", s)
	}
	if u.Hostname() == "" {
		return target{}, fmt.Errorf("%q has no host", s)
	}
	return target{u.Scheme, net.JoinHostPort(u.Hostname(), port)}, nil
}
