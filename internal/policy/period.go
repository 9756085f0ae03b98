package policy

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Period is a length of time as laws state it: months follow the calendar, the rest is exact, or it has no end.
type Period struct {
	Months  int
	Seconds int64
	Forever bool
}

// ParsePeriod reads an ISO 8601 duration such as P18M, P3Y14D or PT5M, or the word forever.
func ParsePeriod(s string) (Period, error) {
	if s == "forever" {
		return Period{Forever: true}, nil
	}
	rest, ok := strings.CutPrefix(s, "P")
	if !ok || rest == "" {
		return Period{}, fmt.Errorf("%q is no period: want ISO 8601 such as P31D, P18M or PT5M, or forever", s)
	}
	var p Period
	days, clock, timed := strings.Cut(rest, "T")
	if timed && clock == "" {
		return Period{}, fmt.Errorf("%q is no period: nothing follows T", s)
	}
	dateUnits := map[byte]func(int){
		'Y': func(n int) { p.Months += 12 * n },
		'M': func(n int) { p.Months += n },
		'W': func(n int) { p.Seconds += int64(n) * 7 * daySeconds },
		'D': func(n int) { p.Seconds += int64(n) * daySeconds },
	}
	timeUnits := map[byte]func(int){
		'H': func(n int) { p.Seconds += int64(n) * 3600 },
		'M': func(n int) { p.Seconds += int64(n) * 60 },
		'S': func(n int) { p.Seconds += int64(n) },
	}
	if err := addUnits(days, dateUnits); err != nil {
		return Period{}, fmt.Errorf("%q is no period: %w", s, err)
	}
	if err := addUnits(clock, timeUnits); err != nil {
		return Period{}, fmt.Errorf("%q is no period: %w", s, err)
	}
	if p.Months == 0 && p.Seconds == 0 {
		return Period{}, fmt.Errorf("%q is no time at all", s)
	}
	return p, nil
}

func addUnits(s string, units map[byte]func(int)) error {
	for s != "" {
		i := strings.IndexFunc(s, func(c rune) bool { return c < '0' || c > '9' })
		if i <= 0 {
			return fmt.Errorf("want a number and a unit at %q", s)
		}
		n, err := strconv.Atoi(s[:i])
		if err != nil || n > 1_000_000 {
			return fmt.Errorf("the number %q is out of range", s[:i])
		}
		add, known := units[s[i]]
		if !known {
			return fmt.Errorf("unknown unit %q", s[i:i+1])
		}
		add(n)
		s = s[i+1:]
	}
	return nil
}

const daySeconds = 24 * 3600

// never is later than every instant that a rule can name.
const never = int64(1) << 62

// after returns the instant one period after the Unix second t; the last day of a month stays within its month.
func (p Period) after(t int64) int64 {
	if p.Forever {
		return never
	}
	if p.Months == 0 {
		return t + p.Seconds
	}
	day, clock := floorDiv(t, daySeconds)
	y, m, d := civil(day)
	month := int64(y)*12 + int64(m-1) + int64(p.Months)
	y, m = int(month/12), int(month%12)+1
	d = min(d, daysIn(y, m))
	return dayOf(y, m, d)*daySeconds + clock + p.Seconds
}

// After returns the moment one period after t; one without an end leads to the last second of the year 9999.
func (p Period) After(t time.Time) time.Time {
	last := time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
	return time.Unix(min(p.after(t.Unix()), last.Unix()), 0).UTC()
}

// cmp orders periods by length, taking a month as 30.44 days.
func (p Period) cmp(q Period) int {
	length := func(p Period) float64 {
		if p.Forever {
			return float64(never)
		}
		return float64(p.Months)*30.44*daySeconds + float64(p.Seconds)
	}
	switch a, b := length(p), length(q); {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// String returns the period as packs write it.
func (p Period) String() string {
	if p.Forever {
		return "forever"
	}
	s := "P"
	if y := p.Months / 12; y > 0 {
		s += fmt.Sprintf("%dY", y)
	}
	if m := p.Months % 12; m > 0 {
		s += fmt.Sprintf("%dM", m)
	}
	if d := p.Seconds / daySeconds; d > 0 {
		s += fmt.Sprintf("%dD", d)
	}
	if rest := p.Seconds % daySeconds; rest > 0 {
		s += "T" + strings.ToUpper((time.Duration(rest) * time.Second).String())
		s = strings.NewReplacer("H0M0S", "H", "M0S", "M").Replace(s)
	}
	return s
}

func floorDiv(a, b int64) (quotient, remainder int64) {
	quotient, remainder = a/b, a%b
	if remainder < 0 {
		quotient, remainder = quotient-1, remainder+b
	}
	return quotient, remainder
}

// dayOf counts the days from 1970-01-01 to a civil date, and civil is its inverse, both in the proleptic
// Gregorian calendar (Hinnant, "chrono-Compatible Low-Level Date Algorithms").
func dayOf(y, m, d int) int64 {
	if m <= 2 {
		y--
	}
	era, yoe := floorDiv(int64(y), 400)
	mp := int64(m+9) % 12
	doy := (153*mp+2)/5 + int64(d) - 1
	doe := yoe*365 + yoe/4 - yoe/100 + doy
	return era*146097 + doe - 719468
}

func civil(day int64) (y, m, d int) {
	era, doe := floorDiv(day+719468, 146097)
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	d = int(doy - (153*mp+2)/5 + 1)
	m = int(mp) + 3
	if m > 12 {
		m -= 12
	}
	y = int(yoe + era*400)
	if m <= 2 {
		y++
	}
	return y, m, d
}

func daysIn(y, m int) int {
	if m == 2 {
		if y%4 == 0 && (y%100 != 0 || y%400 == 0) {
			return 29
		}
		return 28
	}
	return 30 + (m+m/8)%2
}

// weekday returns 0 for Monday to 6 for Sunday.
func weekday(day int64) int {
	_, w := floorDiv(day+3, 7)
	return int(w)
}

func parseDate(s string) (int64, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return 0, fmt.Errorf("%q is no date: want YYYY-MM-DD", s)
	}
	day, _ := floorDiv(t.Unix(), daySeconds)
	return day, nil
}
