package console

import (
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/credential"
	"github.com/consentline/consentline/internal/people"
	"github.com/consentline/consentline/internal/session"
)

const cookieName = "consentline_session"

// errSignedOut says that nobody is signed in, or no longer; errStale, that they should prove again who they are.
var (
	errSignedOut = errors.New("not signed in")
	errStale     = errors.New("signed in too long ago")
)

// freshFor is for how long after signing in somebody may change how they sign in.
const freshFor = 30 * time.Minute

// admit finds out who visits and passes the gate.
func (s *console) admit(v *visit, p access.Permission) error {
	cookie, err := v.Cookie(cookieName)
	if err != nil {
		return errSignedOut
	}
	found, err := s.Sessions.Find(v.ctx(), cookie.Value)
	if errors.Is(err, session.ErrEnded) {
		return errSignedOut
	}
	if err != nil {
		return err
	}
	v.caller, v.token, v.began = found.Caller, cookie.Value, found.BeganAt
	if p == "" || v.caller.Can(p) {
		return nil
	}
	return s.Gate.Authorize(v.ctx(), v.caller, p)
}

// fresh reports whether the visitor has proved lately who they are.
func (s *console) fresh(v *visit) bool { return s.Now().Sub(v.began) < freshFor }

// carried is what somebody had typed when their session ended: it comes back after they signed in.
type carried struct {
	To     string
	Fields url.Values
}

const carryPrefix = "carried."

// signInPage is the ways in that are open to a visitor.
type signInPage struct {
	carried
	Why     string
	ByKey   bool            // whether the field for an access key is shown at once
	Passkey json.RawMessage // what a browser is asked for a passkey with; nil: none can be used here
	SignOn  string          // the name of single sign-on; empty: there is none
	Halfway string          // the token of a password that waits for its second factor
}

func (s *console) renderSignIn(v *visit, status int, f form, page signInPage) error {
	var err error
	if site := s.site(v.Request); site.TakesPasskeys() {
		if page.Passkey, err = s.People.Credentials().Ask(site); err != nil {
			return err
		}
	}
	if s.SignOn != nil {
		page.SignOn = s.SignOn.Name()
	}
	page.ByKey = page.ByKey || v.URL.Query().Get("with") == "key" || f.Field == "key"
	v.caller = nil
	return s.render(v, status, "signin", view{Title: "Sign in", Form: f, Page: page, Script: passkeyScript(page.Passkey)})
}

// site is where the visitor's browser sees the console.
func (s *console) site(r *http.Request) credential.Site {
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = r.Host
	}
	return credential.Site{Origin: home(r), Host: host}
}

// askToSignIn shows the sign-in page in the place of the one that was asked for. What was typed is kept, but no password.
func (s *console) askToSignIn(v *visit, why string) error {
	c := carried{To: v.URL.RequestURI()}
	if v.Method == http.MethodPost {
		if err := v.ParseForm(); err != nil {
			return err
		}
		c.Fields = v.PostForm
		for name := range c.Fields {
			if strings.Contains(name, "password") {
				delete(c.Fields, name)
			}
		}
		if len(c.Fields) == 0 { // then there is nothing to send again, and no page at this address
			c.To = Prefix
			if v.caller != nil {
				c.To = accountPath
			}
		}
	}
	return s.renderSignIn(v, http.StatusUnauthorized, form{}, signInPage{carried: c, Why: why})
}

func (s *console) showSignIn(v *visit) error {
	return s.renderSignIn(v, http.StatusOK, form{}, signInPage{carried: carried{To: Prefix}})
}

func (s *console) signIn(v *visit) error {
	f, err := v.typed()
	if err != nil {
		return err
	}
	page := signInPage{carried: carriedBy(f)}
	if !s.attempts.open(v.Request, s.Now()) {
		f.Problem = "Too many failures from this address. Wait a minute and try again."
		return s.renderSignIn(v, http.StatusTooManyRequests, f, page)
	}
	step, err := s.prove(v, f)
	if err != nil {
		return s.notSignedIn(v, f, page, err)
	}
	if step.Halfway != "" {
		page.Halfway = step.Halfway
		return s.render(v, http.StatusOK, "code", view{Title: "Sign in", Page: page})
	}
	return s.signedIn(v, step.Token, page.carried)
}

