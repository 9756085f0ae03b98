package portal

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"net"
	"net/http"
	"net/url"
	"path"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/consentline/consentline/internal/catalog"
	"github.com/consentline/consentline/internal/form"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/optin"
	"github.com/consentline/consentline/internal/preference"
)

//go:embed templates/*.html
var templateFiles embed.FS

//go:embed assets/*
var assetFiles embed.FS

// maxBody bounds what a form may send.
const maxBody = 64 << 10

// secure sets what every answer carries. The address of a page is a secret, so it is told to nobody.
func secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy("'none'"))
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Robots-Tag", "noindex")
		h.Set("Cache-Control", "no-store")
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		next.ServeHTTP(w, r)
	})
}

func policy(ancestors string) string {
	return "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors " + ancestors
}

func serveAsset(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "public, max-age=3600")
	http.ServeFileFS(w, r, assetFiles, path.Join("assets", r.PathValue("name")))
}

// serveScript serves a script that pages of other sites load.
func serveScript(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cross-Origin-Resource-Policy", "cross-origin")
	w.Header().Set("Cache-Control", "public, max-age=3600")
	http.ServeFileFS(w, r, assetFiles, path.Join("assets", path.Base(r.URL.Path)))
}

func parseTemplates() map[string]*template.Template {
	out := map[string]*template.Template{}
	for _, name := range []string{"choices", "stop", "form", "message", "confirm", "entrance", "code"} {
		out[name] = template.Must(template.ParseFS(templateFiles, "templates/layout.html", "templates/"+name+".html"))
	}
	return out
}

// visit is one request, in the visitor's language.
type visit struct {
	*http.Request
	w http.ResponseWriter
	say
}

// view is what the layout shows around a page's own content.
type view struct {
	say
	Brand   catalog.Brand // whose page it is; the zero brand for none
	Title   string
	Problem string
	Notice  string
	Page    any
}

func (p *portal) handle(pattern string, h func(v *visit) error) {
	p.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		v := &visit{Request: r, w: w, say: p.languages.of(r)}
		if err := h(v); err != nil {
			p.fail(v, err)
		}
	})
}

var errTooMany = errors.New("too many forms from one address")

// fail answers with an error's page, in words for the public.
func (p *portal) fail(v *visit, err error) {
	status, title, text := http.StatusInternalServerError, "error.title", "error"
	var tooLarge *http.MaxBytesError
	var garbled url.EscapeError
	switch {
	case errors.Is(err, preference.ErrExpired):
		status, title, text = http.StatusGone, "link.ended.title", "link.ended"
	case errors.Is(err, preference.ErrForged), errors.Is(err, ledger.ErrNotFound):
		status, title, text = http.StatusNotFound, "link.bad.title", "link.bad"
	case errors.Is(err, form.ErrNotFound):
		status, title, text = http.StatusNotFound, "form.gone.title", "form.gone"
	case errors.Is(err, optin.ErrNotFound):
		status, title, text = http.StatusGone, "confirm.gone.title", "confirm.gone"
	case errors.Is(err, errTooMany), errors.Is(err, preference.ErrTooMany):
		status, title, text = http.StatusTooManyRequests, "error.title", "error.many"
	case errors.As(err, &tooLarge):
		status, title, text = http.StatusRequestEntityTooLarge, "error.title", "error"
	case errors.As(err, &garbled):
		status = http.StatusBadRequest
	case v.Context().Err() != nil:
		return // the visitor has left
	default:
		p.Log.ErrorContext(v.Context(), "public page failed", "route", v.Pattern, "error", err)
	}
	if err := p.render(v, status, "message", view{Title: v.Say(title), Page: v.Say(text)}); err != nil {
		http.Error(v.w, v.Say(text), status)
	}
}

func (p *portal) render(v *visit, status int, name string, out view) error {
	body, err := p.html(v, name, out)
	if err != nil {
		return err
	}
	return v.send(status, body)
}

func (p *portal) html(v *visit, name string, out view) ([]byte, error) {
	out.say = v.say
	var body bytes.Buffer
	if err := p.templates[name].ExecuteTemplate(&body, "layout.html", out); err != nil {
		return nil, fmt.Errorf("render %s: %w", name, err)
	}
	return body.Bytes(), nil
}

// send sends a page. A visitor who has left needs no error.
func (v *visit) send(status int, body []byte) error {
	v.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	v.w.Header().Set("Content-Language", v.Tag)
	v.w.Header().Add("Vary", "Accept-Language")
	v.w.WriteHeader(status)
	_, _ = v.w.Write(body)
	return nil
}

// senders slows down who sends forms: ten at once from an address, then one in six seconds.
type senders struct {
	mu sync.Mutex // guards:
	by map[string]*rate.Limiter
}

// manyAddresses is when limiters are forgotten, so that they take no memory without end.
const manyAddresses = 10_000

func newSenders() *senders { return &senders{by: map[string]*rate.Limiter{}} }

func (s *senders) allow(address string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, ok := s.by[address]
	if !ok {
		if len(s.by) >= manyAddresses {
			clear(s.by)
		}
		l = rate.NewLimiter(rate.Every(6*time.Second), 10)
		s.by[address] = l
	}
	return l.AllowN(now, 1)
}

// address is where a request came from, as this server sees it.
func address(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return strings.TrimSpace(host)
}
