// Package console is what staff see: pages by which they look a number up, record and withdraw, read wordings, keep
// lists and definitions, decide conflicts, and audit.
//
// It decodes, calls one capability and renders; it holds no rule of its own and stores nothing. The pages need no
// script and load nothing from anywhere else. Every page passes the one gate of package access, and no number stands in
// a URL: people who are known go by their subject id, others by a sealed handle.
package console

import (
	"html/template"
	"log/slog"
	"net/http"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/catalog"
	"github.com/consentline/consentline/internal/check"
	forms "github.com/consentline/consentline/internal/form"
	"github.com/consentline/consentline/internal/inbound"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/optin"
	"github.com/consentline/consentline/internal/people"
	"github.com/consentline/consentline/internal/preference"
	"github.com/consentline/consentline/internal/report"
	"github.com/consentline/consentline/internal/rulebook"
	"github.com/consentline/consentline/internal/session"
	"github.com/consentline/consentline/internal/signon"
	"github.com/consentline/consentline/internal/suppression"
	"github.com/consentline/consentline/internal/sync"
	"github.com/consentline/consentline/internal/transparency"
)

// Config is what the console stands on. Citations may be nil: then no rules are cited.
type Config struct {
	Ledger   *ledger.Ledger
	Index    *check.Index
	Catalog  *catalog.Catalog
	Lists    *suppression.Lists
	Gate     *access.Gate
	Recorder *act.Recorder
	Tree     *transparency.Tree
	Signer   *transparency.Signer
	Sessions *session.Sessions
	People   *people.People
	SignOn   *signon.Provider // nil: no single sign-on
	Reports  *report.Reports
	Links    *preference.Links
	Forms    *forms.Forms
	Inbox    *inbound.Inbox
	OptIns   *optin.Requests
	Erasures *preference.Erasures
	Sync     *sync.Engine
	Now      func() time.Time
	Log      *slog.Logger

	Citations check.Citations
	Rules     *rulebook.Book // nil: consent alone decides, and wordings are held against no rules
}

// Prefix is the path under which the console is served; it must be mounted there.
const Prefix = "/console/"

type console struct {
	Config
	mux       *http.ServeMux
	templates map[string]*template.Template
	attempts  *attempts
	audits    audits
	handles   *preference.Handles
}

// New returns the console over its capabilities, to be mounted at Prefix.
func New(c Config) http.Handler {
	s := &console{Config: c, mux: http.NewServeMux(), templates: parseTemplates(), attempts: newAttempts(), handles: preference.NewHandles(c.Ledger, "console", c.Now)}
	s.routes()
	return secure(http.NewCrossOriginProtection().Handler(s.mux))
}

// routes lists every page. Patterns without a permission are for those who are not signed in.
func (s *console) routes() {
	s.mux.HandleFunc("GET /console/assets/{name}", serveAsset)
	s.open("GET /console/sign-in", s.showSignIn)
	s.open("POST /console/sign-in", s.signIn)
	s.open("GET /console/enter/{link}", s.showEnter)
	s.open("POST /console/enter/{link}", s.enter)
	s.open("POST /console/sign-in/code", s.secondFactor)
	s.open("POST /console/sign-in/away", s.sendAway)
	s.open("GET "+signon.ReturnPath, s.comeBack)
	s.page("POST /console/sign-out", "", s.signOut)

	s.page("GET /console/account", "", s.account)
	s.page("GET /console/account/again", "", s.signInAgain)
	s.page("POST /console/account/password", "", s.changePassword)
	s.page("POST /console/account/generator", "", s.enrolGenerator)
	s.page("POST /console/account/generator/remove", "", s.removeGenerator)
	s.page("POST /console/account/codes", "", s.makeRecoveryCodes)
	s.page("POST /console/account/passkeys", "", s.addPasskey)
	s.page("POST /console/account/passkeys/{id}/remove", "", s.removePasskey)
	s.page("POST /console/account/sessions/{id}/end", "", s.endSession)
	s.page("POST /console/account/sessions/end", "", s.endOtherSessions)

	s.page("GET /console/staff", access.ManagePeople, s.staff)
	s.page("POST /console/staff", access.ManagePeople, s.invite)
	s.page("GET /console/staff/{id}", access.ManagePeople, s.member)
	s.page("POST /console/staff/{id}", access.ManagePeople, s.changeMember)

	s.page("GET /console/{$}", access.LookUp, s.overview)
	s.page("GET /console/number", access.LookUp, s.showSearch)
	s.page("POST /console/number", access.LookUp, s.search)
	s.page("GET /console/people/{who}", access.LookUp, s.showPerson)
	s.page("GET /console/people/{who}/record", access.RecordConsent, s.showRecord)
	s.page("POST /console/people/{who}/record", access.RecordConsent, s.record)
	s.page("POST /console/people/{who}/reason", access.LookUp, s.explain)
	s.page("POST /console/people/{who}/link", access.RecordConsent, s.preferenceLink)

	s.page("GET /console/conflicts", access.ReadHistory, s.conflicts)
	s.page("POST /console/conflicts", access.RecordConsent, s.decideConflict)
	s.page("POST /console/reviews", access.RecordConsent, s.decideReview)
	s.page("GET /console/requests", access.ReadHistory, s.requests)
	s.page("POST /console/requests/erasure", access.RecordConsent, s.settleErasure)

	s.page("GET /console/wordings", access.ReadCatalog, s.wordings)
	s.page("POST /console/wordings", access.ChangeWording, s.createWording)
	s.page("GET /console/wordings/{id}", access.ReadCatalog, s.wording)
	s.page("POST /console/wordings/{id}", access.ChangeWording, s.addVersion)

	s.page("GET /console/forms", access.ReadCatalog, s.forms)
	s.page("POST /console/forms", access.ChangeWording, s.createForm)
	s.page("POST /console/forms/{id}", access.ChangeWording, s.changeForm)
	s.page("GET /console/shown/{hash}", access.ReadHistory, s.shownPage)

	s.page("GET /console/lists", access.ReadCatalog, s.lists)
	s.page("POST /console/lists", access.ChangeLists, s.createList)
	s.page("GET /console/lists/{id}", access.ReadCatalog, s.list)
	s.page("POST /console/lists/{id}", access.ChangeLists, s.editList)

	s.page("GET /console/rules", access.ReadCatalog, s.rules)
	s.page("GET /console/rules/{pack}", access.ReadCatalog, s.rulePack)
	s.page("POST /console/rules/change/{kind}", access.ChangeRules, s.changeRule)

	s.page("GET /console/definitions", access.ReadCatalog, s.definitions)
	s.page("POST /console/brands", access.ChangeCatalog, s.putBrand)
	s.page("GET /console/brands/{id}", access.ReadCatalog, s.brand)
	s.page("POST /console/brands/{id}", access.ChangeCatalog, s.changeBrand)
	s.page("POST /console/brands/{id}/logo", access.ChangeCatalog, s.changeLogo)
	s.page("POST /console/purposes", access.ChangeCatalog, s.putPurpose)
	s.page("POST /console/senders", access.ChangeCatalog, s.putSender)

	s.page("GET /console/keys", access.ManageKeys, s.keys)
	s.page("POST /console/keys", access.ManageKeys, s.createKey)
	s.page("POST /console/keys/{id}/revoke", access.ManageKeys, s.revokeKey)

	s.page("GET /console/audit", access.ReadEntries, s.audit)
	s.page("POST /console/audit/verify", access.ReadEntries, s.startVerification)
	s.mux.HandleFunc("GET /console/", s.notFound)
}
