package policy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // a container from scratch has no zones

	"github.com/gluster-trapgw/gluster-trapgw/conffile"
)

// intervalSource is a time interval as users write it, in the manner of Alertmanager. What is left out holds always.
type intervalSource struct {
	Name     string         `yaml:"name"`
	Location string         `yaml:"location"`      // Europe/Berlin; UTC when empty
	Weekdays conffile.Texts `yaml:"weekdays"`      // sunday, monday:friday
	Times    conffile.Texts `yaml:"times"`         // 09:00-17:00, 22:00-06:00
	Days     conffile.Texts `yaml:"days_of_month"` // 1, 1:7, -1 is the last
	Months   conffile.Texts `yaml:"months"`        // january, 6:8
	Years    conffile.Texts `yaml:"years"`         // 2027, 2026:2028
}

// interval is the compiled form. An empty list holds always.
type interval struct {
	name     string
	location *time.Location
	times    []span // minutes since midnight
	weekdays []span
	days     []span
	months   []span
	years    []span
}

// span is from and up to, both included; of times up to is not.
type span struct{ from, to int }

// holds reports whether t lies within the interval. A time that goes beyond midnight belongs to the day on which it begins.
func (iv *interval) holds(t time.Time) bool {
	t = t.In(iv.location)
	if len(iv.times) == 0 {
		return iv.day(t)
	}
	minute := t.Hour()*60 + t.Minute()
	for _, s := range iv.times {
		if s.from <= minute && minute < s.to && iv.day(t) {
			return true
		}
		if s.to > 24*60 && minute < s.to-24*60 && iv.day(t.AddDate(0, 0, -1)) {
			return true
		}
	}
	return false
}

