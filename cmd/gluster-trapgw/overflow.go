package main

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"slices"
	"sync"

	"github.com/gluster-trapgw/gluster-trapgw/outputs"
	"github.com/gluster-trapgw/gluster-trapgw/statefile"
)

// losing are the outputs of which gtgQueueOverflow was told and gtgQueueNormal was not. It is on disk, so that a raise
// before a restart gets its clear after it.
type losing struct {
	file string
	log  *slog.Logger

	mu    sync.Mutex      // guards names
	names map[string]bool // true since this process knows of losses itself
}

func newLosing(file string, log *slog.Logger) *losing {
	l := &losing{file: file, log: log, names: map[string]bool{}}
	var names []string
	data, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(data, &names)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		log.Warn("it is not known which outputs were losing events", "err", err)
	}
	for _, name := range names {
		l.names[name] = false
	}
	return l
}

// begin notes that the output loses events. It comes before the raise.
func (l *losing) begin(output string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, known := l.names[output]
	if l.names[output] = true; !known {
		l.save()
	}
}

// end notes that it is over. It comes after the clear.
func (l *losing) end(output string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, known := l.names[output]; known {
		delete(l.names, output)
		l.save()
	}
}

// before are the outputs that lost events before the restart and have not since.
func (l *losing) before() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var names []string
	for _, name := range slices.Sorted(maps.Keys(l.names)) {
		if !l.names[name] {
			names = append(names, name)
		}
	}
	return names
}

func (l *losing) save() {
	data, err := json.Marshal(slices.Sorted(maps.Keys(l.names)))
	if err == nil {
		err = statefile.Write(l.file, data)
	}
	if err != nil {
		l.log.Warn("which outputs lose events cannot be saved", "err", err)
	}
}

// overflow and recovered tell of an output that loses events because it lags and the queue is full.
func (g *gateway) overflow(output string, first, last uint64) {
	g.losing.begin(output)
	fields := g.queueFields(output)
	fields["first"], fields["last"] = int64(first), int64(last)
	g.tell(context.Background(), "gtgQueueOverflow", "", fields)
}

func (g *gateway) recovered(output string) {
	if g.tell(context.Background(), "gtgQueueNormal", "", g.queueFields(output)) {
		g.losing.end(output)
	}
}

func (g *gateway) queueFields(output string) map[string]any {
	fields := g.counts(context.Background())
	fields["gtgGwSource"] = output
	fields["gtgGwQueueCapacity"] = int64(g.cfg.Queue.MaxBytes) / 1024
	return fields
}

// drives tells whether the output is one of the configuration.
func (g *gateway) drives(output string) bool {
	return slices.ContainsFunc(g.workers, func(w *outputs.Worker) bool { return w.Name == output })
}
