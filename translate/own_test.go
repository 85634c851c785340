package translate

import (
	"strings"
	"testing"
	"time"
)

func TestOwn(t *testing.T) {
	tr := newTranslator(t, Cluster{ID: "q", Name: "prod"})
	n, err := tr.Own("gtgTest", Informational, "a\ntest", time.Unix(1795388845, 0))
	if err != nil {
		t.Fatal(err)
	}
	if n.OID != ".1.3.6.1.4.1.8072.9999.9999.24007.1.1.0.8" || n.Text != "a test" || n.Cluster != "prod" || n.State != Stateless || len(n.ID) > 64 {
		t.Errorf("got %+v", n)
	}
	if _, err := tr.Own("gtgNoSuch", Informational, "", time.Now()); err == nil {
		t.Error("a notification that the MIB lacks was made")
	}
}

// What the gateway writes into its log becomes its own notifications; an event that only calls itself so does not.
func TestOwnRecords(t *testing.T) {
	tr := newTranslator(t, Cluster{ID: "q", Nodes: map[string]Node{"c6ad9be2-5ce9-46e0-9574-6917a91bcfb6": {Name: "gfs1"}}})
	read := func(input, body string) *Notification {
		ev, err := Decode([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		ev.Input, ev.Seq, ev.Received = input, 7, time.Unix(1795388845, 0)
		return tr.Translate(&ev)
	}
	for _, e := range tr.Catalogue().Own {
		n := read(OwnInput, `{"event":"`+e.Event+`","message":{},"nodeid":null,"ts":1}`)
		if n.Name != e.Event || n.Group != OwnGroup || n.ID != "q-7" {
			t.Errorf("%s is %+v", e.Event, n)
		}
		if n := read("webhook", `{"event":"`+e.Event+`","message":{},"nodeid":null,"ts":1}`); n.Name != "glusterUnknownEvent" || n.State != Stateless || len(tr.Ends(n)) > 0 {
			t.Errorf("an event that is called %s is %+v", e.Event, n)
		}
	}
	const about = `"message":{"gtgGwSource":"noc","silence":"2h"},"nodeid":"c6ad9be2-5ce9-46e0-9574-6917a91bcfb6","ts":1}`
	for _, tt := range []struct{ event, text, key string }{
		{"gtgQueueOverflow", "Events were given up because output noc lags and the queue is full", "queue-overflow/noc"},
		{"gtgQueueNormal", "Output noc no longer loses events", "queue-overflow/noc"},
		{"gtgSourceSilent", "Node gfs1 has sent no events for 2h, which is longer than usual", "source-silent/c6ad9be2-5ce9-46e0-9574-6917a91bcfb6"},
		{"gtgSourceActive", "Node gfs1 sends events again", "source-silent/c6ad9be2-5ce9-46e0-9574-6917a91bcfb6"},
	} {
		n := read(OwnInput, `{"event":"`+tt.event+`",`+about)
		if n.Text != tt.text || n.AlarmKey != tt.key || strings.Contains(n.Text, "?") {
			t.Errorf("%s: text %q, key %q; want %q and %q", tt.event, n.Text, n.AlarmKey, tt.text, tt.key)
		}
	}
}
