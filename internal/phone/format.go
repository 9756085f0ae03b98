package phone

import "github.com/nyaruka/phonenumbers"

// FormatNational returns n as people of its country write it, without country code; empty when n is no number.
// Where that text would not lead back to n (the library misplaces the mobile prefix of Argentina), and for codes of
// no country, it is the international format.
func FormatNational(n Number) string {
	text := format(n, phonenumbers.NATIONAL)
	if back, err := Parse(text, Region(n)); err == nil && back == n {
		return text
	}
	return FormatInternational(n)
}

// FormatInternational returns n with its country code, grouped as ITU-T E.123 asks; empty when n is no number.
func FormatInternational(n Number) string { return format(n, phonenumbers.INTERNATIONAL) }

// TelURI returns n as a "tel:" link with its extension (RFC 3966); empty when n is no number.
func TelURI(n Number) string { return format(n, phonenumbers.RFC3966) }

func format(n Number, style phonenumbers.PhoneNumberFormat) string {
	if callingCodeLen(n.Digits()) == 0 {
		return ""
	}
	return phonenumbers.Format(toLibrary(n), style)
}
