package ledger

import (
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/consentline/consentline/internal/consent"
)

// InvalidError says which part of an item cannot be recorded. It is a fault of the capability that made the item.
type InvalidError struct{ Part, Why string }

func (e *InvalidError) Error() string { return fmt.Sprintf("the item's %s %s", e.Part, e.Why) }

// valid refuses what could not be read again: one such entry would make its subject, or the whole ledger, unreadable,
// and nothing is ever taken out. What an act may say beyond that is for whoever takes it in.
func (it *Item) valid() error {
	if _, known := kindNames[it.Kind]; !known {
		return &InvalidError{"kind", "is not one of the ledger's"}
	}
	if it.Kind != KindAct {
		return nil
	}
	a := &it.Act
	switch {
	case it.Number == 0:
		return &InvalidError{"number", "is missing"}
	case !slices.Contains(consent.Kinds, a.Kind):
		return &InvalidError{"act", "is none"}
	case a.Level > consent.ExpressWritten:
		return &InvalidError{"level", "is unknown"}
	case a.Source > consent.System:
		return &InvalidError{"source", "is unknown"}
	case a.Via > consent.ViaCRM:
		return &InvalidError{"road", "is unknown"}
	case (a.Disclosure.ID == "") != (a.Disclosure.Version == 0) || a.Disclosure.Version < 0:
		return &InvalidError{"disclosure", "needs an id and a version from 1"}
	case !writable(a.EffectiveAt), !writable(a.ValidUntil), !writable(a.ReviewAt):
		return &InvalidError{"times", "are outside the years 1 to 9999"}
	}
	return validScope(a.Scope, a.Kind)
}

func validScope(s consent.Scope, k consent.Kind) error {
	switch {
	case s.Channel > consent.VoiceAuto:
		return &InvalidError{"channel", "is unknown"}
	case !plain(string(s.Brand)):
		return &InvalidError{"brand", "is missing or not plain text"}
	case !plain(string(s.Purpose)):
		return &InvalidError{"purpose", "is missing or not plain text"}
	case !s.Concrete() && !k.Restricts():
		return &InvalidError{"scope", "has a wildcard, which only an act that restricts may have"}
	}
	return nil
}

// plain reports whether a word comes back from JSON and from both databases as it went in.
func plain(s string) bool {
	return s != "" && utf8.ValidString(s) && !slices.ContainsFunc([]rune(s), func(r rune) bool { return r < ' ' })
}

// writable reports whether RFC 3339 can express the moment.
func writable(t time.Time) bool { y := t.UTC().Year(); return 1 <= y && y <= 9999 }
