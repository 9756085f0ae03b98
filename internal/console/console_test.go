package console_test

import (
	"encoding/hex"
	"net/http"
	"net/url"
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
		a := b.get(strings.ReplaceAll(path, "harbour-en", "x"))
		a.status(http.StatusUnauthorized).says("Sign in to Consentline").lacks("Sign out")
	}
	b.post("/console/keys", "name", "x", "role", "admin").status(http.StatusUnauthorized)
	if n := len(f.Gate.Keys()); n != 0 {
		t.Errorf("a visitor made %d keys", n)
	}
}

func TestSignInExchangesTheKeyForACookieThatScriptsCannotRead(t *testing.T) {
	f := start(t)
	_, secret := f.key(access.Agent)
	b := f.visitor()
	b.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	b.post("/console/sign-in", "key", "cl_wrong").status(http.StatusUnprocessableEntity).says("unknown, expired or revoked").lacks("cl_wrong")
	r := b.form("/console/sign-in", "same-origin", "key", secret)
	r.Header.Set("X-Forwarded-Proto", "https")
	a := b.do(r).status(http.StatusSeeOther)
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
		b.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		if got := b.post("/console/sign-in", "key", secret, "to", to).status(http.StatusSeeOther).Header.Get("Location"); got != "/console/" {
			t.Errorf("to %q leads to %q", to, got)
		}
	}
}

func TestTriesOfKeysFromOneAddressAreSlowedDown(t *testing.T) {
	f := start(t)
	b := f.visitor()
	last := 0
	for range 30 {
		last = b.post("/console/sign-in", "key", "cl_guess").StatusCode
	}
	if last != http.StatusTooManyRequests {
		t.Errorf("the thirtieth try got %d, want 429", last)
	}
	f.pass(time.Minute)
	b.post("/console/sign-in", "key", "cl_guess").status(http.StatusUnprocessableEntity)
}

func TestASessionEndsWithItsKeyItsTimeAndSignOut(t *testing.T) {
	f := start(t)
	id, secret := f.key(access.Viewer)
	b := f.visitor()
	b.signIn(secret)
	b.get("/console/").status(200)
	if _, err := f.Gate.Revoke(t.Context(), access.Local, id); err != nil {
		t.Fatal(err)
	}
	b.get("/console/").status(http.StatusUnauthorized)

	b = f.as(access.Viewer)
	f.pass(session.Idle + time.Minute)
	b.get("/console/").status(http.StatusUnauthorized)

	b = f.as(access.Viewer)
	for range 13 { // in use all the time, and still not for ever
		f.pass(time.Hour)
		b.get("/console/")
	}
	b.get("/console/").status(http.StatusUnauthorized)

	b = f.as(access.Viewer)
	kept := b.client.Jar.Cookies(mustURL(t, f.http.URL+"/console/"))[0].Value
	b.post("/console/sign-out").status(200)
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
		b.do(b.form(path, "cross-site", "name", "x", "id", "x", "role", "admin")).status(http.StatusForbidden)
	}
	r := b.form("/console/brands", "", "id", "x", "name", "x")
	r.Header.Del("Sec-Fetch-Site")
	r.Header.Set("Origin", "https://evil.example")
	b.do(r).status(http.StatusForbidden)
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
	asked := b.post("/console/brands", "id", "typed", "name", `Typed & "kept"`).status(http.StatusUnauthorized).says("What you typed is kept")
	resumed := b.post("/console/sign-in", "key", secret, "to", asked.field("to"), "carried.id", asked.field("carried.id"), "carried.name", `Typed & "kept"`).status(200)
	resumed.says("Send what I typed", `action="/console/brands"`, "Typed &amp; &#34;kept&#34;")
	b.post("/console/brands", "id", resumed.field("id"), "name", `Typed & "kept"`).status(200)
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
		for _, link := range strings.Split(a.body, `href="`)[1:] {
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
	b.get(path).status(200).says("1 202-555-0123", "nothing is held about it")
	f.as(access.Agent).get(path).status(http.StatusNotFound)
	b.get(path[:len(path)-2] + "AA").status(http.StatusNotFound)
	f.pass(61 * time.Minute)
	b.get(path).status(http.StatusNotFound)
}

