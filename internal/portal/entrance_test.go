package portal_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/attempt"
	"github.com/consentline/consentline/internal/catalog"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/preference"
)

func TestACodeBySMSLeadsToThePersonsOwnChoices(t *testing.T) {
	f := start(t)
	f.brand(func(*catalog.Brand) {})
	f.record(yes(alice))
	f.get("/b/default?lang=en").status(200).says("Your choices at Default brand")
	f.post("/b/default?lang=en", "number", "12").status(422).says("not a phone number")
	asked := f.post("/b/default?lang=en", "number", "(202) 555-0123").status(200).says("a code is on its way").lacks("555-0123", "5550123")
	code := f.code()
	f.post("/b/default/code?lang=en", "request", asked.field("request"), "code", "x").status(422).says("This code is wrong")
	entered := f.post("/b/default/code?lang=en", "request", asked.field("request"), "code", code).status(200).says("Your choices", "Marketing")
	if path := entered.Request.URL.Path; !strings.HasPrefix(path, "/p/") {
		t.Errorf("it led to %s", path)
	}
	f.post("/b/default/code", "request", asked.field("request"), "code", code).status(422)
	f.pass(preference.EntryLasts)
	f.get(entered.Request.URL.Path).status(http.StatusGone)
}

func TestWhatTheEntranceAnswersTellsNothingOfANumber(t *testing.T) {
	f := start(t)
	f.brand(func(*catalog.Brand) {})
	f.record(yes(alice))
	ask := func(number string) string {
		a := f.post("/b/default?lang=en", "number", number).status(200)
		return strings.ReplaceAll(a.body, a.field("request"), "REQUEST")
	}
	if known, unknown := ask(alice), ask(bob); known != unknown {
		t.Errorf("the answers differ:\n%s\n%s", known, unknown)
	}
	if got := len(f.texts()); got != 1 {
		t.Errorf("%d messages went out, want one", got)
	}
	for range 2 {
		ask(alice)
		ask(bob)
	}
	if a, b := f.post("/b/default", "number", alice), f.post("/b/default", "number", bob); a.StatusCode != 429 || b.StatusCode != 429 {
		t.Errorf("the fourth code in an hour: %d for a known number, %d for an unknown one, want 429", a.StatusCode, b.StatusCode)
	}
	f.get("/b/none").status(http.StatusNotFound)
	f.pass(time.Minute)
	f.do(f.form("/b/default", "cross-site", "number", alice)).status(http.StatusForbidden)
}

func TestThePageTellsHowTheNumberIsUsedAndWhatWasSent(t *testing.T) {
	f := start(t)
	f.record(yes(alice))
	ctx := t.Context()
	if _, err := f.Catalog.CreateSender(ctx, "local", catalog.Sender{ID: "sc", Brand: "default", Kind: "short_code", Address: "21610", Channel: consent.SMS}); err != nil {
		t.Fatal(err)
	}
	path := f.link(alice) + "?lang=en"
	f.get(path).says("may contact you for: Marketing.", "come from: 21610.", "Nothing is recorded as sent to you lately")
	at := time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)
	for _, one := range []attempt.Attempt{
		{Number: number(t, alice), Brand: "default", Class: consent.Marketing, Channel: consent.SMS, At: at},
		{Number: number(t, alice), Brand: "default", Class: consent.ServiceAlert, Channel: consent.VoiceLive, Outcome: attempt.Unanswered, At: at.AddDate(0, 0, 1)},
		{Number: number(t, bob), Brand: "default", Class: consent.DebtCollection, Channel: consent.SMS, At: at},
	} {
		if _, err := f.Attempts.Report(ctx, one); err != nil {
			t.Fatal(err)
		}
	}
	f.get(path).says("2026-02-03", "SMS · offers and news", "2026-02-04", "phone call · service warnings · nobody answered").lacks("about a payment")
}

func TestAskingForErasureIsRecordedOnceAndErasesNothing(t *testing.T) {
	f := start(t)
	f.record(yes(alice))
	path := f.link(alice)
	f.get(path + "?lang=en").says("Somebody there looks at each request")
	f.do(f.form(path+"/erase", "cross-site")).status(http.StatusForbidden)
	head := f.head()
	for range 2 {
		f.post(path + "/erase?lang=en").status(200).says("You asked Default brand on " + f.now().UTC().Format(time.DateOnly))
	}
	if got := f.head(); got != head+1 {
		t.Errorf("asking twice left %d entries", got-head)
	}
	waiting, err := f.Erasures.Waiting(t.Context(), 0, 10)
	if err != nil || len(waiting) != 1 || waiting[0].Subject != f.subject(alice).ID {
		t.Errorf("waiting are %+v, %v", waiting, err)
	}
	f.post("/p/forged/erase").status(http.StatusNotFound)
	f.pass(preference.Lasts + time.Minute)
	f.post(path + "/erase").status(http.StatusGone)
}
