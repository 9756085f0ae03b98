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
	"github.com/consentline/consentline/internal/store"
	"github.com/consentline/consentline/internal/testkit/pgtest"
)

// TestTheOwnerMigratesAndTheNodesRoleServes runs the script that operators are given, migrates as one role and serves as
// the other, which could not have made the schema.
func TestTheOwnerMigratesAndTheNodesRoleServes(t *testing.T) {
	c := pgtest.Start(t)
	script, err := os.ReadFile("../../deploy/postgres/role.sql")
	if err != nil {
		t.Fatal(err)
	}
	for statement := range strings.SplitSeq(string(script), ";\n") {
		c.SQL(t, "postgres", statement)
	}
	as := func(role string) server.Config {
		return server.Config{
			Database: strings.Replace(c.URL("postgres"), "postgres@", role+"@", 1), DataDir: t.TempDir(),
			MasterKeyFile: filepath.Join(t.TempDir(), "master.key"), Rules: server.NoRules,
		}
	}
	node := as("consentline_node")
	if s, err := server.Open(ctx, node); !errors.Is(err, store.ErrForbidden) || !strings.Contains(err.Error(), "run consentline migrate as the one that owns it") {
		if err == nil {
			closing(t, s)
		}
		t.Errorf("without a schema: got %v, want it refused", err)
	}
	owner := as("consentline_owner")
	owner.MasterKeyFile = "" // the schema needs no key
	if m, err := server.Migrate(ctx, owner); err != nil || m.From != 0 {
		t.Fatalf("as the owner: got %+v, %v", m, err)
	}
	s := openAt(t, node)
	record(t, s, consent.Granted)
	within(t, s, check.Allow)
	record(t, s, consent.Withdrawn)
	wantVerdict(t, s, check.Deny, check.Withdrawn)
	closing(t, s)
	back := filepath.Join(t.TempDir(), "back")
	if done, err := transfer(node.Database, back, node.MasterKeyFile); err != nil || done.Entries == 0 {
		t.Errorf("transfer as the nodes' role: got %+v, %v", done, err)
	}
}
