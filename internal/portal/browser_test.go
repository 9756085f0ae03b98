package portal_test

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/testkit/browser"
)

func TestInABrowserFromAFormToThePreferenceCentreToWithdrawn(t *testing.T) {
	f := start(t)
	f.newsletter()
	c := browser.Start(t, f.http.URL)
	c.Visit(f.http.URL + "/o/news?lang=en")
	c.Run(chromedp.SendKeys("#number", "(202) 555-0123", chromedp.ByQuery), chromedp.Click("#b0", chromedp.ByQuery))
	c.Press("form button")
	if got := c.Text("h1"); got != "Thank you" {
		t.Fatalf("after the form the page says %q", got)
	}
	if got := f.status(alice); got != consent.StatusGranted {
		t.Fatalf("after the form the record is %s", got)
	}
	c.Visit(f.http.URL + f.link(alice) + "?lang=en")
	if got := c.Text(".choice"); !strings.Contains(got, "Marketing") {
		t.Errorf("the choice says %q", got)
	}
	c.Run(chromedp.Click("#c0", chromedp.ByQuery))
	c.Press("form:not(.card) button")
	if got := c.Text(".notice"); !strings.Contains(got, "Saved") {
		t.Errorf("after saving the page says %q", got)
	}
	if got := f.status(alice); got != consent.StatusWithdrawn {
		t.Errorf("after switching off the record is %s", got)
	}
}

func TestInABrowserEveryPublicPageIsForEverybody(t *testing.T) {
	f := start(t)
	f.newsletter()
	f.record(yes(alice))
	r := yes(alice)
	r.Channel, r.Act = consent.WhatsApp, consent.Refused
	f.record(r)
	c := browser.Start(t, f.http.URL)
	link := f.link(alice)
	c.Everywhere(func(where string) {
		for _, path := range []string{"/o/news?lang=en", "/o/news?lang=de", link + "?lang=en", link + "?lang=fi", link + "/stop?lang=is", "/p/none?lang=pt", "/o/none?lang=es"} {
			c.Usable(where, f.http.URL+path)
		}
	})
}
