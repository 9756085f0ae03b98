package server

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

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
