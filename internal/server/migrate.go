package server

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/store"
	"github.com/consentline/consentline/internal/store/postgres"
	"github.com/consentline/consentline/internal/store/sqlite"
	"github.com/consentline/consentline/internal/vault"
)

// Migration says which schema a database has, and which it had or will have.
type Migration struct {
	Database string `json:"database"` // sqlite or postgres
	From     int    `json:"from"`     // the schema that was found; 0: none yet
	To       int    `json:"to"`       // the schema of this program
}

// Current reports whether there is nothing to migrate.
func (m Migration) Current() bool { return m.From == m.To }

// migrationPatience is what one step of a migration may take: an index over a billion rows takes hours.
const migrationPatience = 12 * time.Hour

// ErrNoLedger says that there is no database to look at.
var ErrNoLedger = errors.New("there is no ledger yet")

// Schema tells which schema a deployment's database has, and writes nothing.
func Schema(ctx context.Context, c Config) (Migration, error) {
	return migrating(ctx, c, withKey, func(store.DB, Migration) error { return nil })
}

// Migrate brings a deployment's database to this program's schema. Of two that migrate at once the second waits and
// finds nothing left to do. The master key is needed only where it is to be held against the data.
func Migrate(ctx context.Context, c Config) (Migration, error) {
	return migrating(ctx, c, withKey, func(db store.DB, m Migration) error {
		if m.Current() {
			return nil
		}
		return store.Migrate(ctx, db)
	})
}

// keyUse says whether the master key is held against the data before anything is done.
type keyUse bool

const (
	withKey    keyUse = true
	withoutKey keyUse = false
)

// migrating opens the database as Open would, refuses what Open would refuse, and hands it to fn.
func migrating(ctx context.Context, c Config, k keyUse, fn func(store.DB, Migration) error) (m Migration, err error) {
	s := &Server{DataDir: c.DataDir, config: c}
	if c.Database == "" {
		if _, err := os.Stat(s.embedded()); errors.Is(err, os.ErrNotExist) {
			return m, fmt.Errorf("%w in %s", ErrNoLedger, c.DataDir)
		}
		if s.lock, err = lockDir(c.DataDir); err != nil {
			return m, err
		}
		defer func() { err = errors.Join(err, s.lock.release()) }()
	}
	if _, err := os.Stat(s.keyFile()); k == withKey && (err == nil || c.MasterKeyFile != "") {
		master, err := vault.ReadKeyFile(s.keyFile())
		if err != nil {
			return m, err
		}
		if s.vault, err = vault.Open(master); err != nil {
			return m, err
		}
	}
	if s.db, err = openStore(ctx, c.Database, s.embedded(), migrationPatience); err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, s.db.Close()) }()
	m = Migration{Database: s.db.Dialect().Name(), To: store.LatestSchema()}
	if m.From, err = store.SchemaOf(ctx, s.db); err != nil {
		return m, err
	}
	if err := s.schemaKnown(ctx); err != nil {
		return m, err
	}
	if s.vault != nil {
		if err := s.keyFits(ctx); err != nil {
			return m, err
		}
	}
	return m, fn(s.db, m)
}

// openStore opens the database at an address, or where there is none the file. Each transaction may take so long; zero
// is the usual time.
func openStore(ctx context.Context, address, file string, timeout time.Duration) (store.DB, error) {
	if address == "" {
		db, err := sqlite.Open(file)
		if err != nil {
			return nil, err
		}
		return db, nil
	}
	if !IsAddress(address) {
		return nil, errors.New("the database's address: want postgres://user:password@host:port/database")
	}
	db, err := postgres.Open(ctx, postgres.Config{URL: address, Timeout: timeout})
	if err != nil {
		return nil, err
	}
	return db, nil
}

// IsAddress reports whether a text is the address of a PostgreSQL database and no path.
func IsAddress(s string) bool {
	return strings.HasPrefix(s, "postgres://") || strings.HasPrefix(s, "postgresql://")
}

// bringUp migrates at the start, and says so. The database's lock lets one of several nodes do it.
func (s *Server) bringUp(ctx context.Context) (err error) {
	from, err := store.SchemaOf(ctx, s.db)
	if err != nil || from == store.LatestSchema() {
		return err
	}
	s.Log.InfoContext(ctx, "the database's schema is brought up to date", "from", from, "to", store.LatestSchema())
	db := s.db
	if s.config.Database != "" { // as much time as it needs, and no connection kept for it afterwards
		if db, err = openStore(ctx, s.config.Database, "", migrationPatience); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, db.Close()) }()
	}
	if err := store.Migrate(ctx, db); err != nil {
		return fmt.Errorf("bring the schema from %d to %d: %w", from, store.LatestSchema(), err)
	}
	return nil
}

// schemaKnown refuses a database that a later release wrote.
func (s *Server) schemaKnown(ctx context.Context) error {
	version, err := store.SchemaOf(ctx, s.db)
	if err == nil && version > store.LatestSchema() {
		err = &store.NewerSchemaError{Database: version, Program: store.LatestSchema()}
	}
	return err
}

// keyFits refuses a database that was written with another master key.
func (s *Server) keyFits(ctx context.Context) error {
	there, err := ledger.Exists(ctx, s.db)
	if err != nil || !there {
		return err
	}
	return ledger.CheckKey(ctx, s.db, s.vault)
}
