package alarms

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

// RowPrefix is how the keys of the rows of alarms begin.
const RowPrefix = "alarm/"

// Change is a row that is to be saved or, when its alarm is over, to be deleted.
type Change struct {
	report *report
	status status
	class  string
	seq    uint64
	begun  int64
	gone   bool
	parts  []translate.Field // what the alarm knows, when that is more than the report tells
	row    row               // when it is not that of an alarm
}

// row is one that belongs to no single alarm.
type row interface {
	rowKey() string
	value() []byte // nil deletes it
}

func (a *alarm) change() Change {
	c := Change{report: a.report, status: a.status, class: a.Class, seq: a.seq, begun: a.begun, gone: a.gone}
	if a.more {
		c.parts = a.Parts
	}
	return c
}

// Key is the key of the row.
func (c *Change) Key() string {
	if c.row != nil {
		return c.row.rowKey()
	}
	return RowPrefix + c.report.key
}

// Owns reports whether a row with that key is one of a table.
func Owns(key string) bool {
	return strings.HasPrefix(key, RowPrefix) || strings.HasPrefix(key, throttlePrefix) || key == resyncKey
}

// Value is what the row holds; nil deletes it. It may be called from any goroutine. Of several changes of one key
// only the last needs saving.
func (c *Change) Value() []byte {
	if c.row != nil {
		return c.row.value()
	}
	if c.gone {
		return nil
	}
	r, st := c.report, &c.status
	b := make([]byte, 0, 320+len(r.text)+len(r.raw)*5/4)
	b = append(b, `{"v":1`...)
	b = appendText(b, "class", c.class)
	b = appendText(b, "event", r.event)
	b = appendText(b, "severity", st.severity.String())
	b = appendText(b, "text", r.text)
	b = appendNumber(b, "count", uint64(st.count))
	b = appendTime(b, "begun", c.begun)
	b = appendTime(b, "last", st.last)
	if st.held != heard {
		b = append(b, `,"held":true`...)
		b = appendText(b, "why", reasonNames[st.held])
	}
	if st.explains && st.held == byCause {
		b = append(b, `,"explains":true`...)
	}
	if st.due != 0 {
		b = appendTime(b, "due", st.due)
	}
	if st.wait != 0 {
		b = appendTime(b, "wait", st.wait)
	}
	if st.repeat != 0 {
		b = appendNumber(b, "repeat", uint64(st.repeat))
	}
	if st.next != 0 {
		b = appendTime(b, "next", st.next)
	}
	if st.silence != "" {
		b = appendText(b, "silence", st.silence)
	}
	if l := st.limit; l != nil {
		if limit, err := json.Marshal(l); err == nil { // there is nothing in it that could fail
			b = append(appendName(b, "limit"), limit...)
		}
	}
	b = appendNumber(b, "seq", c.seq)
	b = appendNumber(b, "report_seq", r.seq)
	b = appendTime(b, "received", r.received)
	if r.remote.IsValid() {
		b = appendText(b, "remote", r.remote.String())
	}
	if r.own {
		b = append(b, `,"own":true`...)
	}
	if len(c.parts) > 0 {
		b = append(b, `,"parts":`...)
		open := len(b)
		for _, p := range c.parts {
			b = appendText(b, p.Key, p.Value)
		}
		b[open] = '{' // in place of a comma
		b = append(b, '}')
	}
	b = appendText(b, "body", r.raw)
	return append(b, '}')
}

// The rows are made by hand: encoding/json takes longer for one than all else that an alarm costs.

func appendName(b []byte, name string) []byte {
	b = append(b, ',', '"')
	b = append(b, name...)
	return append(b, '"', ':')
}

func appendNumber(b []byte, name string, v uint64) []byte {
	return strconv.AppendUint(appendName(b, name), v, 10)
}

func appendTime(b []byte, name string, ns int64) []byte {
	b = append(appendName(b, name), '"')
	return append(stamp(ns).AppendFormat(b, time.RFC3339Nano), '"')
}

// appendText: the texts of a notification are UTF-8 and have no control characters.
func appendText(b []byte, name, s string) []byte {
	b = append(appendName(b, name), '"')
	from := 0
	for i := range len(s) {
		if s[i] == '"' || s[i] == '\\' {
			b = append(append(b, s[from:i]...), '\\')
			from = i
		}
	}
	return append(append(b, s[from:]...), '"')
}

func stamp(ns int64) time.Time { return time.Unix(0, ns).UTC() }

