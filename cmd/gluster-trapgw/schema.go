package main

import (
	"github.com/urfave/cli/v2"

	"github.com/gluster-trapgw/gluster-trapgw/policy"
	"github.com/gluster-trapgw/gluster-trapgw/schema"
)

// described are the files that people write, out of their Go types.
func describedConfig() (*schema.Node, error) { return schema.Describe(defaultConfig()) }
func describedPolicy() (*schema.Node, error) { return schema.Describe(policy.Form()) }

func configSchema() ([]byte, error) {
	n, err := describedConfig()
	if err != nil {
		return nil, err
	}
	return n.JSON(schema.Header{Title: "Configuration of gluster-trapgw"})
}

func policySchema() ([]byte, error) {
	n, err := describedPolicy()
	if err != nil {
		return nil, err
	}
	return n.JSON(schema.Header{Title: "Policy of gluster-trapgw", Filled: true})
}

// schemaCommand prints the JSON Schema of the file that its parent command is about.
func schemaCommand(parent, file string, text func() ([]byte, error)) *cli.Command {
	return &cli.Command{
		Name:  "schema",
		Usage: "print the JSON Schema of the file, for editors and for checks elsewhere",
		Description: "Editors with yaml-language-server complete and check a file that has in a line of its own:\n" +
			"  # yaml-language-server: $schema=/usr/share/gluster-trapgw/schema/" + file + "\n" +
			"The packages put it there. Example:\n  gluster-trapgw " + parent + " schema > " + file,
		Before: noArgs,
		Action: func(c *cli.Context) error {
			out, err := text()
			if err != nil {
				return err
			}
			_, err = c.App.Writer.Write(out)
			return err
		},
	}
}
