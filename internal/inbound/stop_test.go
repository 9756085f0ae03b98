package inbound_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/inbound"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/messaging"
)

func TestAStopReachesAsFarAsTheSenderAndTheWordsSay(t *testing.T) {
	for name, c := range map[string]struct {
		sender, text string
		want         map[consent.Scope]consent.Status
		answer       string
	}{
		"a sender with a purpose": {"21610", "STOP", map[consent.Scope]consent.Status{
			offers: consent.StatusWithdrawn, orders: consent.StatusGranted, offline: consent.StatusGranted,
		}, "Acme : vous êtes désinscrit de special offers et ne recevrez plus ces messages. Répondez AIDE pour de l'aide."},
		"a sender without": {"+12025550199", "Please stop.", map[consent.Scope]consent.Status{
			offers: consent.StatusWithdrawn, orders: consent.StatusWithdrawn, offline: consent.StatusGranted,
		}, "Acme : vous êtes désinscrit et ne recevrez plus de messages de notre part. Répondez AIDE pour de l'aide."},
		"words for all messages": {"21610", "stop all texts", map[consent.Scope]consent.Status{
			offers: consent.StatusWithdrawn, orders: consent.StatusWithdrawn, offline: consent.StatusGranted,
		}, "Acme: you are unsubscribed and will get no more messages from us. Reply HELP for help."},
		"words for calls": {"21610", "stop calling me", map[consent.Scope]consent.Status{
			offers: consent.StatusGranted, orders: consent.StatusGranted, offline: consent.StatusWithdrawn,
		}, "Acme: you will get no more calls from us."},
	} {
		t.Run(name, func(t *testing.T) {
			f := open(t)
			f.grant(t, alice, offers, orders, offline)
			f.take(t, f.text(alice, c.sender, c.text))
			f.want(t, alice, c.want)
			f.answered(t, c.answer)
		})
	}
}

func TestFromItsDateARuleWidensAStopInTheUnitedStates(t *testing.T) {
	f := open(t)
	f.now = time.Date(2027, 1, 31, 0, 0, 0, 0, time.UTC)
	f.grant(t, alice, offers, offline)
	f.grant(t, bob, offers, offline)
	taken := f.take(t, f.text(alice, "21610", "STOP"), f.text(bob, "21610", "STOP"))
	f.want(t, alice, map[consent.Scope]consent.Status{offers: consent.StatusWithdrawn, offline: consent.StatusWithdrawn})
	f.want(t, bob, map[consent.Scope]consent.Status{offers: consent.StatusWithdrawn, offline: consent.StatusGranted})
	if !strings.Contains(taken[0].Rule, "64.1200(a)(10)") {
		t.Errorf("rule: got %q", taken[0].Rule)
	}
}

func TestTheSameCallbackTenTimesMakesOneActAndOneAnswer(t *testing.T) {
	f := open(t)
	f.grant(t, alice, offers)
	stop := f.text(alice, "21610", "STOP")
	f.take(t, stop)
	entries := f.head(t)
	for range 9 {
		if taken := f.take(t, stop); len(taken[0].Acts) != 1 || !taken[0].Acts[0].Again {
			t.Errorf("got %+v, want the act that was made before", taken[0].Acts)
		}
	}
	if got := f.head(t); got != entries {
		t.Errorf("%d entries, want %d", got, entries)
	}
	f.now = f.now.Add(-8 * time.Minute)
	f.answered(t, "Acme : vous êtes désinscrit de special offers et ne recevrez plus ces messages. Répondez AIDE pour de l'aide.")
}

func TestASecondStopIsRecordedButNotConfirmedAgain(t *testing.T) {
	f := open(t)
	f.grant(t, alice, offers)
	f.take(t, f.text(alice, "21610", "STOP"))
	f.sent = nil
	must[int](t)(f.Outbox.RunOnce(ctx))
	f.now = f.now.Add(time.Hour)
	entries := f.head(t)
	f.take(t, f.text(alice, "21610", "STOP!!!"))
	if got := f.head(t); got != entries+1 {
		t.Errorf("%d entries, want %d", got, entries+1)
	}
	f.answered(t)
}

func TestAConfirmationIsNotSentAfterFiveMinutes(t *testing.T) {
	f := open(t)
	f.take(t, f.text(alice, "21610", "STOP"))
	f.now = f.now.Add(5 * time.Minute)
	f.answered(t)
}

func TestAStrangersStopToAnUnknownSenderIsAWithdrawalAndAReview(t *testing.T) {
	f := open(t)
	taken := f.take(t, f.text(alice, "+12025550177", "STOP"))
	if taken[0].Flag != inbound.UnknownSender {
		t.Errorf("flag: got %q", taken[0].Flag)
	}
	f.want(t, alice, map[consent.Scope]consent.Status{{Brand: "default", Purpose: "offers", Channel: consent.SMS}: consent.StatusWithdrawn})
	reviews := must[[]inbound.Review](t)(f.Reviews(ctx, inbound.Place{}, 10))
	if len(reviews) != 1 || reviews[0].Number != alice || reviews[0].Text != "STOP" || reviews[0].Sender != "+12025550177" {
		t.Errorf("reviews: got %+v", reviews)
	}
	f.answered(t, "Default brand: you are unsubscribed and will get no more messages from us. Reply HELP for help.")
}

