package transfer

import "strings"

// telPrefix makes a number text to a spreadsheet, which would otherwise take "+1202…" for a formula (RFC 3966).
const telPrefix = "tel:"

// Guard puts a quote mark before text that a spreadsheet would run as a formula (OWASP ASVS 1.2.10). Text that
// already looks guarded gets one more, so that Unguard undoes exactly what Guard did.
func Guard(text string) string {
	if risky(text) {
		return "'" + text
	}
	return text
}

// Unguard undoes Guard. It is for files that this package wrote for spreadsheets; elsewhere the mark is the data's own.
func Unguard(text string) string {
	if strings.HasPrefix(text, "'") && risky(text[1:]) {
		return text[1:]
	}
	return text
}

// risky reports whether text begins, after any quote marks, as a formula does. The full-width forms are formulas in
// East Asian editions.
func risky(text string) bool {
	bare := strings.TrimLeft(text, "'")
	if bare == "" {
		return false
	}
	switch bare[0] {
	case '=', '+', '-', '@', '\t', '\r', 0:
		return true
	}
	for _, wide := range []string{"＝", "＋", "－", "＠"} {
		if strings.HasPrefix(bare, wide) {
			return true
		}
	}
	return false
}

// cleanNumber takes off what exports and spreadsheets put around a number, and reports whether the number is one that
// a spreadsheet has destroyed by rounding it.
func cleanNumber(text string) (number string, destroyed bool) {
	text = strings.TrimSpace(text)
	if inner, ok := strings.CutPrefix(text, `="`); ok {
		text = strings.TrimSuffix(inner, `"`)
	}
	text = strings.TrimLeft(text, "'")
	if len(text) > len(telPrefix) && strings.EqualFold(text[:len(telPrefix)], telPrefix) {
		text = text[len(telPrefix):]
	}
	text = strings.TrimSpace(text)
	if whole, ok := strings.CutSuffix(text, ".0"); ok && allDigits(whole) {
		return whole, false
	}
	return text, scientific(text)
}

// scientific reports whether text is a number such as 1.20255E+10.
func scientific(text string) bool {
	mantissa, exponent, ok := strings.Cut(strings.ToUpper(strings.TrimPrefix(text, "+")), "E+")
	whole, fraction, _ := strings.Cut(strings.Replace(mantissa, ",", ".", 1), ".")
	return ok && allDigits(whole) && (fraction == "" || allDigits(fraction)) && allDigits(exponent)
}

func allDigits(text string) bool {
	return text != "" && strings.Trim(text, "0123456789") == ""
}
