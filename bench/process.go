package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a server that the bench started.
type process struct {
	cmd  *exec.Cmd
	addr string
	log  string
}

func (p *process) stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	err := p.cmd.Wait()
	if p.log != "" && err != nil {
		text, rerr := os.ReadFile(p.log)
		return errors.Join(fmt.Errorf("the gateway ended with: %w\n%s", err, text), rerr)
	}
	return nil
}

// rss is the resident memory of the process in MiB.
func (p *process) rss() (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if v, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(v), " kB"), 64)
			return kb / 1024, err
		}
	}
	return 0, errors.New("no VmRSS in /proc")
}

func (b *bench) startBare() (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(b.ctx, self, "bare-server")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	return &process{cmd: cmd, addr: strings.TrimSpace(line)}, err
}

// startGateway runs the gateway with the given outputs in YAML and an empty policy, so that every event goes
// everywhere, and waits until it answers. With an empty state it makes a directory of its own.
func (b *bench) startGateway(state, outputs string) (*process, error) {
	if state == "" {
		var err error
		if state, err = os.MkdirTemp(b.dir, "state-"); err != nil {
			return nil, err
		}
	}
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	policy := filepath.Join(state, "policy.yaml")
	file := filepath.Join(state, "config.yaml")
	text := fmt.Sprintf("webhook: {listen: %q}\nadmin: {listen: %q}\nstate_dir: %q\npolicy_file: %q\nqueue: {max_bytes: 8GiB}\nlog: {level: warn}\nheartbeat: {every: 0s, start_stop: false}\noutputs:\n%s", addr, b.admin, state, policy, outputs)
	if outputs == "" {
		text = strings.TrimSuffix(text, "outputs:\n")
	}
	if err := errors.Join(os.WriteFile(policy, []byte("rules: []\n"), 0o600), os.WriteFile(file, []byte(text), 0o600)); err != nil {
		return nil, err
	}
	p := &process{addr: addr, log: filepath.Join(state, "log")}
	log, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	defer log.Close() //nolint:errcheck // the child has its own copy
	p.cmd = exec.CommandContext(b.ctx, b.bin, "serve", "--config", file)
	p.cmd.Stderr = log
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	if b.admin != "" {
		if err := waitFor(b.ctx, b.admin); err != nil {
			return p, err
		}
	}
	return p, waitFor(b.ctx, addr)
}

// waitFor returns when something accepts connections at addr.
func waitFor(ctx context.Context, addr string) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			return c.Close()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("nothing answers at %s: %w", addr, err)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
