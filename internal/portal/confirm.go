package portal

import (
	"net/http"

	"github.com/consentline/consentline/internal/catalog"
	"github.com/consentline/consentline/internal/optin"
)

// ConfirmPath is what links of confirmation begin with, after the public address.
const ConfirmPath = "/c/"

// confirmPage is a request that waits for its person, with what they are asked to agree to.
type confirmPage struct {
	Brand   catalog.Brand
	Purpose catalog.Purpose
	Wording catalog.Wording
	Token   string
}

// asked returns the request that the link in the address opens.
func (p *portal) asked(v *visit) (page confirmPage, err error) {
	page.Token = v.PathValue("token")
	q, err := p.OptIns.ByToken(v.Context(), page.Token)
	if err != nil {
		return page, err
	}
	if page.Brand, err = p.Catalog.Brand(string(q.Scope.Brand)); err != nil {
		return page, optin.ErrNotFound
	}
	if page.Purpose, err = p.Catalog.Purpose(string(q.Scope.Purpose)); err != nil {
		return page, optin.ErrNotFound
	}
	page.Wording, err = p.OptIns.Wording(v.Context(), q)
	return page, err
}

// askToConfirm shows what is to be confirmed. Programs that open links in messages come here too, so it changes nothing.
func (p *portal) askToConfirm(v *visit) error {
	page, err := p.asked(v)
	if err != nil {
		return err
	}
	return p.render(v, http.StatusOK, "confirm", view{Brand: page.Brand, Title: v.Say("confirm.title", "brand", page.Brand.Name), Page: page})
}

func (p *portal) confirm(v *visit) error {
	page, err := p.asked(v)
	if err != nil {
		return err
	}
	if _, err := p.OptIns.ConfirmLink(v.Context(), caller.ID, page.Token); err != nil {
		return err
	}
	return p.render(v, http.StatusOK, "message", view{
		Brand: page.Brand, Title: v.Say("confirm.done.title"), Page: v.Say("confirm.done", "brand", page.Brand.Name),
	})
}
