package console

import (
	"encoding/json"
	"errors"
	"html/template"
	"net/http"
	"strings"

	"rsc.io/qr"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/credential"
	"github.com/consentline/consentline/internal/session"
)

const accountPath = "/console/account"

// accountPage is what somebody sees of their own account.
type accountPage struct {
	Person   access.Person
	Held     credential.Held
	Sessions []session.Listed
	Fresh    bool            // they have proved lately who they are, so they may change how they sign in
	Passkey  json.RawMessage // what a browser makes a passkey with; nil: none can be made here

	Enrolment *credential.Enrolment // a code generator that is being set up
	QR        template.HTML
	Codes     []string // recovery codes that were just made: shown now and never again
}

// own returns the visitor's own person. Who signed in with a key has none.
func (s *console) own(v *visit) (access.Person, error) {
	id, ok := access.PersonID(v.caller.ID)
	if !ok {
		return access.Person{}, errNoPage
	}
	return s.Gate.Person(id)
}

func (s *console) account(v *visit) error {
	return s.renderAccount(v, http.StatusOK, form{}, accountPage{})
}

func (s *console) renderAccount(v *visit, status int, f form, page accountPage) (err error) {
	if page.Person, err = s.own(v); err != nil {
		return err
	}
	if page.Held, err = s.People.Credentials().Held(v.ctx(), page.Person.ID); err != nil {
		return err
	}
	if page.Sessions, err = s.Sessions.List(v.ctx(), v.caller.ID, v.token); err != nil {
		return err
	}
	page.Fresh = s.fresh(v)
	if site := s.site(v.Request); page.Fresh && page.Person.Identity == "" && site.TakesPasskeys() {
		if page.Passkey, err = s.People.Credentials().AskForNew(v.ctx(), site, page.Person); err != nil {
			return err
		}
	}
	return s.render(v, status, "account", view{Title: "Your account", Section: accountPath, Form: f, Page: page, Script: passkeyScript(page.Passkey)})
}

// signInAgain asks somebody who is signed in to prove again who they are.
func (s *console) signInAgain(v *visit) error {
	return s.renderSignIn(v, http.StatusOK, form{}, signInPage{carried: carried{To: accountPath}, Why: "Sign in again to change how you sign in."})
}

// changing reads a form by which somebody changes how they sign in. They must have proved lately who they are.
func (s *console) changing(v *visit) (access.Person, form, error) {
	p, err := s.own(v)
	if err != nil {
		return p, form{}, err
	}
	if !s.fresh(v) {
		return p, form{}, errStale
	}
	if p.Identity != "" {
		return p, form{}, errNoPage // they sign in elsewhere
	}
	f, err := v.typed()
	return p, f, err
}

// settle answers a form of the account page: with what is wrong with it, or that it is done.
func (s *console) settle(v *visit, f form, done string, err error) error {
	if errors.Is(err, credential.ErrWrong) {
		f.Field, f.Problem = "passkey", "was not made: try again"
		return s.renderAccount(v, http.StatusUnprocessableEntity, f, accountPage{})
	}
	if err == nil {
		return v.done(accountPath, done)
	}
	if err := f.wrong(err); err != nil {
		return err
	}
	return s.renderAccount(v, http.StatusUnprocessableEntity, f, accountPage{})
}

func (s *console) changePassword(v *visit) error {
	p, f, err := s.changing(v)
	if err != nil {
		return err
	}
	err = s.People.SetPassword(v.ctx(), p, f.Value("password"), v.token)
	return s.settle(v, f, "password", err)
}

// enrolGenerator shows what to scan, and takes the code that shows that it was scanned.
func (s *console) enrolGenerator(v *visit) error {
	p, f, err := s.changing(v)
	if err != nil {
		return err
	}
	kept := s.People.Credentials()
	if f.Value("token") == "" {
		e := kept.NewEnrolment(p)
		return s.showEnrolment(v, http.StatusOK, form{}, e)
	}
	e, err := kept.OpenEnrolment(p, f.Value("token"))
	if errors.Is(err, credential.ErrWrong) {
		return v.done(accountPath, "") // too old: it begins anew
	}
	if err != nil {
		return err
	}
	if err := kept.Enrol(v.ctx(), v.caller, p, f.Value("token"), f.Value("code")); err != nil {
		if !errors.Is(err, credential.ErrWrong) {
			return err
		}
		f.Field, f.Problem = "code", "is not right: look whether the clock of your device is, and type the code that is shown now"
		return s.showEnrolment(v, http.StatusUnprocessableEntity, f, e)
	}
	codes, err := kept.NewRecoveryCodes(v.ctx(), v.caller, p.ID)
	if err != nil {
		return err
	}
	return s.renderAccount(v, http.StatusOK, form{}, accountPage{Codes: codes})
}

func (s *console) showEnrolment(v *visit, status int, f form, e credential.Enrolment) error {
	picture, err := qrSVG(e.URL)
	if err != nil {
		return err
	}
	return s.renderAccount(v, status, f, accountPage{Enrolment: &e, QR: picture})
}

func (s *console) removeGenerator(v *visit) error {
	p, f, err := s.changing(v)
	if err != nil {
		return err
	}
	return s.settle(v, f, "removed", s.People.Credentials().RemoveGenerator(v.ctx(), v.caller, p.ID))
}

func (s *console) makeRecoveryCodes(v *visit) error {
	p, _, err := s.changing(v)
	if err != nil {
		return err
	}
	codes, err := s.People.Credentials().NewRecoveryCodes(v.ctx(), v.caller, p.ID)
	if err != nil {
		return err
	}
	return s.renderAccount(v, http.StatusOK, form{}, accountPage{Codes: codes})
}

func (s *console) addPasskey(v *visit) error {
	p, f, err := s.changing(v)
	if err != nil {
		return err
	}
	err = s.People.Credentials().AddPasskey(v.ctx(), s.site(v.Request), p, f.Value("name"), f.Value("passkey"))
	return s.settle(v, f, "passkey", err)
}

func (s *console) removePasskey(v *visit) error {
	p, f, err := s.changing(v)
	if err != nil {
		return err
	}
	return s.settle(v, f, "removed", s.People.Credentials().RemovePasskey(v.ctx(), v.caller, p.ID, v.PathValue("id")))
}

func (s *console) endSession(v *visit) error {
	if err := s.Sessions.End(v.ctx(), v.caller.ID, v.PathValue("id")); err != nil {
		return err
	}
	return v.done(accountPath, "ended")
}

func (s *console) endOtherSessions(v *visit) error {
	if err := s.Sessions.EndAll(v.ctx(), v.caller.ID, v.token); err != nil {
		return err
	}
	return v.done(accountPath, "ended")
}

// qrSVG draws a QR code. What it says stands beside it for who cannot scan it.
func qrSVG(text string) (template.HTML, error) {
	picture, err := qr.Encode(text, qr.M)
	if err != nil {
		return "", err
	}
	const quiet = 4 // modules of white around it (ISO/IEC 18004)
	size := itoa(picture.Size + 2*quiet)
	var b strings.Builder
	b.WriteString(`<svg class="qr" viewBox="0 0 ` + size + ` ` + size + `" role="img" aria-label="QR code with the secret of the code generator"><rect width="` + size + `" height="` + size + `" fill="#fff"/><path fill="#000" d="`)
	for y := range picture.Size {
		for x := range picture.Size {
			if picture.Black(x, y) {
				b.WriteString("M" + itoa(x+quiet) + " " + itoa(y+quiet) + "h1v1h-1z")
			}
		}
	}
	b.WriteString(`"/></svg>`)
	return template.HTML(b.String()), nil // made of numbers alone
}
