package portal_test

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/catalog"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/form"
)

func TestAFormRecordsTheExactWordsAndThePageThatShowedThem(t *testing.T) {
	f := start(t)
	f.newsletter()
	shown := f.Get("/o/news", "Accept-Language", "de-AT,de;q=0.9,en;q=0.5").Status(200).
		Says("Ich will SMS von der Standardmarke.", "Ihre Telefonnummer").Lacks("checked")
	r := f.Form("/o/news?from=https%3A%2F%2Fshop.example%2Fcheckout%3Ftoken%3Dsecret%23x", "same-origin",
		"page", shown.Field("page"), "once", shown.Field("once"), "lang", "de", "number", "(202) 555-0123", "agree", "marketing/sms")
	r.Header.Set("User-Agent", "A browser")
	f.Do(r).Status(200).Says("Vielen Dank")
	e := f.last(alice)
	a, _ := e.Act()
	w, err := f.Catalog.Wording(a.Disclosure)
	if err != nil || w.Language != "de-DE" || a.Kind != consent.Granted || a.Source != consent.WebForm || a.Level != consent.ExpressWritten {
		t.Errorf("the act is %+v in %+v, %v", a, w, err)
	}
	var captured struct{ Page, URL, Address, Agent, Language string }
	if err := json.Unmarshal([]byte(a.Evidence), &captured); err != nil {
		t.Fatal(err, a.Evidence)
	}
	if captured.URL != "https://shop.example/checkout" || captured.Address != "127.0.0.1" || captured.Agent != "A browser" || captured.Language != "de" {
		t.Errorf("the evidence is %+v", captured)
	}
	page, err := f.Forms.Page(t.Context(), captured.Page)
	if err != nil || !strings.Contains(string(page), w.Text) || strings.Contains(string(page), "555-0123") {
		t.Errorf("the page that was kept is %s, %v", page, err)
	}
	head := f.head()
	f.Post("/o/news", "page", shown.Field("page"), "once", shown.Field("once"), "lang", "de", "number", alice, "agree", "marketing/sms")
	if f.head() != head {
		t.Error("the same form sent twice left two entries")
	}
}

func TestAFormThatNoBrowserSendsIsRefusedAndNoFailureOfOurs(t *testing.T) {
	f := start(t)
	f.newsletter()
	f.record(yes(alice))
	for _, path := range []string{"/o/news", f.link(alice)} {
		r := f.Form(path, "same-origin")
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader("number=%zz")), -1
		f.Do(r).Status(http.StatusBadRequest).Says("Nothing was changed")
	}
}

// A browser that goes back shows the form as it was sent, with the key that it was sent under.
func TestAFormThatCameBackCanBeSentForAnotherNumber(t *testing.T) {
	for name, change := range map[string]func(*form.Form){"agrees": func(*form.Form) {}, "asks": func(one *form.Form) { one.Confirm = true }} {
		t.Run(name, func(t *testing.T) {
			f := start(t)
			f.newsletter(change)
			shown := f.Get("/o/news")
			send := func(number string) answer {
				return f.Post("/o/news", "page", shown.Field("page"), "once", shown.Field("once"), "number", number, "agree", "marketing/sms").Status(200)
			}
			send(bob)
			send(alice)
			if a, b := f.status(alice), f.status(bob); a == consent.None || a != b {
				t.Errorf("the record of the number that was corrected is %s, of the first %s", a, b)
			}
		})
	}
}

func TestAFormSentTwiceIsAnsweredAlikeFromWhereverAndWhateverCameBetween(t *testing.T) {
	f := start(t)
	f.newsletter()
	shown := f.Get("/o/news")
	send := func(agent string) answer {
		r := f.Form("/o/news", "same-origin", "page", shown.Field("page"), "once", shown.Field("once"), "number", alice, "agree", "marketing/sms")
		r.Header.Set("User-Agent", agent)
		return f.Do(r).Status(200)
	}
	send("A browser")
	head := f.head()
	send("Another browser")
	if f.head() != head {
		t.Error("the same form sent again left another entry")
	}
	f.Post(f.link(alice) + "/stop").Status(200)
	head = f.head()
	send("A browser")
	if got := f.status(alice); f.head() != head || got != consent.StatusWithdrawn {
		t.Errorf("the form from before the withdrawal left an entry, and %s", got)
	}
}

