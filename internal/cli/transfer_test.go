package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/store"
	"github.com/consentline/consentline/internal/store/postgres"
	"github.com/consentline/consentline/internal/testkit/pgtest"
)

// carriedSoFar is how many rows of the target's tables have been committed, -1 before any.
func carriedSoFar(t *testing.T, db store.DB) int64 {
	t.Helper()
	n := int64(-1)
	err := db.Read(context.Background(), func(tx store.Tx) error {
		return store.One(tx.Query(context.Background(), "SELECT coalesce(sum(n), -1)::bigint FROM transferred"), func(r store.Row) { n = r.Int64(0) })
	})
	if err != nil && !db.Dialect().NoTable(err) {
		t.Fatal(err)
	}
	return n
}

// TestATransferThatIsKilledGoesOnWhereItWas kills it three times while it copies, and wants the whole in the end.
func TestATransferThatIsKilledGoesOnWhereItWas(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	var file bytes.Buffer
	file.WriteString("number,status,date\n")
	const people = 20_000
	for i := range people {
		fmt.Fprintf(&file, "+3532091%05d,subscribed,2025-06-01T10:00:00Z\n", i)
	}
	csv := filepath.Join(t.TempDir(), "people.csv")
	if err := os.WriteFile(csv, file.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, 0, "import", "--data", dir, csv, "--map", "number=number,status=status,effective_at=date", "--channel", "sms", "--purpose", "marketing", "--brand", "default", "--level", "express")
	c := pgtest.Start(t)
	url := c.URL("postgres")
	db, err := postgres.Open(context.Background(), postgres.Config{URL: url, Name: "the test"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }() // nothing is left to lose
	args := []string{"transfer", "--from", dir, "--to", url, "--json"}
	last := int64(-1)
	for range 3 {
		last = killed(t, args, db, last)
	}
	var done struct {
		Entries, Rows, Copied int64
		Root                  string
	}
	out, _ := run(t, 0, args...)
	if err := json.Unmarshal([]byte(out), &done); err != nil {
		t.Fatal(err)
	}
	if done.Entries < people || done.Copied > done.Rows-last || done.Root == "" {
		t.Errorf("got %+v after %d rows had been carried, want the rest carried and all verified", done, last)
	}
}

// killed starts the transfer and kills it once it has carried more rows than before.
func killed(t *testing.T, args []string, db store.DB, before int64) int64 {
	t.Helper()
	cmd := exec.Command("consentline", args...)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(60 * time.Second); carriedSoFar(t, db) <= before; {
		if time.Now().After(deadline) {
			t.Fatal("it carries nothing")
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Fatal("it ended before it was killed: too few rows for a proof")
	}
	return carriedSoFar(t, db)
}
