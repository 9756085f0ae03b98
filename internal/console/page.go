package console

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/catalog"
	"github.com/consentline/consentline/internal/credential"
	forms "github.com/consentline/consentline/internal/form"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/rulebook"
	"github.com/consentline/consentline/internal/suppression"
)

//go:embed templates/*.html
var templateFiles embed.FS

//go:embed assets/*
var assetFiles embed.FS

// secure sets what every answer carries. Nothing may be loaded but our own styles, and nobody may frame a page.
func secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", pagePolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		next.ServeHTTP(w, r)
	})
}

// pagePolicy is what pages may load. Those that name a script of ours may run it besides.
const (
	pagePolicy   = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
	scriptPolicy = pagePolicy + "; script-src 'self'"
)

// maxForm bounds what a form may send: a list pasted into a field has a few thousand numbers.
const maxForm = 1 << 20

func serveAsset(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "public, max-age=3600")
	http.ServeFileFS(w, r, assetFiles, path.Join("assets", r.PathValue("name")))
}

func parseTemplates() map[string]*template.Template {
	base := template.Must(template.New("layout.html").Funcs(functions).ParseFS(templateFiles, "templates/layout.html", "templates/parts.html"))
	files, err := templateFiles.ReadDir("templates")
	if err != nil {
		panic(err) // embedded
	}
	out := map[string]*template.Template{}
	for _, f := range files {
		name := strings.TrimSuffix(f.Name(), ".html")
		if name == "layout" || name == "parts" {
			continue
		}
		out[name] = template.Must(template.Must(base.Clone()).ParseFS(templateFiles, "templates/"+f.Name()))
	}
	return out
}

// visit is one request of somebody who is signed in.
type visit struct {
	*http.Request
	w      http.ResponseWriter
	caller *access.Caller
	token  string
	began  time.Time // when the visitor proved who they are
}

func (v *visit) ctx() context.Context { return v.Context() }

type handler func(v *visit) error

// page serves a pattern to those who are signed in and have a permission; the empty permission asks for none.
func (s *console) page(pattern string, p access.Permission, h handler) {
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		v := &visit{Request: r, w: w}
		err := s.admit(v, p)
		if err == nil {
			err = h(v)
		}
		if err != nil {
			s.fail(v, err)
		}
	})
}

// open serves a pattern to everybody.
func (s *console) open(pattern string, h handler) {
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		v := &visit{Request: r, w: w}
		if err := h(v); err != nil {
			s.fail(v, err)
		}
	})
}

func (s *console) notFound(w http.ResponseWriter, r *http.Request) {
	v := &visit{Request: r, w: w}
	if err := s.admit(v, ""); err != nil {
		s.fail(v, err)
		return
	}
	s.fail(v, errNoPage)
}

// view is what the layout shows around a page's own content.
type view struct {
	Title   string
	Section string // the path of the navigation's entry
	Caller  *access.Caller
	Nav     []navItem
	Notice  string
	Form    form
	Page    any
	Script  string // the script of ours that the page runs; empty: none
}

type navItem struct {
	Path, Text string
	needs      access.Permission
}

var navigation = []navItem{
	{"/console/", "Overview", access.LookUp},
	{"/console/number", "Number", access.LookUp},
	{"/console/conflicts", "Conflicts and replies", access.ReadHistory},
	{"/console/requests", "Requests", access.ReadHistory},
	{"/console/wordings", "Wording", access.ReadCatalog},
	{"/console/forms", "Forms", access.ReadCatalog},
	{"/console/lists", "Lists", access.ReadCatalog},
	{"/console/rules", "Rules", access.ReadCatalog},
	{"/console/definitions", "Brands, purposes, senders", access.ReadCatalog},
	{"/console/staff", "Staff and roles", access.ManagePeople},
	{"/console/keys", "Keys", access.ManageKeys},
	{"/console/audit", "Audit", access.ReadEntries},
}

// notices are what a page says after something was done, by the code in its address.
var notices = map[string]string{
	"recorded":   "Recorded. Every check is answered from after it.",
	"duplicate":  "This had been recorded before; nothing was added.",
	"conflict":   "Recorded, but it did not take effect: the person said no before. It waits for review under Conflicts.",
	"superseded": "Recorded, but it is older than what stands, which stays.",
	"saved":      "Saved.",
	"unchanged":  "Nothing changed: it was so already.",
	"accepted":   "Accepted as the person's own act.",
	"dismissed":  "Dismissed. The record stays a no.",
	"decided":    "Decided. What follows from it is recorded.",
	"settled":    "Settled, and recorded as an entry.",
	"revoked":    "The key is revoked.",
	"enabled":    "Enabled. They sign in as before, or with a new link.",
	"disabled":   "Disabled. All their sessions and links have ended.",
	"ended":      "Signed out.",
	"password":   "Your password is set. You are signed out everywhere else.",
	"removed":    "Removed.",
	"passkey":    "The passkey is added. You can sign in with it alone.",
}

// render sends a page. It is rendered in full first, so that an error does not leave half a page behind.
func (s *console) render(v *visit, status int, name string, out view) error {
	out.Caller = v.caller
	if v.caller != nil {
		for _, item := range navigation {
			if v.caller.Can(item.needs) {
				out.Nav = append(out.Nav, item)
			}
		}
		if out.Notice == "" {
			out.Notice = notices[v.URL.Query().Get("done")]
		}
	}
	var body bytes.Buffer
	if err := s.templates[name].Execute(&body, out); err != nil {
		return fmt.Errorf("render %s: %w", name, err)
	}
	v.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if out.Script != "" {
		v.w.Header().Set("Content-Security-Policy", scriptPolicy)
	}
	v.w.WriteHeader(status)
	if _, err := body.WriteTo(v.w); err != nil {
		s.Log.DebugContext(v.ctx(), "the visitor left before the page was sent", "error", err)
	}
	return nil
}

