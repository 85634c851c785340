package translate

import (
	"fmt"
	"slices"
	"strconv"
	"time"
)

// OwnInput is the input of records that the gateway wrote itself: its own notifications go through the log like events,
// so that every output gets them in their place, and after a crash as well. OwnGroup is their group.
const (
	OwnInput = "gateway"
	OwnGroup = "gateway"
)

// Resync is the notification that says that the active alarms follow again; the output that it names is in its field
// "output".
const Resync = "gtgResync"

// ControlGroup is the group of records by which the gateway asks its outputs for something. They are sent to nobody.
const (
	ControlGroup   = "control"
	ControlClear   = "gtgAlarmClear" // the alarm of the field "key" is over
	ControlSilence = "gtgSilence"    // silences have changed
)

// own completes the notification of a record that the gateway wrote itself.
func (t *Translator) own(n *Notification) bool {
	if e := t.catalogue.control[n.Event]; e != nil {
		n.Group, n.Severity = ControlGroup, e.Severity
		n.Text = string(n.appendText(nil, e.template))
		return true
	}
	e := t.catalogue.own[n.Event]
	def, ok := t.mib.Notification(n.Event)
	if e == nil || !ok {
		return false
	}
	n.Name, n.OID, n.Group, n.Severity = def.Name, def.OID, OwnGroup, e.Severity
	n.Text = string(n.appendText(nil, e.template))
	t.state(n, e)
	return true
}

// WithFields returns a copy of one of the gateway's own notifications with some fields set and its text made anew.
func (t *Translator) WithFields(n *Notification, fields ...Field) *Notification {
	c := *n
	c.Fields = slices.DeleteFunc(slices.Clone(n.Fields), func(f Field) bool {
		return slices.ContainsFunc(fields, func(g Field) bool { return f.Key == g.Key })
	})
	c.Fields = append(c.Fields, fields...)
	if e := t.catalogue.own[n.Event]; e != nil {
		c.Text = string(c.appendText(nil, e.template))
	}
	return &c
}

// Own returns a notification of the gateway itself, "gtgTest" for one. Its time is now, its group gateway, and it belongs
// to no alarm; fields are the objects that its type has beyond the common ten, by object name.
func (t *Translator) Own(name string, severity Severity, text string, now time.Time, fields ...Field) (*Notification, error) {
	def, ok := t.mib.Notification(name)
	if !ok {
		return nil, fmt.Errorf("the MIB has no notification %q", name)
	}
	return &Notification{
		ID: t.cluster.ID + "-" + name + "-" + strconv.FormatInt(now.UnixNano(), 36), Event: name, Name: name, OID: def.OID,
		Group: OwnGroup, Time: now.UTC(), TS: now.Unix(), Received: now, Severity: severity, State: Stateless,
		Cluster: t.cluster.Name, Text: Clean(text), Fields: fields,
	}, nil
}
