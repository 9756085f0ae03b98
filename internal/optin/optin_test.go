package optin_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/catalog"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/optin"
	"github.com/consentline/consentline/internal/store"
)

func TestARequestIsPendingUntilItIsConfirmedWithBothMoments(t *testing.T) {
	f := open(t, nil)
	asked := f.ask(t, request())
	if r := f.record(t); r.Status != consent.Pending || !r.RequestedAt.Equal(f.now) || r.Allows(f.now) {
		t.Errorf("record: got %+v, want pending", r)
	}
	m := f.send(t, 1)
	if m.To != alice || m.From != "21610" || m.Text != "Acme: Offers by SMS, four a month. Reply YES to confirm, STOP to refuse." {
		t.Errorf("question: got %+v", m)
	}
	requested := f.now
	f.now = f.now.Add(3 * time.Minute)
	open := must[[]optin.Standing](t)(f.Open(ctx, alice, consent.Scope{Brand: "acme"}))
	if len(open) != 1 || open[0].ID != asked.ID {
		t.Fatalf("open: got %+v", open)
	}
	result := must[ledger.Result](t)(f.Confirm(ctx, open[0], optin.Confirmation{By: "provider:twilio", Source: consent.SMSReply, Method: "reply", EventID: "twilio:1"}))
	r := result.Record
	if r.Status != consent.StatusGranted || !r.Confirmed || r.Level != consent.ExpressWritten || r.Disclosure.ID == "" || !r.GrantedAt.Equal(f.now) {
		t.Errorf("record: got %+v, want granted and confirmed", r)
	}
	e := must[ledger.Entry](t)(f.Ledger.Entry(ctx, result.Seq))
	var d optin.Detail
	if err := json.Unmarshal(e.Body.Detail, &d); err != nil || d.RequestedAt == nil || !time.Time(*d.RequestedAt).Equal(requested) || d.Requested != asked.Seq {
		t.Errorf("detail: got %+v, %v, want both moments", d, err)
	}
	if s := must[optin.Standing](t)(f.Get(ctx, asked.ID)); s.Status != optin.Confirmed || s.Settled != result.Seq {
		t.Errorf("standing: got %+v", s)
	}
	_ = f.refused(t, request(), optin.CodeStands)
}

var sixDigits = regexp.MustCompile(`\b\d{6}\b`)

func TestACodeConfirmsAndIsLockedByGuesses(t *testing.T) {
	f := open(t, nil)
	q := request()
	q.Means = optin.ByCode
	asked := f.ask(t, q)
	code := sixDigits.FindString(f.send(t, 1).Text)
	for i := range 5 {
		wrong := fmt.Sprintf("%06d", i)
		if wrong == code {
			wrong = "999999"
		}
		_, err := f.ConfirmCode(ctx, "local", asked.ID, wrong)
		var e *optin.RefusedError
		if !errors.As(err, &e) || e.Code != optin.CodeWrong {
			t.Fatalf("guess %d: got %v, want %s", i, err, optin.CodeWrong)
		}
	}
	_, err := f.ConfirmCode(ctx, "local", asked.ID, code)
	var e *optin.RefusedError
	if !errors.As(err, &e) || e.Code != optin.CodeLocked {
		t.Fatalf("the right code after five wrong ones: got %v, want %s", err, optin.CodeLocked)
	}
	f.now = f.now.Add(time.Minute)
	f.ask(t, q)
	fresh := sixDigits.FindString(f.send(t, 1).Text)
	if _, err := f.ConfirmCode(ctx, "local", asked.ID, " "+fresh+" "); err != nil || !f.record(t).Confirmed {
		t.Errorf("the new code: got %v", err)
	}
	if _, err := f.ConfirmCode(ctx, "local", asked.ID, fresh); !errors.Is(err, optin.ErrNotFound) {
		t.Errorf("the code again: got %v, want ErrNotFound", err)
	}
}

func TestALinkConfirmsOnce(t *testing.T) {
	f := open(t, nil)
	q := request()
	q.Means = optin.ByLink
	f.ask(t, q)
	_, token, found := strings.Cut(f.send(t, 1).Text, "https://acme.example/c/")
	token, _, _ = strings.Cut(token, " ")
	if !found || len(token) < 20 {
		t.Fatalf("token: got %q", token)
	}
	if _, err := f.ConfirmLink(ctx, "local", token[1:]); !errors.Is(err, optin.ErrNotFound) {
		t.Errorf("another token: got %v, want ErrNotFound", err)
	}
	if _, err := f.ConfirmLink(ctx, "local", strings.ToUpper(token)); err != nil || !f.record(t).Confirmed {
		t.Errorf("the token: got %v", err)
	}
	if _, err := f.ConfirmLink(ctx, "local", token); !errors.Is(err, optin.ErrNotFound) {
		t.Errorf("the token again: got %v, want ErrNotFound", err)
	}
}

