package policy

import "fmt"

// ParseNeed reads the least consent that a rule asks for, in the words of packs, such as express_written.
func ParseNeed(s string) (Need, error) { return needWords.parse(s) }

// ParseOnHoliday reads what a holiday does to hours, in the words of packs, such as blocked.
func ParseOnHoliday(s string) (OnHoliday, error) { return onHolidayWords.parse(s) }

// ParseWeek reads the windows of each weekday by its name, mon to sun, as packs write them: "09:00-20:00", none or all.
// A weekday that is left out has no window.
func ParseWeek(days map[string]string) (w Week, err error) {
	for name, text := range days {
		d := dayNumber(name)
		if d < 0 {
			return w, fmt.Errorf("%q is no weekday: want mon to sun", name)
		}
		if w[d], err = parseWindows(text); err != nil {
			return w, fmt.Errorf("%s: %w", name, err)
		}
	}
	return w, nil
}
