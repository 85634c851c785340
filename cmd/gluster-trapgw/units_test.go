package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// systemdAnalyze runs systemd's own judge of units.
func systemdAnalyze(t *testing.T, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		if os.Getenv("TRAPGW_PEERS") == "1" {
			t.Fatal(err)
		}
		t.Skip("systemd-analyze is not installed")
	}
	out, err := exec.CommandContext(t.Context(), "systemd-analyze", args...).CombinedOutput()
	if err != nil {
		t.Errorf("systemd-analyze %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// The units are as systemd wants them, without a word of complaint.
func TestUnits(t *testing.T) {
	dir := t.TempDir()
	var names []string
	for _, name := range []string{"gluster-trapgw.service", "gluster-trapgw.socket"} {
		data, err := os.ReadFile(filepath.Join("../../deploy/systemd", name))
		if err != nil {
			t.Fatal(err)
		}
		// The program of the unit has to exist.
		text := strings.ReplaceAll(string(data), "/usr/bin/gluster-trapgw", os.Args[0])
		names = append(names, filepath.Join(dir, name))
		if err := os.WriteFile(names[len(names)-1], []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if out := systemdAnalyze(t, append([]string{"verify", "--man=no"}, names...)...); out != "" {
		t.Error(out)
	}
}

// What the documentation says about the hardening is what systemd says.
func TestUnitExposure(t *testing.T) {
	docs, err := os.ReadFile("../../docs/install.md")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`exposure level of (\d+\.\d)`).FindSubmatch(docs)
	if m == nil {
		t.Fatal("docs/install.md states no exposure level")
	}
	stated, err := strconv.ParseFloat(string(m[1]), 64)
	if err != nil {
		t.Fatal(err)
	}
	out := systemdAnalyze(t, "security", "--offline=true", fmt.Sprintf("--threshold=%.0f", stated*10), "../../deploy/systemd/gluster-trapgw.service")
	if !strings.Contains(out, fmt.Sprintf("Overall exposure level for gluster-trapgw.service: %.1f ", stated)) {
		t.Errorf("the documentation says %.1f, systemd says:\n%s", stated, out)
	}
}

// The configurations that packages and the image begin with are valid, and what compose.yaml mounts is there.
func TestShippedConfigurations(t *testing.T) {
	for _, name := range []string{"package/config.yaml", "container/config.yaml", "container/try.yaml"} {
		if _, err := loadConfig(filepath.Join("../../deploy", name)); err != nil {
			t.Error(err)
		}
	}
	data, err := os.ReadFile("../../deploy/container/compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var compose struct {
		Services map[string]struct{ Volumes []string }
		Volumes  map[string]any
	}
	if err := yaml.Unmarshal(data, &compose); err != nil {
		t.Fatal(err)
	}
	for name, s := range compose.Services {
		for _, v := range s.Volumes {
			source, _, _ := strings.Cut(v, ":")
			if _, named := compose.Volumes[source]; named {
				continue
			}
			if _, err := os.Stat(filepath.Join("../../deploy/container", source)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	cfg, err := loadConfig("../../deploy/container/try.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range cfg.Outputs {
		target := ""
		if o.SNMP != nil {
			target = o.SNMP.Target
		} else {
			_, target, _ = strings.Cut(o.Syslog.Destination(), "://")
		}
		host, _, _ := strings.Cut(target, ":")
		if _, ok := compose.Services[host]; !ok {
			t.Errorf("output %s sends to %q, which is no service of compose.yaml", o.Name, host)
		}
	}
}

// Ansible understands the role.
func TestAnsibleRole(t *testing.T) {
	if _, err := exec.LookPath("ansible-playbook"); err != nil {
		t.Skip("ansible-playbook is not installed")
	}
	cmd := exec.CommandContext(t.Context(), "ansible-playbook", "-i", "gfs1,", "--syntax-check", "../../deploy/ansible/site.yml")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
