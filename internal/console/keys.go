package console

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
)

type keysPage struct {
	Items   []keyRow
	Roles   []access.Role
	Choices choices
	Secret  string // of a key that was just made: shown now and never again
	Made    string
}

type keyRow struct {
	access.Key
	By    string
	State string
}

func (s *console) keys(v *visit) error { return s.renderKeys(v, http.StatusOK, form{}, keysPage{}) }

func (s *console) renderKeys(v *visit, status int, f form, page keysPage) error {
	page.Roles, page.Choices = access.Roles, s.choices(v)
	for _, k := range s.Gate.Keys() {
		if !reaches(v.caller, k) {
			continue
		}
		row := keyRow{Key: k, By: s.nameOf(k.CreatedBy), State: "in force"}
		switch {
		case k.RevokedAt != nil:
			row.State = "revoked"
		case k.ExpiresAt != nil && !s.Now().Before(time.Time(*k.ExpiresAt)):
			row.State = "expired"
		}
		page.Items = append(page.Items, row)
	}
	return s.render(v, status, "keys", view{Title: "Keys", Section: "/console/keys", Form: f, Page: page})
}

// reaches reports whether a key can do nothing for brands that are not the visitor's.
func reaches(c *access.Caller, k access.Key) bool {
	return len(c.Brands) == 0 || len(k.Brands) > 0 && !slices.ContainsFunc(k.Brands, func(b consent.BrandID) bool { return !c.For(b) })
}

// createKey makes a key and shows its secret in the answer itself: it is nowhere else to be read from.
func (s *console) createKey(v *visit) error {
	f, err := v.typed()
	if err != nil {
		return err
	}
	k := access.Key{Name: strings.TrimSpace(f.Value("name")), Role: access.Role(f.Value("role"))}
	var brands []consent.BrandID
	for _, b := range f.Values["brands"] {
		if _, err := s.Catalog.Brand(b); err != nil {
			return errNoPage
		}
		brands = append(brands, consent.BrandID(b))
	}
	k.Brands = brands
	// A key must not reach further than the key that makes it.
	if len(brands) == 0 {
		brands = []consent.BrandID{consent.Any}
	}
	if err := s.Gate.Authorize(v.ctx(), v.caller, access.ManageKeys, brands...); err != nil {
		return err
	}
	expires, err := f.at("expires_at")
	if err == nil {
		if !expires.IsZero() {
			at := ledger.Time(expires)
			k.ExpiresAt = &at
		}
		var secret string
		if k, secret, err = s.Gate.Create(v.ctx(), v.caller, k); err == nil {
			return s.renderKeys(v, http.StatusOK, form{}, keysPage{Secret: secret, Made: k.Name})
		}
	}
	if err := f.wrong(err); err != nil {
		return err
	}
	return s.renderKeys(v, http.StatusUnprocessableEntity, f, keysPage{})
}

func (s *console) revokeKey(v *visit) error {
	k, err := s.Gate.Key(v.PathValue("id"))
	if err != nil {
		return err
	}
	brands := k.Brands
	if len(brands) == 0 {
		brands = []consent.BrandID{consent.Any}
	}
	if err := s.Gate.Authorize(v.ctx(), v.caller, access.ManageKeys, brands...); err != nil {
		return err
	}
	if _, err := s.Gate.Revoke(v.ctx(), v.caller, k.ID); err != nil {
		return err
	}
	return v.done("/console/keys", "revoked")
}
