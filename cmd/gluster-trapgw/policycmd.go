package main

import (
	"fmt"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/gluster-trapgw/gluster-trapgw/policy"
)

func policyCommand() *cli.Command {
	return &cli.Command{
		Name:  "policy",
		Usage: "check or print the policy that decides which events go where",
		Subcommands: []*cli.Command{
			{
				Name:  "check",
				Usage: "report every mistake in a policy file",
				Description: "Checks FILE, or the policy that the configuration names. With a configuration the names of outputs are\n" +
					"checked too. Example:\n  gluster-trapgw policy check --config /etc/gluster-trapgw/config.yaml policy.yaml",
				ArgsUsage: "[FILE]",
				Flags:     []cli.Flag{configFlag},
				Action:    policyCheck,
			},
			{
				Name:        "show",
				Usage:       "print the policy in use: the configured file, or the built-in one to edit",
				Description: "Example:\n  gluster-trapgw policy show > /etc/gluster-trapgw/policy.yaml",
				Flags:       []cli.Flag{configFlag},
				Before:      noArgs,
				Action: func(c *cli.Context) error {
					text := policy.DefaultSource()
					if c.String("config") != "" {
						cfg, err := loadConfig(c.String("config"))
						if err != nil {
							return err
						}
						if cfg.PolicyFile != "" {
							if text, err = os.ReadFile(cfg.policyPath()); err != nil {
								return fmt.Errorf("read policy: %w", err)
							}
						}
					}
					_, err := c.App.Writer.Write(text)
					return err
				},
			},
		},
	}
}

func policyCheck(c *cli.Context) error {
	if c.NArg() > 1 {
		return usagef("policy check takes one file, got %d", c.NArg())
	}
	var outputs []string // not known without a configuration
	file := c.Args().First()
	if c.String("config") != "" {
		cfg, err := loadConfig(c.String("config"))
		if err != nil {
			return err
		}
		outputs = cfg.outputNames()
		if file == "" && cfg.PolicyFile == "" {
			_, err := fmt.Fprintln(c.App.Writer, "built-in policy: ok")
			return err
		}
		if file == "" {
			file = cfg.policyPath()
		}
	}
	if file == "" {
		return usagef("no policy: give FILE or --config")
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read policy: %w", err)
	}
	p, err := loadPolicy(file, data, outputs)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.App.Writer, "%s: ok, %d rules\n", file, p.Len())
	return err
}
