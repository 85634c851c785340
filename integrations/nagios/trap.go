// Package nagios turns notifications of the gateway, as snmptrapd hands them to a traphandle program, into passive check
// results for Nagios and Icinga 2. There is one service for each class of alarms; it is as bad as the worst alarm of its
// class that is active, and OK only when the last of them is over. Which alarms are active is kept in a small file.
//
// The command nagios-result is its caller; the names of hosts and services here are also those of the files that
// package integrations writes. It talks to nobody: lines come in, lines go out.
package nagios

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gluster-trapgw/gluster-trapgw/mibs"
)

// Trap is what the services need of one notification.
type Trap struct {
	Name     string // of the notification, "glusterQuorumLost"
	Cluster  string
	Node     string
	Event    string
	Severity string // as the MIB spells it: critical, major, minor, warning, indeterminate, info, cleared
	State    string // raise, clear, update, stateless
	Key      string // of the alarm
	Text     string
}

// ErrForeign is returned for a notification that is not of our MIB.
var ErrForeign = errors.New("not a notification of " + mibs.EventsModule)

// maxLine is more than snmptrapd makes of the longest varbind.
const maxLine = 256 << 10

// ReadTrap reads what snmptrapd writes to a traphandle program: a line with the host, one with the address, then one
// for each varbind, "OID value". OIDs may be names or numbers, as snmptrapd's options and its MIBs have them.
func ReadTrap(r io.Reader, mib *mibs.MIB) (*Trap, error) {
	in := bufio.NewScanner(r)
	in.Buffer(nil, maxLine)
	values := map[string]string{}
	for n := 0; in.Scan(); n++ {
		if n < 2 {
			continue // host and address
		}
		oid, value, _ := strings.Cut(in.Text(), " ")
		name := objectName(oid, mib)
		if _, twice := values[name]; !twice { // of two the first counts: ours come first
			values[name] = strings.TrimSpace(value)
		}
	}
	if err := in.Err(); err != nil {
		return nil, fmt.Errorf("read the trap: %w", err)
	}
	id, ok := values["snmpTrapOID.0"]
	if !ok {
		return nil, errors.New("read the trap: there is no snmpTrapOID, is this the input of a traphandle program of snmptrapd?")
	}
	def, ok := mib.Notification(objectName(id, mib))
	if !ok {
		return nil, fmt.Errorf("%s: %w", id, ErrForeign)
	}
	t := &Trap{Name: def.Name}
	text := func(object string) string { return plain(values[object+".0"]) }
	t.Cluster, t.Node, t.Event = text("gtgEvClusterId"), text("gtgEvNodeName"), text("gtgEvName")
	t.Key, t.Text = text("gtgEvAlarmKey"), text("gtgEvMessage")
	var err error
	if t.Severity, err = Label(mib, "gtgEvSeverity", values["gtgEvSeverity.0"]); err != nil {
		return nil, fmt.Errorf("read the trap: %w", err)
	}
	if t.State, err = Label(mib, "gtgEvAlarmState", values["gtgEvAlarmState.0"]); err != nil {
		return nil, fmt.Errorf("read the trap: %w", err)
	}
	return t, nil
}

// The ways in which net-snmp writes the beginning of an OID that it has no better name for.
var prefixes = [][2]string{{"iso.", ".1."}, {"enterprises.", ".1.3.6.1.4.1."}, {"netSnmpPlaypen.", ".1.3.6.1.4.1.8072.9999.9999."},
	{"netSnmpExperimental.", ".1.3.6.1.4.1.8072.9999."}, {"netSnmp.", ".1.3.6.1.4.1.8072."}}

// objectName returns the name of a varbind or notification without its module, and the OID itself when it has none.
func objectName(oid string, mib *mibs.MIB) string {
	oid = oid[strings.LastIndexByte(oid, ':')+1:]
	for _, p := range prefixes {
		if rest, ok := strings.CutPrefix(oid, p[0]); ok {
			oid = p[1] + rest
		}
	}
	if oid != "" && oid[0] >= '0' && oid[0] <= '9' {
		oid = "." + oid
	}
	if name, ok := mib.Name(oid); ok {
		return name
	}
	return oid
}

// Label returns the name of an enumerated value that may be a name, a number, or both: critical, 3, critical(3).
func Label(mib *mibs.MIB, object, value string) (string, error) {
	o, ok := mib.Object(object)
	if !ok {
		return "", fmt.Errorf("the MIB has no object %q", object)
	}
	name, _, _ := strings.Cut(value, "(")
	if _, ok := o.Labels()[name]; ok {
		return name, nil
	}
	if n, err := strconv.ParseInt(value, 10, 64); err == nil && o.Label(n) != "" {
		return o.Label(n), nil
	}
	return "", fmt.Errorf("%s is %.40q, which it cannot be", object, value)
}

// plain returns a text as it was sent. snmptrapd puts it between quotes, and writes it in hexadecimal when it has no MIB and
// the text is more than ASCII: "E2 80 A6 ".
func plain(s string) string {
	if len(s) > 1 && s[0] == '"' && s[len(s)-1] == '"' {
		s = strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(s[1 : len(s)-1])
	}
	if len(s)%3 == 0 && strings.HasSuffix(s, " ") {
		if b, err := hex.DecodeString(strings.ReplaceAll(s, " ", "")); err == nil && len(b) == len(s)/3 && utf8.Valid(b) {
			return string(b)
		}
	}
	return s
}
