package phone

import (
	"strings"
	"unicode"
)

// clean rewrites what people paste into ASCII: every kind of digit, dash, space, plus sign, bracket and full-width
// letter to its plain form; characters that show nothing disappear. Other letters stay, for extension labels.
func clean(text string) string {
	var b strings.Builder
	b.Grow(len(text))
	for _, r := range text {
		if r < 0x80 {
			b.WriteByte(cleanASCII(byte(r)))
			continue
		}
		if plain, ok := plainRune(r); ok {
			b.WriteRune(plain)
		}
	}
	return strings.TrimSpace(b.String())
}

func cleanASCII(char byte) byte {
	switch char {
	case '[', '{':
		return '('
	case ']', '}':
		return ')'
	case '\\':
		return '/'
	case '_':
		return '-'
	}
	if char < ' ' || char == 0x7f {
		return ' '
	}
	return char
}

// plainRune returns what stands for r, or false if r shows nothing and is left out.
func plainRune(r rune) (rune, bool) {
	if digit, ok := digitValue(r); ok {
		return '0' + digit, true
	}
	if 0xFF01 <= r && r <= 0xFF5E { // full-width forms of ASCII
		return rune(cleanASCII(byte(r - 0xFEE0))), true
	}
	switch r {
	case '\u2212', '\u30FC', '\u2043', '\u02D7', '\u2796': // minus, prolonged sound mark and look-alikes
		return '-', true
	case '\u207A', '\uFE62', '\uFB29', '\u2795': // superscript, small, Hebrew and heavy plus
		return '+', true
	case '\u2044', '\u2215':
		return '/', true
	case '\u00B7', '\u2022', '\u2219', '\u22C5', '\u30FB', '\u3002', '\u2024':
		return '.', true
	case '\u060C', '\u3001':
		return ',', true
	}
	switch {
	case unicode.In(r, unicode.Cf, unicode.Mn, unicode.Me):
		return 0, false
	case unicode.Is(unicode.Pd, r):
		return '-', true
	case unicode.Is(unicode.Ps, r):
		return '(', true
	case unicode.Is(unicode.Pe, r):
		return ')', true
	case unicode.IsSpace(r), unicode.IsControl(r):
		return ' ', true
	}
	return r, true
}

// digitValue returns the value of a decimal digit of any script. Unicode encodes them in runs of ten from zero
// (The Unicode Standard §4.6), and the tables hold whole runs only.
func digitValue(r rune) (rune, bool) {
	for _, run := range unicode.Nd.R16 {
		if r <= rune(run.Hi) {
			return (r - rune(run.Lo)) % 10, r >= rune(run.Lo)
		}
	}
	for _, run := range unicode.Nd.R32 {
		if r <= rune(run.Hi) {
			return (r - rune(run.Lo)) % 10, r >= rune(run.Lo)
		}
	}
	return 0, false
}

func isDigit(char byte) bool { return '0' <= char && char <= '9' }

func isLetter(char byte) bool { return 'a' <= char|0x20 && char|0x20 <= 'z' }

// digitsOf returns only the ASCII digits of text.
func digitsOf(text string) string {
	return strings.Map(func(r rune) rune {
		if '0' <= r && r <= '9' {
			return r
		}
		return -1
	}, text)
}
