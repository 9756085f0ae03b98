package rulebook_test

import (
	"context"
	"errors"
	"flag"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/consentline/consentline/internal/attempt"
	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/policy"
	"github.com/consentline/consentline/internal/rulebook"
)

var packs = func() []*policy.Pack {
	p, err := rulebook.Load("")
	if err != nil {
		panic(err)
	}
	return p
}()

func book(t testing.TB, p []*policy.Pack) *rulebook.Book {
	t.Helper()
	b, err := rulebook.New(rulebook.Config{Packs: p, Attempts: attempt.NewCounter()})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// index is a check index over a book, in which every class has a purpose of its name.
func index(t testing.TB, b *rulebook.Book, records ...check.RecordChange) *check.Index {
	t.Helper()
	x := check.New(check.Config{Rules: b, Clock: func() time.Time { return noon }})
	batch := check.Batch{Seq: 1, Brands: []check.BrandChange{{Brand: "acme"}}, Records: records}
	for _, c := range consent.Classes {
		batch.Purposes = append(batch.Purposes, check.PurposeChange{Purpose: consent.PurposeID(c.String()), Class: c})
	}
	if err := x.Apply(batch); err != nil {
		t.Fatal(err)
	}
	return x
}

// noon is a Monday's in Washington; the night before it is midnight there.
var (
	noon  = time.Date(2026, 11, 23, 17, 0, 0, 0, time.UTC)
	night = time.Date(2026, 11, 23, 5, 0, 0, 0, time.UTC)
)

const washington, london phone.Number = 12025550123, 447700900123

func granted(n phone.Number, class consent.Class, l consent.Level) check.RecordChange {
	return check.RecordChange{
		Number: n, Scope: consent.Scope{Brand: "acme", Purpose: consent.PurposeID(class.String()), Channel: consent.SMS},
		State: check.State{Status: consent.StatusGranted, Level: l, GrantedAt: check.SecondsOf(noon.AddDate(0, -1, 0)), Seq: 7},
	}
}

func question(n phone.Number, class consent.Class, at time.Time) check.Question {
	return check.Question{Number: n, Brand: []byte("acme"), Purpose: []byte(class.String()), Channel: consent.SMS, At: at}
}

func rules(b *rulebook.Book, v *check.Verdict) (ids []string) {
	for _, r := range v.Reasons() {
		id, _ := b.Rule(r.Rule)
		ids = append(ids, r.Code.String()+" "+id)
	}
	return ids
}

func TestAVerdictIsThatOfConsentAndRules(t *testing.T) {
	b := book(t, packs)
	written, weak := granted(washington, consent.Marketing, consent.ExpressWritten), granted(washington, consent.Marketing, consent.Express)
	no := written
	no.State.Status = consent.StatusWithdrawn
	later := written
	later.State.GrantedAt = check.SecondsOf(noon.Add(time.Hour))
	for name, c := range map[string]struct {
		record  check.RecordChange
		at      time.Time
		outcome check.Outcome
		first   string
		next    time.Time
	}{
		"a written yes by day":          {written, noon, check.Allow, "granted ", time.Time{}},
		"a written yes by night":        {written, night, check.Defer, "outside_window us.hours_marketing", night.Add(8 * time.Hour)},
		"a weak yes":                    {weak, noon, check.Deny, "level_too_low ctia.consent_promotional", time.Time{}},
		"a no, which the record tells":  {no, noon, check.Deny, "withdrawn ", time.Time{}},
		"a yes that begins in an hour":  {later, noon, check.Deny, "not_yet_granted ", time.Time{}},
		"a country that no pack covers": {granted(59899123456, consent.Marketing, consent.ExpressWritten), noon, check.Deny, "no_rule ", time.Time{}},
	} {
		v := index(t, b, c.record).Check(question(c.record.Number, consent.Marketing, c.at))
		if got := rules(b, &v); v.Outcome != c.outcome || got[0] != c.first || !v.NextAllowedAt.Equal(c.next) {
			t.Errorf("%s: got %s %q until %s, want %s %q until %s", name, v.Outcome, got, v.NextAllowedAt, c.outcome, c.first, c.next)
		}
	}
}

func TestAnExemptionExcusesSilenceAndNoNo(t *testing.T) {
	b := book(t, packs)
	q := check.Question{Number: washington, Brand: []byte("acme"), Purpose: []byte("service_alert"), Channel: consent.VoiceLive, At: noon}
	v := index(t, b).Check(q)
	if got := rules(b, &v); v.Outcome != check.Allow || got[0] != "exempt us.consent_live_other" {
		t.Errorf("silence: got %s %q", v.Outcome, got)
	}
	no := check.RecordChange{Number: washington, Scope: consent.Scope{Brand: "acme", Purpose: "service_alert", Channel: consent.VoiceLive}, State: check.State{Status: consent.StatusWithdrawn, Seq: 7}}
	if v := index(t, b, no).Check(q); v.Outcome != check.Deny || v.Code() != check.Withdrawn {
		t.Errorf("a no: got %s %s", v.Outcome, v.Code())
	}
}

func TestAnAllowNamesItsObligationsWithPackAndVersion(t *testing.T) {
	b := book(t, packs)
	v := index(t, b, granted(washington, consent.Marketing, consent.ExpressWritten)).Check(question(washington, consent.Marketing, noon))
	if len(v.Obligations()) == 0 || v.ObligationsOmitted > 0 {
		t.Fatalf("got %d obligations, %d omitted", len(v.Obligations()), v.ObligationsOmitted)
	}
	text := string(check.AppendJSON(nil, &v, b))
	for _, want := range []string{`"pack":"us"`, `"pack_version":"20`, `"verified":false`, `"requires":"`, `"citation":"47 CFR`} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is missing in %s", want, text)
		}
	}
}

