package console_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/testkit/browser"
)

// authenticator gives a browser a device that holds passkeys and knows its holder.
func authenticator(t *testing.T, c *browser.Browser) {
	t.Helper()
	c.Run(webauthn.Enable(), chromedp.ActionFunc(func(ctx context.Context) error {
		_, err := webauthn.AddVirtualAuthenticator(&webauthn.VirtualAuthenticatorOptions{
			Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal,
			HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
		}).Do(ctx)
		return err
	}))
}

// passkeyed starts a browser in which a person has signed in and made a passkey, and returns the console's address there.
func passkeyed(t *testing.T, f *fixture, login string) (c *browser.Browser, base string) {
	t.Helper()
	base = strings.Replace(f.http.URL, "127.0.0.1", "localhost", 1) // browsers make no passkeys for addresses
	c = browser.Start(t, base)
	authenticator(t, c)
	c.Visit(base + "/console/sign-in")
	c.Run(chromedp.SendKeys("#login", login, chromedp.ByQuery), chromedp.SendKeys("#password", words, chromedp.ByQuery))
	c.Press("main form button")
	c.Visit(base + "/console/account")
	c.Run(chromedp.WaitVisible("#passkey-name", chromedp.ByQuery), chromedp.SendKeys("#passkey-name", "my laptop", chromedp.ByQuery))
	c.Press("[data-passkey=create]")
	if got := c.Text(".notice"); !strings.Contains(got, "The passkey is added") {
		t.Fatalf("after adding a passkey the page says %q: %s", got, c.Text("main"))
	}
	return c, base
}

func TestInABrowserAPasskeySignsInAloneUntilItIsRemoved(t *testing.T) {
	f := startBare(t)
	id := f.member("ada@example.org", access.Agent)
	c, base := passkeyed(t, f, "ada@example.org")
	c.Press(".me button")

	enter := func() {
		c.Visit(base + "/console/sign-in")
		c.Run(chromedp.WaitVisible("[data-passkey=get]", chromedp.ByQuery))
		c.Press("[data-passkey=get]")
	}
	enter()
	if got := c.Text("h1"); got != "Overview" {
		t.Fatalf("after signing in with a passkey the page is %q: %s", got, c.Text("main"))
	}
	c.Visit(base + "/console/account")
	if got := c.Text("main"); !strings.Contains(got, "by passkey") || !strings.Contains(got, "my laptop") || !strings.Contains(got, "last used") {
		t.Errorf("the account says %q", got)
	}

	// Disabled, the person is out with the passkey too, and enabled again comes back with it.
	admin := f.as(access.Admin)
	admin.Post("/console/staff/"+id, "do", "disable").Status(200)
	enter()
	if got := c.Text("#problem"); !strings.Contains(got, "not known here") {
		t.Errorf("to a disabled person the page says %q", got)
	}
	admin.Post("/console/staff/"+id, "do", "enable").Status(200).Says("Passkeys: 1")
	enter()
	c.Visit(base + "/console/account")
	c.Press("form[action*=passkeys][action$=remove] button")
	c.Press(".me button")
	enter()
	if got := c.Text("#problem"); !strings.Contains(got, "not known here") {
		t.Errorf("with a removed passkey the page says %q", got)
	}
	admin.Get("/console/audit").Says("passkey set", "passkey removed", "signed in to the console")
}

// What a browser answered once proves nothing the second time.
func TestInABrowserAnAnswerOfAPasskeyIsGoodOnce(t *testing.T) {
	f := startBare(t)
	f.member("ada@example.org", access.Agent)
	c, base := passkeyed(t, f, "ada@example.org")
	const answer = `(async () => {
		const options = JSON.parse(document.querySelector("[data-passkey=get]").dataset.options);
		const made = await navigator.credentials.get({publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options)});
		return JSON.stringify(made.toJSON());
	})()`
	give := func() (given string) {
		c.Visit(base + "/console/sign-in")
		c.Run(chromedp.Evaluate(answer, &given, func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }))
		return given
	}
	at := func(host string) *visitor {
		b := f.visitor()
		b.Host = host
		return b
	}
	here := strings.TrimPrefix(base, "http://")
	given := give()
	at(here).Post("/console/sign-in", "passkey", given).Status(200).Says("Overview")
	at(here).Post("/console/sign-in", "passkey", given).Status(422).Says("not known here")
	at(here).Post("/console/sign-in", "passkey", "{}").Status(422)
	for _, elsewhere := range []string{"", "evil.example", "localhost:1"} {
		at(elsewhere).Post("/console/sign-in", "passkey", give()).Status(422)
	}
	given = give()
	f.pass(11 * time.Minute)
	at(here).Post("/console/sign-in", "passkey", given).Status(422)
}

// Signing in and keeping one's account takes no mouse, and nothing of it keeps anybody from it.
func TestInABrowserAnAccountIsForEverybody(t *testing.T) {
	f := startBare(t)
	id := f.member("ada@example.org", access.Admin)
	first, err := f.People.FirstLink(t.Context(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	c := browser.Start(t, f.http.URL)
	c.Visit(f.http.URL + "/console/sign-in")
	c.Run(chromedp.KeyEvent("ada@example.org" + kb.Tab))
	c.Enter(words)
	if got := c.Text("h1"); got != "Overview" {
		t.Fatalf("after signing in the page is %q", got)
	}
	c.Everywhere(func(where string) {
		for _, path := range []string{"/console/account", "/console/staff/" + id, "/console/enter/" + first} {
			c.Usable(where, f.http.URL+path)
		}
	})
	here := func() { // for pages that come back from a form
		for _, theme := range []string{"light", "dark"} {
			c.Look(360, theme)
			c.UsableHere("at 360 px, " + theme)
		}
	}
	c.Visit(f.http.URL + "/console/account")
	c.TabTo("Set one up")
	c.Enter("")
	here()
	c.TabTo("code")
	c.Enter(codeOf(t, c.Text(".secret"), f.now()))
	if got := c.Text("main"); !strings.Contains(got, "Your recovery codes") {
		t.Fatalf("after setting up a code generator the page says %q", got)
	}
	here()
	recovery := c.Text(".codes li")
	c.TabTo("Sign out")
	c.Enter("")
	c.Run(chromedp.KeyEvent("ada@example.org" + kb.Tab))
	c.Enter(words)
	here()
	c.Run(chromedp.Focus("#code", chromedp.ByQuery))
	c.Enter(recovery)
	if got := c.Text("h1"); got != "Overview" {
		t.Errorf("after a recovery code the page is %q", got)
	}
}
