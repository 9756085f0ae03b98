package console_test

import (
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/demo"
)

// atNoon moves the clock to a Wednesday at which it is day all over the United States, so that no rule of hours speaks.
func (f *fixture) atNoon() {
	t := f.now().UTC()
	noon := time.Date(t.Year(), t.Month(), t.Day(), 18, 0, 0, 0, time.UTC)
	for noon.Weekday() != time.Wednesday || noon.Before(t) {
		noon = noon.AddDate(0, 0, 1)
	}
	f.pass(noon.Sub(t))
}

func TestInABrowserAYesAndANoChangeTheVerdict(t *testing.T) {
	f := start(t)
	f.atNoon()
	_, secret := f.key(access.Admin)
	c := startChrome(t, f.http.URL)
	c.signIn(f.http.URL, secret)
	if got := c.text("h1"); got != "Overview" {
		t.Fatalf("after signing in the page is %q", got)
	}
	c.visit(f.http.URL + "/console/number")
	c.run(chromedp.SendKeys("#number", "(202) 555-0123", chromedp.ByQuery), chromedp.SendKeys("#region", "US", chromedp.ByQuery))
	c.press("main form button")
	ask := func() string {
		c.run(chromedp.SetValue("#ask-purpose", "marketing", chromedp.ByQuery))
		c.press("form[method=get] button")
		return strings.ToLower(c.text("#answer .verdict"))
	}
	if got := ask(); got != "deny" {
		t.Errorf("before a yes the verdict is %q", got)
	}
	c.press(".actions .button")
	c.run(chromedp.SetValue("#purpose", "marketing", chromedp.ByQuery))
	c.press("form[method=get] button")
	c.run(chromedp.SetValue("#level", "express_written", chromedp.ByQuery), chromedp.Click("#said", chromedp.ByQuery))
	c.press("form[method=post][action*=record] button")
	if got := c.text(".notice"); !strings.Contains(got, "Recorded") {
		t.Errorf("after the yes the page says %q", got)
	}
	if got := ask(); got != "allow" {
		t.Errorf("after the yes the verdict is %q: %s", got, c.text("#answer"))
	}
	c.press(".actions .second")
	c.run(chromedp.SetValue("#purpose", "marketing", chromedp.ByQuery))
	c.press("form[method=get] button")
	c.press("form[method=post][action*=record] button")
	if got := ask(); got != "deny" {
		t.Errorf("after the withdrawal the verdict is %q", got)
	}
	if got := c.text("#answer"); !strings.Contains(got, "The person withdrew consent.") {
		t.Errorf("the answer is %q", got)
	}
}

func TestInABrowserTheKeyboardIsEnough(t *testing.T) {
	f := start(t)
	f.record(yes(alice))
	_, secret := f.key(access.Agent)
	c := startChrome(t, f.http.URL)
	c.visit(f.http.URL + "/console/sign-in")
	c.enter(secret)
	c.types(kb.Tab)
	if got := c.focused(); got != "Skip to the content" {
		t.Fatalf("the first stop is %q", got)
	}
	c.tabTo("Number")
	c.enter("")
	c.tabTo("number")
	c.enter(alice)
	c.tabTo("Record a withdrawal")
	c.enter("")
	c.tabTo("Go on")
	c.enter("")
	c.tabTo("Record the no")
	c.enter("")
	if got := c.text(".timeline li"); !strings.Contains(got, "every brand") {
		t.Errorf("the latest entry is %q", got)
	}
}

func (c *chrome) types(keys string) {
	c.t.Helper()
	c.run(chromedp.KeyEvent(keys))
}

// enter types, presses Enter and waits for the page that comes back.
func (c *chrome) enter(keys string) {
	c.t.Helper()
	if _, err := chromedp.RunResponse(c.Context, chromedp.KeyEvent(keys+kb.Enter)); err != nil {
		c.t.Fatal(err)
	}
	c.run(chromedp.WaitReady("main", chromedp.ByQuery))
}

// focused returns the text or the name of what has the focus.
func (c *chrome) focused() (what string) {
	c.t.Helper()
	c.run(chromedp.Evaluate(`(document.activeElement.name || document.activeElement.textContent).trim()`, &what))
	return what
}

// tabTo presses Tab until something has the focus.
func (c *chrome) tabTo(what string) {
	c.t.Helper()
	var passed []string
	for range 60 {
		got := c.focused()
		if got == what {
			return
		}
		passed = append(passed, got)
		c.types(kb.Tab)
	}
	c.t.Fatalf("Tab does not come to %q, but to %q", what, passed)
}

// In both themes and at both widths no page keeps people from using it, and none is wider than its window.
func TestInABrowserEveryPageIsForEverybody(t *testing.T) {
	f := start(t)
	if _, err := demo.Load(t.Context(), f.Server, demo.Options{People: 300}); err != nil {
		t.Fatal(err)
	}
	f.count()
	conflicts, err := f.Reports.Conflicts(t.Context(), 0, 1)
	if err != nil || len(conflicts) == 0 {
		t.Fatal(err, "no conflict in the sample")
	}
	person := "/console/people/" + hex.EncodeToString(conflicts[0].Subject[:])
	_, secret := f.key(access.Admin)
	c := startChrome(t, f.http.URL)
	look := func(paths ...string) {
		for _, theme := range []string{"light", "dark"} {
			for _, width := range []int64{360, 1440} {
				c.look(width, theme)
				for _, path := range paths {
					c.visit(f.http.URL + path)
					for _, v := range c.violations() {
						t.Errorf("%s: %s", at(width, theme, path), v)
					}
					if by := c.overflow(); by > 0 {
						t.Errorf("%s is %v px too wide", at(width, theme, path), by)
					}
				}
			}
		}
	}
	look("/console/sign-in")
	c.signIn(f.http.URL, secret)
	look(append([]string{
		person, person + "/record?act=granted&brand=harbour-coffee&purpose=marketing&channel=sms", person + "/record?act=withdrawn", "/console/nothing",
	}, pages...)...)

}
