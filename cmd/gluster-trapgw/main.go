// Command gluster-trapgw receives GlusterFS events and sends them on as SNMP notifications and syslog messages.
//
// This package holds flags, the configuration file, the wiring and the printing; whatever can be tested without a
// process lives in the packages beside it. The way of an event: inputs/webhook accepts it, queue makes it durable,
// a reader per output (reader.go) resolves it (translate, then policy), and that output's worker sends it.
package main

import (
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

func main() {
	os.Exit(run(os.Args))
}

// run is the whole program; it returns the exit code: 0 fine, 1 failed, 2 wrong usage.
func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	out := &output{w: os.Stdout}
	app := newApp(os.Stdin, out, os.Stderr)
	err := app.RunContext(ctx, flagsFirst(app, args))
	if e, ok := app.Metadata[helpError].(error); ok {
		err = e
	}
	if err == nil || errors.Is(err, errReported) {
		err = cmp.Or(out.failed(), err)
	}
	return report(os.Stderr, err)
}

// output is standard output. It keeps the first error of a write, so that what prints need not look: a result that did not get
// out whole is no success. A closed pipe is none of that: the program ends there, killed by SIGPIPE.
type output struct {
	w   io.Writer
	mu  sync.Mutex // guards err
	err error
}

func (o *output) Write(p []byte) (int, error) {
	n, err := o.w.Write(p)
	if err != nil {
		o.mu.Lock()
		o.err = cmp.Or(o.err, err)
		o.mu.Unlock()
	}
	return n, err
}

func (o *output) failed() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.err
}
