package rulebook_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/attempt"
	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/rulebook"
)

const houston phone.Number = 17135550123

func TestAContestedPointIsStrictUntilItIsRelaxed(t *testing.T) {
	b := book(t, packs)
	k := rulebook.Keeper{Book: b, Ledger: appender{b}}
	x := index(t, b, granted(washington, consent.Marketing, consent.ExpressWritten))
	quiet := rulebook.Relaxation{ID: "us.quiet_hours_lifted_by_consent"}
	var invalid *rulebook.InvalidError
	for _, r := range []rulebook.Relaxation{
		quiet, {ID: quiet.ID, Reason: "Counsel"}, {ID: quiet.ID, Until: at(noon)}, {ID: "us.nothing", Reason: "Counsel", Until: at(noon)},
		{ID: quiet.ID, Reason: "Counsel", From: at(noon), Until: at(night)},
	} {
		if err := k.Put(t.Context(), "key:1", r); !errors.As(err, &invalid) {
			t.Errorf("%+v: got %v", r, err)
		}
	}
	quiet.Reason, quiet.From, quiet.Until = "Counsel", at(night), at(night.Add(time.Hour))
	if err := k.Put(t.Context(), "key:1", quiet); err != nil {
		t.Fatal(err)
	}
	for when, want := range map[time.Time]check.Outcome{
		night.Add(-time.Second): check.Defer, night: check.Allow, night.Add(time.Hour - time.Second): check.Allow, night.Add(time.Hour): check.Defer,
	} {
		v := x.Check(question(washington, consent.Marketing, when))
		if v.Outcome != want {
			t.Errorf("at %s: got %s %q, want %s", when, v.Outcome, rules(b, &v), want)
		}
		if v.Outcome == check.Allow && v.ChangesAt.After(night.Add(time.Hour)) {
			t.Errorf("at %s: an allow outlasts what it rests on: %s", when, v.ChangesAt)
		}
	}
	before := x.Check(question(washington, consent.Marketing, night.Add(-time.Hour)))
	if !before.NextAllowedAt.Equal(night) {
		t.Errorf("before: next allowed at %s, want %s", before.NextAllowedAt, night)
	}
	if got := b.Relaxations(); len(got) != 1 || got[0].Actor != "key:1" {
		t.Errorf("got %+v", got)
	}
	if err := k.Lift(t.Context(), "key:1", quiet); err != nil {
		t.Fatal(err)
	}
	if v := x.Check(question(washington, consent.Marketing, night)); v.Outcome != check.Defer || len(b.Relaxations()) > 0 {
		t.Errorf("taken back: got %s", v.Outcome)
	}
	if err := k.Lift(t.Context(), "key:1", quiet); !errors.Is(err, rulebook.ErrNotFound) {
		t.Errorf("taken back again: got %v", err)
	}
}

func TestWrittenConsentInTheFifthCircuitIsASwitch(t *testing.T) {
	b := book(t, packs)
	k := rulebook.Keeper{Book: b, Ledger: appender{b}}
	oral := granted(houston, consent.Marketing, consent.Express)
	oral.Scope.Channel = consent.VoiceAuto
	q := question(houston, consent.Marketing, noon)
	q.Channel = consent.VoiceAuto
	asks := func() bool {
		v := index(t, b, oral).Check(q)
		return slices.Contains(rules(b, &v), "level_too_low us.consent_auto_marketing")
	}
	if !asks() {
		t.Error("strict: oral consent was enough")
	}
	if err := k.Put(t.Context(), "key:1", rulebook.Relaxation{ID: "us.oral_consent_fifth_circuit", Reason: "Bradford", Until: at(noon.AddDate(1, 0, 0))}); err != nil {
		t.Fatal(err)
	}
	if asks() {
		t.Error("relaxed: written consent is still asked for")
	}
}

