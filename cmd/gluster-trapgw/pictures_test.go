package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/gluster-trapgw/gluster-trapgw/outputs/snmp/snmptest"
	"github.com/gluster-trapgw/gluster-trapgw/queue"
)

// pictured is an event of the pictures, so many minutes before they are taken.
type pictured struct {
	ago     int
	node    int
	event   string
	message map[string]string
}

var pictureNodes = []string{"c6ad9be2-5ce9-46e0-9574-6917a91bcfb6", "1a6111b8-4f13-4c02-9739-2c473e398b41", "d99d4578-93c0-410b-9d94-278198626ce6"}

// body is the event as glustereventsd posts it at the time.
func (p *pictured) body(t *testing.T, at time.Time) []byte {
	t.Helper()
	body, err := json.Marshal(map[string]any{"event": p.event, "nodeid": pictureNodes[p.node], "ts": at.Unix(), "message": p.message})
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// pastHour fills the log of a gateway that does not run yet.
func pastHour(t *testing.T, dir string, now time.Time) {
	t.Helper()
	q, err := queue.Open(dir, queue.Config{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- q.Run(context.Background()) }()
	if _, err := q.Attach(t.Context(), "siem"); err != nil {
		t.Fatal(err)
	}
	for ago := 59; ago > 0; ago-- {
		n := (ago*ago + 3*ago) % 7 // so many clients come and go in this minute
		if ago > 31 && ago < 36 {
			n += 40 - 9*(ago-32)
		}
		all := make([]pictured, n)
		for i := range all {
			all[i] = pictured{ago, i % 3, []string{"CLIENT_CONNECT", "CLIENT_DISCONNECT"}[i%2], map[string]string{"client_uid": fmt.Sprint("web", i), "brick_path": "/bricks/b1", "server_identifier": "10.0.0.2:1020", "client_identifier": "10.0.0.9:1020"}}
		}
		switch ago {
		case 35:
			all = append(all, pictured{ago, 0, "PEER_DISCONNECT", map[string]string{"peer": "gfs3"}})
		case 32:
			all = append(all, pictured{ago, 0, "PEER_CONNECT", map[string]string{"host": "gfs3", "uuid": pictureNodes[2]}})
		case 24:
			all = append(all, pictured{ago, 1, "QUOTA_CROSSED_SOFT_LIMIT", map[string]string{"usage": "81%", "volume": "home", "path": "/projects"}})
		case 12:
			all = append(all, pictured{ago, 0, "BRICK_DISCONNECTED", map[string]string{"peer": "gfs2", "volume": "vmstore", "brick": "/bricks/b1"}})
		case 13:
			all = append(all, pictured{ago, 0, "SNAPSHOT_CREATED", map[string]string{"snapshot_name": "nightly_GMT-2026.11.23", "volume_name": "home", "snapshot_uuid": pictureNodes[1]}})
		}
		for i := range all {
			at := now.Add(-time.Duration(ago) * time.Minute).Add(time.Duration(i) * time.Second)
			if err := q.Append(t.Context(), &queue.Record{Received: at, Input: "webhook", Body: all[i].body(t, at)}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

// The pictures of docs/images: go test ./cmd/gluster-trapgw -run Pictures -args -screenshots DIRECTORY, and then
// pngquant --strip --nofs 64 on them.
func TestPictures(t *testing.T) {
	if *screenshots == "" {
		t.Skip("no pictures are wanted")
	}
	b := newBrowser(t)
	endpoint, siem := snmptest.FreeAddr(t, "tcp"), snmptest.FreeAddr(t, "tcp")
	drain(t, siem)
	g := &pageGateway{url: "http://" + endpoint + "/"}
	g.daemon = newDaemon(t, fmt.Sprintf(`admin: {listen: %q}
cluster:
  name: prod
  nodes: {%s: {name: gfs1}, %s: {name: gfs2}, %s: {name: gfs3}}
outputs:
  - {name: noc, snmp: {target: %q, community: public}}
  - {name: siem, syslog: {target: "tcp://%s"}}
`, endpoint, pictureNodes[0], pictureNodes[1], pictureNodes[2], snmptest.FreeAddr(t, "udp"), siem))
	policy := "rules: [{name: client churn, match: {event: \"CLIENT_*\"}, drop: true}]\n"
	if err := os.WriteFile(filepath.Join(filepath.Dir(g.file), "policy.yaml"), []byte(policy), 0o600); err != nil {
		t.Fatal(err)
	}
	pastHour(t, filepath.Join(filepath.Dir(g.file), "state", "queue"), time.Now())
	g.begin()
	for _, p := range []pictured{
		{0, 1, "CLIENT_CONNECT", map[string]string{"client_uid": "web4", "brick_path": "/bricks/b1", "server_identifier": "10.0.0.2:1020", "client_identifier": "10.0.0.9:1020"}},
		{0, 2, "VOLUME_START", map[string]string{"name": "scratch-3", "force": "0"}},
		{0, 0, "VOLUME_REBALANCE_COMPLETE", map[string]string{"volume": "home"}},
	} {
		if status := g.post(http.DefaultClient, p.body(t, time.Now())); status != 200 {
			t.Fatal(status)
		}
	}
	ends := time.Now().Add(2 * time.Hour).UTC().Format(time.RFC3339)
	if status, text := call(t, "POST", g.url+"api/v1/silences", `{"matchers":["volume=~scratch-.*"],"ends":"`+ends+`","author":"eve","comment":"new disks"}`); status != 200 {
		t.Fatal(text)
	}
	b.run(chromedp.Navigate(g.url), chromedp.Sleep(15*time.Second)) // so that something has gone on for some time
	for _, s := range []struct {
		name          string
		width, height int64
		scale         float64
		scheme        string
	}{{"status-page", 1280, 960, 1, "light"}, {"status-page-phone", 390, 900, 2, "dark"}} {
		b.screen(s.width, s.height, s.width < 500, s.scheme)
		b.run(emulation.SetDeviceMetricsOverride(s.width, s.height, s.scale, s.width < 500))
		b.shows("#headline", "2 alarms active, 1 output refusing")
		b.shows("#live-list", "VOLUME_REBALANCE_COMPLETE")
		b.shows("#silences-list", "new disks")
		b.wait("window.scrollTo(0, 0) ?? true")
		b.picture(t, s.name, cdppage.CaptureScreenshot())
	}
}
