package httpapi

import (
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/optin"
)

// Programme is a keyword by which people opt in themselves.
type Programme struct {
	ID         string            `json:"id" doc:"The programme's id." pattern:"^[a-z0-9][a-z0-9._-]{0,63}$" example:"pizza-club"`
	Keyword    string            `json:"keyword" doc:"The word that people text; upper and lower case are the same." minLength:"2" maxLength:"20" example:"PIZZA"`
	Sender     string            `json:"sender" doc:"The id of the sender that it is texted to." example:"acme-us"`
	Purpose    consent.PurposeID `json:"purpose" doc:"What they then consent to be contacted for, by the sender's brand and on its channel." example:"newsletter"`
	Level      consent.Level     `json:"level,omitzero" doc:"How strong that consent is; absent: express."`
	Disclosure string            `json:"disclosure,omitempty" doc:"The wording beside which the keyword is advertised, as id@version; express_written needs one." example:"newsletter-sms@1"`
	Retired    bool              `json:"retired,omitempty" doc:"Whether it is out of use: its keyword is read as any other text."`
}

func (t *talk) programmeRoutes() {
	brand := func(p *Programme) consent.BrandID {
		s, err := t.API.Catalog.Sender(p.Sender)
		if err != nil {
			return consent.Any // whoever acts for some brands only does not define it
		}
		return s.Brand
	}
	defineResource(t.API, resource[Programme, optin.Programme]{
		one: "programme", many: "programmes", title: "Programme", param: pathParam("programme", "The programme's id.", "pizza-club"),
		example: Programme{ID: "pizza-club", Keyword: "PIZZA", Sender: "acme-us", Purpose: "newsletter", Level: consent.Express},
		id:      func(p *Programme) string { return p.ID },
		setID:   func(p *Programme, id string) { p.ID = id },
		brand:   brand,
		read:    func(p *Programme) (optin.Programme, error) { return optin.Programme(*p), nil },
		show:    func(p optin.Programme) Programme { return Programme(p) },
		all:     t.Programmes.All, get: t.Programmes.Get, create: t.Programmes.Create, change: t.Programmes.Change,
		hidden: func(c call, p *Programme) bool { return !c.For(brand(p)) },
	})
}
