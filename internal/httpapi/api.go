// Package httpapi is the REST interface under /v1: it decodes, calls one capability, and encodes.
//
// It holds no rule of its own and stores nothing. Every route names the permission that it needs, and every call
// passes the one gate of package access; every error becomes an RFC 9457 problem by the one table in problem.go. The
// OpenAPI document is emitted from the types of the routes.
package httpapi

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/attempt"
	"github.com/consentline/consentline/internal/catalog"
	"github.com/consentline/consentline/internal/changefeed"
	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/form"
	"github.com/consentline/consentline/internal/freshness"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/people"
	"github.com/consentline/consentline/internal/rulebook"
	"github.com/consentline/consentline/internal/suppression"
	"github.com/consentline/consentline/internal/telemetry"
	"github.com/consentline/consentline/internal/transparency"
)

// Config is what the interface stands on.
type Config struct {
	Ledger   *ledger.Ledger
	Index    *check.Index
	Catalog  *catalog.Catalog
	Lists    *suppression.Lists
	Gate     *access.Gate
	People   *people.People
	Recorder *act.Recorder
	Tree     *transparency.Tree
	Signer   *transparency.Signer
	Forms    *form.Forms // keeps the images of brands
	Feed     *changefeed.Feed
	Now      func() time.Time
	Log      *slog.Logger
	Version  string // of the program, as it tells of itself

	Citations check.Citations // nil: those of Rules
	Attempts  *attempt.Attempts
	Node      *freshness.Node // nil in the only node
	Rules     *rulebook.Book  // nil: consent alone decides

	// Confirm returns once this node knows all that was acknowledged before the call; nil: its lease is trusted.
	Confirm func(context.Context) error

	Metrics *telemetry.Metrics // nil: the interface has its own, which know nothing of commits

	// Destinations tells where the systems stand that are kept in step, for the metrics; nil: there are none.
	Destinations func() []telemetry.Destination
}

// API is the REST interface of one node.
type API struct {
	Config
	mux *http.ServeMux
	doc *huma.OpenAPI

	logWatch logWatch
}

// New returns the interface over its capabilities.
func New(c Config) *API {
	if c.Citations == nil && c.Rules != nil {
		c.Citations = c.Rules
	}
	a := &API{Config: c, mux: http.NewServeMux(), doc: newDocument()}
	a.routes()
	return a
}

// Handler returns the interface for networks: callers are known by their keys.
func (a *API) Handler() http.Handler { return a.guard(a.mux) }

// LocalHandler returns the interface for the Unix socket in the data directory, and for commands that have opened it
// themselves: whoever can reach it can read the master key, so the caller is access.Local.
func (a *API) LocalHandler() http.Handler { return local(a.guard(a.mux)) }
