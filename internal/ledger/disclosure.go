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
	id, version, ok := strings.Cut(s, "@")
	n, err := strconv.Atoi(version)
	if !ok || id == "" || err != nil || n < 1 {
		return consent.DisclosureRef{}, fmt.Errorf("disclosure %q: want id@version, such as newsletter-sms@2", s)
	}
	return consent.DisclosureRef{ID: id, Version: n}, nil
}

// FormatDisclosure writes a reference to a wording as id@version; no reference is the empty text.
func FormatDisclosure(d consent.DisclosureRef) string {
	if d == (consent.DisclosureRef{}) {
		return ""
	}
	return d.ID + "@" + strconv.Itoa(d.Version)
}
