package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/gluster-trapgw/gluster-trapgw/queue"
)

// A day in the life of the status page, in a real browser with a real gateway.
func TestStatusPage(t *testing.T) {
	b := newBrowser(t)
	g := newPageGateway(t, "", "")
	b.screen(1280, 900, false, "light")
	b.run(chromedp.Navigate(g.url))

	b.shows("#headline", "All well")
	b.shows("#reasons", "No active alarms, 2 outputs working, no event yet")
	b.shows("#live-state", "live")
	b.wait(`document.title === "✔ All well – prod gluster-trapgw"`)
	well := eval[string](b, `document.getElementById("icon").href`)
	if !strings.HasPrefix(well, "data:image/svg+xml,") {
		t.Errorf("the icon is %q", well)
	}

	// An alarm comes and goes, without anybody asking.
	brick := map[string]string{"peer": "gfs2", "volume": "gv0", "brick": "/bricks/b1"}
	g.happen("BRICK_DISCONNECTED", brick)
	b.shows("#live-list li", "BRICK_DISCONNECTED")
	b.shows("#live-list li", "to noc and siem")
	b.shows("#alarms-list li", "brick/gfs2:/bricks/b1")
	b.shows("#alarms-list .badge", "critical")
	b.shows("#headline", "1 alarm active")
	b.wait(`document.title.startsWith("✖ 1 alarm active")`)
	b.shows("#chart-text", "1 in the last hour")
	b.shows("#nodes-list li", "gfs1")
	if eval[string](b, `document.getElementById("icon").href`) == well {
		t.Error("the icon is the same with an alarm")
	}
	b.shot(t, "alarm")
	g.happen("BRICK_CONNECTED", brick)
	b.shows("#live-list li", "BRICK_CONNECTED")
	b.shows("#alarms-none", "None")
	b.shows("#headline", "All well")
	b.shot(t, "well")

	// What comes from outside stays text.
	evil := `<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>`
	g.happen("VOLUME_START", map[string]string{"name": evil})
	b.shows("#live-list li", evil)
	b.wait(`document.querySelector("#live-list summary").click() ?? document.querySelector("#live-list dl").innerText.includes("<script>")`)
	if eval[bool](b, `"hacked" in window || document.querySelector("main img, main script") !== null`) {
		t.Error("markup in the name of a volume got into the page")
	}

	b.part("filter and pause", func(t *testing.T) { b.filters(t, g) })
	b.part("try", func(t *testing.T) { b.tries(t, g) })
	b.part("keyboard", func(t *testing.T) { b.walks(t) })
	b.part("silence", func(t *testing.T) { b.silenced(t, g) })
	b.part("proxy", func(t *testing.T) { b.proxied(t, g) })
	b.part("output down", func(t *testing.T) { b.outputDown(t, g) })
	b.part("policy mistake", func(t *testing.T) { b.policyMistake(t, g) })
	if c := b.complaints("400 (Bad Request)"); len(c) > 0 { // of the try that was no event
		t.Errorf("the console complains: %q", c)
	}
	b.part("sizes and colours", func(t *testing.T) { b.looks(t, g) })
	b.part("unwell", func(t *testing.T) { b.unwell(t) })
	b.part("restart", func(t *testing.T) { b.restart(t, g) })
	b.part("long away", func(t *testing.T) { b.longAway(t, g) })
}

func (b *browser) filters(t *testing.T, g *pageGateway) {
	b.run(chromedp.SendKeys("#filter-text", "brick_ gfs1"))
	b.lacks("#live-list", "VOLUME_START")
	b.shows("#live-list", "BRICK_CONNECTED")
	b.run(chromedp.SendKeys("#filter-text", " nothing-like-this"))
	b.shows("#live-none", "Nothing that fits the filter")
	b.fill("#filter-text", "")
	b.shows("#live-list", "VOLUME_START")
	b.run(chromedp.Click("#pause"))
	g.happen("VOLUME_STOP", map[string]string{"name": "gv9", "force": "0"})
	b.shows("#pause", "Go on (1 new)")
	if eval[bool](b, `document.getElementById("live-list").innerText.includes("VOLUME_STOP")`) {
		t.Error("the list moves although it was stopped")
	}
	b.run(chromedp.Click("#pause"))
	b.shows("#live-list li", "VOLUME_STOP")
}

