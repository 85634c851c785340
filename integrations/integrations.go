// Package integrations writes the files that receivers need: the configuration of SNMPTT, a template for Zabbix, objects
// for Nagios, and so on. Each is a text/template under templates/NAME, filled from the MIB and the event catalogue with
// the site's OID root, names and severities, so that no number or name is written down twice. The set for a site that has
// set nothing lies in default/NAME; a test keeps it fresh.
//
// The commands integrations list and integrations export are its callers. It sends nothing and reads no file.
package integrations

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"text/template"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/mibs"
	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

//go:embed templates
var templates embed.FS

// Site is what is known of the place where the files will be used.
type Site struct {
	MIB       *mibs.MIB // under the site's root
	Cluster   translate.Cluster
	Heartbeat time.Duration // between two heartbeats; 0 when they are off
	// Severity is the severity with which notifications of a type are sent, as far as its type alone tells; nil is that
	// of the catalogue.
	Severity func(e *translate.Entry) translate.Severity
}

// Receiver is something that files can be written for.
type Receiver struct {
	Name    string // as --for spells it
	Summary string // one line
}

// Receivers lists all of them.
func Receivers() []Receiver {
	return []Receiver{
		{"snmptrapd", "snmptrapd of net-snmp: communities, users, where traps go"},
		{"snmptt", "SNMPTT: every notification, with and without Nagios"},
		{"nagios", "Nagios 4: a host, a passive service for each class of alarms, freshness of the heartbeat"},
		{"icinga2", "Icinga 2: the same"},
		{"zabbix", "Zabbix 6.0 and later: template, and the trap handler for snmptrapd"},
		{"opennms", "OpenNMS: event definitions with alarms that clear themselves"},
		{"librenms", "LibreNMS: trap handler"},
		{"rsyslog", "rsyslog: reception with TLS, structured data, a file for each severity"},
		{"syslog-ng", "syslog-ng: the same"},
		{"grafana-loki", "Grafana Loki: reception by Alloy or Promtail, labels from the structured data"},
	}
}

// File is one written file.
type File struct {
	Name string
	Data []byte
	Mode fs.FileMode
}

// ErrUnknown is returned for a receiver that is not in the list.
var ErrUnknown = errors.New("not a receiver that files can be written for")

// Files returns the files for one receiver, in the order of their names.
func Files(receiver string, site Site) ([]File, error) {
	if !slices.ContainsFunc(Receivers(), func(r Receiver) bool { return r.Name == receiver }) {
		return nil, fmt.Errorf("%q is %w", receiver, ErrUnknown)
	}
	v, err := newView(site)
	if err != nil {
		return nil, err
	}
	dir := path.Join("templates", receiver)
	entries, err := templates.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("files for %s: %w", receiver, err)
	}
	var files []File
	for _, e := range entries {
		text, err := templates.ReadFile(path.Join(dir, e.Name()))
		if err != nil {
			return nil, fmt.Errorf("files for %s: %w", receiver, err)
		}
		name := strings.TrimSuffix(e.Name(), ".tmpl")
		// [[ and ]] because the files themselves are full of braces.
		t, err := template.New(name).Delims("[[", "]]").Funcs(functions).Option("missingkey=error").Parse(string(text))
		if err != nil {
			return nil, fmt.Errorf("files for %s: %w", receiver, err)
		}
		var b bytes.Buffer
		if err := t.Execute(&b, v); err != nil {
			return nil, fmt.Errorf("files for %s: %w", receiver, err)
		}
		mode := fs.FileMode(0o644)
		if bytes.HasPrefix(b.Bytes(), []byte("#!")) {
			mode = 0o755
		}
		files = append(files, File{Name: name, Data: b.Bytes(), Mode: mode})
	}
	return files, nil
}
