package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

var screenshots = flag.String("screenshots", "", "write pictures of the status page to this `directory`")

// browser is a tab of a headless Chromium.
type browser struct {
	t   *testing.T
	ctx context.Context

	mu     sync.Mutex // guards faults
	faults []string   // what the console of the browser complained about
}

// newBrowser starts Chromium; without one the test is skipped, or fails when it was demanded.
func newBrowser(t *testing.T) *browser {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("TRAPGW_PEERS") == "1" {
			t.Fatal(err)
		}
		t.Skip("chromium is not installed")
	}
	// Off is what makes Chromium talk to the world by itself.
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox,
		chromedp.DisableGPU, chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("no-proxy-server", true),
		chromedp.Env("LANGUAGE=en_US", "LANG=C.UTF-8", "LC_ALL=")) // how numbers are written depends on it
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	quiet := func(string, ...any) {} // the driver complains about what it does not know of this Chromium
	ctx, cancel = chromedp.NewContext(ctx, chromedp.WithErrorf(quiet), chromedp.WithLogf(quiet))
	t.Cleanup(cancel)
	t.Cleanup(func() { _ = chromedp.Cancel(ctx) }) // ends it in good order, so that it leaves no files; if not, the others end it
	b := &browser{t: t, ctx: ctx}
	chromedp.ListenTarget(ctx, func(ev any) {
		switch e := ev.(type) {
		case *runtime.EventExceptionThrown:
			b.fault(e.ExceptionDetails.Error())
		case *runtime.EventConsoleAPICalled:
			if e.Type == runtime.APITypeError || e.Type == runtime.APITypeWarning {
				b.fault(fmt.Sprintf("console.%s", e.Type))
			}
		case *log.EventEntryAdded: // a policy that was violated, an address that does not load
			b.fault(fmt.Sprintf("%s: %s %s", e.Entry.Level, e.Entry.Text, e.Entry.URL))
		}
	})
	// The first run starts the browser, which lives as long as its context.
	if err := chromedp.Run(ctx, log.Enable()); err != nil {
		t.Fatal(err)
	}
	return b
}

// part runs fn as a test of its own with the same tab.
func (b *browser) part(name string, fn func(t *testing.T)) {
	whole := b.t
	defer func() { b.t = whole }()
	whole.Run(name, func(t *testing.T) {
		b.t = t
		fn(t)
	})
}

func (b *browser) fault(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.faults = append(b.faults, text)
}

// complaints returns what the console complained about since it was asked last, without what has one of these texts.
func (b *browser) complaints(but ...string) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []string
next:
	for _, f := range b.faults {
		for _, text := range but {
			if strings.Contains(f, text) {
				continue next
			}
		}
		all = append(all, f)
	}
	b.faults = nil
	return all
}

func (b *browser) run(actions ...chromedp.Action) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 20*time.Second)
	defer cancel()
	if err := chromedp.Run(ctx, actions...); err != nil {
		b.t.Fatalf("%v\nconsole: %q", err, b.complaints())
	}
}

// eval evaluates JavaScript in the page.
func eval[T any](b *browser, script string) T {
	b.t.Helper()
	var v T
	b.run(chromedp.Evaluate(script, &v))
	return v
}

// wait waits until the expression is true.
func (b *browser) wait(script string) {
	b.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !eval[bool](b, "!!("+script+")"); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			b.t.Fatalf("never true: %s\nconsole: %q\nthe page:\n%s", script, b.complaints(), eval[string](b, "document.body.innerText"))
		}
	}
}

// look has the status page ask now instead of in some seconds, as it does when the machine gets its network back.
func (b *browser) look() {
	b.t.Helper()
	b.run(chromedp.Evaluate(`window.dispatchEvent(new Event("online"))`, nil))
}

// fill writes into a field as if somebody had.
func (b *browser) fill(selector, text string) {
	b.t.Helper()
	b.run(chromedp.Evaluate(fmt.Sprintf(`(e => { e.value = %q; e.dispatchEvent(new Event("input", {bubbles: true})); })(document.querySelector(%q))`, text, selector), nil))
}

// shows waits until the element has the text.
func (b *browser) shows(selector, text string) {
	b.t.Helper()
	b.wait(fmt.Sprintf("document.querySelector(%q)?.checkVisibility() && document.querySelector(%q).innerText.includes(%q)", selector, selector, text))
}

// lacks waits until the element has the text no longer.
func (b *browser) lacks(selector, text string) {
	b.t.Helper()
	b.wait(fmt.Sprintf("!document.querySelector(%q).innerText.includes(%q)", selector, text))
}

// screen makes the window so large and the colours dark or light.
func (b *browser) screen(width, height int64, phone bool, scheme string) {
	b.t.Helper()
	b.run(emulation.SetDeviceMetricsOverride(width, height, 1, phone),
		emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}))
}

// shot writes a picture of the whole page when pictures are wanted.
func (b *browser) shot(t *testing.T, name string) {
	t.Helper()
	if *screenshots != "" {
		b.picture(t, name, cdppage.CaptureScreenshot().WithCaptureBeyondViewport(true))
	}
}

func (b *browser) picture(t *testing.T, name string, how *cdppage.CaptureScreenshotParams) {
	t.Helper()
	b.run(chromedp.ActionFunc(func(ctx context.Context) error {
		data, err := how.Do(ctx)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(*screenshots, name+".png"), data, 0o644)
	}))
}
