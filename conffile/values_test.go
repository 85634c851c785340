package conffile

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestParseDuration(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]time.Duration{
		"0": 0, "300ms": 300 * time.Millisecond, "30s": 30 * time.Second, "5m": 5 * time.Minute, "2h": 2 * time.Hour,
		"7d": 7 * 24 * time.Hour, "1.5d": 36 * time.Hour, "1h30m": 90 * time.Minute,
	} {
		got, err := ParseDuration(s)
		if err != nil || time.Duration(got) != want {
			t.Errorf("%q: got %v, %v, want %v", s, got, err, want)
		}
		if back, err := ParseDuration(got.String()); err != nil || back != got {
			t.Errorf("%q: String gives %q, which reads as %v, %v", s, got, back, err)
		}
	}
	for _, s := range []string{"", "5", "-5s", "d", "-1d", "NaNd", "1e9d", "5 minutes", "1d2h"} {
		if got, err := ParseDuration(s); err == nil {
			t.Errorf("%q: got %v, want an error", s, got)
		}
	}
}

func TestParseSize(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]Size{"0": 0, "512": 512, "64KiB": 64 << 10, "10 MiB": 10 << 20, "1GiB": 1 << 30, "2TiB": 2 << 40} {
		got, err := ParseSize(s)
		if err != nil || got != want {
			t.Errorf("%q: got %d, %v, want %d", s, int64(got), err, int64(want))
		}
		if back, err := ParseSize(got.String()); err != nil || back != got {
			t.Errorf("%q: String gives %q, which reads as %v, %v", s, got, back, err)
		}
	}
	for _, s := range []string{"", "-1", "64KB", "64kib", "1.5GiB", "9223372036854775807", "99999999TiB"} {
		if got, err := ParseSize(s); err == nil {
			t.Errorf("%q: got %v, want an error", s, got)
		}
	}
}

func TestSecretNeverPrints(t *testing.T) {
	t.Parallel()
	s := struct{ Token Secret }{"hunter2"}
	js, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	for _, out := range []string{fmt.Sprint(s), fmt.Sprintf("%v %+v %#v %s %q", s, s, s, s, s.Token), string(js)} {
		if strings.Contains(out, "hunter2") {
			t.Errorf("got %s, which shows the secret", out)
		}
	}
	if s.Token.Reveal() != "hunter2" {
		t.Errorf("got %q from Reveal", s.Token.Reveal())
	}
}

func TestReadSecret(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "token")
	for text, want := range map[string]string{"abc\n": "abc", "  abc \nmore\n": "abc", "": "", "\nabc\n": ""} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := ReadSecret(file)
		if string(got) != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %q, %v, want %q", text, got.Reveal(), err, want)
		}
	}
	if _, err := ReadSecret(file + ".missing"); err == nil {
		t.Error("got nil, want an error for a missing file")
	}
}

func TestPickSecrets(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "tokens")
	for text, want := range map[string][]Secret{"a\n": {"a"}, "\n a \n\nb": {"a", "b"}, "": nil, " \n\n": nil} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := PickSecrets("token", "", file)
		if !slices.Equal(got, want) || (err == nil) != (want != nil) {
			t.Errorf("%q: got %d secrets, %v, want %d", text, len(got), err, len(want))
		}
	}
	if got, err := PickSecrets("token", "x", ""); err != nil || !slices.Equal(got, []Secret{"x"}) {
		t.Errorf("inline: got %d secrets, %v", len(got), err)
	}
	if got, err := PickSecrets("token", "x", file); err == nil {
		t.Errorf("both: got %d secrets, want an error", len(got))
	}
}

// A file that is rewritten may be empty for a moment: it is read once, so that what was checked is what counts.
func TestPickSecretsReadsOnce(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "tokens")
	if err := syscall.Mkfifo(file, 0o600); err != nil {
		t.Fatal(err)
	}
	written := make(chan error, 1)
	go func() { // what each read finds
		err := os.WriteFile(file, []byte("a\n"), 0)
		written <- errors.Join(err, os.WriteFile(file, nil, 0))
	}()
	if got, err := PickSecrets("token", "", file); err != nil || !slices.Equal(got, []Secret{"a"}) {
		t.Errorf("got %d secrets, %v, want the one that was read", len(got), err)
	}
	f, err := os.OpenFile(file, os.O_RDWR, 0) // lets the second writer go, if it waits
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := <-written; err != nil {
		t.Error(err)
	}
}
