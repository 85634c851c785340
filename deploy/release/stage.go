package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// docs go to /usr/share/doc/gluster-trapgw.
var docs = []string{"README.md", "docs", "deploy/prometheus-rules.yaml", "deploy/grafana-dashboard.json", "deploy/ansible"}

// stage fills a directory with what nfpm.yaml names: root/ as it is on the target, and the parts that differ from one
// kind of package to the next. The texts are made by the program itself.
func (r *release) stage(stage, arch, native string, licences []byte) error {
	root := filepath.Join(stage, "root")
	doc := filepath.Join(root, "usr/share/doc/gluster-trapgw")
	bin := filepath.Join(root, "usr/bin/gluster-trapgw")
	if err := os.MkdirAll(filepath.Dir(bin), 0o755); err != nil {
		return err
	}
	if err := r.build(arch, bin); err != nil {
		return err
	}
	man := filepath.Join(root, "usr/share/man")
	for _, args := range [][]string{
		{"man", "--dir", man},
		{"mib", "export", "--dir", filepath.Join(root, "usr/share/snmp/mibs")},
	} {
		if err := run(exec.Command(native, args...)); err != nil {
			return err
		}
	}
	if err := compressAll(man); err != nil {
		return err
	}
	for _, p := range []struct {
		file string
		args []string
	}{
		{"root/usr/share/bash-completion/completions/gluster-trapgw", []string{"completion", "bash"}},
		{"root/usr/share/fish/vendor_completions.d/gluster-trapgw.fish", []string{"completion", "fish"}},
		{"completion/zsh", []string{"completion", "zsh"}},
		{"root/usr/share/doc/gluster-trapgw/examples/config.yaml", []string{"config", "sample"}},
		{"root/usr/share/doc/gluster-trapgw/examples/policy.yaml", []string{"policy", "show"}},
		{"root/usr/share/gluster-trapgw/schema/gluster-trapgw.schema.json", []string{"config", "schema"}},
		{"root/usr/share/gluster-trapgw/schema/policy.schema.json", []string{"policy", "schema"}},
	} {
		out, err := exec.Command(native, p.args...).Output()
		if err != nil {
			return fmt.Errorf("gluster-trapgw %s: %w", strings.Join(p.args, " "), err)
		}
		if err := write(filepath.Join(stage, p.file), out); err != nil {
			return err
		}
	}
	for _, name := range docs {
		if err := copyAll(name, filepath.Join(doc, name)); err != nil {
			return err
		}
	}
	if err := copyAll("deploy/dbus", filepath.Join(root, "usr/share/dbus-1/system.d")); err != nil {
		return err
	}
	if err := copyAll("deploy/systemd", filepath.Join(root, "usr/lib/systemd/system")); err != nil {
		return err
	}
	if err := copyAll("deploy/package", stage); err != nil {
		return err
	}
	changes, err := os.ReadFile("CHANGELOG.md")
	if err != nil {
		return err
	}
	own, err := r.copyright()
	if err != nil {
		return err
	}
	debian := fmt.Sprintf("gluster-trapgw (%s-1) stable; urgency=medium\n\n  * What changed is in changelog.gz.\n\n -- %s  %s\n",
		strings.Replace(r.version, "-", "~", 1), r.maintainer, r.when.Format("Mon, 02 Jan 2006 15:04:05 -0700"))
	for name, data := range map[string][]byte{
		filepath.Join(doc, "changelog.gz"):          compress(changes),
		filepath.Join(stage, "changelog.Debian.gz"): compress([]byte(debian)),
		filepath.Join(doc, "copyright"):             own,
		filepath.Join(doc, "third-party.gz"):        compress(licences),
	} {
		if err := write(name, data); err != nil {
			return err
		}
	}
	return r.touch(stage)
}

// copyAll copies a file, or a directory with all that is in it.
func copyAll(from, to string) error {
	return filepath.WalkDir(from, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return write(to+strings.TrimPrefix(path, from), data)
	})
}

func write(name string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, data, 0o644)
}

// compressAll replaces every file below dir by one with .gz.
func compressAll(dir string) error {
	return filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := write(path+".gz", compress(data)); err != nil {
			return err
		}
		return os.Remove(path)
	})
}

// compress is gzip -9n: without name and time.
func compress(data []byte) []byte {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err == nil {
		_, err = w.Write(data)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		panic(err) // a buffer takes everything
	}
	return b.Bytes()
}

// touch sets the time and the mode of everything below dir, which else are those of the building machine.
func (r *release) touch(dir string) error {
	return filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		mode := os.FileMode(0o644)
		if d.IsDir() || filepath.Base(filepath.Dir(path)) == "bin" {
			mode = 0o755
		}
		if err := os.Chmod(path, mode); err != nil {
			return err
		}
		return os.Chtimes(path, r.when, r.when)
	})
}
