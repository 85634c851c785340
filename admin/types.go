package admin

import (
	"context"
	"errors"
	"time"
)

// ErrInput marks an error of Gateway that the one who asked can mend: it is answered with 400.
var ErrInput = errors.New("wrong input")

// Gateway is what the endpoint asks of the running gateway. Any number of goroutines call it.
type Gateway interface {
	Status(ctx context.Context) (*Status, error)
	Ready(ctx context.Context) (problems []string) // none: it is ready
	Queue(ctx context.Context) (*Queue, error)
	Alarms(ctx context.Context, q AlarmQuery) ([]*Alarm, error)
	Events(ctx context.Context, q EventQuery) ([]*Event, error)
	Reload(ctx context.Context) (*Policy, error)
	Try(ctx context.Context, event []byte) (*Preview, error)
	Rate(ctx context.Context) (*Rate, error)
	Operator
}

// Status is everything about a running gateway on one screen.
type Status struct {
	Version  string            `json:"version"`
	Cluster  string            `json:"cluster,omitempty"` // as the configuration names it
	Started  time.Time         `json:"started"`
	Uptime   float64           `json:"uptime_seconds"`
	Ready    bool              `json:"ready"`
	Problems []string          `json:"problems"`
	Inputs   []Input           `json:"inputs"`
	Repeated uint64            `json:"duplicates"` // events that were stored already by another input
	Queue    Queue             `json:"queue"`
	Outputs  []Output          `json:"outputs"`
	Policy   Policy            `json:"policy"`
	Alarms   map[string]uint64 `json:"alarms"`   // active ones by severity
	Silences uint64            `json:"silences"` // active ones
	Nodes    []Node            `json:"nodes"`
	Engines  []Engine          `json:"snmp_engines"`
}

// Input is one way by which events come in.
type Input struct {
	Name      string            `json:"name"`
	Addresses []string          `json:"addresses"`
	Counters  map[string]uint64 `json:"counters"`
}

// Queue is how the durable log stands.
type Queue struct {
	Dir         string        `json:"dir"`
	ID          string        `json:"id"`
	First       uint64        `json:"first"`
	Last        uint64        `json:"last"`
	Events      uint64        `json:"events"`
	Bytes       int64         `json:"bytes"`
	MaxBytes    int64         `json:"max_bytes"`
	MaxAge      float64       `json:"max_age_seconds"`
	Damaged     uint64        `json:"damaged"`
	WriteError  string        `json:"write_error,omitempty"`
	Outputs     []QueueOutput `json:"outputs"`
	FromRunning bool          `json:"running"` // the running gateway said so; else the state directory was read
}

// QueueOutput is how far an output is.
type QueueOutput struct {
	Name    string     `json:"name"`
	Cursor  uint64     `json:"cursor"`
	Waiting uint64     `json:"waiting"`
	Oldest  *time.Time `json:"oldest,omitempty"` // receipt of the oldest event that waits
	Lost    uint64     `json:"lost"`
	Updated *time.Time `json:"updated,omitempty"`
	Removed bool       `json:"removed,omitempty"` // no longer in the configuration
}

// The states of an output.
const (
	Working = "working"
	Failing = "failing" // Trouble says how
)

// Output is one receiver and how sending to it goes.
type Output struct {
	Name         string            `json:"name"`
	Kind         string            `json:"kind"` // snmp, syslog
	Target       string            `json:"target"`
	State        string            `json:"state"`             // working, failing
	Trouble      string            `json:"trouble,omitempty"` // refused, timeout, rejected, unresolved, unreachable, other
	Summary      string            `json:"summary"`           // the two in words: "receiver refusing"
	FailingSince *time.Time        `json:"failing_since,omitempty"`
	LastError    string            `json:"last_error,omitempty"`
	LastSent     *time.Time        `json:"last_sent,omitempty"`
	Lag          float64           `json:"lag_seconds"` // age of the oldest event that waits
	Waiting      uint64            `json:"waiting"`
	Cursor       uint64            `json:"cursor"`
	Lost         uint64            `json:"lost"`
	Sent         uint64            `json:"sent"`
	Outcomes     map[string]uint64 `json:"outcomes"` // events by what became of them
	Failures     map[string]uint64 `json:"failures"` // failed tries by trouble
}

