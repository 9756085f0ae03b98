package console_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/server"
	"github.com/consentline/consentline/internal/signon"
	"github.com/consentline/consentline/internal/testkit/browser"
	"github.com/consentline/consentline/internal/testkit/openid"
)

const clientSecret = "a secret of the tests, long enough for every use"

// startSignOn starts a server whose staff sign in at a real OpenID provider.
func startSignOn(t *testing.T, inToken bool) *fixture {
	t.Helper()
	return startWith(t, func(c *server.Config, address string) {
		issuer := openid.Start(t, openid.Setup{
			Client: "consentline", Secret: clientSecret, Redirect: address + signon.ReturnPath, InToken: inToken,
			People: map[string][]string{"ada": {"everybody", "consent-admins"}, "bo": {"everybody", "shop"}, "eve": {"everybody"}},
		})
		c.Rules = server.NoRules
		c.SignOn = &signon.Config{
			Name: "Example login", Address: address, Issuer: issuer, ClientID: "consentline", ClientSecret: clientSecret, Scopes: []string{"groups"},
			Grants: []signon.Grant{{Group: "consent-admins", Role: access.Admin}, {Group: "shop", Role: access.Agent, Brands: []consent.BrandID{"default"}}},
		}
	})
}

var action = regexp.MustCompile(`action="([^"]+)"`)

// away begins single sign-on and returns the address that the browser is sent to.
func (b *visitor) away(pairs ...string) string {
	b.f.t.Helper()
	a := b.Post("/console/sign-in/away", append([]string{"to", "/console/"}, pairs...)...).Status(200)
	_, address, ok := strings.Cut(a.Header.Get("Refresh"), "url=")
	if !ok {
		b.f.t.Fatalf("the browser is not sent on: %s", a.Words())
	}
	return address
}

// through goes through the provider's own pages as somebody, and returns where that ends: the answer of our return page.
func (b *visitor) through(address, login string) answer {
	b.f.t.Helper()
	a := b.visit(address)
	for range 4 {
		m := action.FindStringSubmatch(a.Text)
		if m == nil || a.Request.URL.Host == b.f.http.Listener.Addr().String() {
			return a
		}
		form := url.Values{"prompt": {"consent"}}
		if strings.Contains(a.Text, `name="login"`) {
			form = url.Values{"prompt": {"login"}, "login": {login}, "password": {"any"}}
		}
		to, err := a.Request.URL.Parse(m[1])
		if err != nil {
			b.f.t.Fatal(err)
		}
		r, err := http.NewRequestWithContext(b.f.t.Context(), http.MethodPost, to.String(), strings.NewReader(form.Encode()))
		if err != nil {
			b.f.t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		a = b.Do(r)
	}
	b.f.t.Fatalf("the provider does not come to an end: %s", a.Words())
	return a
}

func (b *visitor) visit(address string) answer {
	b.f.t.Helper()
	r, err := http.NewRequestWithContext(b.f.t.Context(), http.MethodGet, address, nil)
	if err != nil {
		b.f.t.Fatal(err)
	}
	return b.Do(r)
}

func TestSingleSignOnGivesRoleAndBrandsByGroup(t *testing.T) {
	for _, inToken := range []bool{false, true} {
		f := startSignOn(t, inToken)
		b := f.visitor()
		b.Get("/console/sign-in").Says("Sign in with Example login")
		b.through(b.away(), "ada").Status(200).Says("Overview", "ada of the tests", "admin")
		b.Get("/console/staff").Status(200).Says("single sign-on", "active")

		c := f.visitor()
		c.through(c.away(), "bo").Status(200).Says("agent", "· default")
		c.Get("/console/staff").Status(http.StatusForbidden)
		c.Get("/console/account").Status(200).Says("You sign in with single sign-on", "by single sign-on").Lacks("New password", "Add a passkey")
		c.Post("/console/account/password", "password", words).Status(http.StatusNotFound)

		d := f.visitor()
		d.through(d.away(), "eve").Status(http.StatusForbidden).Says("none of your groups has a role here")
		d.Get("/console/").Status(http.StatusUnauthorized)
		if n := len(f.Gate.People()); n != 2 {
			t.Errorf("there are %d people, want 2", n)
		}
		again := f.visitor()
		again.through(again.away(), "ada").Status(200)
		if n := len(f.Gate.People()); n != 2 {
			t.Errorf("after coming again there are %d people, want 2", n)
		}
		b.Get("/console/audit").Says("refused to sign in without a role")
	}
}

func TestAPersonOfSingleSignOnWhoIsDisabledHereStaysOut(t *testing.T) {
	f := startSignOn(t, true)
	b := f.visitor()
	b.through(b.away(), "bo").Status(200)
	yes := true
	for _, p := range f.Gate.People() {
		if _, err := f.People.Change(t.Context(), access.Local, p.ID, access.PersonChange{Disabled: &yes}); err != nil {
			t.Fatal(err)
		}
		f.as(access.Admin).Post("/console/staff/"+p.ID, "do", "link").Status(422)
	}
	b.Get("/console/").Status(401)
	b.through(b.away(), "bo").Status(http.StatusForbidden).Says("Your account here is disabled")
}

// What comes back must be what was sent out, once, in the same browser, in time, and from the provider.
func TestAnAnswerOfSingleSignOnIsTakenOnceFromTheBrowserThatWasSent(t *testing.T) {
	f := startSignOn(t, true)
	back := func(b *visitor, address string) string { // the provider's answer, not yet taken
		var found string
		b.Client.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
			if r.URL.Path == signon.ReturnPath {
				found = r.URL.RequestURI()
				return http.ErrUseLastResponse
			}
			return nil
		}
		b.through(address, "ada")
		b.Client.CheckRedirect = nil
		return found
	}
	b := f.visitor()
	answer := back(b, b.away())
	f.visitor().Get(answer).Status(403).Says("begun in another browser") // a link that somebody was tricked into opening
	other := f.visitor()
	other.away()
	other.Get(answer).Status(403).Says("begun in another browser") // the state of another
	b.Get(answer).Status(200).Says("Overview")
	b.Get(answer).Status(403) // used up

	c := f.visitor()
	answer = back(c, c.away())
	c.Get(strings.Replace(answer, "code=", "code=x", 1)).Status(403).Says("did not let you in")
	c.Get(answer).Status(403)

	d := f.visitor()
	answer = back(d, d.away())
	d.Get(regexp.MustCompile(`iss=[^&]+`).ReplaceAllString(answer, "iss="+url.QueryEscape("https://evil.example"))).Status(403)

	e := f.visitor()
	answer = back(e, e.away())
	f.pass(11 * time.Minute)
	e.Get(answer).Status(403).Says("took too long")
	e.Get(signon.ReturnPath).Status(403)
}

