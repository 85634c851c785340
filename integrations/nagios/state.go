package nagios

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// State is the active alarms of each host. It is what the file holds.
type State struct {
	Hosts map[string]*Host `json:"hosts"`
}

// Host is the alarms of one host.
type Host struct {
	Alarms map[string]*Alarm `json:"alarms"` // by key
	Resync time.Time         `json:"resync"` // alarms that were not heard of since are forgotten soon; zero when none is under way
}

// Alarm is one active alarm.
type Alarm struct {
	Severity string    `json:"severity"`
	Event    string    `json:"event"`
	Text     string    `json:"text"`
	Since    time.Time `json:"since"`
	Heard    time.Time `json:"heard"`
}

// Result is one passive check result.
type Result struct {
	Host, Service string
	Status        int
	Output        string // one line
}

// maxAlarms bounds what forged traps can make the file hold. Alarms beyond it are shown and not counted.
const maxAlarms = 10_000

// resyncTime is how long the active alarms may take to follow a gtgResync.
const resyncTime = 30 * time.Second

// Apply folds one notification into the state and returns what the services become. host is the name of the host.
func (s *State) Apply(t *Trap, host string, now time.Time) []Result {
	if s.Hosts == nil {
		s.Hosts = map[string]*Host{}
	}
	h := s.Hosts[host]
	if h == nil {
		h = &Host{}
		s.Hosts[host] = h
	}
	if h.Alarms == nil {
		h.Alarms = map[string]*Alarm{}
	}
	var results []Result
	if t.Name == "gtgHeartbeat" || t.Name == "gtgStarted" {
		results = append(results, Result{host, HeartbeatService, OK, cmp.Or(line(t.Text), "the gateway is alive")})
	}
	if t.Name == "gtgHeartbeat" && !h.Resync.IsZero() && now.Sub(h.Resync) >= resyncTime {
		results = append(results, h.forget(host)...)
	}
	switch {
	case t.Name == "gtgHeartbeat":
		return results
	case t.Name == "gtgResync":
		h.Resync = now
	case t.Key == "" || t.State == "stateless":
	case t.State == "clear":
		delete(h.Alarms, t.Key)
		return append(results, h.result(host, ClassOf(t.Key), t))
	default:
		a := h.Alarms[t.Key]
		if a == nil {
			a = &Alarm{Since: now}
		}
		a.Severity, a.Event, a.Text, a.Heard = t.Severity, t.Event, t.Text, now
		if h.Alarms[t.Key] != nil || len(h.Alarms) < maxAlarms {
			h.Alarms[t.Key] = a
			return append(results, h.result(host, ClassOf(t.Key), t))
		}
		return append(results, Result{host, ServiceName(ClassOf(t.Key)), status(t.Severity), line(join(t.Event, t.Text))})
	}
	return append(results, Result{host, EventsService, status(t.Severity), line(join(t.Event, t.Text))})
}

// forget ends the alarms that were not heard of since the resync.
func (h *Host) forget(host string) []Result {
	var gone []string
	for key, a := range h.Alarms {
		if a.Heard.Before(h.Resync) {
			gone = append(gone, key)
		}
	}
	h.Resync = time.Time{}
	classes := map[string]bool{}
	for _, key := range gone {
		delete(h.Alarms, key)
		classes[ClassOf(key)] = true
	}
	var results []Result
	for class := range classes {
		results = append(results, h.result(host, class, nil))
	}
	slices.SortFunc(results, func(a, b Result) int { return strings.Compare(a.Service, b.Service) })
	return results
}

// result is the state of the service of a class; t is what just happened, nil when it happened unseen.
func (h *Host) result(host, class string, t *Trap) Result {
	var active []*Alarm
	for key, a := range h.Alarms {
		if ClassOf(key) == class {
			active = append(active, a)
		}
	}
	// The worst first, then the newest: that is what fits into one line.
	slices.SortFunc(active, func(a, b *Alarm) int {
		return cmp.Or(cmp.Compare(rank(status(b.Severity)), rank(status(a.Severity))), b.Since.Compare(a.Since), strings.Compare(a.Text, b.Text))
	})
	r := Result{Host: host, Service: ServiceName(class)}
	if len(active) == 0 {
		r.Output = "no alarm"
		if t != nil {
			r.Output = line(t.Text)
		}
		return r
	}
	r.Status = status(active[0].Severity)
	texts := make([]string, 0, len(active))
	for _, a := range active {
		texts = append(texts, a.Severity+" "+join(a.Event, a.Text))
	}
	r.Output = line(strings.Join(texts, " + "))
	if len(active) > 1 {
		r.Output = line(fmt.Sprintf("%d alarms: %s", len(active), r.Output))
	}
	return r
}

func join(event, text string) string {
	if text == "" {
		return event
	}
	return event + ": " + text
}

// maxOutput keeps a command below PIPE_BUF, so that the pipe takes it in one piece.
const maxOutput = 2048

// line makes one line of plugin output: what Nagios takes for the end of it, for performance data or for an escape
// becomes something harmless.
func line(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r < ' ' || r == 0x7f:
			return ' '
		case r == '|' || r == '\\':
			return '/'
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	if len(s) > maxOutput {
		s = strings.ToValidUTF8(s[:maxOutput], "") + "…"
	}
	return strings.TrimSpace(s)
}

// Command is the result as the command file of Nagios, or of Icinga 2, takes it.
func (r Result) Command(now time.Time) string {
	return fmt.Sprintf("[%d] PROCESS_SERVICE_CHECK_RESULT;%s;%s;%d;%s\n", now.Unix(), r.Host, r.Service, r.Status, r.Output)
}

// Load reads the state; a file that is not there is an empty one.
func Load(file string) (*State, error) {
	s := &State{}
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the state: %w", err)
	}
	if err := json.Unmarshal(data, s); err != nil {
		return nil, fmt.Errorf("read the state %q: %w", file, err)
	}
	return s, nil
}

// Save writes the state so that a crash leaves the old file or the new one.
func (s *State) Save(file string) error {
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".*")
	if err != nil {
		return fmt.Errorf("save the state: %w", err)
	}
	_, err = tmp.Write(append(data, '\n'))
	err = errors.Join(err, tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), file)
	}
	if err != nil {
		return fmt.Errorf("save the state: %w", errors.Join(err, os.Remove(tmp.Name())))
	}
	return nil
}