func TestARequestExpiresByTheClockAndThenInTheLedger(t *testing.T) {
	f := open(t, nil)
	asked := f.ask(t, request())
	f.now = f.now.Add(30 * 24 * time.Hour)
	if open := must[[]optin.Standing](t)(f.Open(ctx, alice, consent.Scope{})); len(open) != 0 {
		t.Errorf("open after 30 days: got %+v", open)
	}
	if s := must[optin.Standing](t)(f.Get(ctx, asked.ID)); s.Status != optin.Expired {
		t.Errorf("status before the job: got %s, want expired", s.Status)
	}
	for want := 1; want >= 0; want-- {
		if done := must[int](t)(f.RunOnce(ctx)); done != want {
			t.Errorf("expired %d, want %d", done, want)
		}
	}
	if r := f.record(t); r.Status != consent.StatusExpired {
		t.Errorf("record: got %+v, want expired", r)
	}
	if a := f.ask(t, request()); a.Again {
		t.Error("the expired request came back to life")
	}
}

func TestAskingAgainSendsTheQuestionAnewWithinLimits(t *testing.T) {
	f := open(t, nil)
	first := f.ask(t, request())
	if e := f.refused(t, request(), optin.CodeTooSoon); e.RetryAfter != time.Minute {
		t.Errorf("retry after %s, want a minute", e.RetryAfter)
	}
	for range 2 {
		f.now = f.now.Add(time.Minute)
		if a := f.ask(t, request()); !a.Again || !a.Resent || a.ID != first.ID || a.Seq != first.Seq {
			t.Errorf("got %+v, want the same request", a)
		}
	}
	f.send(t, 3)
	f.now = f.now.Add(time.Minute)
	_ = f.refused(t, request(), optin.CodeResends)
}

func TestANoEndsTheRequestAndBarsAsking(t *testing.T) {
	f := open(t, nil)
	asked := f.ask(t, request())
	no := consent.Scope{Brand: "acme", Purpose: consent.Any, Channel: consent.SMS}
	f.now = f.now.Add(time.Second)
	must[ledger.Result](t)(f.Ledger.AppendOne(ctx, ledger.Item{
		Kind: ledger.KindAct, Number: alice, By: "test", Act: consent.Act{Kind: consent.Withdrawn, Scope: no, Source: consent.SMSReply},
		Effect: func(c context.Context, tx store.Tx, seq uint64) error { return f.End(c, tx, alice, no, seq) },
	}))
	if s := must[optin.Standing](t)(f.Get(ctx, asked.ID)); s.Status != optin.Ended {
		t.Errorf("status: got %s, want ended", s.Status)
	}
	_ = f.refused(t, request(), optin.CodeOptedOut)
}

func TestWhatIsWrongWithARequestIsNamed(t *testing.T) {
	f := open(t, nil)
	for field, change := range map[string]func(*optin.Request){
		"number":     func(q *optin.Request) { q.Number = "+1202555012" },
		"brand":      func(q *optin.Request) { q.Brand = "nobody" },
		"purpose":    func(q *optin.Request) { q.Purpose = "nothing" },
		"channel":    func(q *optin.Request) { q.Channel = consent.VoiceAuto },
		"means":      func(q *optin.Request) { q.Means = "pigeon" },
		"disclosure": func(q *optin.Request) { q.Text = "" },
		"language":   func(q *optin.Request) { q.Language = "?" },
		"sender":     func(q *optin.Request) { q.Sender = "other" },
		"source":     func(q *optin.Request) { q.Source = consent.Import },
	} {
		q := request()
		change(&q)
		_, err := f.Ask(ctx, access.Local, q)
		var e *act.InvalidError
		if !errors.As(err, &e) || e.Field != field {
			t.Errorf("%s: got %v", field, err)
		}
	}
	f.send(t, 0)
}

func TestAKeywordIsAWholeMessageToItsSender(t *testing.T) {
	f := open(t, nil)
	p := must[optin.Programme](t)(f.programmes.Create(ctx, "test", optin.Programme{ID: "join", Keyword: "Join", Sender: "code", Purpose: "offers"}))
	for text, want := range map[string]bool{" JOIN\n": true, "join": true, "join us": false, "joined": false, "": false} {
		if got, ok := f.programmes.Find("code", text); ok != want || ok && got != p {
			t.Errorf("%q: got %t, want %t", text, ok, want)
		}
	}
	if _, ok := f.programmes.Find("other", "join"); ok {
		t.Error("the keyword counts at another sender")
	}
	if _, err := f.programmes.Create(ctx, "test", optin.Programme{ID: "join2", Keyword: "JOIN", Sender: "code", Purpose: "offers"}); err == nil {
		t.Error("two programmes have one keyword")
	}
	if _, err := f.programmes.Create(ctx, "test", optin.Programme{ID: "w", Keyword: "WIN", Sender: "code", Purpose: "offers", Level: consent.ExpressWritten}); err == nil {
		t.Error("a written consent without words")
	}
	for _, word := range []string{"STOP", "Help", "arrêt"} {
		if _, err := f.programmes.Create(ctx, "test", optin.Programme{ID: "s", Keyword: word, Sender: "code", Purpose: "offers"}); err == nil {
			t.Errorf("%s is taken for a keyword by which people opt in", word)
		}
	}
	if _, err := f.programmes.Create(ctx, "test", p); !errors.Is(err, catalog.ErrExists) {
		t.Errorf("defined twice: got %v, want ErrExists", err)
	}
	p.Retired = true
	must[optin.Programme](t)(f.programmes.Change(ctx, "test", p))
	if _, ok := f.programmes.Find("code", "join"); ok {
		t.Error("a retired keyword counts")
	}
}
