package inbound_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/inbound"
	"github.com/consentline/consentline/internal/messaging"
	"github.com/consentline/consentline/internal/optin"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/reply"
)

func (f *fixture) ask(t *testing.T, purpose consent.PurposeID) optin.Asked {
	t.Helper()
	return must[optin.Asked](t)(f.OptIns.Ask(ctx, access.Local, optin.Request{
		Number: alice.String(), Brand: "acme", Purpose: purpose, Channel: consent.SMS, Text: "Offers by SMS.", Language: "en",
	}))
}

func TestAYesConfirmsARequestAndMeansNothingWithoutOne(t *testing.T) {
	f := open(t)
	if taken := f.take(t, f.text(alice, "21610", "YES")); len(taken[0].Acts) != 0 {
		t.Errorf("a yes to nothing: got %+v", taken[0].Acts)
	}
	f.ask(t, "offers")
	yes := f.text(alice, "21610", "yes")
	taken := f.take(t, yes)
	if len(taken[0].Acts) != 1 || taken[0].Label != reply.OptIn {
		t.Fatalf("got %+v", taken[0])
	}
	f.want(t, alice, map[consent.Scope]consent.Status{offers: consent.StatusGranted})
	f.answered(t, "Acme: Offers by SMS. Reply YES to confirm, STOP to refuse.",
		"Acme: thank you, you are subscribed to special offers. Msg & data rates may apply. Reply HELP for help, STOP to end.")
	// A second request, and the first yes told again: it must not confirm what it was never said to.
	f.ask(t, "orders")
	f.take(t, yes)
	f.want(t, alice, map[consent.Scope]consent.Status{orders: consent.Pending})
}

func TestAStopRefusesARequest(t *testing.T) {
	f := open(t)
	asked := f.ask(t, "offers")
	f.take(t, f.text(alice, "21610", "stop"))
	f.want(t, alice, map[consent.Scope]consent.Status{offers: consent.StatusWithdrawn})
	if s := must[optin.Standing](t)(f.OptIns.Get(ctx, asked.ID)); s.Status != optin.Ended {
		t.Errorf("request: got %s, want ended", s.Status)
	}
	if taken := f.take(t, f.text(alice, "21610", "YES")); len(taken[0].Acts) != 0 {
		t.Errorf("a yes after the no: got %+v", taken[0].Acts)
	}
}

func TestStartRestoresWhatWasStoppedAndAReplayRestoresNothingMore(t *testing.T) {
	f := open(t)
	f.grant(t, alice, offers, orders)
	f.take(t, f.text(alice, "21610", "STOP"))
	start := f.text(alice, "+12025550199", "START")
	f.take(t, start)
	f.want(t, alice, map[consent.Scope]consent.Status{offers: consent.StatusGranted, orders: consent.StatusGranted})
	f.take(t, f.text(alice, "+12025550199", "STOP"))
	f.want(t, alice, map[consent.Scope]consent.Status{offers: consent.StatusWithdrawn, orders: consent.StatusWithdrawn})
	f.take(t, start) // the same callback again, after the person said no once more
	f.want(t, alice, map[consent.Scope]consent.Status{offers: consent.StatusWithdrawn, orders: consent.StatusWithdrawn})
}

// TestStartGivesAStrangerNothing holds that a no to everything, or a suspension, is nothing that START could give back.
func TestStartGivesAStrangerNothing(t *testing.T) {
	for _, first := range []string{"STOP", "I don't know what this is"} {
		f := open(t)
		f.take(t, f.text(alice, "21610", first))
		taken := f.take(t, f.text(alice, "21610", "START"))
		if len(taken[0].Acts) != 0 || taken[0].Flag != inbound.NothingToKeep {
			t.Errorf("START after %q: got %+v", first, taken[0])
		}
	}
}

func TestAStrangersStartWaitsForAPerson(t *testing.T) {
	f := open(t)
	if taken := f.take(t, f.text(alice, "21610", "START")); taken[0].Flag != inbound.NothingToKeep || len(taken[0].Acts) != 0 {
		t.Errorf("got %+v", taken[0])
	}
	if reviews := must[[]inbound.Review](t)(f.Reviews(ctx, inbound.Place{}, 10)); len(reviews) != 1 {
		t.Errorf("reviews: got %+v", reviews)
	}
}

