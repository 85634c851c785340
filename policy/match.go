package policy

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/gluster-trapgw/gluster-trapgw/conffile"
	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

// match compiles the matchers of one rule.
func (l *loader) match(path string, src *matchSource, r *rule) {
	const help = "give a pattern, or remove the key to match all"
	fields := []struct {
		field field
		texts conffile.Texts
	}{
		{byGroup, src.Group}, {byVolume, src.Volume}, {byNode, src.Node}, {byPeer, src.Peer}, {byBrick, src.Brick}, {bySubvol, src.Subvol},
	}
	if l.given(path+".event", len(src.Event), help) {
		m := matcher{field: byEvent, patterns: l.patterns(path+".event", src.Event)}
		l.knownEvents(path+".event", m.patterns)
		r.matchers = append(r.matchers, m)
	}
	if l.given(path+".severity", len(src.Severity), help) {
		r.matchers = append(r.matchers, l.severities(path+".severity", src.Severity))
	}
	if l.given(path+".state", len(src.State), help) {
		r.matchers = append(r.matchers, l.states(path+".state", src.State))
	}
	for _, f := range fields {
		sub := path + "." + fieldNames[f.field]
		if !l.given(sub, len(f.texts), help) {
			continue
		}
		m := matcher{field: f.field, patterns: l.patterns(sub, f.texts)}
		switch f.field {
		case byGroup:
			l.knownGroups(sub, m.patterns)
		case byNode, byPeer:
			lowerUUIDs(m.patterns)
		case byBrick:
			l.wholeBricks(sub, m.patterns)
		}
		r.matchers = append(r.matchers, m)
	}
	if l.given(path+".message", len(src.Message), help) {
		for _, key := range slices.Sorted(maps.Keys(src.Message)) {
			sub := path + ".message." + key
			if strings.TrimSpace(key) == "" {
				l.add(path+".message", "a message key is empty: write KEY: PATTERN")
				continue
			}
			if len(src.Message[key]) == 0 {
				l.add(sub, "empty: %s", help)
				continue
			}
			// Keys are compared trimmed, because GlusterFS sends " subvol".
			r.matchers = append(r.matchers, matcher{field: byMessage, key: strings.TrimSpace(key), patterns: l.patterns(sub, src.Message[key])})
		}
	}
	if l.given(path+".during", len(src.During), "name a time interval, or remove the key") {
		r.late = append(r.late, l.during(path+".during", src.During, false))
	}
	if l.given(path+".outside", len(src.Outside), "name a time interval, or remove the key") {
		r.late = append(r.late, l.during(path+".outside", src.Outside, true))
	}
	if l.given(path+".when", len(strings.TrimSpace(src.When)), "write an expression, or remove the key") {
		w, err := parseWhen(src.When)
		if err != nil {
			l.add(path+".when", "%s", oneLineError(err))
		}
		r.late = append(r.late, w)
	}
	named := func(name string) bool { return l.has(path + "." + name) }
	if !slices.ContainsFunc(append(fieldNames[:], "during", "outside", "when"), named) {
		l.given(path, 0, "add a matcher, or remove the key to match all")
	}
}

func (l *loader) patterns(path string, texts []string) patterns {
	ps := make(patterns, len(texts))
	for i, text := range texts {
		p, err := compile(text)
		if err != nil {
			l.add(l.item(path, i), "%w", err)
		}
		ps[i] = p
	}
	return ps
}

// lowerUUIDs writes UUIDs as notifications have them.
func lowerUUIDs(ps patterns) {
	for i := range ps {
		if ps[i].kind == literal && uuid.MatchString(ps[i].lit) {
			ps[i].lit = strings.ToLower(ps[i].lit)
		}
	}
}

var uuid = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

func (l *loader) knownGroups(path string, ps patterns) {
	for i, p := range ps {
		if l.groups != nil && p.kind == literal && !slices.Contains(l.groups, p.lit) {
			l.add(l.item(path, i), "%q is not a group%s", p.text, conffile.DidYouMean(p.text, l.groups))
		}
	}
}

