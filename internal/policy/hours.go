package policy

import (
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// window is a half-open part of a local day, in minutes from midnight.
type window struct{ start, end int16 }

const (
	maxWindows = 3
	dayMinutes = 24 * 60
)

// Day holds the windows of one day in their order; unused places are empty windows.
type Day [maxWindows]window

// Week holds the windows of each weekday, Monday first.
type Week [7]Day

// OnHoliday is what a holiday does to the hours of a rule.
type OnHoliday uint8

// The effects of a holiday: none, Sunday's hours, or no contact at all.
const (
	SameAsWeekday OnHoliday = iota
	SundayHours
	Blocked
)

var onHolidayWords = words[OnHoliday]{"same_as_weekday", "sunday_hours", "blocked"}

// Clock is whose local time a rule goes by.
type Clock uint8

// The clocks. An unknown dispatcher's zone falls back to the called party's; FixedZone is named by the rule.
const (
	CalledParty Clock = iota
	Dispatcher
	FixedZone
)

// Hours are the windows in which contact is allowed, per weekday and holiday, and the clock they are read on.
type Hours struct {
	Week      Week
	OnHoliday OnHoliday
	Calendar  string
	Clock     Clock
	Zone      string // for FixedZone
}

func (r *reader) hours(rule *Rule) func(*yaml.Node) {
	return func(n *yaml.Node) {
		h := &Hours{}
		rule.Hours = h
		var seen [7]bool
		fs := fields{
			"holidays": read(r, "holidays", &h.OnHoliday, onHolidayWords.parse),
			"calendar": r.text("calendar", &h.Calendar),
			"clock": func(n *yaml.Node) {
				switch s, _ := r.scalar(n, "clock"); s {
				case "called_party":
				case "dispatcher":
					h.Clock = Dispatcher
				default:
					h.Clock, h.Zone = FixedZone, s
				}
			},
		}
		for _, key := range dayKeys(n) {
			fs[key] = func(v *yaml.Node) { r.days(n, v, key, &h.Week, &seen) }
		}
		r.mapping(n, "hours", fs)
		for i, s := range seen {
			if !s {
				r.fault(n, "hours: %s has no windows: write none if there are none", weekdayWords[i])
			}
		}
		if h.OnHoliday != SameAsWeekday && h.Calendar == "" {
			r.fault(n, "hours: holidays: %s needs a calendar", onHolidayWords.name(h.OnHoliday))
		}
		if h.OnHoliday == SameAsWeekday && h.Calendar != "" {
			r.fault(n, "hours: the calendar %s has no effect: say what holidays do", h.Calendar)
		}
	}
}

// dayKeys picks the keys of a mapping that name days, so that every other key is still checked as a field.
func dayKeys(n *yaml.Node) []string {
	var keys []string
	for i := 0; i+1 < len(n.Content); i += 2 {
		first, last, _ := strings.Cut(n.Content[i].Value, "-")
		if first == "daily" || (dayNumber(first) >= 0 && (last == "" || dayNumber(last) >= 0)) {
			keys = append(keys, n.Content[i].Value)
		}
	}
	return keys
}

func (r *reader) days(n, v *yaml.Node, key string, week *Week, seen *[7]bool) {
	first, last := 0, 6
	if key != "daily" {
		from, to, ranged := strings.Cut(key, "-")
		first, last = dayNumber(from), dayNumber(from)
		if ranged {
			last = dayNumber(to)
		}
	}
	if last < first {
		r.fault(n, "hours: %s runs backwards: a week runs from mon to sun", key)
		return
	}
	s, ok := r.scalar(v, key)
	if !ok {
		return
	}
	windows, err := parseWindows(s)
	if err != nil {
		r.fault(v, "hours: %s: %v", key, err)
	}
	for d := first; d <= last; d++ {
		if seen[d] {
			r.fault(v, "hours: %s is given twice", weekdayWords[d])
		}
		seen[d], week[d] = true, windows
	}
}

// parseWindows reads "09:00-12:00 13:00-20:00", none, or all for the whole day.
func parseWindows(s string) (w Day, err error) {
	if s == "none" {
		return w, nil
	}
	if s == "all" {
		w[0] = window{0, dayMinutes}
		return w, nil
	}
	parts := strings.Fields(s)
	if len(parts) == 0 || len(parts) > maxWindows {
		return w, fmt.Errorf("%q: want one to %d windows such as 09:00-20:00, none or all", s, maxWindows)
	}
	end := int16(-1)
	for i, p := range parts {
		from, to, ok := strings.Cut(p, "-")
		a, errA := parseMinute(from)
		b, errB := parseMinute(to)
		if !ok || errA != nil || errB != nil {
			return w, fmt.Errorf("%q is no window: want 09:00-20:00", p)
		}
		if a >= b {
			return w, fmt.Errorf("%q ends before it starts: a window stays within its day, give the next day its own", p)
		}
		if a <= end {
			return w, fmt.Errorf("%q touches or overlaps the window before it", p)
		}
		w[i], end = window{a, b}, b
	}
	return w, nil
}

func parseMinute(s string) (int16, error) {
	h, m, ok := strings.Cut(s, ":")
	hour, errH := strconv.Atoi(h)
	minute, errM := strconv.Atoi(m)
	if !ok || len(h) != 2 || len(m) != 2 || errH != nil || errM != nil || hour < 0 || minute < 0 || minute > 59 || hour*60+minute > dayMinutes {
		return 0, fmt.Errorf("%q is no time of day", s)
	}
	return int16(hour*60 + minute), nil
}

// open returns the end of the window that holds the minute, if one does.
func (ws *Day) open(minute int16) (end int16, ok bool) {
	for _, w := range ws {
		if minute >= w.start && minute < w.end {
			return w.end, true
		}
	}
	return 0, false
}

// opensFrom returns the first minute at or after the given one that lies in a window.
func (ws *Day) opensFrom(minute int16) (int16, bool) {
	for _, w := range ws {
		if minute < w.end {
			return max(minute, w.start), true
		}
	}
	return 0, false
}

// within reports whether every window of w lies inside windows of other, on every weekday.
func (w *Week) within(other *Week) bool {
	for d := range w {
		for _, one := range w[d] {
			if one.start == one.end {
				continue
			}
			if end, ok := other[d].open(one.start); !ok || end < one.end {
				return false
			}
		}
	}
	return true
}

// String lists the windows of each weekday, for people.
func (w *Week) String() string {
	var b strings.Builder
	for d := range w {
		if d > 0 {
			b.WriteString(", ")
		}
		b.WriteString(weekdayWords[d])
		none := true
		for _, one := range w[d] {
			if one.start < one.end {
				none = false
				fmt.Fprintf(&b, " %02d:%02d-%02d:%02d", one.start/60, one.start%60, one.end/60, one.end%60)
			}
		}
		if none {
			b.WriteString(" none")
		}
	}
	return b.String()
}
