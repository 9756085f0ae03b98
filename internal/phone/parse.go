package phone

import (
	"errors"
	"net/url"
	"regexp"
	"strings"

	"github.com/nyaruka/phonenumbers"
)

// maxText is how many bytes of text Parse looks at; the longest real tel URIs are a third of it.
const maxText = 250

// Parse reads a number as people and systems write it: E.164, national with a default region (ISO 3166-1 alpha-2,
// may be empty), with the region's international prefix, as a tel URI, with an extension, in any script's digits,
// with labels around it. Letters stand for digits as on a keypad when there are three or more (1-800-FLOWERS).
//
// The result is valid by the numbering plan or reserved for fiction. Errors are *InvalidError and never repeat
// the text. A number read again from its String is the same number.
func Parse(text, defaultRegion string) (Number, error) {
	text = strings.TrimSpace(text)
	if len(text) <= 1+maxDigits {
		if n, ok := ParseE164([]byte(text)); ok {
			return n, nil
		}
	}
	if len(text) > maxText {
		return 0, invalid(ReasonTooLong)
	}
	in, err := dissect(clean(text))
	if err != nil {
		return 0, err
	}
	region := strings.ToUpper(strings.TrimSpace(defaultRegion))
	if !strings.HasPrefix(in.number, "+") {
		if err := checkNational(in.number, region); err != nil {
			return 0, err
		}
	}
	if len(in.extension) > maxExtension {
		return 0, extensionReason(in.extension, region)
	}
	line, err := parseLine(in.number, region)
	if err != nil && several(in.number, region) {
		return 0, invalid(ReasonSeveralNumbers)
	}
	if err != nil {
		return 0, err
	}
	n, ok := line.withExtension(in.extension)
	if !ok {
		return 0, invalid(ReasonExtensionTooLong)
	}
	return n, nil
}

// extensionReason says why an extension is refused: a comma or semicolon may also stand between two numbers.
func extensionReason(extension, region string) error {
	if _, err := resolve(extension, region); err == nil {
		return invalid(ReasonSeveralNumbers)
	}
	return invalid(ReasonExtensionTooLong)
}

// UnmarshalText reads any international form that Parse accepts without a region; the empty text is no number.
func (n *Number) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*n = 0
		return nil
	}
	parsed, err := Parse(string(text), "")
	if err != nil {
		return err
	}
	*n = parsed
	return nil
}

// dissected is a text taken apart: the number from its first digit or plus sign on, and the extension's digits.
type dissected struct{ number, extension string }

