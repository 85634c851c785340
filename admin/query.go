package admin

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/conffile"
)

// EventQuery selects from the history. The zero one is everything.
type EventQuery struct {
	Since, Until        time.Time // of receipt
	Event, Volume, Node string    // globs; empty is any
	After               uint64    // only higher numbers
	Limit               int       // at most the newest so many; 0 is all
}

// EventFilters are the names by which ParseEventQuery asks for the filters.
var EventFilters = []string{"since", "until", "event", "volume", "node", "after", "limit"}

// ParseEventQuery reads the filters as people write them; get returns the one of that name.
func ParseEventQuery(get func(name string) string, now time.Time) (q EventQuery, err error) {
	if q.Since, err = parseWhen("since", get("since"), now); err != nil {
		return q, err
	}
	if q.Until, err = parseWhen("until", get("until"), now); err != nil {
		return q, err
	}
	if q.Event, q.Volume, q.Node = get("event"), get("volume"), get("node"); err == nil {
		err = globs("event", q.Event, "volume", q.Volume, "node", q.Node)
	}
	if s := get("after"); s != "" && err == nil {
		if q.After, err = strconv.ParseUint(s, 10, 64); err != nil {
			err = fmt.Errorf("after: %q is not the number of an event", s)
		}
	}
	if s := get("limit"); s != "" && err == nil {
		if q.Limit, err = strconv.Atoi(s); err != nil || q.Limit < 0 {
			err = fmt.Errorf("limit: %q is not a number from 0", s)
		}
	}
	return q, err
}

func globs(pairs ...string) error {
	for i := 0; i < len(pairs); i += 2 {
		if _, err := path.Match(pairs[i+1], ""); err != nil {
			return fmt.Errorf("%s: %q is not a glob: %w", pairs[i], pairs[i+1], err)
		}
	}
	return nil
}

// parseWhen reads a point in time: an age or a date.
func parseWhen(name, s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if d, err := conffile.ParseDuration(s); err == nil {
		return now.Add(-time.Duration(d)), nil
	}
	if t, ok := ParseTime(s); ok {
		return t, nil
	}
	return time.Time{}, fmt.Errorf("%s: %q is neither an age like 8h nor a time like 2006-01-02 15:04:05", name, s)
}

// ParseTime reads a date with or without a time, as people write it; without a zone it is local.
func ParseTime(s string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02"} {
		if t, err := time.ParseInLocation(layout, s, time.Local); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// Matches reports whether the event fits the globs; nodeID is a further name of its node.
func (q *EventQuery) Matches(e *Event, nodeID string) bool {
	return glob(q.Event, e.Event) && glob(q.Volume, e.Volume) && glob(q.Node, e.Node, nodeID)
}

// AlarmQuery selects alarms. The zero one is all.
type AlarmQuery struct {
	Output string // only what this output was sent
	Class  string // a glob
	Key    string // the beginning of the key
}

// AlarmFilters are the names by which ParseAlarmQuery asks for the filters.
var AlarmFilters = []string{"output", "class", "key"}

// ParseAlarmQuery is ParseEventQuery for alarms.
func ParseAlarmQuery(get func(name string) string) (AlarmQuery, error) {
	q := AlarmQuery{Output: get("output"), Class: get("class"), Key: get("key")}
	return q, globs("class", q.Class)
}

// Matches reports whether the alarm fits, but for its outputs.
func (q *AlarmQuery) Matches(a *Alarm) bool {
	return glob(q.Class, a.Class) && strings.HasPrefix(a.Key, q.Key)
}

// glob reports whether the pattern, checked before, fits one of the values; the empty one fits all.
func glob(pattern string, values ...string) bool {
	return pattern == "" || slices.ContainsFunc(values, func(v string) bool {
		ok, err := path.Match(pattern, v)
		return ok && err == nil
	})
}
