package portal_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/catalog"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/form"
)

// fill ticks the newsletter's box for a number.
func (f *fixture) fill(number string) answer {
	f.t.Helper()
	shown := f.Get("/o/news?lang=en")
	return f.Post("/o/news?lang=en", "page", shown.Field("page"), "once", shown.Field("once"), "lang", "en", "number", number, "agree", "marketing/sms")
}

func confirm(one *form.Form) { one.Confirm = true }

func TestAFormThatAsksForConfirmationSendsACodeThatGrants(t *testing.T) {
	f := start(t)
	f.newsletter(confirm)
	asked := f.fill(alice).Status(200).Says("a code is on its way")
	if got := f.status(alice); got != consent.Pending {
		t.Fatalf("the record is %s, want pending", got)
	}
	code := f.code()
	wrong := "111111"
	if code == wrong {
		wrong = "222222"
	}
	f.Post("/o/news/confirm", "handle", asked.Field("handle"), "lang", "en", "code", wrong).Status(422).Says("This code is wrong")
	f.Post("/o/news/confirm", "handle", asked.Field("handle"), "lang", "en", "code", code).Status(200).Says("Your choice counts from now on")
	a, _ := new(f.last(alice)).Act()
	w, err := f.Catalog.Wording(a.Disclosure)
	if err != nil || !a.Confirmed || a.Kind != consent.Granted || a.Level != consent.ExpressWritten || !strings.HasPrefix(w.Text, "I agree to texts") || !strings.Contains(a.Evidence, "sha256:") {
		t.Errorf("the act is %+v in %+v, %v", a, w, err)
	}
	head := f.head()
	f.Post("/o/news/confirm", "handle", asked.Field("handle"), "lang", "en", "code", code).Status(422)
	f.fill(alice).Status(200)
	if got := f.status(alice); got != consent.StatusGranted || len(f.texts()) != 1 || f.head() != head {
		t.Errorf("after it: %s, %d messages, %d new entries", got, len(f.texts()), f.head()-head)
	}
}

func TestAPurposeMayAskForConfirmationOnEveryForm(t *testing.T) {
	f := start(t)
	f.newsletter()
	purpose, err := f.Catalog.Purpose("marketing")
	if err != nil {
		t.Fatal(err)
	}
	purpose.DoubleOptIn = true
	if _, err := f.Catalog.ChangePurpose(t.Context(), "local", purpose); err != nil {
		t.Fatal(err)
	}
	f.fill(alice).Status(200).Says("a code is on its way")
	if got := f.status(alice); got != consent.Pending {
		t.Errorf("the record is %s, want pending", got)
	}
}

func TestAFormMayAskForAnAnswerInPlaceOfACode(t *testing.T) {
	f := start(t)
	f.newsletter(confirm, func(one *form.Form) { one.ConfirmBy = form.ByReply })
	f.fill(alice).Status(200).Says("Answer it with YES").Lacks(`name="code"`)
	if texts := f.texts(); len(texts) != 1 || !strings.Contains(texts[0], "YES") || !strings.Contains(texts[0], "I agree to texts") {
		t.Errorf("sent %q", texts)
	}
	one := form.Form{ID: "news", Brand: "default", ConfirmBy: "pigeon", Items: []form.Item{{Purpose: "marketing", Channel: consent.SMS, Wordings: []string{"news-en"}}}}
	if err := f.Forms.Change(t.Context(), "local", one); err == nil {
		t.Error("another way was taken")
	}
}

