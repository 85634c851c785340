package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/gluster-trapgw/gluster-trapgw/metrics"
)

// promtool is Prometheus' own judge of metrics and rules.
func promtool(t *testing.T, stdin string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "promtool", args...)
	cmd.Stdin = strings.NewReader(stdin)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool %v: %v\n%s", args, err, out)
	}
}

func needPromtool(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("promtool"); err != nil {
		if os.Getenv("TRAPGW_PEERS") == "1" {
			t.Fatal(err)
		}
		t.Skip("promtool is not installed")
	}
}

// What a real run exposes is what Prometheus wants, and has every metric of the documentation that can be there.
func TestMetricsOfARealRun(t *testing.T) {
	_, url := adminGateway(t, "")
	waitStatus(t, url, func(s string) bool {
		return strings.Contains(s, `"outcomes":{"sent":1}`) && strings.Contains(s, `"critical":1`) && strings.Contains(s, "receiver refusing")
	})
	status, text := call(t, "GET", url+"/metrics", "")
	if status != 200 {
		t.Fatal(text)
	}
	absent := []string{"gluster_trapgw_eventsd_kernel_dropped_total", "gluster_trapgw_eventslog_gaps_total", // of inputs that are off
		"gluster_trapgw_snmp_engine_boots", "gluster_trapgw_snmp_engine_time_seconds"} // of v3
	for _, d := range metrics.Docs() {
		if has := strings.Contains(text, "# HELP "+d.Name+" "); has == slices.Contains(absent, d.Name) {
			t.Errorf("%s: there is %v", d.Name, has)
		}
	}
	for _, want := range []string{
		`gluster_trapgw_events_stored_total{event="BRICK_DISCONNECTED",input="webhook"} 1`,
		`gluster_trapgw_output_state{output="noc",state="refused"} 1`,
		`gluster_trapgw_notifications_total{outcome="sent",output="siem"} 1`,
		`gluster_trapgw_notification_latency_seconds_count{output="siem"} 1`,
		`gluster_trapgw_alarms{severity="critical"} 1`,
		`gluster_trapgw_policy_rule_hits_total{output="siem",rule=""} 1`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	needPromtool(t)
	promtool(t, text, "check", "metrics")
}

func TestPrometheusRules(t *testing.T) {
	needPromtool(t)
	promtool(t, "", "check", "rules", "../../deploy/prometheus-rules.yaml")
	promtool(t, "", "test", "rules", "../../deploy/prometheus-rules.test.yaml")
}

// The dashboard and the alerts use only metrics that there are, each alert is explained, and each query is one.
func TestDashboardAndAlerts(t *testing.T) {
	read := func(name string) []byte {
		data, err := os.ReadFile(filepath.Join("../..", name))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	dashboard, rules, docs := read("deploy/grafana-dashboard.json"), read("deploy/prometheus-rules.yaml"), read("docs/monitoring.md")
	known := map[string]bool{}
	for _, d := range metrics.Docs() {
		known[d.Name] = true
	}
	for _, data := range [][]byte{dashboard, rules, docs} {
		for _, name := range regexp.MustCompile(`gluster_trapgw_\w+`).FindAllString(string(data), -1) {
			if base, _ := strings.CutSuffix(name, "_bucket"); !known[base] {
				t.Errorf("%s is no metric of the gateway", name)
			}
		}
	}
	var file struct {
		Groups []struct{ Rules []struct{ Alert string } }
	}
	if err := yaml.Unmarshal(rules, &file); err != nil {
		t.Fatal(err)
	}
	for _, r := range file.Groups[0].Rules {
		if !bytes.Contains(docs, []byte("| "+r.Alert+" |")) {
			t.Errorf("docs/monitoring.md does not explain %s", r.Alert)
		}
	}
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(dashboard, &board); err != nil {
		t.Fatal(err)
	}
	var queries strings.Builder
	queries.WriteString("groups: [{name: dashboard, rules: [\n")
	n := 0
	for _, p := range board.Panels {
		for _, target := range p.Targets {
			n++
			expr := strings.NewReplacer("$__rate_interval", "5m", "$job", ".*", "$instance", ".*").Replace(target.Expr)
			fmt.Fprintf(&queries, "{record: \"q:%d\", expr: %q},\n", n, expr)
		}
	}
	queries.WriteString("]}]\n")
	if n < 15 {
		t.Errorf("only %d queries", n)
	}
	name := filepath.Join(t.TempDir(), "queries.yaml")
	if err := os.WriteFile(name, []byte(queries.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	needPromtool(t)
	promtool(t, "", "check", "rules", name)
}
