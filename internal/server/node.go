package server

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/freshness"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/store"
	"github.com/consentline/consentline/internal/store/postgres"
	"github.com/consentline/consentline/internal/store/sqlite"
	"github.com/consentline/consentline/internal/vault"
)

// openVault reads the master key, and makes one for a ledger that is to be made.
func (s *Server) openVault() error {
	path := s.config.MasterKeyFile
	if path == "" {
		path = filepath.Join(s.DataDir, "master.key")
	}
	if _, err := os.Stat(s.embedded()); err == nil && s.config.Database == "" {
		if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("%s is there but its %s is not: put the key back, without it the data cannot be read", s.embedded(), filepath.Base(path))
		}
	}
	master, created, err := vault.ReadOrCreateKeyFile(path)
	if err != nil {
		return err
	}
	s.FirstStart = created
	s.vault, err = vault.Open(master)
	return err
}

func (s *Server) embedded() string { return filepath.Join(s.DataDir, "consentline.db") }

func (s *Server) openDatabase(ctx context.Context) error {
	if s.config.Database == "" {
		db, err := sqlite.Open(s.embedded())
		if err != nil {
			return err
		}
		s.db = db
		return nil
	}
	if !strings.HasPrefix(s.config.Database, "postgres://") && !strings.HasPrefix(s.config.Database, "postgresql://") {
		return errors.New("the database's address: want postgres://user:password@host:port/database")
	}
	db, err := postgres.Open(ctx, postgres.Config{URL: s.config.Database})
	if err != nil {
		return err
	}
	s.db = db
	return s.mayWrite(ctx)
}

// mayWrite refuses, before anything is written, a database that is another deployment's or a later release's.
func (s *Server) mayWrite(ctx context.Context) error {
	version, err := store.SchemaOf(ctx, s.db)
	switch {
	case postgres.NoSuchTable(err):
		return nil // to be made
	case err != nil:
		return err
	case version > store.LatestSchema():
		return &store.NewerSchemaError{Database: version, Program: store.LatestSchema()}
	case version == 0:
		return nil
	}
	return ledger.CheckKey(ctx, s.db, s.vault)
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
	})
	return lease, s.Node.Settle
}

// follower is the ledger, which is opened after the node that follows it.
type follower struct{ s *Server }

func (f follower) Follow(ctx context.Context, tx store.Tx) (ledger.Commit, uint64, error) {
	return f.s.Ledger.Follow(ctx, tx)
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

// catchUp polls, so that the server is fresh when it begins to answer.
func (s *Server) catchUp(ctx context.Context) error {
	if s.Node == nil {
		return nil
	}
	for behind := true; behind; {
		var err error
		if behind, err = s.Node.RunOnce(ctx); err != nil {
			return err
		}
	}
	return nil
}
