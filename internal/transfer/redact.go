package transfer

import (
	"fmt"
	"strings"
	"unicode"
)

// digits counts the decimal digits in text, of any script.
func digits(text string) int {
	n := 0
	for _, r := range text {
		if unicode.IsDigit(r) {
			n++
		}
	}
	return n
}

// quoted shows a cell's value in an error text where that helps and cannot be a number or a person's data: it is short,
// printable and holds few digits.
func quoted(value string) string {
	if len(value) > 32 || digits(value) > 4 || strings.ContainsFunc(value, func(r rune) bool { return !unicode.IsPrint(r) }) || strings.Contains(value, "@") {
		return "the value"
	}
	return fmt.Sprintf("%q", value)
}
