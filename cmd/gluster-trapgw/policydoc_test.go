package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const policyPage = "../../docs/policy.md"

var (
	heading      = regexp.MustCompile(`(?m)^##+ (.*)$`)
	consoleBlock = regexp.MustCompile("(?ms)^```console\n(.*?)^```$")
)

// blocks are the YAML blocks of a section by their first key.
func blocks(section string) map[string][]string {
	found := map[string][]string{}
	for _, m := range yamlBlock.FindAllStringSubmatch(section, -1) {
		key, _, _ := strings.Cut(m[1], ":")
		if key == "time_intervals" {
			key = "rules"
		}
		found[key] = append(found[key], m[1])
	}
	return found
}

// Each recipe of the page is a policy that loads with the outputs of the page, and its cases hold; each command that is
// shown with its output prints that.
func TestPolicyPage(t *testing.T) {
	data, err := os.ReadFile(policyPage)
	if err != nil {
		t.Fatal(err)
	}
	page := string(data)
	config := blocks(page)["outputs"][0]
	starts := heading.FindAllStringSubmatchIndex(page, -1)
	recipes := 0
	fresh := page
	for i, at := range starts {
		end := len(page)
		if i+1 < len(starts) {
			end = starts[i+1][0]
		}
		name, section := page[at[2]:at[3]], page[at[0]:end]
		found := blocks(section)
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write := func(file, text string) {
				if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			write("config.yaml", config)
			for _, text := range found["alarms"] {
				write("alarms.yaml", text)
				runPage(t, dir, "config", "check", "--config", "alarms.yaml")
			}
			if len(found["rules"]) > 0 {
				write("policy.yaml", found["rules"][0])
				if len(found["cases"]) == 0 || strings.Count(found["cases"][0], "event:") < 2 {
					t.Fatal("the policy has no cases, or too few")
				}
				write("cases.yaml", found["cases"][0])
				if out, ok := runPage(t, dir, "policy", "test", "--config", "config.yaml", "--policy", "policy.yaml", "cases.yaml"); !ok {
					t.Errorf("%s", out)
				}
				recipes++
			}
			captures, err := filepath.Abs("../../testdata")
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(captures, filepath.Join(dir, "testdata")); err != nil {
				t.Fatal(err)
			}
			for _, m := range consoleBlock.FindAllStringSubmatch(section, -1) {
				want := console(t, dir, m[1])
				if !*update && m[1] != want {
					t.Errorf("the page has\n%s\nthe program says\n%s", m[1], want)
				}
				fresh = strings.ReplaceAll(fresh, m[0], "```console\n"+want+"```")
			}
		})
	}
	if recipes < 12 {
		t.Errorf("only %d recipes were found", recipes)
	}
	if *update && fresh != page {
		if err := os.WriteFile(policyPage, []byte(fresh), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// runPage runs a command in dir and returns what it printed, and whether it exited with 0.
func runPage(t *testing.T, dir string, args ...string) (string, bool) {
	t.Helper()
	cmd := program(args...)
	exe, err := filepath.Abs(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	cmd.Path, cmd.Dir, cmd.Err = exe, dir, nil
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	if _, failed := err.(*exec.ExitError); err != nil && !failed {
		t.Fatal(err)
	}
	return out.String(), err == nil
}

// shownLines are left of an output that ends in "..." in the page.
const shownLines = 14

// console runs the commands of a block and returns the block as it should be.
func console(t *testing.T, dir, block string) string {
	t.Helper()
	var out strings.Builder
	lines := strings.Split(strings.TrimSuffix(block, "\n"), "\n")
	for i, line := range lines {
		command, ok := strings.CutPrefix(line, "$ gluster-trapgw ")
		if !ok {
			continue
		}
		text, _ := runPage(t, dir, shellWords(command)...)
		next := slices.IndexFunc(lines[i+1:], func(l string) bool { return strings.HasPrefix(l, "$ ") })
		if next < 0 {
			next = len(lines) - i - 1
		}
		out.WriteString(line + "\n")
		if shown := lines[i+1 : i+1+next]; len(shown) > 0 && shown[len(shown)-1] == "..." {
			if all := strings.SplitAfter(text, "\n"); len(all) > shownLines {
				text = strings.Join(all[:shownLines], "") + "...\n"
			}
		}
		out.WriteString(text)
	}
	return out.String()
}
