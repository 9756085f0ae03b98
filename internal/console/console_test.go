package console_test

import (
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/session"
)

func TestNobodySeesAPageWithoutASession(t *testing.T) {
	f := start(t)
	b := f.visitor()
	for _, path := range pages {
		a := b.Get(strings.ReplaceAll(path, "harbour-en", "x"))
		a.Status(http.StatusUnauthorized).Says("Sign in to Consentline").Lacks("Sign out")
	}
	b.Post("/console/keys", "name", "x", "role", "admin").Status(http.StatusUnauthorized)
	if n := len(f.Gate.Keys()); n != 0 {
		t.Errorf("a visitor made %d keys", n)
	}
}

func TestSignInExchangesTheKeyForACookieThatScriptsCannotRead(t *testing.T) {
	f := start(t)
	_, secret := f.key(access.Agent)
	b := f.visitor()
	b.Client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	b.Post("/console/sign-in", "key", "cl_wrong").Status(http.StatusUnprocessableEntity).Says("unknown, expired or revoked").Lacks("cl_wrong")
	r := b.Form("/console/sign-in", "same-origin", "key", secret)
	r.Header.Set("X-Forwarded-Proto", "https")
	a := b.Do(r).Status(http.StatusSeeOther)
	c := a.Cookies()[0]
	if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || !c.Secure || c.Path != "/console/" || strings.Contains(c.Value, secret) {
		t.Errorf("the cookie is %+v", c)
	}
	csp := a.Header.Get("Content-Security-Policy")
	if !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
		t.Errorf("the policy is %q", csp)
	}
}

func TestSignInLeadsNowhereElse(t *testing.T) {
	f := start(t)
	_, secret := f.key(access.Admin)
	for _, to := range []string{"https://evil.example/", "//evil.example/", "/console/../../x\\", "javascript:alert(1)"} {
		b := f.visitor()
		b.Client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		if got := b.Post("/console/sign-in", "key", secret, "to", to).Status(http.StatusSeeOther).Header.Get("Location"); got != "/console/" {
			t.Errorf("to %q leads to %q", to, got)
		}
	}
}

func TestTriesOfKeysFromOneAddressAreSlowedDown(t *testing.T) {
	f := start(t)
	b := f.visitor()
	last := 0
	for range 30 {
		last = b.Post("/console/sign-in", "key", "cl_guess").StatusCode
	}
	if last != http.StatusTooManyRequests {
		t.Errorf("the thirtieth try got %d, want 429", last)
	}
	f.pass(time.Minute)
	b.Post("/console/sign-in", "key", "cl_guess").Status(http.StatusUnprocessableEntity)
}

func TestASessionEndsWithItsKeyItsTimeAndSignOut(t *testing.T) {
	f := start(t)
	id, secret := f.key(access.Viewer)
	b := f.visitor()
	b.signIn(secret)
	b.Get("/console/").Status(200)
	if _, err := f.Gate.Revoke(t.Context(), access.Local, id); err != nil {
		t.Fatal(err)
	}
	b.Get("/console/").Status(http.StatusUnauthorized)

	b = f.as(access.Viewer)
	f.pass(session.Idle + time.Minute)
	b.Get("/console/").Status(http.StatusUnauthorized)

	b = f.as(access.Viewer)
	for range 13 { // in use all the time, and still not for ever
		f.pass(time.Hour)
		b.Get("/console/")
	}
	b.Get("/console/").Status(http.StatusUnauthorized)

	b = f.as(access.Viewer)
	kept := b.Client.Jar.Cookies(mustURL(t, f.http.URL+"/console/"))[0].Value
	b.Post("/console/sign-out").Status(200)
	if _, err := f.Sessions.Find(t.Context(), kept); err == nil {
		t.Error("the token still works after signing out")
	}
}

