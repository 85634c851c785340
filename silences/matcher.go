package silences

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/gluster-trapgw/gluster-trapgw/conffile"
	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

// Matcher is one condition, written NAME=VALUE, NAME!=VALUE, NAME=~REGEXP or NAME!~REGEXP as in Alertmanager: a regular
// expression fits the whole value, and what a notification does not have is the empty text.
type Matcher struct {
	Name, Op, Value string

	re *regexp.Regexp
}

// Names are what a matcher can look at, besides message.KEY.
var Names = []string{"event", "group", "severity", "node", "volume", "brick", "peer", "subvol", "class", "alarm"}

const messagePrefix = "message."

// maxMatcher is how long a matcher may be.
const maxMatcher = 1024

// ParseMatcher reads a matcher. The value may be quoted as in Go.
func ParseMatcher(s string) (Matcher, error) {
	i := strings.IndexAny(s, "=!")
	if i < 0 || i+1 > len(s) {
		return Matcher{}, fmt.Errorf("%q is not a matcher: write it like volume=gv0, node!=gfs1, event=~\"BRICK_.*\"", s)
	}
	m := Matcher{Name: strings.TrimSpace(s[:i])}
	for _, op := range []string{"=~", "!~", "!=", "="} {
		if v, ok := strings.CutPrefix(s[i:], op); ok {
			m.Op, m.Value = op, strings.TrimSpace(v)
			break
		}
	}
	if m.Op == "" {
		return Matcher{}, fmt.Errorf("%q has no operator: one of =, !=, =~, !~", s)
	}
	if strings.HasPrefix(m.Value, `"`) {
		v, err := strconv.Unquote(m.Value)
		if err != nil {
			return Matcher{}, fmt.Errorf("%q: the value is not a quoted text", s)
		}
		m.Value = v
	}
	return m, m.compile()
}

func (m *Matcher) compile() error {
	if key, ok := strings.CutPrefix(m.Name, messagePrefix); ok && key == "" || !ok && !slices.Contains(Names, m.Name) {
		return fmt.Errorf("%q is not something to match%s: one of %s, message.KEY", m.Name, conffile.DidYouMean(m.Name, Names), strings.Join(Names, ", "))
	}
	if len(m.Value) > maxMatcher {
		return fmt.Errorf("the value of %s has %d octets: %d are allowed", m.Name, len(m.Value), maxMatcher)
	}
	if m.Name == "severity" && !strings.HasSuffix(m.Op, "~") && !slices.Contains(translate.Severities, m.Value) {
		return fmt.Errorf("%q is not a severity: one of %s", m.Value, strings.Join(translate.Severities, ", "))
	}
	if !strings.HasSuffix(m.Op, "~") {
		return nil
	}
	re, err := regexp.Compile(`^(?s:` + m.Value + `)$`)
	if err != nil {
		return fmt.Errorf("%s: %w", m, err)
	}
	m.re = re
	return nil
}

// String is the form that ParseMatcher reads.
func (m Matcher) String() string { return m.Name + m.Op + strconv.Quote(m.Value) }

// MarshalText implements encoding.TextMarshaler.
func (m Matcher) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (m *Matcher) UnmarshalText(b []byte) (err error) {
	*m, err = ParseMatcher(string(b))
	return err
}

// fits reports whether a value is as the matcher without its negation says.
func (m *Matcher) fits(v string) bool {
	if m.re != nil {
		return m.re.MatchString(v)
	}
	return v == m.Value
}

// matches reports whether the notification is as the matcher says.
func (m *Matcher) matches(n *translate.Notification) bool {
	return m.fitsAny(n) != strings.HasPrefix(m.Op, "!")
}

func (m *Matcher) fitsAny(n *translate.Notification) bool {
	switch m.Name {
	case "event":
		return m.fits(n.Event)
	case "group":
		return m.fits(n.Group)
	case "severity":
		return m.fits(n.Severity.String())
	case "node": // by any of its names
		addr := ""
		if n.NodeAddr.IsValid() {
			addr = n.NodeAddr.String()
		}
		return m.fitsOne(n.NodeName, n.NodeID, addr)
	case "volume":
		return m.fits(n.Volume)
	case "brick":
		return m.fits(n.Brick)
	case "peer":
		return m.fitsOne(n.Peer, n.PeerID)
	case "subvol":
		return m.fits(n.Subvol)
	case "class":
		return m.fits(n.AlarmClass)
	case "alarm":
		return m.fits(n.AlarmKey)
	default:
		v, _ := n.Get(strings.TrimPrefix(m.Name, messagePrefix))
		return m.fits(v)
	}
}

// fitsOne: several names of one thing, of which some may not be known.
func (m *Matcher) fitsOne(names ...string) bool {
	known := false
	for _, v := range names {
		if v == "" {
			continue
		}
		if known = true; m.fits(v) {
			return true
		}
	}
	return !known && m.fits("")
}
