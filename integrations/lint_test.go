package integrations

import (
	"encoding/xml"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/gluster-trapgw/gluster-trapgw/mibs/mibtest"
)

// What OpenNMS would read is well-formed, and the raise and clear of an alarm have one reduction key.
func TestOpenNMSEvents(t *testing.T) {
	xmllint := mibtest.Tool(t, "xmllint")
	s := hostile(t)
	file := filepath.Join(write(t, "opennms", s), "gluster.events.xml")
	if out, err := exec.Command(xmllint, "--noout", file).CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("xmllint: %v\n%s", err, out)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Events []struct {
			UEI   string `xml:"uei"`
			Elems []struct {
				Name  string `xml:"mename"`
				Value string `xml:"mevalue"`
			} `xml:"mask>maskelement"`
			States []string `xml:"mask>varbind>vbvalue"`
			Alarm  *struct {
				Reduction string `xml:"reduction-key,attr"`
				Clear     string `xml:"clear-key,attr"`
				Type      string `xml:"alarm-type,attr"`
			} `xml:"alarm-data"`
		} `xml:"event"`
	}
	if err := xml.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, e := range doc.Events {
		if seen[e.UEI] {
			t.Errorf("%s is there twice", e.UEI)
		}
		seen[e.UEI] = true
		const key = "gluster:%parm[#1]%:%parm[#7]%"
		switch fmt.Sprint(e.States) {
		case "[2 4]":
			if e.Alarm == nil || e.Alarm.Type != "1" || e.Alarm.Reduction != key {
				t.Errorf("%s: %+v", e.UEI, e.Alarm)
			}
		case "[3]":
			if e.Alarm == nil || e.Alarm.Type != "2" || e.Alarm.Clear != key || e.Alarm.Reduction == key {
				t.Errorf("%s: %+v", e.UEI, e.Alarm)
			}
		case "[1]":
			if e.Alarm != nil {
				t.Errorf("%s makes an alarm", e.UEI)
			}
		default:
			t.Errorf("%s is for the states %v", e.UEI, e.States)
		}
		if e.Elems[0].Value != s.MIB.EnterpriseOID() {
			t.Errorf("%s: enterprise %s", e.UEI, e.Elems[0].Value)
		}
	}
	if want := len(every(t, s)) - countUpdates(t, s); len(doc.Events) != want {
		t.Errorf("%d events, want one for each notification and state, %d", len(doc.Events), want)
	}
}

func countUpdates(t *testing.T, s Site) (n int) {
	for _, m := range every(t, s) {
		if m.State.String() == "update" {
			n++
		}
	}
	return n
}

// stubs are the few classes of LibreNMS that the handler touches, so that it can run without it.
const stubs = `<?php
namespace App\Models { class Device {} }
namespace LibreNMS\Enum { enum Severity { case Ok; case Info; case Notice; case Warning; case Error; } }
namespace LibreNMS\Interfaces { interface SnmptrapHandler {} }
namespace LibreNMS\Snmptrap {
  class Trap {
    public function __construct(private array $values) {}
    public function getOidData($oid) { return $this->values[$oid] ?? ''; }
    public function log($message, $severity, $type) { echo "$severity->name $type $message\n"; }
  }
}
namespace {
  require $argv[1];
  $handlers = (require $argv[2])['trap_handlers'];
  foreach ([['BRICK_DISCONNECTED', 'raise', 'critical', 'brick/b1'], ['BRICK_CONNECTED', '3', '1', 'brick/b1'], ['VOLUME_SET', 'stateless', 'info', ''], ['gtgHeartbeat', '1', '7', '']] as [$event, $state, $severity, $key]) {
    $m = 'GLUSTER-EVENTS-MIB::';
    (new $handlers[$m . 'glusterQuorumLost'])->handle(new \App\Models\Device, new \LibreNMS\Snmptrap\Trap([$m.'gtgEvName.0' => $event,
      $m.'gtgEvAlarmState.0' => $state, $m.'gtgEvSeverity.0' => $severity, $m.'gtgEvAlarmKey.0' => $key, $m.'gtgEvMessage.0' => 'text']));
  }
  echo count($handlers), "\n";
}
`

func TestLibreNMSHandler(t *testing.T) {
	php := mibtest.Tool(t, "php")
	s := site(t, "")
	dir := write(t, "librenms", s)
	script := filepath.Join(dir, "stubs.php")
	if err := os.WriteFile(script, []byte(stubs), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(php, script, filepath.Join(dir, "GlusterEvent.php"), filepath.Join(dir, "snmptraps.php")).CombinedOutput()
	want := `Error gluster GlusterFS raise BRICK_DISCONNECTED [brick/b1]: text
Ok gluster GlusterFS 3 BRICK_CONNECTED [brick/b1]: text
Info gluster GlusterFS VOLUME_SET: text
` + fmt.Sprint(len(s.MIB.Notifications())) + "\n"
	if err != nil || string(out) != want {
		t.Errorf("got %v\n%swant\n%s", err, out, want)
	}
}

// Promtail's file is YAML; neither it nor Alloy is in Debian, so that no more of them is checked.
func TestPromtailIsYAML(t *testing.T) {
	files, err := Files("grafana-loki", hostile(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		var doc map[string]any
		if strings.HasSuffix(f.Name, ".yaml") {
			if err := yaml.Unmarshal(f.Data, &doc); err != nil || doc["scrape_configs"] == nil {
				t.Errorf("%s: %v", f.Name, err)
			}
		} else if strings.Count(string(f.Data), "{") != strings.Count(string(f.Data), "}") {
			t.Errorf("%s: braces do not match", f.Name)
		}
	}
}
