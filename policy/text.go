package policy

import (
	"errors"
	"strings"
	"text/template"
	"text/template/parse"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

// maxText is how long a text of a template can be, in octets.
const maxText = 1024

// textData is what a template of a text can use.
type textData struct {
	Text                                string // as the catalogue has it
	Event, Group, Severity, State       string
	Cluster, Node, NodeID               string
	Volume, Brick, Peer, PeerID, Subvol string
	AlarmClass, AlarmKey                string
	Time                                time.Time
	Message                             map[string]string
}

func newTextData(n *translate.Notification) *textData {
	d := &textData{Text: n.Text, Event: n.Event, Group: n.Group, Severity: n.Severity.String(), State: n.State.String(), Cluster: n.Cluster,
		Node: n.Host(), NodeID: n.NodeID, Volume: n.Volume, Brick: n.Brick, Peer: n.Peer, PeerID: n.PeerID, Subvol: n.Subvol,
		AlarmClass: n.AlarmClass, AlarmKey: n.AlarmKey, Time: n.Time, Message: messageOf(n)}
	return d
}

// messageOf returns the fields by key; of a repeated key the first counts, as in matchers.
func messageOf(n *translate.Notification) map[string]string {
	m := make(map[string]string, len(n.Fields))
	for i := len(n.Fields) - 1; i >= 0; i-- {
		m[n.Fields[i].Key] = n.Fields[i].Value
	}
	return m
}

// parseText compiles a template and tries it out, since most mistakes show only then.
func parseText(text string) (*template.Template, error) {
	t, err := template.New("text").Option("missingkey=zero").Funcs(template.FuncMap{
		"upper": strings.ToUpper, "lower": strings.ToLower,
	}).Parse(text)
	if err != nil {
		return nil, err
	}
	if err := bounded(t.Root, false); err != nil {
		return nil, err
	}
	full := &translate.Notification{Event: "X", Group: "x", Severity: translate.Major, State: translate.Raise, Cluster: "x", NodeID: "x",
		NodeName: "x", Volume: "x", Brick: "x:/x", Peer: "x", PeerID: "x", Subvol: "x", AlarmClass: "x", AlarmKey: "x", Text: "x", Time: time.Unix(1, 0)}
	for _, n := range []*translate.Notification{full, {}} {
		if _, err := render(t, n); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// bounded refuses what could keep a template busy for ever, at load or with an event: a range over a number or in another
// range, and templates that call each other. A message is the only thing that has parts to go over.
func bounded(n parse.Node, ranging bool) error {
	var lists []*parse.ListNode
	switch n := n.(type) {
	case *parse.ListNode:
		for _, sub := range n.Nodes {
			if err := bounded(sub, ranging); err != nil {
				return err
			}
		}
	case *parse.TemplateNode:
		return errors.New("template and block cannot be used here: write the text out")
	case *parse.RangeNode:
		over := ""
		for _, c := range n.Pipe.Cmds {
			over += c.String()
		}
		switch {
		case over != ".Message" && over != "$.Message":
			return errors.New("range can only go over .Message or $.Message")
		case ranging:
			return errors.New("range cannot be used in another range")
		}
		ranging, lists = true, []*parse.ListNode{n.List, n.ElseList}
	case *parse.IfNode:
		lists = []*parse.ListNode{n.List, n.ElseList}
	case *parse.WithNode:
		lists = []*parse.ListNode{n.List, n.ElseList}
	}
	for _, l := range lists {
		if l != nil {
			if err := bounded(l, ranging); err != nil {
				return err
			}
		}
	}
	return nil
}

// render fills in the template. What comes out is one line, as all texts are.
func render(t *template.Template, n *translate.Notification) (string, error) {
	var b strings.Builder
	if err := t.Execute(&limited{b: &b, left: 4 * maxText}, newTextData(n)); err != nil && !errors.Is(err, errFull) {
		return "", err
	}
	text := strings.TrimSpace(translate.Clean(b.String()))
	if end := maxText; len(text) > end {
		for text[end]&0xc0 == 0x80 { // not in the middle of a character
			end--
		}
		text = text[:end]
	}
	return text, nil
}

// errFull ends a template that has written enough: its text is cut there.
var errFull = errors.New("the text is full")

// limited keeps the first octets.
type limited struct {
	b    *strings.Builder
	left int
}

// Write implements io.Writer.
func (l *limited) Write(p []byte) (int, error) {
	n := min(len(p), l.left)
	l.b.Write(p[:n])
	if l.left -= n; n < len(p) {
		return n, errFull
	}
	return n, nil
}
