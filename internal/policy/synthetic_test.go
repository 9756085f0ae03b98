package policy

import (
	"testing"
	"time"

	"github.com/consentline/consentline/internal/consent"
)

// synthetic compiles one pack that covers the German prefix, for rules that no built-in pack has.
func synthetic(t *testing.T, rules string) *Rules {
	t.Helper()
	return packOf(t, "rules:\n  - {id: p.yes, citation: c, verified: false, consent: {requires: none}}\n"+rules)
}

func TestRulesThatNoPackHasYet(t *testing.T) {
	const zone = "Europe/Berlin"
	for name, c := range map[string]struct {
		rule, at, want string
		change         func(*testing.T, *Rules, *Question)
	}{
		"a window that the clocks skip": {"hours: {daily: '02:15-02:45'}", "2026-03-28T02:45", "defer 2026-03-30T02:15:00; outside_window p.r", nil},
		"a window cut by the gap":       {"hours: {daily: '01:30-03:30'}", "2026-03-29T01:59", "allow", nil},
		"after the gap":                 {"hours: {daily: '02:30-03:30'}", "2026-03-29T01:59", "defer 2026-03-29T03:00:00; outside_window p.r", nil},
		"a window in the fold":          {"hours: {daily: '02:15-02:45'}", "2026-10-25T01:00", "defer 2026-10-25T02:15:00; outside_window p.r", nil},
		"between its two passes": {"hours: {daily: '02:15-02:45'}", "2026-10-25T02:50", "defer 2026-10-25T02:15:00; outside_window p.r", func(t *testing.T, _ *Rules, q *Question) {
			if _, offset := q.At.Zone(); offset != 7200 {
				t.Fatal("the case must start in the first pass")
			}
		}},
		"opens as the clocks skip it":  {"hours: {daily: '02:00-02:45'}", "2026-03-28T03:00", "defer 2026-03-30T02:00:00; outside_window p.r", nil},
		"a need that will end":         {"effective_until: 2026-11-19, consent: {requires: express}", "2026-11-18T12:00", "deny; level_too_low p.r", nil},
		"nothing to confirm":           {"double_opt_in: required", "2026-11-18T12:00", "allow", nil},
		"whole day":                    {"hours: {daily: all}", "2026-10-25T00:00", "allow", nil},
		"open until midnight":          {"hours: {daily: '20:00-24:00'}", "2026-11-18T23:59", "allow", nil},
		"dispatcher's clock":           {"hours: {daily: '09:00-17:00', clock: dispatcher}", "2026-11-18T16:30", "allow", dispatchFrom("Europe/Berlin")},
		"dispatcher's clock elsewhere": {"hours: {daily: '09:00-17:00', clock: dispatcher}", "2026-11-18T16:30", "defer 2026-11-19T08:00:00; outside_window p.r", dispatchFrom("Europe/Athens")},
		"dispatcher unknown":           {"hours: {daily: '09:00-17:00', clock: dispatcher}", "2026-11-18T17:00", "defer 2026-11-19T09:00:00; outside_window p.r", nil},
		"fixed clock":                  {"hours: {daily: '09:00-17:00', clock: Asia/Tokyo}", "2026-11-18T10:00", "defer 2026-11-19T01:00:00; outside_window p.r", nil},
		"calendar day":                 {"cap: {max: 1, per: day, by: subject, counts: attempts}", "2026-11-18T23:00", "defer 2026-11-19T00:00:00; cap_reached p.r", attempted("2026-11-18T00:00")},
		"calendar day before":          {"cap: {max: 1, per: day, by: subject, counts: attempts}", "2026-11-18T00:00", "allow", attempted("2026-11-17T23:59")},
		"calendar week":                {"cap: {max: 1, per: week, by: subject, counts: attempts}", "2026-11-22T23:59", "defer 2026-11-23T00:00:00; cap_reached p.r", attempted("2026-11-16T00:00")},
		"calendar week before":         {"cap: {max: 1, per: week, by: subject, counts: attempts}", "2026-11-16T00:00", "allow", attempted("2026-11-15T23:59")},
		"calendar month":               {"cap: {max: 1, per: month, by: subject, counts: attempts}", "2026-12-31T12:00", "defer 2027-01-01T00:00:00; cap_reached p.r", attempted("2026-12-01T00:00")},
		"day of the fold":              {"cap: {max: 1, per: day, by: subject, counts: attempts}", "2026-10-25T12:00", "defer 2026-10-26T00:00:00; cap_reached p.r", attempted("2026-10-25T00:30")},
		"for ever":                     {"cap: {max: 1, per: forever, by: subject, counts: attempts}", "2026-11-18T12:00", "deny; cap_reached p.r", attempted("1999-01-01T00:00")},
		"starts at midnight":           {"effective_from: 2026-11-18, ban: x", "2026-11-18T00:00", "deny; banned p.r", nil},
		"not a minute before":          {"effective_from: 2026-11-18, ban: x", "2026-11-17T23:59", "allow", nil},
		"ends at midnight":             {"effective_until: 2026-11-18, ban: x", "2026-11-18T00:00", "allow", nil},
		"holds to the last minute":     {"effective_until: 2026-11-18, ban: x", "2026-11-17T23:59", "defer 2026-11-18T00:00:00; banned p.r", nil},
		"opens when the rule ends":     {"effective_until: 2026-11-18, hours: {daily: none}", "2026-11-17T12:00", "defer 2026-11-18T00:00:00; outside_window p.r", nil},
		"a later rule closes for good": {"effective_from: 2026-11-19, hours: {daily: none}", "2026-11-18T12:00", "allow", nil},
		"never open":                   {"hours: {daily: none}", "2026-11-18T12:00", "deny; outside_window p.r", nil},
		"sender not of the rule":       {"senders: [short_code], ban: x", "2026-11-18T12:00", "allow", nil},
		"sender of the rule":           {"senders: [short_code], ban: x", "2026-11-18T12:00", "deny; banned p.r", func(_ *testing.T, _ *Rules, q *Question) { q.Sender = ShortCode }},
	} {
		t.Run(name, func(t *testing.T) {
			r := synthetic(t, "  - {id: p.r, citation: c, verified: false, "+c.rule+"}\n")
			q := &Question{Number: 4930231250, Channel: consent.SMS, Class: consent.Marketing, At: at(t, zone, c.at)}
			if c.change != nil {
				c.change(t, r, q)
			}
			want := c.want
			if rest, exempt := want, "; exempt p.yes"; rest == "allow" {
				want += exempt
			}
			if got := verdict(t, r, q); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

func dispatchFrom(zone string) func(*testing.T, *Rules, *Question) {
	return func(t *testing.T, r *Rules, q *Question) {
		var known bool
		if q.DispatchZone, known = r.DispatchZone(zone); !known {
			t.Fatalf("%s is not known", zone)
		}
	}
}

func attempted(when string) func(*testing.T, *Rules, *Question) {
	return func(t *testing.T, _ *Rules, q *Question) {
		q.Attempts = &drawnBook{attempts: []int64{at(t, "Europe/Berlin", when).Unix()}}
	}
}

// packOf compiles one pack for the German prefix from everything after its prefixes.
func packOf(t *testing.T, text string) *Rules {
	t.Helper()
	packs, err := Load(packFS(map[string]string{"p": "title: x\nas_of: 2026-01-01\nregion: DE\nzone: Europe/Berlin\nprefixes: ['49']\n" + text}))
	if err != nil {
		t.Fatal(err)
	}
	r, err := Compile(packs)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestCalendarCapWaitsForTheLastMidnight(t *testing.T) {
	r := packOf(t, "extra_zones: {'49': [Atlantic/Azores, Asia/Tokyo]}\nrules:\n  - {id: p.yes, citation: c, verified: false, consent: {requires: none}}\n"+
		"  - {id: p.r, citation: c, verified: false, cap: {max: 1, per: day, by: subject, counts: attempts}}\n")
	q := &Question{Number: 4930231250, Channel: consent.SMS, Class: consent.Marketing, At: at(t, "UTC", "2026-11-18T12:00"), Attempts: &drawnBook{attempts: []int64{at(t, "UTC", "2026-11-18T11:00").Unix()}}}
	if got, want := verdict(t, r, q), "defer 2026-11-19T01:00:00; cap_reached p.r"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestARuleForOneSectorLeavesTheOthersSilent(t *testing.T) {
	r := packOf(t, "rules:\n  - {id: p.r, citation: c, verified: false, sectors: [energy], consent: {requires: none}}\n")
	q := &Question{Number: 4930231250, Channel: consent.SMS, Class: consent.Marketing, At: at(t, "UTC", "2026-11-18T12:00")}
	if got := verdict(t, r, q); got != "deny; no_rule" {
		t.Errorf("got %s, want deny; no_rule", got)
	}
}

func TestAnAllowEndsWithItsWindowOrTheClockChange(t *testing.T) {
	r := synthetic(t, "  - {id: p.r, citation: c, verified: false, hours: {daily: '01:30-03:30'}}\n")
	for when, want := range map[string]string{
		"2026-03-29T01:45": "2026-03-29T01:00:00Z", "2026-03-29T03:10": "2026-03-29T01:30:00Z", "2026-03-30T01:45": "2026-03-30T01:30:00Z",
	} {
		q := &Question{Number: 4930231250, Channel: consent.SMS, Class: consent.Marketing, At: at(t, "Europe/Berlin", when)}
		var j Judgement
		r.Judge(q, &j)
		if got := time.Unix(j.ChangesAt, 0).UTC().Format(time.RFC3339); j.Outcome != Allow || got != want {
			t.Errorf("%s: %s until %s, want allow until %s", when, j.Outcome, got, want)
		}
	}
}

// A cap asks by the key that its rule names, and by nothing else.
func TestCapKeys(t *testing.T) {
	for by, want := range map[string]CapKey{
		"subject": {By: BySubject}, "subject_matter": {By: BySubjectMatter, Matter: 7}, "subject_brand": {By: BySubjectBrand, Brand: 5}, "event": {By: ByEvent, Event: 9},
	} {
		r := synthetic(t, "  - {id: p.r, citation: c, verified: false, channels: [sms, whatsapp], classes: [marketing], cap: {max: 2, per: P1D, by: "+by+", counts: conversations}}\n")
		var asked keyRecorder
		q := &Question{Number: 4930231250 | 1<<50, Channel: consent.SMS, Class: consent.Marketing, At: at(t, "UTC", "2026-11-18T12:00"), Brand: 5, Circumstances: Circumstances{Matter: 7, Event: 9}, Attempts: &asked}
		var j Judgement
		r.Judge(q, &j)
		want.Number, want.Counts, want.Channels, want.Classes = 4930231250, Conversations, 1<<consent.SMS|1<<consent.WhatsApp, 1<<consent.Marketing
		want.Until = q.At.Unix()
		if asked.key != want || asked.n != 2 {
			t.Errorf("by %s: asked for number %d of %+v, want 2 of %+v", by, asked.n, asked.key, want)
		}
	}
}

// keyRecorder knows one contact, if latest is not zero, and keeps what it was asked.
type keyRecorder struct {
	key    CapKey
	n      int
	latest time.Time
}

func (k *keyRecorder) NthLatest(key CapKey, n int) (int64, bool) {
	k.key, k.n = key, n
	return k.latest.Unix(), n == 1 && !k.latest.IsZero()
}

// A waiting time after a conversation runs from what was told with the question or from what was reported, the later.
func TestACoolDownRunsFromReportedConversations(t *testing.T) {
	r := synthetic(t, "  - {id: p.r, citation: c, verified: false, channels: [voice_live], classes: [debt_collection], cool_down: {after: conversation, wait: P7D}}\n")
	day := func(d int) time.Time { return time.Date(2026, 11, d, 12, 0, 0, 0, time.UTC) }
	for name, c := range map[string]struct {
		reported, told time.Time
		want           string
	}{
		"none held":               {want: "allow; exempt p.yes"},
		"reported":                {reported: day(15), want: "defer 2026-11-22T12:00:00; cool_down p.r"},
		"reported long ago":       {reported: day(11), want: "allow; exempt p.yes"},
		"told":                    {told: day(16), want: "defer 2026-11-23T12:00:00; cool_down p.r"},
		"reported after the told": {reported: day(17), told: day(16), want: "defer 2026-11-24T12:00:00; cool_down p.r"},
		"reported before it":      {reported: day(15), told: day(16), want: "defer 2026-11-23T12:00:00; cool_down p.r"},
	} {
		asked := keyRecorder{latest: c.reported}
		q := &Question{Number: 4930231250, Channel: consent.VoiceLive, Class: consent.DebtCollection, At: day(18), Brand: 5, Attempts: &asked}
		q.Matter, q.ConversationAt = 7, c.told
		if got := verdict(t, r, q); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
		want := CapKey{Number: 4930231250, By: BySubjectMatter, Counts: Conversations, Channels: 1 << consent.VoiceLive, Classes: 1 << consent.DebtCollection, Matter: 7, Until: q.At.Unix()}
		if asked.key != want || asked.n != 1 {
			t.Errorf("%s: asked for number %d of %+v, want 1 of %+v", name, asked.n, asked.key, want)
		}
	}
}

func TestObligationsAccompanyAnAllow(t *testing.T) {
	q := plainAllow(t, 12025550123)
	var j Judgement
	builtIn.Judge(q, &j)
	got := map[string]bool{}
	for _, i := range j.Obligations() {
		got[builtIn.Rule(i).ID] = true
	}
	if got["us.registry_reassigned"] || got["us.double_opt_in"] || got["us.disclosure_call"] {
		t.Errorf("a confirmed text with a fresh answer is obliged to %v", got)
	}
	q.Registries, q.Confirmed = nil, false
	builtIn.Judge(q, &j)
	for _, i := range j.Obligations() {
		got[builtIn.Rule(i).ID] = true
	}
	if j.Outcome != Allow || !got["us.registry_reassigned"] || !got["us.double_opt_in"] {
		t.Errorf("%s with obligations %v", builtIn.Describe(&j, q.At.Location()), got)
	}
}

func TestEvidence(t *testing.T) {
	q := plainAllow(t, 18005550123)
	var err error
	if q.Place, err = builtIn.Locate(Address{Country: "US", Region: "FL", Zone: "America/New_York"}); err != nil {
		t.Fatal(err)
	}
	var j Judgement
	builtIn.Judge(q, &j)
	if want := ByNumber | ByVagueNumber | ByAddress | ByAddressZones | ManyRegions | ManyZones; j.Evidence != want {
		t.Errorf("evidence %v, want %v", j.Evidence.Words(), want.Words())
	}
	if q.Place, err = builtIn.Locate(Address{Country: "US", Region: "DC", Verified: true}); err != nil {
		t.Fatal(err)
	}
	builtIn.Judge(q, &j)
	if want := ByAddress | ByAddressZones | ZonesNarrowed; j.Evidence != want || j.Outcome != Allow {
		t.Errorf("evidence %v, want %v; %s", j.Evidence.Words(), want.Words(), j.Outcome)
	}
}

func TestCodesAreAllExplained(t *testing.T) {
	if len(Codes) != len(codeWords)-1 {
		t.Fatalf("%d codes are explained, there are %d", len(Codes), len(codeWords)-1)
	}
	for i, m := range Codes {
		if int(m.Code) != i+1 || m.Text == "" || (m.Remedy == "") != (m.Code == Exempt) {
			t.Errorf("%s is explained as %+v", Code(i+1), m)
		}
	}
}