func TestANumberIsFoundInAnyFormat(t *testing.T) {
	f := start(t)
	f.record(yes(alice))
	b := f.as(access.Agent)
	want, _ := b.person(alice)
	for _, text := range []string{"(202) 555-0123", "202.555.0123", "1-202-555-0123", "tel:+1-202-555-0123", "  +1 202 555 0123 "} {
		if got := b.post("/console/number", "number", text, "region", "US").status(200).Request.URL.Path; got != want {
			t.Errorf("%q led to %s, want %s", text, got, want)
		}
	}
	b.post("/console/number", "number", "<b>12</b>").status(http.StatusUnprocessableEntity).lacks("<b>12")
}

func TestRecordingAYesAndANoChangesTheVerdict(t *testing.T) {
	f := start(t)
	b := f.as(access.Agent)
	path, _ := b.person(alice)
	ask := "?brand=default&purpose=marketing&channel=sms"
	b.get(path + ask).status(200).says("Nobody has given consent for this number in this scope.")

	form := b.get(path+"/record"+ask+"&act=granted").status(200).says("Read these words out", "Default brand")
	fields := []string{"once", form.field("once"), "act", "granted", "brand", "default", "purpose", "marketing", "channel", "sms", "script", "", "source", "voice_call", "level", "express_written", "evidence", "recording 17"}
	b.post(path+"/record", fields...).status(http.StatusUnprocessableEntity).says("tick this only if the person said yes", "recording 17")
	known := b.post(path+"/record", append(fields, "said_yes", "1")...).status(200)
	known.says("Every check is answered from after it", "recording 17", "Phone call", "agent of the tests", "Do you agree that Default brand contacts you")
	person := known.Request.URL.Path
	b.get(person + ask).status(200).says(`<b>Yes</b> The person&#39;s record says yes`)

	head := f.head()
	b.post(path+"/record", append(fields, "said_yes", "1")...).status(200).says("had been recorded before")
	if f.head() != head {
		t.Error("the same form sent twice left another entry")
	}

	no := b.get(person + "/record?act=withdrawn&brand=*&purpose=*&channel=*")
	f.as(access.Admin).post(person+"/record", "once", "o", "act", "withdrawn", "brand", "*", "purpose", "*", "channel", "*", "source", "voice_call").status(200).says("every brand · every purpose · every channel")
	no.status(200).says("Record the no")
	b.get(person+ask).status(200).says("The person withdrew consent.", `<span class="verdict deny">deny</span>`)
}

func TestPermissionsAndBrandsLimitWhatIsSeenAndDone(t *testing.T) {
	f := start(t)
	for _, id := range []string{"ours", "theirs"} {
		f.as(access.Admin).post("/console/brands", "id", id, "name", id).status(200)
	}
	r := yes(alice)
	r.Brand = "theirs"
	f.record(r)
	b := f.as(access.Agent, "ours")
	path, a := b.person(alice)
	a.says("nothing is held about it").lacks("theirs · marketing")
	s, err := f.Ledger.ByNumber(t.Context(), mustNumber(t, alice))
	if err != nil {
		t.Fatal(err)
	}
	b.get("/console/people/" + hex.EncodeToString(s.ID[:])).status(http.StatusNotFound)
	b.post(path+"/record", "once", "o", "act", "withdrawn", "brand", "theirs", "purpose", "marketing", "channel", "sms", "source", "agent").status(http.StatusForbidden)
	b.get("/console/keys").status(http.StatusForbidden)

	viewer := f.as(access.Viewer)
	_, seen := viewer.person(alice)
	seen.lacks("202-555-0123", "Record a yes").says("theirs · marketing")
	limited := f.as(access.Viewer, "ours")
	limited.get("/console/audit").status(http.StatusForbidden)
	f.as(access.Sender).get("/console/").status(http.StatusForbidden)
}