func TestJudgingAllocatesNothing(t *testing.T) {
	b := book(t, packs)
	x := index(t, b, granted(washington, consent.Marketing, consent.ExpressWritten))
	for _, at := range []time.Time{noon, night} {
		q := question(washington, consent.Marketing, at)
		if got := testing.AllocsPerRun(100, func() { x.Check(q) }); got != 0 {
			t.Errorf("at %s: got %v allocations, want none", at, got)
		}
	}
}

// TestAddingAJurisdictionNeverTurnsDenyIntoAllow passes questions through the whole check, by the number alone and with
// an address that adds the rules and time zones of another place.
func TestAddingAJurisdictionNeverTurnsDenyIntoAllow(t *testing.T) {
	b := book(t, packs)
	allowed := 0
	rapid.Check(t, func(r *rapid.T) {
		class := rapid.SampledFrom(consent.Classes).Draw(r, "class")
		n := rapid.SampledFrom([]phone.Number{washington, london, 13055550123, 4930231250, 33199000123, 18005550123}).Draw(r, "number")
		record := granted(n, class, consent.Level(rapid.IntRange(1, 4).Draw(r, "level")))
		record.Scope.Channel = rapid.SampledFrom(consent.Channels).Draw(r, "channel")
		record.State.Status = rapid.SampledFrom([]consent.Status{consent.StatusGranted, consent.StatusGranted, consent.Pending, consent.StatusWithdrawn}).Draw(r, "status")
		record.State.Confirmed = rapid.Bool().Draw(r, "confirmed")
		q := question(n, class, noon.Add(time.Duration(rapid.IntRange(0, 24*400).Draw(r, "hours"))*time.Hour))
		q.Channel = record.Scope.Channel
		x := index(t, b, record)
		before := x.Check(q)
		at := rulebook.Circumstances{Country: rapid.SampledFrom([]string{"DE", "FI", "FR", "GB", "ZA", "US", "IN"}).Draw(r, "country")}
		about, err := b.Circumstances(&at)
		if err != nil {
			r.Fatal(err)
		}
		q.About = about
		after := x.Check(q)
		if after.Outcome == check.Allow {
			allowed++
		}
		if before.Outcome != check.Allow && after.Outcome == check.Allow {
			r.Fatalf("%s turned %s %q into allow", at.Country, before.Outcome, rules(b, &before))
		}
	})
	if allowed == 0 {
		t.Error("nothing was allowed at all")
	}
}

type appender struct{ book *rulebook.Book }

// AppendOne puts a change in force as the ledger's follower does.
func (a appender) AppendOne(_ context.Context, it ledger.Item) (ledger.Result, error) {
	d := it.Detail.(ledger.Definition)
	d.Seq = 9
	return ledger.Result{}, a.book.Apply(d)
}

func at(t time.Time) *ledger.Time { return (*ledger.Time)(&t) }

