package server

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/freshness"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/store"
	"github.com/consentline/consentline/internal/store/postgres"
	"github.com/consentline/consentline/internal/vault"
)

// openVault reads the master key, and makes one only for a ledger that is to be made: to one that is there, a new key
// would be of no use, and lying about it would be taken for the right one.
func (s *Server) openVault(ctx context.Context) error {
	there, err := ledger.Exists(ctx, s.db)
	if err != nil {
		return err
	}
	if _, err := os.Stat(s.keyFile()); there && errors.Is(err, os.ErrNotExist) {
		return s.keyMissing()
	}
	master, created, err := vault.ReadOrCreateKeyFile(s.keyFile())
	if err != nil {
		return err
	}
	s.FirstStart = created
	s.vault, err = vault.Open(master)
	return err
}

func (s *Server) keyMissing() error {
	if s.config.Database != "" {
		return fmt.Errorf("the database holds a ledger and the master key %s is not there: copy the key file of a node that has it, and name it with --master-key", s.keyFile())
	}
	return fmt.Errorf("%s is there but its %s is not: put the key back, without it the data cannot be read", s.embedded(), filepath.Base(s.keyFile()))
}

// keyFile is where the master key is.
func (s *Server) keyFile() string {
	if s.config.MasterKeyFile != "" {
		return s.config.MasterKeyFile
	}
	return filepath.Join(s.DataDir, "master.key")
}

func (s *Server) embedded() string { return filepath.Join(s.DataDir, "consentline.db") }

// openDatabase opens what is there and refuses what may not be written to, before it writes anything.
func (s *Server) openDatabase(ctx context.Context) error {
	db, err := openStore(ctx, s.config.Database, s.embedded(), 0)
	if err != nil {
		return err
	}
	s.db = db
	if err := s.schemaKnown(ctx); err != nil {
		return err
	}
	if err := s.openVault(ctx); err != nil {
		return err
	}
	if err := s.keyFits(ctx); err != nil {
		return err
	}
	return lost(ctx, s.db, s.reachedPath())
}

// openNode makes this process one of the nodes that share a database, with the lease under which it answers.
func (s *Server) openNode() (lease *check.Lease, settle func() func(context.Context) error) {
	db, shared := s.db.(*postgres.DB)
	if !shared || s.config.SingleNode {
		return check.AlwaysFresh(), nil
	}
	clock := s.config.Clock
	if clock == nil {
		clock = check.BootClock
	}
	lease = check.NewLease(clock)
	s.Node = freshness.New(freshness.Config{
		Database: db, Log: follower{s}, Lease: lease, Clock: clock, Hints: db, Errors: s.Log, Delta: s.config.Delta, Every: s.config.Every,
		Confirms: s.config.ReadIndex,
	})
	if s.config.ReadIndex { // whoever checks later, anywhere, polls later
		return lease, nil
	}
	return lease, s.Node.Settle
}

// confirmPatience is how long a check may wait for its poll: longer than the lease, and shorter than its sender's time.
const confirmPatience = 2 * time.Second

// confirmer returns what checks wait for on a node whose clock is not trusted; nil on all others.
func (s *Server) confirmer() func(context.Context) error {
	if s.Node == nil || !s.config.ReadIndex {
		return nil
	}
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, confirmPatience)
		defer cancel()
		err := s.Node.Confirm(ctx)
		if lease := s.Index.Lease(); err != nil && !lease.Fresh(lease.Now()) {
			return nil // the answer will be that it is stale
		}
		return err
	}
}

// follower is the ledger, which is opened after the node that follows it.
type follower struct{ s *Server }

func (f follower) Reached() ledger.Place { return f.s.Ledger.Reached() }

func (f follower) Follow(ctx context.Context, tx store.Tx, told ledger.Place) (ledger.Commit, uint64, error) {
	return f.s.Ledger.Follow(ctx, tx, told)
}

func (f follower) Tell(c ledger.Commit) { f.s.Ledger.Tell(c) }

// The times of what one node does for all of them.
const (
	leaderTerm  = 15 * time.Second
	upkeepEvery = 5 * time.Minute
	censusEvery = time.Hour
)

// keepUp does what the database needs once and not once a node: parts for the ledger, and an end to rows of nodes that
// have ended. A leader that falls silent is replaced within two terms.
func (s *Server) keepUp(ctx context.Context, db *postgres.DB) {
	leader := freshness.Leader{Database: db, Job: "upkeep", Holder: s.Node.Incarnation(), Term: leaderTerm}
	census := freshness.Census{Database: db}
	due := map[string]time.Time{}
	tick := time.NewTicker(leaderTerm / 3)
	defer tick.Stop()
	for {
		leads, err := leader.Lead(ctx)
		s.upkeepFailed(ctx, err)
		s.leads.Store(leads)
		if leads {
			s.upkeepFailed(ctx, every(due, "parts", upkeepEvery, func() (int, error) { return db.Upkeep(ctx) }))
			s.upkeepFailed(ctx, every(due, "census", censusEvery, func() (int, error) { return census.RunOnce(ctx) }))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (s *Server) upkeepFailed(ctx context.Context, err error) {
	if err != nil && ctx.Err() == nil {
		s.Log.WarnContext(ctx, "the database's upkeep will be tried again", "error", err)
	}
}

// every runs a job if it was last run so long ago.
func every(due map[string]time.Time, job string, often time.Duration, run func() (int, error)) error {
	now := time.Now() //nolint:forbidigo // a pace, no record
	if now.Before(due[job]) {
		return nil
	}
	due[job] = now.Add(often)
	_, err := run()
	return err
}

// leave lets the other nodes know no more of this one.
func (s *Server) leave() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := s.Node.Leave(ctx); err != nil {
		s.Log.Info("this node's row stays in the database for an hour or two", "error", err)
	}
}

// catchUp joins the other nodes and polls, so that the server is fresh when it begins to answer.
func (s *Server) catchUp(ctx context.Context) error {
	if s.Node == nil {
		return nil
	}
	if err := s.Node.Join(ctx); err != nil {
		return err
	}
	for behind := true; behind; {
		var err error
		if behind, err = s.Node.RunOnce(ctx); err != nil {
			return err
		}
	}
	return nil
}
