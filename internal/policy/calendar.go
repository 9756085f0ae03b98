package policy

import (
	"fmt"
	"regexp"
	"strconv"
)

// Calendar is a named set of holidays, stated as computations so that it needs no yearly upkeep.
type Calendar struct {
	ID       string
	Title    string
	Source   string
	Verified bool
	Days     []HolidayRule

	file string
	line int
	bits []uint64
}

// HolidayRule says on which day of each year one holiday falls, and where its observance moves from a weekend.
type HolidayRule struct {
	Name      string
	On        string
	FirstYear int // 0: always was
	LastYear  int // 0: still is

	anchor   anchor
	month    int
	day      int
	year     int // for a date of one year only
	weekday  int
	nth      int // 1 to 5, or -1 for the last
	offset   int
	observed [7]int // days to add when the holiday falls on that weekday, Monday first; the day itself counts too
}

type anchor uint8

const (
	onDate anchor = iota + 1
	onEaster
	onNth
	onOrAfter
	onOrBefore
	onSingleDay
)

var weekdayWords = []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}

const weekdayPattern = `(mon|tue|wed|thu|fri|sat|sun)`

var (
	dateForm   = regexp.MustCompile(`^(\d\d)-(\d\d)$`)
	singleForm = regexp.MustCompile(`^\d{4}-\d\d-\d\d$`)
	easterForm = regexp.MustCompile(`^easter$`)
	nthForm    = regexp.MustCompile(`^([1-5]|last) ` + weekdayPattern + ` (\d\d)$`)
	nearForm   = regexp.MustCompile(`^` + weekdayPattern + ` (from|until) (\d\d)-(\d\d)$`)
	offsetForm = regexp.MustCompile(`^(.*) ([+-]\d{1,3})$`)
	moveForm   = regexp.MustCompile(`^` + weekdayPattern + `([+-][1-3])$`)
)

// parseOn reads "12-25", "easter -2", "3 mon 01", "last mon 05", "fri from 06-19", "mon until 05-24" or one full
// date; all but the last may be followed by an offset in days, as in "4 thu 11 +1".
func (h *HolidayRule) parseOn(s string) error {
	h.On = s
	if singleForm.MatchString(s) {
		day, err := parseDate(s)
		if err != nil {
			return err
		}
		h.anchor = onSingleDay
		h.year, h.month, h.day = civil(day)
		return nil
	}
	base := s
	if m := offsetForm.FindStringSubmatch(s); m != nil {
		base = m[1]
		h.offset, _ = strconv.Atoi(m[2])
	}
	return h.parseAnchor(base)
}

func (h *HolidayRule) parseAnchor(s string) error {
	switch {
	case easterForm.MatchString(s):
		h.anchor = onEaster
		return nil
	case dateForm.MatchString(s):
		m := dateForm.FindStringSubmatch(s)
		h.anchor = onDate
		return h.setDate(m[1], m[2])
	case nthForm.MatchString(s):
		m := nthForm.FindStringSubmatch(s)
		h.anchor, h.nth, h.weekday = onNth, -1, dayNumber(m[2])
		if m[1] != "last" {
			h.nth, _ = strconv.Atoi(m[1])
		}
		return h.setDate(m[3], "01")
	case nearForm.MatchString(s):
		m := nearForm.FindStringSubmatch(s)
		h.anchor, h.weekday = onOrAfter, dayNumber(m[1])
		if m[2] == "until" {
			h.anchor = onOrBefore
		}
		return h.setDate(m[3], m[4])
	}
	return fmt.Errorf("%q names no day: want MM-DD, easter, \"3 mon 01\", \"last mon 05\", \"fri from 06-19\", \"mon until 05-24\", each with an offset such as +1, or YYYY-MM-DD", s)
}

func (h *HolidayRule) setDate(month, day string) error {
	h.month, _ = strconv.Atoi(month)
	h.day, _ = strconv.Atoi(day)
	if h.month < 1 || h.month > 12 || h.day < 1 || h.day > daysIn(2024, h.month) {
		return fmt.Errorf("there is no day %s-%s", month, day)
	}
	return nil
}

