package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/gluster-trapgw/gluster-trapgw/admin"
)

func tailCommand() *cli.Command {
	return &cli.Command{
		Name:  "tail",
		Usage: "show events of the running gateway as they come",
		Description: "Listens to the live stream of the admin endpoint until it is interrupted, and goes on without a gap when the\n" +
			"gateway was restarted. A filter may be given more than once: any of them may fit. Examples:\n" +
			"  gluster-trapgw tail --config FILE\n" +
			"  gluster-trapgw tail --config FILE --severity '>=major' --volume 'gv*'\n" +
			"  gluster-trapgw tail --config FILE --after 0 --json | jq .text",
		Flags: []cli.Flag{
			configFlag,
			&cli.StringSliceFlag{Name: "event", Usage: "only events that fit this `GLOB`, such as 'BRICK_*'"},
			&cli.StringSliceFlag{Name: "volume", Usage: "only events of volumes that fit this `GLOB`"},
			&cli.StringSliceFlag{Name: "node", Usage: "only events of nodes whose name or UUID fits this `GLOB`"},
			&cli.StringSliceFlag{Name: "group", Usage: "only events of groups that fit this `GLOB`, such as 'brick'"},
			&cli.StringSliceFlag{Name: "severity", Usage: "only events of this `SEVERITY`, or of it and worse: '>=major'"},
			&cli.Uint64Flag{Name: "after", Usage: "begin after the event of this `NUMBER`; 0 is everything that is kept"},
			&cli.IntFlag{Name: "limit", Usage: "end after so many `EVENTS`; 0 is never"},
			&cli.BoolFlag{Name: "json", Usage: "print each event as JSON on one line"},
		},
		Before: noArgs,
		Action: tail,
	}
}

// errTailed ends tail when it printed as many events as were asked for.
var errTailed = errors.New("enough")

func tail(c *cli.Context) error {
	api, err := adminClient(c)
	if err != nil {
		return err
	}
	query := url.Values{}
	for _, name := range admin.LiveFilters {
		if name != "after" {
			query[name] = c.StringSlice(name)
		} else if c.IsSet(name) {
			query.Set(name, strconv.FormatUint(c.Uint64(name), 10))
		}
	}
	if _, err := admin.ParseLiveQuery(func(name string) []string { return query[name] }); err != nil {
		return usageError{err}
	}
	ctx, stop := signal.NotifyContext(c.Context, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	left := c.Int("limit")
	var unwritten error // a gateway that answers again does not help
	print := func(data []byte) error {
		line := data
		if !c.Bool("json") {
			var e admin.Live
			if err := json.Unmarshal(data, &e); err != nil {
				return fmt.Errorf("read the stream: %w", err)
			}
			line = []byte(liveLine(&e))
		}
		if _, unwritten = c.App.Writer.Write(append(line, '\n')); unwritten != nil {
			return unwritten
		}
		if left--; left == 0 {
			return errTailed
		}
		return nil
	}
	heard := false
	for pause := time.Second; ; pause = min(2*pause, 10*time.Second) {
		began := time.Now()
		err := follow(ctx, api, query, c.App.ErrWriter, func() { heard = true }, print)
		var no refused
		switch {
		case errors.Is(err, errTailed) || ctx.Err() != nil:
			return nil
		case unwritten != nil:
			return unwritten
		case !heard || errors.As(err, &no):
			return notRunning(err)
		}
		if time.Since(began) > time.Minute {
			pause = time.Second
		}
		fmt.Fprintf(c.App.ErrWriter, "gluster-trapgw: %v; trying again in %v\n", err, pause)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
	}
}

// refused is an answer that will not change by asking again.
type refused struct{ error }

// follow prints the stream until it ends and keeps in query where to go on. It calls begun when the gateway answered.
func follow(ctx context.Context, api *admin.Client, query url.Values, notices io.Writer, begun func(), print func([]byte) error) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, api.URL("/stream")+"?"+query.Encode(), nil)
	if err != nil {
		return err
	}
	resp, err := api.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	if resp.StatusCode != http.StatusOK {
		var p admin.Problem
		if err := json.NewDecoder(resp.Body).Decode(&p); err != nil || p.Error == "" {
			p.Error = "the gateway answers " + resp.Status
		}
		if resp.StatusCode < 500 {
			return refused{errors.New(p.Error)}
		}
		return errors.New(p.Error)
	}
	begun()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	var kind, id string
	var data []byte
	for lines.Scan() {
		name, value, _ := bytes.Cut(lines.Bytes(), []byte(": "))
		switch string(name) {
		case "id":
			id = string(value)
		case "event":
			kind = string(value)
		case "data":
			data = bytes.Clone(value)
		case "": // the end of one; without data it only tells where to go on
			switch {
			case data == nil:
			case kind == "notice":
				var n admin.Notice
				if err := json.Unmarshal(data, &n); err != nil {
					return fmt.Errorf("read the stream: %w", err)
				}
				fmt.Fprintf(notices, "gluster-trapgw: %s\n", n.Notice)
				id = strconv.FormatUint(n.Resume, 10)
			default:
				if err := print(data); err != nil {
					return err
				}
			}
			query.Set("after", id)
			kind, data = "", nil
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("the stream broke off: %w", err)
	}
	return errors.New("the stream ended")
}

// liveLine is an event for people: when, how bad, what, where, and who is told.
func liveLine(e *admin.Live) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %-13s %s", e.Received.Local().Format("2006-01-02 15:04:05"), e.Severity, e.Event)
	if e.State != "stateless" && e.State != "" {
		b.WriteString(" [" + e.State + "]")
	}
	if e.Node != "" {
		b.WriteString(" " + e.Node)
	}
	b.WriteString(": " + e.Text)
	if len(e.Outputs) > 0 {
		b.WriteString(" -> " + strings.Join(e.Outputs, ", "))
	}
	return b.String()
}
