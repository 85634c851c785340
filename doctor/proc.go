package doctor

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is one of glustereventsd's: the one that listens, and its child that posts.
type process struct {
	pid     int
	started time.Time
}

const ticksPerSecond = 100 // USER_HZ, the same on every Linux

// eventsd lists the processes of glustereventsd, oldest first.
func (n *Node) eventsd() ([]process, error) {
	entries, err := os.ReadDir(n.path("/proc"))
	if err != nil {
		return nil, err
	}
	boot, err := n.bootTime()
	if err != nil {
		return nil, err
	}
	var procs []process
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		cmdline, err := os.ReadFile(n.path("/proc/" + e.Name() + "/cmdline"))
		if err != nil || !isEventsd(string(cmdline)) {
			continue // gone meanwhile, or another program
		}
		stat, err := os.ReadFile(n.path("/proc/" + e.Name() + "/stat"))
		if err != nil {
			continue
		}
		// The name in parentheses may have anything in it; the start is field 22, the 20th behind it.
		fields := strings.Fields(string(stat)[strings.LastIndexByte(string(stat), ')')+1:])
		if len(fields) < 20 {
			continue
		}
		ticks, err := strconv.ParseInt(fields[19], 10, 64)
		if err != nil {
			continue
		}
		procs = append(procs, process{pid, boot.Add(time.Duration(ticks) * time.Second / ticksPerSecond)})
	}
	slices.SortFunc(procs, func(a, b process) int { return a.started.Compare(b.started) })
	return procs, nil
}

// Tell has glustereventsd on this node read its webhooks again, in the way that systemctl reload does it: its oldest process
// listens, and gets SIGUSR2.
func (n *Node) Tell() error {
	procs, err := n.eventsd()
	if err != nil {
		return err
	}
	if len(procs) == 0 {
		return errors.New("glustereventsd does not run")
	}
	return syscall.Kill(procs[0].pid, syscall.SIGUSR2)
}

// Reread waits until glustereventsd, which was told, has started the child that posts to the new webhooks; not longer than
// ctx allows.
func (n *Node) Reread(ctx context.Context) {
	for ctx.Err() == nil {
		procs, err := n.eventsd()
		if err != nil || len(procs) == 0 {
			return
		}
		if f := n.reloaded(procs); len(f) == 0 || f[0].Status == OK {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// isEventsd recognises "/usr/bin/python3 /usr/sbin/glustereventsd --pid-file ...": not the editor that has its file open.
func isEventsd(cmdline string) bool {
	args := strings.Split(cmdline, "\x00")
	for i, a := range args {
		name := a[strings.LastIndexByte(a, '/')+1:]
		if name == "glustereventsd" || name == "glustereventsd.py" {
			return i == 0 || i == 1 && strings.Contains(args[0], "python")
		}
	}
	return false
}

// bootTime is what the starts of processes count from. The uptime has hundredths of a second, btime has none.
func (n *Node) bootTime() (time.Time, error) {
	if text, err := os.ReadFile(n.path("/proc/uptime")); err == nil {
		first, _, _ := strings.Cut(string(text), " ")
		if up, err := strconv.ParseFloat(first, 64); err == nil {
			return n.Now().Add(-time.Duration(up * float64(time.Second))), nil
		}
	}
	text, err := os.ReadFile(n.path("/proc/stat"))
	if err != nil {
		return time.Time{}, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "btime "); ok {
			sec, err := strconv.ParseInt(strings.TrimSpace(rest), 10, 64)
			return time.Unix(sec, 0), err
		}
	}
	return time.Time{}, fmt.Errorf("/proc/stat has no btime")
}

// bound reports whether a table of sockets has the local port.
func (n *Node) bound(table string, port int) bool {
	f, err := os.Open(n.path(table))
	if err != nil {
		return false
	}
	defer f.Close()
	want := fmt.Sprintf(":%04X", port)
	for s := bufio.NewScanner(f); s.Scan(); {
		if fields := strings.Fields(s.Text()); len(fields) > 1 && strings.HasSuffix(fields[1], want) {
			return true
		}
	}
	return false
}

func (n *Node) hasIPv6() bool {
	text, err := os.ReadFile(n.path("/proc/net/if_inet6"))
	return err == nil && len(text) > 0
}
