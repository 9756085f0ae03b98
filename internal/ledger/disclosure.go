package ledger

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/consentline/consentline/internal/consent"
)

// ParseDisclosure reads a reference to a wording, written id@version. The empty text is no reference.
func ParseDisclosure(s string) (consent.DisclosureRef, error) {
	if s == "" {
		return consent.DisclosureRef{}, nil
	}
	at := strings.LastIndexByte(s, '@')
	n, err := strconv.Atoi(s[at+1:])
	if at < 1 || err != nil || n < 1 {
		return consent.DisclosureRef{}, fmt.Errorf("disclosure %q: want id@version, such as newsletter-sms@2", s)
	}
	return consent.DisclosureRef{ID: s[:at], Version: n}, nil
}

// FormatDisclosure writes a reference to a wording as id@version; no reference is the empty text.
func FormatDisclosure(d consent.DisclosureRef) string {
	if d == (consent.DisclosureRef{}) {
		return ""
	}
	return d.ID + "@" + strconv.Itoa(d.Version)
}
