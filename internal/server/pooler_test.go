package server_test

import (
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/server"
	"github.com/consentline/consentline/internal/store"
	"github.com/consentline/consentline/internal/store/postgres"
	"github.com/consentline/consentline/internal/testkit/pgtest"
)

// TestNodesWorkThroughAPoolerInTransactionMode runs three nodes, with their 45 connections, on five that a pgbouncer
// shares among them. Announcements are not heard there; polling alone must do.
func TestNodesWorkThroughAPoolerInTransactionMode(t *testing.T) {
	c := pgtest.Start(t)
	const shared = 5
	pooler := c.Pooler(t, shared)
	key := filepath.Join(t.TempDir(), "master.key")
	var nodes []*server.Server
	for range 3 {
		s := openAt(t, server.Config{
			DataDir: t.TempDir(), Database: pooler.URL(c.URL("postgres")), MasterKeyFile: key, Rules: server.NoRules,
			Delta: 2 * time.Second, Every: 20 * time.Millisecond,
		})
		defer closing(t, s)
		nodes = append(nodes, s)
	}
	record(t, nodes[0], consent.Granted)
	for _, n := range nodes {
		within(t, n, check.Allow)
	}
	var wg sync.WaitGroup
	for w := range 12 {
		wg.Go(func() {
			for i := range 10 {
				r, err := nodes[w%3].Recorder.Record(ctx, access.Local, []act.Report{{
					Number: fmt.Sprintf("+447700900%03d", w*10+i), Purpose: "marketing", Channel: consent.SMS,
					Act: consent.Granted, Source: consent.WebForm,
				}})
				if err != nil || r[0].Err != nil {
					t.Error(err, r)
				}
			}
		})
	}
	wg.Wait()
	record(t, nodes[1], consent.Withdrawn)
	for i, n := range nodes {
		if v := n.Index.Check(question()); v.Outcome != check.Deny {
			t.Errorf("node %d: %s after the acknowledgement", i, v.Outcome)
		}
	}
	if n := backends(t, c); n > shared {
		t.Errorf("%d connections reach the database, want at most %d", n, shared)
	}
	pooler.Kill() // a restart of the pooler cuts everybody
	pooler.Start(t)
	first := insist(t, nodes[2], consent.Withdrawn, "after")
	if again := insist(t, nodes[0], consent.Withdrawn, "after"); again.Seq != first.Seq || again.Outcome != ledger.Duplicate {
		t.Errorf("told again: got %+v, want a duplicate of entry %d", again, first.Seq)
	}
	within(t, nodes[1], check.Deny)
}

// backends counts the connections to a cluster's database but for its own.
func backends(t *testing.T, c *pgtest.Cluster) (n int64) {
	t.Helper()
	db, err := postgres.Open(ctx, postgres.Config{URL: c.URL("postgres"), Name: "the test"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }() // nothing is left to lose
	err = db.Read(ctx, func(tx store.Tx) error {
		return store.One(tx.Query(ctx, `
			SELECT count(*)
			FROM pg_stat_activity
			WHERE datname = 'postgres' AND backend_type = 'client backend' AND application_name <> 'the test'`), func(r store.Row) { n = r.Int64(0) })
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}
