package portal_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/consentline/consentline/internal/catalog"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/form"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/testkit/browser"
)

func TestInABrowserFromAFormToAConfirmedYesToWithdrawn(t *testing.T) {
	f := start(t)
	f.newsletter(confirm)
	c := browser.Start(t, f.http.URL)
	c.Visit(f.http.URL + "/o/news?lang=en")
	c.Run(chromedp.SendKeys("#number", "(202) 555-0123", chromedp.ByQuery), chromedp.Click("#b0", chromedp.ByQuery))
	c.Press("form button")
	if got := f.status(alice); got != consent.Pending {
		t.Fatalf("after the form the record is %s", got)
	}
	c.Run(chromedp.SendKeys("#code", f.code(), chromedp.ByQuery))
	c.Press("form button")
	if got := c.Text("h1"); got != "Confirmed" {
		t.Fatalf("after the code the page says %q", got)
	}
	if got := f.status(alice); got != consent.StatusGranted {
		t.Fatalf("after the code the record is %s", got)
	}
	c.Visit(f.http.URL + "/b/default?lang=en")
	c.Run(chromedp.SendKeys("#number", alice, chromedp.ByQuery))
	c.Press("form button")
	c.Run(chromedp.SendKeys("#code", f.code(), chromedp.ByQuery))
	c.Press("form button")
	if got := c.Text(".choice"); !strings.Contains(got, "Marketing") {
		t.Errorf("the choice says %q", got)
	}
	c.Run(chromedp.Click("#c0", chromedp.ByQuery))
	c.Press("#choices button")
	if got := c.Text(".notice"); !strings.Contains(got, "Saved") {
		t.Errorf("after saving the page says %q", got)
	}
	if got := f.status(alice); got != consent.StatusWithdrawn {
		t.Errorf("after switching off the record is %s", got)
	}
}

func TestInABrowserTheKeyboardIsEnoughToSayYesAndNo(t *testing.T) {
	f := start(t)
	f.newsletter()
	c := browser.Start(t, f.http.URL)
	c.Visit(f.http.URL + "/o/news?lang=en")
	c.TabTo("number")
	c.Run(chromedp.KeyEvent(alice))
	c.TabTo("agree")
	c.Run(chromedp.KeyEvent(" "))
	c.TabTo("Send")
	c.Enter("")
	if got := f.status(alice); got != consent.StatusGranted {
		t.Fatalf("after the form the record is %s", got)
	}
	c.Visit(f.http.URL + f.link(alice) + "?lang=en")
	c.TabTo("Stop everything")
	c.Enter("")
	if got := f.status(alice); got != consent.StatusWithdrawn {
		t.Errorf("after stopping the record is %s", got)
	}
}

// Going back after a form was sent, or reloading what it answered, records nothing again.
func TestInABrowserGoingBackSendsNothingAgain(t *testing.T) {
	f := start(t)
	f.newsletter()
	c := browser.Start(t, f.http.URL)
	c.Visit(f.http.URL + "/o/news?lang=en")
	c.Run(chromedp.SendKeys("#number", alice, chromedp.ByQuery), chromedp.Click("#b0", chromedp.ByQuery))
	c.Press("form button")
	head := f.head()
	if _, err := chromedp.RunResponse(c.Context, chromedp.Reload()); err != nil {
		t.Fatal(err)
	}
	c.Run(chromedp.NavigateBack(), chromedp.WaitReady("#number", chromedp.ByQuery))
	if f.head() != head {
		t.Errorf("going back and reloading left %d entries", f.head()-head)
	}
	path := f.link(alice) + "?lang=en"
	c.Visit(f.http.URL + path)
	c.Run(chromedp.Click("#c0", chromedp.ByQuery))
	c.Press("#choices button")
	head = f.head()
	c.Run(chromedp.NavigateBack(), chromedp.WaitReady("#choices", chromedp.ByQuery))
	c.Press("#choices button")
	if got := f.status(alice); f.head() != head || got != consent.StatusWithdrawn {
		t.Errorf("sending the page that lay behind made the record %s and left %d entries", got, f.head()-head)
	}
}