func TestWhatWasTypedSurvivesSingleSignOn(t *testing.T) {
	f := startSignOn(t, true)
	b := f.visitor()
	b.through(b.away("to", "/console/brands", "carried.id", "typed", "carried.name", `Typed & "kept"`), "ada").Status(200).Says("Send what I typed", "Typed &amp; &#34;kept&#34;")
	b.Post("/console/sign-in/away", "carried.id", strings.Repeat("x", signon.MostCarried)).Status(503).Says("too long to be kept")
}

// A form of the console may lead nowhere else, and yet a browser comes to the provider and back.
func TestInABrowserSingleSignOnLeadsThereAndBack(t *testing.T) {
	f := startSignOn(t, false)
	provider, err := url.Parse(f.visitor().away())
	if err != nil {
		t.Fatal(err)
	}
	c := browser.Start(t, f.http.URL)
	c.MayLeadTo(provider.Host)
	c.Visit(f.http.URL + "/console/sign-in")
	c.Run(
		chromedp.Click("button[formaction]", chromedp.ByQuery), chromedp.WaitVisible("input[name=login]:not(#login)", chromedp.ByQuery),
		chromedp.SendKeys("input[name=login]", "ada", chromedp.ByQuery), chromedp.SendKeys("input[name=password]", "any", chromedp.ByQuery),
		chromedp.Click(".login-submit", chromedp.ByQuery), chromedp.WaitReady("input[name=prompt][value=consent]", chromedp.ByQuery),
		chromedp.Click(".login-submit", chromedp.ByQuery), chromedp.WaitVisible(".side", chromedp.ByQuery),
	)
	if got := c.Text("h1"); got != "Overview" {
		t.Errorf("after single sign-on the page is %q", got)
	}
}

func TestWithoutSingleSignOnThereIsNoWayThere(t *testing.T) {
	f := startBare(t)
	f.visitor().Post("/console/sign-in/away").Status(404)
	f.visitor().Get(signon.ReturnPath).Status(404)
	f.visitor().Get("/console/sign-in").Lacks("/console/sign-in/away")
}
