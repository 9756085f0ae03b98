package console

import (
	"net/http"
	"strings"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/catalog"
	"github.com/consentline/consentline/internal/consent"
)

type definitionsPage struct {
	Brands      []catalog.Brand
	Purposes    []catalog.Purpose
	Senders     []catalog.Sender
	Classes     []consent.Class
	SenderKinds []string
	Choices     choices
	MayChange   bool
	For         string // the form to which what was typed belongs
}

func (s *console) definitions(v *visit) error {
	return s.renderDefinitions(v, http.StatusOK, form{}, "")
}

func (s *console) renderDefinitions(v *visit, status int, f form, typedIn string) error {
	page := definitionsPage{
		Purposes: s.Catalog.Purposes(), Classes: consent.Classes, SenderKinds: catalog.SenderKinds,
		Choices: s.choices(v), MayChange: v.caller.Can(access.ChangeCatalog), For: typedIn,
	}
	for _, b := range s.Catalog.Brands() {
		if v.caller.For(b.ID) {
			page.Brands = append(page.Brands, b)
		}
	}
	for _, d := range s.Catalog.Senders() {
		if v.caller.For(d.Brand) {
			page.Senders = append(page.Senders, d)
		}
	}
	return s.render(v, status, "definitions", view{Title: "Brands, purposes, senders", Section: "/console/definitions", Form: f, Page: page})
}

// put runs a change of a definition and answers for it.
func (s *console) put(v *visit, what string, f form, brand consent.BrandID, change func() error) error {
	if err := s.Gate.Authorize(v.ctx(), v.caller, access.ChangeCatalog, brandOrAny(brand)); err != nil {
		return err
	}
	if err := change(); err != nil {
		if err := f.wrong(err); err != nil {
			return err
		}
		return s.renderDefinitions(v, http.StatusUnprocessableEntity, f, what)
	}
	return v.done("/console/definitions", "saved")
}

// text returns a field without the space around it.
func (f form) text(name string) string { return strings.TrimSpace(f.Value(name)) }

// toggled reports whether the form is the button that retires a definition or brings it back.
func (f form) toggled() (retire, ok bool) {
	v := f.Value("retire")
	return v == "yes", v != ""
}

func (s *console) putBrand(v *visit) error {
	f, err := v.typed()
	if err != nil {
		return err
	}
	b := catalog.Brand{ID: consent.BrandID(f.text("id")), Name: f.text("name"), Country: f.text("country"), Contact: f.text("contact")}
	return s.put(v, "brand", f, b.ID, func() error {
		if retire, ok := f.toggled(); ok {
			old, err := s.Catalog.Brand(string(b.ID))
			if err != nil {
				return err
			}
			old.Retired = retire
			_, err = s.Catalog.ChangeBrand(v.ctx(), v.caller.ID, old)
			return err
		}
		_, err := s.Catalog.CreateBrand(v.ctx(), v.caller.ID, b)
		return err
	})
}

func (s *console) putPurpose(v *visit) error {
	f, err := v.typed()
	if err != nil {
		return err
	}
	p := catalog.Purpose{ID: consent.PurposeID(f.text("id")), Name: f.text("name"), Description: f.text("description"), DoubleOptIn: f.Value("double_opt_in") != ""}
	return s.put(v, "purpose", f, consent.Any, func() (err error) {
		if retire, ok := f.toggled(); ok {
			old, err := s.Catalog.Purpose(string(p.ID))
			if err != nil {
				return err
			}
			old.Retired = retire
			_, err = s.Catalog.ChangePurpose(v.ctx(), v.caller.ID, old)
			return err
		}
		if p.Class, err = consent.ParseClass(f.Value("class")); err != nil {
			return invalid("class", "choose a class")
		}
		_, err = s.Catalog.CreatePurpose(v.ctx(), v.caller.ID, p)
		return err
	})
}

func (s *console) putSender(v *visit) error {
	f, err := v.typed()
	if err != nil {
		return err
	}
	d := catalog.Sender{
		ID: f.text("id"), Brand: consent.BrandID(f.text("brand")), Kind: f.Value("kind"), Address: f.text("address"),
		Purpose: consent.PurposeID(f.Value("purpose")),
	}
	retire, toggled := f.toggled()
	if toggled {
		old, err := s.Catalog.Sender(d.ID)
		if err != nil {
			return err
		}
		d = old // the brand to act for is the sender's own, whatever the form says
	}
	return s.put(v, "sender", f, d.Brand, func() (err error) {
		if toggled {
			d.Retired = retire
			_, err = s.Catalog.ChangeSender(v.ctx(), v.caller.ID, d)
			return err
		}
		if d.Channel, err = consent.ParseChannel(f.Value("channel")); err != nil {
			return invalid("channel", "choose a channel")
		}
		_, err = s.Catalog.CreateSender(v.ctx(), v.caller.ID, d)
		return err
	})
}
