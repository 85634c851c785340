// Command e2e proves the files of package integrations with the real receivers: it installs them from Debian, starts each
// on loopback with the shipped files, runs the real gateway, posts events to its webhook as glustereventsd does, and looks
// into the receiver for what an operator would see. make e2e-receivers runs it, as root, in some minutes; with -record it
// writes what was seen, with versions, into a file.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"time"
)

// lab is one receiver with a gateway beside it, in a directory of their own.
type lab struct {
	ctx     context.Context
	dir     string
	bin     string // the gateway
	procs   []*exec.Cmd
	record  *strings.Builder
	webhook string // URL, once the gateway runs
	started time.Time
}

// trials are what is run, in this order.
var trials = []struct {
	name, title string
	packages    []string
	run         func(l *lab) error
}{
	{"nagios", "Nagios 4, through `gluster-trapgw nagios-result`", []string{"nagios4-core", "monitoring-plugins-basic", "snmptrapd"}, nagiosDirect},
	{"nagios-snmptt", "Nagios 4, through SNMPTT", []string{"nagios4-core", "monitoring-plugins-basic", "snmptrapd", "snmptt"}, nagiosSNMPTT},
	{"icinga2", "Icinga 2, through `gluster-trapgw nagios-result`", []string{"icinga2-bin", "icinga2-common", "monitoring-plugins-basic", "snmptrapd"}, icinga2},
	{"zabbix", "Zabbix, template imported through the API", []string{"zabbix-server-pgsql", "postgresql-15", "php8.2-cli", "php8.2-pgsql",
		"php8.2-gd", "php8.2-xml", "php8.2-mbstring", "php8.2-bcmath", "php8.2-curl", "snmptrapd"}, zabbix},
}

func main() {
	only := flag.String("only", "", "run only the trial of this name")
	record := flag.String("record", "", "write what was seen into this file")
	keep := flag.Bool("keep", false, "leave the files of the trials where they are")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *only, *record, *keep); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, only, file string, keep bool) error {
	dir, err := os.MkdirTemp("", "gluster-trapgw-e2e-")
	if err != nil {
		return err
	}
	if keep {
		fmt.Fprintln(os.Stderr, "e2e: files stay in", dir)
	} else {
		defer os.RemoveAll(dir) //nolint:errcheck // a temporary directory
	}
	// Receivers run as users of their own.
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	bin := filepath.Join(dir, "gluster-trapgw")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", bin, "./cmd/gluster-trapgw").CombinedOutput(); err != nil {
		return fmt.Errorf("build the gateway: %w\n%s", err, out)
	}
	var all strings.Builder
	fmt.Fprintf(&all, recordHead, time.Now().UTC().Format("2006-01-02"), osName())
	var failed []error
	for _, t := range trials {
		if only != "" && only != t.name {
			continue
		}
		fmt.Fprintln(os.Stderr, "e2e:", t.name)
		if err := install(ctx, t.packages); err != nil {
			return err
		}
		l := &lab{ctx: ctx, dir: filepath.Join(dir, t.name), bin: bin, record: &strings.Builder{}, started: time.Now()}
		if err := os.Mkdir(l.dir, 0o755); err != nil {
			return err
		}
		fmt.Fprintf(l.record, "\n## %s\n\n%s\n", t.title, versions(ctx, t.packages))
		err := t.run(l)
		l.stop()
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", t.name, err))
			l.say("FAILED: %v", err)
		}
		fmt.Print(l.record)
		all.WriteString(l.record.String())
	}
	if file != "" && len(failed) == 0 {
		failed = append(failed, os.WriteFile(file, []byte(all.String()), 0o644))
	}
	return errors.Join(failed...)
}

const recordHead = `# What was verified

Written by ` + "`make e2e-receivers`" + ` on %s, %s: the real receivers from the distribution with the shipped files, the real
gateway with its webhook, events posted as glustereventsd posts them. Each line is what was seen in the receiver, with the
seconds since the start of the trial. What CI proves on every change, and what was never run, is at the end of
[README.md](README.md).
`

func osName() string {
	text, _ := os.ReadFile("/etc/os-release") // only for the record
	for line := range strings.Lines(string(text)) {
		if v, ok := strings.CutPrefix(line, "PRETTY_NAME="); ok {
			return strings.Trim(strings.TrimSpace(v), `"`)
		}
	}
	return "an unknown system"
}

// say adds a line to the record.
func (l *lab) say(format string, args ...any) {
	line := fmt.Sprintf("- %5.1fs  %s\n", time.Since(l.started).Seconds(), fmt.Sprintf(format, args...))
	l.record.WriteString(line)
	fmt.Fprint(os.Stderr, "e2e:   ", line)
}

// wait polls until the receiver is as wanted; got is what it shows now.
func (l *lab) wait(what string, limit time.Duration, look func() (ok bool, got string)) error {
	deadline := time.Now().Add(limit)
	for {
		ok, got := look()
		if ok {
			l.say("%s: %s", what, got)
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("waited %s in vain for: %s; it shows %s", limit, what, got)
		}
		select {
		case <-l.ctx.Done():
			return l.ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}
