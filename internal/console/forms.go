package console

import (
	"net/http"
	"strings"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/catalog"
	"github.com/consentline/consentline/internal/consent"
	forms "github.com/consentline/consentline/internal/form"
)

// formsPage lists the opt-in forms, with what to put into a site to show them.
type formsPage struct {
	Items     []formRow
	Choices   choices
	Wordings  []catalog.Disclosure
	Home      string // the scheme and host under which this page was asked for
	MayChange bool
}

// formRow is a form with the wordings that may stand in it.
type formRow struct {
	forms.Form
	Wordings []catalog.Disclosure
}

func (s *console) forms(v *visit) error { return s.renderForms(v, http.StatusOK, form{}) }

func (s *console) renderForms(v *visit, status int, f form) error {
	page := formsPage{Choices: s.choices(v), Home: home(v.Request), MayChange: v.caller.Can(access.ChangeWording)}
	all, err := s.Forms.All(v.ctx())
	if err != nil {
		return err
	}
	for _, d := range s.Catalog.Disclosures() {
		if d.Brand != "" && v.caller.For(d.Brand) {
			page.Wordings = append(page.Wordings, d)
		}
	}
	for _, one := range all {
		if !v.caller.For(one.Brand) {
			continue
		}
		row := formRow{Form: one}
		for _, d := range page.Wordings {
			if d.Brand == one.Brand {
				row.Wordings = append(row.Wordings, d)
			}
		}
		page.Items = append(page.Items, row)
	}
	return s.render(v, status, "forms", view{Title: "Forms", Section: "/console/forms", Form: f, Page: page})
}

// home is the scheme and host by which the visitor reached this server.
func home(r *http.Request) string {
	if secured(r) {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

func (s *console) createForm(v *visit) error {
	f, err := v.typed()
	if err != nil {
		return err
	}
	one := forms.Form{
		ID: f.text("id"), Brand: consent.BrandID(f.Value("brand")), Confirm: f.Value("confirm") != "", ConfirmBy: f.Value("confirm_by"),
		Region: strings.ToUpper(f.text("region")), Origins: strings.Fields(f.Value("origins")),
	}
	if err := s.Gate.Authorize(v.ctx(), v.caller, access.ChangeWording, brandOrAny(one.Brand)); err != nil {
		return err
	}
	item, err := itemIn(f)
	if err == nil {
		one.Items = []forms.Item{item}
		err = s.Forms.Create(v.ctx(), v.caller.ID, one)
	}
	if err != nil {
		if err := f.wrong(err); err != nil {
			return err
		}
		return s.renderForms(v, http.StatusUnprocessableEntity, f)
	}
	return v.done("/console/forms", "saved")
}

func itemIn(f form) (forms.Item, error) {
	item := forms.Item{Purpose: consent.PurposeID(f.Value("purpose")), Wordings: f.Values["wordings"]}
	var err error
	if item.Channel, err = consent.ParseChannel(f.Value("channel")); err != nil {
		return item, invalid("channel", "choose a channel")
	}
	return item, nil
}

// changeForm adds a box to a form, retires it, or brings it back.
func (s *console) changeForm(v *visit) error {
	f, err := v.typed()
	if err != nil {
		return err
	}
	one, err := s.Forms.Get(v.ctx(), v.PathValue("id"))
	if err != nil {
		return err
	}
	if err := s.Gate.Authorize(v.ctx(), v.caller, access.ChangeWording, one.Brand); err != nil {
		return err
	}
	if retire, ok := f.toggled(); ok {
		one.Retired = retire
	} else {
		var item forms.Item
		item, err = itemIn(f)
		one.Items = append(one.Items, item)
	}
	if err == nil {
		err = s.Forms.Change(v.ctx(), v.caller.ID, one)
	}
	if err != nil {
		if err := f.wrong(err); err != nil {
			return err
		}
		return s.renderForms(v, http.StatusUnprocessableEntity, f)
	}
	return v.done("/console/forms", "saved")
}

// shownPage shows the page that somebody agreed on, as text: what it says is evidence, and nothing of it runs.
func (s *console) shownPage(v *visit) error {
	page, err := s.Forms.Page(v.ctx(), v.PathValue("hash"))
	if err != nil {
		return err
	}
	v.w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = v.w.Write(page) // a visitor who has left needs no error
	return nil
}
