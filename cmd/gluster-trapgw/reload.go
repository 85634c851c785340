package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// policyWatch is how often the policy file is looked at. It is read when it has changed and then stayed the same from one
// look to the next, so that nobody's half-written file counts.
const policyWatch = 2 * time.Second

// policyState is what became of the policy file.
type policyState struct {
	mu       sync.Mutex // guards what follows, and one reload at a time
	loaded   time.Time  // when the policy in use was read
	rules    int
	err      error // of the last reload; nil when it worked
	reloads  uint64
	failures uint64
	config   []byte // the configuration file at the start
}

// policyStatus is a snapshot of policyState.
type policyStatus struct {
	File              string // empty for the built-in policy
	Loaded            time.Time
	Rules             int
	Err               error // why the last reload was refused
	Reloads, Failures uint64
}

func (g *gateway) policyStatus() policyStatus {
	p := &g.policy
	p.mu.Lock()
	defer p.mu.Unlock()
	st := policyStatus{Loaded: p.loaded, Rules: p.rules, Err: p.err, Reloads: p.reloads, Failures: p.failures}
	if g.cfg.PolicyFile != "" {
		st.File = g.cfg.policyPath()
	}
	return st
}

// reload reads the policy file again. The new policy is built and checked whole before it takes the place of the old
// one; when it is not valid the old one stays and the error says why. Each event is decided about by one of the two.
func (g *gateway) reload() error {
	p := &g.policy
	p.mu.Lock()
	defer p.mu.Unlock()
	defer g.reloading()()
	p.reloads++
	g.noteConfig()
	loaded, err := g.cfg.loadPolicy()
	if p.err = err; err != nil {
		p.failures++
		err = fmt.Errorf("reload the policy: the one before stays in use: %w", err)
		g.log.Error("policy is not valid: the one before stays in use", "policy", policyName(g.cfg), "err", p.err)
		return err
	}
	g.resolver.policy.Store(loaded)
	p.loaded, p.rules = time.Now(), loaded.Len()
	g.log.Info("policy reloaded", "policy", policyName(g.cfg), "rules", p.rules)
	return nil
}

// noteConfig says that a change of the configuration file itself has to wait.
func (g *gateway) noteConfig() {
	if g.cfg.file == "" {
		return
	}
	now, err := os.ReadFile(g.cfg.file)
	if err == nil && !bytes.Equal(now, g.policy.config) {
		g.log.Warn("the configuration file has changed: apart from the policy it names it takes effect at the next start", "config", g.cfg.file)
		g.policy.config = now
	}
}

// watchPolicy reloads at a signal and when the policy file changes, until ctx ends.
func (g *gateway) watchPolicy(ctx context.Context, signals <-chan os.Signal) error {
	tick := time.NewTicker(policyWatch)
	defer tick.Stop()
	used := g.policyFile()
	last := used
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-signals:
			used = g.policyFile()
			_ = g.reload() // logged, and shown in the status
		case <-tick.C:
			now := g.policyFile()
			if now != last {
				last = now
			} else if now != used {
				used = now
				_ = g.reload() // logged, and shown in the status
			}
		}
	}
}

// fileState is how a file looks from outside.
type fileState struct {
	size    int64
	changed time.Time
	missing bool
}

func (g *gateway) policyFile() fileState {
	if g.cfg.PolicyFile == "" {
		return fileState{}
	}
	info, err := os.Stat(g.cfg.policyPath())
	switch {
	case errors.Is(err, os.ErrNotExist):
		return fileState{missing: true}
	case err != nil:
		return fileState{}
	}
	return fileState{size: info.Size(), changed: info.ModTime()}
}
