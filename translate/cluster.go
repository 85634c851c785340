package translate

import (
	"errors"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/gluster-trapgw/gluster-trapgw/conffile"
)

// Cluster is what the configuration says about the cluster. Nothing in it is needed: with the nodes, notifications say
// names instead of UUIDs and addresses, and the many spellings of one host become one.
type Cluster struct {
	Name  string          `yaml:"name"`
	Nodes map[string]Node `yaml:"nodes"` // by UUID
	ID    string          `yaml:"-"`     // identity of the durable log, the first part of notification IDs
}

// Node is one node of the cluster.
type Node struct {
	Name    string `yaml:"name"`
	Address string `yaml:"address"`
}

// Validate reports every mistake, each at its key.
func (c *Cluster) Validate() error {
	var errs []error
	if len(c.Name) > 64 || Clean(c.Name) != c.Name {
		errs = append(errs, conffile.At("name", "%q is not a cluster name: at most 64 octets without control characters", c.Name))
	}
	seen := map[string]string{} // what must be unique, to the node that has it
	for _, id := range slices.Sorted(maps.Keys(c.Nodes)) {
		n, at := c.Nodes[id], "nodes."+id
		unique := func(at, what, value string) {
			if other, ok := seen[value]; ok {
				errs = append(errs, conffile.At(at, "%s %q is that of node %s too", what, value, other))
			}
			seen[value] = id
		}
		if isUUID(id) {
			unique(at, "UUID", strings.ToLower(id))
		} else {
			errs = append(errs, conffile.At(at, "%q is not the UUID of a node: see gluster pool list", id))
		}
		if len(n.Name) > 255 || Clean(n.Name) != n.Name || strings.TrimSpace(n.Name) != n.Name {
			errs = append(errs, conffile.At(at+".name", "%q is not a node name: at most 255 octets without control characters", n.Name))
		} else if n.Name != "" {
			unique(at+".name", "name", strings.ToLower(n.Name))
		}
		if addr, err := parseAddr(n.Address); err != nil {
			errs = append(errs, conffile.At(at+".address", "%q is not an IP address", n.Address))
		} else if addr.IsValid() && !strings.EqualFold(addr.String(), n.Name) {
			unique(at+".address", "address", addr.String())
		}
	}
	return errors.Join(errs...)
}

// parseAddr reads an address, which may be absent, without what only one host understands: zones and mapped forms.
func parseAddr(s string) (netip.Addr, error) {
	if s == "" {
		return netip.Addr{}, nil
	}
	a, err := netip.ParseAddr(s)
	return a.Unmap().WithZone(""), err
}

func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return false
			}
		case c >= '0' && c <= '9', c >= 'a' && c <= 'f', c >= 'A' && c <= 'F':
		default:
			return false
		}
	}
	return true
}

// nodes knows the configured nodes by UUID, name and address.
type nodes struct {
	byUUID map[string]node
	uuids  map[string]string // name and address, lower case, to UUID
}

type node struct {
	name string
	addr netip.Addr
}

func newNodes(configured map[string]Node) (nodes, error) {
	ns := nodes{byUUID: map[string]node{}, uuids: map[string]string{}}
	for id, n := range configured {
		addr, err := parseAddr(n.Address)
		if err != nil {
			return ns, err
		}
		id = strings.ToLower(id)
		ns.byUUID[id] = node{n.Name, addr}
		if n.Name != "" {
			ns.uuids[strings.ToLower(n.Name)] = id
		}
		if addr.IsValid() {
			ns.uuids[addr.String()] = id
		}
	}
	return ns, nil
}

// uuid returns the UUID of the node that a host name or address stands for, "" when it is not configured.
func (ns *nodes) uuid(host string) string {
	if len(ns.uuids) == 0 || host == "" {
		return ""
	}
	if id, ok := ns.uuids[strings.ToLower(host)]; ok {
		return id
	}
	if strings.IndexByte(host, ':') >= 0 { // an IPv6 address has many spellings
		if a, err := parseAddr(strings.Trim(host, "[]")); err == nil {
			return ns.uuids[a.String()]
		}
	}
	return ""
}

// name returns the configured name of a host, or the host as it is.
func (ns *nodes) name(host string) string {
	if n := ns.byUUID[ns.uuid(host)]; n.name != "" {
		return n.name
	}
	return host
}

// NodeName returns the configured name of a node, or its UUID when it has none.
func (t *Translator) NodeName(uuid string) string {
	if n := t.nodes.byUUID[strings.ToLower(uuid)]; n.name != "" {
		return n.name
	}
	return uuid
}
