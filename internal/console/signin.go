package console

import (
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/session"
)

const cookieName = "consentline_session"

// errSignedOut says that nobody is signed in, or no longer.
var errSignedOut = errors.New("not signed in")

// admit finds out who visits and passes the gate.
func (s *console) admit(v *visit, p access.Permission) error {
	cookie, err := v.Cookie(cookieName)
	if err != nil {
		return errSignedOut
	}
	caller, err := s.Sessions.Caller(v.ctx(), cookie.Value)
	if errors.Is(err, session.ErrEnded) {
		return errSignedOut
	}
	if err != nil {
		return err
	}
	v.caller, v.token = caller, cookie.Value
	if p == "" || caller.Can(p) {
		return nil
	}
	return s.Gate.Authorize(v.ctx(), caller, p)
}

// carried is what somebody had typed when their session ended: it comes back after they signed in.
type carried struct {
	To     string
	Fields url.Values
}

const carryPrefix = "carried."

// askToSignIn shows the sign-in page in the place of the one that was asked for.
func (s *console) askToSignIn(v *visit) error {
	c := carried{To: v.URL.RequestURI()}
	if v.Method == http.MethodPost {
		if err := v.ParseForm(); err != nil {
			return err
		}
		c.Fields = v.PostForm
	}
	return s.render(v, http.StatusUnauthorized, "signin", view{Title: "Sign in", Page: c})
}

func (s *console) showSignIn(v *visit) error {
	return s.render(v, http.StatusOK, "signin", view{Title: "Sign in", Page: carried{To: Prefix}})
}

func (s *console) signIn(v *visit) error {
	f, err := v.typed()
	if err != nil {
		return err
	}
	c := carriedBy(f)
	if !s.attempts.allow(v.Request, s.Now()) {
		f.Problem = "Too many attempts from this address. Wait a minute and try again."
		return s.render(v, http.StatusTooManyRequests, "signin", view{Title: "Sign in", Form: f, Page: c})
	}
	token, err := s.Sessions.SignIn(v.ctx(), f.Value("key"))
	if errors.Is(err, access.ErrUnknownKey) {
		f.Field, f.Problem = "key", "This key is unknown, expired or revoked."
		return s.render(v, http.StatusUnprocessableEntity, "signin", view{Title: "Sign in", Form: f, Page: c})
	}
	if err != nil {
		return err
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

// showEnter shows a button: the link is used up by a person, not by what looks links up for them.
func (s *console) showEnter(v *visit) error {
	if err := s.Sessions.Good(v.ctx(), v.PathValue("link")); err != nil {
		return s.badLink(v, err)
	}
	return s.render(v, http.StatusOK, "enter", view{Title: "Welcome"})
}

func (s *console) enter(v *visit) error {
	token, err := s.Sessions.Redeem(v.ctx(), v.PathValue("link"))
	if err != nil {
		return s.badLink(v, err)
	}
	setCookie(v, token)
	return v.done(Prefix, "")
}

func (s *console) badLink(v *visit, err error) error {
	if !errors.Is(err, session.ErrEnded) {
		return err
	}
	return s.render(v, http.StatusGone, "error", view{Title: "This link has ended", Page: "It works once and for a short time. Sign in with an access key instead; whoever runs Consentline can make one with: consentline keys create"})
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

// attempts slows down who tries keys: ten at once from an address, then one in six seconds.
type attempts struct {
	mu sync.Mutex // guards:
	by map[string]*rate.Limiter
}

// manyAddresses is when limiters are forgotten: then somebody has many addresses, and the keys' 160 bits must do.
const manyAddresses = 10_000

func newAttempts() *attempts { return &attempts{by: map[string]*rate.Limiter{}} }

func (a *attempts) allow(r *http.Request, now time.Time) bool {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	l, ok := a.by[host]
	if !ok {
		if len(a.by) >= manyAddresses {
			clear(a.by)
		}
		l = rate.NewLimiter(rate.Every(6*time.Second), 10)
		a.by[host] = l
	}
	return l.AllowN(now, 1)
}
