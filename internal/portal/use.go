package portal

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/preference"
)

// readEvents adds the latest acts that concern the holder's brand, the latest first.
func (p *portal) readEvents(ctx context.Context, h holder, page *choicesPage) error {
	places, err := p.Reports.Places(ctx, h.ID, math.MaxInt64, mostEvents)
	if err != nil || len(places) == 0 {
		return err
	}
	entries, err := p.Ledger.History(ctx, h.ID, places[len(places)-1]-1, len(places))
	if err != nil {
		return err
	}
	for _, e := range slices.Backward(entries) {
		a, ok := e.Act()
		if !ok || !h.concerns(a) {
			continue
		}
		name := string(a.Scope.Purpose)
		if purpose, err := p.Catalog.Purpose(name); err == nil {
			name = purpose.Name
		}
		page.Events = append(page.Events, pastEvent{a.EffectiveAt, a.Kind, name, a.Scope.Channel})
	}
	return nil
}

// concerns reports whether an act is about the holder's brand.
func (h holder) concerns(a consent.Act) bool {
	return a.Scope.Brand == h.brand.ID || a.Scope.Brand == consent.Any
}

// mostSent bounds how many contacts the page tells of.
const mostSent = 20

// readUse adds how the number is used: what for, from where, what was sent lately, and whether erasure was asked for.
func (p *portal) readUse(ctx context.Context, h holder, page *choicesPage) (err error) {
	var uses, senders []string
	for _, c := range page.Choices {
		if c.On && !slices.Contains(uses, c.Purpose.Name) {
			uses = append(uses, c.Purpose.Name)
		}
	}
	for _, s := range p.Catalog.Senders() {
		if s.Brand == h.brand.ID && !s.Retired && !slices.Contains(senders, s.Address) {
			senders = append(senders, s.Address)
		}
	}
	page.Uses, page.Senders = strings.Join(uses, ", "), strings.Join(senders, ", ")
	if page.Sent, err = p.Attempts.Recent(ctx, h.Number, h.brand.ID, mostSent); err != nil {
		return fmt.Errorf("read what was sent lately: %w", err)
	}
	asked, err := p.Erasures.Of(ctx, h.ID, h.brand.ID)
	if page.Erasure = asked.AskedAt; errors.Is(err, preference.ErrNoRequest) {
		return nil
	}
	return err
}

// askErasure records that the person wants to be erased. Somebody has to see to it: a link may be in wrong hands, and
// what is erased does not come back.
func (p *portal) askErasure(v *visit) error {
	h, err := p.holder(v)
	if err != nil {
		return err
	}
	if err := p.Erasures.Ask(v.Context(), caller.ID, h.ID, h.brand.ID); err != nil {
		return err
	}
	http.Redirect(v.w, v.Request, "/p/"+h.token+"?lang="+v.Tag+"#erasure", http.StatusSeeOther)
	return nil
}
