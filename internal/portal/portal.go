// Package portal is what people see: their preference centre at a signed link, opt-in forms, and the page on which they
// confirm what was asked in their name.
//
// It decodes, calls one capability and renders; it holds no rule of its own and stores nothing. It needs no script and
// sets no cookie: whoever holds a link may choose for the person, and nothing else. A form records the exact words that
// were shown, with the hash of the page that showed them.
package portal

import (
	"html/template"
	"log/slog"
	"net/http"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/catalog"
	"github.com/consentline/consentline/internal/form"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/optin"
	"github.com/consentline/consentline/internal/preference"
)

// Config is what the pages stand on.
type Config struct {
	Ledger   *ledger.Ledger
	Catalog  *catalog.Catalog
	Recorder *act.Recorder
	Links    *preference.Links
	Forms    *form.Forms
	OptIns   *optin.Requests
	Now      func() time.Time
	Log      *slog.Logger
}

// Prefixes are the paths under which the portal is served; it must be mounted at each of them.
var Prefixes = []string{"/p/", "/o/", ConfirmPath}

// caller is whom entries name as the one who told what people chose here.
var caller = &access.Caller{ID: "portal", Name: "public pages", Role: access.Agent}

type portal struct {
	Config
	mux       *http.ServeMux
	templates map[string]*template.Template
	languages *languages
	senders   *senders
}

// New returns the portal over its capabilities, to be mounted at Prefixes.
func New(c Config) http.Handler {
	p := &portal{Config: c, mux: http.NewServeMux(), templates: parseTemplates(), languages: readLanguages(), senders: newSenders()}
	p.mux.HandleFunc("GET /o/assets/{name}", serveAsset)
	p.handle("GET /p/{token}", p.showChoices)
	p.handle("POST /p/{token}", p.saveChoices)
	p.handle("GET /p/{token}/stop", p.askToStop)
	p.handle("POST /p/{token}/stop", p.stop)
	p.handle("GET /p/{token}/data.json", p.download)
	p.handle("GET /c/{token}", p.askToConfirm)
	p.handle("POST /c/{token}", p.confirm)
	p.mux.HandleFunc("GET /o/embed.js", serveScript)
	p.mux.HandleFunc("GET /o/height.js", serveScript)
	p.handle("GET /o/{form}", p.showForm)
	p.handle("POST /o/{form}", p.sendForm)
	return secure(p.crossOrigin().Handler(p.mux))
}

// crossOrigin refuses forms that other sites send. The one-click stop may come from anywhere: mail programs send it
// (RFC 8058), it carries its own proof, and nobody is harmed by being left alone.
func (p *portal) crossOrigin() *http.CrossOriginProtection {
	protection := http.NewCrossOriginProtection()
	protection.AddInsecureBypassPattern("POST /p/{token}/stop")
	return protection
}