func TestWhatIsDeclaredHoldsOfItsBrandAndPurpose(t *testing.T) {
	b := book(t, packs)
	k := rulebook.Keeper{Book: b, Ledger: appender{b}}
	var invalid *rulebook.InvalidError
	for _, d := range []rulebook.Declaration{
		{ID: "d"}, {ID: "d", Facts: []string{"press"}}, {ID: "d", Sector: "alchemy"}, {ID: "d", Sender: "pigeon"},
		{ID: "d", DispatchZone: "Moon/Tycho"}, {ID: "d", Facts: []string{"luck"}, Reason: "r"}, {ID: "d", Sector: "energy", From: at(noon), Until: at(night)},
	} {
		if err := k.Put(t.Context(), "key:1", d); !errors.As(err, &invalid) {
			t.Errorf("%+v: got %v", d, err)
		}
	}
	inParis := noon.Add(-6 * time.Hour)
	q := check.Question{Number: paris, Brand: []byte("acme"), Purpose: []byte("marketing"), Channel: consent.VoiceLive, At: inParis}
	x := index(t, b)
	if v := x.Check(q); v.Outcome == check.Allow {
		t.Fatal("allowed before anything was declared")
	}
	for _, d := range []rulebook.Declaration{
		{ID: "other-brand", Brand: "other", Facts: []string{"press"}, Reason: "r"}, {ID: "other-purpose", Brand: "acme", Purpose: "service_alert", Facts: []string{"press"}, Reason: "r"},
		{ID: "over", Brand: "acme", Facts: []string{"press"}, Reason: "r", Until: at(inParis)},
	} {
		if err := k.Put(t.Context(), "key:1", d); err != nil {
			t.Fatal(err)
		}
	}
	if v := x.Check(q); v.Outcome == check.Allow {
		t.Error("what was declared of others counted")
	}
	if err := k.Put(t.Context(), "key:1", rulebook.Declaration{ID: "paper", Brand: "acme", Purpose: "marketing", Facts: []string{"press"}, Reason: "A newspaper", Until: at(inParis.Add(time.Minute))}); err != nil {
		t.Fatal(err)
	}
	v := x.Check(q)
	if got := tell(t, b, &v); v.Outcome != check.Allow || !slices.Equal(got.Place.Facts, []string{"press"}) || v.ChangesAt.After(inParis.Add(time.Minute)) {
		t.Errorf("got %s %q, %+v, until %s", v.Outcome, rules(b, &v), got.Place, v.ChangesAt)
	}
	if got := testing.AllocsPerRun(20, func() { x.Check(q) }); got != 0 {
		t.Errorf("a check allocates %v times", got)
	}
	if err := k.Lift(t.Context(), "key:1", rulebook.Declaration{ID: "paper"}); err != nil {
		t.Fatal(err)
	}
	if v := x.Check(q); v.Outcome == check.Allow || len(b.Declarations()) != 3 {
		t.Errorf("retracted: got %s, %d declarations", v.Outcome, len(b.Declarations()))
	}
}

func TestThePastKnowsRelaxationsAndDeclarations(t *testing.T) {
	b := book(t, packs)
	yes := granted(washington, consent.Marketing, consent.ExpressWritten)
	relaxed := rulebook.Relaxation{ID: "us.quiet_hours_lifted_by_consent", Reason: "Counsel", Actor: "a", Until: at(noon)}
	raw := func(seq uint64, kind, id string, body any) ledger.Entry { return changed(t, seq, 24, kind, id, body) }
	for name, c := range map[string]struct {
		entries []ledger.Entry
		want    check.Outcome
	}{
		"nothing":      {nil, check.Defer},
		"a relaxation": {[]ledger.Entry{raw(1, "relaxation", relaxed.ID, relaxed)}, check.Allow},
		"one that was over before it was recorded": {[]ledger.Entry{raw(2, "relaxation", relaxed.ID, rulebook.Relaxation{ID: relaxed.ID, Reason: "r", Actor: "a", Until: at(noon.AddDate(0, 0, -2))})}, check.Defer},
		"a declaration that lifts nothing here":    {[]ledger.Entry{raw(3, "declaration", "d", rulebook.Declaration{ID: "d", Actor: "a", Sector: "energy"})}, check.Defer},
	} {
		past, err := b.AsOf(c.entries, time.Time{}, attempt.NewCounter())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if v := index(t, b).CheckRecord(question(washington, consent.Marketing, night), yes.State, true, past); v.Outcome != c.want {
			t.Errorf("%s: got %s %q, want %s", name, v.Outcome, rules(b, &v), c.want)
		}
	}
}

func TestABanIsLiftedByWhatItSays(t *testing.T) {
	b := book(t, packs)
	k := rulebook.Keeper{Book: b, Ledger: appender{b}}
	x := index(t, b, granted(washington, consent.Marketing, consent.ExpressWritten))
	ban := rulebook.Ban{ID: "storm", Region: "US", Reason: "Emergency", Unless: []rulebook.Condition{{Facts: []string{"explicit_request"}, Consent: "express"}, {PurchaseWithin: "P1D"}}}
	if err := k.Put(t.Context(), "key:1", ban); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		tells rulebook.Circumstances
		want  check.Outcome
	}{
		"nothing":                   {rulebook.Circumstances{}, check.Deny},
		"a request":                 {rulebook.Circumstances{Facts: []string{"explicit_request"}}, check.Allow},
		"a fact that lifts nothing": {rulebook.Circumstances{Facts: []string{"charity"}}, check.Deny},
		"a purchase today":          {rulebook.Circumstances{PurchasedAt: at(noon.Add(-time.Hour))}, check.Allow},
	} {
		q := question(washington, consent.Marketing, noon)
		var err error
		if q.About, err = b.Circumstances(&c.tells); err != nil {
			t.Fatal(err)
		}
		if v := x.Check(q); v.Outcome != c.want {
			t.Errorf("%s: got %s %q, want %s", name, v.Outcome, rules(b, &v), c.want)
		}
	}
	for name, c := range map[string]rulebook.Condition{
		"empty": {}, "no level": {Consent: "strong"}, "no fact": {Facts: []string{"luck"}}, "no period": {InboundWithin: "long"}, "no line": {Line: "party"},
		"no region": {Regions: []string{"ZZ"}}, "no switch": {Switch: "us.nothing"},
	} {
		var invalid *rulebook.InvalidError
		ban.ID, ban.Unless = "bad", []rulebook.Condition{c}
		if err := k.Put(t.Context(), "key:1", ban); !errors.As(err, &invalid) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
