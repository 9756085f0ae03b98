//go:build unix

package pgtest

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Standby makes a copy of the cluster that streams what it commits, and starts it. As a standby it is named "standby".
func (c *Cluster) Standby(t testing.TB, settings ...string) *Cluster {
	t.Helper()
	dir, err := os.MkdirTemp("", "pg")
	if err != nil {
		t.Fatal(err)
	}
	s := &Cluster{dir: dir, programs: c.programs, settings: settings}
	t.Cleanup(func() {
		if err := s.Remove(); err != nil {
			t.Error(err)
		}
	})
	if err := errors.Join(os.Chmod(dir, 0o755), s.own(dir)); err != nil {
		t.Fatal(err)
	}
	out, err := s.command("pg_basebackup", "-D", s.data(), "-R", "-X", "stream", "-c", "fast", "--no-sync",
		"-d", fmt.Sprintf("host=%s user=postgres application_name=standby", c.dir)).CombinedOutput()
	if err != nil {
		t.Fatalf("pg_basebackup: %v\n%s", err, out)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	return s
}

// WaitForStandby makes every commit of the cluster wait for its standby from now on, and returns once one does.
func (c *Cluster) WaitForStandby(t testing.TB) {
	t.Helper()
	c.SQL(t, "postgres", "ALTER SYSTEM SET synchronous_standby_names = 'standby'", "SELECT pg_reload_conf()")
	// A session learns of new settings between statements only, so each look is a session of its own.
	for deadline := time.Now().Add(startPatience); !c.replicated(t); {
		if time.Now().After(deadline) {
			t.Fatalf("no standby is synchronous:\n%s", c.Log())
		}
	}
}

func (c *Cluster) replicated(t testing.TB) (is bool) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), c.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }() // nothing is left to lose
	if err := conn.QueryRow(t.Context(), "SELECT EXISTS (SELECT FROM pg_stat_replication WHERE sync_state = 'sync')").Scan(&is); err != nil {
		t.Fatal(err)
	}
	return is
}

// Promote makes a standby a primary, and returns when it takes writes.
func (c *Cluster) Promote(t testing.TB) {
	t.Helper()
	if out, err := c.command("pg_ctl", "promote", "-D", c.data()).CombinedOutput(); err != nil {
		t.Fatalf("pg_ctl promote: %v\n%s", err, out)
	}
}