func mustURL(t testing.TB, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestFormsFromOtherSitesAreRefused(t *testing.T) {
	f := start(t)
	b := f.as(access.Admin)
	head := f.head()
	for _, path := range []string{"/console/keys", "/console/brands", "/console/lists", "/console/sign-out"} {
		b.Do(b.Form(path, "cross-site", "name", "x", "id", "x", "role", "admin")).Status(http.StatusForbidden)
	}
	r := b.Form("/console/brands", "", "id", "x", "name", "x")
	r.Header.Del("Sec-Fetch-Site")
	r.Header.Set("Origin", "https://evil.example")
	b.Do(r).Status(http.StatusForbidden)
	if f.head() != head {
		t.Error("a form from another site left an entry")
	}
}

func (f *fixture) head() uint64 {
	f.t.Helper()
	seq, err := f.Ledger.Head(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	return seq
}

func TestWhatWasTypedSurvivesTheEndOfTheSession(t *testing.T) {
	f := start(t)
	_, secret := f.key(access.Admin)
	b := f.visitor()
	asked := b.Post("/console/brands", "id", "typed", "name", `Typed & "kept"`).Status(http.StatusUnauthorized).Says("What you typed is kept")
	resumed := b.Post("/console/sign-in", "key", secret, "to", asked.Field("to"), "carried.id", asked.Field("carried.id"), "carried.name", `Typed & "kept"`).Status(200)
	resumed.Says("Send what I typed", `action="/console/brands"`, "Typed &amp; &#34;kept&#34;")
	b.Post("/console/brands", "id", resumed.Field("id"), "name", `Typed & "kept"`).Status(200)
	if brand, err := f.Catalog.Brand("typed"); err != nil || brand.Name != `Typed & "kept"` {
		t.Errorf("got %+v %v", brand, err)
	}
}

func TestNoNumberStandsInAnAddress(t *testing.T) {
	f := start(t)
	b := f.as(access.Agent)
	for _, number := range []string{alice, bob} {
		if number == bob {
			f.record(yes(bob))
		}
		path, a := b.person(number)
		digits := strings.TrimPrefix(number, "+1")
		if strings.Contains(path, digits) || strings.Contains(path, digits[3:]) {
			t.Errorf("the address %s holds the number", path)
		}
		for _, link := range strings.Split(a.Text, `href="`)[1:] {
			if href, _, _ := strings.Cut(link, `"`); strings.Contains(href, digits) {
				t.Errorf("the page links to %s", href)
			}
		}
	}
}

func TestAHandleOfANumberWorksInItsSessionAndItsHourOnly(t *testing.T) {
	f := start(t)
	b := f.as(access.Agent)
	path, _ := b.person(alice)
	b.Get(path).Status(200).Says("1 202-555-0123", "nothing is held about it")
	f.as(access.Agent).Get(path).Status(http.StatusNotFound)
	b.Get(path[:len(path)-2] + "AA").Status(http.StatusNotFound)
	f.pass(61 * time.Minute)
	b.Get(path).Status(http.StatusNotFound)
}

func TestANumberIsFoundInAnyFormat(t *testing.T) {
	f := start(t)
	f.record(yes(alice))
	b := f.as(access.Agent)
	want, _ := b.person(alice)
	for _, text := range []string{"(202) 555-0123", "202.555.0123", "1-202-555-0123", "tel:+1-202-555-0123", "  +1 202 555 0123 "} {
		if got := b.Post("/console/number", "number", text, "region", "US").Status(200).Request.URL.Path; got != want {
			t.Errorf("%q led to %s, want %s", text, got, want)
		}
	}
	b.Post("/console/number", "number", "<b>12</b>").Status(http.StatusUnprocessableEntity).Lacks("<b>12")
}

func TestRecordingAYesAndANoChangesTheVerdict(t *testing.T) {
	f := start(t)
	b := f.as(access.Agent)
	path, _ := b.person(alice)
	ask := "?brand=default&purpose=marketing&channel=sms"
	b.Get(path + ask).Status(200).Says("Nobody has given consent for this number in this scope.")

	form := b.Get(path+"/record"+ask+"&act=granted").Status(200).Says("Read these words out", "Default brand")
	fields := []string{"once", form.Field("once"), "act", "granted", "brand", "default", "purpose", "marketing", "channel", "sms", "script", "", "source", "voice_call", "level", "express_written", "evidence", "recording 17"}
	b.Post(path+"/record", fields...).Status(http.StatusUnprocessableEntity).Says("tick this only if the person said yes", "recording 17")
	known := b.Post(path+"/record", append(fields, "said_yes", "1")...).Status(200)
	known.Says("Every check is answered from after it", "recording 17", "Phone call", "agent of the tests", "Do you agree that Default brand contacts you")
	person := known.Request.URL.Path
	b.Get(person+ask).Status(200).Says(`<b>Yes</b> The person&#39;s record says yes`, "us.hours_marketing", "not verified", "47 CFR 64.1200(c)(1)", "America/New_York")

	head := f.head()
	b.Post(path+"/record", append(fields, "said_yes", "1")...).Status(200).Says("had been recorded before")
	if f.head() != head {
		t.Error("the same form sent twice left another entry")
	}

	// Going back shows the form as it was sent. What is corrected in it is another act, once it is sent again.
	corrected := append(slices.Clone(fields), "said_yes", "1", "method", "said it twice")
	again := b.Post(path+"/record", corrected...).Status(http.StatusUnprocessableEntity).Says("recorded already", "said it twice").Lacks("Idempotency-Key")
	corrected[1] = again.Field("once")
	b.Post(path+"/record", corrected...).Status(200).Says("said it twice")

	no := b.Get(person + "/record?act=withdrawn&brand=*&purpose=*&channel=*")
	f.as(access.Admin).Post(person+"/record", "once", "o", "act", "withdrawn", "brand", "*", "purpose", "*", "channel", "*", "source", "voice_call").Status(200).Says("every brand · every purpose · every channel")
	no.Status(200).Says("Record the no")
	b.Get(person+ask).Status(200).Says("The person withdrew consent.", `<span class="verdict deny">deny</span>`)
}

func TestOnlyWhatTheFormOffersIsRecorded(t *testing.T) {
	f := startBare(t)
	b := f.as(access.Agent)
	path, _ := b.person(alice)
	head := f.head()
	fields := []string{"once", "o", "brand", "default", "purpose", "marketing", "channel", "sms", "level", "express", "script", "", "said_yes", "1"}
	b.Post(path+"/record", append(fields, "act", "granted", "source", "system")...).Status(http.StatusUnprocessableEntity).Says("choose where")
	b.Post(path+"/record", append(fields, "act", "expired", "source", "agent")...).Status(http.StatusUnprocessableEntity).Says("choose what")
	if f.head() != head {
		t.Error("it was recorded")
	}
}

func TestAMomentThatNobodyMeantIsNotTakenForNow(t *testing.T) {
	f := startBare(t)
	b := f.as(access.Agent)
	path, _ := b.person(alice)
	head := f.head()
	b.Post(path+"/record", "once", "o", "act", "withdrawn", "brand", "default", "purpose", "marketing", "channel", "sms", "source", "voice_call", "effective_at", "0001-01-01T00:00").
		Status(http.StatusUnprocessableEntity).Says("<strong>When</strong>").Lacks("<strong>effective_at")
	if f.head() != head {
		t.Error("it was recorded")
	}
}

func TestPermissionsAndBrandsLimitWhatIsSeenAndDone(t *testing.T) {
	f := start(t)
	for _, id := range []string{"ours", "theirs"} {
		f.as(access.Admin).Post("/console/brands", "id", id, "name", id).Status(200)
	}
	r := yes(alice)
	r.Brand = "theirs"
	f.record(r)
	b := f.as(access.Agent, "ours")
	path, a := b.person(alice)
	a.Says("nothing is held about it").Lacks("theirs · marketing")
	s, err := f.Ledger.ByNumber(t.Context(), mustNumber(t, alice))
	if err != nil {
		t.Fatal(err)
	}
	b.Get("/console/people/" + hex.EncodeToString(s.ID[:])).Status(http.StatusNotFound)
	b.Post(path+"/record", "once", "o", "act", "withdrawn", "brand", "theirs", "purpose", "marketing", "channel", "sms", "source", "agent").Status(http.StatusForbidden)
	b.Get("/console/keys").Status(http.StatusForbidden)

	viewer := f.as(access.Viewer)
	_, seen := viewer.person(alice)
	seen.Lacks("202-555-0123", "Record a yes").Says("theirs · marketing")
	limited := f.as(access.Viewer, "ours")
	limited.Get("/console/audit").Status(http.StatusForbidden)
	f.as(access.Sender).Get("/console/").Status(http.StatusForbidden)
}

func TestHostileTextIsShownAsText(t *testing.T) {
	f := start(t)
	const evil = `"><script>alert(1)</script><img src=x onerror=alert(2)>'`
	b := f.as(access.Admin)
	b.Post("/console/brands", "id", "evil", "name", evil, "contact", evil).Status(200)
	b.Post("/console/purposes", "id", "evil", "name", evil, "class", "marketing", "description", evil).Status(200)
	b.Post("/console/senders", "id", "evil", "brand", "evil", "kind", "alphanumeric", "address", evil, "channel", "sms")
	b.Post("/console/wordings", "id", "evil", "brand", "evil", "language", "en", "text", evil).Status(200)
	b.Post("/console/wordings/evil", "language", "en", "text", evil+" and more").Status(200)
	b.Post("/console/lists", "id", "evil", "name", evil, "kind", "own", "source", evil).Status(200)
	b.Post("/console/lists/evil", "numbers", alice+"\n"+bob, "do", "add").Status(200)
	b.Post("/console/keys", "name", evil, "role", "agent").Status(200)
	r := yes(alice)
	r.Brand, r.Purpose, r.Method, r.Actor, r.Evidence, r.Disclosure = "evil", "evil", evil, evil, evil, "evil@2"
	f.record(r)
	f.count()
	person, _ := b.person(alice)
	for _, path := range append([]string{person, person + "/record?act=granted&brand=evil&purpose=evil&channel=sms", "/console/wordings/evil", "/console/lists/evil", person + "?brand=" + url.QueryEscape(evil), "/console/?days=" + url.QueryEscape(evil), "/console/brands/evil", "/console/requests"}, pages[:5]...) {
		b.Get(path).Status(200).Lacks("<script>", "<img src=x")
	}
	for _, path := range []string{"/console/lists", "/console/definitions", "/console/keys", "/console/audit"} {
		b.Get(path).Status(200).Lacks("<script", "<img src=x").Says("&lt;script&gt;")
	}
	for _, field := range []string{"number", "region"} {
		b.Post("/console/number", field, evil).Lacks("<script")
	}
}

func TestAListIsChangedAsAWholeOrNotAtAll(t *testing.T) {
	f := start(t)
	b := f.as(access.Compliance)
	b.Post("/console/lists", "id", "own", "name", "Own", "kind", "own").Status(200)
	b.Post("/console/lists/own", "numbers", alice+"\nnonsense\n", "do", "add").Status(http.StatusUnprocessableEntity).Says("line 2", "Nothing was changed")
	b.Post("/console/lists/own", "numbers", "202 555 0123\n\n"+bob, "region", "US", "do", "add").Status(200).Says("2 added, 0 removed")
	_, a := b.person(alice)
	a.Says("On a suppression list")
	b.Post("/console/lists/own", "numbers", bob, "do", "remove").Status(200).Says("0 added, 1 removed")
	l, err := f.Lists.Get("own")
	if err != nil || l.Members != 1 {
		t.Errorf("got %+v %v, want one member", l, err)
	}
}

// conflicting leaves a grant told by an import after the person withdrew.
func conflicting(f *fixture, number string) {
	f.t.Helper()
	now := f.now()
	for _, r := range []act.Report{
		{Act: consent.Granted, Source: consent.WebForm, EffectiveAt: now.Add(-96 * time.Hour)},
		{Act: consent.Withdrawn, Source: consent.SMSReply, EffectiveAt: now.Add(-72 * time.Hour)},
		{Act: consent.Granted, Source: consent.Import, Via: consent.ViaImport, EffectiveAt: now.Add(-48 * time.Hour)},
	} {
		r.Number, r.Purpose, r.Channel = number, "marketing", consent.SMS
		f.record(r)
	}
}

func TestAConflictIsAcceptedWithEvidenceOrDismissed(t *testing.T) {
	f := start(t)
	conflicting(f, alice)
	conflicting(f, bob)
	b := f.as(access.Compliance)
	queue := b.Get("/console/conflicts").Status(200).Says("1 202-555-0123", "1 202-555-0124")
	decide := func(a answer, more ...string) answer {
		return b.Post("/console/conflicts", append([]string{
			"subject", a.Field("subject"), "grant", a.Field("grant"), "once", a.Field("once"),
			"brand", "default", "purpose", "marketing", "channel", "sms",
		}, more...)...)
	}
	before := f.now().Add(-80 * time.Hour).UTC().Format("2006-01-02T15:04")
	after := f.now().Add(-24 * time.Hour).UTC().Format("2006-01-02T15:04")
	decide(queue, "decision", "accept", "source", "paper", "effective_at", after).Status(422).Says("say what shows")
	decide(queue, "decision", "accept", "source", "import", "effective_at", after, "evidence", "x").Status(422)
	head := f.head()
	decide(queue, "decision", "accept", "source", "paper", "effective_at", before, "evidence", "form 7").Status(422).Says("must be later than the no")
	if f.head() != head {
		t.Error("what was refused left an entry that says it was accepted")
	}
	queue = b.Get("/console/conflicts")
	decide(queue, "decision", "accept", "source", "paper", "effective_at", after, "evidence", "form 7").Status(200).Says("Accepted").Lacks("202-555-0123")
	if got := f.status(alice); got != consent.StatusGranted {
		t.Errorf("after accepting the record is %s", got)
	}
	decide(queue, "decision", "dismiss").Status(200).Says("it was so already")
	queue = b.Get("/console/conflicts").Status(200)
	decide(queue, "decision", "dismiss").Status(200).Says("Dismissed", "No grant waits")
	if got := f.status(bob); got != consent.StatusRevoked {
		t.Errorf("after dismissing the record is %s", got)
	}
}

// status is where the record for marketing by SMS stands.
func (f *fixture) status(number string) consent.Status {
	f.t.Helper()
	s, err := f.Ledger.ByNumber(f.t.Context(), mustNumber(f.t, number))
	if err != nil {
		f.t.Fatal(err)
	}
	for _, h := range s.Records {
		if h.Scope == (consent.Scope{Brand: "default", Purpose: "marketing", Channel: consent.SMS}) {
			return h.Record.At(f.now())
		}
	}
	return consent.None
}

func TestAVersionOfAWordingShowsWhatItChanged(t *testing.T) {
	f := start(t)
	b := f.as(access.Marketer)
	b.Post("/console/wordings", "id", "w", "brand", "default", "language", "en", "text", "I agree to texts.").Status(200)
	b.Post("/console/wordings/w", "language", "en", "text", "I agree to many texts.").Status(200).Says("<ins>many</ins>", "Version 2")
	b.Post("/console/wordings/w", "language", "en", "text", "I agree to many texts.").Status(200).Says("Nothing changed")
	r := yes(alice)
	r.Disclosure = "w@2"
	f.record(r)
	f.count()
	b.Get("/console/wordings/w").Status(200).Says("1 records rest on it")
}

func TestAKeyIsShownOnceAndRevokedAtOnce(t *testing.T) {
	f := start(t)
	b := f.as(access.Admin)
	made := b.Post("/console/keys", "name", "dialler", "role", "sender").Status(200).Says("shown only now")
	_, rest, _ := strings.Cut(made.Text, `id="secret" readonly value="`)
	secret, _, _ := strings.Cut(rest, `"`)
	caller, err := f.Gate.Authenticate(secret)
	if err != nil || caller.Role != access.Sender {
		t.Fatalf("got %+v %v", caller, err)
	}
	b.Get("/console/keys").Status(200).Lacks(secret)
	b.Post("/console/keys/" + strings.TrimPrefix(caller.ID, "key:") + "/revoke").Status(200).Says("The key is revoked")
	if _, err := f.Gate.Authenticate(secret); err == nil {
		t.Error("the key still works")
	}
	b.Post("/console/keys", "name", "", "role", "sender").Status(http.StatusUnprocessableEntity)
	b.Post("/console/keys", "name", "x", "role", "emperor").Status(http.StatusUnprocessableEntity)

	limited := f.as(access.Admin, "default")
	limited.Post("/console/keys", "name", "wider", "role", "admin").Status(http.StatusForbidden)
	limited.Get("/console/keys").Status(200).Lacks("dialler")
}

func TestTheButtonVerifiesTheLog(t *testing.T) {
	f := start(t)
	f.record(yes(alice))
	b := f.as(access.Compliance)
	if err := f.Tree.WaitIntegrated(t.Context(), f.head()); err != nil {
		t.Fatal(err)
	}
	b.Post("/console/audit/verify").Status(200).Says("The log holds.", "open their commitments")
}

func TestAdministrativeActsAreEntriesThatTheAuditShows(t *testing.T) {
	f := start(t)
	b := f.as(access.Admin)
	b.Post("/console/brands", "id", "shop", "name", "Shop").Status(200)
	b.Post("/console/brands", "id", "shop", "retire", "yes").Status(200).Says("retired")
	f.as(access.Agent).Get("/console/keys").Status(http.StatusForbidden)
	b.Get("/console/audit").Status(200).Says("brand shop", "refused to manage keys", "signed in to the console", `&#34;retired&#34;: true`)
	f.as(access.Compliance).Get("/console/audit").Status(200).Says("Only those who manage keys may read this").Lacks("signed in to the console")
}

func TestALongTimelineComesInPages(t *testing.T) {
	f := start(t)
	reports := make([]act.Report, 0, 10_000)
	for i := range 10_000 {
		r := yes(alice)
		if r.EffectiveAt = f.now().Add(time.Duration(i-10_000) * time.Minute); i%2 == 1 {
			r.Act, r.Source = consent.Withdrawn, consent.SMSReply
		}
		reports = append(reports, r)
	}
	results, err := f.Recorder.Record(t.Context(), access.Local, reports)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		if r.Err != nil || r.Outcome != ledger.Recorded {
			t.Fatal(r.Outcome, r.Err)
		}
	}
	b := f.as(access.Agent)
	path, _ := b.person(alice)
	best := time.Hour
	for range 3 {
		began := time.Now()
		b.Get(path).Status(200)
		best = min(best, time.Since(began))
	}
	if limit := 50 * time.Millisecond * slower; best > limit {
		t.Errorf("the page took %s, want at most %s", best, limit)
	}
	a, seen, turned := b.Get(path), map[string]bool{}, 0
	for {
		for _, part := range strings.Split(a.Text, "as entry ")[1:] {
			seq, _, _ := strings.Cut(part, "<")
			seen[seq] = true
		}
		_, rest, more := strings.Cut(a.Text, `rel="next" href="`)
		if !more {
			break
		}
		next, _, _ := strings.Cut(rest, `"`)
		next, _, _ = strings.Cut(next, "#")
		a, turned = b.Get(next), turned+1
	}
	if len(seen) != 10_000 || turned != 199 {
		t.Errorf("saw %d entries on %d pages, want 10,000 on 200", len(seen), turned+1)
	}
}

func TestTheOverviewCountsEachActOnce(t *testing.T) {
	f := start(t)
	f.record(yes(alice))
	f.record(yes(bob))
	r := yes(bob)
	r.Act, r.Source = consent.Withdrawn, consent.SMSReply
	f.record(r)
	f.count()
	f.count()
	b := f.as(access.Viewer)
	b.Get("/console/?days=30").Status(200).Says(": 2 consents</title>", ": 1 withdrawals</title>", `<span class="big">1</span> <strong>Consents standing</strong>`, `<span class="big">1</span> <strong>Said no</strong>`)
	f.as(access.Viewer, "nobody").Get("/console/").Status(200).Says("Nobody said anything")
}