func TestWhatLoosensARuleNeedsAReasonAndAnEnd(t *testing.T) {
	b := book(t, packs)
	k := rulebook.Keeper{Book: b, Ledger: appender{b}}
	x := index(t, b, granted(washington, consent.Marketing, consent.ExpressWritten))
	var invalid *rulebook.InvalidError
	loose := rulebook.Override{ID: "nights", Rule: "us.hours_marketing", Disable: true}
	if err := k.Put(t.Context(), "key:1", loose); !errors.As(err, &invalid) {
		t.Fatalf("without a reason: got %v", err)
	}
	loose.Reason = "They asked for it"
	if err := k.Put(t.Context(), "key:1", loose); !errors.As(err, &invalid) {
		t.Fatalf("without an end: got %v", err)
	}
	if v := x.Check(question(washington, consent.Marketing, night)); v.Outcome != check.Defer {
		t.Fatalf("before: got %s", v.Outcome)
	}
	loose.From, loose.Until = at(night), at(night.Add(time.Hour))
	if err := k.Put(t.Context(), "key:1", loose); err != nil {
		t.Fatal(err)
	}
	for when, want := range map[time.Time]check.Outcome{night.Add(-time.Second): check.Defer, night: check.Allow, night.Add(time.Hour): check.Defer} {
		if v := x.Check(question(washington, consent.Marketing, when)); v.Outcome != want {
			t.Errorf("at %s: got %s %q, want %s", when, v.Outcome, rules(b, &v), want)
		}
	}
	if got := b.Overrides(); len(got) != 1 || got[0].Actor != "key:1" {
		t.Errorf("got %+v", got)
	}
	if err := k.Lift(t.Context(), "key:1", rulebook.Override{ID: "nights"}); err != nil {
		t.Fatal(err)
	}
	if v := x.Check(question(washington, consent.Marketing, night)); v.Outcome != check.Defer || len(b.Overrides()) != 0 {
		t.Errorf("taken back: got %s", v.Outcome)
	}
	if err := k.Lift(t.Context(), "key:1", rulebook.Override{ID: "nights"}); !errors.Is(err, rulebook.ErrNotFound) {
		t.Errorf("taken back again: got %v", err)
	}
}

func TestABanStopsARegionAndAVerdictKeepsItsCitation(t *testing.T) {
	b := book(t, packs)
	k := rulebook.Keeper{Book: b, Ledger: appender{b}}
	x := index(t, b, granted(washington, consent.Marketing, consent.ExpressWritten), granted(london, consent.Marketing, consent.ExpressWritten))
	if err := k.Put(t.Context(), "key:1", rulebook.Ban{ID: "storm", Region: "US", Classes: []string{"marketing"}, Reason: "Emergency", Citation: "EO 26-1"}); err != nil {
		t.Fatal(err)
	}
	banned := x.Check(question(washington, consent.Marketing, noon))
	if got := rules(b, &banned); banned.Outcome != check.Deny || !slices.Contains(got, "banned operator.storm") {
		t.Errorf("got %s %q", banned.Outcome, got)
	}
	if v := x.Check(question(london, consent.Marketing, noon)); slices.Contains(rules(b, &v), "banned operator.storm") {
		t.Error("the ban reaches another country")
	}
	if err := k.Lift(t.Context(), "key:1", rulebook.Ban{ID: "storm"}); err != nil {
		t.Fatal(err)
	}
	if text := string(check.AppendJSON(nil, &banned, b)); !strings.Contains(text, `"rule":"operator.storm","citation":"EO 26-1"`) {
		t.Errorf("after the ban a verdict of before tells %s", text)
	}
}

func TestAChangeThatDoesNotFitIsRefused(t *testing.T) {
	b := book(t, packs)
	k := rulebook.Keeper{Book: b, Ledger: appender{b}}
	one := 1
	for name, o := range map[string]rulebook.Override{
		"no such rule": {ID: "x", Rule: "us.nothing", Max: &one}, "no such term": {ID: "x", Rule: "us.hours_marketing", Max: &one},
		"no such word": {ID: "x", Rule: "us.consent_text_marketing", Requires: "much"}, "no id": {Rule: "us.hours_marketing", Disable: true},
		"no such day": {ID: "x", Rule: "us.hours_marketing", Week: map[string]string{"someday": "none"}},
	} {
		var invalid *rulebook.InvalidError
		if err := k.Put(t.Context(), "key:1", o); !errors.As(err, &invalid) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if len(b.Overrides()) != 0 {
		t.Error("one of them stands")
	}
}

var benchRecords = flag.Int("records", 1<<20, "how many records the benchmark's index holds")

func BenchmarkCheckWithAllRules(b *testing.B) {
	x := index(b, book(b, packs))
	changes := make([]check.RecordChange, 0, 1<<14)
	for i := range *benchRecords {
		changes = append(changes, granted(phone.Number(12020000000+i), consent.Marketing, consent.ExpressWritten))
		if len(changes) == cap(changes) || i == *benchRecords-1 {
			if err := x.Apply(check.Batch{Seq: 1, Records: changes}); err != nil {
				b.Fatal(err)
			}
			changes = changes[:0]
		}
	}
	brand, purpose, i := []byte("acme"), []byte("marketing"), uint64(0)
	b.ReportAllocs()
	for b.Loop() {
		i = i*6364136223846793005 + 1442695040888963407
		n := phone.Number(12020000000 + i>>33%uint64(*benchRecords))
		if v := x.Check(check.Question{Number: n, Brand: brand, Purpose: purpose, Channel: consent.SMS}); !v.Recorded {
			b.Fatal(v.Code())
		}
	}
}
