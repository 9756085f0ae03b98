package console

import (
	"net/http"
	"slices"
	"strings"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/catalog"
	"github.com/consentline/consentline/internal/consent"
	forms "github.com/consentline/consentline/internal/form"
	"github.com/consentline/consentline/internal/ledger"
)

// wordingRow is a disclosure in the list.
type wordingRow struct {
	catalog.Disclosure
	Latest catalog.Wording
	Used   int
}

type wordingsPage struct {
	Items     []wordingRow
	Choices   choices
	MayChange bool
}

func (s *console) wordings(v *visit) error { return s.renderWordings(v, http.StatusOK, form{}) }

func (s *console) renderWordings(v *visit, status int, f form) error {
	page := wordingsPage{Choices: s.choices(v), MayChange: v.caller.Can(access.ChangeWording)}
	used := s.Reports.Counts().Wordings
	for _, d := range s.Catalog.Disclosures() {
		if d.Brand != "" && !v.caller.For(d.Brand) {
			continue
		}
		row := wordingRow{Disclosure: d, Latest: d.Versions[len(d.Versions)-1]}
		for _, w := range d.Versions {
			row.Used += used[refOf(d.ID, w)]
		}
		page.Items = append(page.Items, row)
	}
	return s.render(v, status, "wordings", view{Title: "Wording", Section: "/console/wordings", Form: f, Page: page})
}

func refOf(id string, w catalog.Wording) string {
	return ledger.FormatDisclosure(consent.DisclosureRef{ID: id, Version: w.Version})
}

func (s *console) createWording(v *visit) error {
	f, err := v.typed()
	if err != nil {
		return err
	}
	d := catalog.Disclosure{ID: strings.TrimSpace(f.Value("id")), Brand: consent.BrandID(f.Value("brand")), Purpose: consent.PurposeID(f.Value("purpose"))}
	if err := s.Gate.Authorize(v.ctx(), v.caller, access.ChangeWording, brandOrAny(d.Brand)); err != nil {
		return err
	}
	first := catalog.Wording{Language: strings.TrimSpace(f.Value("language")), Text: unixLines(f.Value("text"))}
	if _, err := s.Catalog.CreateDisclosure(v.ctx(), v.caller.ID, d, first, s.Now()); err != nil {
		if err := f.wrong(err); err != nil {
			return err
		}
		return s.renderWordings(v, http.StatusUnprocessableEntity, f)
	}
	return v.done("/console/wordings/"+d.ID, "saved")
}

// brandOrAny is the brand that a change concerns: none means all of them.
func brandOrAny(b consent.BrandID) consent.BrandID {
	if b == "" {
		return consent.Any
	}
	return b
}

// unixLines undoes what browsers do to the ends of lines, so that the words are kept as they were typed.
func unixLines(s string) string {
	return strings.TrimSpace(strings.ReplaceAll(s, "\r\n", "\n"))
}

type wordingPage struct {
	catalog.Disclosure
	Versions  []wordingVersion // the latest first
	Latest    catalog.Wording
	Forms     []string // that show it
	Keywords  []string // by whose programmes it is advertised
	Asked     *elements
	MayChange bool
}

// wordingVersion is one version with what it changed.
type wordingVersion struct {
	catalog.Wording
	Used int
	Diff []piece // against the version before; empty for the first
}

func (s *console) wording(v *visit) error { return s.renderWording(v, http.StatusOK, form{}) }

func (s *console) renderWording(v *visit, status int, f form) error {
	d, err := s.disclosure(v)
	if err != nil {
		return err
	}
	page := wordingPage{Disclosure: d, Latest: d.Versions[len(d.Versions)-1], MayChange: v.caller.Can(access.ChangeWording)}
	if err := s.readUses(v, &page); err != nil {
		return err
	}
	page.Asked = s.elements(d, page.Latest)
	used := s.Reports.Counts().Wordings
	for i := len(d.Versions) - 1; i >= 0; i-- {
		version := wordingVersion{Wording: d.Versions[i], Used: used[refOf(d.ID, d.Versions[i])]}
		if i > 0 {
			version.Diff = diff(d.Versions[i-1].Text, d.Versions[i].Text)
		}
		page.Versions = append(page.Versions, version)
	}
	return s.render(v, status, "wording", view{Title: d.ID, Section: "/console/wordings", Form: f, Page: page})
}

// readUses finds the forms and keyword programmes in use that show a wording.
func (s *console) readUses(v *visit, page *wordingPage) error {
	all, err := s.Forms.All(v.ctx())
	if err != nil {
		return err
	}
	for _, f := range all {
		shows := slices.ContainsFunc(f.Items, func(i forms.Item) bool { return slices.Contains(i.Wordings, page.ID) })
		if shows && !f.Retired && v.caller.For(f.Brand) {
			page.Forms = append(page.Forms, f.ID)
		}
	}
	for _, p := range s.Inbox.Programmes.All() {
		ref, err := ledger.ParseDisclosure(p.Disclosure)
		sender, unknown := s.Catalog.Sender(p.Sender)
		if err == nil && unknown == nil && ref.ID == page.ID && !p.Retired && v.caller.For(sender.Brand) {
			page.Keywords = append(page.Keywords, p.Keyword)
		}
	}
	return nil
}

// disclosure returns the one in the address, if the visitor may see it.
func (s *console) disclosure(v *visit) (catalog.Disclosure, error) {
	d, err := s.Catalog.Disclosure(v.PathValue("id"))
	if err == nil && d.Brand != "" && !v.caller.For(d.Brand) {
		err = catalog.ErrNotFound
	}
	return d, err
}

func (s *console) addVersion(v *visit) error {
	f, err := v.typed()
	if err != nil {
		return err
	}
	d, err := s.disclosure(v)
	if err != nil {
		return err
	}
	if err := s.Gate.Authorize(v.ctx(), v.caller, access.ChangeWording, brandOrAny(d.Brand)); err != nil {
		return err
	}
	w, err := s.Catalog.AddVersion(v.ctx(), v.caller.ID, d.ID, catalog.Wording{Language: strings.TrimSpace(f.Value("language")), Text: unixLines(f.Value("text"))}, s.Now())
	if err != nil {
		if err := f.wrong(err); err != nil {
			return err
		}
		return s.renderWording(v, http.StatusUnprocessableEntity, f)
	}
	code := "saved"
	if w.Version == len(d.Versions) {
		code = "unchanged"
	}
	return v.done("/console/wordings/"+d.ID, code)
}
