package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
)

// The flags of every command that takes events from its arguments, a file or standard input.
var eventFlags = []cli.Flag{
	&cli.StringFlag{Name: "file", Aliases: []string{"f"}, Usage: "read events as JSON from `FILE`, one or many; - is standard input"},
	&cli.StringFlag{Name: "node", Usage: "`UUID` of the node that the event comes from"},
	&cli.Int64Flag{Name: "ts", Usage: "time of the event in `SECONDS` since 1970 (default: now)"},
}

// eventBodies returns the events the user named, as the bodies glustereventsd would post.
func eventBodies(c *cli.Context) ([][]byte, error) {
	file, args := c.String("file"), c.Args().Slice()
	switch {
	case file != "" && len(args) > 0:
		return nil, usagef("give events with --file or as arguments, not both")
	case file == "-":
		return readEvents("standard input", c.App.Reader)
	case file != "":
		f, err := os.Open(file)
		if err != nil {
			return nil, fmt.Errorf("read events: %w", err)
		}
		defer f.Close() //nolint:errcheck // only read
		return readEvents(file, f)
	case len(args) == 0:
		return nil, usageError{hinted{errors.New("no event given"),
			"gluster-trapgw " + c.Command.Name + " BRICK_DISCONNECTED peer=gfs2 volume=gv0 brick=/bricks/b1"}}
	case strings.HasPrefix(strings.TrimSpace(args[0]), "{"), strings.HasPrefix(strings.TrimSpace(args[0]), "["):
		return readEvents("the argument", strings.NewReader(strings.Join(args, "\n")))
	}
	body, err := eventFromArgs(args, c.String("node"), c.Int64("ts"), c.IsSet("ts"))
	return [][]byte{body}, err
}

// readEvents reads any number of JSON objects, with or without line feeds between them.
func readEvents(name string, r io.Reader) ([][]byte, error) {
	var bodies [][]byte
	for dec := json.NewDecoder(r); ; {
		var raw json.RawMessage
		err := dec.Decode(&raw)
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read event %d of %s: %w", len(bodies)+1, name, err)
		}
		bodies = append(bodies, raw)
	}
	if len(bodies) == 0 {
		return nil, fmt.Errorf("read events: %s is empty, expected JSON objects as glustereventsd posts them", name)
	}
	return bodies, nil
}

// eventFromArgs makes the body of NAME key=value...
func eventFromArgs(args []string, node string, ts int64, haveTS bool) ([]byte, error) {
	message := map[string]string{}
	for _, a := range args[1:] {
		k, v, ok := strings.Cut(a, "=")
		if !ok || k == "" {
			return nil, usagef("%q is not of the form key=value", a)
		}
		message[k] = v
	}
	if !haveTS {
		ts = time.Now().Unix()
	}
	var nodeid any
	if node != "" {
		nodeid = node
	}
	return json.Marshal(map[string]any{
		"event": strings.TrimPrefix(args[0], "EVENT_"), "message": message, "nodeid": nodeid, "ts": ts,
	})
}
