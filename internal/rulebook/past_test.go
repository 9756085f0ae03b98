package rulebook_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/attempt"
	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/rulebook"
)

// changed is the entry by which a change of the rules was recorded, so many hours before noon.
func changed(t testing.TB, seq uint64, hoursAgo int, kind, id string, body any) ledger.Entry {
	t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	detail, err := json.Marshal(ledger.Definition{Kind: kind, ID: id, Body: raw})
	if err != nil {
		t.Fatal(err)
	}
	e := ledger.Entry{Seq: seq, Kind: ledger.KindOverride, RecordedAt: hours(-hoursAgo)}
	e.Body.Detail = detail
	return e
}

func hours(n int) time.Time { return noon.Add(time.Duration(n) * time.Hour) }

func TestThePastIsJudgedByTheChangesThatWereInForceAndKnown(t *testing.T) {
	yes := granted(washington, consent.Marketing, consent.ExpressWritten)
	ban := func(removed bool, from, until *ledger.Time) rulebook.Ban {
		return rulebook.Ban{ID: "storm", Region: "US", Reason: "Storm", Actor: "a", From: from, Until: until, Removed: removed}
	}
	open, quiet := check.Allow, check.Deny
	for name, c := range map[string]struct {
		entries []ledger.Entry
		at      int // hours from noon
		known   int // hours from noon
		want    check.Outcome
	}{
		"nothing was changed":                      {nil, -1, 0, open},
		"a ban that is in force":                   {[]ledger.Entry{changed(t, 1, 3, "ban", "storm", ban(false, nil, nil))}, -2, 0, quiet},
		"before it was entered":                    {[]ledger.Entry{changed(t, 1, 1, "ban", "storm", ban(false, nil, nil))}, -2, 0, open},
		"as it was known before it was entered":    {[]ledger.Entry{changed(t, 1, 1, "ban", "storm", ban(false, nil, nil))}, 0, -2, open},
		"it says that it had begun before":         {[]ledger.Entry{changed(t, 1, 1, "ban", "storm", ban(false, at(hours(-3)), nil))}, -2, 0, quiet},
		"which nobody knew then":                   {[]ledger.Entry{changed(t, 1, 1, "ban", "storm", ban(false, at(hours(-3)), nil))}, -2, -2, open},
		"it was lifted since":                      {[]ledger.Entry{changed(t, 1, 4, "ban", "storm", ban(false, nil, nil)), changed(t, 2, 1, "ban", "storm", ban(true, nil, nil))}, -2, 0, check.Defer},
		"after it was lifted":                      {[]ledger.Entry{changed(t, 1, 4, "ban", "storm", ban(false, nil, nil)), changed(t, 2, 2, "ban", "storm", ban(true, nil, nil))}, -1, 0, open},
		"it was replaced by one that begins later": {[]ledger.Entry{changed(t, 1, 4, "ban", "storm", ban(false, nil, nil)), changed(t, 2, 3, "ban", "storm", ban(false, at(hours(-1)), nil))}, -2, 0, open},
		"that one has begun":                       {[]ledger.Entry{changed(t, 1, 4, "ban", "storm", ban(false, nil, nil)), changed(t, 2, 3, "ban", "storm", ban(false, at(hours(-1)), nil))}, 0, 0, quiet},
		"it was over":                              {[]ledger.Entry{changed(t, 1, 4, "ban", "storm", ban(false, nil, at(hours(-2))))}, -1, 0, open},
		"it was lifted and entered again":          {[]ledger.Entry{changed(t, 1, 4, "ban", "storm", ban(false, nil, nil)), changed(t, 2, 3, "ban", "storm", ban(true, nil, nil)), changed(t, 3, 1, "ban", "storm", ban(false, nil, nil))}, 0, 0, quiet},
		"between the two":                          {[]ledger.Entry{changed(t, 1, 4, "ban", "storm", ban(false, nil, nil)), changed(t, 2, 3, "ban", "storm", ban(true, nil, nil)), changed(t, 3, 1, "ban", "storm", ban(false, nil, nil))}, -2, 0, open},
		"a narrowed rule, under another's strictness": {[]ledger.Entry{
			changed(t, 1, 4, "override", "a", rulebook.Override{ID: "a", Rule: "us.hours_marketing", Week: map[string]string{"mon": "20:00-21:00"}, Actor: "a"}),
			changed(t, 2, 3, "override", "b", rulebook.Override{ID: "b", Rule: "us.hours_marketing", Week: map[string]string{"mon": "08:00-12:00"}, Actor: "a", From: at(hours(-3)), Until: at(hours(-1))}),
		}, -2, 0, open},
		"whose time was over": {[]ledger.Entry{
			changed(t, 1, 4, "override", "a", rulebook.Override{ID: "a", Rule: "us.hours_marketing", Week: map[string]string{"mon": "20:00-21:00"}, Actor: "a"}),
			changed(t, 2, 3, "override", "b", rulebook.Override{ID: "b", Rule: "us.hours_marketing", Week: map[string]string{"mon": "08:00-12:00"}, Actor: "a", From: at(hours(-3)), Until: at(hours(-1))}),
		}, 0, 0, check.Defer},
	} {
		b := book(t, packs)
		past, err := b.AsOf(c.entries, hours(c.known), attempt.NewCounter())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		q := question(washington, consent.Marketing, hours(c.at))
		if v := index(t, b).CheckRecord(q, yes.State, true, past); v.Outcome != c.want {
			t.Errorf("%s: got %s %q, want %s", name, v.Outcome, rules(b, &v), c.want)
		}
	}
}

func TestAnEntryThatCannotBeReadIsNoRuleOfThePast(t *testing.T) {
	e := changed(t, 1, 1, "ban", "storm", 7)
	if _, err := book(t, packs).AsOf([]ledger.Entry{e}, time.Time{}, attempt.NewCounter()); err == nil {
		t.Error("it was passed over")
	}
}
