package listener

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	for addr, want := range map[string]string{
		"127.0.0.1:9000": "", "[::]:0": "", ":9000": "", "gateway.example:9000": "", "unix:/run/a.sock": "",
		"9000":                              "is not host:port or unix:/path, like 127.0.0.1:9000",
		"127.0.0.1:http":                    "has no port from 0 to 65535",
		"127.0.0.1:65536":                   "has no port from 0 to 65535",
		"a b:1":                             "is not a host",
		"unix:a.sock":                       "is not an absolute path",
		"unix:/" + strings.Repeat("a", 107): "is not an absolute path of up to 107 octets",
	} {
		got := ""
		if err := Check(addr, "127.0.0.1:9000"); err != nil {
			got = err.Error()
		}
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: got %q, want %q", addr, got, want)
		}
	}
}

// The socket of a killed process is replaced; one that somebody listens on, and a file that is no socket, are not.
func TestListenOnASocket(t *testing.T) {
	file := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Listen("unix:" + file); err == nil || !strings.Contains(err.Error(), "another process listens") {
		t.Errorf("got %v", err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false) // as when it is killed
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if l, err = Listen("unix:" + file); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o660 {
		t.Errorf("got %v, %v", info.Mode(), err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen("unix:" + file); err == nil || !strings.Contains(err.Error(), "is not a socket") {
		t.Errorf("got %v", err)
	}
}

func TestLocal(t *testing.T) {
	for addr, want := range map[string]bool{"127.0.0.1:9000": true, "[::1]:9000": true, "localhost:1": true, "unix:/run/x": true,
		"0.0.0.0:9000": false, ":9000": false, "[::]:9000": false, "192.0.2.1:1": false, "host:1": false, "nonsense": false} {
		if got := Local(addr); got != want {
			t.Errorf("Local(%q) = %v, want %v", addr, got, want)
		}
	}
}

func TestOverlap(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"127.0.0.1:9000", "127.0.0.1:9000", true},
		{"127.0.0.1:9000", "127.0.0.1:9001", false},
		{"127.0.0.1:9000", "127.0.0.2:9000", false},
		{"0.0.0.0:9000", "127.0.0.1:9000", true},
		{":9000", "127.0.0.1:9000", true},
		{"[::]:9000", "127.0.0.1:9000", true},
		{"[::]:9000", "0.0.0.0:9000", true},
		{"0.0.0.0:9000", "[::1]:9000", false},
		{"0.0.0.0:9000", "localhost:9000", true},
		{"[::1]:9000", "127.0.0.1:9000", false},
		{"127.0.0.1:0", "127.0.0.1:0", false},
		{"unix:/run/a", "unix:/run/a", true},
		{"unix:/run/a", "unix:/run/b", false},
		{"unix:/run/a", ":9000", false},
		{"nonsense", "nonsense", false}, // a mistake of another kind
	} {
		if got := Overlap(c.a, c.b); got != c.want {
			t.Errorf("Overlap(%q, %q) = %v, want %v", c.a, c.b, got, c.want)
		}
		if got := Overlap(c.b, c.a); got != c.want {
			t.Errorf("Overlap(%q, %q) = %v, want %v", c.b, c.a, got, c.want)
		}
	}
}
