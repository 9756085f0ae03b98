package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/consentline/consentline/internal/store"
	"github.com/consentline/consentline/internal/store/postgres"
	"github.com/consentline/consentline/internal/store/storetest"
	"github.com/consentline/consentline/internal/testkit/pgtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Run(m)) }

var ctx = context.Background()

func openURL(t testing.TB, url string) *postgres.DB {
	t.Helper()
	db, err := postgres.Open(ctx, postgres.Config{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func open(t *testing.T) store.DB { return openURL(t, pgtest.Shared(t).Database(t)) }

func TestPostgresKeepsTheContract(t *testing.T) { storetest.Run(t, open) }

func exec(db store.DB, sql string, args ...any) error {
	return db.InTx(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, sql, args...)
		return err
	})
}

func mustExec(t testing.TB, db store.DB, sql string, args ...any) {
	t.Helper()
	if err := exec(db, sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func TestAServerThatForgetsIsRefused(t *testing.T) {
	for setting, want := range map[string]string{
		"fsync=off": "fsync", "full_page_writes=off": "full_page_writes", "synchronous_commit=off": "synchronous_commit",
	} {
		t.Run(setting, func(t *testing.T) {
			c := pgtest.Start(t, setting)
			_, err := postgres.Open(ctx, postgres.Config{URL: c.URL("postgres")})
			var unsafe *postgres.UnsafeError
			if !errors.As(err, &unsafe) || !strings.Contains(unsafe.Remedy, want) {
				t.Errorf("got %v, want an UnsafeError that says to set %s", err, want)
			}
		})
	}
}

func TestARoleThatForgetsIsRefused(t *testing.T) {
	c := pgtest.Shared(t)
	url := c.Database(t)
	c.SQL(t, "postgres", "CREATE ROLE hasty LOGIN", "ALTER ROLE hasty SET synchronous_commit = off")
	_, err := postgres.Open(ctx, postgres.Config{URL: strings.Replace(url, "postgres@", "hasty@", 1)})
	var unsafe *postgres.UnsafeError
	if !errors.As(err, &unsafe) {
		t.Errorf("got %v, want an UnsafeError", err)
	}
}

func TestTheSchemaOfAnotherProgramIsRefusedAndLeftAlone(t *testing.T) {
	for name, ddl := range map[string]string{
		"a table of ours":      "CREATE TABLE ledger (account BIGINT)",
		"a view of ours":       "CREATE VIEW records AS SELECT 1 AS x",
		"another's versioning": "CREATE TABLE schema_version (installed_rank INT, script TEXT)",
		"versioning like ours": "CREATE TABLE schema_version (version INT)",
		"none of our names":    "CREATE TABLE invoices (id BIGINT)",
		"a table of nothing":   "CREATE TABLE nothing ()",
	} {
		t.Run(name, func(t *testing.T) {
			url := pgtest.Shared(t).Database(t)
			mustExec(t, openURL(t, url), ddl)
			_, err := postgres.Open(ctx, postgres.Config{URL: url})
			var foreign *postgres.ForeignSchemaError
			if !errors.As(err, &foreign) || foreign.Schema != "public" {
				t.Errorf("got %v, want a ForeignSchemaError", err)
			}
		})
	}
}

func TestWhatAnExtensionBroughtIsNotAnotherPrograms(t *testing.T) {
	url := pgtest.Shared(t).Database(t)
	other := openURL(t, url)
	mustExec(t, other, "CREATE EXTENSION pg_stat_statements")
	if err := store.Migrate(ctx, openURL(t, url)); err != nil {
		t.Fatal(err)
	}
}

func TestASchemaOfItsOwnBesideAnotherProgramsIsFine(t *testing.T) {
	url := pgtest.Shared(t).Database(t)
	other := openURL(t, url)
	mustExec(t, other, "CREATE TABLE ledger (account BIGINT)")
	mustExec(t, other, "CREATE SCHEMA consentline")
	db := openURL(t, url+"&search_path=consentline")
	if err := store.Migrate(ctx, db); err != nil {
		t.Fatal(err)
	}
	mustExec(t, db, "INSERT INTO ledger (seq, recorded_at, subject, kind, body, leaf) VALUES (1, 0, 0, 2, '', '')")
	if _, err := postgres.Open(ctx, postgres.Config{URL: url + "&search_path=nowhere"}); err == nil || !strings.Contains(err.Error(), "CREATE SCHEMA") {
		t.Errorf("a schema that is not there: got %v", err)
	}
}

func TestAPasswordNeverShowsInAnError(t *testing.T) {
	socket := pgtest.Shared(t).Socket()
	for _, url := range []string{
		"postgres://u:hunter2@host:port/db", "postgres://u:hunter2@127.0.0.1:1/db", "postgres://u:hunter2@[::/db",
		"host=127.0.0.1 port=x password=hunter2", "host=127.0.0.1 port=1 password='hunter2'", "postgres://u:hunter2@/db?sslmode=bad",
		"postgres://nobody:hunter2@/none?host=" + strings.TrimSuffix(socket, "/.s.PGSQL.5432"),
		"postgres://u@127.0.0.1:1/db?password=hunter2&pool_max_conns=x", "postgres://u:hunter2%@h/db", "post gres://u:hunter2@h",
	} {
		_, err := postgres.Open(ctx, postgres.Config{URL: url})
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: got %v, want an error without the password", url, err)
		}
	}
}

func TestATransactionThatCollidedIsRunAgain(t *testing.T) {
	db := open(t).(*postgres.DB)
	mustExec(t, db, "CREATE TABLE things (id BIGINT PRIMARY KEY, n BIGINT NOT NULL)")
	mustExec(t, db, "INSERT INTO things (id, n) VALUES (1, 0)")
	runs := 0
	err := db.Poll(ctx, func(tx store.Tx) error {
		runs++
		if err := store.One(tx.Query(ctx, "SELECT n FROM things WHERE id = 1"), func(store.Row) {}); err != nil {
			return err
		}
		if runs == 1 { // another gets in between
			mustExec(t, db, "UPDATE things SET n = 10 WHERE id = 1")
		}
		_, err := tx.Exec(ctx, "UPDATE things SET n = n + 1 WHERE id = 1")
		return err
	})
	if err != nil || runs != 2 {
		t.Errorf("got %v after %d runs, want success after 2", err, runs)
	}
}

func TestColumnsThatNoRowCanHoldAreRefused(t *testing.T) {
	err := open(t).Read(ctx, func(tx store.Tx) error {
		return store.One(tx.Query(ctx, "SELECT sum(x) FROM (VALUES (1::bigint)) v (x)"), func(store.Row) {})
	})
	if err == nil || !strings.Contains(err.Error(), "cast it") {
		t.Errorf("got %v, want to be told to cast", err)
	}
}

func TestACommitThatDidNotWaitForItsStandbyIsUnconfirmed(t *testing.T) {
	c := pgtest.Start(t, "synchronous_standby_names=nobody")
	// The database itself is made without waiting for the standby that is not there.
	c.SQL(t, "postgres", "SET synchronous_commit = local", "CREATE SCHEMA own", "CREATE TABLE things (id BIGINT)")
	db := openURL(t, c.URL("postgres")+"&search_path=own,public")
	impatient, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() {
		ended <- db.InTx(impatient, func(tx store.Tx) error {
			_, err := tx.Exec(ctx, "INSERT INTO things (id) VALUES (1)")
			return err
		})
	}()
	defer cancel()
	var waiting int64
	for waiting == 0 {
		c.SQL(t, "postgres") // as good a pause as any
		err := db.Read(ctx, func(tx store.Tx) error {
			return store.One(tx.Query(ctx, "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"), func(r store.Row) { waiting = r.Int64(0) })
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	err := <-ended
	var unconfirmed *store.UnconfirmedError
	if !errors.As(err, &unconfirmed) {
		t.Errorf("got %v, want an UnconfirmedError", err)
	}
	n := int64(0)
	err = db.Read(ctx, func(tx store.Tx) error {
		return store.One(tx.Query(ctx, "SELECT count(*) FROM things"), func(r store.Row) { n = r.Int64(0) })
	})
	if n != 1 || err != nil {
		t.Errorf("got %d rows, %v; the server is known to have committed all the same", n, err)
	}
}

func TestNodesThatStartTogetherMigrateOnce(t *testing.T) {
	url := pgtest.Shared(t).Database(t)
	const nodes = 5
	errs := make(chan error, nodes)
	for range nodes {
		db := openURL(t, url)
		go func() { errs <- store.Migrate(ctx, db) }()
	}
	for range nodes {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	mustCount(t, openURL(t, url), "SELECT count(*) FROM schema_version", 1)
}

func mustCount(t testing.TB, db store.DB, sql string, want int64) {
	t.Helper()
	got := int64(-1)
	err := db.Read(ctx, func(tx store.Tx) error {
		return store.One(tx.Query(ctx, sql), func(r store.Row) { got = r.Int64(0) })
	})
	if err != nil || got != want {
		t.Errorf("%s: got %d, %v; want %d", sql, got, err, want)
	}
}

func TestTheLedgersPartsAreMadeAhead(t *testing.T) {
	db := open(t).(*postgres.DB)
	if err := store.Migrate(ctx, db); err != nil {
		t.Fatal(err)
	}
	upkeep := func(want int) {
		t.Helper()
		if done, err := db.Upkeep(ctx); done != want || err != nil {
			t.Errorf("got %d parts, %v; want %d", done, err, want)
		}
	}
	upkeep(0) // no head yet
	mustExec(t, db, "INSERT INTO head (id, deployment, key_check, seq, recorded_at, next_subject, next_scope) VALUES (1, 'd', '', 24999999, 0, 1, 1)")
	upkeep(0)
	mustExec(t, db, "UPDATE head SET seq = 25000000")
	upkeep(1)
	upkeep(0)
	for seq, part := range map[int64]string{1: "ledger_00000", 49_999_999: "ledger_00000", 50_000_000: "ledger_00001", 100_000_000: "ledger_rest"} {
		mustExec(t, db, "INSERT INTO ledger (seq, recorded_at, subject, kind, body, leaf) VALUES ($1, 0, 0, 2, '', '')", seq)
		mustCount(t, db, "SELECT count(*) FROM "+part+" WHERE seq = "+fmt.Sprint(seq), 1)
	}
	mustCount(t, db, "SELECT count(*) FROM pg_class WHERE relname LIKE 'records_0_' OR relname LIKE 'records_1_'", 16)
}

// TestTheNodesRoleCanRunAndCannotDrop runs the script that operators are given.
func TestTheNodesRoleCanRunAndCannotDrop(t *testing.T) {
	c := pgtest.Start(t)
	script, err := os.ReadFile("../../../deploy/postgres/role.sql")
	if err != nil {
		t.Fatal(err)
	}
	for statement := range strings.SplitSeq(string(script), ";\n") {
		c.SQL(t, "postgres", statement)
	}
	as := func(role string) *postgres.DB {
		return openURL(t, strings.Replace(c.URL("postgres"), "postgres@", role+"@", 1))
	}
	owner := as("consentline_owner")
	if err := store.Migrate(ctx, owner); err != nil {
		t.Fatal(err)
	}
	node := as("consentline_node")
	if err := store.Migrate(ctx, node); err != nil {
		t.Errorf("a schema that is up to date: %v", err)
	}
	mustExec(t, node, "INSERT INTO ledger (seq, recorded_at, subject, kind, body, leaf) VALUES (1, 0, 0, 2, '', '')")
	mustExec(t, node, "INSERT INTO records (subject, scope, status, level, confirmed, source, evidenced, under, entry, conflict, version, last_at, last_restricts, last_seq) VALUES (1,1,1,1,1,1,1,1,1,1,1,1,1,1)")
	for _, forbidden := range []string{"DROP TABLE ledger", "ALTER TABLE ledger ADD x BIGINT", "TRUNCATE ledger", "CREATE TABLE mine (x BIGINT)"} {
		if err := exec(node, forbidden); err == nil {
			t.Errorf("the node's role may %s", forbidden)
		}
	}
}

func TestAServerWithoutConnectionsLeftIsAnErrorAndLeavesNothing(t *testing.T) {
	c := pgtest.Start(t, "max_connections=5", "superuser_reserved_connections=0")
	db := openURL(t, c.URL("postgres"))
	mustExec(t, db, "CREATE TABLE things (id BIGINT PRIMARY KEY)")
	refused := errors.New("none was refused")
	var hold func(n int) error
	hold = func(n int) error { // one connection more at each depth
		return db.Read(ctx, func(store.Tx) error {
			if n == 0 {
				refused = exec(db, "INSERT INTO things (id) VALUES (1)")
				return nil
			}
			return hold(n - 1)
		})
	}
	if err := hold(6); !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "too many") {
		t.Errorf("got %v (inside: %v), want too many connections", err, refused)
	}
	mustCount(t, db, "SELECT count(*) FROM things", 0)
	mustExec(t, db, "INSERT INTO things (id) VALUES (2)")
}

func TestAStatementThatTakesTooLongLeavesNothing(t *testing.T) {
	hasty := openURL(t, pgtest.Shared(t).Database(t)+"&statement_timeout=50")
	mustExec(t, hasty, "CREATE TABLE things (id BIGINT PRIMARY KEY)")
	err := hasty.InTx(ctx, func(tx store.Tx) error {
		if _, err := tx.Exec(ctx, "INSERT INTO things (id) VALUES (3)"); err != nil {
			return err
		}
		return store.Each(tx.Query(ctx, "SELECT count(*) FROM generate_series(1, 1000000000)"), func(store.Row) error { return nil })
	})
	if !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "57014") {
		t.Errorf("got %v, want the statement timeout", err)
	}
	mustCount(t, hasty, "SELECT count(*) FROM things", 0)
}
