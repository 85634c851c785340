package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/gluster-trapgw/gluster-trapgw/outputs/snmp/snmptest"
)

// pageGateway is a gateway for the status page, with receivers that can be switched off.
type pageGateway struct {
	*daemon
	url string

	noc, siem func() // end the receiver of the output
}

func newPageGateway(t *testing.T, token, more string) *pageGateway {
	t.Helper()
	endpoint, noc, siem := snmptest.FreeAddr(t, "tcp"), snmptest.FreeAddr(t, "tcp"), snmptest.FreeAddr(t, "tcp")
	g := &pageGateway{url: "http://" + endpoint + "/"}
	g.noc, g.siem = drain(t, noc), drain(t, siem)
	g.daemon = newDaemon(t, fmt.Sprintf(`admin: {listen: %q%s}
cluster:
  name: prod
  nodes:
    c6ad9be2-5ce9-46e0-9574-6917a91bcfb6: {name: gfs1}
    1a6111b8-4f13-4c02-9739-2c473e398b41: {name: gfs2}
outputs:
  - {name: noc, syslog: {target: "tcp://%s"}}
  - {name: siem, syslog: {target: "tcp://%s"}}
%s`, endpoint, token, noc, siem, more))
	g.begin()
	return g
}

// begin starts the gateway and waits for its admin endpoint.
func (g *pageGateway) begin() {
	g.t.Helper()
	g.start()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		resp, err := http.Get(g.url + "healthz")
		if err == nil {
			resp.Body.Close()
			return
		}
		if time.Now().After(deadline) {
			g.t.Fatalf("%v\n%s", err, g.logText())
		}
	}
}

// drain is a receiver that nobody asks what it heard.
func drain(t *testing.T, addr string) (end func()) {
	ctx, cancel := context.WithCancel(t.Context())
	lines, ended := collectorAt(ctx, t, addr)
	go func() {
		for {
			select {
			case <-lines:
			case <-t.Context().Done():
				return
			}
		}
	}()
	return func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

// happen posts an event of the node gfs1 that happened now.
func (g *pageGateway) happen(event string, message map[string]string) {
	g.t.Helper()
	body, err := json.Marshal(map[string]any{"event": event, "nodeid": "c6ad9be2-5ce9-46e0-9574-6917a91bcfb6", "ts": time.Now().Unix(), "message": message})
	if err != nil {
		g.t.Fatal(err)
	}
	if status := g.post(http.DefaultClient, body); status != 200 {
		g.t.Fatal(status)
	}
}
