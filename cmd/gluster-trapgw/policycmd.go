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
		Usage: "check, print and try the policy that decides which events go where",
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
				Name:      "explain",
				Usage:     "show for an event each rule that is tried, why it matches or not, and what comes of it",
				ArgsUsage: "EVENT key=value... | JSON...",
				Description: "Examples:\n" +
					"  gluster-trapgw policy explain BRICK_DISCONNECTED peer=gfs2 volume=gv0 brick=/bricks/b1\n" +
					"  gluster-trapgw policy explain --policy policy.yaml --file events.json",
				Flags: append([]cli.Flag{configFlag, policyFlag,
					&cli.BoolFlag{Name: "json", Usage: "print one JSON object per event"}}, eventFlags...),
				Action: policyExplain,
			},
			{
				Name:      "test",
				Usage:     "compare the policy with a file of cases: for a site's own checks",
				ArgsUsage: "FILE",
				Description: "The exit code is 1 when a case fails. A file of cases:\n" +
					"  policy: policy.yaml            # or --policy, or the one of --config\n" +
					"  cases:\n" +
					"    - name: production bricks page\n" +
					"      event: BRICK_DISCONNECTED\n" +
					"      message: {peer: gfs2, volume: prod-web, brick: /bricks/b1}\n" +
					"      time: 2026-11-23T08:00:00Z   # of the event; node: its UUID; body: all as JSON instead\n" +
					"      want: {rule: production bricks, outputs: [noc], severity: critical}\n" +
					"                                   # also dropped, text, hold, repeat, throttle: what is given is compared\n" +
					"Example:\n  gluster-trapgw policy test cases.yaml",
				Flags:  []cli.Flag{configFlag, policyFlag},
				Action: policyTest,
			},
			{
				Name:      "replay",
				Usage:     "count the notifications that each output would get of recorded events, by rule and by event",
				ArgsUsage: "[FILE...]",
				Description: "Takes files of JSON events as glustereventsd posts them, or what the gateway itself received.\n" +
					"Silences do not count. Examples:\n" +
					"  gluster-trapgw policy replay --policy new.yaml events.jsonl\n" +
					"  gluster-trapgw policy replay --config FILE --policy new.yaml --since 1d",
				Flags: []cli.Flag{configFlag, policyFlag,
					&cli.StringFlag{Name: "since", Usage: "events that the gateway received after `WHEN`: 30m, 8h, 7d ago, or 2006-01-02T15:04:05Z"},
					&cli.BoolFlag{Name: "json", Usage: "print one JSON object"}},
				Action: policyReplay,
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
			schemaCommand("policy", "policy.schema.json", policySchema),
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
		load := requireConfig
		if file != "" {
			load = requireAddresses // FILE may be what mends the policy that it names
		}
		cfg, err := load(c)
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
