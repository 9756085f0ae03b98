package httpapi

import (
	"context"
	"net/http"
	"strings"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/consent"
)

type localKey struct{}

// local marks every request as coming from the machine that holds the data.
func local(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), localKey{}, true)))
	})
}

// caller returns who makes a request, or access.ErrUnknownKey.
func (a *API) caller(r *http.Request) (*access.Caller, error) {
	if secret, ok := bearer(r.Header.Get("Authorization")); ok {
		return a.Gate.Authenticate(secret)
	}
	if r.Context().Value(localKey{}) != nil {
		return access.Local, nil
	}
	return nil, access.ErrUnknownKey
}

// bearer returns the credentials of an Authorization header with the Bearer scheme (RFC 6750, section 2.1).
func bearer(header string) (string, bool) {
	const scheme = "Bearer "
	if len(header) <= len(scheme) || !strings.EqualFold(header[:len(scheme)], scheme) {
		return "", false
	}
	return strings.TrimSpace(header[len(scheme):]), true
}

// handler answers a request of a known caller. An error becomes a problem, if nothing was written yet.
type handler func(w http.ResponseWriter, r *http.Request, caller *access.Caller) error

// handle serves a pattern to callers with a permission. Routes whose answer must be fast or streamed use it directly;
// the others are registered with huma, which passes the same gate.
func (a *API) handle(pattern string, permission access.Permission, h handler) {
	a.serve(pattern, func(w http.ResponseWriter, r *http.Request) error {
		caller, err := a.caller(r)
		if err == nil {
			err = a.Gate.MayAsk(r.Context(), caller, permission)
		}
		if err != nil {
			return err
		}
		r.Body = a.held(r.Body, caller)
		a.confirmed(r, permission)
		return h(w, r, caller)
	})
}

// authorize asks the gate about a brand that a caller names. One that is not defined is said to be that, not denied.
func (a *API) authorize(ctx context.Context, caller *access.Caller, p access.Permission, b consent.BrandID) error {
	if b != consent.Any && !caller.For(b) {
		if _, err := a.Catalog.Brand(string(b)); err != nil {
			return unknownWord(act.CodeUnknownBrand, "brand", check.UnknownBrand)
		}
	}
	return a.Gate.Authorize(ctx, caller, p, b)
}

// public serves a pattern to everybody: what it answers holds no personal data.
func (a *API) public(pattern string, h func(http.ResponseWriter, *http.Request) error) {
	a.serve(pattern, h)
}

func (a *API) serve(pattern string, h func(http.ResponseWriter, *http.Request) error) {
	route := a.Metrics.Route(pattern)
	a.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		counted := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		defer func() { route.Answered(counted.status) }()
		if err := h(counted, r); err != nil {
			a.writeProblem(counted, r, err)
		}
	})
}

// statusWriter remembers the status that was sent.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// guard sets what every answer carries, and turns away what no route should have to look at.
func (a *API) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h["X-Content-Type-Options"] = noSniff
		h["Cache-Control"] = noStore
		next.ServeHTTP(w, r)
	})
}

var (
	noSniff = []string{"nosniff"}
	noStore = []string{"no-store"}
)
