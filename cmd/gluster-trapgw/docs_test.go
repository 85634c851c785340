package main

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/urfave/cli/v2"
)

// documents reads README.md, CHANGELOG.md and everything in docs/, by their paths from the root of the repository.
func documents(t *testing.T) map[string]string {
	t.Helper()
	docs := map[string]string{}
	add := func(name string) {
		data, err := os.ReadFile(filepath.Join("../..", name))
		if err != nil {
			t.Fatal(err)
		}
		docs[name] = string(data)
	}
	add("README.md")
	add("CHANGELOG.md")
	err := filepath.WalkDir("../../docs", func(path string, d fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(path) == ".md" {
			add(strings.TrimPrefix(filepath.ToSlash(path), "../../"))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return docs
}

var (
	fenced = regexp.MustCompile("(?ms)^ *```.*?^ *```$")
	inline = regexp.MustCompile("(?s)`[^`]+`")
	link   = regexp.MustCompile(`!?\[[^\]]*\]\(([^)\s]+)\)`)
	tagged = regexp.MustCompile(`(?:src|href)="([^"]+)"`)
)

// anchors are the names that GitHub gives to the headings of a page.
func anchors(text string) map[string]bool {
	seen, out := map[string]int{}, map[string]bool{}
	for _, l := range strings.Split(fenced.ReplaceAllString(text, ""), "\n") {
		title := strings.TrimLeft(l, "#")
		if level := len(l) - len(title); level == 0 || level > 6 || !strings.HasPrefix(title, " ") {
			continue
		}
		title = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`).ReplaceAllString(strings.TrimSpace(title), "$1")
		slug := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsNumber(r):
				return unicode.ToLower(r)
			}
			return -1
		}, title)
		name := slug
		if n := seen[slug]; n > 0 {
			name = fmt.Sprintf("%s-%d", slug, n)
		}
		seen[slug]++
		out[name] = true
	}
	return out
}

// Every relative link leads to a file of the repository, and to a heading of it where one is named; and every page can be
// reached from README.md.
func TestDocumentLinks(t *testing.T) {
	docs := documents(t)
	reached := map[string]bool{"README.md": true, "CHANGELOG.md": true}
	todo := []string{"README.md"}
	links := map[string][]string{}
	for name, text := range docs {
		text = inline.ReplaceAllString(fenced.ReplaceAllString(text, ""), "")
		var targets []string
		for _, m := range append(link.FindAllStringSubmatch(text, -1), tagged.FindAllStringSubmatch(text, -1)...) {
			targets = append(targets, m[1])
		}
		for _, target := range targets {
			if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			file, anchor, _ := strings.Cut(target, "#")
			path := name
			if file != "" {
				path = filepath.ToSlash(filepath.Join(filepath.Dir(name), file))
			}
			if strings.HasPrefix(path, "..") {
				t.Errorf("%s: the link %q leaves the repository", name, target)
				continue
			}
			info, err := os.Stat(filepath.Join("../..", path))
			if err != nil {
				t.Errorf("%s: the link %q leads nowhere", name, target)
				continue
			}
			if info.IsDir() {
				path += "/README.md"
			}
			links[name] = append(links[name], path)
			if anchor != "" && !anchors(docs[path])[anchor] {
				t.Errorf("%s: the link %q leads to no heading of %s", name, target, path)
			}
		}
	}
	for len(todo) > 0 {
		for _, l := range links[todo[0]] {
			if _, page := docs[l]; page && !reached[l] {
				reached[l] = true
				todo = append(todo, l)
			}
		}
		todo = todo[1:]
	}
	for name := range docs {
		if !reached[name] {
			t.Errorf("no link leads from README.md to %s", name)
		}
	}
}

// commandLines are the calls of gluster-trapgw that a page shows: in blocks of code, indented or fenced, and in the middle
// of the text. Each is the words after the name of the program.
func commandLines(text string) [][]string {
	var code []string
	for _, m := range fenced.FindAllString(text, -1) {
		code = append(code, strings.Split(strings.ReplaceAll(m, "\\\n", " "), "\n")...)
	}
	text = fenced.ReplaceAllString(text, "")
	text = regexp.MustCompile(`(?m)^    .*(?:\\\n.*)*$`).ReplaceAllStringFunc(text, func(m string) string {
		code = append(code, strings.ReplaceAll(m, "\\\n", " "))
		return ""
	})
	for _, m := range inline.FindAllString(text, -1) {
		// In the text a flag can be named without its value.
		code = append(code, strings.ReplaceAll(strings.Trim(m, "`"), "\n", " ")+" ...")
	}
	var out [][]string
	for _, l := range code {
		words := shellWords(l)
		for i := range words {
			first := i == 0 || slices.Contains([]string{"|", "&&", ";", "(", "$", "sudo", "run", "env"}, words[i-1])
			if name := words[i]; !first || name != "gluster-trapgw" && name != "./gluster-trapgw" && name != "./cmd/gluster-trapgw" {
				continue
			}
			end := slices.IndexFunc(words[i:], func(w string) bool { return strings.ContainsAny(w[:1], "|&;()<>#") })
			if end < 0 {
				end = len(words) - i
			}
			out = append(out, words[i+1:i+end])
		}
	}
	return out
}

// shellWords splits a line as a shell does, near enough: quotes hold words together, operators are words of their own.
func shellWords(line string) []string {
	var out []string
	var w strings.Builder
	quote, in := rune(0), false
	end := func() {
		if in {
			out = append(out, w.String())
		}
		w.Reset()
		in = false
	}
	for _, r := range line {
		switch {
		case quote != 0:
			if r == quote {
				quote = 0
			} else {
				// What is quoted is never an operator.
				w.WriteRune(r)
			}
		case r == '\'' || r == '"':
			quote, in = r, true
			if w.Len() == 0 {
				w.WriteString("=") // so that a quoted operator is none
			}
		case unicode.IsSpace(r):
			end()
		case strings.ContainsRune("|&;()<>", r):
			end()
			if n := len(out); n > 0 && r == '&' && out[n-1] == "&" {
				out[n-1] = "&&"
			} else {
				out = append(out, string(r))
			}
		default:
			in = true
			w.WriteRune(r)
		}
	}
	end()
	return out
}

// Every command that the documentation shows is one, with flags that it has and arguments where it takes some.
func TestDocumentCommands(t *testing.T) {
	app := newApp(strings.NewReader(""), io.Discard, io.Discard)
	shown := 0
	for name, text := range documents(t) {
		for _, words := range commandLines(text) {
			shown++
			if err := checkCommand(app, words); err != nil {
				t.Errorf("%s: gluster-trapgw %s: %v", name, strings.Join(words, " "), err)
			}
		}
	}
	if shown < 60 {
		t.Errorf("only %d commands were found", shown)
	}
}

func checkCommand(app *cli.App, words []string) error {
	if len(words) == 0 || words[0] == "COMMAND" || words[0] == "..." {
		return nil
	}
	cmds, flags, path := app.Commands, app.Flags, ""
	for len(words) > 0 && len(cmds) > 0 {
		cmd := findCommand(cmds, words[0])
		if cmd == nil {
			if path != "" && (strings.HasPrefix(words[0], "-") || strings.Contains(words[0], "...")) {
				break
			}
			return fmt.Errorf("%q is no command of it", words[0])
		}
		path += " " + cmd.Name
		cmds, flags, words = cmd.Subcommands, cmd.Flags, words[1:]
	}
	for i := 0; i < len(words); i++ {
		w := words[i]
		if w == "--" {
			return nil
		}
		if w == "--help" || w == "-h" || !strings.HasPrefix(w, "-") || w == "-" {
			continue
		}
		flag, _, given := strings.Cut(strings.TrimLeft(w, "-"), "=")
		at := slices.IndexFunc(flags, func(f cli.Flag) bool { return slices.Contains(f.Names(), flag) })
		if at < 0 {
			return fmt.Errorf("%s is no flag of%s", w, path)
		}
		if _, is := flags[at].(*cli.BoolFlag); !is && !given {
			if i++; i == len(words) {
				return fmt.Errorf("%s has no value", w)
			}
		}
	}
	return nil
}

// The checks themselves find what is wrong.
func TestDocumentChecks(t *testing.T) {
	app := newApp(strings.NewReader(""), io.Discard, io.Discard)
	for text, want := range map[string]string{
		"    gluster-trapgw status --config F":                              "",
		"    x && ./gluster-trapgw queue status --json | grep a":            "",
		"    systemctl restart gluster-trapgw":                              "",
		"see `gluster-trapgw\nhistory --since 8h`":                          "",
		"    gluster-trapgw silence add --for 2h 'event!~A|B' \\\n  node=a": "",
		"    gluster-trapgw statsu":                                         `"statsu" is no command of it`,
		"```\ngluster-trapgw status --confg F\n```":                         "--confg is no flag of status",
		"`gluster-trapgw queue stauts`":                                     `"stauts" is no command of it`,
		"    gluster-trapgw history --since":                                "--since has no value",
	} {
		got := ""
		for _, words := range commandLines(text) {
			if err := checkCommand(app, words); err != nil {
				got = err.Error()
			}
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
	if got := anchors("# A `b` c: d?\n## Same\n## Same\n```\n# no\n```\n"); !got["a-b-c-d"] || !got["same"] || !got["same-1"] || len(got) != 3 {
		t.Error(got)
	}
}

// Every test that a page names as a proof is there: `outputs/snmp.TestX`, `cmd.TestX`.
func TestDocumentProofs(t *testing.T) {
	named := regexp.MustCompile("`([a-z0-9/]+)\\.(Test[A-Z]\\w*)`")
	found := 0
	for name, text := range documents(t) {
		for _, m := range named.FindAllStringSubmatch(text, -1) {
			found++
			dir := m[1]
			if dir == "cmd" {
				dir = "cmd/gluster-trapgw"
			}
			files, err := filepath.Glob(filepath.Join("../..", dir, "*_test.go"))
			if err != nil {
				t.Fatal(err)
			}
			if !slices.ContainsFunc(files, func(file string) bool {
				data, err := os.ReadFile(file)
				return err == nil && strings.Contains(string(data), "\nfunc "+m[2]+"(t *testing.T)")
			}) {
				t.Errorf("%s: there is no test %s", name, m[0])
			}
		}
	}
	if found < 50 {
		t.Errorf("only %d tests are named", found)
	}
}
