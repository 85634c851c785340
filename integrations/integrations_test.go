package integrations

import (
	"bytes"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/mibs"
	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

var update = flag.Bool("update", false, "rewrite the files under default/")

func site(t testing.TB, root string) Site {
	t.Helper()
	m, err := mibs.Load(root)
	if err != nil {
		t.Fatal(err)
	}
	return Site{MIB: m, Heartbeat: time.Minute}
}

// hostile is a site whose names have what means something to one of the formats.
func hostile(t testing.TB) Site {
	s := site(t, "1.3.6.1.4.1.99999.7")
	s.Cluster = translate.Cluster{Name: `p'r"o;d $x {a} -- */ <&> \n [[`, Nodes: map[string]translate.Node{
		"1a6111b8-4f13-4c02-9739-2c473e398b41": {Name: `gfs2;x} $y "q" 'r'`, Address: "192.0.2.12"},
		"c6ad9be2-5ce9-46e0-9574-6917a91bcfb6": {Name: "gfs1", Address: "192.0.2.11"}}}
	s.Severity = func(*translate.Entry) translate.Severity { return translate.Minor }
	return s
}

func write(t testing.TB, receiver string, s Site) string {
	t.Helper()
	dir := t.TempDir()
	files, err := Files(receiver, s)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(dir, f.Name), f.Data, f.Mode); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// The files for a site that has set nothing are in the repository, to be read and compared.
func TestDefaultSetIsFresh(t *testing.T) {
	have := map[string][]byte{}
	if err := filepath.WalkDir("default", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		have[path], err = os.ReadFile(path)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	for _, r := range Receivers() {
		files, err := Files(r.Name, site(t, ""))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			path := filepath.Join("default", r.Name, f.Name)
			old, there := have[path]
			delete(have, path)
			if there && bytes.Equal(old, f.Data) {
				continue
			}
			if !*update {
				t.Errorf("%s is stale: go test ./integrations -update", path)
				continue
			}
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, f.Data, f.Mode); err != nil {
				t.Fatal(err)
			}
		}
	}
	for path := range have {
		if !*update {
			t.Errorf("%s is not written any more: go test ./integrations -update", path)
		} else if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

// A site's files have its OID root and its names, nothing of the default.
func TestFilesAreTheSites(t *testing.T) {
	s := hostile(t)
	for _, r := range Receivers() {
		files, err := Files(r.Name, s)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if strings.Contains(string(f.Data), mibs.DefaultRoot) || strings.Contains(string(f.Data), "@8072") {
				t.Errorf("%s/%s has the default root", r.Name, f.Name)
			}
			if bytes.Contains(f.Data, []byte("<no value>")) || bytes.Contains(f.Data, []byte("%!")) {
				t.Errorf("%s/%s has a hole", r.Name, f.Name)
			}
		}
	}
}

func TestViewHasEveryNotification(t *testing.T) {
	s := site(t, "")
	v, err := newView(s)
	if err != nil {
		t.Fatal(err)
	}
	if len(v.Notifications) != len(s.MIB.Notifications()) {
		t.Errorf("%d notifications, want %d", len(v.Notifications), len(s.MIB.Notifications()))
	}
	n := 0
	for _, g := range v.Groups {
		n += len(g.Notifications)
	}
	if n != len(v.Notifications) {
		t.Errorf("%d notifications in groups, want %d", n, len(v.Notifications))
	}
	for i, o := range s.MIB.Unknown().Objects {
		if v.Objects[i].Name != o.Name {
			t.Errorf("object %d is %s, the MIB has %s", i+1, v.Objects[i].Name, o.Name)
		}
	}
	for _, n := range v.Notifications {
		if !n.Raises && !n.Clears && !n.Stateless {
			t.Errorf("%s has no state", n.Name)
		}
	}
}

func TestUnknownReceiver(t *testing.T) {
	if _, err := Files("zenoss", site(t, "")); err == nil || !strings.Contains(err.Error(), `"zenoss"`) {
		t.Errorf("got %v", err)
	}
}
