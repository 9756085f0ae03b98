package transfer

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// DateOrder says how a file writes dates such as 03/04/2025.
type DateOrder uint8

// The orders. While it is unknown, only dates that can be read one way are accepted.
const (
	UnknownOrder DateOrder = iota
	DayFirst
	MonthFirst
)

// ParseDateOrder reads "dmy" or "mdy"; an empty text is UnknownOrder.
func ParseDateOrder(text string) (DateOrder, error) {
	switch text {
	case "":
		return UnknownOrder, nil
	case "dmy":
		return DayFirst, nil
	case "mdy":
		return MonthFirst, nil
	}
	return UnknownOrder, fmt.Errorf("unknown date order %q: want dmy or mdy", text)
}

var (
	errBadDate       = errors.New("not a date that can be read; best write it as 2025-03-14T09:26:53Z")
	errAmbiguousDate = errors.New("day and month cannot be told apart; say which comes first, or write 2025-03-14")
)

const longestDate = 48

// layouts can be read one way only. Dots mean day first wherever they are in use.
var layouts = []string{
	time.RFC3339Nano, "2006-01-02 15:04:05", "2006-01-02", "2006-01-02T15:04:05", "2006-01-02T15:04:05-0700", "2006-01-02 15:04:05Z07:00",
	"2006-01-02 15:04:05 -0700", "2006-01-02 15:04:05 -0700 MST", "2006-01-02 15:04", "2006-01-02T15:04", "2006-01-02T15:04Z07:00",
	"2006-01-02 3:04:05 PM", "2006-01-02 3:04 PM", "2006/01/02 15:04:05", "2006/01/02 15:04", "2006/01/02", "20060102T150405Z0700", "20060102T150405",
	"20060102", "2.1.2006", "2.1.2006 15:04", "2.1.2006 15:04:05", "Jan 2, 2006", "Jan 2, 2006 3:04 PM", "Jan 2, 2006, 3:04 PM",
	"Jan 2, 2006 3:04:05 PM", "Jan 2, 2006, 3:04:05 PM", "Jan 2, 2006 15:04:05", "January 2, 2006", "January 2, 2006 3:04 PM",
	"January 2, 2006, 3:04 PM", "January 2, 2006 at 3:04 PM", "2 Jan 2006", "2 January 2006", "2 Jan 2006 15:04", "2 Jan 2006 15:04:05", "02-Jan-2006",
	"02-Jan-2006 15:04:05", time.RFC1123Z, "Mon, 2 Jan 2006 15:04:05 -0700", time.ANSIC,
}

var clocks = []string{"15:04", "15:04:05", "3:04 PM", "3:04:05 PM", "3:04PM", "3:04:05PM", "15:04:05Z07:00", "15:04:05 -0700"}

// dates reads the dates of one column. It tries the layout that fitted last first.
type dates struct {
	order DateOrder
	zone  *time.Location
	unix  bool // whole numbers are seconds or milliseconds since 1970
	last  string

	day *time.Location // where the date that was read last is a whole day; nil: it had a time of day
}

// noDate lists what exports write where there is no date.
func noDate(text string) bool {
	switch strings.ToLower(text) {
	case "", "null", "n/a", "na", "none", "-", `\n`, "0000-00-00", "0000-00-00 00:00:00":
		return true
	}
	return false
}

// span reads a date as what it may mean: one moment, or all of the day that it names, in UTC.
func (d *dates) span(text string) (from, to time.Time, err error) {
	from, err = d.parse(text)
	if err != nil || d.day == nil {
		return from, from, err
	}
	return from, from.In(d.day).AddDate(0, 0, 1).Add(-time.Microsecond).UTC(), nil
}