// silenced has an alarm kept back from every output: it is listed, and all is well.
func (b *browser) silenced(t *testing.T, g *pageGateway) {
	ends := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	status, text := call(t, "POST", g.url+"api/v1/silences", `{"matchers":["volume=scratch"],"ends":"`+ends+`","author":"eve","comment":"<b>new</b> disks"}`)
	if status != 200 {
		t.Fatal(text)
	}
	b.look()
	b.shows("#silences-list li", `volume="scratch"`)
	b.shows("#silences-list li", "<b>new</b> disks · by eve")
	b.shows("#silences-list li", "active, ends in 59m")
	g.happen("BRICK_DISCONNECTED", map[string]string{"peer": "gfs2", "volume": "scratch", "brick": "/bricks/s"})
	b.shows("#alarms-list li.held", "noc is not told: silenced")
	b.shows("#alarms-count", "and 1 kept back")
	if got := eval[string](b, `document.getElementById("alarms-list").querySelector(".held").innerText + document.title`); strings.Contains(got, "told: noc") || strings.Contains(got, "2 alarms") {
		t.Errorf("got %q", got)
	}
	g.happen("BRICK_CONNECTED", map[string]string{"peer": "gfs2", "volume": "scratch", "brick": "/bricks/s"})
	b.lacks("#alarms-count", "kept back")
}

// proxied opens the page behind a proxy that serves it below another path.
func (b *browser) proxied(t *testing.T, g *pageGateway) {
	target, err := url.Parse(g.url)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httptest.NewServer(http.StripPrefix("/gluster", &httputil.ReverseProxy{FlushInterval: -1, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host
	}}))
	defer func() {
		proxy.CloseClientConnections() // the page listens for as long as it is there
		proxy.Close()
	}()
	b.run(chromedp.Navigate(proxy.URL + "/gluster/"))
	b.shows("#live-state", "live")
	b.shows("#live-list", "VOLUME_STOP")
	b.run(chromedp.Click("#try-form button"))
	b.shows("#try-varbinds", "gtgEvAlarmKey")
	b.run(chromedp.Navigate(g.url))
	b.shows("#live-list", "VOLUME_STOP")
}

func (b *browser) tries(t *testing.T, g *pageGateway) {
	_, before := call(t, "GET", g.url+"api/v1/rate", "")
	b.fill("#try-event", `{"event": "BRICK_DISCONNECTED",`)
	b.run(chromedp.Click("#try-form button"))
	b.shows("#try-error", "This is not JSON: ")
	b.fill("#try-event", `{"no": "event"}`)
	b.run(chromedp.Click("#try-form button"))
	b.wait(`document.getElementById("try-error").checkVisibility() && !document.getElementById("try-error").innerText.includes("JSON")`)
	b.fill("#try-event", `{"event":"BRICK_DISCONNECTED","nodeid":null,"ts":1795388400,"message":{"peer":"gfs2","volume":"gv7","brick":"/bricks/b7"}}`)
	b.run(chromedp.Focus("#try-form button"), chromedp.KeyEvent("\r"))
	b.shows("#try-rule", "No rule matches")
	b.shows("#try-varbinds", "gtgEvAlarmKey")
	b.shows("#try-varbinds", "brick/gfs2:/bricks/b7")
	b.shows("#try-outputs", "would get it")
	b.shows("#try-outputs pre", "BRICK_DISCONNECTED")
	// An event of the list goes into the form as it came.
	b.run(chromedp.Evaluate(`[...document.querySelectorAll("#live-list li")].find(e => e.innerText.includes("BRICK_CONNECTED")).querySelector("button").click()`, nil))
	if got := eval[string](b, `JSON.parse(document.getElementById("try-event").value).message.brick + " " + document.activeElement.id`); got != "/bricks/b1 try-event" {
		t.Errorf("got %q", got)
	}
	b.run(chromedp.Click("#try-form button"))
	b.shows("#try-result", "brick/gfs2:/bricks/b1")
	upTo := func(rate string) string { return rate[strings.LastIndex(rate, ":"):] }
	if _, after := call(t, "GET", g.url+"api/v1/rate", ""); upTo(after) != upTo(before) {
		t.Errorf("trying events put some into the log: %s then %s", before, after)
	}
}

