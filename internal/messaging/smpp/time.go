package smpp

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ParseTime reads a moment as SMPP writes it (section 7.1.1): YYMMDDhhmmsstnnp, where p is + or - for a moment whose
// offset from UTC is nn quarters of an hour, and R for a time from now. Errors are ErrMalformed.
func ParseTime(text string, now time.Time) (time.Time, error) {
	if len(text) != 16 || strings.Trim(text[:15], "0123456789") != "" {
		return time.Time{}, fmt.Errorf("%w: a time is sixteen characters, YYMMDDhhmmsstnnp", ErrMalformed)
	}
	part := func(from, to int) int {
		n, _ := strconv.Atoi(text[from:to]) // digits, as was just seen
		return n
	}
	year, month, day := part(0, 2), part(2, 4), part(4, 6)
	hour, minute, second, tenths := part(6, 8), part(8, 10), part(10, 12), part(12, 13)
	offset := time.Duration(part(13, 15)) * 15 * time.Minute
	switch text[15] {
	case 'R':
		return now.AddDate(year, month, day).Add(time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute + time.Duration(second)*time.Second), nil
	case '-':
		offset = -offset
	case '+':
	default:
		return time.Time{}, fmt.Errorf("%w: a time ends with +, - or R", ErrMalformed)
	}
	at := time.Date(2000+year, time.Month(month), day, hour, minute, second, tenths*1e8, time.UTC)
	if at.Month() != time.Month(month) || at.Day() != day || at.Hour() != hour || at.Minute() != minute {
		return time.Time{}, fmt.Errorf("%w: there is no such time", ErrMalformed)
	}
	return at.Add(-offset), nil
}
