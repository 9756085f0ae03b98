// Package phone knows what a telephone number is: it reads numbers as people write them, keeps them as one
// comparable 64-bit value, says where they belong and what kind they are, and writes them for people and machines.
//
// Others may rely on this: two texts that name the same line give the same [Number]; a Number that came from
// this package is valid by the numbering plan or reserved for fiction and documentation; no error, mask or log
// value that leaves here holds the number. The package does no I/O and holds no state that changes.
package phone

import (
	"log/slog"
	"strconv"
	"strings"
)

// Number is an E.164 number with an optional extension, comparable and usable as a map key; 0 is no number.
//
// The low 50 bits are the digits after the plus sign as an integer (15 digits stay below 2^50). The high 14
// bits are the extension: 0 is none, then all extensions of one digit, of two, of three and of four, so that
// "07" and "7" differ. An extension makes another subject: compare with [Number.WithoutExtension] where it must not.
type Number uint64

const (
	digitBits    = 50
	digitMask    = 1<<digitBits - 1
	maxExtension = 4
)

// extensionBase[n] is the code of the extension made of n zeros; the codes below it belong to shorter ones.
var extensionBase = [maxExtension + 1]uint64{0, 1, 11, 111, 1111}

// String returns the number as E.164 with its plus sign, followed by ";ext=" and the extension if it has one.
func (n Number) String() string {
	var buf [32]byte
	return string(n.append(buf[:0]))
}

// AppendE164 appends plus sign and digits to dst, without the extension, and returns the extended slice.
func (n Number) AppendE164(dst []byte) []byte {
	if n&digitMask == 0 {
		return dst
	}
	return strconv.AppendUint(append(dst, '+'), uint64(n&digitMask), 10)
}

func (n Number) append(dst []byte) []byte {
	dst = n.AppendE164(dst)
	if ext := n.Extension(); ext != "" && len(dst) > 0 {
		dst = append(append(dst, ";ext="...), ext...)
	}
	return dst
}

// Digits returns the digits of the E.164 number, calling code first, without plus sign and extension.
func (n Number) Digits() string {
	if n&digitMask == 0 {
		return ""
	}
	return strconv.FormatUint(uint64(n&digitMask), 10)
}

// CallingCode returns the country calling code, such as 1, 44 or 354; 0 when n holds no number.
func (n Number) CallingCode() int {
	digits := n.Digits()
	code, _ := strconv.Atoi(digits[:callingCodeLen(digits)])
	return code
}

// Extension returns the digits of the extension with their leading zeros; empty when there is none.
func (n Number) Extension() string {
	code := uint64(n >> digitBits)
	for size := maxExtension; size > 0; size-- {
		if code >= extensionBase[size] {
			digits := strconv.FormatUint(code-extensionBase[size], 10)
			return strings.Repeat("0", max(0, size-len(digits))) + digits
		}
	}
	return ""
}

// WithoutExtension returns the line itself: the same E.164 number with the extension removed.
func (n Number) WithoutExtension() Number { return n & digitMask }

// withExtension returns n with an extension of at most four ASCII digits; false when ext is not that.
func (n Number) withExtension(ext string) (Number, bool) {
	if len(ext) > maxExtension {
		return 0, false
	}
	if ext == "" {
		return n & digitMask, true
	}
	value, err := strconv.ParseUint(ext, 10, 16)
	if err != nil {
		return 0, false
	}
	return n&digitMask | Number(extensionBase[len(ext)]+value)<<digitBits, true
}

// maskWidth is the width of every mask in characters, so that a mask does not tell how long the number is.
const maskWidth = 12

// Masked returns what may be shown and logged: calling code and last two or three digits, always twelve characters.
func (n Number) Masked() string {
	digits := n.Digits()
	code := callingCodeLen(digits)
	tail := 0
	switch national := len(digits) - code; {
	case national >= 8:
		tail = 3
	case national >= 5:
		tail = 2
	}
	hidden := strings.Repeat("•", maskWidth-1-code-tail)
	return "+" + digits[:code] + hidden + digits[len(digits)-tail:]
}

// LogValue implements slog.LogValuer with the mask, so that a number given to a logger is never written out.
func (n Number) LogValue() slog.Value { return slog.StringValue(n.Masked()) }

// MarshalText writes the number as String does, in JSON too; no number is the empty text, as in net/netip.
func (n Number) MarshalText() ([]byte, error) { return n.append(nil), nil }

// AppendText appends what MarshalText writes to dst; it implements encoding.TextAppender and never fails.
func (n Number) AppendText(dst []byte) ([]byte, error) { return n.append(dst), nil }

// callingCodeLen returns how many leading digits are the calling code. ITU-T E.164 (list of assigned country
// codes) fixes the length by the first two digits, assigned or not; 0 for digits too short to have one.
func callingCodeLen(digits string) int {
	switch {
	case len(digits) < 3:
		return 0
	case digits[0] == '1' || digits[0] == '7':
		return 1
	}
	switch digits[:2] {
	case "20", "27", "28", "30", "31", "32", "33", "34", "36", "39", "40", "41", "43", "44", "45", "46", "47",
		"48", "49", "51", "52", "53", "54", "55", "56", "57", "58", "60", "61", "62", "63", "64", "65", "66",
		"81", "82", "83", "84", "86", "89", "90", "91", "92", "93", "94", "95", "98":
		return 2
	}
	return 3
}
