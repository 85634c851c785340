package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/gluster-trapgw/gluster-trapgw/conffile"
	"github.com/gluster-trapgw/gluster-trapgw/doctor"
	"github.com/gluster-trapgw/gluster-trapgw/inputs/eventslog"
	"github.com/gluster-trapgw/gluster-trapgw/queue"
)

var doctorFlags = []cli.Flag{
	configFlag,
	&cli.StringFlag{Name: "url", Usage: "the gateway's `URL` as it is registered, http://HOST:9000/listen"},
	&cli.BoolFlag{Name: "json", Usage: "print the findings as a JSON list"},
	&cli.DurationFlag{Name: "timeout", Value: 15 * time.Second, Usage: "wait so long for the test event"},
}

func doctorCommand() *cli.Command {
	return &cli.Command{
		Name:  "doctor",
		Usage: "find out on a Gluster node why events do not arrive",
		Description: "Looks at glustereventsd, the registered webhooks and the way to the gateway. Each line is a finding with its\n" +
			"remedy; the exit code is 1 if one is a failure. With --event it also sends a harmless event through\n" +
			"glustereventsd (SNAPSHOT_CONFIG_UPDATED, which goes out like any other). Examples:\n" +
			"  gluster-trapgw doctor --config /etc/gluster-trapgw/config.yaml --event\n" +
			"  gluster-trapgw doctor --url http://gw.example.org:9000/listen",
		Flags:  append([]cli.Flag{&cli.BoolFlag{Name: "event", Usage: "send a test event and follow it to each output"}}, doctorFlags...),
		Before: noArgs,
		Action: func(c *cli.Context) error {
			cfg, err := loadConfig(c.String("config"))
			if err != nil {
				return err
			}
			return examine(c, cfg, c.Bool("event"), nil)
		},
	}
}

func setupCommand() *cli.Command {
	return &cli.Command{
		Name:  "setup",
		Usage: "register the gateway's webhook with Gluster and verify that events arrive",
		Description: "Runs gluster-eventsapi webhook-add with the token of the configuration, makes glustereventsd on this node\n" +
			"read it, and then does what doctor --event does. Example:\n" +
			"  gluster-trapgw setup --config /etc/gluster-trapgw/config.yaml --url http://gw.example.org:9000/listen",
		Flags:  doctorFlags,
		Before: noArgs,
		Action: func(c *cli.Context) error {
			if c.String("url") == "" {
				return usagef("--url is missing: the address of the gateway as the nodes see it, like http://HOST:9000/listen")
			}
			cfg, err := loadConfig(c.String("config"))
			if err != nil {
				return err
			}
			findings, err := register(c.Context, c.String("url"), cfg)
			if err != nil {
				return err
			}
			return examine(c, cfg, true, findings)
		},
	}
}

// webhookToken is the token that a sender needs; empty when none does.
func webhookToken(cfg *config) (string, error) {
	if cfg.Webhook.TokenFile == "" {
		return cfg.Webhook.Token.Reveal(), nil
	}
	s, err := conffile.ReadSecret(cfg.Webhook.TokenFile)
	return s.Reveal(), err
}

// alreadyThere is the exit code of webhook-add for a URL that is registered.
const alreadyThere = 5

// rereadFor is how long glustereventsd has to read its webhooks again.
const rereadFor = 5 * time.Second

// register adds the webhook. Adding does not reach glustereventsd in releases since 8.6, so it is told as well.
func register(ctx context.Context, url string, cfg *config) ([]doctor.Finding, error) {
	token, err := webhookToken(cfg)
	if err != nil {
		return nil, err
	}
	args := []string{"webhook-add", url}
	if token != "" {
		args = append(args, "-t", token)
	}
	out, err := exec.CommandContext(ctx, "gluster-eventsapi", args...).CombinedOutput()
	var exit *exec.ExitError
	var findings []doctor.Finding
	switch {
	case err == nil:
		findings = append(findings, doctor.Finding{Check: "register", Status: doctor.OK, Text: url + " is registered now"})
	case errors.As(err, &exit) && exit.ExitCode() == alreadyThere:
		findings = append(findings, doctor.Finding{Check: "register", Status: doctor.OK, Text: url + " was registered already"})
	case errors.As(err, &exit):
		text := strings.Join(strings.Fields(string(out)), " ")
		if token != "" {
			text = strings.ReplaceAll(text, token, "<token>")
		}
		findings = append(findings, doctor.Finding{Check: "register", Status: doctor.Failure, Text: fmt.Sprintf("gluster-eventsapi webhook-add failed with %d: %.300s", exit.ExitCode(), text),
			Remedy: "gluster-eventsapi sync, if a node has no events directory, and try again"})
	default:
		return nil, hinted{fmt.Errorf("register the webhook: %w", err), "run setup on a Gluster node, as root"}
	}
	node := &doctor.Node{Root: "/", Now: time.Now}
	if err := exec.CommandContext(ctx, "systemctl", "reload", "glustereventsd").Run(); err != nil {
		// Not under systemd.
		if err = node.Tell(); err != nil {
			findings = append(findings, doctor.Finding{Check: "reload", Status: doctor.Warning, Text: "glustereventsd could not be told: " + err.Error(),
				Remedy: "send SIGUSR2 to its parent process, or restart it"})
		}
	}
	ctx, cancel := context.WithTimeout(ctx, rereadFor)
	defer cancel()
	node.Reread(ctx)
	return append(findings, doctor.Finding{Check: "other nodes", Status: doctor.Warning, Text: "only this node's glustereventsd was told",
		Remedy: "run on every other node: systemctl reload glustereventsd"}), nil
}

