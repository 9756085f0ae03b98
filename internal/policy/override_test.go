package policy

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/consent"
)

func verdict(t *testing.T, r *Rules, q *Question) string {
	t.Helper()
	var j Judgement
	r.Judge(q, &j)
	return r.Describe(&j, q.At.Location())
}

func pointer[T any](v T) *T { return &v }

func weekOf(t *testing.T, windows string) *Week {
	t.Helper()
	day, err := parseWindows(windows)
	if err != nil {
		t.Fatal(err)
	}
	return &Week{day, day, day, day, day, day, day}
}

func TestAnOverrideSaysWhoAndWhy(t *testing.T) {
	for reason, want := range map[string]string{"": "Overridden by ann.", "Counsel of 1 May.": "Overridden by ann: Counsel of 1 May."} {
		r, err := builtIn.With(Changes{Overrides: []Override{{Rule: "us-fl.cap", Actor: "ann", Reason: reason, Max: pointer(2)}}})
		if err != nil {
			t.Fatal(err)
		}
		all := r.All()
		if got := all[len(all)-1].Note; !strings.HasPrefix(got, want) || strings.Contains(got, ". .") || strings.Contains(got, "..") {
			t.Errorf("the note is %q, want it to begin with %q", got, want)
		}
	}
}

func TestOverridesHoldForTheirTime(t *testing.T) {
	start, end := at(t, "America/New_York", "2026-11-20T00:00"), at(t, "America/New_York", "2026-11-25T00:00")
	base := Override{Actor: "counsel", Reason: "settlement", From: start, Until: end}
	for name, c := range map[string]struct {
		change func(*Override)
		at     string
		want   string
	}{
		"disabled":          {func(o *Override) { o.Rule, o.Disable = "us.hours_marketing", true }, "2026-11-21T21:30", "allow"},
		"before it":         {func(o *Override) { o.Rule, o.Disable = "us.hours_marketing", true }, "2026-11-19T21:30", "defer 2026-11-20T00:00:00; outside_window us.hours_marketing"},
		"up to it":          {func(o *Override) { o.Rule, o.Disable = "us.hours_marketing", true }, "2026-11-19T23:30", "defer 2026-11-20T00:00:00; outside_window us.hours_marketing"},
		"after it":          {func(o *Override) { o.Rule, o.Disable = "us.hours_marketing", true }, "2026-11-25T00:00", "defer 2026-11-25T08:00:00; outside_window us.hours_marketing"},
		"shorter hours":     {func(o *Override) { o.Rule, o.Week = "us.hours_marketing", weekOf(t, "10:00-12:00") }, "2026-11-21T12:00", "defer 2026-11-22T10:00:00; outside_window us.hours_marketing"},
		"longer hours":      {func(o *Override) { o.Rule, o.Week = "us.hours_marketing", weekOf(t, "all") }, "2026-11-21T03:00", "allow"},
		"another need":      {func(o *Override) { o.Rule, o.Requires = "us.consent_text_other", pointer(NeedImplied) }, "2026-11-21T12:00", "allow"},
		"voluntary":         {func(o *Override) { o.Rule, o.Required = "us.registry_reassigned", pointer(true) }, "2026-11-21T12:00", "deny; registry_stale us.registry_reassigned"},
		"required opt-in":   {func(o *Override) { o.Rule, o.Required = "us.double_opt_in", pointer(true) }, "2026-11-21T12:00", "deny; not_confirmed us.double_opt_in"},
		"holiday":           {func(o *Override) { o.Rule, o.Week = "base.hours", weekOf(t, "none") }, "2026-11-21T12:00", "allow"},
		"registry's age":    {func(o *Override) { o.Rule, o.Period = "us.registry_reassigned", &Period{Months: 3} }, "2026-11-21T12:00", "allow"},
		"expired elsewhere": {func(o *Override) { o.Rule, o.Period = "ca.expiry_implied", &Period{Months: 1} }, "2026-11-21T12:00", "allow"},
	} {
		t.Run(name, func(t *testing.T) {
			o := base
			c.change(&o)
			r, err := builtIn.With(Changes{Overrides: []Override{o}})
			if err != nil {
				t.Fatal(err)
			}
			q := plainAllow(t, 12025550123)
			q.At, q.Confirmed, q.Registries = at(t, "America/New_York", c.at), false, nil
			if got := verdict(t, r, q); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestOverridesNeedTheirReasons(t *testing.T) {
	until := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		o    Override
		want string
	}{
		"no such rule":           {Override{Rule: "us.nothing", Actor: "a", Disable: true}, "no pack has a rule of this id"},
		"nobody":                 {Override{Rule: "us.cap_debt", Max: pointer(1)}, "say who decided it"},
		"nothing":                {Override{Rule: "us.cap_debt", Actor: "a"}, "it changes nothing"},
		"looser, no reason":      {Override{Rule: "us.cap_debt", Actor: "a", Until: until, Max: pointer(8)}, "needs a reason"},
		"looser, no end":         {Override{Rule: "us.cap_debt", Actor: "a", Reason: "r", Max: pointer(8)}, "needs an end"},
		"disabled, no end":       {Override{Rule: "us.cap_debt", Actor: "a", Reason: "r", Disable: true}, "needs an end"},
		"wider hours":            {Override{Rule: "us.hours_marketing", Actor: "a", Week: weekOf(t, "07:59-21:00")}, "needs a reason"},
		"later hours":            {Override{Rule: "us.hours_marketing", Actor: "a", Week: weekOf(t, "08:00-21:01")}, "needs a reason"},
		"shorter window":         {Override{Rule: "us.cap_debt", Actor: "a", Period: &Period{Seconds: 6 * daySeconds}}, "needs a reason"},
		"shorter wait":           {Override{Rule: "us.cool_down_debt", Actor: "a", Period: &Period{Seconds: 6 * daySeconds}}, "needs a reason"},
		"older answers":          {Override{Rule: "us.registry_calls", Actor: "a", Period: &Period{Seconds: 32 * daySeconds}}, "needs a reason"},
		"longer consent":         {Override{Rule: "kr.expiry", Actor: "a", Period: &Period{Months: 25}}, "needs a reason"},
		"later confirmation":     {Override{Rule: "us.confirmation", Actor: "a", Period: &Period{Seconds: 301}}, "needs a reason"},
		"more confirmations":     {Override{Rule: "us.confirmation", Actor: "a", Max: pointer(2)}, "needs a reason"},
		"weaker consent":         {Override{Rule: "us.consent_text_marketing", Actor: "a", Requires: pointer(NeedExpress)}, "needs a reason"},
		"no confirmation":        {Override{Rule: "de.double_opt_in", Actor: "a", Required: pointer(false)}, "needs a reason"},
		"no registry":            {Override{Rule: "us.registry_calls", Actor: "a", Required: pointer(false)}, "needs a reason"},
		"open holidays":          {Override{Rule: "fr.hours_calls", Actor: "a", OnHoliday: pointer(SameAsWeekday)}, "needs a reason"},
		"no calendar":            {Override{Rule: "us.hours_marketing", Actor: "a", OnHoliday: pointer(Blocked)}, "has no on_holiday"},
		"wrong kind":             {Override{Rule: "us.hours_marketing", Actor: "a", Max: pointer(1)}, "a rule of kind hours has no max"},
		"wrong kind, period":     {Override{Rule: "us.hours_marketing", Actor: "a", Period: &Period{Months: 1}}, "has no period"},
		"wrong kind, week":       {Override{Rule: "us.cap_debt", Actor: "a", Week: weekOf(t, "all")}, "has no week"},
		"wrong kind, requires":   {Override{Rule: "us.cap_debt", Actor: "a", Requires: pointer(NeedExpress)}, "has no requires"},
		"wrong kind, required":   {Override{Rule: "us.cap_debt", Actor: "a", Required: pointer(true)}, "has no required"},
		"disabled and changed":   {Override{Rule: "us.cap_debt", Actor: "a", Disable: true, Max: pointer(1)}, "a disabled rule has no other terms"},
		"ends before it starts":  {Override{Rule: "us.cap_debt", Actor: "a", Max: pointer(1), From: until, Until: until}, "it ends before it starts"},
		"calendar cap's window":  {Override{Rule: "ae.cap_day", Actor: "a", Period: &Period{Seconds: 1}}, "has no period"},
		"stricter needs no more": {Override{Rule: "us.cap_debt", Actor: "a", Max: pointer(6)}, ""},
		"stricter hours":         {Override{Rule: "us.hours_marketing", Actor: "a", Week: weekOf(t, "08:00-12:00 15:00-21:00")}, ""},
		"hours on a Saturday":    {Override{Rule: "fr.hours_calls", Actor: "a", Week: weekOf(t, "10:00-12:00 15:00-16:00")}, "needs a reason"},
		"hours over a break":     {Override{Rule: "fr.hours_calls", Actor: "a", Week: &Week{{{600, 840}}}}, "needs a reason"},
		"hours of a Monday":      {Override{Rule: "fr.hours_calls", Actor: "a", Week: &Week{{{600, 780}, {900, 1200}}}}, ""},
		"stricter answers":       {Override{Rule: "us.registry_calls", Actor: "a", Period: &Period{Seconds: 30 * daySeconds}}, ""},
		"stricter consent":       {Override{Rule: "is.consent_live", Actor: "a", Requires: pointer(NeedExpress)}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := builtIn.With(Changes{Overrides: []Override{c.o}})
			var refused *OverrideError
			if c.want == "" && err != nil {
				t.Errorf("refused: %v", err)
			}
			if c.want != "" && (!errors.As(err, &refused) || !matches(err.Error(), c.want)) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

func TestOverridesOfOneRuleDoNotMeet(t *testing.T) {
	day := func(d int) time.Time { return time.Date(2026, 11, d, 0, 0, 0, 0, time.UTC) }
	one := Override{Rule: "us.cap_debt", Actor: "a", Reason: "r", Disable: true, From: day(1), Until: day(10)}
	two := Override{Rule: "us.cap_debt", Actor: "a", Max: pointer(1), From: day(9)}
	if _, err := builtIn.With(Changes{Overrides: []Override{one, two}}); err == nil || !matches(err.Error(), "two overrides hold at the same time") {
		t.Errorf("overlapping overrides: got %v", err)
	}
	two.From = day(10)
	r, err := builtIn.With(Changes{Overrides: []Override{one, two}})
	if err != nil || len(r.Changes().Overrides) != 2 {
		t.Errorf("adjoining overrides: got %v", err)
	}
}

func TestBans(t *testing.T) {
	from, until := at(t, "America/New_York", "2026-11-20T00:00"), at(t, "America/New_York", "2026-11-23T00:00")
	ban := Ban{ID: "flood", Region: "US-NY", Actor: "ops", Reason: "State of emergency", Citation: "Executive Order", From: from, Until: until}
	for name, c := range map[string]struct {
		change  func(*Ban)
		number  string
		address Address
		level   consent.Level
		at      string
		want    string
	}{
		"in time":             {func(*Ban) {}, "212", Address{}, consent.ExpressWritten, "2026-11-21T12:00", "defer 2026-11-23T08:00:00; banned operator.flood"},
		"first moment":        {func(*Ban) {}, "212", Address{}, consent.ExpressWritten, "2026-11-20T00:00", "defer 2026-11-23T08:00:00; banned operator.flood; outside_window us.hours_marketing; outside_window us-ny.hours"},
		"before":              {func(*Ban) {}, "212", Address{}, consent.ExpressWritten, "2026-11-19T20:59", "allow"},
		"after":               {func(*Ban) {}, "212", Address{}, consent.ExpressWritten, "2026-11-23T08:00", "allow"},
		"elsewhere":           {func(*Ban) {}, "202", Address{}, consent.ExpressWritten, "2026-11-21T12:00", "allow"},
		"resident":            {func(*Ban) {}, "202", Address{Country: "US", Region: "NY"}, consent.ExpressWritten, "2026-11-21T12:00", "defer 2026-11-23T08:00:00; banned operator.flood"},
		"inside its postcode": {func(b *Ban) { b.Postal = []string{"148"} }, "212", Address{Country: "US", Postal: "14850"}, consent.ExpressWritten, "2026-11-21T12:00", "defer 2026-11-23T08:00:00; banned operator.flood"},
		"outside of it":       {func(b *Ban) { b.Postal = []string{"148"} }, "212", Address{Country: "US", Postal: "10001"}, consent.ExpressWritten, "2026-11-21T12:00", "allow"},
		"postcode unknown":    {func(b *Ban) { b.Postal = []string{"148"} }, "212", Address{}, consent.ExpressWritten, "2026-11-21T12:00", "defer 2026-11-23T08:00:00; banned operator.flood"},
		"its prefix":          {func(b *Ban) { b.Prefixes = []string{"1212555"} }, "212", Address{}, consent.ExpressWritten, "2026-11-21T12:00", "defer 2026-11-23T08:00:00; banned operator.flood"},
		"another prefix":      {func(b *Ban) { b.Prefixes = []string{"1607"} }, "212", Address{}, consent.ExpressWritten, "2026-11-21T12:00", "allow"},
		"lifted":              {func(b *Ban) { b.Unless = []Condition{{Consent: NeedExpress}} }, "212", Address{}, consent.ExpressWritten, "2026-11-21T12:00", "allow"},
		"another channel":     {func(b *Ban) { b.Channels = []consent.Channel{consent.VoiceLive} }, "212", Address{}, consent.ExpressWritten, "2026-11-21T12:00", "allow"},
		"whole country":       {func(b *Ban) { b.Region = "US" }, "303", Address{}, consent.ExpressWritten, "2026-11-21T12:00", "defer 2026-11-23T10:00:00; banned operator.flood"},
		"no end":              {func(b *Ban) { b.Until = time.Time{} }, "212", Address{}, consent.ExpressWritten, "2026-11-21T12:00", "deny; banned operator.flood"},
	} {
		t.Run(name, func(t *testing.T) {
			b := ban
			c.change(&b)
			r, err := builtIn.With(Changes{Bans: []Ban{b}})
			if err != nil {
				t.Fatal(err)
			}
			q := plainAllow(t, 12125550123)
			switch c.number {
			case "202":
				q.Number = 12025550123
			case "303":
				q.Number = 13035550123
			}
			q.At, q.Level = at(t, "America/New_York", c.at), c.level
			if q.Place, err = r.Locate(c.address); err != nil {
				t.Fatal(err)
			}
			if got := verdict(t, r, q); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestBansThatCannotStand(t *testing.T) {
	good := Ban{ID: "x", Region: "US-NY", Actor: "a", Reason: "r"}
	for want, change := range map[string]func(*Ban){
		"it needs an id":          func(b *Ban) { b.ID = " " },
		"who decided it":          func(b *Ban) { b.Actor = "" },
		`"ZZ" is no region`:       func(b *Ban) { b.Region = "ZZ" },
		"ends before it starts":   func(b *Ban) { b.From, b.Until = time.Unix(9, 0), time.Unix(9, 0) },
		"is no prefix":            func(b *Ban) { b.Prefixes = []string{"+1"} },
		"would lift it always":    func(b *Ban) { b.Unless = []Condition{{}} },
		"another ban has this id": func(b *Ban) { b.ID = "y" },
		"nowhere is no switch":    func(b *Ban) { b.Unless = []Condition{{Switch: "nowhere"}} },
	} {
		b := good
		change(&b)
		_, err := builtIn.With(Changes{Bans: []Ban{{ID: "y", Region: "US", Actor: "a", Reason: "r"}, b}})
		var refused *BanError
		if !errors.As(err, &refused) || !matches(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// An override is the operator's text and not the source's, and one that takes a rule away leaves it to be seen.
func TestOverridesShowInWhatIsExplained(t *testing.T) {
	noon := at(t, "America/New_York", "2026-11-18T12:00")
	r, err := builtIn.With(Changes{Overrides: []Override{
		{Rule: "us-fl.hours", Actor: "ann", Reason: "counsel", Disable: true, Until: noon.Add(time.Hour)},
		{Rule: "us-fl.cap", Actor: "ann", Max: pointer(2)},
	}})
	if err != nil {
		t.Fatal(err)
	}
	told := func(when time.Time) map[string]Ruling {
		q := plainAllow(t, 13055550123)
		q.At = when
		found := map[string]Ruling{}
		for _, f := range r.Explain(q) {
			if f.Rule != NoRuleIndex {
				found[r.Rule(f.Rule).ID] = f
			}
		}
		return found
	}
	during, after := told(noon), told(noon.Add(time.Hour))
	hours := during["us-fl.hours"]
	if hours.Result != Lifted || hours.Evidence != "taken away by the operator" || !strings.Contains(r.Rule(hours.Rule).Note, "ann: counsel") {
		t.Errorf("the disabled rule is told as %v %q", hours.Result, hours.Evidence)
	}
	if got := after["us-fl.hours"]; got.Result != Passed || !r.Rule(got.Rule).Verified {
		t.Errorf("after the override the rule is told as %v", got.Result)
	}
	if limit := r.Rule(during["us-fl.cap"].Rule); limit.Cap.Max != 2 || limit.Verified {
		t.Errorf("a cap of the operator's of %d contacts is told as verified: %v", limit.Cap.Max, limit.Verified)
	}
}