// walks goes through the page with the Tab key: everything can be reached, and one sees where one is.
func (b *browser) walks(t *testing.T) {
	// What had the focus and is gone is where Tab goes on from.
	b.run(chromedp.Evaluate(`(e => { document.body.prepend(e); e.focus(); e.remove(); })(document.createElement("button"))`, nil))
	seen := map[string]bool{}
	for i := range 60 {
		b.run(chromedp.KeyEvent("\t"))
		at := eval[[]string](b, `(e => [e.id || e.getAttribute("aria-label") || e.className || e.tagName, getComputedStyle(e).outlineStyle, e.matches(":focus-visible") + ""])(document.activeElement)`)
		if i == 0 {
			if at[0] != "skip" {
				t.Fatalf("Tab begins at %q", at)
			}
			b.run(chromedp.KeyEvent("\r"))
			if id := eval[string](b, "document.activeElement.id"); id != "alarms" {
				t.Errorf("the skip link leads to %q", id)
			}
		}
		if at[0] == "BODY" {
			break
		}
		if seen[at[0]] = true; at[1] == "none" || at[2] != "true" {
			t.Errorf("nobody sees that %q has the focus", at)
		}
	}
	for _, id := range []string{"filter-text", "filter-severity", "filter-beats", "pause", "try-event", "Objects of the trap", "api-link"} {
		if !seen[id] {
			t.Errorf("Tab does not lead to %s: %v", id, seen)
		}
	}
	// Every control has a name, every section a heading.
	if bad := eval[[]string](b, `[...document.querySelectorAll("input, select, textarea")].filter(e => !e.labels.length).map(e => e.id).concat(
		[...document.querySelectorAll("button")].filter(e => !e.textContent.trim()).map(e => e.outerHTML),
		[...document.querySelectorAll("section")].filter(e => !document.getElementById(e.getAttribute("aria-labelledby"))?.matches("h2")).map(e => e.outerHTML))`); len(bad) > 0 {
		t.Errorf("without a name: %q", bad)
	}
}

func (b *browser) outputDown(t *testing.T, g *pageGateway) {
	b.shows("#alarms-list", "volume-stopped/gv9")
	g.happen("VOLUME_START", map[string]string{"name": "gv9"})
	b.lacks("#alarms-list", "volume-stopped/gv9")
	b.shows("#headline", "All well")
	g.noc()
	g.happen("VOLUME_START", map[string]string{"name": "gv1"})
	g.happen("BRICK_DISCONNECTED", map[string]string{"peer": "gfs2", "volume": "gv0", "brick": "/bricks/b1"})
	b.shows("#headline", "1 alarm active, 1 output refusing")
	b.shows("#reasons", "noc: receiver refusing")
	b.shows("#outputs-list li[data-output=failing]", "receiver refusing")
	b.shows("#outputs-list li[data-output=failing] .bad", "refused")
	b.shows("#outputs-list li[data-output=working]", "siem")
}

func (b *browser) policyMistake(t *testing.T, g *pageGateway) {
	file := filepath.Join(filepath.Dir(g.file), "policy.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		call(t, "POST", g.url+"api/v1/reload", "")
	}
	write("rules: [{name: a, match: {event: NO_SUCH_EVENT}, drop: true}]\n")
	b.look()
	b.shows("#headline", "policy not reloaded")
	b.shows("#policy-error-text", "NO_SUCH_EVENT")
	write("rules: [{name: starts and stops, match: {event: [VOLUME_START, VOLUME_STOP]}, drop: true}]\n")
	b.look()
	b.lacks("#headline", "policy")
	b.fill("#try-event", `{"event":"VOLUME_START","nodeid":null,"ts":1795388400,"message":{"name":"gv0","force":"0"}}`)
	b.run(chromedp.Click("#try-form button"))
	b.shows("#try-rule", "Rule “starts and stops” (line 1) decides: dropped")
}

