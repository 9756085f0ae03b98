package freshness_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/freshness"
	"github.com/consentline/consentline/internal/store"
	"github.com/consentline/consentline/internal/store/postgres"
	"github.com/consentline/consentline/internal/testkit/pgtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Run(m)) }

func database(t *testing.T) *postgres.DB {
	t.Helper()
	db, err := postgres.Open(context.Background(), postgres.Config{URL: pgtest.Shared(t).Schema(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := store.Migrate(context.Background(), db); err != nil {
		t.Fatal(err)
	}
	return db
}

func TestOneNodeLeadsAndIsReplacedWhenItIsSilent(t *testing.T) {
	db, now := database(t), check.Instant(0)
	clock := func() check.Instant { return now }
	leader := func(name byte) *freshness.Leader {
		return &freshness.Leader{Database: db, Job: "upkeep", Holder: [16]byte{name}, Term: 10 * time.Second, Clock: clock}
	}
	a, b, c := leader(1), leader(2), leader(3)
	leads := func(l *freshness.Leader, want bool) {
		t.Helper()
		if got, err := l.Lead(t.Context()); got != want || err != nil {
			t.Errorf("at %s: leads %t, %v; want %t", time.Duration(now), got, err, want)
		}
	}
	leads(a, true)
	for range 5 { // a signs, so nobody takes over however long it lasts
		leads(b, false)
		now += check.Instant(8 * time.Second)
		leads(a, true)
	}
	leads(b, false) // sees the last sign
	now += check.Instant(10 * time.Second)
	leads(b, false) // at the very end of the term
	now++
	leads(c, false) // has not watched for a term
	leads(b, true)
	leads(a, false) // comes back, and finds its successor
	leads(c, false)
}

func TestNodesThatPollNoMoreAreForgotten(t *testing.T) {
	db := database(t)
	poll := func(name byte) {
		t.Helper()
		err := db.Poll(t.Context(), func(tx store.Tx) error {
			_, err := tx.Exec(t.Context(), "INSERT INTO nodes (incarnation, polls) VALUES ($1, 1) ON CONFLICT (incarnation) DO UPDATE SET polls = nodes.polls + 1", append(make([]byte, 15), name))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	census := freshness.Census{Database: db}
	run := func(want int) {
		t.Helper()
		if done, err := census.RunOnce(t.Context()); done != want || err != nil {
			t.Errorf("got %d, %v; want %d", done, err, want)
		}
	}
	poll(1)
	poll(2)
	run(0) // nobody was seen before
	poll(2)
	run(1)
	poll(1)
	poll(2)
	run(0)
}
