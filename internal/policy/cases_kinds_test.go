package policy

import (
	"strings"
	"testing"
	"time"
)

// The moments at which calendars and clocks go wrong: each kind must stand in the worked examples often enough.
func TestEveryKindOfMomentHasCases(t *testing.T) {
	cases, err := ReadCases(BuiltInCases())
	if err != nil {
		t.Fatal(err)
	}
	if len(cases) < 400 {
		t.Errorf("%d cases, want at least 400", len(cases))
	}
	counts := map[string]int{}
	for i := range cases {
		for kind, is := range kindsOf(&cases[i]) {
			if is {
				counts[kind]++
			}
		}
	}
	for _, want := range []struct {
		kind  string
		least int
	}{
		{"on a day with a gap", 4}, {"on a day with a fold", 4}, {"in the second pass of a repeated hour", 1},
		{"in a zone at a half hour", 8}, {"with three candidate zones", 3}, {"on a holiday", 8}, {"on a holiday observed on another day", 3},
		{"on a leap day", 3}, {"on the first day of a rule", 4}, {"on the last day of a rule", 3},
		{"in the last second or minute before a window ends or opens", 50}, {"in the minute in which a window opens or has ended", 50},
	} {
		if counts[want.kind] < want.least {
			t.Errorf("%d cases %s, want at least %d", counts[want.kind], want.kind, want.least)
		}
	}
}

func kindsOf(c *Case) map[string]bool {
	local := c.question.At.In(c.zone)
	midnight := time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, c.zone)
	length := midnight.AddDate(0, 0, 1).Sub(midnight)
	_, offset := local.Zone()
	place := c.places
	q := c.question
	q.Place, _ = builtIn.Locate(place)
	day := dayOf(local.Year(), int(local.Month()), local.Day())
	first, last := ruleDay(day)
	edge := local.Minute() == 59 || local.Minute() == 29
	return map[string]bool{
		"on a day with a gap": length < 24*time.Hour, "on a day with a fold": length > 24*time.Hour,
		"in the second pass of a repeated hour": strings.Contains(c.Text, "b "+c.zone.String()),
		"in a zone at a half hour":              offset%3600 != 0,
		"with three candidate zones":            len(builtIn.Whereabouts(&q).Zones) >= 3,
		"on a holiday":                          holidayOn(day, false), "on a holiday observed on another day": holidayOn(day, true) && strings.Contains(c.Text, "holiday"),
		"on a leap day":              local.Month() == time.February && local.Day() == 29,
		"on the first day of a rule": first, "on the last day of a rule": last,
		"in the last second or minute before a window ends or opens": edge,
		"in the minute in which a window opens or has ended":         local.Minute()%30 == 0 && local.Second() == 0,
	}
}

// ruleDay reports whether some rule begins on the day, and whether one holds on it for the last time.
func ruleDay(day int64) (first, last bool) {
	for _, r := range builtIn.All() {
		first = first || r.HasFrom && r.EffectiveFrom == day
		last = last || r.HasUntil && r.EffectiveUntil == day+1
	}
	return first, last
}

// holidayOn reports whether the day is a holiday of some calendar, or only the one on which another is observed.
func holidayOn(day int64, observed bool) bool {
	y, _, _ := civil(day)
	for _, p := range builtIn.Packs() {
		for i := range p.Calendars {
			for j := range p.Calendars[i].Days {
				h := &p.Calendars[i].Days[j]
				on, falls := h.in(y)
				moved := h.observed[weekday(on)]
				if falls && (!observed && on == day || observed && moved != 0 && on+int64(moved) == day) {
					return true
				}
			}
		}
	}
	return false
}
