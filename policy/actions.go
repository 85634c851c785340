package policy

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/conffile"
	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

// Throttle bounds how many notifications of a rule go out: Max in each time of Every, counted apart for what By names.
// Whoever keeps the state (package alarms) sums up the others at the end.
type Throttle struct {
	Rule  string
	Max   int
	Every time.Duration
	By    []string // fields: event, volume, message.KEY, ...
}

// Key tells apart what is counted apart under the rule.
func (t *Throttle) Key(n *translate.Notification) string {
	var b strings.Builder
	for i, name := range t.By {
		if i > 0 {
			b.WriteByte('|')
		}
		b.WriteString(fieldText(n, name))
	}
	return b.String()
}

// throttleBy are the fields that a throttle can count by, beside message.KEY.
var throttleBy = []string{"event", "group", "severity", "state", "node", "volume", "brick", "peer", "subvol", "alarm"}

func fieldText(n *translate.Notification, name string) string {
	switch name {
	case "event":
		return n.Event
	case "group":
		return n.Group
	case "severity":
		return n.Severity.String()
	case "state":
		return n.State.String()
	case "node":
		return n.Host()
	case "volume":
		return n.Volume
	case "brick":
		return n.Brick
	case "peer":
		return n.Peer
	case "subvol":
		return n.Subvol
	case "alarm":
		return n.AlarmKey
	}
	key, _ := strings.CutPrefix(name, "message.")
	for i := range n.Fields {
		if n.Fields[i].Key == key {
			return n.Fields[i].Value
		}
	}
	return ""
}

const (
	longestHold    = time.Hour
	shortestRepeat = time.Minute
)

// actions compiles what a rule does beside dropping, sending and setting the severity. It returns the keys of
// those that the rule has.
func (l *loader) actions(path string, src *ruleSource, r *rule) (keys []string) {
	if l.given(path+".text", len(strings.TrimSpace(src.Text)), "write a template, or remove the key") {
		t, err := parseText(src.Text)
		if err != nil {
			l.add(path+".text", "%s", textError(err))
		}
		r.decision.text, keys = t, append(keys, "text")
	}
	if l.has(path + ".hold") {
		keys = append(keys, "hold")
		if d := time.Duration(src.Hold); d < time.Second || d > longestHold {
			l.add(path+".hold", "%s is out of range: 1s to 1h", src.Hold)
		}
		r.decision.Hold = time.Duration(src.Hold)
	}
	if l.has(path + ".repeat") {
		keys = append(keys, "repeat")
		if d := time.Duration(src.Repeat); d < shortestRepeat {
			l.add(path+".repeat", "%s is too short: at least 1m", src.Repeat)
		}
		r.decision.Repeat = time.Duration(src.Repeat)
	}
	if l.has(path + ".throttle") {
		keys = append(keys, "throttle")
		r.decision.Throttle = l.throttle(path+".throttle", &src.Throttle)
		r.decision.Throttle.Rule = src.Name
	}
	return keys
}

func (l *loader) throttle(path string, src *throttleSource) *Throttle {
	t := &Throttle{Max: src.Max, Every: time.Duration(src.Every), By: src.By}
	switch {
	case !l.has(path + ".max"):
		l.add(path, "max is missing: how many may go in each time of every")
	case t.Max < 1:
		l.add(path+".max", "%d is out of range: at least 1; to send nothing write drop: true", t.Max)
	}
	switch {
	case !l.has(path + ".every"):
		l.add(path, "every is missing: a time like 10m")
	case t.Every < time.Second || t.Every > 24*time.Hour:
		l.add(path+".every", "%s is out of range: 1s to 1d", src.Every)
	}
	if !l.given(path+".by", len(src.By), "name the fields to count by, or remove the key to count by event and volume") {
		t.By = []string{"event", "volume"}
	}
	for i, name := range src.By {
		if k, ok := strings.CutPrefix(name, "message."); ok && k != "" {
			continue
		}
		if !slices.Contains(throttleBy, name) {
			l.add(l.item(path+".by", i), "%q is not a field%s, or message.KEY", name, conffile.DidYouMean(name, throttleBy))
		}
	}
	return t
}

var noField = regexp.MustCompile(`can't evaluate field (\w+) in type \*policy\.textData`)

// textError words what is wrong with a template.
func textError(err error) string {
	if m := noField.FindStringSubmatch(err.Error()); m != nil {
		var fields []string
		for i, data := 0, reflect.TypeFor[textData](); i < data.NumField(); i++ {
			fields = append(fields, data.Field(i).Name)
		}
		return fmt.Sprintf("there is no .%s%s", m[1], conffile.DidYouMean(m[1], fields))
	}
	return oneLineError(err)
}

// oneLineError is the first line of an error that goes on with a picture of the place.
func oneLineError(err error) string {
	text, _, _ := strings.Cut(err.Error(), "\n")
	if text = strings.TrimSpace(strings.TrimPrefix(text, "template: ")); len(text) > 300 {
		text = strings.ToValidUTF8(text[:300], "") + "..."
	}
	return text
}