// Policy is the policy in use.
type Policy struct {
	File      string     `json:"file"` // empty for the built-in one
	Rules     int        `json:"rules"`
	Loaded    time.Time  `json:"loaded"`
	LastError string     `json:"last_error,omitempty"` // why the last reload was refused
	Reloads   uint64     `json:"reloads"`
	Failures  uint64     `json:"reload_failures"`
	Hits      []RuleHits `json:"hits"`
}

// RuleHits counts the events that a rule decided about for an output. Rule is empty when none matched.
type RuleHits struct {
	Rule   string `json:"rule"`
	Output string `json:"output"`
	Events uint64 `json:"events"`
}

// Node is a Gluster node that events came from.
type Node struct {
	ID        string    `json:"id"`
	Name      string    `json:"name,omitempty"`
	LastEvent time.Time `json:"last_event"`
}

// Engine is an SNMP engine that v3 traps are sent with.
type Engine struct {
	ID    string `json:"id"`
	Boots uint32 `json:"boots"`
	Time  uint32 `json:"time"`
}

// Alarm is an active alarm with the outputs that know of it.
type Alarm struct {
	Key      string    `json:"key"`
	Class    string    `json:"class"`
	Event    string    `json:"event"`
	Severity string    `json:"severity"`
	Text     string    `json:"text"`
	Begun    time.Time `json:"begun"`
	Last     time.Time `json:"last"`
	Count    int       `json:"count"`
	Seq      uint64    `json:"seq"`
	Outputs  []string  `json:"outputs"`
	Held     []string  `json:"held,omitempty"` // the outputs that it is kept back from
	Body     string    `json:"body"`

	// Why it is kept back from each of them: cause, hold, silence ID, throttle.
	Why map[string]string `json:"why,omitempty"`
}

// Event is one event of the history with its fate.
type Event struct {
	Seq      uint64    `json:"seq"`
	Received time.Time `json:"received"`
	Input    string    `json:"input"`
	Remote   string    `json:"remote,omitempty"`
	Event    string    `json:"event"`
	Node     string    `json:"node,omitempty"`
	Volume   string    `json:"volume,omitempty"`
	Severity string    `json:"severity,omitempty"`
	Text     string    `json:"text,omitempty"`
	Damaged  bool      `json:"damaged,omitempty"`

	Outputs map[string]Fate `json:"outputs"`
}

// Fate is what became of an event at one output.
type Fate struct {
	Outcome string `json:"outcome"`
	Rule    string `json:"rule,omitempty"`
}

// Rate is how many events came in each of the last 60 minutes, without the gateway's own.
type Rate struct {
	Minutes []Minute `json:"minutes"` // oldest first; the last one is not over
	UpTo    uint64   `json:"up_to"`   // events after this number are not counted
}

// Minute is one minute of a Rate.
type Minute struct {
	Start  time.Time `json:"start"`
	Events uint64    `json:"events"`
}

// Preview is one event with everything that would be sent for it.
type Preview struct {
	Event    string           `json:"event"`
	Rule     string           `json:"rule"` // empty when none matched
	Line     int              `json:"line,omitempty"`
	Dropped  bool             `json:"dropped"`
	Tried    []PreviewRule    `json:"tried"` // the rules in order, up to the one that decided
	Name     string           `json:"notification"`
	OID      string           `json:"oid"`
	Severity string           `json:"severity"`
	State    string           `json:"alarm_state"`
	Key      string           `json:"alarm_key,omitempty"`
	Text     string           `json:"text"`
	Varbinds []Varbind        `json:"varbinds"`
	Outputs  []PreviewMessage `json:"outputs"`
}

// PreviewRule is one rule that was tried.
type PreviewRule struct {
	Rule    string `json:"rule"`
	Line    int    `json:"line"`
	Matched bool   `json:"matched"`
	Why     string `json:"why,omitempty"` // what did not hold
}

// Varbind is one object of the trap.
type Varbind struct {
	OID   string `json:"oid"`
	Name  string `json:"name"`
	Type  string `json:"type"`
	Value string `json:"value"`
}

// PreviewMessage is what one output would send, or did.
type PreviewMessage struct {
	Output  string `json:"output"`
	Target  string `json:"target"`
	Sends   bool   `json:"sends"`
	Bytes   int    `json:"bytes"`
	Syslog  string `json:"syslog,omitempty"`
	Sent    bool   `json:"sent,omitempty"`
	SendErr string `json:"error,omitempty"`
}