var (
	scheme     = regexp.MustCompile(`(?i)^(?:tel|sms|smsto|callto|whatsapp):(?://)?`)
	scientific = regexp.MustCompile(`(?i)^['"= ]*[+-]?\d(?:[.,]\d+)?e\+?\d+"?$`)
	floating   = regexp.MustCompile(`^(\+?\d{7,15})[.,]0$`)
	senderName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9 &.-]{0,10}$`)
	secondPlus = regexp.MustCompile(`\d[^+]*\+[ (]*\d`)
)

// shortestNumber is the number of digits below which a text that starts with a letter is taken for a sender name.
const shortestNumber = 7

func dissect(text string) (dissected, error) {
	if text == "" {
		return dissected{}, invalid(ReasonEmpty)
	}
	if at := scheme.FindString(text); at != "" {
		unescaped, err := url.PathUnescape(text[len(at):])
		if err != nil {
			return dissected{}, invalid(ReasonNotANumber)
		}
		text = clean(unescaped)
	}
	if err := checkShape(text); err != nil {
		return dissected{}, err
	}
	text = floating.ReplaceAllString(text, "$1")
	number, params := splitParameters(text)
	switch {
	case params.subaddress:
		return dissected{}, invalid(ReasonSubaddress)
	case params.context == "" || strings.HasPrefix(number, "+"):
	case strings.HasPrefix(params.context, "+"):
		number = params.context + number
	default:
		return dissected{}, invalid(ReasonPrivateNumber)
	}
	in := dissected{number: trimAround(number), extension: params.extension}
	if in.extension == "" {
		in.number, in.extension = splitExtension(in.number)
		in.number = trimAround(in.number)
	}
	if digitsOf(in.number) == "" {
		return dissected{}, invalid(ReasonNotANumber)
	}
	return in, nil
}

// checkShape recognises texts that are clearly something other than one number.
func checkShape(text string) error {
	switch {
	case scientific.MatchString(text):
		return invalid(ReasonScientific)
	case senderName.MatchString(text) && len(digitsOf(text)) < shortestNumber:
		return invalid(ReasonAlphanumericSender)
	case secondPlus.MatchString(strings.SplitN(text, ";", 2)[0]):
		return invalid(ReasonSeveralNumbers)
	}
	return nil
}

// trimAround drops labels before the first digit or plus sign, and punctuation after the last digit or letter.
func trimAround(text string) string {
	start := strings.IndexAny(text, "+0123456789")
	if start < 0 {
		return ""
	}
	end := len(text)
	for end > start && !isDigit(text[end-1]) && !isLetter(text[end-1]) && text[end-1] != '#' && text[end-1] < 0x80 {
		end--
	}
	return text[start:end]
}

// checkNational refuses what can be told without parsing about a text that names no country.
func checkNational(text, region string) error {
	digits := digitsOf(text)
	known := phonenumbers.GetSupportedRegions()[region]
	switch {
	case region != "" && !known:
		return invalid(ReasonUnknownRegion)
	case known && phonenumbers.IsEmergencyNumber(digits, region), digits == "112", digits == "911":
		return invalid(ReasonEmergency)
	case known:
		return nil
	case len(digits) <= 3:
		return invalid(ReasonTooShort)
	}
	return invalid(ReasonNoRegion)
}

// trailingWord is what may be a remark after the number ("mobile") as well as keypad letters.
var trailingWord = regexp.MustCompile(`^([^A-Za-z]*\d)[ ,;:./(-]+[^0-9]*[A-Za-z][^0-9]*$`)

// parseLine reads a number whose extension is gone. Words after it are a remark if the number is whole without
// them and not with them.
func parseLine(text, region string) (Number, error) {
	whole, err := resolve(text, region)
	at := trailingWord.FindStringSubmatch(text)
	if at == nil {
		return whole, err
	}
	bare, bareErr := resolve(at[1], region)
	switch {
	case bareErr != nil:
		return whole, err
	case err == nil && whole != bare:
		return 0, invalid(ReasonAmbiguousLetters)
	}
	return bare, nil
}

// betweenNumbers is what people write between two numbers.
var betweenNumbers = regexp.MustCompile(`(?i)[/,;|&]|\b(?:or|and|fax|tel|mob(?:ile)?)\b`)

// several reports whether text, which is no number, is made of numbers.
func several(text, region string) bool {
	parts := betweenNumbers.Split(text, -1)
	for _, part := range parts {
		if part = trimAround(part); part == "" {
			continue
		}
		if _, err := resolve(part, region); err != nil {
			return false
		}
	}
	return len(parts) > 1
}

// maxRewrites bounds how often the library may strip a prefix from its own output; two is the most it does.
const maxRewrites = 4

// resolve has the library read text, and then its own E.164 output, until the automaton accepts it: only such a
// number has one name. The library strips what looks like a national prefix after a calling code too.
func resolve(text, region string) (Number, error) {
	parsed, err := phonenumbers.Parse(text, region)
	if err != nil {
		return 0, libraryReason(err, text, region)
	}
	first := parsed
	for range maxRewrites {
		n, ok := fromLibrary(parsed)
		if !ok {
			return 0, invalid(ReasonTooLong)
		}
		e164 := n.AppendE164(nil)
		if _, canonical := ParseE164(e164); canonical {
			return n, nil
		}
		if parsed, err = phonenumbers.Parse(string(e164), ""); err != nil {
			break
		}
	}
	return 0, whyInvalid(first, text, region)
}

// libraryReason translates the library's error about text.
func libraryReason(err error, text, region string) error {
	switch {
	case errors.Is(err, phonenumbers.ErrInvalidCountryCode) && !strings.HasPrefix(text, "+") && region == "":
		return invalid(ReasonNoRegion)
	case errors.Is(err, phonenumbers.ErrInvalidCountryCode):
		return invalid(ReasonUnknownCountryCode)
	case errors.Is(err, phonenumbers.ErrTooShortAfterIDD), errors.Is(err, phonenumbers.ErrTooShortNSN):
		return invalid(ReasonTooShort)
	case errors.Is(err, phonenumbers.ErrNumTooLong):
		return invalid(ReasonTooLong)
	}
	if len(digitsOf(text)) < 3 {
		return invalid(ReasonTooShort)
	}
	return invalid(ReasonNotANumber)
}

// whyInvalid finds the reason why a number that could be read is not valid.
func whyInvalid(number *phonenumbers.PhoneNumber, text, region string) error {
	if !strings.HasPrefix(text, "+") && phonenumbers.IsValidShortNumberForRegion(number, region) {
		return invalid(ReasonShortCode)
	}
	switch phonenumbers.IsPossibleNumberWithReason(number) {
	case phonenumbers.TOO_SHORT:
		return invalid(ReasonTooShort)
	case phonenumbers.TOO_LONG:
		return invalid(ReasonTooLong)
	case phonenumbers.INVALID_COUNTRY_CODE:
		return invalid(ReasonUnknownCountryCode)
	case phonenumbers.IS_POSSIBLE_LOCAL_ONLY:
		return invalid(ReasonAreaCodeMissing)
	case phonenumbers.INVALID_LENGTH:
		return invalid(ReasonImpossible)
	}
	return invalid(ReasonUnassignedRange)
}
