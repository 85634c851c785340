package syslog

import (
	"errors"
	"slices"
	"strings"

	"github.com/gluster-trapgw/gluster-trapgw/conffile"
)

// Config is one syslog output of the configuration.
type Config struct {
	Target   string        `yaml:"target"`  // udp, tcp, tls, relp or relp+tls, each ://host:port; unix:///path
	Targets  []string      `yaml:"targets"` // instead of target: the first that answers is used
	Facility string        `yaml:"facility"`
	AppName  string        `yaml:"app_name"`
	Format   string        `yaml:"format"`   // rfc5424, rfc3164, json
	Framing  string        `yaml:"framing"`  // of streams: octet-counted or lf; empty: lf for json and unix sockets, else octet-counted
	BOM      bool          `yaml:"bom"`      // a byte order mark before the text of RFC 5424
	MaxSize  conffile.Size `yaml:"max_size"` // octets of one message; 0 is the default of transport and format
	Rate     float64       `yaml:"rate"`     // messages per second; 0 is no limit
	TLS      TLSConfig     `yaml:"tls"`      // for tls:// and relp+tls://
}

// DefaultConfig has no target. Collectors take what comes, so there is no pacing unless it is asked for.
func DefaultConfig() Config { return Config{Facility: "local3", AppName: "gluster", Format: "rfc5424"} }

// UnmarshalYAML gives what the file leaves out its default.
func (c *Config) UnmarshalYAML(unmarshal func(any) error) error {
	type plain Config
	*c = DefaultConfig()
	return unmarshal((*plain)(c))
}

// Facilities are the names of the facilities 0 to 23 (RFC 5424 table 1) as syslog.conf spells them.
var Facilities = []string{"kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
	"ntp", "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"}

// Formats are the forms of a message: RFC 5424, RFC 3164 for old collectors, and a JSON object without a syslog header.
var Formats = []string{"rfc5424", "rfc3164", "json"}

// Framings are how a stream is divided into messages (RFC 6587): by their lengths or by line feeds.
var Framings = []string{"octet-counted", "lf"}

// Sizes, in octets. RFC 5426 section 3.2 wants every receiver to take 480 and advises 2048; RFC 3164 section 4.1 has
// 1024; RFC 5425 and 6587 have no limit, but rsyslog cuts at 8 KiB unless told otherwise. largestUDP is what fits into
// a datagram of IPv4.
const (
	leastSize         = 480
	defaultUDPSize    = 2048
	defaultOldSize    = 1024
	defaultStreamSize = 8192
	largestSize       = 64 << 10
	largestUDP        = 65507
)

// size is the limit of one message, the same for all targets.
func (c *Config) size(targets []target) int {
	switch udp := slices.ContainsFunc(targets, target.udp); {
	case c.MaxSize != 0:
		return int(c.MaxSize)
	case udp && c.Format == "rfc3164":
		return defaultOldSize
	case udp:
		return defaultUDPSize
	}
	return defaultStreamSize
}

// Validate reports every mistake.
func (c *Config) Validate() error {
	var errs []error
	targets, err := c.targets()
	if err != nil {
		errs = append(errs, err)
	}
	if !slices.Contains(Formats, c.Format) {
		errs = append(errs, conffile.At("format", "%q is not a format: one of %s", c.Format, strings.Join(Formats, ", ")))
	}
	if c.BOM && c.Format != "rfc5424" {
		errs = append(errs, conffile.At("bom", "only messages of format rfc5424 have a byte order mark, this is %q", c.Format))
	}
	switch {
	case c.Framing != "" && !slices.Contains(Framings, c.Framing):
		errs = append(errs, conffile.At("framing", "%q is not a framing: one of %s", c.Framing, strings.Join(Framings, ", ")))
	case c.Framing != "" && err == nil && !slices.ContainsFunc(targets, target.stream):
		errs = append(errs, conffile.At("framing", "%s has no framing, its messages stay apart by themselves: leave it out", targets[0].network))
	}
	if i := slices.IndexFunc(targets, target.secure); i >= 0 {
		if _, err := c.TLS.load(targets[i].host); err != nil {
			errs = append(errs, conffile.In("tls", err))
		}
	} else if err == nil && c.TLS != (TLSConfig{}) {
		errs = append(errs, conffile.At("tls", "the target %q does not use TLS: write tls:// or relp+tls://, or leave this out", c.Destination()))
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
	if slices.ContainsFunc(targets, target.udp) && c.MaxSize > largestUDP {
		errs = append(errs, conffile.At("max_size", "%s is more than a UDP datagram holds: at most %d", c.MaxSize, largestUDP))
	}
	if c.Rate < 0 || c.Rate != c.Rate {
		errs = append(errs, conffile.At("rate", "%v is not a rate: 0 is no limit, 1000 is a thousand per second", c.Rate))
	}
	return errors.Join(errs...)
}
