package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// newApp lists every command there is. All peculiarities of the CLI library are set here, once: it must never end
// the process by itself, and usage mistakes are errors like any other.
func newApp(stdin io.Reader, stdout, stderr io.Writer) *cli.App {
	app := &cli.App{
		Name:                 "gluster-trapgw",
		Usage:                "send GlusterFS events as SNMP traps and syslog messages",
		Description:          "Try it without a cluster:  gluster-trapgw demo\nRun it:                   gluster-trapgw serve --config /etc/gluster-trapgw/config.yaml",
		Version:              version(),
		HideVersion:          true,
		EnableBashCompletion: true,
		Reader:               stdin,
		Writer:               stdout,
		ErrWriter:            stderr,
		ExitErrHandler:       func(*cli.Context, error) {},
		OnUsageError:         func(_ *cli.Context, err error, _ bool) error { return usageError{err} },
		CommandNotFound:      noHelp,
		Action:               noCommand,
		Commands: []*cli.Command{
			serveCommand(), statusCommand(), reloadCommand(), demoCommand(), testCommand(), sendCommand(), listenCommand(),
			eventsCommand(), mibCommand(), policyCommand(), configCommand(), snmpCommand(),
			integrationsCommand(), nagiosCommand(), queueCommand(), historyCommand(), tailCommand(), alarmsCommand(), silenceCommand(), doctorCommand(), setupCommand(),
			completionCommand(), manCommand(), versionCommand(),
		},
	}
	eachCommand(app.Commands, func(c *cli.Command) {
		c.OnUsageError = app.OnUsageError
		c.HideHelpCommand = true
		if c.Action == nil {
			c.Action = noCommand
		}
	})
	return app
}

func eachCommand(cmds []*cli.Command, fn func(*cli.Command)) {
	for _, c := range cmds {
		fn(c)
		eachCommand(c.Subcommands, fn)
	}
}

// noCommand runs when a command that only groups others is called: with a word it does not know, or alone.
func noCommand(c *cli.Context) error {
	if word := c.Args().First(); word != "" {
		return unknownCommand(c, word)
	}
	if c.Command == nil || c.Command.Name == "" || c.Command.Name == c.App.Name {
		return cli.ShowAppHelp(c)
	}
	return cli.ShowSubcommandHelp(c)
}

func unknownCommand(c *cli.Context, word string) error {
	path := c.App.Name
	cmds := c.App.Commands
	if c.Command != nil && c.Command.Name != "" && c.Command.Name != c.App.Name {
		path += " " + c.Command.Name
		cmds = c.Command.Subcommands
	}
	var names []string
	for _, k := range cmds {
		if !k.Hidden {
			names = append(names, k.Name)
		}
	}
	return usageError{hinted{fmt.Errorf("%q is not a command of %s", word, path),
		"one of: " + strings.Join(names, ", ")}}
}

// helpError is the key of the app's metadata under which noHelp leaves the error that the library cannot return.
const helpError = "help error"

// noHelp runs when help is wanted and there is a word that is not a command: an argument, or a mistake.
func noHelp(c *cli.Context, word string) {
	var err error
	if len(c.Command.Subcommands) == 0 {
		err = cli.ShowSubcommandHelp(c)
	} else {
		err = unknownCommand(c, word)
	}
	c.App.Metadata[helpError] = err
}

// usageError is a mistake in how the program was called: exit code 2.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// hinted is an error with a line that says what to do about it.
type hinted struct {
	error
	hint string
}

func (e hinted) Unwrap() error { return e.error }

// errReported ends the program with code 1 after everything worth saying was printed.
var errReported = errors.New("reported")

// report prints the error the way every command does and returns the exit code.
func report(w io.Writer, err error) int {
	if err == nil {
		return 0
	}
	if !errors.Is(err, errReported) {
		for _, line := range strings.Split(strings.TrimRight(err.Error(), "\n"), "\n") {
			fmt.Fprintf(w, "gluster-trapgw: error: %s\n", line)
		}
	}
	var h hinted
	if errors.As(err, &h) {
		fmt.Fprintf(w, "gluster-trapgw: hint: %s\n", h.hint)
	}
	var u usageError
	if errors.As(err, &u) {
		return 2
	}
	return 1
}

// flagsFirst moves the flags of a command before its arguments: the CLI library stops looking for flags at the
// first argument, which would make "test NAME --json" a mistake.
func flagsFirst(app *cli.App, args []string) []string {
	if len(args) < 2 {
		return args
	}
	for _, a := range args {
		if a == "--generate-bash-completion" {
			return args
		}
	}
	out := args[:1:1]
	rest := args[1:]
	if rest[0] == "help" || rest[0] == "h" { // the library's own leaves out what is below a command
		rest = append(rest[1:len(rest):len(rest)], "--help")
	}
	cmds := app.Commands
	var cmd *cli.Command
	for len(rest) > 0 {
		next := findCommand(cmds, rest[0])
		if next == nil {
			break
		}
		out, cmd, cmds, rest = append(out, rest[0]), next, next.Subcommands, rest[1:]
	}
	if cmd == nil {
		return append(out, rest...)
	}
	var flags, words []string
	for i := 0; i < len(rest); i++ {
		a := rest[i]
		if a == "--" {
			words = append(words, rest[i+1:]...)
			break
		}
		if len(a) < 2 || a[0] != '-' {
			words = append(words, a)
			continue
		}
		flags = append(flags, a)
		if takesValue(cmd, strings.TrimLeft(a, "-")) && i+1 < len(rest) {
			i++
			flags = append(flags, rest[i])
		}
	}
	out = append(out, flags...)
	for _, w := range words {
		if len(w) > 1 && w[0] == '-' {
			out = append(out, "--")
			break
		}
	}
	return append(out, words...)
}

func findCommand(cmds []*cli.Command, name string) *cli.Command {
	for _, c := range cmds {
		if c.HasName(name) {
			return c
		}
	}
	return nil
}

// takesValue reports whether the flag of that name, written without "=", is followed by its value.
func takesValue(cmd *cli.Command, name string) bool {
	for _, f := range cmd.Flags {
		for _, n := range f.Names() {
			if n == name {
				_, isBool := f.(*cli.BoolFlag)
				return !isBool
			}
		}
	}
	return false
}

// needs refuses a command without these flags, or with arguments. The library's own check prints help on standard output.
func needs(names ...string) cli.BeforeFunc {
	return func(c *cli.Context) error {
		for _, f := range c.Command.Flags {
			name := f.Names()[0]
			if d, ok := f.(cli.DocGenerationFlag); ok && slices.Contains(names, name) && c.String(name) == "" {
				_, usage := unquote(d.GetUsage())
				return usagef("--%s is missing: %s", name, usage)
			}
		}
		return noArgs(c)
	}
}

// noArgs refuses arguments for a command that takes none.
func noArgs(c *cli.Context) error {
	if c.NArg() > 0 {
		return usagef("%s takes no arguments, got %q", c.Command.HelpName, c.Args().First())
	}
	return nil
}
