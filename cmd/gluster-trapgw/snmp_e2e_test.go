package main

import (
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/outputs/snmp/snmptest"
)

// receiverLines asks the program for the lines of snmptrapd.conf, as an operator does.
func receiverLines(t *testing.T, file string) []string {
	t.Helper()
	out, err := program("snmp", "createuser", "--config", file).Output()
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(string(out)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	return lines
}

const v3user = `user: {name: gluster, auth: SHA-256, auth_key: authpass12345, priv: AES, priv_key: privpass12345}`

func volumeEvent(i int) []byte {
	return fmt.Appendf(nil, `{"event":"VOLUME_SET","message":{"name":"v%d","options":[["a","b"]]},"nodeid":null,"ts":1795389266}`, i)
}

// volumes are the volumes of the traps that snmptrapd has, with how often each came.
func volumes(traps []snmptest.Trap) map[string]int {
	got := map[string]int{}
	for i := range traps {
		got[traps[i].Value("gtgEvVolume.0")]++
	}
	return got
}

// v3 traps of a gateway that was killed are accepted when it is back: boots and time went on. The receiver is told of
// the user by the lines that createuser printed, and was never restarted.
func TestV3TrapsAreAcceptedAfterAKill(t *testing.T) {
	traps := snmptest.Start(t, snmptest.Options{})
	d := newDaemon(t, fmt.Sprintf("outputs:\n  - {name: v3, snmp: {target: %q, version: 3, rate: 0, %s}}\n", traps.Addr, v3user))
	traps.Configure(receiverLines(t, d.file)...)
	traps.Stop()
	traps.Restart()
	for round := range 4 {
		d.start()
		for i := range 20 {
			if status := d.post(http.DefaultClient, volumeEvent(round*20+i)); status != 200 {
				t.Fatalf("got %d\n%s", status, d.logText())
			}
		}
		traps.WaitFor(fmt.Sprintf("all traps of round %d", round+1), func(all []snmptest.Trap) bool { return len(volumes(all)) == (round+1)*20 })
		if err := d.end(syscall.SIGKILL); err == nil {
			t.Error("the gateway ended by itself")
		}
	}
	// The CLI's engine goes on with that of the gateway and must not lock it out.
	d.start()
	if out, err := program("send", "--config", d.file, "--output", "v3").CombinedOutput(); err != nil {
		t.Errorf("send: %v\n%s", err, out)
	}
	d.post(http.DefaultClient, volumeEvent(80))
	traps.WaitFor("the test notification and the event after it", func(all []snmptest.Trap) bool {
		tests := 0
		for i := range all {
			if all[i].Name == "gtgTest" {
				tests++
			}
		}
		return tests == 1 && volumes(all)["v80"] == 1
	})
}

// A receiver that is down, refuses or is killed loses no inform, of either version.
func TestInformsSurviveTheReceiver(t *testing.T) {
	for name, options := range map[string]string{"v2c": "version: 2c, community: public", "v3": "version: 3, " + v3user} {
		t.Run(name, func(t *testing.T) {
			traps := snmptest.Start(t, snmptest.Options{})
			d := newDaemon(t, fmt.Sprintf("outputs:\n  - {name: in, snmp: {target: %q, kind: inform, rate: 0, timeout: 300ms, %s}}\n", traps.Addr, options))
			traps.Configure(receiverLines(t, d.file)...)
			traps.Stop()
			traps.Restart()
			d.start()
			n := 0
			post := func(count int) {
				for range count {
					if status := d.post(http.DefaultClient, volumeEvent(n)); status != 200 {
						t.Fatalf("got %d\n%s", status, d.logText())
					}
					n++
				}
			}
			post(50)
			traps.Stop()
			post(50)
			for deadline := time.Now().Add(20 * time.Second); !strings.Contains(d.logText(), "output fails"); time.Sleep(20 * time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatalf("the log does not say that the receiver is away:\n%s", d.logText())
				}
			}
			traps.Restart()
			post(50)
			if err := d.end(syscall.SIGKILL); err == nil {
				t.Error("the gateway ended by itself")
			}
			d.start()
			post(50)
			all := traps.WaitFor("every inform", func(all []snmptest.Trap) bool { return len(volumes(all)) == n })
			repeats := len(all) - n
			t.Logf("%d informs, %d came more than once", n, repeats)
		})
	}
}

// The same for a whole minute, which is longer than the longest pause between two tries, while events keep coming.
func TestInformsSurviveAMinute(t *testing.T) {
	if testing.Short() {
		t.Skip("takes more than a minute")
	}
	t.Parallel()
	traps := snmptest.Start(t, snmptest.Options{})
	d := newDaemon(t, fmt.Sprintf("outputs:\n  - {name: in, snmp: {target: %q, kind: inform, rate: 0, timeout: 1s, version: 2c, community: public}}\n", traps.Addr))
	d.start()
	n := 0
	post := func() {
		if status := d.post(http.DefaultClient, volumeEvent(n)); status != 200 {
			t.Fatalf("got %d\n%s", status, d.logText())
		}
		n++
	}
	for range 20 {
		post()
	}
	traps.Stop()
	for away := time.Now().Add(time.Minute); time.Now().Before(away); time.Sleep(200 * time.Millisecond) {
		post()
	}
	traps.Restart()
	for range 20 {
		post()
	}
	all := traps.WaitFor("every inform", func(all []snmptest.Trap) bool { return len(volumes(all)) == n })
	t.Logf("%d informs over a minute without a receiver, %d came more than once", n, len(all)-n)
}
