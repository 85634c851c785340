package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// encoders: what one output costs beside its limit, from the benchmarks of the packages, which hold both. Each takes
// turns with its limit; the rates are operations per second.
func (b *bench) encoders() error {
	for _, f := range []struct {
		name        string
		pkg         string
		ours, limit string // benchmarks
		metric      string // reported by both; empty: from ns/op
		want        float64
	}{
		{"SNMPv3 authPriv traps against gosnmp's bare encoder", "./outputs/snmp", "RenderV3AuthPriv", "EncoderV3AuthPriv", "", 0.5},
		{"SNMP v2c traps against gosnmp's bare encoder", "./outputs/snmp", "RenderV2c", "EncoderV2c", "", 1},
		{"informs, 1 ms away, window against one at a time", "./outputs/snmp", "Informs/away_1ms_window_64", "Informs/away_1ms_window_1", "informs/s", 5},
		{"syslog TCP against writing prebuilt frames", "./outputs/syslog", "TCP", "Prebuilt", "", 0.3},
		{"syslog TLS against writing prebuilt frames in the clear", "./outputs/syslog", "TLS", "Prebuilt", "", 0},
	} {
		err := b.compare(f.name, f.want, b.rounds,
			func() (float64, error) { return b.goBenchmark(f.pkg, f.ours, f.metric) },
			func() (float64, error) { return b.goBenchmark(f.pkg, f.limit, f.metric) })
		if err != nil {
			return err
		}
	}
	return nil
}

// goBenchmark runs one benchmark and returns its rate.
func (b *bench) goBenchmark(pkg, name, metric string) (float64, error) {
	cmd := exec.CommandContext(b.ctx, "go", "test", "-run", "^$", "-bench", "^Benchmark"+strings.ReplaceAll(name, "/", "$/^")+"$", "-benchtime", "500ms", pkg)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return 0, fmt.Errorf("benchmark %s of %s: %w\n%s", name, pkg, err, out)
	}
	unit := metric
	if unit == "" {
		unit = "ns/op"
	}
	for s := bufio.NewScanner(bytes.NewReader(out)); s.Scan(); {
		fields := bytes.Fields(s.Bytes())
		for i := 1; i+1 < len(fields); i++ {
			if string(fields[i+1]) != unit || !bytes.HasPrefix(fields[0], []byte("Benchmark")) {
				continue
			}
			v, err := strconv.ParseFloat(string(fields[i]), 64)
			if err == nil && metric == "" {
				v = 1e9 / v
			}
			return v, err
		}
	}
	return 0, fmt.Errorf("benchmark %s of %s reported no %s:\n%s", name, pkg, unit, out)
}