// parse reads a date in UTC, to the precision it was given in.
func (d *dates) parse(text string) (time.Time, error) {
	d.day = nil
	if len(text) > longestDate {
		return time.Time{}, errBadDate
	}
	if n := len(text) - 2; n > 0 && (strings.EqualFold(text[n:], "am") || strings.EqualFold(text[n:], "pm")) {
		text = text[:n] + strings.ToUpper(text[n:])
	}
	// Zone names say little (there are two ESTs); these two say all.
	for _, suffix := range []string{" UTC", " GMT", " Z"} {
		if bare, ok := strings.CutSuffix(text, suffix); ok && !strings.Contains(bare, " +") && !strings.Contains(bare, " -") {
			inner := dates{order: d.order, zone: time.UTC}
			t, err := inner.parse(bare)
			d.day = inner.day
			return t, err
		}
	}
	if d.unix && allDigits(text) && len(text) >= 9 && len(text) <= 13 {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return time.Time{}, errBadDate
		}
		if len(text) > 10 {
			return plausible(time.UnixMilli(n))
		}
		return plausible(time.Unix(n, 0))
	}
	if d.last != "" {
		if t, err := time.ParseInLocation(d.last, text, d.zone); err == nil {
			d.reads(d.last)
			return plausible(t)
		}
	}
	for _, layout := range layouts {
		if t, err := time.ParseInLocation(layout, text, d.zone); err == nil {
			d.last = layout
			d.reads(layout)
			return plausible(t)
		}
	}
	return d.numeric(text)
}

// reads remembers whether a layout tells the time of day.
func (d *dates) reads(layout string) {
	if !strings.Contains(layout, "04") { // the minute, as package time writes it
		d.day = d.zone
	}
}

// plausible refuses years in which nobody consented to be texted; they are numbers that look like dates.
func plausible(t time.Time) (time.Time, error) {
	if t = t.UTC(); t.Year() < 1990 || t.Year() > 2100 {
		return time.Time{}, errBadDate
	}
	return t, nil
}

// numeric reads 03/04/2025 and 3-4-25, with a time or without.
func (d *dates) numeric(text string) (time.Time, error) {
	first, second, year, clock, ok := splitDate(text)
	if !ok {
		return time.Time{}, errBadDate
	}
	order := orderOf(first, second)
	switch {
	case order == UnknownOrder && first != second:
		order = d.order
	case order != UnknownOrder && d.order != UnknownOrder && order != d.order:
		return time.Time{}, errBadDate
	}
	if order == UnknownOrder && first != second {
		return time.Time{}, errAmbiguousDate
	}
	day, month := first, second
	if order == MonthFirst {
		day, month = second, first
	}
	t := time.Date(year, time.Month(month), day, 0, 0, 0, 0, d.zone)
	if t.Day() != day || int(t.Month()) != month {
		return time.Time{}, errBadDate
	}
	if clock == "" {
		d.day = d.zone
		return plausible(t)
	}
	for _, layout := range clocks {
		if t, err := time.ParseInLocation("2006-01-02 "+layout, t.Format("2006-01-02 ")+clock, d.zone); err == nil {
			return plausible(t)
		}
	}
	return time.Time{}, errBadDate
}

// orderOf tells the order by a part that cannot be a month.
func orderOf(first, second int) DateOrder {
	switch {
	case first > 12 && second <= 12:
		return DayFirst
	case second > 12 && first <= 12:
		return MonthFirst
	}
	return UnknownOrder
}

func splitDate(text string) (first, second, year int, clock string, ok bool) {
	date, clock, _ := strings.Cut(text, " ")
	date = strings.TrimSuffix(date, ",")
	parts := strings.Split(date, "/")
	if len(parts) != 3 {
		parts = strings.Split(date, "-")
	}
	if len(parts) != 3 || len(parts[0]) > 2 || len(parts[1]) > 2 || len(parts[2]) != 4 && len(parts[2]) != 2 {
		return 0, 0, 0, "", false
	}
	var n [3]int
	for i, p := range parts {
		if !allDigits(p) {
			return 0, 0, 0, "", false
		}
		n[i], _ = strconv.Atoi(p) // four digits at most
	}
	if len(parts[2]) == 2 {
		n[2] += 2000
	}
	return n[0], n[1], n[2], strings.TrimSpace(clock), n[0] >= 1 && n[1] >= 1 && (n[0] <= 12 || n[1] <= 12)
}

// orderEvidence is what the dates of one column show about their order.
type orderEvidence struct{ dayFirst, monthFirst bool }

func (e *orderEvidence) see(text string) {
	first, second, _, _, ok := splitDate(text)
	if !ok {
		return
	}
	switch orderOf(first, second) {
	case DayFirst:
		e.dayFirst = true
	case MonthFirst:
		e.monthFirst = true
	}
}

// order is known only when all dates of the column agree.
func (e *orderEvidence) order() DateOrder {
	switch {
	case e.dayFirst && !e.monthFirst:
		return DayFirst
	case e.monthFirst && !e.dayFirst:
		return MonthFirst
	}
	return UnknownOrder
}
