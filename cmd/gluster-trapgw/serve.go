package main

import (
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/urfave/cli/v2"
)

func serveCommand() *cli.Command {
	return &cli.Command{
		Name:  "serve",
		Usage: "run the gateway",
		Description: "Receives events on the webhook address and sends them to the configured outputs until it is\n" +
			"told to stop (SIGTERM or SIGINT). SIGHUP, or a change of the policy file, reads the policy again. Example:\n" +
			"  gluster-trapgw serve --config /etc/gluster-trapgw/config.yaml\n" +
			"Then, on the cluster:\n" +
			"  gluster-eventsapi webhook-add http://HOST:9000/listen",
		Flags:  []cli.Flag{configFlag},
		Before: noArgs,
		Action: func(c *cli.Context) error {
			file := c.String("config")
			if file == "" {
				return usageError{hinted{errNoConfig, "gluster-trapgw demo runs without one"}}
			}
			cfg, err := loadConfig(file)
			if err != nil {
				return err
			}
			// Who reads the log may go away, a pipe to logger or the journal; the gateway goes on without.
			signal.Ignore(syscall.SIGPIPE)
			log := newLogger(c.App.ErrWriter, cfg.Log)
			if len(cfg.Outputs) == 0 {
				log.Warn("no outputs are configured: events are stored and sent nowhere", "config", file)
			}
			for _, w := range cfg.warnings() {
				log.Warn("configuration is allowed but not wise", "what", w)
			}
			g, err := newGateway(cfg, log)
			if err != nil {
				return err
			}
			signal.Notify(g.hup, syscall.SIGHUP)
			defer signal.Stop(g.hup)
			tune()
			log.Info("gateway started", "version", version(), "webhook", g.webhook.Addrs(), "path", cfg.Webhook.Path, "admin", g.adminAddr(),
				"state_dir", cfg.StateDir, "outputs", len(cfg.Outputs), "policy", policyName(cfg))
			err = g.Run(c.Context)
			log.Info("gateway stopped")
			return err
		},
	}
}

// tune sets what the Go runtime cannot know; GOGC in the environment overrules it.
func tune() {
	// The heap is a few MiB, and collecting it at every doubling took a sixth of the time of draining a backlog.
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(200)
	}
	// Loading the MIB and the catalogue leaves garbage behind; give it back before settling down.
	debug.FreeOSMemory()
}

func policyName(cfg *config) string {
	if cfg.PolicyFile == "" {
		return "built-in"
	}
	return cfg.policyPath()
}
