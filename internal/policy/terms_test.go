package policy

import (
	"slices"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/phone"
)

func termsOf(t *testing.T, n phone.Number, ch consent.Channel, date string, change func(*Question)) Terms {
	t.Helper()
	q := &Question{Number: n, Channel: ch, Class: consent.Marketing, At: at(t, "America/New_York", date+"T12:00")}
	if change != nil {
		change(q)
	}
	return builtIn.Terms(q)
}

func ruleID(i RuleIndex) string {
	if rule := builtIn.Rule(i); rule != nil {
		return rule.ID
	}
	return ""
}

func TestTermsTakeTheStrictest(t *testing.T) {
	va := termsOf(t, 17035550123, consent.SMS, "2026-11-20", nil)
	if got := va.OptOut.Honour.String(); got != "P10Y" || ruleID(va.OptOut.HonourBy) != "us-va.opt_out" {
		t.Errorf("Virginia honours for %s by %s, want P10Y by us-va.opt_out", got, ruleID(va.OptOut.HonourBy))
	}
	before := termsOf(t, 17035550123, consent.SMS, "2025-12-31", nil)
	if got := before.OptOut.Honour.String(); got != "P5Y" {
		t.Errorf("before 2026 Virginia honours for %s, want the federal P5Y", got)
	}
	fl := termsOf(t, 13055550123, consent.SMS, "2026-11-20", nil)
	if got := fl.OptOut.Deadline.String(); got != "10 business_days" || ruleID(fl.OptOut.DeadlineBy) != "us.opt_out" {
		t.Errorf("Florida's deadline is %s by %s, want the federal one, which is shorter", got, ruleID(fl.OptOut.DeadlineBy))
	}
	if fl.Requires != NeedExpressWritten {
		t.Errorf("Florida requires %s, want express_written", fl.Requires)
	}
	de := termsOf(t, 4930231250, consent.VoiceLive, "2026-11-20", nil)
	kept, ok := de.RetentionFor("consent")
	if !ok || kept.For.String() != "P5Y" || !kept.RestartsOnUse || ruleID(kept.By) != "de.retention" {
		t.Errorf("Germany keeps consents for %+v, want five years from each use", kept)
	}
	if !de.DoubleOptIn || de.ReviewAfter.String() != "P2Y" {
		t.Errorf("Germany: double opt-in %v, review after %v, want both", de.DoubleOptIn, de.ReviewAfter)
	}
	both := termsOf(t, 14165550123, consent.SMS, "2026-11-20", func(q *Question) {
		var err error
		if q.Place, err = builtIn.Locate(Address{Country: "DE"}); err != nil {
			t.Fatal(err)
		}
	})
	if both.OptOut.Deadline.String() != "immediate" || both.OptOut.Mechanism.String() != "P60D" {
		t.Errorf("Canada and Germany: %s, mechanism %v, want immediate and P60D", both.OptOut.Deadline, both.OptOut.Mechanism)
	}
}

func TestRevokeAllIsDatedAndSwitched(t *testing.T) {
	relaxed, known := builtIn.Switch("us.revoke_all_not_yet")
	if !known {
		t.Fatal("no such switch")
	}
	for _, c := range []struct {
		date     string
		switches Switches
		by       string
	}{
		{"2027-01-30", 0, "us.opt_out_everything_early"},
		{"2027-01-30", relaxed, ""},
		{"2027-01-31", 0, "us.opt_out_everything"},
		{"2027-01-31", relaxed, "us.opt_out_everything"},
	} {
		got := termsOf(t, 12025550123, consent.SMS, c.date, func(q *Question) { q.Switches = c.switches })
		if got.OptOut.Everything != (c.by != "") || ruleID(got.OptOut.EverythingBy) != c.by {
			t.Errorf("%s, switches %d: everything ends by %q, want %q", c.date, c.switches, ruleID(got.OptOut.EverythingBy), c.by)
		}
	}
}

func TestDisclosuresOfAConsentRequest(t *testing.T) {
	var ids []string
	for _, i := range termsOf(t, 12025550123, consent.SMS, "2026-11-20", nil).Disclosures {
		ids = append(ids, ruleID(i))
	}
	for _, want := range []string{"us.disclosure_consent", "ctia.call_to_action", "ctia.confirm_opt_in"} {
		if !slices.Contains(ids, want) {
			t.Errorf("disclosures %v lack %s", ids, want)
		}
	}
}

func TestDeadlineSkipsWeekends(t *testing.T) {
	friday := time.Date(2026, 11, 20, 15, 0, 0, 0, time.UTC)
	for _, c := range []struct{ text, want string }{
		{"immediate", "2026-11-20T15:00:00Z"}, {"1 business_days", "2026-11-23T15:00:00Z"}, {"10 business_days", "2026-12-04T15:00:00Z"},
		{"15 days", "2026-12-05T15:00:00Z"}, {"24 hours", "2026-11-21T15:00:00Z"},
	} {
		d, err := parseDeadline(c.text)
		if err != nil {
			t.Fatal(err)
		}
		if got := d.After(friday).Format(time.RFC3339); got != c.want || d.String() != c.text {
			t.Errorf("%s (%s) after Friday ends %s, want %s", c.text, d, got, c.want)
		}
	}
}

func TestLintFindsWhatItSays(t *testing.T) {
	packs, err := Load(packFS(map[string]string{
		"base": "title: b\nas_of: 2020-01-01\nswitches:\n  - {id: s, strict: a, relaxed: b}\ncalendars:\n  - {id: C, days: [{name: x, on: '01-01'}]}\n",
		"xx": "title: x\nas_of: 2026-01-01\nregion: XX\nzone: UTC\nprefixes: ['99']\nrules:\n" +
			"  - {id: xx.c, citation: c, verified: false, channels: [sms], classes: [marketing], consent: {requires: none}}\n" +
			"  - {id: xx.a, citation: c, verified: true, source: 'https://example.org/a', hours: {daily: '08:00-10:00'}}\n" +
			"  - {id: xx.b, citation: c, verified: true, source: 'https://example.org/b', effective_until: 2030-01-01, unless: [{facts: [customer]}], hours: {daily: '10:00-12:00'}}\n" +
			"  - {id: xx.o, citation: c, verified: true, source: 'https://example.org/o', effective_until: 2020-01-01, ban: old}\n",
	}))
	if err != nil {
		t.Fatal(err)
	}
	found, err := Lint(packs, time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"base.yaml:1: pack base was last looked at 2343 days ago", "base.yaml:5: no rule asks for the switch s", "base.yaml:7: no rule uses the calendar C",
		"xx.yaml:1: region XX says nothing about transactional by sms: it is always denied", "xx.yaml:8: rule xx.c decides and is not verified",
		"xx.yaml:9: the hours of pack xx leave no minute open for marketing by sms", "xx.yaml:11: rule xx.o ended more than a year ago",
	} {
		if !slices.ContainsFunc(found, func(f Finding) bool { return f.String() == want }) {
			t.Errorf("lint does not find %q in %v", want, found)
		}
	}
}

func TestLintOfBuiltInPacks(t *testing.T) {
	found, err := Lint(builtIn.Packs(), time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		if !matches(f.Text, `^(rule \S+ decides and is not verified|region \S+ says nothing about \S+ by \S+: it is always denied)$`) {
			t.Errorf("%s", f)
		}
	}
}
