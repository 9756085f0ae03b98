package phone

import (
	"strings"

	"github.com/nyaruka/phonenumbers"
)

// toLibrary returns n as the phone library holds numbers; n must hold a number.
func toLibrary(n Number) *phonenumbers.PhoneNumber {
	digits := n.Digits()
	national := digits[callingCodeLen(digits):]
	significant := strings.TrimLeft(national, "0")
	if significant == "" && national != "" {
		significant = "0" // the library counts the last of only zeros as the number
	}
	var value uint64
	for _, char := range []byte(significant) {
		value = value*10 + uint64(char-'0')
	}
	number := &phonenumbers.PhoneNumber{CountryCode: new(int32(n.CallingCode())), NationalNumber: &value}
	if zeros := len(national) - len(significant); zeros > 0 {
		number.ItalianLeadingZero = new(true)
		number.NumberOfLeadingZeros = new(int32(zeros))
	}
	if extension := n.Extension(); extension != "" {
		number.Extension = &extension
	}
	return number
}

// fromLibrary returns the number without its extension; false when it has more digits than E.164 allows.
func fromLibrary(number *phonenumbers.PhoneNumber) (Number, bool) {
	text := phonenumbers.Format(number, phonenumbers.E164)
	if len(text) < 2 || len(text) > 1+maxDigits {
		return 0, false
	}
	var n Number
	for _, char := range []byte(text[1:]) {
		n = n*10 + Number(char-'0')
	}
	return n, true
}