// prove tries what the visitor proves who they are with: a passkey, an access key, or a password.
func (s *console) prove(v *visit, f form) (people.Step, error) {
	browser := people.Browser(v.UserAgent())
	switch key := f.Value("key"); {
	case f.Value("passkey") != "":
		token, err := s.People.Passkey(v.ctx(), s.site(v.Request), f.Value("passkey"), browser)
		return people.Step{Token: token}, err
	case key != "":
		token, err := s.Sessions.SignIn(v.ctx(), key, browser)
		return people.Step{Token: token}, err
	}
	return s.People.Password(v.ctx(), f.Value("login"), f.Value("password"), browser)
}

// notSignedIn says what was wrong, in the same words whoever the visitor claimed to be.
func (s *console) notSignedIn(v *visit, f form, page signInPage, err error) error {
	var locked *credential.LockedError
	status := http.StatusUnprocessableEntity
	switch {
	case errors.As(err, &locked):
		status = http.StatusTooManyRequests
		f.Field, f.Problem = "login", "has seen too many failures. Try again after "+locked.Until.UTC().Format("15:04 UTC")+", or use a passkey."
	case errors.Is(err, session.ErrEnded):
		f.Problem = "This took too long. Begin again."
	case errors.Is(err, access.ErrUnknownKey):
		f.Field, f.Problem = "key", "This key is unknown, expired or revoked."
	case errors.Is(err, credential.ErrWrong) && f.Value("passkey") != "":
		f.Problem = "This passkey is not known here, or its answer came too late. Try again."
	case errors.Is(err, credential.ErrWrong):
		f.Field, f.Problem = "password", "This login and this password do not belong together."
	default:
		return err
	}
	s.attempts.failed(v.Request, s.Now())
	return s.renderSignIn(v, status, f, page)
}

// secondFactor takes the code that a password waits for.
func (s *console) secondFactor(v *visit) error {
	f, err := v.typed()
	if err != nil {
		return err
	}
	page := signInPage{carried: carriedBy(f), Halfway: f.Value("halfway")}
	if !s.attempts.open(v.Request, s.Now()) {
		f.Problem = "Too many failures from this address. Wait a minute and try again."
		return s.render(v, http.StatusTooManyRequests, "code", view{Title: "Sign in", Form: f, Page: page})
	}
	token, err := s.People.SecondFactor(v.ctx(), page.Halfway, f.Value("code"), people.Browser(v.UserAgent()))
	var locked *credential.LockedError
	switch {
	case errors.Is(err, session.ErrEnded), errors.As(err, &locked):
		return s.notSignedIn(v, f, signInPage{carried: page.carried}, err)
	case errors.Is(err, credential.ErrWrong):
		s.attempts.failed(v.Request, s.Now())
		f.Field, f.Problem = "code", "This code is not right, or was used before. A code generator shows a new one every half minute."
		return s.render(v, http.StatusUnprocessableEntity, "code", view{Title: "Sign in", Form: f, Page: page})
	case err != nil:
		return err
	}
	return s.signedIn(v, token, page.carried)
}

// signedIn gives the browser its session, in the place of one that it had, and leads on.
func (s *console) signedIn(v *visit, token string, c carried) error {
	if before, err := v.Cookie(cookieName); err == nil {
		if err := s.Sessions.SignOut(v.ctx(), before.Value); err != nil {
			return err
		}
	}
	setCookie(v, token)
	if len(c.Fields) == 0 {
		return v.done(c.To, "")
	}
	return s.render(v, http.StatusOK, "resume", view{Title: "Signed in", Page: c})
}

