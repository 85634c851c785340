// Package doctor finds out on a Gluster node why no events arrive: it looks at glustereventsd, at the webhooks that are
// registered, and at the way to the gateway. It only looks, except for one empty POST, which is what gluster-eventsapi
// webhook-test sends. Each finding is one line and names its remedy; a secret is never in it.
package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Status says how bad a finding is.
type Status string

// A failure keeps events from arriving, a warning may.
const (
	OK      Status = "ok"
	Warning Status = "warning"
	Failure Status = "failure"
)

// Finding is the outcome of one check.
type Finding struct {
	Check  string `json:"check"`
	Status Status `json:"status"`
	Text   string `json:"text"`
	Remedy string `json:"remedy,omitempty"`
}

// String is the finding as one line.
func (f Finding) String() string {
	if f.Remedy == "" {
		return fmt.Sprintf("%-7s %s: %s", f.Status, f.Check, f.Text)
	}
	return fmt.Sprintf("%-7s %s: %s; %s", f.Status, f.Check, f.Text, f.Remedy)
}

// Wanted is what the gateway's configuration says.
type Wanted struct {
	URL       string // as it should be registered; empty accepts any host with Port and Path
	Port      string
	Path      string
	Token     string
	EventsLog string // empty when the gateway does not follow it
}

// Node is the machine that is looked at. Root is put before every path; tests have their own.
type Node struct {
	Root string
	Now  func() time.Time
}

func (n *Node) path(p string) string { return filepath.Join(n.Root, p) }

// Files of glustereventsd.
const (
	webhooksFile = "/var/lib/glusterd/events/webhooks.json"
	customConfig = "/var/lib/glusterd/events/config.json"
	shareConfig  = "/etc/glusterfs/eventsconfig.json"
	pidFile      = "/var/run/glustereventsd.pid"
)

const reloadRemedy = "run on every node: systemctl reload glustereventsd (since GlusterFS 8.6 gluster-eventsapi cannot tell it)"

// Check looks at everything. The findings are in the order in which an event travels. The URL is the registered one that
// is meant, or else Wanted's.
func (n *Node) Check(ctx context.Context, w Wanted) (findings []Finding, target string) {
	add := func(f ...Finding) { findings = append(findings, f...) }
	procs, err := n.eventsd()
	switch {
	case err != nil:
		add(Finding{"glustereventsd", Warning, "processes cannot be listed: " + err.Error(), "run the doctor as root"})
	case len(procs) == 0:
		add(Finding{"glustereventsd", Failure, "it is not running", "systemctl enable --now glustereventsd"})
	default:
		add(Finding{Check: "glustereventsd", Status: OK, Text: fmt.Sprintf("it is running, pid %d", procs[0].pid)})
	}
	settings := n.settings()
	if len(procs) > 0 {
		add(n.udp(settings))
	}
	target, hooks := n.webhooks(w)
	add(hooks...)
	if len(procs) > 0 {
		add(n.reloaded(procs)...)
	}
	if w.EventsLog != "" {
		add(n.eventsLog(w.EventsLog, settings))
	}
	if target != "" {
		add(n.reach(ctx, target, w.Token)...)
	}
	return findings, target
}

// Failed reports whether a finding is a failure.
func Failed(findings []Finding) bool {
	for _, f := range findings {
		if f.Status == Failure {
			return true
		}
	}
	return false
}

// hook is a registered webhook: {"token": "", "secret": ""}, or in old files just the token.
type hook struct{ Token, Secret string }

// UnmarshalJSON reads both forms.
func (h *hook) UnmarshalJSON(b []byte) error {
	if json.Unmarshal(b, &h.Token) == nil {
		return nil
	}
	var v struct{ Token, Secret *string }
	err := json.Unmarshal(b, &v)
	if v.Token != nil {
		h.Token = *v.Token
	}
	if v.Secret != nil {
		h.Secret = *v.Secret
	}
	return err
}