func TestHostileTextIsShownAsText(t *testing.T) {
	f := start(t)
	const evil = `"><script>alert(1)</script><img src=x onerror=alert(2)>'`
	b := f.as(access.Admin)
	b.post("/console/brands", "id", "evil", "name", evil, "contact", evil).status(200)
	b.post("/console/purposes", "id", "evil", "name", evil, "class", "marketing", "description", evil).status(200)
	b.post("/console/senders", "id", "evil", "brand", "evil", "kind", "alphanumeric", "address", evil, "channel", "sms")
	b.post("/console/wordings", "id", "evil", "brand", "evil", "language", "en", "text", evil).status(200)
	b.post("/console/wordings/evil", "language", "en", "text", evil+" and more").status(200)
	b.post("/console/lists", "id", "evil", "name", evil, "kind", "own", "source", evil).status(200)
	b.post("/console/lists/evil", "numbers", alice+"\n"+bob, "do", "add").status(200)
	b.post("/console/keys", "name", evil, "role", "agent").status(200)
	r := yes(alice)
	r.Brand, r.Purpose, r.Method, r.Actor, r.Evidence, r.Disclosure = "evil", "evil", evil, evil, evil, "evil@2"
	f.record(r)
	f.count()
	person, _ := b.person(alice)
	for _, path := range append([]string{person, person + "/record?act=granted&brand=evil&purpose=evil&channel=sms", "/console/wordings/evil", "/console/lists/evil", person + "?brand=" + url.QueryEscape(evil), "/console/?days=" + url.QueryEscape(evil), "/console/brands/evil", "/console/requests"}, pages[:5]...) {
		b.get(path).status(200).lacks("<script>", "<img src=x")
	}
	for _, path := range []string{"/console/lists", "/console/definitions", "/console/keys", "/console/audit"} {
		b.get(path).status(200).lacks("<script", "<img src=x").says("&lt;script&gt;")
	}
	for _, field := range []string{"number", "region"} {
		b.post("/console/number", field, evil).lacks("<script")
	}
}

func TestAListIsChangedAsAWholeOrNotAtAll(t *testing.T) {
	f := start(t)
	b := f.as(access.Compliance)
	b.post("/console/lists", "id", "own", "name", "Own", "kind", "own").status(200)
	b.post("/console/lists/own", "numbers", alice+"\nnonsense\n", "do", "add").status(http.StatusUnprocessableEntity).says("line 2", "Nothing was changed")
	b.post("/console/lists/own", "numbers", "202 555 0123\n\n"+bob, "region", "US", "do", "add").status(200).says("2 added, 0 removed")
	_, a := b.person(alice)
	a.says("On a suppression list")
	b.post("/console/lists/own", "numbers", bob, "do", "remove").status(200).says("0 added, 1 removed")
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
	queue := b.get("/console/conflicts").status(200).says("1 202-555-0123", "1 202-555-0124")
	decide := func(a answer, more ...string) answer {
		return b.post("/console/conflicts", append([]string{
			"subject", a.field("subject"), "grant", a.field("grant"), "once", a.field("once"),
			"brand", "default", "purpose", "marketing", "channel", "sms",
		}, more...)...)
	}
	before := f.now().Add(-80 * time.Hour).UTC().Format("2006-01-02T15:04")
	after := f.now().Add(-24 * time.Hour).UTC().Format("2006-01-02T15:04")
	decide(queue, "decision", "accept", "source", "paper", "effective_at", after).status(422).says("say what shows")
	decide(queue, "decision", "accept", "source", "import", "effective_at", after, "evidence", "x").status(422)
	decide(queue, "decision", "accept", "source", "paper", "effective_at", before, "evidence", "form 7").status(422).says("must be later than the no")
	queue = b.get("/console/conflicts")
	decide(queue, "decision", "accept", "source", "paper", "effective_at", after, "evidence", "form 7").status(200).says("Accepted").lacks("202-555-0123")
	if got := f.status(alice); got != consent.StatusGranted {
		t.Errorf("after accepting the record is %s", got)
	}
	decide(queue, "decision", "dismiss").status(200).says("it was so already")
	queue = b.get("/console/conflicts").status(200)
	decide(queue, "decision", "dismiss").status(200).says("Dismissed", "No grant waits")
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
	b.post("/console/wordings", "id", "w", "brand", "default", "language", "en", "text", "I agree to texts.").status(200)
	b.post("/console/wordings/w", "language", "en", "text", "I agree to many texts.").status(200).says("<ins>many</ins>", "Version 2")
	b.post("/console/wordings/w", "language", "en", "text", "I agree to many texts.").status(200).says("Nothing changed")
	r := yes(alice)
	r.Disclosure = "w@2"
	f.record(r)
	f.count()
	b.get("/console/wordings/w").status(200).says("1 records rest on it")
}

