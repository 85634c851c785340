package translate

import (
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
