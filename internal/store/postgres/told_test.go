package postgres_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/store"
	"github.com/consentline/consentline/internal/store/postgres"
	"github.com/consentline/consentline/internal/testkit/pgtest"
)

// TestWhatTheServerSaysOfItselfIsTold lets a server raise the errors that cannot be had without breaking its machine.
func TestWhatTheServerSaysOfItselfIsTold(t *testing.T) {
	db := open(t).(*postgres.DB)
	for state, want := range map[string]error{
		"53100": store.ErrFull, "58030": store.ErrFailing, "XX001": store.ErrFailing,
		"53300": store.ErrUnavailable, "57P03": store.ErrUnavailable, "57014": store.ErrUnavailable, "25006": store.ErrUnavailable,
		"23514": nil,
	} {
		err := exec(db, fmt.Sprintf("DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '%s'; END $$", state))
		for _, kind := range []error{store.ErrFull, store.ErrFailing, store.ErrUnavailable} {
			if errors.Is(err, kind) != (kind == want) || err == nil {
				t.Errorf("%s: got %v, want %v", state, err, want)
			}
		}
	}
}

func TestAServerThatIsAwayIsUnavailable(t *testing.T) {
	c := pgtest.Start(t)
	db := openURL(t, c.URL("postgres"))
	mustExec(t, db, "CREATE TABLE things (id BIGINT PRIMARY KEY)")
	err := db.InTx(ctx, func(tx store.Tx) error {
		if err := c.Kill(); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "INSERT INTO things (id) VALUES (1)")
		return err
	})
	if !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("killed before the commit: got %v, want %v", err, store.ErrUnavailable)
	}
	if err := exec(db, "INSERT INTO things (id) VALUES (2)"); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("gone: got %v, want %v", err, store.ErrUnavailable)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	mustExec(t, db, "INSERT INTO things (id) VALUES (3)")
	mustCount(t, db, "SELECT count(*) FROM things", 1)
}

// TestWhoeverIsAlwaysInTheWayIsToldOf lets every run of a transaction collide until its time is over.
func TestWhoeverIsAlwaysInTheWayIsToldOf(t *testing.T) {
	url := pgtest.Shared(t).Database(t)
	other := openURL(t, url)
	mustExec(t, other, "CREATE SCHEMA own")
	url += "&search_path=own,public"
	mustExec(t, other, "CREATE TABLE things (id BIGINT PRIMARY KEY, n BIGINT NOT NULL)")
	mustExec(t, other, "INSERT INTO things (id, n) VALUES (1, 0)")
	db, err := postgres.Open(ctx, postgres.Config{URL: url, Timeout: 300 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }() // nothing is left to lose
	runs := 0
	err = db.InTx(ctx, func(tx store.Tx) error {
		runs++
		if err := store.One(tx.Query(ctx, "SELECT n FROM things WHERE id = 1"), func(store.Row) {}); err != nil {
			return err
		}
		mustExec(t, other, "UPDATE things SET n = n + 1 WHERE id = 1")
		_, err := tx.Exec(ctx, "UPDATE things SET n = 0 WHERE id = 1")
		return err
	})
	if !errors.Is(err, store.ErrUnavailable) || runs < 2 {
		t.Errorf("after %d runs: got %v, want %v", runs, err, store.ErrUnavailable)
	}
}
