// Command gluster-trapgw receives GlusterFS events and sends them on as SNMP notifications and syslog messages.
//
// This package holds flags, the configuration file, the wiring and the printing; whatever can be tested without a
// process lives in the packages beside it. The way of an event: inputs/webhook accepts it, queue makes it durable,
// a reader per output (reader.go) resolves it (translate, then policy), and that output's worker sends it.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	os.Exit(run(os.Args))
}

// run is the whole program; it returns the exit code: 0 fine, 1 failed, 2 wrong usage.
func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	app := newApp(os.Stdin, os.Stdout, os.Stderr)
	err := app.RunContext(ctx, flagsFirst(app, args))
	if e, ok := app.Metadata[helpError].(error); ok {
		err = e
	}
	return report(os.Stderr, err)
}
