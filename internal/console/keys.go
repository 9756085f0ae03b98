package console

import (
	"net/http"
	"strings"
	"time"

	"github.com/consentline/consentline/internal/access"
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
		if !within(v.caller, k.Brands) {
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

// createKey makes a key and shows its secret in the answer itself: it is nowhere else to be read from.
func (s *console) createKey(v *visit) error {
	f, err := v.typed()
	if err != nil {
		return err
	}
	k := access.Key{Name: strings.TrimSpace(f.Value("name")), Role: access.Role(f.Value("role"))}
	if k.Brands, err = s.brandsTicked(v, f, access.ManageKeys); err != nil {
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
	if err := s.Gate.Authorize(v.ctx(), v.caller, access.ManageKeys, orAll(k.Brands)...); err != nil {
		return err
	}
	if _, err := s.Gate.Revoke(v.ctx(), v.caller, k.ID); err != nil {
		return err
	}
	return v.done("/console/keys", "revoked")
}