func dayNumber(word string) int {
	for i, w := range weekdayWords {
		if w == word {
			return i
		}
	}
	return -1
}

// parseMove reads one observance such as "sun+1": a holiday on a Sunday is observed on Monday as well.
func (h *HolidayRule) parseMove(s string) error {
	m := moveForm.FindStringSubmatch(s)
	if m == nil {
		return fmt.Errorf("%q is no observance: want a weekday and days to add, such as sun+1 or sat-1", s)
	}
	h.observed[dayNumber(m[1])], _ = strconv.Atoi(m[2])
	return nil
}

// in returns the day on which the holiday falls in year y, before any observance; false in years without it.
func (h *HolidayRule) in(y int) (int64, bool) {
	if y < h.FirstYear || (h.LastYear > 0 && y > h.LastYear) {
		return 0, false
	}
	offset := int64(h.offset)
	switch h.anchor {
	case onSingleDay:
		return dayOf(h.year, h.month, h.day), y == h.year
	case onEaster:
		return easter(y) + offset, true
	case onDate:
		if h.day > daysIn(y, h.month) {
			return 0, false
		}
		return dayOf(y, h.month, h.day) + offset, true
	case onNth:
		day, ok := nthWeekday(y, h.month, h.weekday, h.nth)
		return day + offset, ok
	case onOrAfter:
		day := dayOf(y, h.month, h.day)
		return day + int64((h.weekday-weekday(day)+7)%7) + offset, true
	}
	day := dayOf(y, h.month, h.day)
	return day - int64((weekday(day)-h.weekday+7)%7) + offset, true
}

func nthWeekday(y, month, wd, nth int) (int64, bool) {
	if nth > 0 {
		first := dayOf(y, month, 1)
		d := 1 + (wd-weekday(first)+7)%7 + 7*(nth-1)
		return first + int64(d-1), d <= daysIn(y, month)
	}
	last := dayOf(y, month, daysIn(y, month))
	return last - int64((weekday(last)-wd+7)%7), true
}

// easter returns the Sunday of Western Easter (Meeus, Jones, Butcher).
func easter(y int) int64 {
	a, b, c := y%19, y/100, y%100
	d, e := b/4, b%4
	f := (b + 8) / 25
	g := (b - f + 1) / 3
	h := (19*a + b - d - g + 15) % 30
	i, k := c/4, c%4
	l := (32 + 2*e + 2*i - h - k) % 7
	m := (a + 11*h + 22*l) / 451
	n := h + l - 7*m + 114
	return dayOf(y, n/31, n%31+1)
}

// The years for which holidays are kept as bits; other years are computed at each question.
const (
	firstYear = 2015
	lastYear  = 2055
)

var firstDay, lastDay = dayOf(firstYear, 1, 1), dayOf(lastYear, 12, 31)

// compiled returns a copy that answers from bits.
func (c Calendar) compiled() *Calendar {
	c.bits = make([]uint64, (lastDay-firstDay)/64+1)
	for y := firstYear - 1; y <= lastYear+1; y++ {
		for i := range c.Days {
			day, falls := c.Days[i].in(y)
			if !falls {
				continue
			}
			c.mark(day)
			c.mark(day + int64(c.Days[i].observed[weekday(day)]))
		}
	}
	return &c
}

func (c *Calendar) mark(day int64) {
	if day >= firstDay && day <= lastDay {
		c.bits[(day-firstDay)/64] |= 1 << ((day - firstDay) % 64)
	}
}

// Holiday reports whether the calendar holds the day, counted from 1970-01-01, or observes a holiday on it.
func (c *Calendar) Holiday(day int64) bool {
	if day >= firstDay && day <= lastDay && c.bits != nil {
		return c.bits[(day-firstDay)/64]>>((day-firstDay)%64)&1 == 1
	}
	year, _, _ := civil(day)
	for y := year - 1; y <= year+1; y++ {
		for i := range c.Days {
			on, falls := c.Days[i].in(y)
			if falls && (on == day || on+int64(c.Days[i].observed[weekday(on)]) == day) {
				return true
			}
		}
	}
	return false
}
