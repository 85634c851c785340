package snmp

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func openEngine(t *testing.T, dir, id string, open func(string) (*Engines, error)) *Engine {
	t.Helper()
	all, err := open(dir)
	if err != nil {
		t.Fatal(err)
	}
	e, err := all.Engine(id)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func gateway(dir string) (*Engines, error) { return OpenEngines(dir, nil) }
func guest(dir string) (*Engines, error)   { return JoinEngines(dir, nil) }

func TestEngineBootsRiseWithEveryStart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := openEngine(t, dir, "", gateway)
	if first.Boots != 1 || len(first.ID) < 5 || !strings.HasPrefix(first.HexID(), "0x80001f8805") {
		t.Errorf("first start: boots %d, ID %s", first.Boots, first.HexID())
	}
	for want := uint32(2); want < 5; want++ {
		if e := openEngine(t, dir, "", gateway); e.Boots != want || e.ID != first.ID {
			t.Errorf("boots %d, want %d; ID %s, want %s", e.Boots, want, e.HexID(), first.HexID())
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != 1 {
		t.Errorf("files left: %v", left)
	}
}

func TestEngineIsRaisedOncePerProcess(t *testing.T) {
	t.Parallel()
	all, err := OpenEngines(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	a, err := all.Engine("")
	if err != nil {
		t.Fatal(err)
	}
	b, err := all.Engine(a.HexID())
	if a != b || err != nil {
		t.Errorf("got %v and %v, error %v", a, b, err)
	}
}

func TestEngineOfAGuestIsThatOfTheGateway(t *testing.T) {
	t.Parallel()
	if bootID() == "" {
		t.Skip("this system does not tell when it was started")
	}
	dir := t.TempDir()
	e := openEngine(t, dir, "", gateway)
	g := openEngine(t, dir, "", guest)
	if g.Boots != e.Boots || g.ID != e.ID || g.Time()+1 < e.Time() || g.Time() > e.Time()+1 {
		t.Errorf("guest has boots %d and time %d, the gateway %d and %d", g.Boots, g.Time(), e.Boots, e.Time())
	}
	if next := openEngine(t, dir, "", gateway); next.Boots != e.Boots+1 {
		t.Errorf("boots %d, want %d", next.Boots, e.Boots+1)
	}
}

func TestEngineStateThatWasCopiedLeaps(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	id := openEngine(t, dir, "", gateway).ID
	file := filepath.Join(dir, engineFile)
	backup, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		openEngine(t, dir, "", gateway)
	}
	if err := os.WriteFile(filepath.Join(dir, "restored"), backup, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(dir, "restored"), file); err != nil {
		t.Fatal(err)
	}
	if e := openEngine(t, dir, "", gateway); e.Boots < bootsOfClock(time.Now())-1 || e.ID != id {
		t.Errorf("boots %d after restoring a backup", e.Boots)
	}
	if a, b := openEngine(t, dir, "", gateway), openEngine(t, dir, "", gateway); b.Boots != a.Boots+1 {
		t.Errorf("boots %d then %d", a.Boots, b.Boots)
	}
}

// The commands of root must not take the state away from the user that the gateway runs as.
func TestEngineStateBelongsToTheOwnerOfItsDirectory(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	dir := t.TempDir()
	if err := os.Chown(dir, 4321, 4322); err != nil {
		t.Fatal(err)
	}
	for name, open := range map[string]func(string) (*Engines, error){"guest": guest, "gateway": gateway} {
		openEngine(t, dir, "", open)
		info, err := os.Stat(filepath.Join(dir, engineFile))
		if err != nil {
			t.Fatal(err)
		}
		if st := info.Sys().(*syscall.Stat_t); st.Uid != 4321 || st.Gid != 4322 {
			t.Errorf("%s: the file belongs to %d:%d, want 4321:4322", name, st.Uid, st.Gid)
		}
	}
}

func TestEngineConfiguredIDWithoutStateLeaps(t *testing.T) {
	t.Parallel()
	const id = "0x80001f8880e963000001020304"
	a := openEngine(t, t.TempDir(), id, gateway)
	if a.Boots < bootsOfClock(time.Now())-1 || a.HexID() != id {
		t.Errorf("boots %d, ID %s", a.Boots, a.HexID())
	}
}

func TestEngineRefusesBadState(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"{":                  "remove the file",
		`{"engine_id":"00"}`: "1 octets is no engine ID",
		`{"engine_id":"8000000005","boots":{"8000000005":{"boots":2147483647}}}`: "used up its boots counter",
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, engineFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		all, err := OpenEngines(dir, nil)
		if err == nil {
			_, err = all.Engine("")
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
	all, err := OpenEngines("/nonexistent", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := all.Engine(""); err == nil {
		t.Error("an engine without a place for its boots counter")
	}
}
