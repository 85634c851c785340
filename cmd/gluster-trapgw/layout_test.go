package main

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/gluster-trapgw/gluster-trapgw/"

// mayImport is the direction of imports: a package may use those named, and no other of ours.
var mayImport = map[string][]string{
	"mibs":                      {},
	"mibs/mibtest":              {"mibs"},
	"conffile":                  {},
	"translate":                 {"mibs", "conffile"},
	"policy":                    {"translate", "conffile"},
	"alarms":                    {"translate", "conffile"},
	"silences":                  {"translate", "conffile", "statefile"},
	"queue":                     {"conffile"},
	"queue/queuetest":           {"queue"},
	"admin":                     {"conffile", "listener", "translate"},
	"dbus":                      {"admin", "conffile"},
	"metrics":                   {"admin", "outputs", "translate"},
	"inputs":                    {},
	"inputs/dedupe":             {"inputs"},
	"inputs/webhook":            {"inputs", "conffile", "listener"},
	"listener":                  {"conffile"},
	"schema":                    {"conffile"},
	"inputs/eventsd":            {"inputs", "conffile"},
	"inputs/eventslog":          {"inputs", "conffile", "statefile"},
	"statefile":                 {},
	"outputs":                   {"translate"},
	"outputs/snmp":              {"outputs", "translate", "mibs", "conffile"},
	"outputs/syslog":            {"outputs", "translate", "conffile"},
	"integrations":              {"integrations/nagios", "translate", "mibs"},
	"integrations/nagios":       {"mibs"},
	"outputs/snmp/snmptest":     {"mibs", "mibs/mibtest"},
	"outputs/syslog/syslogtest": {"mibs/mibtest"},
}

// home is where a third-party package may be used.
var home = map[string][]string{
	"github.com/gosnmp/gosnmp":         {"outputs/snmp"},
	"github.com/influxdata/go-syslog/": {"outputs/syslog"},
	"github.com/urfave/cli/":           {"cmd/gluster-trapgw"},
	"github.com/golangsnmp/gomib":      {"mibs"},
	"github.com/expr-lang/expr":        {"policy"},
	"golang.org/x/time/rate":           {"inputs/webhook"},
	"github.com/golang-jwt/jwt/":       {"inputs/webhook"},
	"github.com/valyala/fasthttp":      {"inputs/webhook"},
	"zombiezen.com/go/sqlite":          {"queue"},
	"github.com/prometheus/":           {"metrics"},
	"gopkg.in/yaml.v3":                 {"conffile", "translate", "schema"},
	"github.com/coreos/go-systemd/":    {"cmd/gluster-trapgw", "listener"},
	"github.com/godbus/dbus/":          {"dbus", "cmd/gluster-trapgw"},
	"github.com/gobwas/ws":             {"admin", "bench"},
}

func TestImportsRunOneWay(t *testing.T) {
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", "../../...")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	dec := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimPrefix(p.ImportPath, module)
		allowed, listed := mayImport[name]
		for _, imp := range p.Imports {
			if own, ok := strings.CutPrefix(imp, module); ok && name != "cmd/gluster-trapgw" && name != "bench" {
				if !listed {
					t.Errorf("%s imports %s: add it to mayImport, or do not", name, own)
				} else if !slices.Contains(allowed, own) {
					t.Errorf("%s must not import %s", name, own)
				}
			}
			for lib, homes := range home {
				if strings.HasPrefix(imp, lib) && !slices.Contains(homes, name) {
					t.Errorf("%s imports %s, whose home is %v", name, imp, homes)
				}
			}
		}
	}
}