// contrast lists the texts that are hard to read: less than 4.5 to 1 beside what is behind them.
const contrast = `(() => {
  const light = c => [0.2126, 0.7152, 0.0722].reduce((sum, k, i) => sum + k * (c[i] / 255 <= 0.04045 ? c[i] / 255 / 12.92 : ((c[i] / 255 + 0.055) / 1.055) ** 2.4), 0);
  const parts = text => text.match(/[\d.]+/g).map(Number);
  const behind = e => { for (; e; e = e.parentElement) { const c = parts(getComputedStyle(e).backgroundColor); if (c.length < 4 || c[3] > 0) return c; } return [255, 255, 255]; };
  const poor = [];
  for (const e of document.querySelectorAll("body *")) {
    if (!e.checkVisibility() || ![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())) continue;
    const style = getComputedStyle(e), [a, b] = [light(parts(e.ownerSVGElement ? style.fill : style.color)), light(behind(e))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) poor.push(ratio.toFixed(2) + " " + e.tagName + "." + e.getAttribute("class") + ": " + e.textContent.slice(0, 40));
  }
  return poor;
})()`

// looks checks both colour schemes and the width of a phone, with long names.
func (b *browser) looks(t *testing.T, g *pageGateway) {
	g.happen("BRICK_DISCONNECTED", map[string]string{"peer": "gfs2", "volume": strings.Repeat("volume", 30), "brick": "/" + strings.Repeat("brick", 40)})
	g.happen("QUOTA_CROSSED_SOFT_LIMIT", map[string]string{"usage": "81%", "volume": "gv0", "path": "/home"})
	b.shows("#headline", "alarms active")
	b.shows("#live-list", "QUOTA_CROSSED_SOFT_LIMIT")
	b.run(chromedp.Evaluate(`document.querySelectorAll("details").forEach(d => d.open = true)`, nil))
	backs := map[string]bool{}
	for _, scheme := range []string{"light", "dark"} {
		for _, width := range []int64{1280, 360} {
			b.screen(width, 780, width == 360, scheme)
			if got := eval[int64](b, "Math.max(document.documentElement.scrollWidth, document.body.scrollWidth)"); got > width {
				wide := eval[[]string](b, fmt.Sprintf(`[...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > %d && !e.parentElement.closest(".box")).map(e => e.tagName + "#" + e.id + "." + e.className)`, width))
				t.Errorf("%s: the page is %d wide on a screen of %d: %q", scheme, got, width, wide)
			}
			if poor := eval[[]string](b, contrast); len(poor) > 0 {
				t.Errorf("%s, %d: hard to read:\n%s", scheme, width, strings.Join(poor, "\n"))
			}
			b.shot(t, fmt.Sprintf("troubles-%s-%d", scheme, width))
		}
		backs[eval[string](b, "getComputedStyle(document.body).backgroundColor")] = true
	}
	if len(backs) != 2 {
		t.Errorf("dark and light have the same background %v", backs)
	}
	b.screen(1280, 900, false, "light")
}

// unwell has the gateway answer that it cannot read its state.
func (b *browser) unwell(t *testing.T) {
	b.run(chromedp.Evaluate(`window.realFetch = fetch; window.fetch = async (path, init) => path === "api/v1/status" ?
		new Response('{"error":"read queue status: disk I/O error"}', {status: 500}) : realFetch(path, init)`, nil))
	b.look()
	b.shows("#headline", "The gateway cannot say how it is")
	b.shows("#link-text", "read queue status: disk I/O error")
	b.run(chromedp.Evaluate(`window.fetch = realFetch`, nil), chromedp.Click("#retry"))
	b.lacks("#headline", "cannot say")
}

