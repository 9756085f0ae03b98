package policy

import (
	"testing"
	"time"

	"github.com/rickar/cal/v2"
	"github.com/rickar/cal/v2/au"
	"github.com/rickar/cal/v2/br"
	"github.com/rickar/cal/v2/es"
	"github.com/rickar/cal/v2/fr"
	"github.com/rickar/cal/v2/it"
	"github.com/rickar/cal/v2/nl"
	"github.com/rickar/cal/v2/no"
	"github.com/rickar/cal/v2/us"
	"github.com/rickar/cal/v2/za"
)

func dayIn(t time.Time) int64 { return dayOf(t.Year(), int(t.Month()), t.Day()) }

// The calendars are ours because operators write their own in packs; a library that others keep holds them right.
func TestCalendarsAgreeWithALibrary(t *testing.T) {
	for _, c := range []struct {
		id       string
		holidays []*cal.Holiday
		exact    bool // the library holds every day of ours that is no Sunday
	}{
		{"FR-L3133-1", fr.Holidays, true},
		{"ES-NAT", es.Holidays, true},
		{"NO-NAT", no.Holidays, true},
		{"IT-NAT", it.Holidays, false},
		{"ZA-PHA", za.Holidays, false},
		{"BR-NAT", br.Holidays, false},
		{"NL-NAT", []*cal.Holiday{nl.Nieuwjaar, nl.TweedePaasdag, nl.Koningsdag, nl.BevrijdingsDag, nl.Hemelvaart, nl.TweedePinksterDag, nl.EersteKerstdag, nl.TweedeKerstdag}, false},
		{"AU-NAT", []*cal.Holiday{au.NewYear, au.AustraliaDay, au.GoodFriday, au.EasterMonday, au.AnzacDay, au.ChristmasDay, au.BoxingDay}, false},
		{"US-PA-LEGAL", []*cal.Holiday{us.NewYear, us.MlkDay, us.PresidentsDay, us.MemorialDay, us.IndependenceDay, us.LaborDay, us.ColumbusDay, us.VeteransDay, us.ThanksgivingDay, us.ChristmasDay}, false},
		{"US-AL-LEGAL", []*cal.Holiday{us.NewYear, us.MlkDay, us.Juneteenth, us.IndependenceDay, us.VeteransDay, us.ThanksgivingDay, us.ChristmasDay}, false},
	} {
		ours := builtIn.calendars[c.id]
		theirs := map[int64]bool{}
		for year := 2024; year <= 2035; year++ {
			for _, h := range c.holidays {
				actual, observed := h.Calc(year)
				if actual.IsZero() {
					continue
				}
				theirs[dayIn(actual)], theirs[dayIn(observed)] = true, true
				if !ours.Holiday(dayIn(actual)) {
					t.Errorf("%s lacks %s on %s", c.id, h.Name, actual.Format(time.DateOnly))
				}
				// Pennsylvania's list says nothing of Saturdays; where ours shifts, both days count.
				if c.id != "US-PA-LEGAL" && !ours.Holiday(dayIn(observed)) {
					t.Errorf("%s lacks %s, observed on %s", c.id, h.Name, observed.Format(time.DateOnly))
				}
			}
		}
		for day := dayOf(2024, 1, 1); c.exact && day <= dayOf(2035, 12, 31); day++ {
			if ours.Holiday(day) && !theirs[day] && weekday(day) != 6 {
				t.Errorf("%s holds %s, the library does not", c.id, time.Unix(day*daySeconds, 0).UTC().Format(time.DateOnly))
			}
		}
	}
}

func TestHolidaysByHand(t *testing.T) {
	for _, c := range []struct {
		id, day string
		holiday bool
	}{
		{"FI-NAT", "2024-06-21", true}, {"FI-NAT", "2024-06-22", true}, {"FI-NAT", "2025-06-20", true}, {"FI-NAT", "2026-06-19", true},
		{"FI-NAT", "2026-06-20", true}, {"FI-NAT", "2026-06-26", false}, {"FI-NAT", "2024-11-02", true}, {"FI-NAT", "2025-11-01", true},
		{"FI-NAT", "2026-10-31", true}, {"FI-NAT", "2026-04-03", true}, {"FI-NAT", "2026-04-06", true}, {"FI-NAT", "2026-05-14", true},
		{"FI-NAT", "2026-12-24", true}, {"FI-NAT", "2026-12-31", false},
		{"US-AL-LEGAL", "2021-12-31", true}, {"US-AL-LEGAL", "2022-12-26", true}, {"US-AL-LEGAL", "2025-03-04", true},
		{"US-LA-PSC", "2026-11-27", true}, {"US-PA-LEGAL", "2026-11-03", true}, {"US-PA-LEGAL", "2027-11-02", true}, {"US-PA-LEGAL", "2022-11-08", true},
		{"US-UT-LEGAL", "2024-06-17", true}, {"US-UT-LEGAL", "2025-06-16", true}, {"US-UT-LEGAL", "2026-06-22", true},
		{"CA-BC", "2026-05-18", true}, {"CA-BC", "2027-05-24", true}, {"CA-BC", "2027-05-31", false}, {"CA-BC", "2022-09-30", false}, {"CA-BC", "2023-09-30", true},
		{"ZA-PHA", "2024-05-29", true}, {"ZA-PHA", "2025-05-29", false}, {"ZA-PHA", "2026-08-10", true},
		{"IT-NAT", "2025-10-04", false}, {"IT-NAT", "2026-10-04", true}, {"NL-NAT", "2025-04-26", true},
	} {
		day, err := parseDate(c.day)
		if err != nil {
			t.Fatal(err)
		}
		if got := builtIn.calendars[c.id].Holiday(day); got != c.holiday {
			t.Errorf("%s on %s: holiday is %v, want %v", c.id, c.day, got, c.holiday)
		}
	}
}

