package rulebook_test

import (
	"testing"
	"time"

	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/rulebook"
)

const paris, dubai phone.Number = 33199000123, 97121234567

// after is the record of acts, as the fold makes it: a no some days before noon, then a yes if there was one.
func after(n phone.Number, no consent.Kind, daysAgo int, then ...consent.Act) check.RecordChange {
	acts := append([]consent.Act{{Seq: 1, Kind: no, EffectiveAt: noon.AddDate(0, 0, -daysAgo), Source: consent.VoiceCall}}, then...)
	return check.RecordChange{
		Number: n, Scope: consent.Scope{Brand: "acme", Purpose: "marketing", Channel: consent.VoiceLive},
		State: check.StateOf(consent.Fold(acts)),
	}
}

func yes(daysAgo int) consent.Act {
	return consent.Act{
		Seq: 2, Kind: consent.Granted, Level: consent.ExpressWritten, Confirmed: true,
		EffectiveAt: noon.AddDate(0, 0, -daysAgo), Source: consent.WebForm,
	}
}

func TestACoolDownOutlastsAYesThatFollowsTheNo(t *testing.T) {
	b := book(t, packs)
	atNoonInParis := time.Date(2026, 11, 23, 11, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		record  check.RecordChange
		outcome check.Outcome
		first   string
	}{
		"refused, then consented, too soon":    {after(paris, consent.Refused, 40, yes(10)), check.Defer, "cool_down fr.cool_down"},
		"refused, then consented, long enough": {after(paris, consent.Refused, 61, yes(10)), check.Allow, "granted "},
		"withdrawn, which starts no cool-down": {after(paris, consent.Withdrawn, 40, yes(10)), check.Allow, "granted "},
		"refused, and nothing since":           {after(paris, consent.Refused, 40), check.Deny, "refused "},
		"a consent of their own lifts it":      {after(dubai, consent.Refused, 40, yes(10)), check.Allow, "granted "},
	} {
		q := check.Question{Number: c.record.Number, Brand: []byte("acme"), Purpose: []byte("marketing"), Channel: consent.VoiceLive, At: atNoonInParis}
		x := index(t, b, c.record)
		v := x.Check(q)
		if got := rules(b, &v); v.Outcome != c.outcome || got[0] != c.first {
			t.Errorf("%s: got %s %q, want %s %s", name, v.Outcome, got, c.outcome, c.first)
		}
		if got := testing.AllocsPerRun(20, func() { x.Check(q) }); got != 0 {
			t.Errorf("%s: a check allocates %v times", name, got)
		}
	}
}

func TestAnOptOutMayBeConfirmedOnceAndSoon(t *testing.T) {
	b := book(t, packs)
	about, err := b.Circumstances(&rulebook.Circumstances{Contact: "opt_out_confirmation"})
	if err != nil {
		t.Fatal(err)
	}
	withdrawn := granted(washington, consent.Marketing, consent.ExpressWritten)
	withdrawn.State = check.StateOf(consent.Fold([]consent.Act{{Seq: 3, Kind: consent.Withdrawn, EffectiveAt: night, Source: consent.SMSReply}}))
	for name, c := range map[string]struct {
		record  check.RecordChange
		after   time.Duration
		outcome check.Outcome
	}{
		"at once, though it is night":       {withdrawn, time.Minute, check.Allow},
		"six minutes later":                 {withdrawn, 6 * time.Minute, check.Deny},
		"of a consent that nobody withdrew": {granted(washington, consent.Marketing, consent.ExpressWritten), time.Minute, check.Deny},
	} {
		q := question(washington, consent.Marketing, night.Add(c.after))
		q.About = about
		v := index(t, b, c.record).Check(q)
		if v.Outcome != c.outcome {
			t.Errorf("%s: got %s %q, want %s", name, v.Outcome, rules(b, &v), c.outcome)
		}
		q.About = nil
		if v := index(t, b, c.record).Check(q); v.Outcome == check.Allow {
			t.Errorf("%s: an ordinary text was allowed", name)
		}
	}
}
