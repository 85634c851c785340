package policy

import (
	"strings"

	"github.com/gluster-trapgw/gluster-trapgw/conffile"
	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

// Form is the file as users write it, empty: for package schema.
func Form() any { return &policyFile{} }

// Keys implements what package schema asks for.
func (policyFile) Keys() conffile.Keys {
	return conffile.Keys{
		"time_intervals": {Text: "intervals of time that rules name in during and outside"},
		"rules":          {Text: "tried in order: the first that matches decides; an event that none matches goes to every output", Required: true},
	}
}

// Keys implements what package schema asks for.
func (ruleSource) Keys() conffile.Keys {
	return conffile.Keys{
		"name":     {Text: "name of the rule, by which the history shows it; each has its own", Example: "production bricks page", Required: true},
		"match":    {Text: "all of these must hold; without match the rule holds for every event"},
		"drop":     {Text: "true sends the event nowhere"},
		"send_to":  {Text: `outputs by their names in the configuration, or "*" for all`, Example: "[noc, siem]"},
		"severity": {Text: "severity to send it with; a clear stays a clear", Values: settable()},
		"text": {Text: "another text, a template of Go with .Event, .Severity, .Volume and whatever else when has, and the functions upper and lower",
			Example: `'{{.Text}} - call {{.Message.owner}}'`},
		"hold":     {Text: "a fault waits so long, 1s to 1h; when it is over by then, nobody hears of it", Example: "30s"},
		"repeat":   {Text: "an active alarm is sent again every so often, 1m at least", Example: "1h"},
		"throttle": {Text: "at most so many in a time; the others are summed up in one", Example: "{max: 5, every: 10m, by: [event, volume]}"},
		"continue": {Text: "true lets later rules have a part: their outputs add up, else the first that sets a thing wins"},
	}
}

// settable are the severities that a rule can give.
func settable() []string {
	var names []string
	for _, s := range translate.Severities {
		if s != translate.Cleared.String() {
			names = append(names, s)
		}
	}
	return names
}

// Keys implements what package schema asks for.
func (throttleSource) Keys() conffile.Keys {
	by := append([]string{}, throttleBy...)
	return conffile.Keys{
		"max":   {Text: "how many may go in each time of every, 1 at least", Unit: "notifications", Example: "5", Required: true},
		"every": {Text: "the time, 1s to 1d", Example: "10m", Required: true},
		"by": {Text: "what is counted apart, [event, volume] when not given: " + strings.Join(by, ", ") + ", message.KEY", Example: "[event, volume]",
			Pattern: "^(" + strings.Join(by, "|") + `|message\..+)$`},
	}
}

// Keys implements what package schema asks for.
func (matchSource) Keys() conffile.Keys {
	var events, groups, states []string
	if cat, err := translate.LoadCatalogue(); err == nil { // it is part of the program
		events, groups = cat.Names(), cat.Groups()
	}
	for s := translate.Stateless; s <= translate.Update; s++ {
		states = append(states, s.String())
	}
	return conffile.Keys{
		"event": {Text: "name of the event", Known: events, Example: `[BRICK_DISCONNECTED, "PEER_*"]`},
		"group": {Text: "group of the event, see gluster-trapgw events", Known: groups, Example: "[brick, peer]"},
		"severity": {Text: "a severity, or a comparison with one; from high to low they are " + strings.Join(translate.Severities, ", "),
			Pattern: `^(>=|>|<=|<)?\s*(` + strings.Join(translate.Severities, "|") + `)\s*$`, Example: `">= major"`},
		"state":   {Text: "what the event does to an alarm", Values: states},
		"node":    {Text: "name, address or UUID of the node that sent the event", Example: "gfs1"},
		"volume":  {Text: "name of the volume", Example: `"prod-*"`},
		"brick":   {Text: "the brick as HOST:/PATH", Example: `"gfs2:/bricks/*"`},
		"peer":    {Text: "host name or UUID of the peer that the event is about", Example: "gfs2"},
		"subvol":  {Text: "name of the sub-volume", Example: `"*-replicate-0"`},
		"message": {Text: "any other keys of the event", Example: `{path: "/data/*", error: "/(?i).*timeout.*/"}`},
		"during":  {Text: "the time of the event lies in one of these time_intervals", Example: "working hours"},
		"outside": {Text: "the time of the event lies in none of these time_intervals", Example: "[maintenance]"},
		"when": {Text: "an expression in the language of expr-lang.org with event, group, severity, rank (cleared 0 to critical 6), state, cluster, node, node_id, volume, brick, peer, peer_id, subvol, alarm_class, alarm_key, text, time and message",
			Example: `'rank >= 5 && message["error"] contains "I/O"'`},
	}
}

// Keys implements what package schema asks for.
func (intervalSource) Keys() conffile.Keys {
	return conffile.Keys{
		"name":          {Text: "name by which rules use it", Example: "working hours", Required: true},
		"location":      {Text: "time zone; UTC when not given", Example: "Europe/Berlin"},
		"weekdays":      {Text: "days of the week and ranges of them", Example: `"monday:friday"`},
		"times":         {Text: "times of the day; beyond midnight they belong to the day on which they begin", Example: `["09:00-17:00", "22:00-06:00"]`},
		"days_of_month": {Text: "days of the month; -1 is the last", Example: `["1:7", -1]`},
		"months":        {Text: "months by name or number", Example: `[january, "june:august"]`},
		"years":         {Text: "years", Example: `"2027:2029"`},
	}
}
