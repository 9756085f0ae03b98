package policy

import (
	"fmt"
	"sort"
	"time"
	_ "time/tzdata" // a machine without time zone data still knows every zone
)

// zone is one time zone's offsets as a table, so that a local time costs a binary search and no allocation.
type zone struct {
	name    string
	loc     *time.Location
	starts  []int64 // Unix seconds at which each offset begins
	offsets []int32 // seconds east of UTC
}

// The span that zone tables cover; outside it the location itself is asked.
var (
	tableFrom  = dayOf(2020, 1, 1) * daySeconds
	tableUntil = dayOf(2046, 1, 1) * daySeconds
)

func newZone(name string) (*zone, error) {
	loc, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("time zone %s: %w", name, err)
	}
	z := &zone{name: name, loc: loc}
	last := z.ask(tableFrom)
	z.starts, z.offsets = []int64{tableFrom}, []int32{int32(last)}
	for at := tableFrom; at < tableUntil; {
		at = z.change(at)
		if now := z.ask(at); now != last && at < tableUntil {
			last = now
			z.starts, z.offsets = append(z.starts, at), append(z.offsets, int32(now))
		}
	}
	return z, nil
}

func (z *zone) ask(t int64) int64 {
	_, offset := time.Unix(t, 0).In(z.loc).Zone()
	return int64(offset)
}

// scanStep is shorter than any time between two changes of an offset; the shortest are the weeks of Ramadan.
const scanStep = 10 * daySeconds

// change returns the second at which the offset in force at t ends, or a step ahead if it holds so long.
func (z *zone) change(t int64) int64 {
	before := z.ask(t)
	if z.ask(t+scanStep) == before {
		return t + scanStep
	}
	return t + int64(sort.Search(scanStep, func(i int) bool { return z.ask(t+int64(i)) != before }))
}

// at returns the offset in force at the Unix second t, and the second at which the next one may begin.
func (z *zone) at(t int64) (offset, until int64) {
	if t < tableFrom || t >= tableUntil {
		return z.outside(t)
	}
	i := len(z.starts) - 1
	if z.starts[i] > t {
		i = sort.Search(len(z.starts), func(i int) bool { return z.starts[i] > t }) - 1
	}
	until = tableUntil
	if i+1 < len(z.starts) {
		until = z.starts[i+1]
	}
	return int64(z.offsets[i]), until
}

func (z *zone) outside(t int64) (offset, until int64) {
	until = z.change(t)
	if t < tableFrom {
		until = min(until, tableFrom)
	}
	return z.ask(t), until
}

// same reports whether two zones have kept one time since the table begins, so that one may stand for both.
func (z *zone) same(o *zone) bool {
	if len(z.starts) != len(o.starts) {
		return false
	}
	for i := range z.starts {
		if z.starts[i] != o.starts[i] || z.offsets[i] != o.offsets[i] {
			return false
		}
	}
	return true
}

// local is a civil moment: days since 1970-01-01, minutes since midnight, and how long the offset holds.
type local struct {
	day    int64
	minute int16
	second int16
	offset int64
	until  int64
}

func (z *zone) local(t int64) local {
	offset, until := z.at(t)
	day, clock := floorDiv(t+offset, daySeconds)
	return local{day: day, minute: int16(clock / 60), second: int16(clock % 60), offset: offset, until: until}
}

// startOfDay returns the first instant at which the zone's calendar shows the day or a later one. A midnight that
// the clocks skip begins the day at the end of the gap.
func (z *zone) startOfDay(day int64) int64 {
	t := day*daySeconds - 26*3600 // no offset is larger, so that the day has not begun anywhere
	for {
		offset, until := z.at(t)
		start := day*daySeconds - offset
		if start < t {
			return t
		}
		if start < until {
			return start
		}
		t = until
	}
}

// openDays bounds how far ahead windows are looked through: those that leave no common opening for two months, longer
// than any run of holidays, are taken never to open.
const openDays = 60

// nextOpen returns the first instant at or after t at which the hours admit contact in the zone, never if none.
func (h *hoursTable) nextOpen(z *zone, t int64) int64 {
	for limit := t + openDays*daySeconds; t < limit; {
		l := z.local(t)
		opens, ok := h.opensAfter(l.day, l.minute)
		if !ok {
			return never
		}
		u := max(t, opens-l.offset)
		if u < l.until {
			return u
		}
		t = l.until
	}
	return never
}

// opensAfter returns the first local second at or after the minute of the day that lies in a window.
func (h *hoursTable) opensAfter(day int64, minute int16) (int64, bool) {
	for d := day; d < day+openDays; d++ {
		windows, _ := h.on(d)
		if m, ok := windows.opensFrom(minute); ok {
			return d*daySeconds + int64(m)*60, true
		}
		minute = 0
	}
	return 0, false
}

// hoursTable is one rule's hours, ready to be asked.
type hoursTable struct {
	week      Week
	onHoliday OnHoliday
	calendar  *Calendar
	clock     Clock
	zone      uint16 // for FixedZone
}

var noWindows Day

// on returns the day's windows, and whether a holiday made them what they are.
func (h *hoursTable) on(day int64) (windows *Day, holiday bool) {
	if h.onHoliday == SameAsWeekday || !h.calendar.Holiday(day) {
		return &h.week[weekday(day)], false
	}
	if h.onHoliday == SundayHours {
		return &h.week[6], true
	}
	return &noWindows, true
}
