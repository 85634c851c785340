// Command bench measures the gateway beside what the same machine can do at best, in one run, and prints the ratio
// of the two with the ratio that is wanted. It drives the real binary over real sockets on loopback; each figure is
// the median of several rounds in which both sides take turns, so that a noisy machine disturbs both alike: the ratio is the
// median of the ratios of the rounds. Events are posted by Go's own HTTP client, which shares the machine with the server.
// Receivers count what arrives; where syslog is drained it arrives at one that parses it, as collectors do.
package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"sort"
	"strings"
	"text/tabwriter"
)

// bench is one run.
type bench struct {
	ctx    context.Context
	dir    string // temporary
	bin    string // the gateway
	rounds int
	scale  float64 // factor on the number of events
	admin  string  // where the gateway's admin endpoint listens; empty is off
	rows   []row
}

// row is one line of the result. Ratio rows compare two rates; memory rows a number of MiB with its bound.
type row struct {
	name        string
	ours, limit float64
	ratio       float64
	unit        string
	want        float64 // ratio at least, or for unit MiB: ours at most
}

func (r row) ok() bool {
	if r.unit == "MiB" {
		return r.ours <= r.want
	}
	return r.ratio >= r.want
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == "bare-server" {
		bareServer()
		return
	}
	rounds := flag.Int("rounds", 5, "rounds per figure; the median counts")
	scale := flag.Float64("scale", 1, "factor on the number of events")
	only := flag.String("only", "", "run only the figures whose name contains this")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *rounds, *scale, *only); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, rounds int, scale float64, only string) error {
	dir, err := os.MkdirTemp("", "gluster-trapgw-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary directory
	b := &bench{ctx: ctx, dir: dir, bin: filepath.Join(dir, "gluster-trapgw"), rounds: rounds, scale: scale}
	build := exec.CommandContext(ctx, "go", "build", "-o", b.bin, "./cmd/gluster-trapgw")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("build the gateway: %w", err)
	}
	for _, figure := range []struct {
		name string
		run  func() error
	}{
		{"ingest", b.ingest}, {"serial", b.serial}, {"end-to-end", b.endToEnd},
		{"drain-snmp", b.drainSNMP}, {"drain-syslog", b.drainSyslog}, {"stream", b.stream}, {"encoders", b.encoders}, {"memory", b.memory},
	} {
		if !strings.Contains(figure.name, only) {
			continue
		}
		fmt.Fprintln(os.Stderr, "bench:", figure.name)
		if err := figure.run(); err != nil {
			return fmt.Errorf("%s: %w", figure.name, err)
		}
	}
	return b.print()
}

func (b *bench) print() error {
	w := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "FIGURE\tOURS\tLIMIT\tRATIO\tWANTED\t")
	missed := 0
	for _, r := range b.rows {
		mark := "ok"
		if !r.ok() {
			mark = "MISSED"
			missed++
		}
		if r.unit == "MiB" {
			fmt.Fprintf(w, "%s\t%.1f MiB\t\t\t<= %.0f MiB\t%s\n", r.name, r.ours, r.want, mark)
			continue
		}
		fmt.Fprintf(w, "%s\t%.0f/s\t%.0f/s\t%.2f\t>= %.2f\t%s\n", r.name, r.ours, r.limit, r.ratio, r.want, mark)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if missed > 0 {
		return fmt.Errorf("%d of %d figures missed", missed, len(b.rows))
	}
	return nil
}

// compare runs ours and the limit in turns and adds the row of their medians. Both sides of a round share a moment of the
// machine, so that the median of the rounds' ratios is steadier than the ratio of the medians.
func (b *bench) compare(name string, want float64, rounds int, ours, limit func() (float64, error)) error {
	var us, them, ratios []float64
	for i := range rounds {
		l, err := limit()
		if err != nil {
			return err
		}
		o, err := ours()
		if err != nil {
			return err
		}
		us, them, ratios = append(us, o), append(them, l), append(ratios, o/l)
		fmt.Fprintf(os.Stderr, "bench: %s round %d: %.0f/s of %.0f/s, %.2f\n", name, i+1, o, l, o/l)
	}
	b.rows = append(b.rows, row{name: name, ours: median(us), limit: median(them), ratio: median(ratios), unit: "/s", want: want})
	return nil
}

func median(v []float64) float64 {
	sort.Float64s(v)
	return v[len(v)/2]
}

func (b *bench) n(events int) int { return max(1, int(float64(events)*b.scale)) }

// bareServer is the limit of ingestion: net/http that reads the body and answers 200. It runs in a process of its
// own, as the gateway does, and prints its address.
func bareServer() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(l.Addr())
	buf := make(chan []byte, 256)
	for i := 0; i < cap(buf); i++ {
		buf <- make([]byte, 4096)
	}
	err = http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := <-buf
		for {
			if _, err := r.Body.Read(p); err != nil {
				break
			}
		}
		buf <- p
		w.WriteHeader(http.StatusOK)
	}))
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