// examine prints the findings, those before it included.
func examine(c *cli.Context, cfg *config, event bool, findings []doctor.Finding) error {
	token, err := webhookToken(cfg)
	if err != nil {
		return err
	}
	port := "" // stays so for a unix socket: glustereventsd cannot post there itself
	for _, addr := range cfg.Webhook.Listen {
		if _, p, err := net.SplitHostPort(addr); err == nil && port == "" {
			port = p
		}
	}
	node := &doctor.Node{Root: "/", Now: time.Now}
	found, _ := node.Check(c.Context, doctor.Wanted{URL: c.String("url"), Port: port, Path: cfg.Webhook.Path, Token: token, EventsLog: cfg.Eventslog.Path})
	findings = append(findings, found...)
	if event {
		ctx, cancel := context.WithTimeout(c.Context, c.Duration("timeout"))
		defer cancel()
		findings = append(findings, followEvent(ctx, cfg, node.EventPort())...)
	}
	if c.Bool("json") {
		enc := json.NewEncoder(c.App.Writer)
		enc.SetIndent("", "  ")
		enc.SetEscapeHTML(false)
		if err := enc.Encode(findings); err != nil {
			return err
		}
	} else {
		for _, f := range findings {
			fmt.Fprintln(c.App.Writer, f)
		}
	}
	if doctor.Failed(findings) {
		return errReported
	}
	return nil
}

// followEvent sends an event to glustereventsd as a daemon would and waits for it in the queue and at each output.
func followEvent(ctx context.Context, cfg *config, port int) []doctor.Finding {
	const check = "test event"
	const number = 49 // SNAPSHOT_CONFIG_UPDATED: informational, and begins no alarm
	store, err := queue.OpenReadOnly(queueDir(cfg))
	if err != nil {
		return []doctor.Finding{{Check: check, Status: doctor.Warning, Text: "the gateway's state directory cannot be read here: " + err.Error(),
			Remedy: "run doctor --event where the gateway runs, as its user"}}
	}
	defer store.Close() //nolint:errcheck // only read
	id := rand.Text()
	conn, err := net.Dial("udp", fmt.Sprintf("127.0.0.1:%d", port))
	if err == nil {
		_, err = fmt.Fprintf(conn, "%d %d config_type=gluster-trapgw-doctor;id=%s", time.Now().Unix(), number, id)
		err = errors.Join(err, conn.Close())
	}
	if err != nil {
		return []doctor.Finding{{Check: check, Status: doctor.Failure, Text: "it cannot be sent: " + err.Error(), Remedy: "systemctl restart glustereventsd"}}
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	var item *queue.Item
	for item == nil || !settled(cfg, item) {
		err := store.History(ctx, queue.Query{Contains: id, Newest: true, Limit: 1}, func(e queue.Item) error {
			item = &e
			return nil
		})
		if err != nil && ctx.Err() == nil {
			return []doctor.Finding{{Check: check, Status: doctor.Failure, Text: err.Error(), Remedy: "gluster-trapgw queue status"}}
		}
		if ctx.Err() != nil {
			break
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	if item == nil {
		return []doctor.Finding{{Check: check, Status: doctor.Failure, Text: "it did not arrive at the gateway", Remedy: "see the findings above, and /var/log/glusterfs/events.log"}}
	}
	findings := []doctor.Finding{{Check: check, Status: doctor.OK, Text: fmt.Sprintf("it arrived by %s as event %d", item.Input, item.Seq)}}
	if item.Input == eventslog.Name {
		// What comes by the webhook as well is there before it is found in the log.
		findings[0] = doctor.Finding{Check: check, Status: doctor.Warning, Text: fmt.Sprintf("it arrived as event %d, but only out of events.log: glustereventsd does not post to the webhook", item.Seq),
			Remedy: "run on every node: systemctl reload glustereventsd"}
	}
	for _, name := range cfg.outputNames() {
		findings = append(findings, outputFinding(name, item))
	}
	return findings
}

// settled reports whether every output is done with the event.
func settled(cfg *config, item *queue.Item) bool {
	for _, name := range cfg.outputNames() {
		if outputFinding(name, item).Status != doctor.OK {
			return false
		}
	}
	return true
}

func outputFinding(name string, item *queue.Item) doctor.Finding {
	check := "output " + name
	for _, o := range item.Outcomes {
		if o.Output != name {
			continue
		}
		switch o.Outcome {
		case "sent":
			return doctor.Finding{Check: check, Status: doctor.OK, Text: "the test event was sent"}
		case "dropped":
			return doctor.Finding{Check: check, Status: doctor.OK, Text: fmt.Sprintf("the policy drops the test event (rule %q)", o.Rule)}
		case "failed":
			return doctor.Finding{Check: check, Status: doctor.Failure, Text: "the test event could not be sent", Remedy: "gluster-trapgw send --output " + name}
		}
	}
	return doctor.Finding{Check: check, Status: doctor.Failure, Text: "the test event was not sent in time", Remedy: "gluster-trapgw send --output " + name}
}