func TestAKeywordJoinsItsProgramme(t *testing.T) {
	f := open(t)
	must[optin.Programme](t)(f.Programmes.Create(ctx, "test", optin.Programme{ID: "p", Keyword: "PIZZA", Sender: "offers", Purpose: "offers"}))
	for text, want := range map[string]int{
		"I like pizza": 0, "pizza?": 0, "¿Pizza?": 0, "pizzas": 0, "Pizza": 1, " pizza! ": 1, "“PIZZA.”": 1,
	} {
		if taken := f.take(t, f.text(alice, "21610", text)); len(taken[0].Acts) != want {
			t.Errorf("%q: got %+v, want %d acts", text, taken[0].Acts, want)
		}
	}
	f.want(t, alice, map[consent.Scope]consent.Status{offers: consent.StatusGranted})
}

func TestHelpIsAnsweredAndNotTwiceInAMinute(t *testing.T) {
	f := open(t)
	help := f.text(alice, "21610", "HELP")
	for range 3 {
		must[[]inbound.Taken](t)(f.Take(ctx, "twilio", []messaging.Event{help}))
	}
	must[[]inbound.Taken](t)(f.Take(ctx, "twilio", []messaging.Event{f.text(alice, "21610", "help?")}))
	f.now = f.now.Add(time.Minute)
	f.answered(t, "Acme: for help contact help@acme.example. Reply STOP to get no more messages. Msg & data rates may apply.")
	if got := f.status(t, bob, offers); got != consent.None {
		t.Errorf("help made a record: %s", got)
	}
}

func TestAPersonsLanguageOutlivesTheirStop(t *testing.T) {
	for name, c := range map[string]struct{ before, want string }{
		"of the wording":        {"STOP", "aide"},
		"of what they wrote":    {"Por favor, no me manden más mensajes", "ayuda"},
		"not of a word for all": {"START", "aide"},
	} {
		t.Run(name, func(t *testing.T) {
			f := open(t)
			f.grant(t, alice, offers)
			f.take(t, f.text(alice, "21610", c.before))
			f.take(t, f.text(alice, "21610", "STOP"))
			must[int](t)(f.Outbox.RunOnce(ctx))
			f.sent = nil
			f.take(t, f.text(alice, "21610", "HELP"))
			f.now = f.now.Add(-time.Minute) // as soon as the answer was queued
			must[int](t)(f.Outbox.RunOnce(ctx))
			if len(f.sent) != 1 || !strings.Contains(f.sent[0].Text, c.want) {
				t.Errorf("HELP was answered %v, want words with %q", f.sent, c.want)
			}
		})
	}
}

// ambiguous is a text that the classifier calls so; the test of the holds stands on it.
func ambiguous(t *testing.T) string {
	t.Helper()
	for _, text := range []string{"not interested right now", "no", "not now", "Who is this", "wrong number", "maybe later"} {
		if reply.Classify(reply.Input{Text: text, Region: "US"}).Label == reply.Ambiguous {
			return text
		}
	}
	t.Fatal("no text is ambiguous to the classifier")
	return ""
}

func TestAnAmbiguousTextHoldsMarketingAsksOnceAndWaitsForAPerson(t *testing.T) {
	text := ambiguous(t)
	f := open(t)
	f.grant(t, alice, offers, orders)
	f.take(t, f.text(alice, "+12025550199", text))
	f.want(t, alice, map[consent.Scope]consent.Status{offers: consent.StatusRevoked, orders: consent.StatusGranted})
	f.answered(t, "Acme: we are not sure what you mean and have paused our offers. Reply STOP to end all messages, or START to go on.")
	f.take(t, f.text(alice, "+12025550199", text))
	f.answered(t) // asked once
	f.now = f.now.Add(365 * 24 * time.Hour)
	f.want(t, alice, map[consent.Scope]consent.Status{offers: consent.StatusRevoked}) // silence keeps the hold
	reviews := must[[]inbound.Review](t)(f.Reviews(ctx, inbound.Place{}, 10))
	if len(reviews) != 1 || reviews[0].Reason != inbound.Ambiguous || reviews[0].Text != text {
		t.Fatalf("reviews: got %+v", reviews)
	}
	_, err := f.Decide(ctx, access.Local, reviews[0].ID, inbound.Resume, "", "")
	var invalid *act.InvalidError
	if !errors.As(err, &invalid) {
		t.Errorf("without a reason: got %v, want *act.InvalidError", err)
	}
	acts := must[[]inbound.Act](t)(f.Decide(ctx, access.Local, reviews[0].ID, inbound.Resume, "Ann", "she asked about her order"))
	f.want(t, alice, map[consent.Scope]consent.Status{offers: consent.StatusGranted})
	if len(acts) != 1 {
		t.Errorf("acts: got %+v", acts)
	}
	if _, err := f.Decide(ctx, access.Local, reviews[0].ID, inbound.Stop, "Ann", "again"); !errors.Is(err, inbound.ErrNoReview) {
		t.Errorf("decided twice: got %v, want ErrNoReview", err)
	}
}

