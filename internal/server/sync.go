package server

import (
	"context"
	"path/filepath"
	stdsync "sync"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/freshness"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/reconcile"
	"github.com/consentline/consentline/internal/store/postgres"
	"github.com/consentline/consentline/internal/sync"
	"github.com/consentline/consentline/internal/sync/kinds"
	"github.com/consentline/consentline/internal/telemetry"
)

// openSync makes what keeps other systems in step. It sends nothing before Serve.
func (s *Server) openSync() {
	clients := sync.Clients{HTTP: s.config.Egress.Client(), Dial: s.config.Egress.Dial, Exports: filepath.Join(s.DataDir, "exports"), Checkpoint: s.latestCheckpoint}
	s.Destinations = sync.NewDestinations(s.Ledger, s.vault, kinds.All, clients, s.Now)
	s.Sync = &sync.Engine{Destinations: s.Destinations, Ledger: s.Ledger, DB: s.db, Feed: s.Feed, Now: s.Now, Log: s.Log}
	if s.Rules != nil {
		s.Sync.Deadline = s.optOutDeadline
	}
	s.Reconciler = &reconcile.Reconciler{Engine: s.Sync, Ledger: s.Ledger, Index: s.Index, Recorder: s.Recorder, DB: s.db, Now: s.Now}
}

// optOutDeadline says until when the rules want an opt-out obeyed. What is said of every purpose, or of one that is not
// defined any more, counts as marketing, for which deadlines are the shortest.
func (s *Server) optOutDeadline(n phone.Number, scope consent.Scope, from time.Time) sync.Deadline {
	class := consent.Marketing
	if purpose, err := s.Catalog.Purpose(string(scope.Purpose)); err == nil {
		class = purpose.Class
	}
	until, rule, ok := s.Rules.OptOutDeadline(n, scope.Channel, class, from)
	if !ok {
		return sync.Deadline{}
	}
	return sync.Deadline{At: until, Rule: rule}
}

// destinationFigures are where destinations stand, for the metrics.
func (s *Server) destinationFigures() []telemetry.Destination {
	states := s.Sync.States()
	out := make([]telemetry.Destination, len(states))
	for i := range states {
		st := &states[i]
		out[i] = telemetry.Destination{
			ID: st.Destination.ID, Lag: st.Head - min(st.Cursor, st.Head), Waiting: st.Waiting, Parked: st.Parked, Failures: st.Failures, Overdue: st.Overdue,
		}
		if !st.Oldest.IsZero() {
			out[i].Oldest = s.Now().Sub(st.Oldest).Seconds()
		}
	}
	return out
}

// latestCheckpoint returns the log's latest signed checkpoint, empty where there is none or it cannot be read: an event
// is not held up for it.
func (s *Server) latestCheckpoint(ctx context.Context) string {
	note, _, _, err := s.Tree.Resource(ctx, "checkpoint")
	if err != nil {
		return ""
	}
	return string(note)
}

// keepInStep runs the destinations, on one node at a time.
func (s *Server) keepInStep(ctx context.Context) {
	s.whileLeading(ctx, "sync", func(ctx context.Context) {
		var running stdsync.WaitGroup
		running.Go(func() { s.repeat(ctx, "reconcile", time.Minute, s.Reconciler.RunOnce) })
		running.Go(func() { s.repeat(ctx, "forget what was acknowledged long ago", time.Hour, s.purgeSync) })
		s.Sync.Run(ctx)
		running.Wait()
	})
}

// purgeSync deletes once: what is left grows old within the hour.
func (s *Server) purgeSync(ctx context.Context) (int, error) {
	_, err := s.Sync.Purge(ctx)
	return 0, err
}

// whileLeading runs what one node does for all of them, whenever this one is the leader of the job. What runs is ended
// before the lead is lost to another, or a little after: it must bear to be run twice at once for a moment.
func (s *Server) whileLeading(ctx context.Context, job string, run func(context.Context)) {
	db, shared := s.db.(*postgres.DB)
	if !shared || s.Node == nil {
		run(ctx)
		return
	}
	leader := freshness.Leader{Database: db, Job: job, Holder: s.Node.Incarnation(), Term: leaderTerm}
	stop, ended := func() {}, make(chan struct{})
	close(ended)
	leading := false
	tick := time.NewTicker(leaderTerm / 5)
	defer tick.Stop()
	for ctx.Err() == nil {
		leads, err := leader.Lead(ctx)
		s.upkeepFailed(ctx, err)
		switch {
		case leads && !leading:
			var running context.Context
			running, stop = context.WithCancel(ctx)
			ended = make(chan struct{})
			go func() {
				defer close(ended)
				run(running)
			}()
		case !leads && leading:
			stop()
			<-ended
		}
		leading = leads
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	stop()
	<-ended
}
