package alarms

import (
	"maps"
	"slices"

	"github.com/gluster-trapgw/gluster-trapgw/conffile"
	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

// Keys implements what package schema asks for.
func (Config) Keys() conffile.Keys {
	return conffile.Keys{
		"max_age": {Text: "ends an alarm that no event is sure to clear, such as a split-brain or a command that failed, when it was not reported again for so long; 0 never",
			Example: "1d"},
		"class_age": {Text: "the same for single classes of alarms, also for those that events clear; quota has 8d when it is not given here",
			Example: "{quota: 8d, brick: 7d}"},
		"peer_hides": {Text: "while a peer is disconnected its bricks, services and sub-volumes are kept back"},
		"grace":      {Text: "how long alarms are kept back still when their cause is over", Example: "30s"},
		"resend_after": {Text: "sends all active alarms again to an output that could not be reached for longer; 0 does not",
			Example: "10m"},
		"inhibit": {Text: "keeps alarms back while others are active", Example: "[{source: [brick], target: [georep-worker], equal: [brick]}]"},
	}
}

// Keys implements what package schema asks for.
func (Inhibit) Keys() conffile.Keys {
	var classes, parts []string
	if cat, err := translate.LoadCatalogue(); err == nil { // it is part of the program
		classes, parts = slices.Sorted(maps.Keys(cat.Classes)), equalParts(cat)
	}
	return conffile.Keys{
		"source": {Text: "classes of the alarms that keep others back while they are active", Example: "[brick]", Values: classes, Required: true},
		"target": {Text: "classes of the alarms that are kept back", Example: "[georep-worker]", Values: classes, Required: true},
		"equal": {Text: "parts that must be the same in both alarms, or absent in both; empty: any source keeps any target back",
			Example: "[brick]", Values: parts},
	}
}