func TestTheTextIsKeptWithinTheEntryWholeAndReadable(t *testing.T) {
	f := open(t)
	long := "STOP " + strings.Repeat("please ", 9300) + "\xff"
	taken := f.take(t, f.text(alice, "21610", long))
	if len(taken[0].Acts) != 1 {
		t.Fatalf("got %+v", taken[0])
	}
	e := must[ledger.Entry](t)(f.Ledger.Entry(ctx, taken[0].Acts[0].Seq))
	var got inbound.Evidence
	if err := json.Unmarshal(e.Body.Detail, &got); err != nil {
		t.Fatal(err)
	}
	if got.Text != strings.TrimSuffix(long, "\xff")+"\ufffd" || got.Reading.Version == "" || got.Provider != "twilio" || got.Sender != "21610" {
		t.Errorf("evidence: %d bytes, reading %+v", len(got.Text), got.Reading)
	}
	if e.Body.Source != consent.SMSReply || e.Body.By != "provider:twilio" {
		t.Errorf("source %s by %s", e.Body.Source, e.Body.By)
	}
}

func TestAnOldStopDoesNotUndoALaterYesAndALateOneStillCounts(t *testing.T) {
	f := open(t)
	sent := f.now
	f.now = f.now.Add(time.Hour)
	f.grant(t, alice, offers)
	stop := f.text(alice, "21610", "STOP")
	stop.At = sent
	f.take(t, stop)
	f.want(t, alice, map[consent.Scope]consent.Status{offers: consent.StatusGranted})
	stop = f.text(alice, "21610", "STOP")
	stop.At = f.now.Add(time.Hour) // the provider's clock is wrong
	f.take(t, stop)
	f.want(t, alice, map[consent.Scope]consent.Status{offers: consent.StatusWithdrawn})
}

func TestWhatTheProviderKeepsIsAWithdrawalOfItsOwnSourceOnce(t *testing.T) {
	f := open(t)
	f.grant(t, alice, offers)
	receipt := messaging.Event{Kind: messaging.OptedOutThere, ID: "SM7", Number: alice.String(), Sender: "21610", Channel: consent.SMS, Code: "21610"}
	taken := f.take(t, receipt)
	f.want(t, alice, map[consent.Scope]consent.Status{offers: consent.StatusWithdrawn})
	if e := must[ledger.Entry](t)(f.Ledger.Entry(ctx, taken[0].Acts[0].Seq)); e.Body.Source != consent.Provider || e.Body.Via != consent.ViaProvider {
		t.Errorf("source %s via %s", e.Body.Source, e.Body.Via)
	}
	receipt.ID = "SM8"
	if taken := f.take(t, receipt); len(taken[0].Acts) != 0 {
		t.Errorf("told again: got %+v", taken[0].Acts)
	}
	f.answered(t) // the provider has
}

func TestAStopThatTheProviderHasAnsweredIsNotAnsweredTwice(t *testing.T) {
	f := open(t)
	f.grant(t, alice, offers)
	stop := f.text(alice, "21610", "STOP")
	kept := stop
	kept.Kind, kept.Text = messaging.OptedOutThere, ""
	f.take(t, stop, kept)
	f.want(t, alice, map[consent.Scope]consent.Status{offers: consent.StatusWithdrawn})
	f.answered(t)
}

func TestMarketingStoppedInAnAppLeavesOtherPurposesAlone(t *testing.T) {
	f := open(t)
	f.grant(t, alice, offers, orders)
	f.take(t, messaging.Event{Kind: messaging.OptedOutThere, ID: "p1", Number: alice.String(), Sender: "+12025550199", Channel: consent.SMS, Marketing: true})
	f.want(t, alice, map[consent.Scope]consent.Status{offers: consent.StatusWithdrawn, orders: consent.StatusGranted})
	f.take(t, messaging.Event{Kind: messaging.OptedInThere, ID: "p2", Number: alice.String(), Sender: "+12025550199", Channel: consent.SMS, Marketing: true})
	f.want(t, alice, map[consent.Scope]consent.Status{offers: consent.StatusWithdrawn})
}

func TestADeactivatedNumberLosesEveryConsentAndWhatWaits(t *testing.T) {
	f := open(t)
	f.grant(t, alice, offers, orders, offline)
	f.take(t, f.text(alice, "21610", "HELP"),
		messaging.Event{Kind: messaging.Deactivated, ID: "d1", Number: alice.String(), Sender: "nobody", Channel: consent.SMS})
	f.want(t, alice, map[consent.Scope]consent.Status{offers: consent.StatusRevoked, orders: consent.StatusRevoked, offline: consent.StatusRevoked})
	f.answered(t)
}

func TestTheSameWordsWithoutIDsAreOneActUnlessTheyEndSomethingNew(t *testing.T) {
	f := open(t)
	f.grant(t, alice, offers)
	stop := f.text(alice, "21610", "STOP")
	stop.Inferred = true
	entries := f.head(t)
	for range 3 {
		f.take(t, stop)
	}
	if got := f.head(t); got != entries+1 {
		t.Errorf("%d entries, want one", got-entries)
	}
	f.now = f.now.Add(time.Minute)
	f.grant(t, alice, offers)
	f.want(t, alice, map[consent.Scope]consent.Status{offers: consent.StatusGranted})
	f.now = f.now.Add(time.Minute)
	f.take(t, stop) // with the ID of the first one
	f.want(t, alice, map[consent.Scope]consent.Status{offers: consent.StatusWithdrawn})
}
