package server_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/server"
	"github.com/consentline/consentline/internal/testkit/pgtest"
)

// earlier copies a database, and returns what puts the copy in its place.
func earlier(t *testing.T, c *server.Config) (putBack func()) {
	t.Helper()
	if c.Database == "" {
		path := filepath.Join(c.DataDir, "consentline.db")
		copied, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return func() {
			if err := errors.Join(os.RemoveAll(path+"-wal"), os.RemoveAll(path+"-shm"), os.WriteFile(path, copied, 0o600)); err != nil {
				t.Fatal(err)
			}
		}
	}
	path, rest, _ := strings.Cut(c.Database, "?")
	name := path[strings.LastIndex(path, "/")+1:]
	pgtest.Shared(t).SQL(t, "postgres", "CREATE DATABASE "+name+"_copy TEMPLATE "+name)
	return func() { c.Database = path + "_copy?" + rest }
}

// TestACopyThatLacksWhatThisNodeHasAppliedIsRefused puts an older copy of the database in its place while nobody runs,
// so that only the node's own directory knows what is missing: a withdrawal.
func TestACopyThatLacksWhatThisNodeHasAppliedIsRefused(t *testing.T) {
	eachPlace(t, func(t *testing.T, c server.Config) {
		s := openAt(t, c)
		record(t, s, consent.Granted)
		closing(t, s)
		putBack := earlier(t, &c)
		s = openAt(t, c)
		gone := record(t, s, consent.Withdrawn)
		closing(t, s)
		putBack()
		s, err := server.Open(ctx, c)
		var lost *server.LostEntriesError
		if !errors.As(err, &lost) || lost.Entry < gone.Seq || lost.Head >= gone.Seq || !strings.Contains(err.Error(), "tell again") {
			if err == nil {
				closing(t, s)
			}
			t.Fatalf("got %v, want a LostEntriesError about entry %d and what to do", err, gone.Seq)
		}
		if err := os.Remove(lost.File); err != nil { // as the operator who has decided is told to
			t.Fatal(err)
		}
		s = openAt(t, c)
		wantVerdict(t, s, check.Allow, check.Granted)
		record(t, s, consent.Withdrawn)
		closing(t, s)
		closing(t, openAt(t, c)) // the new history is the one that is known now
	})
}

func TestATornNoteOfWhatWasReachedSaysNothing(t *testing.T) {
	c := places[0].config(t)
	closing(t, openAt(t, c))
	for _, text := range []string{"", "{", `{"deployment":"x","entry":0,"commitment":"00"}`, `{"entry":9,"commitment":"zz"}`} {
		if err := os.WriteFile(filepath.Join(c.DataDir, "reached.json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		closing(t, openAt(t, c))
	}
}

// TestALedgerThatIsNotTheOneServedBeforeIsRefused puts an empty database, and then another deployment's, where a node
// finds its own gone: to serve it would be to forget every withdrawal.
func TestALedgerThatIsNotTheOneServedBeforeIsRefused(t *testing.T) {
	eachPlace(t, func(t *testing.T, c server.Config) {
		c.MasterKeyFile = filepath.Join(t.TempDir(), "master.key")
		s := openAt(t, c)
		record(t, s, consent.Withdrawn)
		known := s.Ledger.Deployment()
		closing(t, s)
		anew := c
		if c.Database != "" {
			anew.Database = pgtest.Shared(t).Database(t)
		} else if err := os.Rename(filepath.Join(c.DataDir, "consentline.db"), filepath.Join(c.DataDir, "gone")); err != nil {
			t.Fatal(err)
		}
		wantOtherLedger(t, anew, known, "")
		if anew.Database != "" {
			if m, err := server.Schema(ctx, anew); err != nil || m.From != 0 {
				t.Errorf("the empty database has schema %d, %v; want that nothing was written", m.From, err)
			}
		}
		elsewhere := anew
		elsewhere.DataDir = t.TempDir()
		s = openAt(t, elsewhere)
		there := s.Ledger.Deployment()
		closing(t, s)
		if c.Database == "" {
			if err := os.Rename(filepath.Join(elsewhere.DataDir, "consentline.db"), filepath.Join(c.DataDir, "consentline.db")); err != nil {
				t.Fatal(err)
			}
		}
		wantOtherLedger(t, anew, known, there)
		if err := os.Remove(filepath.Join(c.DataDir, "reached.json")); err != nil { // as the operator who means it is told to
			t.Fatal(err)
		}
		closing(t, openAt(t, anew))
	})
}

func wantOtherLedger(t *testing.T, c server.Config, known, there string) {
	t.Helper()
	s, err := server.Open(ctx, c)
	if err == nil {
		closing(t, s)
	}
	var other *server.OtherLedgerError
	if !errors.As(err, &other) || other.Known != known || other.There != there || !strings.Contains(err.Error(), "reached.json") {
		t.Fatalf("got %v, want an OtherLedgerError about %s where %q is, and what to do", err, known, there)
	}
}
