// Package browser drives a real Chromium in tests, and fails them for what it complains about: errors in its console,
// requests to other hosts, and what axe-core finds to keep people from using a page.
package browser

import (
	"context"
	_ "embed" // for axe-core
	"fmt"
	"net/url"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// axe is axe-core, which finds what keeps people from using a page (axe-core.LICENSE).
//
//go:embed axe.min.js
var axe string

// Browser is a real browser with what it complained about.
type Browser struct {
	context.Context
	t testing.TB

	mu         sync.Mutex // guards:
	complaints []string
	hosts      []string
	expected   string // what a test is about; empty: nothing
	heard      bool
}

// Start starts Chromium, which must be installed, for pages under base addresses: a request to any other host fails the
// test. It ends with the test.
func Start(t testing.TB, bases ...string) *Browser {
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
	c := &Browser{Context: ctx, t: t}
	for _, base := range bases {
		u, err := url.Parse(base)
		if err != nil {
			t.Fatal(err)
		}
		c.hosts = append(c.hosts, u.Host)
	}
	chromedp.ListenTarget(ctx, c.listen)
	c.Run(network.Enable(), log.Enable(), runtime.Enable())
	t.Cleanup(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, complaint := range c.complaints {
			t.Errorf("the browser saw %s", complaint)
		}
	})
	return c
}

// MayLeadTo lets the pages lead to another host, which is none of ours.
func (c *Browser) MayLeadTo(host string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hosts = append(c.hosts, host)
}

// listen notes requests to other hosts, console errors and breaches of the content security policy.
func (c *Browser) listen(event any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	complaint := ""
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		u, err := url.Parse(e.Request.URL)
		if err != nil || !slices.Contains(c.hosts, u.Host) && u.Scheme != "data" && u.Scheme != "about" {
			complaint = "a request to " + e.Request.URL
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.LevelError && !strings.Contains(e.Entry.Text, "status of 4") {
			complaint = "a console error: " + e.Entry.Text
		}
	case *runtime.EventExceptionThrown:
		complaint = "an exception: " + e.ExceptionDetails.Error()
	}
	if c.expected != "" && strings.Contains(complaint, c.expected) {
		c.heard = true
		return
	}
	if complaint == "" || slices.Contains(c.complaints, complaint) {
		return
	}
	c.complaints = append(c.complaints, complaint)
}

// Run runs actions of chromedp one after the other and ends the test if one fails.
func (c *Browser) Run(actions ...chromedp.Action) {
	c.t.Helper()
	if err := chromedp.Run(c.Context, actions...); err != nil {
		c.t.Fatal(err)
	}
}

// Frame returns the frame that an element holds, once its page is there.
func (c *Browser) Frame(selector string) *cdp.Node {
	c.t.Helper()
	var nodes []*cdp.Node
	c.Run(chromedp.Nodes(selector, &nodes, chromedp.ByQuery))
	return nodes[0]
}

// Expect takes complaints that hold a text for what the test is about; Complained waits for one of them.
func (c *Browser) Expect(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.expected = text
}

// Complained waits for a complaint that was expected, and ends the test if none comes.
func (c *Browser) Complained(text string) {
	c.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); <-tick.C {
		c.mu.Lock()
		heard := c.heard
		c.mu.Unlock()
		if heard {
			return
		}
	}
	c.t.Fatalf("the browser did not complain of %s", text)
}

// Text returns what a page's element says.
func (c *Browser) Text(selector string) (text string) {
	c.t.Helper()
	c.Run(chromedp.Text(selector, &text, chromedp.ByQuery))
	return text
}

// Press submits by the button of a form and waits for the page that comes back.
func (c *Browser) Press(selector string) {
	c.t.Helper()
	if _, err := chromedp.RunResponse(c.Context, chromedp.Click(selector, chromedp.ByQuery)); err != nil {
		c.t.Fatalf("press %s: %v", selector, err)
	}
}

// Visit opens an address and waits for its main part.
func (c *Browser) Visit(address string) {
	c.t.Helper()
	c.Run(chromedp.Navigate(address), chromedp.WaitReady("main", chromedp.ByQuery))
}

// Look sets the width of the window and the theme.
func (c *Browser) Look(width int64, theme string) {
	c.t.Helper()
	c.Run(
		emulation.SetDeviceMetricsOverride(width, 900, 1, width < 600),
		emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: theme}, {Name: "prefers-reduced-motion", Value: "reduce"}}),
	)
}

// Violations returns what axe-core finds on the page, one line each. It runs beside the page, not under its policy.
func (c *Browser) Violations() (out []string) {
	c.t.Helper()
	const run = `axe.run(document, {resultTypes: ["violations"]}).then(r => r.violations.map(v => v.id + ": " + v.nodes.slice(0, 3).map(n => n.html.slice(0, 160) + " " + (n.any[0] ? n.any[0].message : "")).join(" | ")))`
	c.Run(
		chromedp.Evaluate(axe+"; 1", nil),
		chromedp.Evaluate(run, &out, func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }),
	)
	return out
}

// Overflow returns by how many pixels the page is wider than its window.
func (c *Browser) Overflow() (by float64) {
	c.t.Helper()
	c.Run(chromedp.Evaluate(`document.documentElement.scrollWidth - document.documentElement.clientWidth`, &by))
	return by
}

// Everywhere calls fn for the light and the dark theme, on a phone of 360 pixels and on a wide screen.
func (c *Browser) Everywhere(fn func(where string)) {
	c.t.Helper()
	for _, theme := range []string{"light", "dark"} {
		for _, width := range []int64{360, 1440} {
			c.Look(width, theme)
			fn(fmt.Sprintf("at %d px, %s", width, theme))
		}
	}
}

// Usable fails the test for what keeps people from using the page at an address, and for a page wider than its window.
func (c *Browser) Usable(where, address string) {
	c.t.Helper()
	c.Visit(address)
	c.UsableHere(where)
}

// UsableHere is Usable for the page that is open, such as one that came back from a form.
func (c *Browser) UsableHere(where string) {
	c.t.Helper()
	var address string
	c.Run(chromedp.Location(&address))
	for _, v := range c.Violations() {
		c.t.Errorf("%s %s: %s", address, where, v)
	}
	if by := c.Overflow(); by > 0 {
		c.t.Errorf("%s %s is %v px too wide", address, where, by)
	}
}

// Enter types, presses Enter and waits for the page that comes back.
func (c *Browser) Enter(keys string) {
	c.t.Helper()
	if _, err := chromedp.RunResponse(c.Context, chromedp.KeyEvent(keys+kb.Enter)); err != nil {
		c.t.Fatal(err)
	}
	c.Run(chromedp.WaitReady("main", chromedp.ByQuery))
}

// Focused returns the name or the text of what has the focus.
func (c *Browser) Focused() (what string) {
	c.t.Helper()
	c.Run(chromedp.Evaluate(`(document.activeElement.name || document.activeElement.textContent).trim()`, &what))
	return what
}

// TabTo presses Tab until something has the focus, by its name or text, and ends the test if Tab never comes there.
func (c *Browser) TabTo(what string) {
	c.t.Helper()
	var passed []string
	for range 60 {
		got := c.Focused()
		if got == what {
			return
		}
		passed = append(passed, got)
		c.Run(chromedp.KeyEvent(kb.Tab))
	}
	c.t.Fatalf("Tab does not come to %q, but to %q", what, passed)
}
