package alarms

import (
	"strings"
	"testing"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/conffile"
	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

func TestConfigValidate(t *testing.T) {
	ok := DefaultConfig()
	ok.ClassAge = map[string]conffile.Duration{"brick": conffile.Duration(time.Hour)}
	ok.Inhibit = []Inhibit{{Source: []string{"brick"}, Target: []string{"georep-worker"}, Equal: []string{"brick", "volume"}}}
	if err := ok.Validate(); err != nil {
		t.Error(err)
	}
	bad := Config{
		ClassAge: map[string]conffile.Duration{"bricks": 1},
		Inhibit: []Inhibit{
			{},
			{Source: []string{"brick"}, Target: []string{"brick", "georep"}, Equal: []string{"vol"}},
		},
	}
	err := bad.Validate()
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		`class_age: "bricks" is not an alarm class: did you mean "brick"?`,
		`inhibit[0].source: empty`,
		`inhibit[0].target: empty`,
		`inhibit[1].target: "brick" is a source too`,
		`inhibit[1].target: "georep" is not an alarm class`,
		`inhibit[1].equal: "vol" is not a part of alarms`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in\n%v", want, err)
		}
	}
}

func TestAges(t *testing.T) {
	cat, err := translate.LoadCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	for _, class := range failures {
		if _, ok := cat.Classes[class]; !ok {
			t.Errorf("class %q does not exist", class)
		}
	}
	cfg := DefaultConfig()
	cfg.ClassAge = map[string]conffile.Duration{"svc": conffile.Duration(time.Hour), "split-brain": 0}
	ages := cfg.ages(cat)
	for class, want := range map[string]time.Duration{"disk-usage": 24 * time.Hour, "client-auth": 24 * time.Hour, "brick": 0, "peer": 0,
		"quorum": 0, "quota": 8 * 24 * time.Hour, "svc": time.Hour, "split-brain": 0} {
		if ages[class] != want {
			t.Errorf("%s: %v, want %v", class, ages[class], want)
		}
	}
}

// While a brick is down, the geo-replication worker at that brick cannot work.
func TestInhibit(t *testing.T) {
	tr := newTranslator(t, testNodes)
	cfg := DefaultConfig()
	cfg.Inhibit = []Inhibit{{Source: []string{"brick"}, Target: []string{"georep-worker"}, Equal: []string{"brick"}}}
	table := New(cfg, tr)
	faulty := func(path string) string {
		return `{"event":"GEOREP_FAULTY","nodeid":"1a6111b8-4f13-4c02-9739-2c473e398b41","message":{"primary_volume":"gv0","secondary_host":"far","secondary_volume":"gv9","primary_node":"gfs2","brick_path":"` + path + `"}}`
	}
	var heard []string
	hear := func(steps []Step) {
		for i := range steps {
			heard = append(heard, tell(&steps[i]))
		}
	}
	for i, body := range []string{
		brickBody("BRICK_DISCONNECTED", 1), faulty("/bricks/brick1"), faulty("/bricks/brick2"), brickBody("BRICK_CONNECTED", 1),
	} {
		hear(table.Apply(nil, event(t, tr, i+1, body), Want{Sends: true}))
	}
	hear(table.Advance(nil, table.Due()))
	want := []string{"raise     critical      Brick gfs2:/bricks/brick1 of volume gv0 is down", "(held back)",
		"raise     major         Geo-replication of volume gv0 to far::gv9 is faulty at brick gfs2:/bricks/brick2",
		"clear     cleared       Brick gfs2:/bricks/brick1 of volume gv0 is up",
		"raise     major         Geo-replication of volume gv0 to far::gv9 is faulty at brick gfs2:/bricks/brick1"}
	if len(heard) != len(want) {
		t.Fatalf("heard\n%s", strings.Join(heard, "\n"))
	}
	for i := range want {
		if !strings.HasPrefix(heard[i], want[i]) {
			t.Errorf("heard %q, want %q", heard[i], want[i])
		}
	}
}

func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 1400 * time.Millisecond: "1s", 59 * time.Second: "59s", 130 * time.Second: "2m10s", time.Hour: "1h",
		3*time.Hour + 5*time.Minute + 9*time.Second: "3h5m", 52 * time.Hour: "2d4h",
	} {
		if got := Span(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}

func TestFurtherID(t *testing.T) {
	if id := furtherID("q-1", "7"); id != "q-1-7" {
		t.Errorf("got %q", id)
	}
	long := strings.Repeat("q", 60)
	a, b := furtherID(long, "7777"), furtherID(long, "7778")
	if len(a) > 64 || a == b {
		t.Errorf("got %q and %q", a, b)
	}
}
