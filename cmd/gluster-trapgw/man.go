package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"
)

// manCommand writes the manual for the packages. It is made of the same texts as --help.
func manCommand() *cli.Command {
	return &cli.Command{
		Name:        "man",
		Usage:       "write the manual pages into a directory",
		Description: "Example:\n  gluster-trapgw man --dir /usr/local/share/man",
		Hidden:      true,
		Flags:       []cli.Flag{&cli.StringFlag{Name: "dir", Usage: "write man1 and man5 into `DIR`, which is made if need be"}},
		Before:      needs("dir"),
		Action: func(c *cli.Context) error {
			for name, text := range manPages(c.App) {
				file := filepath.Join(c.String("dir"), "man"+name[len(name)-1:], name)
				if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
					return fmt.Errorf("write manual: %w", err)
				}
				if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
					return fmt.Errorf("write manual: %w", err)
				}
			}
			return nil
		},
	}
}

// manPages returns every page by its file name: one for the program, one for each command, one for the configuration.
func manPages(app *cli.App) map[string]string {
	pages := map[string]string{}
	var see []string
	var p page
	p.title("gluster-trapgw", "1", app.Usage)
	p.section("SYNOPSIS")
	p.line(".B gluster\\-trapgw")
	p.line("\\fICOMMAND\\fR [\\fIOPTION\\fR...] [\\fIARGUMENT\\fR...]")
	p.section("DESCRIPTION")
	p.text("Takes the events that glustereventsd posts to a webhook, keeps them on disk until they are delivered, and sends each " +
		"as an SNMP notification of GLUSTER-EVENTS-MIB and as a syslog message to the receivers that a policy chooses.")
	p.literal(strings.Split(app.Description, "\n"))
	p.section("COMMANDS")
	for _, cmd := range app.Commands {
		if cmd.Hidden || cmd.Name == "help" {
			continue
		}
		p.entry("\\fB"+roff(cmd.Name)+"\\fR", cmd.Usage)
		see = append(see, "gluster-trapgw-"+cmd.Name)
		pages["gluster-trapgw-"+cmd.Name+".1"] = commandPage(cmd)
	}
	p.section("EXIT STATUS")
	p.text("0 fine, 1 failed, 2 wrong usage.")
	p.section("FILES")
	p.entry("\\fI/etc/gluster\\-trapgw/config.yaml\\fR", "the configuration, see gluster-trapgw.yaml(5)")
	p.entry("\\fI/var/lib/gluster\\-trapgw\\fR", "the durable log of events with each output's place in it, and the SNMP engine")
	p.entry("\\fI/usr/share/snmp/mibs/GLUSTER\\-EVENTS\\-MIB\\fR", "what the notifications mean")
	p.section("ENVIRONMENT")
	p.entry("\\fBGLUSTER_TRAPGW_CONFIG\\fR", "the configuration file of a command that is called without --config")
	p.seeAlso(append(see, "gluster-trapgw.yaml"))
	pages["gluster-trapgw.1"] = p.String()

	var conf page
	conf.title("gluster-trapgw.yaml", "5", "configuration of gluster-trapgw")
	conf.section("DESCRIPTION")
	conf.text("gluster-trapgw serve reads it at its start; gluster-trapgw config check says what is wrong with it. " +
		"This is every key, as gluster-trapgw config sample prints it:")
	conf.literal(strings.Split(strings.TrimRight(string(sampleConfig), "\n"), "\n"))
	conf.seeAlso([]string{"gluster-trapgw", "gluster-trapgw-config"})
	pages["gluster-trapgw.yaml.5"] = conf.String()
	return pages
}