// The bits and the computation behind them are one calendar, and the computation goes on where the bits end.
func TestCalendarBitsAreTheComputation(t *testing.T) {
	for id, c := range builtIn.calendars {
		plain := *c
		plain.bits = nil
		for day := firstDay - 400; day < lastDay+400; day++ {
			if c.Holiday(day) != plain.Holiday(day) {
				t.Fatalf("%s: bits and computation differ on %s", id, time.Unix(day*daySeconds, 0).UTC().Format(time.DateOnly))
			}
		}
	}
	if day := dayOf(2099, 12, 25); !builtIn.calendars["FR-L3133-1"].Holiday(day) {
		t.Error("Christmas 2099 is no holiday in France")
	}
}

func TestEaster(t *testing.T) {
	for year, want := range map[int]string{1961: "1961-04-02", 2000: "2000-04-23", 2019: "2019-04-21", 2024: "2024-03-31", 2025: "2025-04-20", 2026: "2026-04-05", 2038: "2038-04-25", 2285: "2285-03-22"} {
		if got := time.Unix(easter(year)*daySeconds, 0).UTC().Format(time.DateOnly); got != want {
			t.Errorf("Easter %d is %s, want %s", year, got, want)
		}
	}
}

func TestCivilDatesAgreeWithTheStandardLibrary(t *testing.T) {
	for day := dayOf(1890, 1, 1); day < dayOf(2110, 1, 1); day++ {
		want := time.Unix(day*daySeconds, 0).UTC()
		y, m, d := civil(day)
		if y != want.Year() || m != int(want.Month()) || d != want.Day() || dayOf(y, m, d) != day || (weekday(day)+1)%7 != int(want.Weekday()) {
			t.Fatalf("day %d: got %d-%d-%d weekday %d, want %s", day, y, m, d, weekday(day), want)
		}
	}
}

func TestPeriods(t *testing.T) {
	for _, c := range []struct{ period, from, want string }{
		{"P1M", "2027-01-31T10:00:00Z", "2027-02-28T10:00:00Z"}, {"P1M", "2028-01-31T10:00:00Z", "2028-02-29T10:00:00Z"},
		{"P18M", "2026-08-31T00:00:00Z", "2028-02-29T00:00:00Z"}, {"P1Y", "2028-02-29T23:59:59Z", "2029-02-28T23:59:59Z"},
		{"P3Y14D", "2026-11-21T12:00:00Z", "2029-12-05T12:00:00Z"}, {"P31D", "2026-01-31T00:00:00Z", "2026-03-03T00:00:00Z"},
		{"PT24H", "2026-01-31T12:30:00Z", "2026-02-01T12:30:00Z"}, {"PT5M", "2026-01-31T23:58:00Z", "2026-02-01T00:03:00Z"},
		{"P2W", "2026-01-01T00:00:00Z", "2026-01-15T00:00:00Z"}, {"P12M", "1969-12-31T23:00:00Z", "1970-12-31T23:00:00Z"},
	} {
		p, err := ParsePeriod(c.period)
		if err != nil {
			t.Fatal(err)
		}
		from, err := time.Parse(time.RFC3339, c.from)
		if err != nil {
			t.Fatal(err)
		}
		if got := time.Unix(p.after(from.Unix()), 0).UTC().Format(time.RFC3339); got != c.want {
			t.Errorf("%s after %s is %s, want %s", c.period, c.from, got, c.want)
		}
		again, err := ParsePeriod(p.String())
		if err != nil || again != p {
			t.Errorf("%s is written %s, which reads as %+v (%v)", c.period, p, again, err)
		}
	}
	for _, bad := range []string{"", "P", "PT", "P1", "1D", "P1X", "PT1D", "P-1D", "P0D", "P9999999D", "P1DT"} {
		if p, err := ParsePeriod(bad); err == nil {
			t.Errorf("%q reads as %+v, want an error", bad, p)
		}
	}
}
