package console

import (
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/credential"
	"github.com/consentline/consentline/internal/people"
	"github.com/consentline/consentline/internal/session"
)

const staffPath = "/console/staff"

// staffPage is who works here, and what the roles include.
type staffPage struct {
	Items       []memberRow
	Roles       []access.Role
	Permissions []permissionRow
	Choices     choices
	Link        string // of somebody who was just let in: shown now and never again
	Name        string
	LinkLasts   time.Duration
}

type memberRow struct {
	access.Person
	State string
}

// permissionRow says which roles include a permission.
type permissionRow struct {
	Permission access.Permission
	Included   []bool
}

func stateOf(p access.Person) string {
	switch {
	case p.DisabledAt != nil:
		return "disabled"
	case p.JoinedAt == nil:
		return "invited"
	}
	return "active"
}

func permissions() (out []permissionRow) {
	for _, p := range access.Permissions {
		row := permissionRow{Permission: p}
		for _, r := range access.Roles {
			row.Included = append(row.Included, r.Includes(p))
		}
		out = append(out, row)
	}
	return out
}

func (s *console) staff(v *visit) error {
	return s.renderStaff(v, http.StatusOK, form{}, staffPage{})
}

func (s *console) renderStaff(v *visit, status int, f form, page staffPage) error {
	page.Roles, page.Permissions, page.Choices = access.Roles, permissions(), s.choices(v)
	page.LinkLasts = people.LinkLasts
	for _, p := range s.Gate.People() {
		if within(v.caller, p.Brands) {
			page.Items = append(page.Items, memberRow{p, stateOf(p)})
		}
	}
	return s.render(v, status, "staff", view{Title: "Staff and roles", Section: staffPath, Form: f, Page: page})
}

// within reports whether some brands are all the visitor's; none stand for all.
func within(c *access.Caller, brands []consent.BrandID) bool {
	return len(c.Brands) == 0 || len(brands) > 0 && !slices.ContainsFunc(brands, func(b consent.BrandID) bool { return !c.For(b) })
}

// brandsTicked reads the brands of a form. Whoever gives them to others must have them.
func (s *console) brandsTicked(v *visit, f form, p access.Permission) ([]consent.BrandID, error) {
	var brands []consent.BrandID
	for _, b := range f.Values["brands"] {
		if _, err := s.Catalog.Brand(b); err != nil {
			return nil, errNoPage
		}
		brands = append(brands, consent.BrandID(b))
	}
	return brands, s.Gate.Authorize(v.ctx(), v.caller, p, orAll(brands)...)
}

// orAll are the brands that somebody acts for; no one in particular is all.
func orAll(brands []consent.BrandID) []consent.BrandID {
	if len(brands) == 0 {
		return []consent.BrandID{consent.Any}
	}
	return brands
}

// invite lets somebody in and shows their link in the answer itself: it is nowhere else to be read from.
func (s *console) invite(v *visit) error {
	f, err := v.typed()
	if err != nil {
		return err
	}
	brands, err := s.brandsTicked(v, f, access.ManagePeople)
	if err != nil {
		return err
	}
	who, link, err := s.People.Invite(v.ctx(), v.caller, access.Person{
		Login: f.Value("login"), Name: f.Value("name"), Role: access.Role(f.Value("role")), Brands: brands,
	})
	if err != nil {
		if err := f.wrong(err); err != nil {
			return err
		}
		return s.renderStaff(v, http.StatusUnprocessableEntity, f, staffPage{})
	}
	return s.renderStaff(v, http.StatusOK, form{}, staffPage{Link: linkTo(v.Request, link), Name: who.Name})
}

func linkTo(r *http.Request, token string) string { return home(r) + "/console/enter/" + token }

// memberPage is one person as an admin sees them.
type memberPage struct {
	Person    access.Person
	State     string
	By        string
	Held      credential.Held
	Sessions  []session.Listed
	Roles     []access.Role
	Choices   choices
	Link      string
	LinkLasts time.Duration
}

// Has reports whether the person acts for a brand in particular.
func (p memberPage) Has(b consent.BrandID) bool { return slices.Contains(p.Person.Brands, b) }

// memberOf returns the person whom a page's address names, if the visitor may manage them.
func (s *console) memberOf(v *visit) (access.Person, error) {
	p, err := s.Gate.Person(v.PathValue("id"))
	if err != nil {
		return p, err
	}
	return p, s.Gate.Authorize(v.ctx(), v.caller, access.ManagePeople, orAll(p.Brands)...)
}

func (s *console) member(v *visit) error {
	p, err := s.memberOf(v)
	if err != nil {
		return err
	}
	return s.renderMember(v, http.StatusOK, form{}, p, "")
}

func (s *console) renderMember(v *visit, status int, f form, p access.Person, link string) (err error) {
	page := memberPage{
		Person: p, State: stateOf(p), By: s.nameOf(p.CreatedBy), Roles: access.PeopleRoles, Choices: s.choices(v), Link: link, LinkLasts: people.LinkLasts,
	}
	if page.Held, err = s.People.Credentials().Held(v.ctx(), p.ID); err != nil {
		return err
	}
	if page.Sessions, err = s.Sessions.List(v.ctx(), p.CallerID(), ""); err != nil {
		return err
	}
	return s.render(v, status, "member", view{Title: p.Name, Section: staffPath, Form: f, Page: page})
}

// changeMember does what the button says that was pressed.
func (s *console) changeMember(v *visit) error {
	p, err := s.memberOf(v)
	if err != nil {
		return err
	}
	f, err := v.typed()
	if err != nil {
		return err
	}
	path := staffPath + "/" + p.ID
	yes, no := true, false
	switch f.Value("do") {
	case "link":
		link, err := s.People.Link(v.ctx(), v.caller, p.ID)
		if errors.Is(err, people.ErrDisabled) || errors.Is(err, people.ErrElsewhere) {
			f.Problem = err.Error() + "."
			return s.renderMember(v, http.StatusUnprocessableEntity, f, p, "")
		}
		if err != nil {
			return err
		}
		return s.renderMember(v, http.StatusOK, form{}, p, linkTo(v.Request, link))
	case "end":
		if err := s.People.EndSessions(v.ctx(), v.caller, p.ID); err != nil {
			return err
		}
		return v.done(path, "ended")
	case "disable":
		return s.changed(v, f, p, access.PersonChange{Disabled: &yes}, "disabled")
	case "enable":
		return s.changed(v, f, p, access.PersonChange{Disabled: &no}, "enabled")
	}
	brands, err := s.brandsTicked(v, f, access.ManagePeople)
	if err != nil {
		return err
	}
	name, role := f.Value("name"), access.Role(f.Value("role"))
	return s.changed(v, f, p, access.PersonChange{Name: &name, Role: &role, Brands: &brands}, "saved")
}

func (s *console) changed(v *visit, f form, p access.Person, change access.PersonChange, done string) error {
	_, err := s.People.Change(v.ctx(), v.caller, p.ID, change)
	if err == nil {
		return v.done(staffPath+"/"+p.ID, done)
	}
	if err := f.wrong(err); err != nil {
		return err
	}
	return s.renderMember(v, http.StatusUnprocessableEntity, f, p, "")
}
