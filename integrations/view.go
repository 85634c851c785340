package integrations

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gluster-trapgw/gluster-trapgw/integrations/nagios"
	"github.com/gluster-trapgw/gluster-trapgw/mibs"
	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

// view is what the templates see.
type view struct {
	Root       string // of the OIDs, without a leading dot
	Enterprise string // of v1 traps, with a leading dot
	PEN        string // the enterprise number in it, part of the SD-IDs of syslog
	Module     string
	Cluster    string
	Host       string // stands for the cluster in Nagios
	Events     string // its service for what is no alarm
	Beats      string // its service for the heartbeat
	Nodes      []translate.Node
	Heartbeat  int // seconds between two heartbeats
	Stale      int // seconds after which a receiver says that they stopped

	Notifications []*notification // in the order of the MIB
	Groups        []*group        // in the order of the catalogue, that of the gateway itself last
	Classes       []*class        // by name
	Objects       []object        // by OID
}

// notification is one type of the MIB with what the catalogue says of it.
type notification struct {
	Name, OID, Event, Description string
	Number                        uint32
	Group                         string
	Severity                      string // of the raise, or of the event itself
	Class                         string // of alarms that it raises or, when it raises none, clears
	Raises, Clears, Stateless     bool   // in which alarm states it can come
}

// group is one group of the catalogue.
type group struct {
	Name          string
	Notifications []*notification
	Classes       []*class // whose alarms are first raised in it
}

// class is one class of alarms.
type class struct {
	Name, Service  string
	Group          string
	Severity       string // the worst that an event raises
	Raises, Clears []*notification
}

type object struct{ Name, OID string }

// staleBeats is after how many missing heartbeats a receiver complains.
const staleBeats = 3

func newView(site Site) (*view, error) {
	cat, err := translate.LoadCatalogue()
	if err != nil {
		return nil, err
	}
	severity := site.Severity
	if severity == nil {
		severity = func(e *translate.Entry) translate.Severity { return e.Severity }
	}
	v := &view{Root: site.MIB.Root(), Enterprise: site.MIB.EnterpriseOID(), Module: mibs.EventsModule, Cluster: site.Cluster.Name,
		Host: nagios.HostName(site.Cluster.Name), Events: nagios.EventsService, Beats: nagios.HeartbeatService, Heartbeat: int(site.Heartbeat.Seconds()), Stale: int(staleBeats * site.Heartbeat.Seconds())}
	v.PEN, _, _ = strings.Cut(strings.TrimPrefix(v.Root, "1.3.6.1.4.1."), ".")
	for _, id := range slices.Sorted(maps.Keys(site.Cluster.Nodes)) {
		v.Nodes = append(v.Nodes, site.Cluster.Nodes[id])
	}
	slices.SortFunc(v.Nodes, func(a, b translate.Node) int { return strings.Compare(a.Name+a.Address, b.Name+b.Address) })

	classes := map[string]*class{}
	for _, name := range slices.Sorted(maps.Keys(cat.Classes)) {
		classes[name] = &class{Name: name, Service: nagios.ServiceName(name)}
		v.Classes = append(v.Classes, classes[name])
	}
	worst := map[string]translate.Severity{}
	for _, def := range site.MIB.Notifications() {
		n := &notification{Name: def.Name, OID: def.OID, Event: def.Event, Description: def.Description, Number: def.Number, Group: "gateway",
			Severity: translate.Informational.String(), Stateless: true}
		v.Notifications = append(v.Notifications, n)
		e := entry(cat, &def)
		switch {
		case def.Name == site.MIB.Unknown().Name:
			n.Group, n.Event, n.Severity = "unknown", "an event of a newer GlusterFS", translate.Indeterminate.String()
		case e == nil:
			n.Event = def.Name
		default:
			n.Event, n.Group = e.Event, e.Group
			s := severity(e)
			n.Severity = s.String()
			n.Raises, n.Clears, n.Stateless = e.Raises != "", e.Raises != "" || len(e.Clears) > 0 || e.Ends != "", e.Raises == ""
			if c := classes[e.Raises]; c != nil {
				n.Class, c.Raises = c.Name, append(c.Raises, n)
				if c.Group == "" {
					c.Group = e.Group
				}
				if s.Rank() > worst[c.Name].Rank() || c.Severity == "" {
					worst[c.Name], c.Severity = s, s.String()
				}
			}
			for _, cl := range e.Clears {
				c := classes[cl.Class]
				c.Clears = append(c.Clears, n)
				if n.Class == "" {
					n.Class = c.Name
				}
			}
		}
		v.group(n.Group).Notifications = append(v.group(n.Group).Notifications, n)
	}
	slices.SortStableFunc(v.Groups, func(a, b *group) int { return order(a) - order(b) })
	for _, c := range v.Classes {
		if len(c.Raises) == 0 {
			return nil, fmt.Errorf("no notification raises alarms of class %q", c.Name)
		}
		g := v.group(c.Group)
		g.Classes = append(g.Classes, c)
	}
	for _, name := range carried {
		o, ok := site.MIB.Object(name)
		if !ok {
			return nil, fmt.Errorf("the MIB has no object %q", name)
		}
		v.Objects = append(v.Objects, object{o.Name, o.OID})
	}
	return v, nil
}

// carried are the objects that every notification has or can have: the ten in their order, then those that may follow.
var carried = []string{"gtgEvClusterId", "gtgEvNodeName", "gtgEvName", "gtgEvDateAndTime", "gtgEvSeverity", "gtgEvAlarmState", "gtgEvAlarmKey",
	"gtgEvSequence", "gtgEvVolume", "gtgEvMessage", "gtgEvBrick", "gtgEvPeer", "gtgEvSubvol", "gtgEvNodeId", "gtgEvNotificationId", "gtgEvEpoch"}

// entry is the catalogue's entry of a notification, nil when it has none.
func entry(cat *translate.Catalogue, def *mibs.Notification) *translate.Entry {
	if def.Event != "" {
		return cat.Entry(def.Event)
	}
	for _, e := range cat.Own {
		if e.Event == def.Name {
			return e
		}
	}
	return nil
}

// order puts the groups that are not of GlusterFS last.
func order(g *group) int {
	switch g.Name {
	case "unknown":
		return 1
	case "gateway":
		return 2
	}
	return 0
}

// group returns the group of a name, which it makes when there is none yet.
func (v *view) group(name string) *group {
	for _, g := range v.Groups {
		if g.Name == name {
			return g
		}
	}
	g := &group{Name: name}
	v.Groups = append(v.Groups, g)
	return g
}
