package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/alarms"
	"github.com/gluster-trapgw/gluster-trapgw/silences"
	"github.com/gluster-trapgw/gluster-trapgw/translate"
)

// What an operator asks of a running gateway goes through the log, so that each output does it in its place among the
// events, once, and after a crash as well.

var (
	errNoAlarm  = errors.New("no such alarm is active")
	errNoOutput = errors.New("there is no such output")
	errNoTable  = errors.New("the output gets every event (every_event): there are no alarms to send again")
)

// clearAlarm ends an alarm at every output and returns the number of the record that says so.
func (g *gateway) clearAlarm(ctx context.Context, key, author, comment string) (uint64, error) {
	found := false
	for i, w := range g.workers {
		if g.tables[i] == nil {
			continue
		}
		err := g.queue.State(ctx, w.Name, func(row string, _ []byte) error {
			found = found || row == alarms.RowPrefix+key
			return nil
		})
		if err != nil {
			return 0, err
		}
	}
	if !found {
		return 0, fmt.Errorf("%w: %q", errNoAlarm, key)
	}
	return g.own(ctx, translate.ControlClear, "", map[string]any{"key": key, "author": author, "comment": comment})
}

// resend sends all active alarms to an output again.
func (g *gateway) resend(ctx context.Context, output string) (uint64, error) {
	i := slices.IndexFunc(g.cfg.Outputs, func(o outputConfig) bool { return o.Name == output })
	switch {
	case i < 0:
		return 0, fmt.Errorf("%w: %q, expected one of %s", errNoOutput, output, strings.Join(g.cfg.outputNames(), ", "))
	case g.tables[i] == nil:
		return 0, fmt.Errorf("output %q: %w", output, errNoTable)
	}
	return g.own(ctx, translate.Resync, "", map[string]any{"output": output})
}

// resendAfter returns what is done when an output works again, nil for nothing.
func (g *gateway) resendAfter(o *outputConfig) func(time.Duration) {
	after := time.Duration(g.cfg.Alarms.ResendAfter)
	if after == 0 || o.EveryEvent {
		return nil
	}
	return func(failedFor time.Duration) {
		if failedFor <= after {
			return
		}
		g.log.Info("output was away for long: active alarms are sent again", "output", o.Name, "failed_for", failedFor.Round(time.Second))
		g.tell(context.Background(), translate.Resync, "", map[string]any{"output": o.Name})
	}
}

// addSilence keeps a silence and notes it in the log.
func (g *gateway) addSilence(ctx context.Context, s silences.Silence) (*silences.Silence, error) {
	added, err := g.silences.Add(s)
	if err != nil {
		return nil, err
	}
	return added, g.noteSilence(ctx, added, "added", added.Author)
}

// expireSilence ends a silence now; the outputs then look again at what it keeps back.
func (g *gateway) expireSilence(ctx context.Context, id, author string) (*silences.Silence, error) {
	ended, err := g.silences.Expire(id)
	if err != nil {
		return nil, err
	}
	return ended, g.noteSilence(ctx, ended, "ended", author)
}

func (g *gateway) noteSilence(ctx context.Context, s *silences.Silence, change, author string) error {
	texts := make([]string, len(s.Matchers))
	for i := range s.Matchers {
		texts[i] = s.Matchers[i].String()
	}
	_, err := g.own(ctx, translate.ControlSilence, "", map[string]any{"id": s.ID, "change": change, "author": author, "comment": s.Comment,
		"matchers": strings.Join(texts, " "), "ends": s.Ends.Format(time.RFC3339)})
	return err
}
