package server_test

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/server"
	"github.com/consentline/consentline/internal/store"
	"github.com/consentline/consentline/internal/store/postgres"
	"github.com/consentline/consentline/internal/store/sqlite"
	"github.com/consentline/consentline/internal/testkit/pgtest"
)

// place is where a deployment keeps its data in a test: a fresh one on either database.
type place struct {
	name   string
	config func(t *testing.T) server.Config
}

var places = []place{
	{"sqlite", func(t *testing.T) server.Config { return server.Config{DataDir: t.TempDir(), Rules: server.NoRules} }},
	{"postgres", func(t *testing.T) server.Config {
		return server.Config{
			DataDir: t.TempDir(), Database: pgtest.Shared(t).Database(t), SingleNode: true, Rules: server.NoRules,
		}
	}},
}

// inside runs SQL behind the server's back.
func inside(t *testing.T, c server.Config, statements ...string) {
	t.Helper()
	db := raw(t, c)
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	for _, s := range statements {
		err := db.InTx(ctx, func(tx store.Tx) error {
			_, err := tx.Exec(ctx, s)
			return err
		})
		if err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

func raw(t *testing.T, c server.Config) store.DB {
	t.Helper()
	if c.Database == "" {
		db, err := sqlite.Open(filepath.Join(c.DataDir, "consentline.db"))
		if err != nil {
			t.Fatal(err)
		}
		return db
	}
	db, err := postgres.Open(ctx, postgres.Config{URL: c.Database})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// contents is what a database holds: of SQLite its file, of PostgreSQL all its tables with their columns and rows.
func contents(t *testing.T, c server.Config) string {
	t.Helper()
	if c.Database == "" {
		b, err := os.ReadFile(filepath.Join(c.DataDir, "consentline.db"))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	// Whatever stands in its own schema, it can be looked at from an empty one.
	path, _, _ := strings.Cut(c.Database, "?")
	pgtest.Shared(t).SQL(t, path[strings.LastIndex(path, "/")+1:], "CREATE SCHEMA IF NOT EXISTS lookout")
	c.Database += "&search_path=lookout"
	db := raw(t, c)
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	var all string
	err := db.Read(ctx, func(tx store.Tx) error {
		return store.One(tx.Query(ctx, "SELECT database_to_xml(true, false, '')::text"), func(r store.Row) { all = r.Text(0) })
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func eachPlace(t *testing.T, test func(t *testing.T, c server.Config)) {
	for _, p := range places {
		t.Run(p.name, func(t *testing.T) { test(t, p.config(t)) })
	}
}

func openAt(t *testing.T, c server.Config) *server.Server {
	t.Helper()
	s, err := server.Open(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestASchemaIsBroughtUpToDateByTheVerbOrAtTheStart(t *testing.T) {
	eachPlace(t, func(t *testing.T, c server.Config) {
		db, latest := raw(t, c), server.SchemaVersion()
		if err := errors.Join(store.MigrateTo(ctx, db, 4), db.Close()); err != nil {
			t.Fatal(err)
		}
		before := contents(t, c)
		if m, err := server.Schema(ctx, c); err != nil || m.Current() || m.From != 4 {
			t.Errorf("an earlier schema: got %+v, %v; want from 4", m, err)
		}
		if contents(t, c) != before {
			t.Error("looking has changed the database")
		}
		if m, err := server.Migrate(ctx, c); err != nil || m.From != 4 || m.To != latest {
			t.Errorf("migrate: got %+v, %v; want 4 to %d", m, err, latest)
		}
		if m, err := server.Migrate(ctx, c); err != nil || !m.Current() {
			t.Errorf("again: got %+v, %v; want nothing to do", m, err)
		}
		closing(t, openAt(t, c))
	})
}

func TestAServerBringsTheSchemaUpToDateAndSaysSo(t *testing.T) {
	eachPlace(t, func(t *testing.T, c server.Config) {
		db := raw(t, c)
		if err := errors.Join(store.MigrateTo(ctx, db, 4), db.Close()); err != nil {
			t.Fatal(err)
		}
		var log locked
		c.Log = slog.New(slog.NewTextHandler(&log, nil))
		closing(t, openAt(t, c))
		if m, err := server.Schema(ctx, c); err != nil || !m.Current() {
			t.Errorf("after a start: got %+v, %v", m, err)
		}
		if want := fmt.Sprintf("from=4 to=%d", server.SchemaVersion()); !strings.Contains(log.String(), want) {
			t.Errorf("the log does not say %q: %s", want, log.String())
		}
	})
}

func TestWhatMayNotBeServedIsRefusedAndLeftAsItWas(t *testing.T) {
	cases := []struct {
		name  string
		spoil func(t *testing.T, c *server.Config)
		says  string
		is    func(error) bool
	}{
		{"a newer schema", func(t *testing.T, c *server.Config) { inside(t, *c, "UPDATE schema_version SET version = 999") },
			"run the newer release", is[*store.NewerSchemaError]},
		{"another deployment's master key", func(t *testing.T, c *server.Config) {
			c.MasterKeyFile = filepath.Join(t.TempDir(), "other.key")
			other := server.Config{DataDir: t.TempDir(), MasterKeyFile: c.MasterKeyFile, Rules: server.NoRules}
			closing(t, openAt(t, other))
		}, "give the key file that belongs to it", is[*ledger.WrongKeyError]},
		{"another deployment's key and an older schema", func(t *testing.T, c *server.Config) {
			inside(t, *c, "UPDATE schema_version SET version = 4")
			c.MasterKeyFile = filepath.Join(t.TempDir(), "other.key")
			closing(t, openAt(t, server.Config{DataDir: t.TempDir(), MasterKeyFile: c.MasterKeyFile, Rules: server.NoRules}))
		}, "give the key file that belongs to it", is[*ledger.WrongKeyError]},
		{"no master key", func(t *testing.T, c *server.Config) {
			if err := os.Remove(filepath.Join(c.DataDir, "master.key")); err != nil {
				t.Fatal(err)
			}
		}, "master", func(error) bool { return true }},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			eachPlace(t, func(t *testing.T, c server.Config) {
				s := openAt(t, c)
				closing(t, s)
				test.spoil(t, &c)
				wantRefused(t, c, test.says, test.is)
			})
		})
	}
}

func is[E error](err error) bool {
	var e E
	return errors.As(err, &e)
}

func wantRefused(t *testing.T, c server.Config, says string, is func(error) bool) {
	t.Helper()
	before := contents(t, c)
	s, err := server.Open(ctx, c)
	if err == nil {
		closing(t, s)
		t.Fatal("served")
	}
	if !is(err) || !strings.Contains(err.Error(), says) {
		t.Errorf("got %v, want it to say %q", err, says)
	}
	if contents(t, c) != before {
		t.Error("the refusal has changed the database")
	}
}

func TestAnotherProgramsDatabaseIsRefusedAndLeftAsItWas(t *testing.T) {
	eachPlace(t, func(t *testing.T, c server.Config) {
		if c.Database != "" {
			inside(t, c, "CREATE TABLE ledger (account BIGINT)", "INSERT INTO ledger (account) VALUES (1)")
			wantRefused(t, c, "CREATE SCHEMA", is[*postgres.ForeignSchemaError])
			return
		}
		inside(t, c, "CREATE TABLE ledger (account BIGINT)", "INSERT INTO ledger (account) VALUES (1)")
		wantRefused(t, c, "another data directory", is[*sqlite.ForeignFileError])
		if err := os.WriteFile(filepath.Join(c.DataDir, "consentline.db"), []byte(strings.Repeat("no database at all ", 500)), 0o600); err != nil {
			t.Fatal(err)
		}
		wantRefused(t, c, "no SQLite database", is[*sqlite.ForeignFileError])
	})
}

// TestTwoDeploymentsOnOneSchemaAreRefused starts a second deployment, with a key of its own, where a first one is.
func TestTwoDeploymentsOnOneSchemaAreRefused(t *testing.T) {
	first := places[1].config(t)
	closing(t, openAt(t, first))
	second := first
	second.DataDir = t.TempDir()
	wantRefused(t, second, "the database holds a ledger", func(error) bool { return true })
	if _, err := os.Stat(filepath.Join(second.DataDir, "master.key")); err == nil {
		t.Error("the refusal has made a key for the second")
	}
	own := places[0].config(t)
	closing(t, openAt(t, own))
	second.MasterKeyFile = filepath.Join(own.DataDir, "master.key")
	wantRefused(t, second, "a database or schema of its own", is[*ledger.WrongKeyError])
}

// TestAnOldServerIsRefused lets a server say that it is PostgreSQL 14, by a function that stands before the server's own.
func TestAnOldServerIsRefused(t *testing.T) {
	c := places[1].config(t)
	inside(t, c, "CREATE SCHEMA old", `
		CREATE FUNCTION old.current_setting(name text) RETURNS text LANGUAGE sql
		AS $$ SELECT CASE name WHEN 'server_version_num' THEN '140013' ELSE pg_catalog.current_setting(name) END $$`)
	before := contents(t, c)
	c.Database += "&options=-csearch_path%3Dold,pg_catalog,public"
	_, err := server.Open(ctx, c)
	if !is[*postgres.UnsafeError](err) || !strings.Contains(err.Error(), "PostgreSQL 14") || !strings.Contains(err.Error(), "15 or later") {
		t.Errorf("got %v, want an UnsafeError that names both releases", err)
	}
	c.Database, _, _ = strings.Cut(c.Database, "&options")
	if contents(t, c) != before {
		t.Error("the refusal has changed the database")
	}
}
