package phone

import (
	_ "embed"

	"github.com/consentline/consentline/internal/phone/dfa"
)

//go:generate go run ./gen dfa.bin

//go:embed dfa.bin
var automatonFile string

var automaton = mustOpen(automatonFile)

func mustOpen(file string) *dfa.Table {
	table, err := dfa.Open(file)
	if err != nil {
		panic("phone: " + err.Error()) // the file is part of the program
	}
	return table
}

// maxDigits is the length limit of ITU-T E.164 §6.2.1, calling code included.
const maxDigits = 15

// ParseE164 reads "+" and digits, exactly as String writes a number without extension; it allocates nothing.
// False says only that the text is not canonical: Parse may still find a number in it, and knows why if not.
func ParseE164(b []byte) (Number, bool) {
	if len(b) < 2 || len(b) > 1+maxDigits || b[0] != '+' {
		return 0, false
	}
	value, label := automaton.Walk(b[1:])
	if label == 0 {
		return parseReserved(b[1:])
	}
	return Number(value), true
}

// LineType is the kind of line behind a number as its numbering plan tells it; zero when the plan does not.
type LineType = dfa.LineType

// The line types. Plans such as +1 do not tell fixed lines from mobiles; ported numbers keep the type of their range.
const (
	Unknown       = dfa.Unknown
	Mobile        = dfa.Mobile
	FixedLine     = dfa.FixedLine
	FixedOrMobile = dfa.FixedOrMobile
	TollFree      = dfa.TollFree
	Premium       = dfa.Premium
	SharedCost    = dfa.SharedCost
	VoIP          = dfa.VoIP
	Pager         = dfa.Pager
	UAN           = dfa.UAN
	Personal      = dfa.Personal
	Voicemail     = dfa.Voicemail
)

// Region returns the country of the numbering range (ISO 3166-1 alpha-2), "001" for codes of no country, or ""
// for what this package would not accept as a number. It is where the number was issued, which says little about where the person is.
func Region(n Number) string { return lookup(n).Region }

// Type returns what kind of line the numbering plan says n is, the extension left aside.
func Type(n Number) LineType { return lookup(n).Type }

func lookup(n Number) dfa.Label {
	var buf [24]byte
	text := n.AppendE164(buf[:0])
	if len(text) == 0 {
		return dfa.Label{}
	}
	if _, label := automaton.Walk(text[1:]); label != 0 {
		return automaton.Label(label)
	}
	r, _ := reservedRange(n)
	return dfa.Label{Region: r.region, Type: r.lineType}
}