func (iv *interval) day(t time.Time) bool {
	in := func(spans []span, n int) bool {
		return len(spans) == 0 || slices.ContainsFunc(spans, func(s span) bool { return s.from <= n && n <= s.to })
	}
	last := time.Date(t.Year(), t.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day()
	dayFits := len(iv.days) == 0 || slices.ContainsFunc(iv.days, func(s span) bool {
		if s.from < 0 {
			s.from += last + 1
		}
		if s.to < 0 {
			s.to += last + 1
		}
		return s.from <= t.Day() && t.Day() <= s.to
	})
	return dayFits && in(iv.weekdays, int(t.Weekday())) && in(iv.months, int(t.Month())) && in(iv.years, t.Year())
}

// during is the condition that the event's own time lies in one of the intervals, or in none of them.
type during struct {
	intervals []*interval
	outside   bool
}

// failing implements condition.
func (d *during) failing(v *view) func() string {
	i := slices.IndexFunc(d.intervals, func(iv *interval) bool { return iv.holds(v.n.Time) })
	switch {
	case i >= 0 && d.outside:
		return func() string {
			return fmt.Sprintf("time is %s, which lies in %q", v.n.Time.In(d.intervals[i].location).Format(time.RFC3339), d.intervals[i].name)
		}
	case i < 0 && !d.outside:
		return func() string {
			names := make([]string, len(d.intervals))
			for i, iv := range d.intervals {
				names[i] = iv.name
			}
			return fmt.Sprintf("time is %s, expected %s", v.n.Time.In(d.intervals[0].location).Format(time.RFC3339), quoted(names))
		}
	}
	return nil
}

var (
	weekdayNames = []string{"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"}
	monthNames   = []string{"january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
		"november", "december"}
)

// intervals compiles the intervals of the file.
func (l *loader) intervals(list []intervalSource) {
	l.times = map[string]*interval{}
	for i := range list {
		src, path := &list[i], fmt.Sprintf("time_intervals[%d]", i)
		iv := &interval{name: src.Name, location: time.UTC}
		switch {
		case strings.TrimSpace(src.Name) == "":
			l.add(path+".name", "missing: give the interval a name, by which rules use it")
		case l.times[src.Name] != nil:
			l.add(path+".name", "%q is the name of another interval already", src.Name)
		}
		if src.Location != "" {
			var err error
			if iv.location, err = time.LoadLocation(src.Location); err != nil {
				l.add(path+".location", "%q is not a time zone: write it like Europe/Berlin or UTC", src.Location)
				iv.location = time.UTC
			}
		}
		iv.weekdays = l.spans(path+".weekdays", src.Weekdays, true, "monday or monday:friday", func(s string) (int, bool) {
			n := slices.Index(weekdayNames, strings.ToLower(s))
			return n, n >= 0
		})
		iv.months = l.spans(path+".months", src.Months, false, "january, 1 or june:august", func(s string) (int, bool) {
			if n := slices.Index(monthNames, strings.ToLower(s)); n >= 0 {
				return n + 1, true
			}
			return number(s, 1, 12)
		})
		iv.years = l.spans(path+".years", src.Years, false, "2027 or 2026:2028", func(s string) (int, bool) { return number(s, 1970, 9999) })
		iv.days = l.spans(path+".days_of_month", src.Days, false, "1, 1:7, or -1 for the last", func(s string) (int, bool) {
			if n, ok := number(s, -31, 31); ok && n != 0 {
				return n, true
			}
			return 0, false
		})
		for k, text := range src.Times {
			s, ok := parseTimes(text)
			if !ok {
				l.add(l.item(path+".times", k), "%q is not a time of day: write it like 09:00-17:00 or 22:00-06:00", text)
			}
			iv.times = append(iv.times, s)
		}
		if len(src.Times)+len(src.Weekdays)+len(src.Days)+len(src.Months)+len(src.Years) == 0 {
			l.add(path, "the interval is always: add times, weekdays, days_of_month, months or years")
		}
		l.times[src.Name] = iv
	}
}

func number(s string, from, to int) (int, bool) {
	n, err := strconv.Atoi(s)
	return n, err == nil && from <= n && n <= to
}

// spans reads values and ranges; those of weekdays wrap around.
func (l *loader) spans(path string, texts []string, wraps bool, like string, read func(string) (int, bool)) []span {
	var all []span
	for i, text := range texts {
		first, second, isRange := strings.Cut(text, ":")
		from, ok := read(strings.TrimSpace(first))
		to := from
		if isRange && ok {
			to, ok = read(strings.TrimSpace(second))
		}
		switch {
		case !ok:
			l.add(l.item(path, i), "%q is not right here: write it like %s", text, like)
		case to < from && wraps:
			all = append(all, span{from, 6}, span{0, to}) // friday:monday
		case to < from && (from > 0) == (to > 0):
			l.add(l.item(path, i), "%q runs backwards: write the earlier one first", text)
		default:
			all = append(all, span{from, to})
		}
	}
	return all
}

// parseTimes reads 09:00-17:00. When the end is not after the beginning it is on the next day.
func parseTimes(text string) (span, bool) {
	first, second, ok := strings.Cut(text, "-")
	from, ok1 := parseMinute(strings.TrimSpace(first))
	to, ok2 := parseMinute(strings.TrimSpace(second))
	if !ok || !ok1 || !ok2 || from == 24*60 {
		return span{}, false
	}
	if to <= from {
		to += 24 * 60
	}
	return span{from, to}, true
}

func parseMinute(s string) (int, bool) {
	h, m, ok := strings.Cut(s, ":")
	hour, ok1 := number(h, 0, 24)
	minute, ok2 := number(m, 0, 59)
	return hour*60 + minute, ok && ok1 && ok2 && len(m) == 2 && (hour < 24 || minute == 0)
}

// during compiles the names of intervals.
func (l *loader) during(path string, names []string, outside bool) condition {
	d := &during{outside: outside}
	for i, name := range names {
		iv := l.times[name]
		if iv == nil {
			var known []string
			for n := range l.times {
				known = append(known, n)
			}
			slices.Sort(known)
			if len(known) == 0 {
				l.add(l.item(path, i), "%q is not a time interval: the file has no time_intervals", name)
			} else {
				l.add(l.item(path, i), "%q is not a time interval%s", name, conffile.DidYouMean(name, known))
			}
			continue
		}
		d.intervals = append(d.intervals, iv)
	}
	return d
}