// carriedBy reads what a sign-in form carries. It leads to a page of the console and nowhere else.
func carriedBy(f form) carried {
	c := carried{To: f.Value("to"), Fields: url.Values{}}
	if !strings.HasPrefix(c.To, Prefix) || strings.ContainsAny(c.To, "\\\r\n") {
		c.To = Prefix
	}
	for name, values := range f.Values {
		if name, ok := strings.CutPrefix(name, carryPrefix); ok {
			c.Fields[name] = values
		}
	}
	return c
}

// enterPage greets whom a link lets in.
type enterPage struct {
	Name  string
	First bool // the link makes the first person
}

// showEnter shows a button: the link is used up by a person, not by what looks links up for them.
func (s *console) showEnter(v *visit) error { return s.renderEnter(v, http.StatusOK, form{}) }

func (s *console) renderEnter(v *visit, status int, f form) error {
	who, err := s.People.LinkFor(v.ctx(), v.PathValue("link"))
	if err != nil {
		return s.badLink(v, err)
	}
	page := enterPage{First: who == nil}
	if who != nil {
		page.Name = who.Name
	}
	return s.render(v, status, "enter", view{Title: "Welcome", Form: f, Page: page})
}

// enter uses a link up. Who has no other way to sign in is led to where they choose one.
func (s *console) enter(v *visit) error {
	who, err := s.People.LinkFor(v.ctx(), v.PathValue("link"))
	if err != nil {
		return s.badLink(v, err)
	}
	if who == nil {
		return s.found(v)
	}
	token, err := s.People.Enter(v.ctx(), v.PathValue("link"), people.Browser(v.UserAgent()))
	if err != nil {
		return s.badLink(v, err)
	}
	to := Prefix
	if id, ok := access.PersonID(who.ID); ok {
		held, err := s.People.Credentials().Held(v.ctx(), id)
		if err != nil {
			return err
		}
		if !held.Any() {
			to = accountPath
		}
	}
	return s.signedIn(v, token, carried{To: to})
}

// found lets the first person in.
func (s *console) found(v *visit) error {
	f, err := v.typed()
	if err != nil {
		return err
	}
	who := access.Person{Login: f.Value("login"), Name: f.Value("name")}
	token, err := s.People.Found(v.ctx(), v.PathValue("link"), who, f.Value("password"), people.Browser(v.UserAgent()))
	if errors.Is(err, session.ErrEnded) {
		return s.badLink(v, err)
	}
	if err != nil {
		if err := f.wrong(err); err != nil {
			return err
		}
		return s.renderEnter(v, http.StatusUnprocessableEntity, f)
	}
	return s.signedIn(v, token, carried{To: Prefix})
}

func (s *console) badLink(v *visit, err error) error {
	if !errors.Is(err, session.ErrEnded) {
		return err
	}
	return s.render(v, http.StatusGone, "error", view{Title: "This link has ended", Page: "It works once and for a short time. Sign in as usual, or ask an admin for a new link; whoever runs Consentline can make one with: consentline people link"})
}

func (s *console) signOut(v *visit) error {
	if err := s.Sessions.SignOut(v.ctx(), v.token); err != nil {
		return err
	}
	http.SetCookie(v.w, &http.Cookie{Name: cookieName, Path: Prefix, MaxAge: -1, HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: secured(v.Request)})
	return v.done("/console/sign-in", "")
}

func setCookie(v *visit, token string) {
	http.SetCookie(v.w, &http.Cookie{
		Name: cookieName, Value: token, Path: Prefix, MaxAge: int(session.Lasts / time.Second),
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: secured(v.Request),
	})
}

// secured reports whether the visitor's browser speaks TLS, to us or to a proxy in front of us. Who lies about it in a
// header of their own only keeps their own browser from sending the cookie.
func secured(r *http.Request) bool {
	return r.TLS != nil || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https")
}

// passkeyScript is the script of a page on which a browser is asked for a passkey; empty where it is not.
func passkeyScript(asked json.RawMessage) string {
	if asked == nil {
		return ""
	}
	return "passkey.js"
}
