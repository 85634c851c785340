package policy

import (
	"fmt"
	"strings"
	"testing"
)

// BenchmarkDecide100Rules decides with 100 rules. In the mixed policy every fifth rule is a literal event, a list,
// an event glob with a brick glob, a volume prefix and a regular expression on a message key; nothing matches
// before the last rule. In the others all rules are of one kind and are all tried.
func BenchmarkDecide100Rules(b *testing.B) {
	mixed := func(i int) string {
		return [...]string{
			fmt.Sprintf(`event: VOLUME_STOP, volume: "gv%d"`, i),
			fmt.Sprintf(`event: [PEER_CONNECT, PEER_DISCONNECT], node: gfs%d`, i),
			fmt.Sprintf(`event: "BRICK_*", brick: "gfs%d:/bricks/*"`, 10+i),
			fmt.Sprintf(`volume: "team%d-*", severity: ">= major"`, i),
			fmt.Sprintf(`event: "AFR_*", message: {error: "/.*code %d/"}`, i),
		}[i%5]
	}
	for name, rule := range map[string]func(i int) string{
		"mixed":   mixed,
		"volumes": func(i int) string { return fmt.Sprintf(`volume: "team%d-*"`, i) },
		"globs":   func(i int) string { return fmt.Sprintf(`event: "BRICK_*", brick: "gfs?:/bricks/*/x%d"`, i) },
		"nodes":   func(i int) string { return fmt.Sprintf(`node: "gfs%d.*"`, i) },
		"heavy": func(i int) string { // expressions and regular expressions, each on another field
			return [...]string{
				fmt.Sprintf(`volume: "/(team|prod)-(web|db)%d.*/"`, i), fmt.Sprintf(`brick: "*:/*/x*%d*"`, i),
				fmt.Sprintf(`severity: ">= major", message: {peer: "/gfs[0-9]+%d/"}`, i), fmt.Sprintf(`node: "*%d*", peer: "*x*%d"`, i, i),
				fmt.Sprintf(`event: "*_*DISC*", volume: "*-*", state: raise, brick: "/.*:/bricks/c%d/"`, i),
			}[i%5]
		},
		"expressions": func(i int) string {
			if i%33 == 0 {
				return fmt.Sprintf(`volume: "prod-*", when: "rank >= 5 && message[\"peer\"] == \"x%d\""`, i)
			}
			return fmt.Sprintf(`volume: "/team%d-.*/"`, i)
		},
		"regexps": func(i int) string { return fmt.Sprintf(`volume: "/team%d-.*/"`, i) },
	} {
		b.Run(name, func(b *testing.B) {
			var items []string
			for i := range 99 {
				items = append(items, fmt.Sprintf("{name: rule %d, match: {%s}, send_to: noc}", i, rule(i)))
			}
			text := "rules:\n- " + strings.Join(append(items, "{name: last, send_to: siem}"), "\n- ")
			p, err := Load("p.yaml", []byte(text), testOutputs, KnownEvents(append([]string{"AFR_QUORUM_FAIL"}, testEvents...)))
			if err != nil {
				b.Fatal(err)
			}
			n := brickDown()
			if d := p.Decide(n); d.Rule != "last" {
				b.Fatalf("got %+v, want the last rule", d)
			}
			sent := 0
			b.ReportAllocs()
			for b.Loop() {
				if d := p.Decide(n); d.Sends("siem") {
					sent++
				}
			}
		})
	}
}