func TestAFormThatIsNotFilledInRecordsNothing(t *testing.T) {
	f := start(t)
	f.newsletter()
	shown := f.Get("/o/news").Status(200)
	head := f.head()
	page := shown.Field("page")
	f.Post("/o/news", "page", page, "number", alice).Status(422).Says("Nothing is ticked")
	f.Post("/o/news", "page", page, "number", "12", "agree", "marketing/sms").Status(422).Says("not a phone number", "checked")
	f.Post("/o/news", "page", page, "number", alice, "agree", "transactional/sms").Status(422).Says("Nothing is ticked")
	f.Post("/o/news", "page", "sha256:00", "number", alice, "agree", "marketing/sms").Status(422).Says("has changed meanwhile").Lacks("checked")
	f.Post("/o/nothing", "page", page, "number", alice, "agree", "marketing/sms").Status(http.StatusNotFound)
	f.Do(f.Form("/o/news", "cross-site", "page", page, "number", alice, "agree", "marketing/sms")).Status(http.StatusForbidden)
	if f.head() != head {
		t.Error("an entry was left")
	}
}

func TestWordsThatChangedMeanwhileAreShownAgain(t *testing.T) {
	f := start(t)
	f.newsletter()
	page := f.Get("/o/news").Field("page")
	if _, err := f.Catalog.AddVersion(t.Context(), "local", "news-en", catalog.Wording{Language: "en-US", Text: "Anything goes."}, f.now()); err != nil {
		t.Fatal(err)
	}
	again := f.Post("/o/news", "page", page, "number", alice, "agree", "marketing/sms").Status(422).Says("Anything goes.").Lacks("checked")
	f.Post("/o/news", "page", again.Field("page"), "number", alice, "agree", "marketing/sms").Status(200)
	if got := f.status(alice); got != consent.StatusGranted {
		t.Errorf("the record is %s", got)
	}
}

// Anybody can type any number into a form.
func TestAStrangerCannotLiftANoThroughAForm(t *testing.T) {
	f := start(t)
	f.newsletter()
	f.record(yes(alice))
	f.Post(f.link(alice) + "/stop").Status(200)
	page := f.Get("/o/news").Field("page")
	mine := f.Post("/o/news", "page", page, "number", bob, "agree", "marketing/sms").Status(200)
	for range 2 {
		theirs := f.Post("/o/news", "page", page, "number", alice, "agree", "marketing/sms").Status(200)
		if theirs.Text != mine.Text {
			t.Error("the answer tells that somebody had said no")
		}
		if got := f.status(alice); got != consent.Pending {
			t.Errorf("the record is %s, want pending", got)
		}
	}
	if got := f.status(bob); got != consent.StatusGranted {
		t.Errorf("the record of who never said no is %s", got)
	}
}

func TestAFormMayStandOnlyInTheSitesItNames(t *testing.T) {
	f := start(t)
	f.newsletter(func(one *form.Form) { one.Origins = []string{"https://shop.example"} })
	got := f.Get("/o/news").Header.Get("Content-Security-Policy")
	if !strings.Contains(got, "frame-ancestors 'self' https://shop.example") || strings.Contains(got, "unsafe") {
		t.Errorf("the policy is %q", got)
	}
	shown := f.Get("/o/news")
	framed := []answer{
		f.Post("/o/news", "number", "x").Status(422),
		f.Post("/o/news", "page", shown.Field("page"), "number", alice, "agree", "marketing/sms").Status(200),
		f.Post("/o/news/confirm", "handle", "x", "code", "1").Status(422),
	}
	for _, a := range framed {
		if got := a.Header.Get("Content-Security-Policy"); !strings.Contains(got, "frame-ancestors 'self' https://shop.example") {
			t.Errorf("%s %d within the site has the policy %q", a.Request.URL.Path, a.StatusCode, got)
		}
	}
	for _, bad := range []string{"https://shop.example/path", "shop.example", "*", "https://a; script-src *", "javascript:x"} {
		err := f.Forms.Change(t.Context(), "local", form.Form{ID: "news", Brand: "default", Origins: []string{bad}, Items: []form.Item{{Purpose: "marketing", Channel: consent.SMS, Wordings: []string{"news-en"}}}})
		if err == nil {
			t.Errorf("%q was taken for a site", bad)
		}
	}
}

