package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/gluster-trapgw/gluster-trapgw/admin"
	"github.com/gluster-trapgw/gluster-trapgw/outputs/snmp/snmptest"
)

// adminGateway runs a gateway in this process whose admin endpoint listens on a free port; the first of its outputs has no
// receiver.
func adminGateway(t *testing.T, more string) (*gateway, string) {
	t.Helper()
	addr, _ := collector(t)
	d := newDaemon(t, fmt.Sprintf("admin: {listen: \"127.0.0.1:0\"}\n%soutputs:\n  - {name: noc, snmp: {target: %q, community: public}}\n  - {name: siem, syslog: {target: \"tcp://%s\"}}\n",
		more, snmptest.FreeAddr(t, "udp"), addr))
	cfg, err := loadConfig(d.file)
	if err != nil {
		t.Fatal(err)
	}
	g, err := newGateway(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	runGateway(t, g)
	body := `{"event":"BRICK_DISCONNECTED","ts":1795388400,"nodeid":"c6ad9be2-5ce9-46e0-9574-6917a91bcfb6","message":{"peer":"gfs2","volume":"gv0","brick":"/bricks/b1"}}`
	if status := d.post(http.DefaultClient, []byte(body)); status != 200 {
		t.Fatal(status)
	}
	return g, "http://" + g.admin.Addr()
}

// call sends a request as a script would and returns the status and the body.
func call(t *testing.T, method, url, body string, header ...string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// waitStatus polls the status until it fits.
func waitStatus(t *testing.T, url string, fits func(status string) bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		_, text := call(t, "GET", url+"/api/v1/status", "")
		if fits(text) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the status stays %s", text)
		}
	}
}

// The description has every route there is and no other, and each answer is as it says.
func TestOpenAPI(t *testing.T) {
	g, url := adminGateway(t, "")
	waitStatus(t, url, func(s string) bool {
		return strings.Contains(s, `"critical":1`) && strings.Contains(s, "receiver refusing")
	})
	_, text := call(t, "GET", url+"/api/v1/openapi.json", "")
	var doc struct {
		Paths map[string]map[string]struct {
			Responses map[string]struct {
				Content map[string]struct{ Schema any }
			}
		}
	}
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	var described []string
	for path, ops := range doc.Paths {
		for method := range ops {
			described = append(described, strings.ToUpper(method)+" "+path)
		}
	}
	slices.Sort(described)
	served := g.admin.Patterns()
	slices.Sort(served)
	if a, b := strings.Join(described, "\n"), strings.Join(served, "\n"); a != b {
		t.Errorf("described:\n%s\nserved:\n%s", a, b)
	}

	raw, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020) // that of OpenAPI 3.1
	c.AssertFormat()
	if err := c.AddResource("https://gateway/openapi.json", raw); err != nil {
		t.Fatal(err)
	}
	event := `{"event":"BRICK_DISCONNECTED","ts":1795388400,"nodeid":null,"message":{"peer":"gfs2","volume":"gv0","brick":"/bricks/b1"}}`
	for _, r := range []struct {
		method, path, query, body string
		status                    int
	}{
		{"get", "/healthz", "", "", 200},
		{"get", "/readyz", "", "", 200},
		{"get", "/api/v1/openapi.json", "", "", 200},
		{"get", "/api/v1/status", "", "", 200},
		{"get", "/api/v1/queue", "", "", 200},
		{"get", "/api/v1/alarms", "", "", 200},
		{"get", "/api/v1/alarms", "?output=siem&class=bri*&key=brick/", "", 200},
		{"get", "/api/v1/alarms", "?output=nobody", "", 400},
		{"get", "/api/v1/alarms", "?class=[", "", 400},
		{"get", "/api/v1/alarms", "?klass=brick", "", 400},
		{"get", "/api/v1/rate", "", "", 200},
		{"get", "/api/v1/events", "", "", 200},
		{"get", "/api/v1/events", "?event=BRICK_*&since=1h&node=c6ad*&after=0&limit=5", "", 200},
		{"get", "/api/v1/events", "?since=yesterday", "", 400},
		{"get", "/api/v1/events", "?limit=0", "", 400},
		{"post", "/api/v1/reload", "", "", 200},
		{"get", "/api/v1/silences", "", "", 200},
		{"post", "/api/v1/silences", "", `{"matchers":["volume=gv0"],"ends":"2199-01-01T00:00:00Z","author":"eve","comment":"x"}`, 200},
		{"post", "/api/v1/silences", "", `{"matchers":["volum=gv0"],"ends":"2199-01-01T00:00:00Z","author":"eve","comment":"x"}`, 400},
		{"post", "/api/v1/silences", "", `{"matchers":["volume=gv0"],"ends":"2001-01-01T00:00:00Z","author":"eve","comment":"x"}`, 400},
		{"post", "/api/v1/silences", "", `{"matchers":["volume=gv0"],"until":"2199-01-01T00:00:00Z"}`, 400},
		{"get", "/api/v1/silences", "", "", 200},
		{"post", "/api/v1/silences/{id}/expire", "", `{"author":"eve"}`, 400}, // there is none of that name
		{"post", "/api/v1/alarms/clear", "", `{"key":"no/such"}`, 400},
		{"post", "/api/v1/alarms/resend", "", `{"output":"nobody"}`, 400},
		{"post", "/api/v1/alarms/resend", "", `{"output":"siem"}`, 200},
		{"post", "/api/v1/alarms/clear", "", `{"key":"brick/gfs2:/bricks/b1","comment":"x"}`, 200},
		{"post", "/api/v1/alarms/clear", "", `{"key":`, 400},
		{"get", "/stream", "?severity=bad", "", 400},
		{"get", "/stream", "?evnt=A", "", 400},
		{"post", "/api/v1/try", "", event, 200},
		{"post", "/api/v1/try", "", "{}", 400},
		{"post", "/api/v1/try", "", `{"event":"VOLUME_START"}`, 400}, // the webhook would refuse it
		{"post", "/api/v1/try", "", strings.Replace(event, "{", "{"+strings.Repeat(" ", 64<<10), 1), 400},
		{"post", "/api/v1/try", "", strings.Repeat(" ", 2<<20), 413},
	} {
		status, got := call(t, strings.ToUpper(r.method), url+r.path+r.query, r.body)
		if status != r.status {
			t.Errorf("%s %s%s: got %d, want %d: %s", r.method, r.path, r.query, status, r.status, got)
			continue
		}
		pointer := fmt.Sprintf("https://gateway/openapi.json#/paths/%s/%s/responses/%d/content/application~1json/schema",
			strings.ReplaceAll(r.path, "/", "~1"), r.method, status)
		schema, err := c.Compile(pointer)
		if err != nil {
			t.Errorf("%s %s: %v", r.method, r.path, err)
			continue
		}
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(got))
		if err != nil {
			t.Errorf("%s %s: %v in %s", r.method, r.path, err, got)
		} else if err := schema.Validate(v); err != nil {
			t.Errorf("%s %s%s: %v\n%s", r.method, r.path, r.query, err, got)
		}
	}
}

