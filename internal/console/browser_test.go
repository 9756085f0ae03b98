package console_test

import (
	"context"
	_ "embed"
	"fmt"
	"net/url"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// axe is axe-core, which finds what keeps people from using a page (testdata/axe-core.LICENSE).
//
//go:embed testdata/axe.min.js
var axe string

// chrome is a real browser with what it complained about.
type chrome struct {
	context.Context
	t testing.TB

	mu         sync.Mutex // guards:
	complaints []string
	host       string
}

// startChrome starts Chromium, which the tests need: make tools says how to get it.
func startChrome(t testing.TB, base string) *chrome {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Fatal("there is no Chromium: install it (apt-get install chromium)")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.WSURLReadTimeout(time.Minute))
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	c := &chrome{Context: ctx, t: t, host: u.Host}
	chromedp.ListenTarget(ctx, c.listen)
	c.run(network.Enable(), log.Enable(), runtime.Enable())
	t.Cleanup(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, complaint := range c.complaints {
			t.Errorf("the browser saw %s", complaint)
		}
	})
	return c
}

// listen notes requests to other hosts, console errors and breaches of the content security policy.
func (c *chrome) listen(event any) {
	complaint := ""
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		u, err := url.Parse(e.Request.URL)
		if err != nil || u.Host != c.host && u.Scheme != "data" && u.Scheme != "about" {
			complaint = "a request to " + e.Request.URL
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.LevelError && !strings.Contains(e.Entry.Text, "status of 4") {
			complaint = "a console error: " + e.Entry.Text
		}
	case *runtime.EventExceptionThrown:
		complaint = "an exception: " + e.ExceptionDetails.Error()
	}
	if complaint == "" {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.complaints = append(c.complaints, complaint)
}

func (c *chrome) run(actions ...chromedp.Action) {
	c.t.Helper()
	if err := chromedp.Run(c.Context, actions...); err != nil {
		c.t.Fatal(err)
	}
}

// text returns what a page's element says.
func (c *chrome) text(selector string) (text string) {
	c.t.Helper()
	c.run(chromedp.Text(selector, &text, chromedp.ByQuery))
	return text
}

// press submits by the button of a form and waits for the page that comes back.
func (c *chrome) press(selector string) {
	c.t.Helper()
	if _, err := chromedp.RunResponse(c.Context, chromedp.Click(selector, chromedp.ByQuery)); err != nil {
		c.t.Fatalf("press %s: %v", selector, err)
	}
}

func (c *chrome) visit(address string) {
	c.t.Helper()
	c.run(chromedp.Navigate(address), chromedp.WaitReady("main", chromedp.ByQuery))
}

// look sets the width of the window and the theme.
func (c *chrome) look(width int64, theme string) {
	c.t.Helper()
	c.run(
		emulation.SetDeviceMetricsOverride(width, 900, 1, width < 600),
		emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: theme}, {Name: "prefers-reduced-motion", Value: "reduce"}}),
	)
}

// violations returns what axe-core finds on the page, one line each. It runs beside the page, not under its policy.
func (c *chrome) violations() (out []string) {
	c.t.Helper()
	const run = `axe.run(document, {resultTypes: ["violations"]}).then(r => r.violations.map(v => v.id + ": " + v.nodes.slice(0, 3).map(n => n.html.slice(0, 160) + " " + (n.any[0] ? n.any[0].message : "")).join(" | ")))`
	c.run(
		chromedp.Evaluate(axe+"; 1", nil),
		chromedp.Evaluate(run, &out, func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }),
	)
	return out
}

// overflow returns by how many pixels the page is wider than its window.
func (c *chrome) overflow() (by float64) {
	c.t.Helper()
	c.run(chromedp.Evaluate(`document.documentElement.scrollWidth - document.documentElement.clientWidth`, &by))
	return by
}

func (c *chrome) signIn(base, secret string) {
	c.t.Helper()
	c.visit(base + "/console/sign-in")
	c.run(chromedp.SendKeys("#key", secret, chromedp.ByQuery))
	c.press("main form button")
}

func at(width int64, theme, path string) string {
	return fmt.Sprintf("%s at %d px, %s", path, width, theme)
}
