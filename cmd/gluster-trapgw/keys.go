package main

import "github.com/gluster-trapgw/gluster-trapgw/conffile"

// Keys implements what package schema asks for.
func (config) Keys() conffile.Keys {
	return conffile.Keys{
		"webhook":   {Text: "where glustereventsd posts to: gluster-eventsapi webhook-add http://HOST:9000/listen"},
		"eventsd":   {Text: "the daemons' own UDP events, in place of glustereventsd on this node"},
		"eventslog": {Text: "glustereventsd's log on this node: recovers what the webhook missed"},
		"state_dir": {Text: "directory of the durable log and of what must survive a restart", Example: "/var/lib/gluster-trapgw"},
		"queue":     {Text: "bounds of the durable log, which is also the history that can be asked"},
		"cluster":   {Text: "what is known of the cluster; nothing of it is needed"},
		"mib":       {Text: "where the notifications lie in the tree of object identifiers"},
		"policy_file": {Text: "the policy, which decides which event goes where; a relative name counts from the directory of this file; empty is the built-in one (gluster-trapgw policy show)",
			Example: "policy.yaml", Reread: true},
		"alarms":    {Text: "an output hears of a fault once when it begins and once when it is over"},
		"outputs":   {Text: "the receivers; without any, events are stored and sent nowhere"},
		"heartbeat": {Text: "what the gateway says of itself, to every output like an event"},
		"sources":   {Text: "the nodes that send events"},
		"admin":     {Text: "status page at /, health, metrics, history, alarms: for browsers, gluster-trapgw status, Prometheus"},
		"dbus":      {Text: "each event as a signal, for the desktop and service tools of this machine"},
		"log":       {Text: "the gateway's own log, on standard error"},
	}
}

// Keys implements what package schema asks for.
func (mibConfig) Keys() conffile.Keys {
	return conffile.Keys{
		"oid_root": {Text: "arc of all object identifiers; the default is for experiments, a site sets an arc of its own enterprise number",
			Example: "1.3.6.1.4.1.64512.1"},
	}
}

// Keys implements what package schema asks for.
func (outputConfig) Keys() conffile.Keys {
	return conffile.Keys{
		"name":        {Text: "name by which the policy, the history and the metrics know the output: 1 to 64 letters, digits, '-', '_' or '.'", Example: "noc", Required: true},
		"every_event": {Text: "true sends each event as it comes, without looking at alarms: repeated and orphaned ones too"},
		"snmp":        {Text: "the output is an SNMP receiver"},
		"syslog":      {Text: "the output is a syslog collector"},
	}
}

// Keys implements what package schema asks for.
func (heartbeatConfig) Keys() conffile.Keys {
	return conffile.Keys{
		"every":      {Text: "how often a heartbeat with counters is sent, 1s to 1d; a receiver alarms when it stays away; 0 for none", Example: "1m"},
		"start_stop": {Text: "tell when the gateway starts and when it is stopped"},
	}
}

// Keys implements what package schema asks for.
func (sourcesConfig) Keys() conffile.Keys {
	return conffile.Keys{
		"silent_after": {Text: "a node with a rhythm of its own that is silent for three times its longest pause, and at least so long (10m or more), gets an alarm; 0 for none",
			Example: "1h"},
	}
}

// Keys implements what package schema asks for.
func (logConfig) Keys() conffile.Keys {
	return conffile.Keys{
		"level":  {Text: "the least that is logged; debug has a line for each event that an output does not get, with the reason", Values: []string{"debug", "info", "warn", "error"}},
		"format": {Text: "form of a line", Values: []string{"text", "json"}},
	}
}