// Anybody can type any number: what they are told must not differ, and nobody is sent what was not asked for.
func TestWhatAFormAnswersTellsNothingOfANumber(t *testing.T) {
	f := start(t)
	f.newsletter(confirm)
	f.record(yes(alice))
	f.Post(f.link(alice) + "/stop").Status(200)
	handle := func(a answer) string { return strings.ReplaceAll(a.Text, a.Field("handle"), "HANDLE") }
	known, unknown, abroad := f.fill(alice).Status(200), f.fill(bob).Status(200), f.fill("+447700900123").Status(200)
	if handle(known) != handle(unknown) || handle(abroad) != handle(unknown) {
		t.Errorf("the answers differ:\n%s\n%s\n%s", known.Text, unknown.Text, abroad.Text)
	}
	for number, want := range map[string]consent.Status{alice: consent.Pending, bob: consent.Pending, "+447700900123": consent.Pending} {
		if got := f.status(number); got != want {
			t.Errorf("a record is %s, want %s", got, want)
		}
	}
	if got := len(f.texts()); got != 1 {
		t.Errorf("%d messages went out, want one: to the number that never said no, in the brand's country", got)
	}
	wrong := func(a answer) string {
		return strings.ReplaceAll(f.Post("/o/news/confirm", "handle", a.Field("handle"), "lang", "en", "code", "x").Status(422).Text, a.Field("handle"), "HANDLE")
	}
	if wrong(known) != wrong(unknown) {
		t.Error("a wrong code is answered otherwise for a number that nothing was sent to")
	}
}

func TestAHandleOfAFormOpensNoOtherAndEnds(t *testing.T) {
	f := start(t)
	f.newsletter(confirm)
	one, err := f.Forms.Get(t.Context(), "news")
	if err != nil {
		t.Fatal(err)
	}
	one.ID = "other"
	if err := f.Forms.Create(t.Context(), "local", one); err != nil {
		t.Fatal(err)
	}
	asked := f.fill(alice)
	code := f.code()
	f.Post("/o/other/confirm", "handle", asked.Field("handle"), "code", code).Status(422)
	f.Post("/o/none/confirm", "handle", asked.Field("handle"), "code", code).Status(http.StatusNotFound)
	f.Do(f.Form("/o/news/confirm", "cross-site", "handle", asked.Field("handle"), "code", code)).Status(http.StatusForbidden)
	f.pass(31 * time.Minute)
	f.Post("/o/news/confirm", "handle", asked.Field("handle"), "code", code).Status(422)
	if got := f.status(alice); got != consent.Pending {
		t.Errorf("the record is %s", got)
	}
}

func TestUnbundledPurposesAreAskedForEachByItself(t *testing.T) {
	f := start(t)
	f.newsletter(confirm)
	ctx := t.Context()
	if _, err := f.Catalog.CreateDisclosure(ctx, "local", catalog.Disclosure{ID: "alerts", Brand: "default", Purpose: "service_alert"}, catalog.Wording{Language: "en", Text: "Warn me."}, f.now()); err != nil {
		t.Fatal(err)
	}
	one, err := f.Forms.Get(ctx, "news")
	if err != nil {
		t.Fatal(err)
	}
	one.Items = append(one.Items, form.Item{Purpose: "service_alert", Channel: consent.SMS, Wordings: []string{"alerts"}})
	if err := f.Forms.Change(ctx, "local", one); err != nil {
		t.Fatal(err)
	}
	shown := f.Get("/o/news?lang=en").Lacks("checked")
	asked := f.Post("/o/news?lang=en", "page", shown.Field("page"), "lang", "en", "number", alice, "agree", "marketing/sms", "agree", "service_alert/sms").Status(200)
	texts := f.texts()
	if len(texts) != 2 {
		t.Fatalf("sent %d messages, want 2", len(texts))
	}
	enter := func(i int) answer {
		return f.Post("/o/news/confirm", "handle", asked.Field("handle"), "lang", "en", "code", sixDigits.FindString(texts[i]))
	}
	enter(0).Status(200).Says("If you got another code, enter it too")
	enter(1).Status(200).Says("Your choice counts from now on")
	for _, h := range f.subject(alice).Records {
		if h.Record.At(f.now()) != consent.StatusGranted || !h.Record.Confirmed {
			t.Errorf("%s is %s", h.Scope, h.Record.At(f.now()))
		}
	}
}
