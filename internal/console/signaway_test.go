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
	a := b.post("/console/sign-in/away", append([]string{"to", "/console/"}, pairs...)...).status(200)
	_, address, ok := strings.Cut(a.Header.Get("Refresh"), "url=")
	if !ok {
		b.f.t.Fatalf("the browser is not sent on: %s", a.words())
	}
	return address
}

// through goes through the provider's own pages as somebody, and returns where that ends: the answer of our return page.
func (b *visitor) through(address, login string) answer {
	b.f.t.Helper()
	a := b.visit(address)
	for range 4 {
		m := action.FindStringSubmatch(a.body)
		if m == nil || a.Request.URL.Host == b.f.http.Listener.Addr().String() {
			return a
		}
		form := url.Values{"prompt": {"consent"}}
		if strings.Contains(a.body, `name="login"`) {
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
		a = b.do(r)
	}
	b.f.t.Fatalf("the provider does not come to an end: %s", a.words())
	return a
}

func (b *visitor) visit(address string) answer {
	b.f.t.Helper()
	r, err := http.NewRequestWithContext(b.f.t.Context(), http.MethodGet, address, nil)
	if err != nil {
		b.f.t.Fatal(err)
	}
	return b.do(r)
}

func TestSingleSignOnGivesRoleAndBrandsByGroup(t *testing.T) {
	for _, inToken := range []bool{false, true} {
		f := startSignOn(t, inToken)
		b := f.visitor()
		b.get("/console/sign-in").says("Sign in with Example login")
		b.through(b.away(), "ada").status(200).says("Overview", "ada of the tests", "admin")
		b.get("/console/staff").status(200).says("single sign-on", "active")

		c := f.visitor()
		c.through(c.away(), "bo").status(200).says("agent", "· default")
		c.get("/console/staff").status(http.StatusForbidden)
		c.get("/console/account").status(200).says("You sign in with single sign-on", "by single sign-on").lacks("New password", "Add a passkey")
		c.post("/console/account/password", "password", words).status(http.StatusNotFound)

		d := f.visitor()
		d.through(d.away(), "eve").status(http.StatusForbidden).says("none of your groups has a role here")
		d.get("/console/").status(http.StatusUnauthorized)
		if n := len(f.Gate.People()); n != 2 {
			t.Errorf("there are %d people, want 2", n)
		}
		again := f.visitor()
		again.through(again.away(), "ada").status(200)
		if n := len(f.Gate.People()); n != 2 {
			t.Errorf("after coming again there are %d people, want 2", n)
		}
		b.get("/console/audit").says("refused to sign in without a role")
	}
}

func TestAPersonOfSingleSignOnWhoIsDisabledHereStaysOut(t *testing.T) {
	f := startSignOn(t, true)
	b := f.visitor()
	b.through(b.away(), "bo").status(200)
	yes := true
	for _, p := range f.Gate.People() {
		if _, err := f.People.Change(t.Context(), access.Local, p.ID, access.PersonChange{Disabled: &yes}); err != nil {
			t.Fatal(err)
		}
		f.as(access.Admin).post("/console/staff/"+p.ID, "do", "link").status(422)
	}
	b.get("/console/").status(401)
	b.through(b.away(), "bo").status(http.StatusForbidden).says("Your account here is disabled")
}

// What comes back must be what was sent out, once, in the same browser, in time, and from the provider.
func TestAnAnswerOfSingleSignOnIsTakenOnceFromTheBrowserThatWasSent(t *testing.T) {
	f := startSignOn(t, true)
	back := func(b *visitor, address string) string { // the provider's answer, not yet taken
		var found string
		b.client.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
			if r.URL.Path == signon.ReturnPath {
				found = r.URL.RequestURI()
				return http.ErrUseLastResponse
			}
			return nil
		}
		b.through(address, "ada")
		b.client.CheckRedirect = nil
		return found
	}
	b := f.visitor()
	answer := back(b, b.away())
	f.visitor().get(answer).status(403).says("begun in another browser") // a link that somebody was tricked into opening
	other := f.visitor()
	other.away()
	other.get(answer).status(403).says("begun in another browser") // the state of another
	b.get(answer).status(200).says("Overview")
	b.get(answer).status(403) // used up

	c := f.visitor()
	answer = back(c, c.away())
	c.get(strings.Replace(answer, "code=", "code=x", 1)).status(403).says("did not let you in")
	c.get(answer).status(403)

	d := f.visitor()
	answer = back(d, d.away())
	d.get(regexp.MustCompile(`iss=[^&]+`).ReplaceAllString(answer, "iss="+url.QueryEscape("https://evil.example"))).status(403)

	e := f.visitor()
	answer = back(e, e.away())
	f.pass(11 * time.Minute)
	e.get(answer).status(403).says("took too long")
	e.get(signon.ReturnPath).status(403)
}

func TestWhatWasTypedSurvivesSingleSignOn(t *testing.T) {
	f := startSignOn(t, true)
	b := f.visitor()
	b.through(b.away("to", "/console/brands", "carried.id", "typed", "carried.name", `Typed & "kept"`), "ada").status(200).says("Send what I typed", "Typed &amp; &#34;kept&#34;")
	b.post("/console/sign-in/away", "carried.id", strings.Repeat("x", signon.MostCarried)).status(503).says("too long to be kept")
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
	f.visitor().post("/console/sign-in/away").status(404)
	f.visitor().get(signon.ReturnPath).status(404)
	f.visitor().get("/console/sign-in").lacks("/console/sign-in/away")
}
