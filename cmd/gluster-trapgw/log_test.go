package main

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// In the journal each line has its priority and no time; anywhere else it is the other way round.
func TestLogInTheJournal(t *testing.T) {
	for _, format := range []string{"text", "json"} {
		for _, journal := range []bool{true, false} {
			file := filepath.Join(t.TempDir(), "log")
			f, err := os.Create(file)
			if err != nil {
				t.Fatal(err)
			}
			info, err := f.Stat()
			if err != nil {
				t.Fatal(err)
			}
			st := info.Sys().(*syscall.Stat_t)
			inode := st.Ino
			if !journal {
				inode++ // standard error was redirected
			}
			t.Setenv("JOURNAL_STREAM", fmt.Sprintf("%d:%d", st.Dev, inode))
			log := newLogger(f, logConfig{Level: "debug", Format: format})
			log.Debug("a")
			log.With("k", "v").WithGroup("g").Info("two\nlines", "time", 5)
			log.Warn("c")
			log.Error("d")
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
			if len(lines) != 4 {
				t.Fatalf("got %q", lines)
			}
			for i, want := range []string{"<7>", "<6>", "<4>", "<3>"} {
				begins := strings.HasPrefix(lines[i], want)
				timed := strings.Contains(lines[i], "time=20") || strings.Contains(lines[i], `"time":"20`)
				if begins != journal || timed == journal {
					t.Errorf("%s, journal %v: got %s", format, journal, lines[i])
				}
			}
			if own := strings.Contains(lines[1], "g.time=5") || strings.Contains(lines[1], `"g":{"time":5}`); !own || !bytes.Contains(data, []byte("two\\nlines")) {
				t.Errorf("got %s", lines[1])
			}
		}
	}
	var b bytes.Buffer
	newLogger(&b, logConfig{Level: "warn", Format: "text"}).Info("x")
	if b.Len() > 0 {
		t.Errorf("got %s", &b)
	}
}

// At debug there is a line for each event that an output does not get, with what decided.
func TestAuditOfWhatIsNotSent(t *testing.T) {
	addr, heard := collector(t)
	d := newDaemon(t, fmt.Sprintf("log: {level: debug}\noutputs:\n  - {name: siem, syslog: {target: \"tcp://%s\"}}\n  - {name: all, every_event: true, syslog: {target: \"tcp://%s\"}}\n", addr, addr))
	if err := os.WriteFile(filepath.Join(filepath.Dir(d.file), "policy.yaml"), []byte("rules: [{name: quiet, match: {event: VOLUME_START}, drop: true}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	d.start()
	brick := `{"event":"BRICK_DISCONNECTED","ts":1795388400,"nodeid":null,"message":{"peer":"gfs2","volume":"gv0","brick":"/b"}}`
	for _, body := range []string{`{"event":"VOLUME_START","ts":1795388400,"nodeid":null,"message":{"name":"gv0"}}`, brick, brick, `{"event":"VOLUME_CREATE","ts":1795388400,"nodeid":null,"message":{"name":"gv1"}}`} {
		if status := d.post(http.DefaultClient, []byte(body)); status != 200 {
			t.Fatal(status)
		}
	}
	for range 5 {
		heard()
	}
	if err := d.end(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`msg="event not sent" output=siem event=VOLUME_START seq=1 outcome=dropped rule=quiet`,
		`msg="event not sent" output=all event=VOLUME_START seq=1 outcome=dropped rule=quiet`,
		`msg="event not sent" output=siem event=BRICK_DISCONNECTED seq=3 outcome=repeat rule=""`,
	} {
		if strings.Count(d.logText(), want) != 1 {
			t.Errorf("no line %s in\n%s", want, d.logText())
		}
	}
}

// A gateway whose log nobody reads any more, as a pipe to logger that was killed, goes on: the first line that it writes
// comes before it answers.
func TestLogWithoutReader(t *testing.T) {
	d := newDaemon(t, "log: {level: debug}\n")
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	d.stderr = w
	d.start()
	if status := d.post(http.DefaultClient, []byte(`{"event":"VOLUME_START","message":{"name":"gv0"},"nodeid":null,"ts":1795389266}`)); status != http.StatusOK {
		t.Errorf("got %d, want 200", status)
	}
	if err := d.end(syscall.SIGTERM); err != nil {
		t.Errorf("serve ended with %v", err)
	}
}
