// Package portal is what people see: their preference centre, at a signed link or after a code by SMS, opt-in forms, and
// the page on which they confirm what was asked in their name.
//
// It decodes, calls one capability and renders; it holds no rule of its own and stores nothing. It needs no script and
// sets no cookie: whoever holds a link may choose for the person, and nothing else. A form records the exact words that
// were shown, with the hash of the page that showed them. What is answered to strangers is the same for every number.
package portal

import (
	"html/template"
	"log/slog"
	"net/http"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/attempt"
	"github.com/consentline/consentline/internal/catalog"
	"github.com/consentline/consentline/internal/form"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/optin"
	"github.com/consentline/consentline/internal/preference"
	"github.com/consentline/consentline/internal/report"
)

// Config is what the pages stand on.
type Config struct {
	Ledger   *ledger.Ledger
	Catalog  *catalog.Catalog
	Recorder *act.Recorder
	Links    *preference.Links
	Codes    *preference.Codes
	Erasures *preference.Erasures
	Forms    *form.Forms
	OptIns   *optin.Requests
	Attempts *attempt.Attempts
	Reports  *report.Reports
	Now      func() time.Time
	Log      *slog.Logger
}

// Prefixes are the paths under which the portal is served; it must be mounted at each of them.
var Prefixes = []string{"/p/", "/o/", "/b/", ConfirmPath}

// caller is whom entries name as the one who told what people chose here.
var caller = &access.Caller{ID: "portal", Name: "public pages", Role: access.Agent}

type portal struct {
	Config
	mux       *http.ServeMux
	templates map[string]*template.Template
	languages *languages
	senders   *senders
	handles   *preference.Handles
}

// New returns the portal over its capabilities, to be mounted at Prefixes.
func New(c Config) http.Handler {
	p := &portal{
		Config: c, mux: http.NewServeMux(), templates: parseTemplates(), languages: readLanguages(), senders: newSenders(),
		handles: preference.NewHandles(c.Ledger, "form", c.Now),
	}
	p.routes()
	return secure(p.crossOrigin().Handler(p.mux))
}

// routes lists every page: a person's own choices under /p, the way in by a code under /b, forms under /o.
func (p *portal) routes() {
	p.handle("GET /p/{token}", p.showChoices)
	p.handle("POST /p/{token}", p.saveChoices)
	p.handle("GET /p/{token}/stop", p.askToStop)
	p.handle("POST /p/{token}/stop", p.stop)
	p.handle("GET /p/{token}/data.json", p.download)
	p.handle("POST /p/{token}/erase", p.askErasure)

	p.handle("GET /c/{token}", p.askToConfirm)
	p.handle("POST /c/{token}", p.confirm)

	p.handle("GET /b/{brand}", p.showEntrance)
	p.handle("POST /b/{brand}", p.sendCode)
	p.handle("POST /b/{brand}/code", p.enterCode)

	p.handle("GET /o/{form}", p.showForm)
	p.handle("POST /o/{form}", p.sendForm)
	p.handle("POST /o/{form}/confirm", p.confirmForm)

	p.mux.HandleFunc("GET /o/embed.js", serveScript)
	p.mux.HandleFunc("GET /o/height.js", serveScript)
	p.mux.HandleFunc("GET /o/assets/{name}", serveAsset)
	p.mux.HandleFunc("GET /o/brand/{sheet}", p.serveSheet)
	p.handle("GET /o/images/{hash}", p.serveImage)
}

// crossOrigin refuses forms that other sites send. The one-click stop may come from anywhere: mail programs send it
// (RFC 8058), it carries its own proof, and nobody is harmed by being left alone.
func (p *portal) crossOrigin() *http.CrossOriginProtection {
	protection := http.NewCrossOriginProtection()
	protection.AddInsecureBypassPattern("POST /p/{token}/stop")
	return protection
}
