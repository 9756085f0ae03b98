package phone

// Reason is a stable code that says why a text is no number; surfaces may show it and translate by it.
type Reason string

// The reasons. Each has one text, in [InvalidError.Error]; codes are never renamed.
const (
	ReasonEmpty              Reason = "empty"
	ReasonNotANumber         Reason = "not_a_number"
	ReasonAlphanumericSender Reason = "alphanumeric_sender"
	ReasonScientific         Reason = "scientific_notation"
	ReasonSeveralNumbers     Reason = "several_numbers"
	ReasonTooShort           Reason = "too_short"
	ReasonTooLong            Reason = "too_long"
	ReasonImpossible         Reason = "impossible"
	ReasonAreaCodeMissing    Reason = "area_code_missing"
	ReasonUnknownCountryCode Reason = "unknown_country_code"
	ReasonNoRegion           Reason = "no_region"
	ReasonUnknownRegion      Reason = "unknown_region"
	ReasonUnassignedRange    Reason = "unassigned_range"
	ReasonShortCode          Reason = "short_code"
	ReasonEmergency          Reason = "emergency"
	ReasonExtensionTooLong   Reason = "extension_too_long"
	ReasonSubaddress         Reason = "subaddress"
	ReasonPrivateNumber      Reason = "private_number"
	ReasonAmbiguousLetters   Reason = "ambiguous_letters"
)

// InvalidError says why a text is no number and what would be right; it never holds any part of the text.
type InvalidError struct {
	Reason Reason // stable code
	Hint   string // what the person who wrote the number can do
}

// Error returns what is wrong and what would be right, in one English sentence without any digit.
func (e *InvalidError) Error() string {
	return "phone number " + explanations[e.Reason].what + ": " + e.Hint
}

func invalid(reason Reason) error {
	return &InvalidError{Reason: reason, Hint: explanations[reason].hint}
}

// explanations hold no digits on purpose: an error text can then never repeat those of a number.
var explanations = map[Reason]struct{ what, hint string }{
	ReasonEmpty: {
		"is empty", "write a plus sign, the country code and the number"},
	ReasonNotANumber: {
		"cannot be recognised in the text", "write a plus sign, the country code and the number, and nothing else"},
	ReasonAlphanumericSender: {
		"is a sender name made of letters", "a name cannot be called or texted back; give the number behind it"},
	ReasonScientific: {
		"was rounded by a spreadsheet", "format the column as text and export it again"},
	ReasonSeveralNumbers: {
		"stands beside another one", "give one number at a time"},
	ReasonTooShort: {
		"is too short", "check for missing digits, and for the area code"},
	ReasonTooLong: {
		"is too long", "check for digits that were typed twice, and write an extension as ext"},
	ReasonImpossible: {
		"has a number of digits that its country does not use", "check for missing or additional digits"},
	ReasonAreaCodeMissing: {
		"lacks its area code", "write the area code before the local number"},
	ReasonUnknownCountryCode: {
		"starts with a country code that does not exist", "check the digits after the plus sign"},
	ReasonNoRegion: {
		"lacks its country", "write a plus sign and the country code before it, or set a default region"},
	ReasonUnknownRegion: {
		"was read with an unknown default region", "use the two-letter ISO code of the country, such as GB"},
	ReasonUnassignedRange: {
		"lies in a range that its country has not assigned", "check the digits, area code first"},
	ReasonShortCode: {
		"is a short code", "short codes belong to services; give the full number of a person"},
	ReasonEmergency: {
		"is that of an emergency service", "give the full number of a person"},
	ReasonExtensionTooLong: {
		"has an extension of more than four digits", "check where the number ends and the extension starts"},
	ReasonSubaddress: {
		"has an ISDN subaddress (isub)", "leave the subaddress out; it cannot be kept"},
	ReasonPrivateNumber: {
		"is local to a private network (phone-context)", "give the number by which it is reached from outside"},
	ReasonAmbiguousLetters: {
		"can be read with and without the letters that follow it", "write it in digits only"},
}