func commandPage(cmd *cli.Command) string {
	var p page
	p.title("gluster-trapgw-"+cmd.Name, "1", cmd.Usage)
	p.section("SYNOPSIS")
	synopsis := func(path string, c *cli.Command) {
		p.line(".br")
		p.line("\\fB" + roff("gluster-trapgw "+path) + "\\fR [\\fIOPTION\\fR...] " + roff(c.ArgsUsage))
	}
	runs := len(cmd.Subcommands) == 0 || len(cmd.Flags) > 0 // else it only groups others
	if runs {
		synopsis(cmd.Name, cmd)
	}
	for _, sub := range cmd.Subcommands {
		synopsis(cmd.Name+" "+sub.Name, sub)
	}
	p.section("DESCRIPTION")
	p.text(sentence(cmd.Usage))
	p.text(cmd.Description)
	if runs {
		p.flags(cmd.Flags)
	}
	for _, sub := range cmd.Subcommands {
		p.line(`.SH "` + roff(strings.ToUpper(cmd.Name+" "+sub.Name)) + `"`)
		p.text(sentence(sub.Usage))
		p.text(sub.Description)
		p.flags(sub.Flags)
	}
	p.seeAlso([]string{"gluster-trapgw", "gluster-trapgw.yaml"})
	return p.String()
}

// page is a manual page in the language of man(7).
type page struct{ strings.Builder }

func (p *page) line(s string) { p.WriteString(s + "\n") }

func (p *page) title(name, section, usage string) {
	// No date: the same source has to give the same page.
	p.line(fmt.Sprintf(`.TH "%s" "%s" "" "gluster\-trapgw %s" ""`, roff(strings.ToUpper(name)), section, roff(version())))
	p.line(".ad l") // not justified: gaps within examples mean something
	p.section("NAME")
	p.line(roff(name) + ` \- ` + roff(usage))
}

func (p *page) section(name string) { p.line(".SH " + name) }

func (p *page) entry(term, text string) {
	p.line(".TP")
	p.line(term)
	p.line(roff(text))
}

// text writes a help text: indented lines are literal, all others flow.
func (p *page) text(s string) {
	if s == "" {
		return
	}
	p.line(".PP")
	lines := strings.Split(s, "\n")
	for i := 0; i < len(lines); {
		k := i
		for k < len(lines) && strings.HasPrefix(lines[k], "  ") {
			k++
		}
		if k > i {
			p.literal(lines[i:k])
			i = k
			continue
		}
		p.line(roff(lines[i]))
		i++
	}
}

func (p *page) literal(lines []string) {
	p.line(".PP")
	p.line(".nf")
	for _, l := range lines {
		p.line(roff(l))
	}
	p.line(".fi")
	p.line(".PP")
}

func (p *page) flags(flags []cli.Flag) {
	if len(flags) == 0 {
		return
	}
	p.line(".PP")
	p.line("Options:")
	for _, f := range flags {
		d, ok := f.(cli.DocGenerationFlag)
		if v, can := f.(cli.VisibleFlag); !ok || can && !v.IsVisible() {
			continue
		}
		value, usage := unquote(d.GetUsage())
		var names []string
		for _, n := range f.Names() {
			dash := "--"
			if len(n) == 1 {
				dash = "-"
			}
			names = append(names, `\fB`+roff(dash+n)+`\fR`)
		}
		term := strings.Join(names, ", ")
		if d.TakesValue() {
			term += ` \fI` + roff(value) + `\fR`
		}
		if v := d.GetDefaultText(); d.TakesValue() && v != "" {
			usage += " (default: " + v + ")"
		}
		if env := d.GetEnvVars(); len(env) > 0 {
			usage += " [" + strings.Join(env, ", ") + "]"
		}
		p.entry(term, usage)
	}
}

func (p *page) seeAlso(names []string) {
	p.section("SEE ALSO")
	for i, n := range names {
		section := "(1)"
		if strings.HasSuffix(n, ".yaml") {
			section = "(5)"
		}
		if i < len(names)-1 {
			section += ","
		}
		p.line(".BR " + roff(n) + " " + section)
	}
}

func sentence(s string) string { return strings.ToUpper(s[:1]) + s[1:] + "." }

// unquote takes the word in backquotes, which stands for the value, out of a flag's usage.
func unquote(usage string) (value, plain string) {
	if before, rest, ok := strings.Cut(usage, "`"); ok {
		if word, after, ok := strings.Cut(rest, "`"); ok {
			return word, before + word + after
		}
	}
	return "VALUE", usage
}

// roff writes a text so that nothing in it is a command of roff.
func roff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "~", `\(ti`, "^", `\(ha`).Replace(s)
	if strings.HasPrefix(s, ".") {
		s = `\&` + s
	}
	return s
}
