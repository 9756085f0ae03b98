package console_test

import (
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/catalog"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/demo"
	"github.com/consentline/consentline/internal/report"
	"github.com/consentline/consentline/internal/testkit/browser"
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
	c := browser.Start(t, f.http.URL)
	signIn(c, f.http.URL, secret)
	if got := c.Text("h1"); got != "Overview" {
		t.Fatalf("after signing in the page is %q", got)
	}
	c.Visit(f.http.URL + "/console/number")
	c.Run(chromedp.SendKeys("#number", "(202) 555-0123", chromedp.ByQuery), chromedp.SendKeys("#region", "US", chromedp.ByQuery))
	c.Press("main form button")
	ask := func() string {
		c.Run(chromedp.SetValue("#ask-purpose", "marketing", chromedp.ByQuery))
		c.Press("form[method=get] button")
		return strings.ToLower(c.Text("#answer .verdict"))
	}
	if got := ask(); got != "deny" {
		t.Errorf("before a yes the verdict is %q", got)
	}
	c.Press(".actions .button")
	c.Run(chromedp.SetValue("#purpose", "marketing", chromedp.ByQuery))
	c.Press("form[method=get] button")
	c.Run(chromedp.SetValue("#level", "express_written", chromedp.ByQuery), chromedp.Click("#said", chromedp.ByQuery))
	c.Press("form[method=post][action*=record] button")
	if got := c.Text(".notice"); !strings.Contains(got, "Recorded") {
		t.Errorf("after the yes the page says %q", got)
	}
	if got := ask(); got != "allow" {
		t.Errorf("after the yes the verdict is %q: %s", got, c.Text("#answer"))
	}
	c.Press(".actions .second")
	c.Run(chromedp.SetValue("#purpose", "marketing", chromedp.ByQuery))
	c.Press("form[method=get] button")
	c.Press("form[method=post][action*=record] button")
	if got := ask(); got != "deny" {
		t.Errorf("after the withdrawal the verdict is %q", got)
	}
	if got := c.Text("#answer"); !strings.Contains(got, "The person withdrew consent.") {
		t.Errorf("the answer is %q", got)
	}
}

func TestInABrowserTheKeyboardIsEnough(t *testing.T) {
	f := start(t)
	f.record(yes(alice))
	_, secret := f.key(access.Agent)
	c := browser.Start(t, f.http.URL)
	c.Visit(f.http.URL + "/console/sign-in?with=key")
	c.Enter(secret)
	c.Run(chromedp.KeyEvent(kb.Tab))
	if got := c.Focused(); got != "Skip to the content" {
		t.Fatalf("the first stop is %q", got)
	}
	c.TabTo("Number")
	c.Enter("")
	c.TabTo("number")
	c.Enter(alice)
	c.TabTo("Record a withdrawal")
	c.Enter("")
	c.TabTo("Go on")
	c.Enter("")
	c.TabTo("Record the no")
	c.Enter("")
	if got := c.Text(".timeline li"); !strings.Contains(got, "every brand") {
		t.Errorf("the latest entry is %q", got)
	}
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
	f.keepInStep()
	f.must(f.Reports.AddChecks(t.Context(), f.now(), []report.Checks{{Verdict: "allow", Code: "granted", N: 3}, {Verdict: "deny", Code: "withdrawn", N: 1}}))
	_, secret := f.key(access.Admin)
	c := browser.Start(t, f.http.URL)
	look := func(paths ...string) {
		c.Everywhere(func(where string) {
			for _, path := range paths {
				c.Usable(where, f.http.URL+path)
			}
		})
	}
	look("/console/sign-in")
	signIn(c, f.http.URL, secret)
	look(append([]string{
		person, person + "/record?act=granted&brand=harbour-coffee&purpose=marketing&channel=sms", person + "/record?act=withdrawn", "/console/nothing",
		person + "?brand=harbour-coffee&purpose=marketing&channel=sms",
	}, pages...)...)
}

func signIn(c *browser.Browser, base, secret string) {
	c.Visit(base + "/console/sign-in?with=key")
	c.Run(chromedp.SendKeys("#key", secret, chromedp.ByQuery))
	c.Press("main form details button")
}

func TestInABrowserOneKeyDecidesWhatHasTheFocus(t *testing.T) {
	f := start(t)
	_, err := f.Catalog.CreateSender(t.Context(), "test", catalog.Sender{ID: "sc", Brand: "default", Kind: "short_code", Address: "21610", Channel: consent.SMS})
	f.must(err)
	f.record(yes(alice))
	f.write("e1", "maybe later")
	_, secret := f.key(access.Agent)
	c := browser.Start(t, f.http.URL)
	signIn(c, f.http.URL, secret)
	c.Visit(f.http.URL + "/console/conflicts")
	c.TabTo("reason")
	c.Run(chromedp.KeyEvent("sss")) // typed, not decided
	c.Visit(f.http.URL + "/console/conflicts")
	if _, err := chromedp.RunResponse(c.Context, chromedp.KeyEvent("s")); err != nil {
		t.Fatal(err)
	}
	if got := c.Text(".notice"); !strings.Contains(got, "Decided") {
		t.Errorf("after the key the page says %q", got)
	}
	if got := f.status(alice); got != consent.StatusWithdrawn {
		t.Errorf("the record is %s, want withdrawn", got)
	}
}
