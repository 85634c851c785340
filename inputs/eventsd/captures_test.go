package eventsd

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const captures = "../../testdata/captures/"

// names reads the list of events that the MIB is tested against.
func names(t testing.TB) []string {
	t.Helper()
	f, err := os.Open("../../mibs/testdata/events")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var list []string
	for s := bufio.NewScanner(f); s.Scan(); {
		var number int
		var name string
		if _, err := fmt.Sscan(s.Text(), &number, &name); err != nil || number != len(list) {
			t.Fatal(s.Text(), err)
		}
		list = append(list, name)
	}
	return list
}

func lines(t testing.TB, file string, each func(line []byte)) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		each(s.Bytes())
	}
}

func outcome(n numbering, data []byte, node string) string {
	w, err := parse(data, n)
	if err != nil {
		return "refused: " + err.Error()
	}
	return string(w.body(node))
}

// Every odd datagram has a golden outcome. Where glustereventsd posted something, ours is the same octet for octet
// unless it cut the datagram.
func TestOddDatagrams(t *testing.T) {
	n := numbering{names: names(t)}
	var got bytes.Buffer
	lines(t, captures+"eventsd-udp-odd.jsonl", func(line []byte) {
		var c struct {
			Label      string
			Datagram   []byte `json:"datagram_b64"`
			PostedBody string `json:"posted_body"`
		}
		if err := json.Unmarshal(line, &c); err != nil {
			t.Fatal(err)
		}
		body := outcome(n, c.Datagram, "1a6111b8-4f13-4c02-9739-2c473e398b41")
		if c.PostedBody != "" && len(c.Datagram) <= 8192 && body != c.PostedBody {
			t.Errorf("%s\n got %s\nglustereventsd posted %s", c.Label, body, c.PostedBody)
		}
		if len(body) > 300 {
			body = fmt.Sprintf("%s... (%d octets)", body[:120], len(body))
		}
		fmt.Fprintf(&got, "%s: %s\n", c.Label, body)
	})
	golden(t, "testdata/odd.golden", got.Bytes())
}

// Every captured datagram has a golden outcome, and whatever glustereventsd posted is what comes out here, octet for
// octet.
func TestCapturedDatagrams(t *testing.T) {
	nodes := map[string]string{"gfs1": "c6ad9be2-5ce9-46e0-9574-6917a91bcfb6", "gfs2": "1a6111b8-4f13-4c02-9739-2c473e398b41", "gfs3": "d99d4578-93c0-410b-9d94-278198626ce6"}
	n := numbering{names: names(t)}
	var got bytes.Buffer
	ours := map[string]bool{}
	lines(t, captures+"eventsd-udp.jsonl", func(line []byte) {
		var c struct {
			Node    string
			Payload []byte `json:"payload_b64"`
		}
		if err := json.Unmarshal(line, &c); err != nil {
			t.Fatal(err)
		}
		body := outcome(n, c.Payload, nodes[c.Node])
		ours[body] = true
		if len(body) > 600 {
			body = fmt.Sprintf("%s... (%d octets)", body[:120], len(body))
		}
		fmt.Fprintln(&got, body)
	})
	golden(t, "testdata/captured.golden", got.Bytes())
	otherwise := map[string]string{
		`"name": "t9"`:       "the last of two equal keys won",
		`"volume": "t12"`:    "the number is -1",
		`"error": "CCCCCCCC`: "cut at 8192 octets",
		`"error": "DDDDDDDD`: "cut at 8192 octets",
	}
	lines(t, captures+"webhook-real.jsonl", func(line []byte) {
		var c struct{ Body string }
		if err := json.Unmarshal(line, &c); err != nil {
			t.Fatal(err)
		}
		for part := range otherwise {
			if strings.Contains(c.Body, part) {
				return
			}
		}
		if c.Body != "" && !ours[c.Body] {
			t.Errorf("glustereventsd posted %s, which no datagram gives here", c.Body)
		}
	})
}

func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		g, w := bytes.Split(got, []byte("\n")), bytes.Split(want, []byte("\n"))
		for i := range min(len(g), len(w)) {
			if !bytes.Equal(g[i], w[i]) {
				t.Fatalf("%s line %d\n got %s\nwant %s", file, i+1, g[i], w[i])
			}
		}
		t.Fatalf("%s: got %d lines, want %d", file, len(g), len(w))
	}
}
