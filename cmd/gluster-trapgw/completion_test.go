package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Each shell, where it is installed, runs its script and completes commands, subcommands and flags.
func TestCompletion(t *testing.T) {
	bin := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(bin, "gluster-trapgw"), []byte("#!/bin/sh\n"+asProgram+"=1 exec "+self+" \"$@\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	// What is asked: $1 is the last word, the others come before it. Zsh without its completion system has neither
	// compdef nor _describe: those here print what they are given.
	for shell, script := range map[string]string{
		"bash": `source <(gluster-trapgw completion bash); last="$1"; shift; COMP_WORDS=("$@" "$last"); COMP_CWORD=$#
			_gluster_trapgw; printf '%s\n' "${COMPREPLY[@]}"`,
		"zsh": `compdef() { :; }; _describe() { print -l -- ${(P)2}; }; _files() { :; }; source <(gluster-trapgw completion zsh); last="$1"; shift
			complete_() { local -a words; words=("$@" "$last"); local CURRENT=$(($# + 1)); _gluster_trapgw; }; complete_ "$@"`,
		"fish": `gluster-trapgw completion fish | source; complete -C (string join ' ' -- $argv[2..] $argv[1])`,
	} {
		t.Run(shell, func(t *testing.T) {
			if _, err := exec.LookPath(shell); err != nil {
				if os.Getenv("TRAPGW_PEERS") == "1" {
					t.Fatal(err)
				}
				t.Skip(err)
			}
			for _, c := range []struct{ before, last, want string }{
				{"gluster-trapgw", "hist", "history"},
				{"gluster-trapgw queue", "", "status"},
				{"gluster-trapgw history", "--ev", "--event"},
				{"gluster-trapgw history", "--", "--since"},
			} {
				name := shell // of the script
				if shell == "fish" {
					name = "--"
				}
				args := append([]string{"-c", script, name, c.last}, strings.Fields(c.before)...)
				cmd := exec.CommandContext(t.Context(), shell, args...)
				cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "HOME="+bin)
				out, err := cmd.CombinedOutput()
				if err != nil || !slices.Contains(strings.Fields(string(out)), c.want) {
					t.Errorf("%s %s: %v, no %s in\n%s", c.before, c.last, err, c.want, out)
				}
			}
		})
	}
}
