package server

import (
	"context"
	"net/http"
	"time"

	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/console"
	"github.com/consentline/consentline/internal/form"
	"github.com/consentline/consentline/internal/jobs"
	"github.com/consentline/consentline/internal/portal"
	"github.com/consentline/consentline/internal/preference"
	"github.com/consentline/consentline/internal/report"
	"github.com/consentline/consentline/internal/session"
)

// openFaces makes what the pages for staff and people stand on.
func (s *Server) openFaces() {
	s.Sessions = session.New(s.db, s.Gate, s.Ledger, s.Now)
	s.Reports = report.New(s.db, s.Ledger, s.Now)
	s.Links = preference.NewLinks(s.Ledger, s.Now)
	s.Forms = form.New(s.db, s.Ledger, s.Catalog, s.Now)
}

// followFaces keeps the reports up to date. They may lag, so they leave a growing ledger alone for a while.
func (s *Server) followFaces(ctx context.Context) {
	jobs.Follow(ctx, jobs.Loop{
		Name: "report", Log: s.Log, Run: s.Reports.RunOnce, Every: reportEvery,
		Wait: func(ctx context.Context, seen uint64) error { return s.Feed.Wait(ctx, seen) }, Head: s.Feed.Head,
	})
}

const reportEvery = time.Minute

// Console returns the pages for staff.
func (s *Server) Console() http.Handler {
	var cites check.Citations
	if s.Rules != nil {
		cites = s.Rules
	}
	return console.New(console.Config{
		Ledger: s.Ledger, Index: s.Index, Catalog: s.Catalog, Lists: s.Lists, Gate: s.Gate, Recorder: s.Recorder,
		Tree: s.Tree, Signer: s.Signer, Sessions: s.Sessions, Reports: s.Reports, Links: s.Links, Forms: s.Forms,
		Now: s.Now, Log: s.Log, Citations: cites,
	})
}

// Portal returns the pages for people.
func (s *Server) Portal() http.Handler {
	return portal.New(portal.Config{
		Ledger: s.Ledger, Catalog: s.Catalog, Recorder: s.Recorder, Links: s.Links, Forms: s.Forms, Now: s.Now, Log: s.Log,
	})
}

// withFaces serves the pages beside the REST interface.
func (s *Server) withFaces(api http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", api)
	mux.Handle(console.Prefix, s.Console())
	public := s.Portal()
	for _, prefix := range portal.Prefixes {
		mux.Handle(prefix, public)
	}
	return mux
}
