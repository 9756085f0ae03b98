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
	f.Get("/b/default?lang=en").Status(200).Says("Your choices at Default brand")
	f.Post("/b/default?lang=en", "number", "12").Status(422).Says("not a phone number")
	asked := f.Post("/b/default?lang=en", "number", "(202) 555-0123").Status(200).Says("a code is on its way").Lacks("555-0123", "5550123")
	code := f.code()
	f.Post("/b/default/code?lang=en", "request", asked.Field("request"), "code", "x").Status(422).Says("This code is wrong")
	entered := f.Post("/b/default/code?lang=en", "request", asked.Field("request"), "code", code).Status(200).Says("Your choices", "Marketing")
	if path := entered.Request.URL.Path; !strings.HasPrefix(path, "/p/") {
		t.Errorf("it led to %s", path)
	}
	f.Post("/b/default/code", "request", asked.Field("request"), "code", code).Status(422)
	f.pass(preference.EntryLasts)
	f.Get(entered.Request.URL.Path).Status(http.StatusGone)
}

func TestWhatTheEntranceAnswersTellsNothingOfANumber(t *testing.T) {
	f := start(t)
	f.brand(func(*catalog.Brand) {})
	f.record(yes(alice))
	ask := func(number string) string {
		a := f.Post("/b/default?lang=en", "number", number).Status(200)
		return strings.ReplaceAll(a.Text, a.Field("request"), "REQUEST")
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
	if a, b := f.Post("/b/default", "number", alice), f.Post("/b/default", "number", bob); a.StatusCode != 429 || b.StatusCode != 429 {
		t.Errorf("the fourth code in an hour: %d for a known number, %d for an unknown one, want 429", a.StatusCode, b.StatusCode)
	}
	f.Get("/b/none").Status(http.StatusNotFound)
	f.pass(time.Minute)
	f.Do(f.Form("/b/default", "cross-site", "number", alice)).Status(http.StatusForbidden)
}

func TestThePageTellsHowTheNumberIsUsedAndWhatWasSent(t *testing.T) {
	f := start(t)
	f.record(yes(alice))
	ctx := t.Context()
	if _, err := f.Catalog.CreateSender(ctx, "local", catalog.Sender{ID: "sc", Brand: "default", Kind: "short_code", Address: "21610", Channel: consent.SMS}); err != nil {
		t.Fatal(err)
	}
	path := f.link(alice) + "?lang=en"
	f.Get(path).Says("may contact you for: Marketing.", "come from: 21610.", "Nothing is recorded as sent to you lately")
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
	f.Get(path).Says("2026-02-03", "SMS · offers and news", "2026-02-04", "phone call · service warnings · nobody answered").Lacks("about a payment")
}

func TestAskingForErasureIsRecordedOnceAndErasesNothing(t *testing.T) {
	f := start(t)
	f.record(yes(alice))
	path := f.link(alice)
	f.Get(path + "?lang=en").Says("Somebody there looks at each request")
	f.Do(f.Form(path+"/erase", "cross-site")).Status(http.StatusForbidden)
	head := f.head()
	for range 2 {
		f.Post(path + "/erase?lang=en").Status(200).Says("You asked Default brand on " + f.now().UTC().Format(time.DateOnly))
	}
	if got := f.head(); got != head+1 {
		t.Errorf("asking twice left %d entries", got-head)
	}
	waiting, err := f.Erasures.Waiting(t.Context(), 0, 10)
	if err != nil || len(waiting) != 1 || waiting[0].Subject != f.subject(alice).ID {
		t.Errorf("waiting are %+v, %v", waiting, err)
	}
	f.Post("/p/forged/erase").Status(http.StatusNotFound)
	f.pass(preference.Lasts + time.Minute)
	f.Post(path + "/erase").Status(http.StatusGone)
}