func TestAKeyIsShownOnceAndRevokedAtOnce(t *testing.T) {
	f := start(t)
	b := f.as(access.Admin)
	made := b.post("/console/keys", "name", "dialler", "role", "sender").status(200).says("shown only now")
	_, rest, _ := strings.Cut(made.body, `id="secret" readonly value="`)
	secret, _, _ := strings.Cut(rest, `"`)
	caller, err := f.Gate.Authenticate(secret)
	if err != nil || caller.Role != access.Sender {
		t.Fatalf("got %+v %v", caller, err)
	}
	b.get("/console/keys").status(200).lacks(secret)
	b.post("/console/keys/" + strings.TrimPrefix(caller.ID, "key:") + "/revoke").status(200).says("The key is revoked")
	if _, err := f.Gate.Authenticate(secret); err == nil {
		t.Error("the key still works")
	}
	b.post("/console/keys", "name", "", "role", "sender").status(http.StatusUnprocessableEntity)
	b.post("/console/keys", "name", "x", "role", "emperor").status(http.StatusUnprocessableEntity)

	limited := f.as(access.Admin, "default")
	limited.post("/console/keys", "name", "wider", "role", "admin").status(http.StatusForbidden)
	limited.get("/console/keys").status(200).lacks("dialler")
}

func TestTheButtonVerifiesTheLog(t *testing.T) {
	f := start(t)
	f.record(yes(alice))
	b := f.as(access.Compliance)
	if err := f.Tree.WaitIntegrated(t.Context(), f.head()); err != nil {
		t.Fatal(err)
	}
	b.post("/console/audit/verify").status(200).says("The log holds.", "open their commitments")
}

func TestAdministrativeActsAreEntriesThatTheAuditShows(t *testing.T) {
	f := start(t)
	b := f.as(access.Admin)
	b.post("/console/brands", "id", "shop", "name", "Shop").status(200)
	b.post("/console/brands", "id", "shop", "retire", "yes").status(200).says("retired")
	f.as(access.Agent).get("/console/keys").status(http.StatusForbidden)
	b.get("/console/audit").status(200).says("brand shop", "refused to manage keys", "signed in to the console", `&#34;retired&#34;: true`)
	f.as(access.Compliance).get("/console/audit").status(200).says("Only those who manage keys may read this").lacks("signed in to the console")
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
		b.get(path).status(200)
		best = min(best, time.Since(began))
	}
	if limit := 50 * time.Millisecond * slower; best > limit {
		t.Errorf("the page took %s, want at most %s", best, limit)
	}
	a, seen, turned := b.get(path), map[string]bool{}, 0
	for {
		for _, part := range strings.Split(a.body, "as entry ")[1:] {
			seq, _, _ := strings.Cut(part, "<")
			seen[seq] = true
		}
		_, rest, more := strings.Cut(a.body, `rel="next" href="`)
		if !more {
			break
		}
		next, _, _ := strings.Cut(rest, `"`)
		next, _, _ = strings.Cut(next, "#")
		a, turned = b.get(next), turned+1
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
	b.get("/console/?days=30").status(200).says(": 2 consents</title>", ": 1 withdrawals</title>", `<span class="big">1</span> <strong>Consents standing</strong>`, `<span class="big">1</span> <strong>Said no</strong>`)
	f.as(access.Viewer, "nobody").get("/console/").status(200).says("Nobody said anything")
}
