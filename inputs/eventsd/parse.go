package eventsd

import (
	"bytes"
	"errors"
	"strconv"
	"strings"

	"github.com/gluster-trapgw/gluster-trapgw/inputs"
)

// Why a datagram is not taken.
var (
	errNoTime   = errors.New("does not begin with a time in seconds")
	errNoNumber = errors.New("has no event number after the time")
)

// wire is a datagram taken apart.
type wire struct {
	ts      int64
	name    string
	known   bool
	message map[string]any
}

// parse reads "SECONDS NUMBER k=v;k=v" as gf_event() in libglusterfs and gf_event.py write it. Nothing in it is
// escaped, so that some of it can only be guessed; numbering is what the number means. The rules:
//
//   - the first = of a part ends the key; later ones belong to the value;
//   - a part without =, or whose text before the = cannot be a key, or whose key was there before, belongs to the value
//     before it, semicolon included: a value cannot replace a field that came before it;
//   - where free text stands before fields that identify something (lastFields), those are looked for from the end;
//   - what has no fields at all, "(null)" included, has an empty message.
//
// What glustereventsd makes of a datagram is what this makes of it, unless glustereventsd drops it, cuts it at 8192
// octets or would let a value replace a field.
func parse(data []byte, numbering numbering) (wire, error) {
	// What Python's bytes.strip takes away.
	s := string(bytes.Trim(data, " \t\n\r\v\f"))
	s = string([]rune(s)) // octets that are not UTF-8 become U+FFFD
	first, rest, _ := strings.Cut(s, " ")
	var w wire
	var ok bool
	if w.ts, ok = seconds(first); !ok {
		return wire{}, errNoTime
	}
	second, body, _ := strings.Cut(strings.TrimLeft(rest, " "), " ")
	number, err := strconv.Atoi(second)
	if err != nil || number > maxNumber || number < -maxNumber {
		return wire{}, errNoNumber
	}
	w.name, w.known = numbering.lookup(number)
	w.message = typed(w.name, fields(body, lastFields[w.name]))
	return w, nil
}

// maxNumber bounds the numbers that are taken for an event: 142 exist.
const maxNumber = 999_999

// seconds reads a whole number of seconds; what does not fit saturates, and a fraction is cut off.
func seconds(s string) (int64, bool) {
	whole, fraction, _ := strings.Cut(s, ".")
	if strings.Trim(fraction, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, false
	}
	return n, true
}

// lastFields are the fields that come after free text (a file name, an option's value) and say what the event is
// about. Without them a file called "x;brick=other" would move a bad file to another brick.
var lastFields = map[string][]string{
	"BITROT_BAD_FILE":           {"brick"},
	"POSIX_SAME_GFID":           {"brick"},
	"POSIX_HEALTH_CHECK_FAILED": {"brick"},
	"GEOREP_CONFIG_SET":         {"primary", "secondary", "master", "slave"},
	"GEOREP_CONFIG_RESET":       {"primary", "secondary", "master", "slave"},
}

// fields splits the body into keys and values.
func fields(body string, last []string) map[string]string {
	m := map[string]string{}
	body = strings.TrimSuffix(body, ";")
	if body == "" || body == "(null)" {
		return m
	}
	parts := strings.Split(body, ";")
	end := len(parts)
	for ; end > 1; end-- {
		key, value, ok := strings.Cut(parts[end-1], "=")
		if _, again := m[key]; !ok || again || !contains(last, key) {
			break
		}
		m[key] = value
	}
	// The first part always is a field, whatever its key looks like.
	current, value, _ := strings.Cut(parts[0], "=")
	set := func() {
		if _, again := m[current]; !again {
			m[current] = value
		}
	}
	for _, part := range parts[1:end] {
		key, v, ok := strings.Cut(part, "=")
		_, again := m[key]
		if !ok || again || key == current || !isKey(key) {
			value += ";" + part
			continue
		}
		set()
		current, value = key, v
	}
	set()
	return m
}

func contains(list []string, s string) bool {
	for _, item := range list {
		if item == s {
			return true
		}
	}
	return false
}

// isKey reports whether a text can be a key: an identifier, with the one space in front that some emitters write.
func isKey(s string) bool {
	s = strings.TrimPrefix(s, " ")
	if s == "" || len(s) > 64 || s[0] < 'A' {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_', c == '.':
		default:
			return false
		}
	}
	return true
}

// typed gives the values the types that glustereventsd gives them (eventsapiconf.py, handlers.py).
func typed(name string, fields map[string]string) map[string]any {
	m := make(map[string]any, len(fields))
	for k, v := range fields {
		switch k {
		case "force", "push-pem", "no-verify":
			switch strings.ToLower(v) {
			case "1", "on", "true", "yes":
				m[k] = true
			default:
				m[k] = false
			}
		case "ssh-port":
			m[k] = v
			if n, err := strconv.ParseInt(v, 10, 64); err == nil {
				m[k] = n
			}
		default:
			m[k] = v
		}
	}
	if name == "VOLUME_SET" {
		m["options"] = options(fields["options"])
	}
	return m
}

// options makes pairs of ",key,value,key,value". A value with a comma in it cannot be told.
func options(s string) []any {
	pairs := []any{}
	for i, item := range strings.Split(strings.Trim(s, ","), ",") {
		if i%2 == 0 {
			pairs = append(pairs, []any{item})
		} else {
			last := len(pairs) - 1
			pairs[last] = append(pairs[last].([]any), item)
		}
	}
	return pairs
}

// numbering is what the numbers of events mean in one release.
type numbering struct {
	names   []string // by number; "" is none
	shifted bool     // GlusterFS 3.9.0
}

// GlusterFS 3.9.0 has an event that no later release has, and every later number is one higher there.
const (
	extraNumber = 78
	extraName   = "BRICKS_START_FAILED"
)

// lookup returns the name of an event. One without a name gets one that goes out as the generic notification.
func (n numbering) lookup(number int) (name string, known bool) {
	i := number
	if n.shifted && number >= extraNumber {
		if number == extraNumber {
			return extraName, true
		}
		i--
	}
	if i < 0 || i >= len(n.names) || n.names[i] == "" {
		return "UNKNOWN_" + strconv.Itoa(number), false
	}
	return n.names[i], true
}

// body is the record for a datagram.
func (w *wire) body(node string) []byte {
	b := inputs.Body{Event: w.name, NodeID: node, TS: w.ts, Message: w.message}
	return b.JSON()
}
