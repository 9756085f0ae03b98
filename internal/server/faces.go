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
)

// openFaces makes what the pages for staff and people stand on.
func (s *Server) openFaces() {
	s.Reports = report.New(s.db, s.Ledger, s.Now)
	s.Links = preference.NewLinks(s.Ledger, s.Now)
	s.Forms = form.New(s.db, s.Ledger, s.Catalog, s.Now)
	s.Codes = &preference.Codes{
		Ledger: s.Ledger, Catalog: s.Catalog, DB: s.db, Vault: s.vault, Outbox: s.Conversations.Outbox, Links: s.Links, Now: s.Now,
		ProviderOf: s.Conversations.Providers.ProviderOf,
	}
	s.Erasures = &preference.Erasures{Ledger: s.Ledger, DB: s.db, Now: s.Now}
}

// followFaces keeps the reports up to date. They may lag, so they leave a growing ledger alone for a while. Of many
// nodes the leader reads the entries; each counts the records, which it keeps in memory.
func (s *Server) followFaces(ctx context.Context) {
	run := func(ctx context.Context) (int, error) {
		if s.Node != nil && !s.leads.Load() {
			return 0, s.Reports.Refresh(ctx)
		}
		return s.Reports.RunOnce(ctx)
	}
	jobs.Follow(ctx, jobs.Loop{
		Name: "report", Log: s.Log, Run: run, Every: reportEvery,
		Wait: func(ctx context.Context, seen uint64) error { return s.Feed.Wait(ctx, seen) }, Head: s.Feed.Head,
	})
}

const reportEvery = time.Minute

// countChecks adds to the reports what was answered, every minute and at the end.
func (s *Server) countChecks(ctx context.Context) {
	counted := map[report.Checks]uint64{} // by verdict and code, what the reports hold of this process
	s.repeat(ctx, "checks", reportEvery, func(ctx context.Context) (int, error) { return 0, s.addChecks(ctx, counted) })
	if err := s.addChecks(context.WithoutCancel(ctx), counted); err != nil {
		s.Log.WarnContext(ctx, "what was answered since the last minute is not counted", "error", err)
	}
}

func (s *Server) addChecks(ctx context.Context, counted map[report.Checks]uint64) error {
	answers, err := s.Metrics.Answered()
	if err != nil {
		return err
	}
	var more []report.Checks
	for _, a := range answers {
		more = append(more, report.Checks{Verdict: a.Verdict, Code: a.Code, N: int(a.N - counted[report.Checks{Verdict: a.Verdict, Code: a.Code}])})
	}
	if err := s.Reports.AddChecks(ctx, s.Now(), more); err != nil {
		return err
	}
	for _, a := range answers {
		counted[report.Checks{Verdict: a.Verdict, Code: a.Code}] = a.N
	}
	return nil
}

// Console returns the pages for staff.
func (s *Server) Console() http.Handler {
	var cites check.Citations
	if s.Rules != nil {
		cites = s.Rules
	}
	return console.New(console.Config{
		Ledger: s.Ledger, Index: s.Index, Catalog: s.Catalog, Lists: s.Lists, Gate: s.Gate, Recorder: s.Recorder,
		Tree: s.Tree, Signer: s.Signer, Sessions: s.Sessions, People: s.People, SignOn: s.SignOn, Reports: s.Reports, Links: s.Links, Forms: s.Forms,
		Inbox: s.Conversations.Inbox, OptIns: s.Conversations.OptIns, Erasures: s.Erasures, Sync: s.Sync, Now: s.Now, Log: s.Log, Citations: cites, Rules: s.Rules,
	})
}

// Portal returns the pages for people.
func (s *Server) Portal() http.Handler {
	return portal.New(portal.Config{
		Ledger: s.Ledger, Catalog: s.Catalog, Recorder: s.Recorder, Links: s.Links, Codes: s.Codes, Erasures: s.Erasures, Forms: s.Forms,
		OptIns: s.Conversations.OptIns, Attempts: s.Attempts, Reports: s.Reports, Now: s.Now, Log: s.Log,
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
