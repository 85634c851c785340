package main

import (
	"fmt"
	"io"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/gluster-trapgw/gluster-trapgw/mibs"
)

func mibCommand() *cli.Command {
	root := &cli.StringFlag{Name: "root", Usage: "put everything below `OID` (default: mib.oid_root of the configuration)"}
	return &cli.Command{
		Name:  "mib",
		Usage: "print the MIB, or export it for a receiver",
		Description: "Without a subcommand it prints " + mibs.EventsModule + ", which needs " + mibs.RootModule + " beside it. Examples:\n" +
			"  gluster-trapgw mib > /usr/share/snmp/mibs/" + mibs.EventsModule + "\n" +
			"  gluster-trapgw mib export --root 1.3.6.1.4.1.99999.1 --dir /usr/share/snmp/mibs",
		Flags: []cli.Flag{configFlag, root,
			&cli.StringFlag{Name: "module", Value: mibs.EventsModule, Usage: "print `NAME`: " + mibs.EventsModule + " or " + mibs.RootModule}},
		Action: func(c *cli.Context) error {
			if c.NArg() > 0 {
				return noCommand(c)
			}
			oid, err := mibRoot(c)
			if err != nil {
				return err
			}
			text, err := mibs.Source(c.String("module"), oid)
			if err != nil {
				return usagef("--module: %w", err) // the root is right by now
			}
			_, err = io.WriteString(c.App.Writer, text)
			return err
		},
		Subcommands: []*cli.Command{{
			Name:        "export",
			Usage:       "write both modules into a directory",
			Description: "Example:\n  gluster-trapgw mib export --dir /usr/share/snmp/mibs",
			Flags:       []cli.Flag{configFlag, root, &cli.StringFlag{Name: "dir", Usage: "write into `DIR`, which is made if need be"}},
			Before:      needs("dir"),
			Action: func(c *cli.Context) error {
				oid, err := mibRoot(c)
				if err != nil {
					return err
				}
				dir := c.String("dir")
				if err := os.MkdirAll(dir, 0o755); err != nil {
					return fmt.Errorf("export MIB: %w", err)
				}
				if err := mibs.Export(oid, dir); err != nil {
					return err
				}
				_, err = fmt.Fprintf(c.App.Writer, "%s and %s written to %s\n", mibs.RootModule, mibs.EventsModule, dir)
				return err
			},
		}},
	}
}

// mibRoot is the root that the flags ask for: --root, else the configuration's, else the default. It warns of what is wrong
// with --root only: serve and config check do so of the configuration's.
func mibRoot(c *cli.Context) (string, error) {
	if r := c.String("root"); r != "" {
		if _, err := mibs.Source(mibs.RootModule, r); err != nil {
			return "", usagef("--root: %w", err)
		}
		for _, w := range mibs.RootWarnings(r) {
			fmt.Fprintf(c.App.ErrWriter, "gluster-trapgw: warning: --root: %s\n", w)
		}
		return r, nil
	}
	if c.String("config") == "" {
		return "", nil
	}
	cfg, err := loadConfig(c.String("config"))
	if err != nil {
		return "", err
	}
	return cfg.MIB.OIDRoot, nil
}