// What a client of the API is shown is what happened.
func TestAdminShowsWhatHappens(t *testing.T) {
	g, url := adminGateway(t, "cluster: {name: prod, nodes: {c6ad9be2-5ce9-46e0-9574-6917a91bcfb6: {name: gfs1}}}\n")
	waitStatus(t, url, func(s string) bool {
		return strings.Contains(s, `"outcomes":{"sent":1}`) && strings.Contains(s, `"critical":1`) && strings.Contains(s, "receiver refusing")
	})
	get := func(path string, want ...string) {
		t.Helper()
		_, got := call(t, "GET", url+path, "")
		for _, w := range want {
			if !strings.Contains(got, w) {
				t.Errorf("%s: no %s in %s", path, w, got)
			}
		}
	}
	get("/readyz", `{"ready":true}`)
	get("/api/v1/rate", `"events":1}`, `"up_to":1`)
	get("/api/v1/status", `"cluster":"prod"`, `"name":"noc","kind":"snmp"`, `"state":"failing","trouble":"refused","summary":"receiver refusing"`,
		`"state":"working","summary":"working"`, `"name":"gfs1","last_event":`, `"alarms":{"critical":1}`, `{"rule":"","output":"siem","events":1}`)
	get("/api/v1/events?event=BRICK_*", `"event":"BRICK_DISCONNECTED","node":"gfs1","volume":"gv0"`, `"noc":{"outcome":"waiting"}`, `"siem":{"outcome":"sent"}`)
	get("/api/v1/alarms", `"key":"brick/gfs1:/bricks/b1"`, `"outputs":["siem"]`)
	if _, got := call(t, "GET", url+"/api/v1/events?event=PEER_*", ""); got != "{\"events\":[]}\n" {
		t.Errorf("got %s", got)
	}
	// A try goes through the policy and the outputs of this gateway, and is the same as the test command's.
	event := `{"event":"VOLUME_START","ts":1795388400,"nodeid":null,"message":{"name":"gv0","force":"0"}}`
	status, tried := call(t, "POST", url+"/api/v1/try", event)
	out, err := program("test", "--config", g.cfg.file, "--json", event).Output()
	if err != nil || status != 200 {
		t.Fatal(status, err)
	}
	var a, b map[string]any
	for text, v := range map[string]*map[string]any{tried: &a, string(out): &b} {
		if err := json.Unmarshal([]byte(text), v); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
	}
	if a["oid"] != b["oid"] || a["text"] != b["text"] || len(a["varbinds"].([]any)) != len(b["varbinds"].([]any)) || len(a["outputs"].([]any)) != 2 {
		t.Errorf("the endpoint says\n%s, the command\n%s", tried, out)
	}
	// A reload answers with the mistake and keeps the old policy.
	file := filepath.Join(filepath.Dir(g.cfg.file), "policy.yaml")
	if err := os.WriteFile(file, []byte("rules: [{name: a, match: {event: NO_SUCH_EVENT}, drop: true}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if status, got := call(t, "POST", url+"/api/v1/reload", ""); status != 422 || !strings.Contains(got, "NO_SUCH_EVENT") {
		t.Errorf("got %d %s", status, got)
	}
	get("/api/v1/status", `"last_error":"`)
	if err := os.WriteFile(file, []byte("rules: [{name: a, match: {event: VOLUME_START}, drop: true}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if status, got := call(t, "POST", url+"/api/v1/reload", ""); status != 200 || !strings.Contains(got, `"rules":1`) {
		t.Errorf("got %d %s", status, got)
	}
	if _, got := call(t, "POST", url+"/api/v1/try", event); !strings.Contains(got, `"dropped":true,"tried":[{"rule":"a","line":1,"matched":true}]`) {
		t.Errorf("got %s", got)
	}
}

// The commands ask the running gateway and say so, and read the state directory when it does not run.
func TestCommandsAskTheGateway(t *testing.T) {
	addr, heard := collector(t)
	socket := filepath.Join(t.TempDir(), "a")
	d := newDaemon(t, fmt.Sprintf("admin: {listen: \"unix:%s\", token: geheim}\noutputs:\n  - {name: siem, syslog: {target: \"tcp://%s\"}}\n", socket, addr))
	d.start()
	write := func(policy string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(filepath.Dir(d.file), "policy.yaml"), []byte(policy), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if status := d.post(http.DefaultClient, []byte(`{"event":"BRICK_DISCONNECTED","ts":1795388400,"nodeid":null,"message":{"peer":"gfs2","volume":"gv0","brick":"/b"}}`)); status != 200 {
		t.Fatal(status)
	}
	heard()
	run := func(exit int, want string, args ...string) {
		t.Helper()
		var stderr bytes.Buffer
		cmd := program(append(args, "--config", d.file)...)
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		all := string(out) + stderr.String()
		if code := cmd.ProcessState.ExitCode(); code != exit || !strings.Contains(all, want) || strings.Contains(all, "geheim") {
			t.Errorf("%v: exit code %d (%v), want %d and %q:\n%s", args, code, err, exit, want, all)
		}
	}
	from := "gluster-trapgw: from the gateway at unix:" + socket
	run(0, "siem    syslog tcp://"+addr+"  working", "status")
	run(0, `"ready": true`, "status", "--json")
	run(0, from, "queue", "status")
	run(0, `"running": true`, "queue", "status", "--json")
	run(0, from, "alarms", "list")
	run(0, "brick/gfs2:/b", "alarms", "list")
	run(1, "is not an output", "alarms", "list", "--output", "x")
	run(0, "policy reloaded: ", "reload")
	// A mistake in the policy keeps nobody from looking how the gateway is.
	write("rules: [{name: a, match: {event: NO_SUCH_EVENT}, drop: true}]\n")
	run(1, "NO_SUCH_EVENT", "reload")
	run(0, "NO_SUCH_EVENT", "status")
	run(0, from, "queue", "status")
	run(0, "brick/gfs2:/b", "alarms", "list")
	write("rules: []\n")
	// A gateway that is there, but not of this configuration, is left alone.
	own := d.file
	d.file = filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(d.file, fmt.Appendf(nil, "state_dir: /nowhere\nadmin: {listen: \"unix:%s\", token: geheim}\n", socket), 0o600); err != nil {
		t.Fatal(err)
	}
	run(1, "the gateway is another one: unix:"+socket, "status")
	run(1, "the gateway is another one: ", "reload")
	run(1, " is another one: read from /nowhere/queue", "queue", "status")
	d.file = own
	if err := d.end(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	run(1, "the gateway does not run", "status")
	run(1, "the gateway does not run", "reload")
	run(0, "the gateway does not run: read from ", "queue", "status")
	run(0, `"running": false`, "queue", "status", "--json")
	run(0, "brick/gfs2:/b", "alarms", "list")
}

// A receiver that does not answer an inform is told from one that refuses it, in the status, the metrics and the log; and
// the engine of v3 traps is shown.
func TestTroublesAreToldApart(t *testing.T) {
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	endpoint := snmptest.FreeAddr(t, "tcp")
	d := newDaemon(t, fmt.Sprintf(`admin: {listen: %q}
outputs:
  - {name: silent, snmp: {target: %q, community: public, kind: inform, timeout: 1s}}
  - {name: refusing, snmp: {target: %q, community: public, kind: inform, timeout: 1s}}
  - {name: lost, snmp: {target: "no-such-host.invalid:162", version: 3, user: {name: gluster, auth: SHA-256, auth_key: geheimgeheim}}}
`, endpoint, silent.LocalAddr(), snmptest.FreeAddr(t, "udp")))
	d.start()
	if status := d.post(http.DefaultClient, []byte(`{"event":"VOLUME_START","ts":1795388400,"nodeid":null,"message":{"name":"gv0"}}`)); status != 200 {
		t.Fatal(status)
	}
	waitStatus(t, "http://"+endpoint, func(s string) bool { return strings.Count(s, `"state":"failing"`) == 3 })
	out, err := program("status", "--config", d.file).Output()
	if err == nil {
		t.Error("status is content with a gateway whose outputs all fail")
	}
	_, metrics := call(t, "GET", "http://"+endpoint+"/metrics", "")
	for _, want := range []struct{ output, trouble, summary string }{
		{"silent", "timeout", "receiver not answering"}, {"refusing", "refused", "receiver refusing"}, {"lost", "unresolved", "name not resolved"},
	} {
		if !strings.Contains(string(out), want.summary) {
			t.Errorf("no %q in\n%s", want.summary, out)
		}
		if !strings.Contains(metrics, fmt.Sprintf("gluster_trapgw_output_state{output=%q,state=%q} 1\n", want.output, want.trouble)) ||
			strings.Contains(metrics, fmt.Sprintf("gluster_trapgw_output_failures_total{output=%q,trouble=%q} 0\n", want.output, want.trouble)) {
			t.Errorf("%s: the metrics have no %s\n%s", want.output, want.trouble, metrics)
		}
		if !strings.Contains(d.logText(), fmt.Sprintf("output=%s trouble=%s ", want.output, want.trouble)) {
			t.Errorf("%s: the log has no %s\n%s", want.output, want.trouble, d.logText())
		}
	}
	if !strings.Contains(string(out), "NOT READY  all outputs are failing") || !strings.Contains(metrics, "gluster_trapgw_ready 0\n") ||
		!strings.Contains(metrics, `gluster_trapgw_snmp_engine_boots{engine="0x80`) {
		t.Errorf("got\n%s\n%s", out, metrics)
	}
	if status, text := call(t, "GET", "http://"+endpoint+"/readyz", ""); status != 503 || !strings.Contains(text, "all outputs are failing") {
		t.Errorf("got %d %s", status, text)
	}
}

// No counter of an input is forgotten in the status, and so in the metrics.
func TestEveryCounterIsShown(t *testing.T) {
	log := filepath.Join(t.TempDir(), "events.log")
	if err := os.WriteFile(log, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	g, url := adminGateway(t, fmt.Sprintf("eventsd: {listen: \"127.0.0.1:0\", node_id: c6ad9be2-5ce9-46e0-9574-6917a91bcfb6}\neventslog: {path: %q}\n", log))
	var s admin.Status
	_, text := call(t, "GET", url+"/api/v1/status", "")
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"webhook": &g.webhook.Counters, "eventsd": &g.node.eventsd.Counters, "eventslog": &g.node.eventslog.Counters}
	for _, in := range s.Inputs {
		if n := reflect.TypeOf(want[in.Name]).Elem().NumField(); n != len(in.Counters) || len(in.Addresses) == 0 {
			t.Errorf("%s has %d counters and shows %v of %v", in.Name, n, in.Counters, in.Addresses)
		}
		delete(want, in.Name)
	}
	if len(want) > 0 {
		t.Errorf("not shown: %v", want)
	}
	_, text = call(t, "GET", url+"/metrics", "")
	for _, name := range []string{"gluster_trapgw_eventsd_kernel_dropped_total 0", "gluster_trapgw_eventslog_gaps_total 0", `input_events_total{input="webhook",result="rate_limited"} 0`} {
		if !strings.Contains(text, name+"\n") {
			t.Errorf("no %s", name)
		}
	}
}