func TestAPersonsDecisionDoesNotOverrideWhatTheOtherSaidMeanwhile(t *testing.T) {
	f := open(t)
	f.grant(t, alice, offers)
	f.take(t, f.text(alice, "21610", ambiguous(t)))
	f.take(t, f.text(alice, "21610", "STOP"))
	reviews := must[[]inbound.Review](t)(f.Reviews(ctx, inbound.Place{}, 10))
	must[[]inbound.Act](t)(f.Decide(ctx, access.Local, reviews[0].ID, inbound.Resume, "Ann", "a misunderstanding"))
	f.want(t, alice, map[consent.Scope]consent.Status{offers: consent.StatusWithdrawn})
}

func TestADecisionToStopIsTheWithdrawalThatTheMessageWas(t *testing.T) {
	f := open(t)
	f.grant(t, alice, offers, orders)
	f.take(t, f.text(alice, "21610", ambiguous(t)))
	reviews := must[[]inbound.Review](t)(f.Reviews(ctx, inbound.Place{}, 10))
	must[[]inbound.Act](t)(f.Decide(ctx, access.Local, reviews[0].ID, inbound.Stop, "Ann", "clear enough"))
	f.want(t, alice, map[consent.Scope]consent.Status{offers: consent.StatusWithdrawn, orders: consent.StatusGranted})
}

func TestOrdinaryTextsLeaveNoTrace(t *testing.T) {
	f := open(t)
	entries := f.head(t)
	f.take(t, f.text(alice, "21610", "Thanks, see you at eight"))
	f.take(t, messaging.Event{Kind: messaging.Delivered, ID: "SM1", Number: alice.String(), Sender: "21610", Channel: consent.SMS})
	if got := f.head(t); got != entries {
		t.Errorf("%d entries, want %d", got, entries)
	}
	if reviews := must[[]inbound.Review](t)(f.Reviews(ctx, inbound.Place{}, 10)); len(reviews) != 0 {
		t.Errorf("reviews: got %+v", reviews)
	}
	for range 2 { // to a sender that nobody defined: one review for the sender, without the text
		f.take(t, f.text(alice, "99", "Thanks, see you at eight"))
	}
	if reviews := must[[]inbound.Review](t)(f.Reviews(ctx, inbound.Place{}, 10)); len(reviews) != 1 || reviews[0].Text != "" || reviews[0].Number != 0 {
		t.Errorf("reviews: got %+v", reviews)
	}
}

func TestWhatCannotBePlacedIsKeptForAPerson(t *testing.T) {
	f := open(t)
	e := f.text(alice, "21610", "STOP")
	e.Number = "ACME"
	if taken := f.take(t, e); taken[0].Flag != inbound.UnknownNumber {
		t.Errorf("got %+v", taken[0])
	}
	reviews := must[[]inbound.Review](t)(f.Reviews(ctx, inbound.Place{}, 10))
	if len(reviews) != 1 || reviews[0].Written != "ACME" || reviews[0].Text != "STOP" {
		t.Fatalf("reviews: got %+v", reviews)
	}
	must[[]inbound.Act](t)(f.Decide(ctx, access.Local, reviews[0].ID, inbound.Dismiss, "Ann", "a test"))
	if err := f.Forget(ctx, phone.Number(alice)); err != nil {
		t.Error(err)
	}
}

func BenchmarkAStopFromCallbackToCommit(b *testing.B) {
	f := open(b)
	for b.Loop() {
		f.id++
		if _, err := f.Take(ctx, "twilio", []messaging.Event{f.text(phone.Number(12025550100+f.id%100), "21610", "STOP")}); err != nil {
			b.Fatal(err)
		}
	}
}

func TestReviewsOfTheSameMomentAreListedPageByPageEachOnce(t *testing.T) {
	f := open(t)
	var events []messaging.Event
	for i := range 5 {
		e := f.text(alice, "21610", fmt.Sprintf("STOP %d", i))
		e.Number = "ACME"
		events = append(events, e)
	}
	f.take(t, events...) // the clock stands still meanwhile
	seen := map[inbound.ReviewID]bool{}
	var after inbound.Place
	for range 3 {
		page := must[[]inbound.Review](t)(f.Reviews(ctx, after, 2))
		for i := range page {
			seen[page[i].ID], after = true, inbound.ParsePlace(page[i].Place().String())
		}
	}
	if len(seen) != 5 {
		t.Errorf("%d reviews were listed, want 5", len(seen))
	}
	if rest := must[[]inbound.Review](t)(f.Reviews(ctx, after, 2)); len(rest) != 0 {
		t.Errorf("after the last: %+v", rest)
	}
}
