package cli_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/server"
	"github.com/consentline/consentline/internal/testkit/pgtest"
)

// TestTheDoctorLooksAtADatabaseOfNodes asks about one without a schema, a sound one, one that lost entries, and with
// another's key.
func TestTheDoctorLooksAtADatabaseOfNodes(t *testing.T) {
	c := pgtest.Start(t)
	dir, url := t.TempDir(), c.URL("postgres")
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	doctor := func(want int, more ...string) string {
		t.Helper()
		out, _ := run(t, want, append([]string{"doctor", "--data", dir, "--database", url}, more...)...)
		return out
	}
	key := filepath.Join(dir, "master.key")
	in(t, doctor(1), "there is none", "run consentline migrate") // neither key nor schema
	open := func() *server.Server {
		s, err := server.Open(context.Background(), server.Config{DataDir: dir, Database: url, SingleNode: true, Rules: server.NoRules})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	closing := func(s *server.Server) {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	closing(open())
	in(t, doctor(0), "they belong together", "every entry that this node knows of", "the newest checkpoint covers")
	c.SQL(t, "template1", "CREATE DATABASE earlier TEMPLATE postgres")
	s := open()
	if _, _, err := s.Gate.Create(context.Background(), access.Local, access.Key{Name: "late", Role: access.Admin}); err != nil {
		t.Fatal(err)
	}
	closing(s)
	url = c.URL("earlier")
	in(t, doctor(1), "is missing or another", "delete "+filepath.Join(dir, "reached.json"), "withdrawals first")
	c.SQL(t, "template1", "CREATE DATABASE emptied")
	url = c.URL("emptied")
	in(t, doctor(1), "which this data directory has served", "delete "+filepath.Join(dir, "reached.json"))
	url = c.URL("postgres")
	other := t.TempDir()
	run(t, 0, "keys", "create", "--data", other, "--role", "admin", "other")
	in(t, doctor(1, "--master-key", filepath.Join(other, "master.key")), "give the key file that belongs to it")
	in(t, doctor(0, "--master-key", key), "they belong together")
}