// wholeBricks refuses paths without a host, which no brick is.
func (l *loader) wholeBricks(path string, ps patterns) {
	for i, p := range ps {
		lit := p.kind == literal || p.kind == prefix
		if lit && strings.HasPrefix(p.lit, "/") || p.kind == glob && len(p.glob) > 0 && p.glob[0].lit == "/" {
			l.add(l.item(path, i), "%q fits no brick, which is host:/path: write %q", p.text, "*:"+p.text)
		}
	}
}

func (l *loader) knownEvents(path string, ps patterns) {
	for i, p := range ps {
		if l.events != nil && p.kind != literal && p.kind != expression {
			l.eventCase(l.item(path, i), p)
		}
		if l.events == nil || p.kind != literal || slices.Contains(l.events, p.lit) {
			continue
		}
		if s := conffile.Suggest(strings.TrimPrefix(p.lit, "EVENT_"), l.events); s != "" {
			l.add(l.item(path, i), "%q is not an event: did you mean %q?", p.text, s)
			continue
		}
		l.add(l.item(path, i), "%q is not a known event: write it as a glob if GlusterFS is newer than this list", p.text)
	}
}

// eventCase refuses a glob that fits no known event and would in upper case. One that fits none at all may be meant for a
// newer GlusterFS.
func (l *loader) eventCase(path string, p pattern) {
	upper, err := compile(strings.ToUpper(p.text))
	if err == nil && !slices.ContainsFunc(l.events, p.match) && slices.ContainsFunc(l.events, upper.match) {
		l.add(path, "%q fits no event, names are in upper case: did you mean %q?", p.text, upper.text)
	}
}

// severities compiles a severity matcher: names and comparisons, any of which may hold.
func (l *loader) severities(path string, texts []string) matcher {
	m := matcher{field: bySeverity, source: quoted(texts)}
	for i, text := range texts {
		name := strings.TrimLeft(text, "<>=!")
		op := text[:len(text)-len(name)]
		limit, ok := translate.ParseSeverity(strings.TrimSpace(name))
		if !ok {
			name = strings.TrimSpace(name)
			l.add(l.item(path, i), "%q is not a severity%s", name, conffile.DidYouMean(name, translate.Severities))
			continue
		}
		bits := uint16(0)
		for s := translate.Cleared; s <= translate.Informational; s++ {
			if compare(op, s.Rank(), limit.Rank()) {
				bits |= 1 << s
			}
		}
		switch {
		case !slices.Contains([]string{"", ">=", ">", "<=", "<"}, op):
			l.add(l.item(path, i), `%q is not a comparison: write %s, ">= %[2]s", "> %[2]s", "<= %[2]s" or "< %[2]s"`, text, limit)
		case bits == 0:
			l.add(l.item(path, i), "no severity is %q: the order is %s", text, strings.Join(translate.Severities, ", "))
		}
		m.set |= bits
	}
	return m
}

func compare(op string, a, b int) bool {
	switch op {
	case ">=":
		return a >= b
	case ">":
		return a > b
	case "<=":
		return a <= b
	case "<":
		return a < b
	default:
		return a == b
	}
}

// states compiles a matcher of alarm states.
func (l *loader) states(path string, texts []string) matcher {
	m := matcher{field: byState, source: quoted(texts)}
	var names []string
	for s := translate.Stateless; s <= translate.Update; s++ {
		names = append(names, s.String())
	}
	for i, text := range texts {
		n := slices.Index(names, text)
		if n < 0 {
			l.add(l.item(path, i), "%q is not an alarm state%s", text, conffile.DidYouMean(text, names))
			continue
		}
		m.set |= 1 << (int(translate.Stateless) + n)
	}
	return m
}

func quoted(texts []string) string {
	qs := make([]string, len(texts))
	for i, t := range texts {
		qs[i] = fmt.Sprintf("%q", t)
	}
	return strings.Join(qs, " or ")
}