func TestTheScriptToEmbedIsSmall(t *testing.T) {
	f := start(t)
	for _, path := range []string{"/o/embed.js", "/o/height.js"} {
		if a := f.Get(path).Status(200); len(a.Text) == 0 || len(a.Text) > 10_000 {
			t.Errorf("%s has %d bytes", path, len(a.Text))
		}
	}
}

func TestFormsFromOneAddressAreSlowedDown(t *testing.T) {
	f := start(t)
	f.newsletter()
	last := 0
	for range 15 {
		last = f.Post("/o/news", "number", "x").StatusCode
	}
	if last != http.StatusTooManyRequests {
		t.Errorf("the fifteenth form got %d, want 429", last)
	}
	f.pass(time.Minute)
	f.Post("/o/news", "number", "x").Status(422)
}

func TestHostileTextIsShownAsText(t *testing.T) {
	f := start(t)
	const evil = `"><script>alert(1)</script><img src=x onerror=alert(2)>'`
	ctx := t.Context()
	if _, err := f.Catalog.CreateBrand(ctx, "local", catalog.Brand{ID: "evil", Name: evil, Contact: evil}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Catalog.CreatePurpose(ctx, "local", catalog.Purpose{ID: "evil", Name: evil, Class: consent.Marketing, Description: evil}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Catalog.CreateDisclosure(ctx, "local", catalog.Disclosure{ID: "evil", Brand: "evil", Purpose: "evil"}, catalog.Wording{Language: "en", Text: evil}, f.now()); err != nil {
		t.Fatal(err)
	}
	if err := f.Forms.Create(ctx, "local", form.Form{ID: "evil", Brand: "evil", Items: []form.Item{{Purpose: "evil", Channel: consent.SMS, Wordings: []string{"evil"}}}}); err != nil {
		t.Fatal(err)
	}
	r := yes(alice)
	r.Brand, r.Purpose, r.Disclosure = "evil", "evil", "evil@1"
	f.record(r)
	path := "/p/" + f.Links.Sign(f.subject(alice).ID, "evil", 0)
	for _, p := range []string{path, path + "/stop", "/o/evil", "/o/evil?from=" + "%22%3E%3Cscript%3E", path + "?lang=%3Cscript%3E"} {
		f.Get(p).Status(200).Lacks("<script>", "<img").Says(evil)
	}
	f.Post("/o/evil", "number", evil, "agree", evil, "page", evil, "lang", evil).Status(422).Lacks("<script>", "<img")
}

func TestEveryLanguageSaysEverythingWithTheSamePlaceholders(t *testing.T) {
	read := func(tag string) map[string]string {
		text, err := os.ReadFile("messages/" + tag + ".json")
		if err != nil {
			t.Fatal(err)
		}
		out := map[string]string{}
		if err := json.Unmarshal(text, &out); err != nil {
			t.Fatal(tag, err)
		}
		return out
	}
	en := read("en")
	for _, tag := range []string{"de", "fr", "es", "pt", "fi", "is"} {
		other := read(tag)
		if len(other) != len(en) {
			t.Errorf("%s has %d messages, English %d", tag, len(other), len(en))
		}
		for key, text := range en {
			for _, placeholder := range []string{"{brand}", "{number}", "{date}", "{channel}", "{purpose}"} {
				if strings.Contains(text, placeholder) != strings.Contains(other[key], placeholder) {
					t.Errorf("%s of %s: %q against %q", key, tag, other[key], text)
				}
			}
			if other[key] == "" {
				t.Errorf("%s lacks %s", tag, key)
			}
		}
	}
	for _, kind := range consent.Kinds {
		if en["act."+kind.String()] == "" {
			t.Errorf("no words for %s", kind)
		}
	}
	for status := consent.None; status <= consent.StatusExpired; status++ {
		if en["status."+status.String()] == "" {
			t.Errorf("no words for %s", status)
		}
	}
	for _, c := range append([]consent.Channel{consent.AnyChannel}, consent.Channels...) {
		if en["channel."+c.String()] == "" {
			t.Errorf("no words for %s", c)
		}
	}
}
