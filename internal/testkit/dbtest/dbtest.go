// Package dbtest runs a package's tests once on each database that the product runs on.
package dbtest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/consentline/consentline/internal/store"
	"github.com/consentline/consentline/internal/store/postgres"
	"github.com/consentline/consentline/internal/store/sqlite"
	"github.com/consentline/consentline/internal/testkit/pgtest"
)

// current is the database that tests open; Run sets it while no test runs.
var current = "sqlite"

// Run runs all tests on SQLite and then on PostgreSQL: os.Exit(dbtest.Run(m)).
func Run(m *testing.M) int {
	code := 0
	for _, current = range []string{"sqlite", "postgres"} {
		_, _ = fmt.Fprintf(os.Stderr, "=== on %s\n", current)
		code = max(code, pgtest.Run(m))
	}
	return code
}

// New makes a database and returns what opens it, with the product's schema, as often as it is called.
func New(t testing.TB) func() (store.DB, error) {
	t.Helper()
	if current == "postgres" {
		url := pgtest.Shared(t).Schema(t)
		return func() (store.DB, error) {
			db, err := postgres.Open(context.Background(), postgres.Config{URL: url})
			if err != nil {
				return nil, err
			}
			return db, store.Migrate(context.Background(), db)
		}
	}
	path := filepath.Join(t.TempDir(), "test.db")
	return func() (store.DB, error) {
		db, err := sqlite.Open(path)
		if err != nil {
			return nil, err
		}
		return db, store.Migrate(context.Background(), db)
	}
}

// Open opens a new database, which is closed at the test's end.
func Open(t testing.TB) store.DB {
	t.Helper()
	db, err := New(t)()
	if db != nil {
		t.Cleanup(func() {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	return db
}
