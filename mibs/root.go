package mibs

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// DefaultRoot lies in the part of the tree that NET-SNMP-MIB gives to private experiments. It is assigned to nobody
// and can collide; a site sets an arc of its own enterprise number instead.
const DefaultRoot = "1.3.6.1.4.1.8072.9999.9999.24007"

const enterprises = "1.3.6.1.4.1."

// maxRoot leaves room for the arcs below the root: an OID has at most 128 (RFC 2578 section 7.1.3).
const maxRoot = 128 - 10

// parseRoot checks a root and returns its arcs.
func parseRoot(root string) ([]uint32, error) {
	if root == "" {
		root = DefaultRoot
	}
	clean := strings.TrimPrefix(root, ".")
	below, ok := strings.CutPrefix(clean, enterprises)
	if !ok {
		return nil, fmt.Errorf("OID root %q is not below 1.3.6.1.4.1 (enterprises): use an arc of your enterprise number, like 1.3.6.1.4.1.<PEN>.1", root)
	}
	arcs := []uint32{1, 3, 6, 1, 4, 1}
	for _, s := range strings.Split(below, ".") {
		n, err := strconv.ParseUint(s, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("OID root %q: %q is not a number from 0 to 4294967295", root, s)
		}
		arcs = append(arcs, uint32(n))
	}
	if len(arcs) > maxRoot {
		return nil, fmt.Errorf("OID root %q has %d numbers: more than %d leave no room for what lies below it", root, len(arcs), maxRoot)
	}
	return arcs, nil
}

// RootWarnings says what is wrong with a root that Load takes: it belongs to somebody else, or tools misread it.
func RootWarnings(root string) []string {
	arcs, err := parseRoot(root)
	if err != nil {
		return nil
	}
	const own = "set an arc of your own enterprise number"
	var all []string
	below := arcs[6:]
	switch {
	case len(below) > 2 && below[0] == 8072 && below[1] == 9999 && below[2] == 9999:
		all = append(all, "the range of net-snmp for experiments is assigned to nobody and can collide: "+own)
	case others[below[0]] != "":
		all = append(all, fmt.Sprintf("enterprise number %d %s: %s", below[0], others[below[0]], own))
	}
	// See Export.
	if i := slices.IndexFunc(below, func(a uint32) bool { return a > math.MaxInt32 }); i >= 0 {
		all = append(all, fmt.Sprintf("the tools of net-snmp misread numbers above %d, such as %d: use a smaller one", math.MaxInt32, below[i]))
	}
	return all
}

// others are the enterprise numbers that are near at hand and nobody's to use here.
var others = map[uint32]string{
	0:     "is reserved",
	2312:  "is that of Red Hat",
	8072:  "is that of net-snmp",
	32473: "is for examples in documents (RFC 5612)",
}

func dotted(arcs []uint32) string {
	var b strings.Builder
	for i, a := range arcs {
		if i > 0 {
			b.WriteByte('.')
		}
		b.WriteString(strconv.FormatUint(uint64(a), 10))
	}
	return b.String()
}

// The names that the ROOT module gives to known inner arcs: numbers without a name make smilint warn.
var knownArcs = map[string]string{
	"8072": "netSnmp", "8072.9999": "netSnmpExperimental", "8072.9999.9999": "netSnmpPlaypen",
}

// Source returns the text of a bundled module under the given root.
func Source(module, root string) (string, error) {
	text, err := modules.ReadFile(module)
	if err != nil {
		return "", fmt.Errorf("%q is not a bundled module: one of %s, %s", module, RootModule, EventsModule)
	}
	arcs, err := parseRoot(root)
	if err != nil || module != RootModule {
		return string(text), err
	}
	return replaceRoot(string(text), arcs)
}

// replaceRoot writes the OID of the root into the ROOT module.
func replaceRoot(text string, arcs []uint32) (string, error) {
	start := strings.Index(text, "::= { enterprises ")
	if start < 0 {
		return "", errors.New("the ROOT module has no line that sets its OID")
	}
	end := start + strings.IndexByte(text[start:], '}') + 1
	below := arcs[6:]
	var b strings.Builder
	b.WriteString("::= { enterprises")
	for i, a := range below {
		switch name := knownArcs[dotted(below[:i+1])]; {
		case i == len(below)-1:
			fmt.Fprintf(&b, " %d", a)
		case name != "":
			fmt.Fprintf(&b, " %s(%d)", name, a)
		default:
			fmt.Fprintf(&b, " gtgSiteArc%d(%d)", i+1, a)
		}
		if i%2 == 1 && i < len(below)-1 {
			b.WriteString("\n         ")
		}
	}
	b.WriteString(" }")
	return text[:start] + b.String() + text[end:], nil
}

// Export writes both modules, below the given root, into a directory that exists, under the names that net-snmp and
// libsmi look for. The tools of net-snmp 5.9 read a module wrongly when a number of its root is above 2147483647 or
// when the root has more than 30 numbers below enterprises; smilint objects to a 0 inside it. Load takes such roots, for
// receivers that read no module.
func Export(root, dir string) error {
	for _, module := range []string{RootModule, EventsModule} {
		text, err := Source(module, root)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, module), []byte(text), 0o644); err != nil {
			return fmt.Errorf("export MIB module: %w", err)
		}
	}
	return nil
}
