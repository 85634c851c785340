package silences

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

var (
	begin = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	brick = &translate.Notification{Event: "BRICK_DISCONNECTED", Group: "brick", Severity: translate.Critical, NodeName: "gfs1",
		NodeID: "c6ad9be2-5ce9-46e0-9574-6917a91bcfb6", NodeAddr: netip.MustParseAddr("192.0.2.11"), Volume: "gv0", Brick: "gfs2:/b/1",
		Peer: "gfs2", PeerID: "1a6111b8-4f13-4c02-9739-2c473e398b41", AlarmClass: "brick", AlarmKey: "brick/gfs2:/b/1",
		Fields: []translate.Field{{Key: "brick", Value: "/b/1"}}}
)

func matchers(t testing.TB, texts ...string) (all []Matcher) {
	t.Helper()
	for _, s := range texts {
		m, err := ParseMatcher(s)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, m)
	}
	return all
}

func open(t testing.TB, file string, now *time.Time) (*Store, *bytes.Buffer) {
	var log bytes.Buffer
	s := Open(file, slog.New(slog.NewTextHandler(&log, nil)))
	s.now = func() time.Time { return *now }
	return s, &log
}

func TestMatchers(t *testing.T) {
	for text, want := range map[string]bool{
		`event=BRICK_DISCONNECTED`: true, `event=BRICK`: false, `event=~BRICK_.*`: true, `event=~BRICK`: false, `event!=PEER`: true,
		`event!~BRICK_.*`: false, `group=brick`: true, `severity=critical`: true, `severity=~"critical|major"`: true, `severity!=critical`: false,
		`node=gfs1`: true, `node=192.0.2.11`: true, `node=c6ad9be2-5ce9-46e0-9574-6917a91bcfb6`: true, `node!=gfs1`: false, `node!=gfs2`: true,
		`volume=gv0`: true, `volume=""`: false, `subvol=`: true, `subvol!=`: false, `brick="gfs2:/b/1"`: true, `peer=gfs2`: true,
		`peer=~1a61.*`: true, `class=brick`: true, `alarm=brick/gfs2:/b/1`: true, `alarm=~brick/gfs2:.*`: true, `message.brick=/b/1`: true,
		`message.none=`: true, `message.none!~.+`: true, ` volume = gv0 `: true,
	} {
		m := matchers(t, text)[0]
		if got := m.matches(brick); got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
		again := matchers(t, m.String())[0]
		if again.String() != m.String() {
			t.Errorf("%s is written %s and read %s", text, m, again)
		}
	}
	for text, want := range map[string]string{
		"": "is not a matcher", "volume": "is not a matcher", "volum=gv0": `did you mean "volume"`, "volume!gv0": "no operator", "volume=~(": "missing closing",
		`volume="gv0`: "not a quoted text", "severity=bad": "is not a severity", "message.=x": "is not something to match",
		"volume=" + strings.Repeat("x", 2000): "octets",
	} {
		if _, err := ParseMatcher(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

func TestStore(t *testing.T) {
	file, now := filepath.Join(t.TempDir(), "silences.json"), begin
	s, log := open(t, file, &now)
	add := func(from, to time.Duration, texts ...string) *Silence {
		t.Helper()
		one, err := s.Add(Silence{Matchers: matchers(t, texts...), Starts: begin.Add(from), Ends: begin.Add(to), Author: "eve", Comment: "new disks"})
		if err != nil {
			t.Fatal(err)
		}
		return one
	}
	check := func(at time.Duration, want *Silence) {
		t.Helper()
		id, until := s.Silenced(brick, begin.Add(at))
		if want == nil && id != "" || want != nil && (id != want.ID || !until.Equal(want.Ends)) {
			t.Errorf("at %s: %q until %s, want %+v", at, id, until, want)
		}
	}
	check(0, nil)
	short := add(-time.Hour, time.Hour, "volume=gv0", "event=~BRICK_.*")
	long := add(30*time.Minute, 2*time.Hour, "node=gfs1")
	add(0, 3*time.Hour, "volume=gv0", "event=PEER_DISCONNECT")
	if !short.Starts.Equal(begin) {
		t.Errorf("begins at %s, before it was made", short.Starts)
	}
	for range 2 {
		check(-time.Second, nil)
		check(0, short)
		check(30*time.Minute, long) // lasts longer
		check(time.Hour, long)
		check(2*time.Hour, nil)
		s, _ = open(t, file, &now)
	}
	now = begin.Add(40 * time.Minute)
	ended, err := s.Expire(long.ID)
	if err != nil || !ended.Ends.Equal(now) || ended.State(now) != "ended" {
		t.Errorf("%+v, %v", ended, err)
	}
	check(35*time.Minute, short)
	check(65*time.Minute, nil)
	if _, err := s.Expire(long.ID); !errors.Is(err, ErrEnded) {
		t.Errorf("ended twice: %v", err)
	}
	if _, err := s.Expire("x"); !errors.Is(err, ErrUnknown) {
		t.Errorf("got %v", err)
	}
	if n := len(s.List()); n != 3 {
		t.Errorf("%d silences, want 3", n)
	}
	now = begin.Add(keepEnded + 90*time.Minute)
	if n := len(s.List()); n != 1 {
		t.Errorf("%d silences after days, want 1", n)
	}
	add(keepEnded, keepEnded+3*time.Hour, "volume=gv1")
	if s, _ = open(t, file, &now); len(s.List()) != 2 || len(*s.all.Load()) != 2 {
		t.Errorf("the file keeps %d", len(*s.all.Load()))
	}
	if log.Len() > 0 {
		t.Error(log)
	}
	if fi, err := os.Stat(file); err != nil || fi.Mode().Perm() != 0o600 {
		t.Error(fi.Mode(), err)
	}
}

func TestAddRefuses(t *testing.T) {
	now := begin
	s, _ := open(t, filepath.Join(t.TempDir(), "silences.json"), &now)
	good := func() Silence {
		return Silence{Matchers: matchers(t, "volume=gv0"), Ends: begin.Add(time.Hour), Author: "eve", Comment: "x"}
	}
	for want, change := range map[string]func(*Silence){
		"at least one matcher":    func(s *Silence) { s.Matchers = nil },
		"nearly everything":       func(s *Silence) { s.Matchers = matchers(t, "volume=~.*", "node!=gfs1", "peer=") },
		"matchers, 20 are":        func(s *Silence) { s.Matchers = make([]Matcher, 21); fill(s.Matchers) },
		"before it begins":        func(s *Silence) { s.Ends = begin },
		"in the year 2300":        func(s *Silence) { s.Ends = s.Ends.AddDate(274, 0, 0) },
		"author is empty":         func(s *Silence) { s.Author = " " },
		"comment is empty":        func(s *Silence) { s.Comment = "" },
		"the comment has 600":     func(s *Silence) { s.Comment = strings.Repeat("x", 600) },
		"is not something to mat": func(s *Silence) { s.Matchers = []Matcher{{Name: "x", Op: "=", Value: "y"}} },
	} {
		one := good()
		change(&one)
		if _, err := s.Add(one); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	for range maxSilences {
		all := append(*s.all.Load(), &Silence{ID: fmt.Sprint(len(*s.all.Load())), Ends: begin.Add(time.Hour)})
		s.all.Store(&all)
	}
	if _, err := s.Add(good()); err == nil || !strings.Contains(err.Error(), "expire some") {
		t.Errorf("got %v, want that there are too many", err)
	}
}

func fill(all []Matcher) {
	for i := range all {
		all[i] = Matcher{Name: "volume", Op: "=", Value: "gv0"}
	}
}

func TestDamagedFileIsSetAside(t *testing.T) {
	for name, text := range map[string]string{
		"not JSON": `{"v":1,"silen`, "version": `{"v":2}`, "matcher": `{"v":1,"silences":[{"id":"a","matchers":["x=y"]}]}`,
		"no matchers": `{"v":1,"silences":[{"id":"a"}]}`, "null": `{"v":1,"silences":[null]}`,
	} {
		file, now := filepath.Join(t.TempDir(), "silences.json"), begin
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s, log := open(t, file, &now)
		kept, err := os.ReadFile(file + ".damaged")
		if err != nil || string(kept) != text || !strings.Contains(log.String(), "level=ERROR") || len(s.List()) != 0 {
			t.Errorf("%s: kept %q, %v; log %s", name, kept, err, log)
		}
		if _, err := s.Add(Silence{Matchers: matchers(t, "volume=gv0"), Ends: begin.Add(time.Hour), Author: "eve", Comment: "x"}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What could not be saved does not hold: it would be forgotten at the next start.
func TestUnsavedIsRefused(t *testing.T) {
	now := begin
	s, _ := open(t, filepath.Join(t.TempDir(), "none", "silences.json"), &now)
	_, err := s.Add(Silence{Matchers: matchers(t, "volume=gv0"), Ends: begin.Add(time.Hour), Author: "eve", Comment: "x"})
	if id, _ := s.Silenced(brick, begin); err == nil || id != "" {
		t.Errorf("got %v, %q", err, id)
	}
}

func TestConcurrentUse(t *testing.T) {
	now := begin
	s, _ := open(t, filepath.Join(t.TempDir(), "silences.json"), &now)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 10 {
				one, err := s.Add(Silence{Matchers: matchers(t, "volume=gv0"), Ends: begin.Add(time.Hour), Author: "eve", Comment: "x"})
				if err != nil {
					t.Error(err)
					return
				}
				if id, _ := s.Silenced(brick, begin); id == "" {
					t.Error("not silenced")
				}
				if _, err := s.Expire(one.ID); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if n := len(s.List()); n != 40 {
		t.Errorf("%d silences, want 40", n)
	}
}

func BenchmarkSilenced(b *testing.B) {
	now := begin
	s, _ := open(b, filepath.Join(b.TempDir(), "silences.json"), &now)
	for i := range 20 {
		one := &Silence{ID: "x", Matchers: matchers(b, fmt.Sprint("volume=gv", 1+i), "event=~BRICK_.*"), Starts: begin, Ends: begin.Add(time.Hour)}
		all := append(*s.all.Load(), one)
		s.all.Store(&all)
	}
	b.ReportAllocs()
	for b.Loop() {
		s.Silenced(brick, begin)
	}
}

func FuzzParseMatcher(f *testing.F) {
	for _, s := range []string{"volume=gv0", `event=~"BRICK_.*"`, "message.a b!=c", "x", "severity!~a|b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		m, err := ParseMatcher(s)
		if err != nil {
			return
		}
		again, err := ParseMatcher(m.String())
		if err != nil || again.matches(brick) != m.matches(brick) || again.String() != m.String() {
			t.Errorf("%q is written %s and read %s, %v", s, m, again, err)
		}
	})
}