// Row is an active alarm as it is saved.
type Row struct {
	Key       string     `json:"-"` // as the output heard it
	Version   int        `json:"v"`
	Class     string     `json:"class"`
	Event     string     `json:"event"`
	Severity  string     `json:"severity"`
	Text      string     `json:"text"`
	Count     int        `json:"count"`
	Begun     time.Time  `json:"begun"`
	Last      time.Time  `json:"last"`
	Held      bool       `json:"held,omitempty"`
	Why       string     `json:"why,omitempty"` // it is held: cause, hold, silence or throttle
	Explains  bool       `json:"explains,omitempty"`
	Due       *time.Time `json:"due,omitempty"`
	Wait      *time.Time `json:"wait,omitempty"`
	Repeat    int64      `json:"repeat,omitempty"`
	Next      *time.Time `json:"next,omitempty"`
	Silence   string     `json:"silence,omitempty"`
	Limit     *Limit     `json:"limit,omitempty"`
	Seq       uint64     `json:"seq"`
	ReportSeq uint64     `json:"report_seq"`
	Received  time.Time  `json:"received"`
	Remote    string     `json:"remote,omitempty"`
	Own       bool       `json:"own,omitempty"`
	Body      string     `json:"body"`

	Parts map[string]string `json:"parts,omitempty"` // of its identity and beside it, when later reports told more than Body
}

// ParseRow reads a row; ok tells whether the key is that of an alarm at all.
func ParseRow(key string, value []byte) (row Row, ok bool, err error) {
	heard, ok := strings.CutPrefix(key, RowPrefix)
	if !ok {
		return Row{}, false, nil
	}
	if err := json.Unmarshal(value, &row); err != nil {
		return Row{}, true, fmt.Errorf("read alarm %q: %w", heard, err)
	}
	if row.Version != 1 {
		return Row{}, true, fmt.Errorf("read alarm %q: version %d is not known", heard, row.Version)
	}
	row.Key = heard
	return row, true, nil
}

// Restore takes in a saved row. Rows of others are ignored.
func (t *Table) Restore(key string, value []byte) error {
	switch {
	case key == resyncKey:
		return t.restoreResync(value)
	case strings.HasPrefix(key, throttlePrefix):
		return t.restoreWindow(key, value)
	}
	row, ok, err := ParseRow(key, value)
	if !ok || err != nil {
		return err
	}
	severity, ok := translate.ParseSeverity(row.Severity)
	if !ok {
		return fmt.Errorf("read alarm %q: %q is not a severity", row.Key, row.Severity)
	}
	r, err := restoreReport(row.Body, row.Event, row.Text, row.Remote, row.Own, row.ReportSeq, row.Received)
	if err != nil {
		return fmt.Errorf("read alarm %q: %w", row.Key, err)
	}
	r.key = row.Key
	n := r.notification(t.tr)
	r.node = n.NodeID
	a := &alarm{report: r, seq: row.Seq, begun: row.Begun.UnixNano(),
		status: status{severity: severity, count: row.Count, last: row.Last.UnixNano(), due: nanosOf(row.Due), wait: nanosOf(row.Wait),
			repeat: row.Repeat, silence: row.Silence, limit: row.Limit}}
	if row.Held {
		a.held = byCause
		if i := slices.Index(reasonNames[:], row.Why); i > 0 {
			a.held = reason(i)
		}
	}
	if row.Repeat > 0 {
		a.next = nanosOf(row.Next)
	}
	a.identify(t.tr, n)
	for _, key := range slices.Sorted(maps.Keys(row.Parts)) {
		if a.more = true; a.part(key) == "" {
			a.Parts = append(a.Parts, translate.Field{Key: key, Value: row.Parts[key]})
		}
	}
	if a.Class == "" || t.active[a.Class][a.Key] != nil {
		// Another configuration or catalogue: two have become one, or it is no alarm any more. It still ends by its
		// volume, brick or age.
		a.Class, a.Key = row.Class, row.Key
	}
	t.add(a)
	if a.held != heard {
		t.held[a] = true
		t.review = true
	}
	if a.held != byCause || row.Explains {
		t.on(a, time.Time{}, nil)
	}
	t.review = t.review || a.silence != ""
	t.schedule(a)
	return nil
}

func nanosOf(t *time.Time) int64 {
	if t == nil {
		return 0
	}
	return t.UnixNano()
}

func restoreReport(body, event, text, remote string, own bool, seq uint64, received time.Time) (*report, error) {
	ev, err := translate.Decode([]byte(body))
	if err != nil {
		return nil, err
	}
	r := &report{event: event, text: text, node: ev.NodeID, raw: body, own: own, seq: seq, received: received.UnixNano()}
	if remote != "" {
		if r.remote, err = netip.ParseAddr(remote); err != nil {
			return nil, err
		}
	}
	return r, nil
}
