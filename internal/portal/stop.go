package portal

import (
	"errors"
	"net/http"
	"time"

	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/preference"
)

// askToStop shows the one button; looking at a link must change nothing.
func (p *portal) askToStop(v *visit) error {
	h, err := p.holder(v)
	if err != nil && !errors.Is(err, preference.ErrExpired) {
		return err
	}
	return p.render(v, http.StatusOK, "stop", view{Brand: h.brand, Title: v.Say("prefs.stop"), Page: choicesPage{Brand: h.brand, Number: h.Number.Masked(), Token: h.token}})
}

// stop withdraws everything for the brand, by a button or by a mail program's one-click post (RFC 8058). An expired
// link still does that: it harms nobody, and a no must never be hard to say.
func (p *portal) stop(v *visit) error {
	h, err := p.holder(v)
	if err != nil && !errors.Is(err, preference.ErrExpired) {
		return err
	}
	if !h.stopped(p.Now()) {
		err := p.record(v, []act.Report{{
			Number: h.Number.String(), Brand: h.brand.ID, Purpose: consent.Any, Channel: consent.AnyChannel,
			Act: consent.Withdrawn, Source: consent.PreferenceCentre, Method: "one click",
		}})
		if err != nil {
			return err
		}
	}
	text := v.Say("prefs.stopped", "brand", h.brand.Name, "number", h.Number.Masked())
	return p.render(v, http.StatusOK, "message", view{Brand: h.brand, Title: v.Say("prefs.stopped.title"), Page: text})
}

// off is since when a no to everything of the brand stands; zero if none does.
func (h holder) off(now time.Time) (since time.Time) {
	for _, held := range h.Records {
		if held.Scope.Covers(consent.Scope{Brand: h.brand.ID, Purpose: consent.Any, Channel: consent.AnyChannel}) && held.Record.At(now).Restricted() {
			since = held.Record.RestrictedAt
		}
	}
	return since
}

// stopped reports whether everything was withdrawn for the brand already and nothing was granted or asked since.
func (h holder) stopped(now time.Time) bool {
	for _, held := range h.Records {
		if st := held.Record.At(now); held.Scope.Brand == h.brand.ID && (st == consent.StatusGranted || st == consent.Pending) {
			return false
		}
	}
	return !h.off(now).IsZero()
}
