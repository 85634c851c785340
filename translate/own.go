package translate

import (
	"fmt"
	"strconv"
	"time"
)

// Own returns a notification of the gateway itself, "gtgTest" for one. Its time is now, its group gateway, and it belongs
// to no alarm; fields are the objects that its type has beyond the common ten, by object name.
func (t *Translator) Own(name string, severity Severity, text string, now time.Time, fields ...Field) (*Notification, error) {
	def, ok := t.mib.Notification(name)
	if !ok {
		return nil, fmt.Errorf("the MIB has no notification %q", name)
	}
	return &Notification{
		ID: t.cluster.ID + "-" + name + "-" + strconv.FormatInt(now.UnixNano(), 36), Event: name, Name: name, OID: def.OID,
		Group: "gateway", Time: now.UTC(), TS: now.Unix(), Received: now, Severity: severity, State: Stateless,
		Cluster: t.cluster.Name, Text: Clean(text), Fields: fields,
	}, nil
}