// A shop on another origin shows the form within its page: the frame grows with it, takes the yes, and says where it was.
func TestInABrowserAFormStandsWithinAPageOfAnotherSite(t *testing.T) {
	f := start(t)
	shop := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src "+f.http.URL+"; frame-src "+f.http.URL+"; img-src data:; style-src-attr 'unsafe-inline'")
		_, _ = fmt.Fprintf(w, `<!doctype html><html lang="en"><title>Shop</title><link rel="icon" href="data:,"><main><h1>Shop</h1><script src="%s/o/embed.js" data-form="news" data-title="News of the shop" data-lang="en"></script></main></html>`, f.http.URL)
	}))
	t.Cleanup(shop.Close)
	f.newsletter(confirm, func(one *form.Form) { one.Origins = []string{shop.URL} })
	c := browser.Start(t, f.http.URL, shop.URL)
	c.Visit(shop.URL + "/checkout?basket=7")
	c.Run(chromedp.WaitVisible("iframe", chromedp.ByQuery))
	frame := c.Frame("iframe")
	c.Run(chromedp.SendKeys("#number", alice, chromedp.ByQuery, chromedp.FromNode(frame)), chromedp.Click("#b0", chromedp.ByQuery, chromedp.FromNode(frame)))
	c.Run(chromedp.Click("form button", chromedp.ByQuery, chromedp.FromNode(frame)))
	f.until("the form was taken", func() bool { return f.known(alice) })
	c.Run(chromedp.WaitVisible("#code", chromedp.ByQuery, chromedp.FromNode(c.Frame("iframe"))))
	frame = c.Frame("iframe")
	c.Run(chromedp.SendKeys("#code", f.code(), chromedp.ByQuery, chromedp.FromNode(frame)), chromedp.Click("form button", chromedp.ByQuery, chromedp.FromNode(frame)))
	f.until("the code was taken", func() bool { return f.status(alice) == consent.StatusGranted })
	a, _ := new(f.last(alice)).Act()
	if !strings.Contains(a.Evidence, `"url":"`+shop.URL+`/checkout"`) || strings.Contains(a.Evidence, "basket") {
		t.Errorf("the evidence is %s", a.Evidence)
	}
}

// A site that the form does not name cannot show it within its pages.
func TestInABrowserAFormStandsWithinNoOtherSite(t *testing.T) {
	f := start(t)
	f.newsletter(func(one *form.Form) { one.Origins = []string{"https://shop.example"} })
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, `<!doctype html><html lang="en"><title>Other</title><link rel="icon" href="data:,"><main><iframe src="%s/o/news"></iframe></main></html>`, f.http.URL)
	}))
	t.Cleanup(other.Close)
	c := browser.Start(t, f.http.URL, other.URL)
	c.Expect("frame-ancestors")
	c.Visit(other.URL)
	c.Complained("frame-ancestors")
}

func TestInABrowserEveryPublicPageIsForEverybody(t *testing.T) {
	f := start(t)
	f.newsletter()
	f.record(yes(alice))
	r := yes(alice)
	r.Channel, r.Act = consent.WhatsApp, consent.Refused
	f.record(r)
	logo, err := f.Forms.KeepImage(t.Context(), picture(t, 300, 80))
	if err != nil {
		t.Fatal(err)
	}
	f.brand(func(b *catalog.Brand) { b.Colour, b.Logo, b.Privacy = "#f2c14e", logo, "https://shop.example/privacy" })
	c := browser.Start(t, f.http.URL)
	link := f.link(alice)
	c.Everywhere(func(where string) {
		for _, path := range []string{"/o/news?lang=en", "/o/news?lang=de", link + "?lang=en", link + "?lang=fi", link + "/stop?lang=is", "/p/none?lang=pt", "/o/none?lang=es", "/b/default?lang=fr"} {
			c.Usable(where, f.http.URL+path)
		}
	})
}

// until waits for what the browser does beside the test.
func (f *fixture) until(what string, done func() bool) {
	f.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(20 * time.Second); !done(); <-tick.C {
		if time.Now().After(deadline) {
			f.t.Fatalf("waited in vain until %s", what)
		}
	}
}

// known reports whether anything is held about a number.
func (f *fixture) known(text string) bool {
	f.t.Helper()
	_, err := f.Ledger.ByNumber(f.t.Context(), number(f.t, text))
	if err != nil && !errors.Is(err, ledger.ErrNotFound) {
		f.t.Fatal(err)
	}
	return err == nil
}