// done answers a form that had its effect: going back or reloading does not send it again.
func (v *visit) done(to, code string) error {
	if code != "" {
		to += "?done=" + code
	}
	http.Redirect(v.w, v.Request, to, http.StatusSeeOther)
	return nil
}

var errNoPage = errors.New("there is no such page")

// fail answers with an error's page. What is not known is ours to look at, not the visitor's to read.
func (s *console) fail(v *visit, err error) {
	status, text := http.StatusInternalServerError, "Something went wrong on our side. Nothing of what you sent was recorded, as far as this server can tell. Try again; if it lasts, tell whoever runs Consentline."
	var denied *access.DeniedError
	var tooLarge *http.MaxBytesError
	switch {
	case errors.Is(err, errSignedOut):
		if err := s.askToSignIn(v, ""); err == nil {
			return
		}
	case errors.Is(err, errStale):
		if err := s.askToSignIn(v, "Sign in again to change how you sign in."); err == nil {
			return
		}
	case errors.As(err, &denied):
		status, text = http.StatusForbidden, denied.Error()+"."
	case errors.Is(err, errNoPage), errors.Is(err, ledger.ErrNotFound), errors.Is(err, catalog.ErrNotFound),
		errors.Is(err, suppression.ErrNotFound), errors.Is(err, access.ErrNotFound),
		errors.Is(err, forms.ErrNotFound):
		status, text = http.StatusNotFound, "There is nothing here: it never was, you may not see it, or its link has ended."
	case errors.Is(err, access.ErrLastAdmin):
		status, text = http.StatusConflict, "Somebody must stay who can make keys and let people in: "+err.Error()+"."
	case errors.Is(err, ledger.ErrChanged):
		status, text = http.StatusConflict, "Somebody else changed this at the same moment. Look at what they made of it, and try again."
	case errors.Is(err, access.ErrUnproven):
		status, text = http.StatusServiceUnavailable, "This server has lost touch with the database, and cannot prove that you may still be here. Try again in a moment."
	case errors.As(err, &tooLarge):
		status, text = http.StatusRequestEntityTooLarge, "The form is too large. Send long lists through the interface or the command line."
	default:
		s.Log.ErrorContext(v.ctx(), "console page failed", "route", v.Pattern, "error", err)
	}
	if err := s.render(v, status, "error", view{Title: http.StatusText(status), Page: text}); err != nil {
		http.Error(v.w, text, status)
	}
}

// form is what somebody typed, and what is wrong with it.
type form struct {
	Values  url.Values
	Field   string
	Problem string
}

// Value returns what was typed into a field.
func (f form) Value(name string) string { return f.Values.Get(name) }

// Bad reports whether a field is the one to correct.
func (f form) Bad(name string) bool { return f.Problem != "" && f.Field == name }

// typed reads the posted form.
func (v *visit) typed() (form, error) {
	if err := v.ParseForm(); err != nil {
		return form{}, err
	}
	return form{Values: v.PostForm}, nil
}

// wrong puts an error that the visitor can correct into the form; any other error is returned.
func (f *form) wrong(err error) error {
	var a *act.InvalidError
	var c *catalog.InvalidError
	var l *suppression.InvalidError
	var k *access.InvalidError
	var p *credential.InvalidError
	var r *rulebook.InvalidError
	switch {
	case errors.As(err, &r):
		f.Field, f.Problem = r.Field, r.Reason
	case errors.As(err, &a) && a.Code == act.CodeKeyReused:
		// Somebody went back and changed what they had sent: what they send next is another act.
		f.Values.Set("once", newOnce())
		f.Problem = "What this form said before is recorded already. If this happened as well, send it again."
	case errors.As(err, &a):
		f.Field, f.Problem = a.Field, a.Reason
	case errors.As(err, &c):
		f.Field, f.Problem = c.Field, c.Reason
	case errors.As(err, &l):
		f.Field, f.Problem = l.Field, l.Reason
	case errors.As(err, &k):
		f.Field, f.Problem = k.Field, k.Reason
	case errors.As(err, &p):
		f.Field, f.Problem = p.Field, p.Reason
	case errors.Is(err, access.ErrExists):
		f.Field, f.Problem = "login", "is somebody's already: choose another, or change that person"
	case errors.Is(err, catalog.ErrExists), errors.Is(err, suppression.ErrExists), errors.Is(err, forms.ErrExists):
		f.Field, f.Problem = "id", "is taken already: choose another"
	default:
		return err
	}
	return nil
}

// invalid returns a form's own complaint.
func invalid(field, reason string) error {
	return &act.InvalidError{Code: act.CodeInvalidField, Field: field, Reason: reason}
}

// formTime is how date-and-time fields of forms write a moment; it is read as UTC.
const formTime = "2006-01-02T15:04"

// at reads a moment from a field; an empty field is the zero time.
func (f form) at(name string) (time.Time, error) {
	text := f.Value(name)
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{formTime, formTime + ":05", time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, text); err == nil && !t.IsZero() {
			return t.UTC(), nil
		}
	}
	return time.Time{}, invalid(name, "want a date and time, such as 2026-03-01T14:03 (UTC)")
}
