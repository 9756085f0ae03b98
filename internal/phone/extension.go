package phone

import (
	"regexp"
	"strings"

	"github.com/nyaruka/phonenumbers"
)

// extensionLabels are words for an extension that the library does not know, as written in German, French, Dutch,
// Polish, Czech, Swedish, Portuguese, Spanish, Italian, Turkish, Japanese and Chinese. Labels it knows are in it.
var extensionLabels = regexp.MustCompile(
	`(?i)[ ,;.(-]*(?:durchwahl|nebenstelle|dw|poste|toestel|tst|wewn?|klapka|linka|anknytning|ankn|ramal|interno|` +
		`extensi[oó]n|dahili|内線|内线|分機|分机|转|轉)[.: ]*(\d{1,20})\)?$`)

// bracketedExtension is an extension in brackets, which the library takes for part of the number.
var bracketedExtension = regexp.MustCompile(`(?i) *\(((?:ext|extn|extension|x|#)[.: ]*\d{1,20})\)?$`)

// splitExtension separates an extension that is labelled as one from the number before it.
func splitExtension(text string) (number, extension string) {
	text = bracketedExtension.ReplaceAllString(text, " $1")
	if at := extensionLabels.FindStringSubmatchIndex(text); at != nil && strings.ContainsAny(text[:at[0]], "0123456789") {
		return text[:at[0]], text[at[2]:at[3]]
	}
	return phonenumbers.MaybeSeparateExtensionFromPhone(text)
}

// parameters are what RFC 3966 allows after the number of a tel URI, as far as they change what it means.
type parameters struct {
	extension  string
	context    string
	subaddress bool // an ISDN subaddress is present
}

// splitParameters separates the parameters of RFC 3966 §3 from the number; other parameters are ignored (§5.4).
// People write ";ext=" without "tel:" too, so the scheme does not matter here.
func splitParameters(text string) (string, parameters) {
	var p parameters
	number, rest, found := strings.Cut(text, ";")
	if !found || !strings.Contains(rest, "=") {
		return text, p
	}
	for part := range strings.SplitSeq(rest, ";") {
		name, value, _ := strings.Cut(part, "=")
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "ext":
			p.extension = digitsOf(value)
		case "isub":
			p.subaddress = true
		case "phone-context":
			p.context = strings.TrimSpace(value)
		}
	}
	return number, p
}
