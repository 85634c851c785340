package main

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

// Every command that --help shows has its page, with every option, and man itself finds nothing wrong with any.
func TestManual(t *testing.T) {
	dir := t.TempDir()
	if out, err := program("man", "--dir", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	app := newApp(strings.NewReader(""), io.Discard, io.Discard)
	for _, cmd := range app.Commands {
		file := filepath.Join(dir, "man1", "gluster-trapgw-"+cmd.Name+".1")
		data, err := os.ReadFile(file)
		if cmd.Hidden {
			if err == nil {
				t.Errorf("there is a page for the hidden command %s", cmd.Name)
			}
			continue
		}
		if err != nil {
			t.Error(err)
			continue
		}
		text := strings.ReplaceAll(string(data), `\-`, "-")
		eachCommand([]*cli.Command{cmd}, func(c *cli.Command) {
			for _, f := range c.Flags {
				if name := "--" + f.Names()[0]; len(name) > 3 && !strings.Contains(text, `\fB`+name+`\fR`) {
					t.Errorf("%s does not explain %s", file, name)
				}
			}
		})
	}
	if _, err := exec.LookPath("man"); err != nil {
		if os.Getenv("TRAPGW_PEERS") == "1" {
			t.Fatal(err)
		}
		t.Skip("man is not installed")
	}
	pages, err := filepath.Glob(filepath.Join(dir, "man*", "*"))
	if err != nil || len(pages) < 20 {
		t.Fatal(pages, err)
	}
	for _, file := range pages {
		cmd := exec.CommandContext(t.Context(), "man", "--warnings", "-l", file)
		cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "MANWIDTH=120", "MAN_KEEP_FORMATTING=")
		var errs strings.Builder
		cmd.Stderr = &errs
		out, err := cmd.Output()
		// Lines of the sample configuration may be longer than the page: that is no fault of the page.
		for _, l := range strings.Split(strings.TrimSpace(errs.String()), "\n") {
			if l != "" && !strings.Contains(l, "cannot adjust line") && !strings.Contains(l, "can't break line") {
				t.Errorf("%s: %s", file, l)
			}
		}
		if err != nil || !strings.Contains(string(out), "SEE ALSO") {
			t.Errorf("%s: %v\n%s", file, err, out)
		}
	}
	out, err := exec.CommandContext(t.Context(), "man", "-l", filepath.Join(dir, "man5", "gluster-trapgw.yaml.5")).Output()
	if err != nil || !strings.Contains(string(out), "listen: 127.0.0.1:9000") {
		t.Errorf("the sample is not in the page: %v\n%s", err, out)
	}
}

func TestRoff(t *testing.T) {
	for in, want := range map[string]string{
		`.hidden`:    `\&.hidden`,
		`'single`:    `\(aqsingle`,
		`a\nb --c ~`: `a\enb \-\-c \(ti`,
	} {
		if got := roff(in); got != want {
			t.Errorf("roff(%q) = %q, want %q", in, got, want)
		}
	}
	if value, plain := unquote("read `FILE` now"); value != "FILE" || plain != "read FILE now" {
		t.Error(value, plain)
	}
}
