package syslog

import (
	"fmt"
	"hash/fnv"
	"strings"
)

// MsgID is the MSGID of an event type: its name, and for names over 32 characters a stable short form: words that make
// names long are shortened, and what is still too long ends in a hash. The full name is in the structured data.
func MsgID(event string) string {
	if len(event) <= maxMsgID {
		return event
	}
	short := event
	for _, w := range [][2]string{{"SNAPSHOT_", "SNAP_"}, {"SCHEDULER_", "SCHED_"}, {"SCHEDULE_", "JOB_"}, {"VOLUME_", "VOL_"}} {
		short = strings.Replace(short, w[0], w[1], 1)
		if len(short) <= maxMsgID {
			return short
		}
	}
	h := fnv.New32a()
	h.Write([]byte(event)) //nolint:errcheck // a hash never fails
	return fmt.Sprintf("%.23s~%08x", strings.ToValidUTF8(event, "_"), h.Sum32())
}

// causeOf gives the names that IANA-ITU-ALARM-TC-MIB has for the probable cause and the event type of an alarm class.
func causeOf(class string) (cause, kind string) {
	switch class {
	case "peer", "peer-rpc":
		return "communicationsSubsystemFailure", "communicationsAlarm"
	case "peer-reject", "client-auth":
		return "authenticationFailure", "securityServiceOrMechanismViolation"
	case "brick", "brick-stop", "svc":
		return "softwareProgramAbnormallyTerminated", "processingErrorAlarm"
	case "quorum", "replica", "replica-quorum", "disperse", "volume-stopped":
		return "underlyingResourceUnavailable", "processingErrorAlarm"
	case "quota", "disk-usage", "inode-usage", "snapshot-limit", "tier-watermark":
		return "storageCapacityProblem", "processingErrorAlarm"
	case "split-brain", "bad-file", "same-gfid":
		return "corruptData", "processingErrorAlarm"
	case "peer-store", "peer-unknown", "import-quota", "import-volume", "import-brick", "compare-volume":
		return "configurationOrCustomizationError", "processingErrorAlarm"
	default:
		return "softwareError", "processingErrorAlarm"
	}
}
