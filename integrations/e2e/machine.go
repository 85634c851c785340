package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// install gets the packages that are not there, and sees to it that no service starts.
func install(ctx context.Context, packages []string) error {
	var missing []string
	for _, p := range packages {
		out, err := exec.CommandContext(ctx, "dpkg-query", "-W", "-f", "${Status}", p).Output()
		if err != nil || !strings.HasSuffix(string(out), " installed") {
			missing = append(missing, p)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	const noServices = "/usr/sbin/policy-rc.d"
	if _, err := os.Stat(noServices); errors.Is(err, os.ErrNotExist) {
		if err := os.WriteFile(noServices, []byte("#!/bin/sh\nexit 101\n"), 0o755); err != nil {
			return err
		}
		defer os.Remove(noServices) //nolint:errcheck // ours
	}
	for _, args := range [][]string{{"update", "-qq"}, append([]string{"install", "-y", "-qq", "--no-install-recommends"}, missing...)} {
		cmd := exec.CommandContext(ctx, "apt-get", args...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("apt-get %s: %w\n%s", strings.Join(args, " "), err, out)
		}
	}
	return nil
}

// versions is a line with the versions of the packages that matter.
func versions(ctx context.Context, packages []string) string {
	var all []string
	for _, p := range packages {
		if strings.HasPrefix(p, "php8.2-") && p != "php8.2-cli" {
			continue
		}
		out, err := exec.CommandContext(ctx, "dpkg-query", "-W", "-f", "${Version}", p).Output()
		if err == nil {
			all = append(all, p+" "+string(out))
		}
	}
	return strings.Join(all, ", ") + "\n"
}

// path is a name in the trial's directory.
func (l *lab) path(name string) string { return filepath.Join(l.dir, name) }

// write makes a file for a receiver.
func (l *lab) write(name, format string, args ...any) error {
	if err := os.MkdirAll(filepath.Dir(l.path(name)), 0o755); err != nil {
		return err
	}
	return os.WriteFile(l.path(name), fmt.Appendf(nil, format, args...), 0o644)
}

// call runs a program to its end.
func (l *lab) call(name string, args ...string) (string, error) {
	out, err := exec.CommandContext(l.ctx, name, args...).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s: %w\n%s", filepath.Base(name), err, out)
	}
	return string(out), err
}

// start runs a program until the trial is over; it and its children get a signal together.
func (l *lab) start(logName, name string, args ...string) (*exec.Cmd, error) {
	log, err := os.Create(l.path(logName))
	if err != nil {
		return nil, err
	}
	defer log.Close() //nolint:errcheck // the child has its own copy
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = append(os.Environ(), "SNMP_PERSISTENT_DIR="+l.path("persist"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	l.procs = append(l.procs, cmd)
	return cmd, nil
}

// end stops one program.
func end(cmd *exec.Cmd) {
	if cmd.ProcessState != nil {
		return
	}
	done := make(chan struct{})
	go func() { cmd.Wait(); close(done) }()         //nolint:errcheck // how it ends does not matter
	syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) //nolint:errcheck // it may be gone
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) //nolint:errcheck // it may be gone
		<-done
	}
}

// stop ends everything, the last one first.
func (l *lab) stop() {
	for i := len(l.procs) - 1; i >= 0; i-- {
		end(l.procs[i])
	}
}

func freeAddr(network string) (string, error) {
	if network == "udp" {
		c, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			return "", err
		}
		return c.LocalAddr().String(), c.Close()
	}
	c, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return c.Addr().String(), c.Close()
}

// trapd runs snmptrapd with a traphandle program, without any MIB, as a machine has it on which nothing else was set up.
func (l *lab) trapd(handler string) (addr string, err error) {
	if addr, err = freeAddr("udp"); err != nil {
		return "", err
	}
	// The line is that of the exported file, with its program in place of the comment.
	if err := l.write("snmptrapd.conf", "authCommunity log,execute,net public\ntraphandle default %s\n", handler); err != nil {
		return "", err
	}
	if _, err := l.start("snmptrapd.log", "/usr/sbin/snmptrapd", "-f", "-C", "-c", l.path("snmptrapd.conf"), "-m", "", "-On", "-Lo", "-p", l.path("snmptrapd.pid"), "udp:"+addr); err != nil {
		return "", err
	}
	for range 100 {
		if text, _ := os.ReadFile(l.path("snmptrapd.log")); bytes.Contains(text, []byte("NET-SNMP version")) {
			return addr, nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return "", errors.New("snmptrapd does not start")
}

// config writes the gateway's configuration: a heartbeat every two seconds to snmptrapd at addr.
func (l *lab) config(addr string) error {
	webhook, err := freeAddr("tcp")
	if err != nil {
		return err
	}
	l.webhook = "http://" + webhook + "/listen"
	return l.write("config.yaml", `webhook: {listen: %q}
state_dir: %q
cluster: {name: prod, nodes: {1a6111b8-4f13-4c02-9739-2c473e398b41: {name: gfs2, address: 192.0.2.12}}}
mib: {oid_root: 1.3.6.1.4.1.99999.1}
heartbeat: {every: 2s}
admin: {listen: ""}
outputs: [{name: noc, snmp: {target: %q, community: public, kind: inform}}]
`, webhook, l.path("state"), addr)
}

// export writes the receiver's files for that configuration.
func (l *lab) export(receiver string) error {
	_, err := l.call(l.bin, "integrations", "export", "--config", l.path("config.yaml"), "--for", receiver, "--dir", l.path(receiver))
	return err
}

// gateway starts it and waits until it listens.
func (l *lab) gateway() (*exec.Cmd, error) {
	cmd, err := l.start("gateway.log", l.bin, "serve", "--config", l.path("config.yaml"))
	if err != nil {
		return nil, err
	}
	for range 100 {
		if resp, err := http.Post(l.webhook, "application/json", nil); err == nil {
			return cmd, resp.Body.Close()
		}
		time.Sleep(50 * time.Millisecond)
	}
	text, _ := os.ReadFile(l.path("gateway.log")) // only for the message
	return nil, fmt.Errorf("the gateway does not start:\n%s", text)
}

// brick posts BRICK_DISCONNECTED or BRICK_CONNECTED of a brick on gfs2.
func (l *lab) brick(event, brick string) error {
	body := fmt.Sprintf(`{"nodeid":"1a6111b8-4f13-4c02-9739-2c473e398b41","ts":%d,"event":%q,"message":{"peer":"gfs2","volume":"gv0","brick":%q}}`, time.Now().Unix(), event, brick)
	resp, err := http.Post(l.webhook, "application/json", strings.NewReader(body))
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // nothing in it
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("post %s: %s", event, resp.Status)
	}
	l.say("posted %s %s", event, brick)
	return nil
}
