package console

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/consentline/consentline/internal/people"
	"github.com/consentline/consentline/internal/signon"
)

// awayCookie is the browser's proof that it is the one that was sent away.
const awayCookie = "consentline_sign_on"

const signInPath = "/console/sign-in"

// sendAway sends a browser to single sign-on. It goes on by a header, not by a redirect: a form of ours may lead nowhere
// else, and what was typed comes as a form.
func (s *console) sendAway(v *visit) error {
	if s.SignOn == nil {
		return errNoPage
	}
	f, err := v.typed()
	if err != nil {
		return err
	}
	page := signInPage{carried: carriedBy(f)}
	if len(page.Fields) > 0 { // it is kept for whoever asks, so nobody may ask for much
		if !s.attempts.open(v.Request, s.Now()) {
			f.Problem = "Too many attempts from this address. Wait a minute and try again."
			return s.renderSignIn(v, http.StatusTooManyRequests, f, page)
		}
		s.attempts.failed(v.Request, s.Now())
	}
	carrying, err := json.Marshal(page.carried)
	if err != nil {
		return err
	}
	address, token, err := s.SignOn.Send(v.ctx(), carrying)
	if err != nil {
		f.Problem = s.SignOn.Name() + " does not answer. Try again in a moment, or sign in in another way."
		if errors.Is(err, signon.ErrTooMuch) {
			f.Problem = "What you typed is too long to be kept meanwhile. Copy it, or sign in in another way."
		} else {
			s.Log.ErrorContext(v.ctx(), "single sign-on cannot be begun", "error", err)
		}
		return s.renderSignIn(v, http.StatusServiceUnavailable, f, page)
	}
	http.SetCookie(v.w, s.away(v, token, int(signon.AwayFor.Seconds())))
	v.w.Header().Set("Refresh", "0; url="+address)
	return s.render(v, http.StatusOK, "away", view{Title: "Sign in", Page: map[string]string{"Name": s.SignOn.Name(), "Address": address}})
}

func (s *console) away(v *visit, token string, seconds int) *http.Cookie {
	return &http.Cookie{
		Name: awayCookie, Value: token, Path: signInPath, MaxAge: seconds, HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: secured(v.Request),
	}
}

// comeBack takes a browser that comes from single sign-on.
func (s *console) comeBack(v *visit) error {
	if s.SignOn == nil {
		return errNoPage
	}
	token := ""
	if c, err := v.Cookie(awayCookie); err == nil {
		token = c.Value
	}
	http.SetCookie(v.w, s.away(v, "", -1))
	who, carrying, err := s.SignOn.Receive(v.ctx(), token, v.URL.Query())
	if err != nil {
		return s.notComeBack(v, err)
	}
	session, err := s.People.Recognised(v.ctx(), who, people.Browser(v.UserAgent()))
	if err != nil {
		return s.notComeBack(v, err)
	}
	var c carried
	if err := json.Unmarshal(carrying, &c); err != nil {
		return err
	}
	return s.signedIn(v, session, c)
}

// notComeBack says why single sign-on let nobody in. What exactly was wrong with an answer is for our log.
func (s *console) notComeBack(v *visit, err error) error {
	var refused *signon.RefusedError
	var noRole *signon.NoRoleError
	title, text := "Not signed in", ""
	switch {
	case errors.Is(err, signon.ErrEnded):
		text = "This sign-in took too long, or was begun in another browser. Begin again."
	case errors.As(err, &noRole):
		if err := s.People.NotRecognised(v.ctx(), noRole.Identity); err != nil {
			return err
		}
		text = s.SignOn.Name() + " knows you, but none of your groups has a role here. Ask whoever runs Consentline for one."
	case errors.Is(err, people.ErrDisabled):
		text = "Your account here is disabled. Ask an admin."
	case errors.As(err, &refused):
		s.Log.WarnContext(v.ctx(), "single sign-on let somebody not in", "error", err)
		text = s.SignOn.Name() + " did not let you in, or its answer does not hold. Begin again; if it lasts, tell whoever runs Consentline."
	default:
		return err
	}
	v.caller = nil
	return s.render(v, http.StatusForbidden, "error", view{Title: title, Page: text})
}
