package main

import (
	"bytes"
	"context"
	_ "embed" // the story
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/gluster-trapgw/gluster-trapgw/conffile"
	"github.com/gluster-trapgw/gluster-trapgw/outputs/snmp"
	"github.com/gluster-trapgw/gluster-trapgw/outputs/syslog"
	"github.com/gluster-trapgw/gluster-trapgw/queue"
	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

// demoStory is captured from a three-node cluster, one body per line as glustereventsd posted it.
//
//go:embed demo.jsonl
var demoStory []byte

func demoCommand() *cli.Command {
	return &cli.Command{
		Name:  "demo",
		Usage: "run the gateway with built-in receivers on a short story of real events",
		Description: "Needs no root, no configuration and no cluster; everything is on loopback and gone afterwards. Example:\n" +
			"  gluster-trapgw demo",
		Before: noArgs,
		Action: demo,
	}
}

// demoNodes are the nodes of the captured cluster.
var demoNodes = map[string]translate.Node{
	"c6ad9be2-5ce9-46e0-9574-6917a91bcfb6": {Name: "gfs1", Address: "192.0.2.11"},
	"1a6111b8-4f13-4c02-9739-2c473e398b41": {Name: "gfs2", Address: "192.0.2.12"},
	"d99d4578-93c0-410b-9d94-278198626ce6": {Name: "gfs3", Address: "192.0.2.13"},
}

func demo(c *cli.Context) (err error) {
	dir, err := os.MkdirTemp("", "gluster-trapgw-demo-")
	if err != nil {
		return fmt.Errorf("make a directory for the demo: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	cfg, err := loadConfig("")
	if err != nil {
		return err
	}
	r, err := newReceivers(cfg, "127.0.0.1:0", "", "127.0.0.1:0")
	if err != nil {
		return err
	}
	traps, lines := make(chan *snmp.Received, 16), make(chan syslog.Received, 16)
	r.trap = func(t *snmp.Received, err error) {
		if err == nil {
			traps <- t
		}
	}
	r.line = func(m syslog.Received) { lines <- m }
	demoConfig(cfg, dir, r)
	g, err := newGateway(cfg, slog.New(slog.NewTextHandler(c.App.ErrWriter, &slog.HandlerOptions{Level: slog.LevelWarn})))
	if err != nil {
		return err
	}

	ctx, stop := context.WithCancel(c.Context)
	ended := make(chan error, 2)
	go func() { ended <- g.Run(ctx) }()
	go func() { ended <- r.Run(ctx) }()
	defer func() {
		stop()
		err = errors.Join(err, <-ended, <-ended)
	}()
	url := "http://" + g.webhook.Addr() + cfg.Webhook.Path
	w := c.App.Writer
	fmt.Fprintf(w, "The gateway listens at %s and has two outputs: SNMP v2c traps to %s and syslog over TCP to %s,\nwhere receivers of this demo print what arrives. The events were captured from a three-node GlusterFS cluster.\n",
		url, r.snmpAddr(), r.lines.TCPAddr())
	for i, body := range bytes.Split(bytes.TrimSpace(demoStory), []byte("\n")) {
		if err := demoEvent(ctx, w, g, url, uint64(i+1), body, traps, lines); err != nil {
			return err
		}
	}
	fmt.Fprint(w, demoEnd)
	return nil
}

func demoConfig(cfg *config, dir string, r *receivers) {
	cfg.StateDir = dir
	cfg.Admin.Listen = ""
	cfg.Heartbeat = heartbeatConfig{} // the story is about events
	cfg.Webhook.Listen = conffile.Texts{"127.0.0.1:0"}
	cfg.Cluster.Name, cfg.Cluster.Nodes = "demo", demoNodes
	t, s := snmp.DefaultConfig(), syslog.DefaultConfig()
	t.Target, t.Community = r.snmpAddr(), conffile.Secret("public")
	s.Target = "tcp://" + r.lines.TCPAddr()
	cfg.Outputs = []outputConfig{{Name: "noc", SNMP: &t}, {Name: "siem", Syslog: &s}}
}

// demoEvent posts one event and prints what the receivers get.
func demoEvent(ctx context.Context, w io.Writer, g *gateway, url string, seq uint64, body []byte, traps <-chan *snmp.Received, lines <-chan syslog.Received) error {
	n, d, err := g.resolver.resolve(&queue.Record{Seq: seq, Received: time.Now(), Body: body})
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "\n%d. %s\n   posted  %s\n", seq, n.Event, body)
	resp, err := http.Post(url, "application/json", bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("post the event: %w", err)
	}
	if err := resp.Body.Close(); err != nil {
		return fmt.Errorf("post the event: %w", err)
	}
	fmt.Fprintf(w, "   answer  %s: it is on disk\n", resp.Status)
	switch {
	case d.Dropped:
		fmt.Fprintf(w, "   rule    %q (line %d of the built-in policy): dropped, nothing is sent\n", d.Rule, d.Line)
		return nil
	case d.Rule == "":
		fmt.Fprint(w, "   rule    none matches: goes to every output\n")
	default:
		fmt.Fprintf(w, "   rule    %q (line %d of the built-in policy)\n", d.Rule, d.Line)
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	select {
	case t := <-traps:
		fmt.Fprint(w, "   trap    ")
		printTrap(indent{w}, t)
	case <-ctx.Done():
		return fmt.Errorf("no trap for event %d arrived: %w", seq, ctx.Err())
	}
	select {
	case m := <-lines:
		fmt.Fprintf(w, "   syslog  %s\n", m.Raw)
	case <-ctx.Done():
		return fmt.Errorf("no syslog message for event %d arrived: %w", seq, ctx.Err())
	}
	return nil
}

// indent moves every line after the first to the right.
type indent struct{ w io.Writer }

func (i indent) Write(p []byte) (int, error) {
	text := bytes.ReplaceAll(p, []byte("\n  "), []byte("\n           "))
	if bytes.HasPrefix(text, []byte("  ")) {
		text = append([]byte("         "), text...)
	}
	_, err := i.w.Write(text)
	return len(p), err
}

const demoEnd = `
To point a real cluster at the gateway:
  gluster-trapgw config sample > config.yaml       # set webhook.listen and the outputs
  gluster-trapgw config check --config config.yaml
  gluster-trapgw serve --config config.yaml
and on one node of the cluster, with the address of the gateway:
  gluster-eventsapi webhook-test http://HOST:9000/listen
  gluster-eventsapi webhook-add http://HOST:9000/listen
then, on every node, because GlusterFS 8.6 and later do not tell the running daemon:
  systemctl restart glustereventsd
`
