package nagios

import "strings"

// The services beside those of the alarm classes.
const (
	HeartbeatService = "gluster-heartbeat" // goes stale when the gateway is silent
	EventsService    = "gluster-events"    // what belongs to no alarm
)

// HostName is the host that stands for a cluster; one without a name is "gluster".
func HostName(cluster string) string {
	if name := object(cluster); name != "" {
		return "gluster-" + name
	}
	return "gluster"
}

// ServiceName is the service of a class of alarms.
func ServiceName(class string) string { return "gluster-" + object(class) }

// ClassOf returns the class of an alarm by its key, which begins with it.
func ClassOf(key string) string {
	class, _, _ := strings.Cut(key, "/")
	return class
}

// object keeps what is allowed in every kind of object name, and in a file name and a shell word too.
func object(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_', r == '.':
			return r
		}
		return '_'
	}, strings.TrimSpace(s))
}

// The states of a service.
const (
	OK       = 0
	Warning  = 1
	Critical = 2
	Unknown  = 3
)

// status is the state of a service while an alarm of that severity is active.
func status(severity string) int {
	switch severity {
	case "critical", "major":
		return Critical
	case "minor", "warning":
		return Warning
	case "indeterminate":
		return Unknown
	default:
		return OK
	}
}

// rank orders states from good to bad.
func rank(status int) int {
	return [...]int{OK: 0, Unknown: 1, Warning: 2, Critical: 3}[status]
}
