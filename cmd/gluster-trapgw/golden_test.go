package main

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/outputs/snmp"
	"github.com/gluster-trapgw/gluster-trapgw/outputs/syslog"
	"github.com/gluster-trapgw/gluster-trapgw/queue"
)

// Every event of testdata/events has a golden file beside it: the varbinds and the syslog line that serve would send.
func TestEventGoldens(t *testing.T) {
	cfg, err := loadConfig("")
	if err != nil {
		t.Fatal(err)
	}
	cfg.Cluster.Name, cfg.Cluster.Nodes = "prod", demoNodes
	res, err := newResolver(cfg, "golden")
	if err != nil {
		t.Fatal(err)
	}
	env := newOutputEnv(cfg, nil, slog.New(slog.DiscardHandler))
	env.syslog.Version = "test"
	outs := exampleOutputs()
	trap, err := snmp.New(*outs[0].SNMP, env.snmp)
	if err != nil {
		t.Fatal(err)
	}
	line, err := syslog.New(*outs[1].Syslog, env.syslog)
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("../../testdata/events/*.json")
	if err != nil || len(files) < 142 {
		t.Fatalf("%d events (%v)", len(files), err)
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".json"), func(t *testing.T) {
			body, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			n, d, err := res.resolve(&queue.Record{Seq: 42, Received: time.Unix(1795390000, 0), Input: "webhook", Body: body})
			if err != nil {
				t.Fatal(err)
			}
			var b strings.Builder
			fmt.Fprintf(&b, "rule %q, dropped %v\n%s %s\n", d.Rule, d.Dropped, n.Name, n.OID)
			vbs, err := trap.Varbinds(n)
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range vbs {
				if v.Name != "sysUpTime.0" { // the one that is never the same
					fmt.Fprintf(&b, "%s %s: %s\n", v.Name, v.Type, v.Value)
				}
			}
			m, err := line.Render(n, 1)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&b, "%s\n", m.Data)
			golden := strings.TrimSuffix(f, ".json") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if b.String() != string(want) {
				t.Errorf("got\n%s\nwant\n%s", b.String(), want)
			}
		})
	}
}