func (n *Node) webhooks(w Wanted) (target string, findings []Finding) {
	const check = "webhooks.json"
	setup := "gluster-trapgw setup --url http://HOST:" + w.Port + w.Path
	if w.URL != "" {
		setup = "gluster-trapgw setup --url " + w.URL
	}
	text, err := os.ReadFile(n.path(webhooksFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return w.URL, []Finding{{check, Failure, "there is none: no webhook was ever registered, or this peer was added later", setup + ", or on an old node gluster-eventsapi sync"}}
	case err != nil:
		return w.URL, []Finding{{check, Warning, "it cannot be read: " + err.Error(), "run the doctor as root"}}
	}
	hooks := map[string]hook{}
	if err := json.Unmarshal(text, &hooks); err != nil {
		return w.URL, []Finding{{check, Failure, "it is not valid JSON, so that glustereventsd does not start: " + err.Error(),
			"copy " + webhooksFile + " from another node, then systemctl restart glustereventsd"}}
	}
	target = ""
	for u := range hooks {
		if w.URL == u || w.URL == "" && sameEnd(u, w) && (target == "" || u < target) {
			target = u
		}
	}
	if target == "" {
		return w.URL, []Finding{{check, Failure, fmt.Sprintf("the gateway is not among its %d webhooks", len(hooks)), setup}}
	}
	h := hooks[target]
	findings = append(findings, Finding{Check: check, Status: OK, Text: target + " is registered"})
	switch {
	case h.Secret != "":
		findings = append(findings, Finding{"webhook secret", Failure, "the webhook has a secret (-s), which glustereventsd cannot use on Python 3: it posts nothing",
			"gluster-eventsapi webhook-del " + target + ", then webhook-add it with -t TOKEN"})
	case h.Token == "" && w.Token != "":
		findings = append(findings, Finding{"webhook token", Failure, "the webhook has no token, but the gateway wants one", "gluster-eventsapi webhook-mod " + target + " -t TOKEN"})
	case w.Token != "" && h.Token != w.Token:
		findings = append(findings, Finding{"webhook token", Failure, "the webhook has another token than the gateway", "gluster-eventsapi webhook-mod " + target + " -t TOKEN"})
	case w.Token != "":
		findings = append(findings, Finding{Check: "webhook token", Status: OK, Text: "it is the gateway's"})
	}
	return target, findings
}

// sameEnd reports whether a URL has the port and path of the gateway.
func sameEnd(text string, w Wanted) bool {
	u, err := url.Parse(text)
	if err != nil {
		return false
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return port == w.Port && u.Path == w.Path
}

// reloaded says whether glustereventsd has read webhooks.json since it changed. On SIGUSR2 it starts a new child that
// posts, so the start of its youngest process is when it last read the file.
func (n *Node) reloaded(procs []process) []Finding {
	const check = "reload"
	var findings []Finding
	info, err := os.Stat(n.path(webhooksFile))
	if err != nil {
		return nil // reported already
	}
	youngest := procs[0].started
	for _, p := range procs {
		if p.started.After(youngest) {
			youngest = p.started
		}
	}
	if info.ModTime().After(youngest.Add(50 * time.Millisecond)) { // process times have hundredths
		findings = append(findings, Finding{check, Failure, "webhooks.json has changed since glustereventsd read it: it posts to the old webhooks", reloadRemedy})
	} else {
		findings = append(findings, Finding{Check: check, Status: OK, Text: "glustereventsd has read webhooks.json since it changed"})
	}
	if _, err := os.Stat(n.path(pidFile)); errors.Is(err, fs.ErrNotExist) {
		findings = append(findings, Finding{"pid file", Warning, "glustereventsd runs without its pid file: webhook-add, webhook-del and reload will say OK and change nothing",
			"after each of them " + reloadRemedy})
	}
	return findings
}

// settings are those of glustereventsd, defaults first.
type settings struct {
	Port      int  `json:"port"`
	NoLog     bool `json:"disable-events-log"`
	portKnown bool
}

func (n *Node) settings() settings {
	var s settings
	for _, file := range []string{shareConfig, customConfig} {
		if text, err := os.ReadFile(n.path(file)); err == nil {
			// A value of another type leaves the others readable; glustereventsd complains of it by itself.
			json.Unmarshal(text, &s) //nolint:errcheck // see above
		}
	}
	s.portKnown = s.Port > 0
	return s
}

func (n *Node) eventsLog(path string, s settings) Finding {
	const check = "events.log"
	if s.NoLog {
		return Finding{check, Failure, "glustereventsd does not write it, so that nothing missed can be recovered", "gluster-eventsapi config-set disable-events-log false, then " + reloadRemedy}
	}
	f, err := os.Open(n.path(path))
	if errors.Is(err, fs.ErrNotExist) {
		return Finding{check, Warning, path + " does not exist yet", "check eventslog.path, if there were events since glustereventsd started"}
	}
	if err != nil {
		return Finding{check, Failure, "the gateway cannot read it: " + err.Error(), "let the gateway's user read " + path}
	}
	return okUnless(f.Close(), check, path+" can be read")
}

func okUnless(err error, check, text string) Finding {
	if err != nil {
		return Finding{Check: check, Status: Failure, Text: err.Error()}
	}
	return Finding{Check: check, Status: OK, Text: text}
}

// udp says whether something listens where the daemons send events to.
func (n *Node) udp(s settings) Finding {
	const check = "event port"
	ports := []int{s.Port}
	if !s.portKnown {
		ports = []int{55555, 24009}
	}
	var names []string
	for _, p := range ports {
		v4, v6 := n.bound("/proc/net/udp", p), n.bound("/proc/net/udp6", p)
		switch {
		case v4 && (v6 || !n.hasIPv6()):
			return Finding{Check: check, Status: OK, Text: fmt.Sprintf("UDP port %d is bound", p)}
		case v4:
			return Finding{check, Warning, fmt.Sprintf("UDP port %d is bound for IPv4 only, but glusterd sends to ::1 where there is IPv6", p),
				"use GlusterFS 8.6 or later, or turn IPv6 off on the loopback interface"}
		}
		names = append(names, fmt.Sprint(p))
	}
	return Finding{check, Failure, "UDP port " + strings.Join(names, " or ") + " is not bound: glustereventsd does not hear the daemons", "systemctl restart glustereventsd"}
}

// EventPort is the UDP port of glustereventsd on this node.
func (n *Node) EventPort() int {
	s := n.settings()
	if s.portKnown {
		return s.Port
	}
	if !n.bound("/proc/net/udp", 55555) && n.bound("/proc/net/udp", 24009) {
		return 24009
	}
	return 55555
}