// restart ends the gateway: the page says so, and when it is back it shows also what came before it was connected again.
func (b *browser) restart(t *testing.T, g *pageGateway) {
	if err := g.end(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	b.shows("#headline", "No connection to the gateway")
	b.shows("#link-text", "No answer. Next try in")
	b.wait(`document.title.startsWith("? No connection to the gateway")`)
	b.shot(t, "lost")
	g.begin()
	g.happen("VOLUME_CREATE", map[string]string{"name": "early"})
	b.run(chromedp.Click("#retry"))
	b.shows("#headline", "active")
	b.shows("#live-state", "live")
	b.shows("#live-list li", "early")
	g.happen("VOLUME_DELETE", map[string]string{"name": "late"})
	b.shows("#live-list li", "late")
	seqs := eval[[]int](b, `[...document.querySelectorAll("#live-list li")].map(e => e.syncKey)`)
	slices.Reverse(seqs)
	if unique := slices.Compact(slices.Sorted(slices.Values(seqs))); !slices.Equal(seqs, unique) || len(seqs) != seqs[len(seqs)-1]-1 { // the silence is a record, but no event
		t.Errorf("the list has gaps or repeats: %v", seqs)
	}
	if c := b.complaints("ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED_ENCODING", "ERR_EMPTY_RESPONSE", "ERR_CONNECTION_RESET"); len(c) > 0 {
		t.Errorf("the console complains: %q", c)
	}
}

// longAway has more happen while there is no gateway than the page will list.
func (b *browser) longAway(t *testing.T, g *pageGateway) {
	if err := g.end(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	b.shows("#headline", "No connection to the gateway")
	q, err := queue.Open(filepath.Join(filepath.Dir(g.file), "state", "queue"), queue.Config{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- q.Run(context.Background()) }()
	recs := make([]*queue.Record, 2500)
	for i := range recs {
		recs[i] = &queue.Record{Received: time.Now(), Input: "webhook", Body: fmt.Appendf(nil, `{"event":"VOLUME_SET","nodeid":null,"ts":1795388400,"message":{"name":"gv0","options":"(a,%d)"}}`, i)}
	}
	err = q.Append(t.Context(), recs...)
	if err := errors.Join(err, q.Close(), <-ended); err != nil {
		t.Fatal(err)
	}
	g.begin()
	b.run(chromedp.Click("#retry"))
	b.shows("#live-note", "2,400 events came while this page was not connected and are not listed here")
	b.shows("#live-list li", "VOLUME_SET")
	b.shows("#chart-text", "at most 2,")
	g.happen("VOLUME_DELETE", map[string]string{"name": "newest"})
	b.shows("#live-list li", "newest")
}

// With a token the page comes without and asks for it.
func TestStatusPageToken(t *testing.T) {
	b := newBrowser(t)
	g := newPageGateway(t, ", token: geheim-ü", "heartbeat: {every: 1s}\n")
	b.screen(1280, 900, false, "light")
	b.run(chromedp.Navigate(g.url))
	b.shows("#headline", "A token is wanted")
	b.wait(`document.activeElement.id === "token" && !document.getElementById("all").checkVisibility()`)
	b.run(chromedp.SendKeys("#token", "falsch\r"))
	b.shows("#login-error", "does not accept this token")
	b.wait(`document.getElementById("token").value === "" && document.getElementById("token").getAttribute("aria-invalid") === "true"`)
	b.shot(t, "token")
	// What is being typed stays when the window comes to the front or the network comes back.
	b.run(chromedp.SendKeys("#token", "geheim"))
	b.look()
	b.run(chromedp.Evaluate(`document.dispatchEvent(new Event("visibilitychange"))`, nil), chromedp.Sleep(300*time.Millisecond))
	b.shows("#login-error", "does not accept this token")
	b.run(chromedp.SendKeys("#token", "-ü\r"))
	b.shows("#headline", "All well")
	b.shows("#live-state", "live")
	g.happen("VOLUME_START", map[string]string{"name": "gv0"})
	b.shows("#live-list li", "VOLUME_START")
	if eval[bool](b, `document.getElementById("live-list").innerText.includes("gtgHeartbeat")`) {
		t.Error("heartbeats are listed without being asked for")
	}
	b.run(chromedp.Click("#filter-beats"))
	b.shows("#live-list li", "gtgHeartbeat")
	b.shows("#chart-text", "1 in the last hour") // they do not count
	b.run(chromedp.Reload())                     // the tab still knows it
	b.shows("#live-list li", "VOLUME_START")
	if eval[bool](b, `document.cookie !== "" || localStorage.length > 0 || document.documentElement.outerHTML.includes("geheim")`) {
		t.Error("the token is kept elsewhere than in the session of the tab")
	}
	// What no output has come to is in no list of alarms, and it is said.
	g.noc()
	g.siem()
	b.shows("#headline", "2 outputs refusing, not ready")
	b.shows("#alarms-behind", "No output has come to the last")
	b.run(chromedp.Click("#forget"))
	b.shows("#headline", "A token is wanted")
	if eval[bool](b, `sessionStorage.length > 0 || document.getElementById("all").checkVisibility()`) {
		t.Error("the token is not forgotten")
	}
	if c := b.complaints("401 (Unauthorized)"); len(c) > 0 {
		t.Errorf("the console complains: %q", c)
	}
}
