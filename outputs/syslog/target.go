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

// target is one parsed target.
type target struct {
	network string // one of transports
	addr    string // host:port, or the path of the socket
	host    string
	text    string // as configured
}

// transports are the schemes of targets.
var transports = []string{"udp", "tcp", "tls", "relp", "relp+tls", "unix"}

func (t target) udp() bool    { return t.network == "udp" }
func (t target) secure() bool { return t.network == "tls" || t.network == "relp+tls" }
func (t target) remote() bool { return t.network != "unix" }
func (t target) stream() bool { return t.network == "tcp" || t.network == "tls" || t.network == "unix" }

// targets parses target or targets and reports every mistake.
func (c *Config) targets() ([]target, error) {
	if len(c.Targets) == 0 {
		t, err := parseTarget(c.Target)
		if err != nil {
			return nil, conffile.At("target", "%w", err)
		}
		return []target{t}, nil
	}
	var all []target
	var errs []error
	if c.Target != "" {
		errs = append(errs, conffile.At("target", "there are targets too: write one of the two"))
	}
	for i, text := range c.Targets {
		path := fmt.Sprintf("targets[%d]", i)
		t, err := parseTarget(text)
		switch {
		case err != nil:
			errs = append(errs, conffile.At(path, "%w", err))
		case slices.Index(c.Targets, text) < i:
			errs = append(errs, conffile.At(path, "%q is in the list already", text))
		case t.udp() && i < len(c.Targets)-1:
			errs = append(errs, conffile.At(path, "%q: UDP does not tell whether anybody answers, so the targets after it would never be used: put it last", text))
		}
		all = append(all, t)
	}
	return all, errors.Join(errs...)
}

// Destination is the target, or the list of them, in one line.
func (c *Config) Destination() string {
	if len(c.Targets) > 0 {
		return strings.Join(c.Targets, ", ")
	}
	return c.Target
}

func parseTarget(s string) (target, error) {
	u, err := url.Parse(s)
	path := err == nil && u.Scheme == "unix" && u.User == nil && u.RawQuery == "" && u.Fragment == ""
	if strings.ContainsAny(s, "@?#") && !path {
		// Not quoted: it may hold a password.
		return target{}, errors.New("only transport, host and port are expected, like tcp://collector.example.org:601: no user, no query")
	}
	if err != nil || u.Scheme == "" || u.Host == "" && u.Path == "" {
		return target{}, fmt.Errorf("%q is not a target: write it like udp://192.0.2.30:514, tcp://collector.example.org:601, tls://collector.example.org:6514 or unix:///dev/log", s)
	}
	if !slices.Contains(transports, u.Scheme) {
		return target{}, fmt.Errorf("%q: %q is not a transport: one of %s", s, u.Scheme, strings.Join(transports, ", "))
	}
	if u.Scheme == "unix" {
		if u.Host != "" || len(u.Path) > 107 {
			return target{}, fmt.Errorf("%q: the socket is a path of at most 107 octets, written like unix:///dev/log", s)
		}
		return target{network: "unix", addr: u.Path, text: s}, nil
	}
	if strings.Trim(u.Path, "/") != "" {
		return target{}, fmt.Errorf("%q: only transport, host and port are expected", s)
	}
	port := u.Port()
	if port == "" {
		return target{}, fmt.Errorf("%q has no port: 514 for UDP, 601 for TCP, 6514 for TLS, 2514 for RELP are usual", s)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return target{}, fmt.Errorf("%q: the port is not from 1 to 65535", s)
	}
	if u.Hostname() == "" {
		return target{}, fmt.Errorf("%q has no host", s)
	}
	return target{u.Scheme, net.JoinHostPort(u.Hostname(), port), u.Hostname(), s}, nil
}
