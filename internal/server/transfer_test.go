package server_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/relocation"
	"github.com/consentline/consentline/internal/server"
	"github.com/consentline/consentline/internal/store"
	"github.com/consentline/consentline/internal/store/postgres"
	"github.com/consentline/consentline/internal/suppression"
	"github.com/consentline/consentline/internal/testkit/pgtest"
	"github.com/consentline/consentline/internal/vault"
)

// lived makes a deployment with some of everything, and returns its directory.
func lived(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	s := open(t, dir)
	record(t, s, consent.Granted)
	var many []act.Report
	for i := range 300 {
		many = append(many, act.Report{
			Number: fmt.Sprintf("+447700900%03d", i), Purpose: "marketing", Channel: consent.SMS, Act: consent.Granted, Source: consent.WebForm,
			IdempotencyKey: fmt.Sprint("key ", i),
		})
	}
	if _, err := s.Recorder.Record(ctx, access.Local, many); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Lists.Create(ctx, "test", suppression.List{ID: "dnc", Name: "Do not call", Kind: "own"}, s.Now()); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Lists.Add(ctx, "test", "dnc", []phone.Number{447700900007}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Gate.Create(ctx, access.Local, access.Key{Name: "admin", Role: access.Admin}); err != nil {
		t.Fatal(err)
	}
	integrate(t, s)
	closing(t, s)
	return dir
}

// integrate waits until a checkpoint covers all entries, and returns how many it covers.
func integrate(t testing.TB, s *server.Server) uint64 {
	t.Helper()
	head, err := s.Ledger.Head(ctx)
	if err == nil {
		err = s.Tree.WaitIntegrated(ctx, head)
	}
	if err != nil {
		t.Fatal(err)
	}
	return head
}

func transfer(from, to, key string) (server.Transferred, error) {
	return server.Transfer(ctx, server.TransferConfig{From: from, To: to, MasterKeyFile: key, Now: time.Now})
}

func mustTransfer(t testing.TB, from, to, key string) server.Transferred {
	t.Helper()
	done, err := transfer(from, to, key)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

func TestADeploymentMovesThereAndBack(t *testing.T) {
	dir, there, back := lived(t), pgtest.Shared(t).Database(t), filepath.Join(t.TempDir(), "back")
	key := filepath.Join(dir, "master.key")
	out := mustTransfer(t, dir, there, "")
	if out.Entries < 304 || out.Checked == 0 || out.Checkpoint != int64(out.Entries) || out.Copied != out.Rows || out.MasterKeyFile != key {
		t.Errorf("got %+v, want all entries under checkpoints", out)
	}
	s := openAt(t, server.Config{DataDir: t.TempDir(), Database: there, MasterKeyFile: key, SingleNode: true, Rules: server.NoRules})
	if s.Ledger.Deployment() != out.Deployment || len(s.Gate.Keys()) != 1 {
		t.Errorf("deployment %s with %d keys, want %s with 1", s.Ledger.Deployment(), len(s.Gate.Keys()), out.Deployment)
	}
	wantVerdict(t, s, check.Allow, check.Granted)
	listed := question()
	listed.Number = 447700900007
	if v := s.Index.Check(listed); v.Code() != check.Suppressed {
		t.Errorf("a number on a list: got %s, want it suppressed", v.Code())
	}
	again, err := s.Recorder.Record(ctx, access.Local, []act.Report{{
		Number: "+447700900007", Purpose: "marketing", Channel: consent.SMS, Act: consent.Granted, Source: consent.WebForm, IdempotencyKey: "key 7",
	}})
	if err != nil || again[0].Outcome != ledger.Duplicate {
		t.Errorf("what was told before: got %+v, %v; want a duplicate", again, err)
	}
	withdrawn := record(t, s, consent.Withdrawn)
	integrate(t, s) // on the tree that was begun in the other database
	closing(t, s)

	returned := mustTransfer(t, there, back, key)
	if returned.Entries != withdrawn.Seq || returned.Checked <= out.Checked {
		t.Errorf("got %+v, want %d entries under more checkpoints than %d", returned, withdrawn.Seq, out.Checked)
	}
	s = open(t, back)
	defer closing(t, s)
	wantVerdict(t, s, check.Deny, check.Withdrawn)
	integrate(t, s)
}

// TestNeitherEndOfATransferCanBeServed looks at both databases at every point where a transfer may be interrupted.
func TestNeitherEndOfATransferCanBeServed(t *testing.T) {
	dir, there := lived(t), pgtest.Shared(t).Database(t)
	key := filepath.Join(dir, "master.key")
	moved := func(c server.Config, want ledger.MovedError) {
		t.Helper()
		c.Rules, c.MasterKeyFile = server.NoRules, key
		s, err := server.Open(ctx, c)
		if err == nil {
			closing(t, s)
		}
		var got *ledger.MovedError
		if !errors.As(err, &got) || got.Copy != want.Copy || got.Whole != want.Whole {
			t.Errorf("got %v, want it refused as %+v", err, want)
		}
	}
	for at := 1; ; at += 3 {
		runs, interrupted := 0, errors.New("interrupted")
		done, err := runTransfer(t, dir, there, func() error {
			if runs++; runs == at {
				return interrupted
			}
			return nil
		})
		if err == nil {
			if done.Copied >= done.Rows && at > 4 {
				t.Errorf("got %+v, want to have gone on from before", done)
			}
			break
		}
		if !errors.Is(err, interrupted) {
			t.Fatal(err)
		}
		if at > 4 { // both are marked
			moved(server.Config{DataDir: dir}, ledger.MovedError{})
			moved(server.Config{DataDir: t.TempDir(), Database: there}, ledger.MovedError{Copy: true})
		}
	}
	moved(server.Config{DataDir: dir}, ledger.MovedError{Whole: true})
	if other, err := server.Abandon(ctx, dir); err != nil || strings.Contains(other, "@") {
		t.Errorf("abandon: got %q, %v", other, err)
	}
	closing(t, open(t, dir))
}

// runTransfer transfers with a target whose transactions fail where interrupt says so.
func runTransfer(t *testing.T, dir, there string, interrupt func() error) (relocation.Result, error) {
	t.Helper()
	from, to := raw(t, server.Config{DataDir: dir}), raw(t, server.Config{Database: there})
	defer func() {
		if err := errors.Join(from.Close(), to.Close()); err != nil {
			t.Error(err)
		}
	}()
	if err := store.Migrate(ctx, to); err != nil {
		t.Fatal(err)
	}
	master, err := vault.ReadKeyFile(filepath.Join(dir, "master.key"))
	if err != nil {
		t.Fatal(err)
	}
	keys, err := vault.Open(master)
	if err != nil {
		t.Fatal(err)
	}
	return relocation.Run(ctx, relocation.Config{
		From: relocation.Place{DB: from, Name: "the directory"}, To: relocation.Place{DB: failing{to, interrupt}, Name: "the database"},
		Vault: keys, Now: time.Now, Chunk: 100,
	})
}

// failing is a database whose transactions that write may be made to fail.
type failing struct {
	store.DB
	fail func() error
}

func (f failing) InTx(ctx context.Context, fn func(store.Tx) error) error {
	return f.DB.InTx(ctx, func(tx store.Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		return f.fail()
	})
}

func TestATransferIsRefusedBeforeAnythingIsWritten(t *testing.T) {
	dir := lived(t)
	key := filepath.Join(dir, "master.key")
	refused := func(from, to, key, says string) {
		t.Helper()
		if _, err := transfer(from, to, key); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("got %v, want it to say %q", err, says)
		}
	}
	before := contents(t, server.Config{DataDir: dir})
	refused(dir, dir, "", "from one place to another")
	refused(t.TempDir(), t.TempDir(), "", "there is no ledger yet")
	other := lived(t)
	refused(dir, other, key, "is another deployment's")
	if err := os.Remove(filepath.Join(other, "master.key")); err != nil {
		t.Fatal(err)
	}
	theirs := contents(t, server.Config{DataDir: other})
	refused(dir, other, key, "transfer into an empty directory")
	if contents(t, server.Config{DataDir: other}) != theirs {
		t.Error("the refusal has changed the target")
	}
	foreign := places[1].config(t)
	inside(t, foreign, "CREATE TABLE ledger (account BIGINT)")
	refused(dir, foreign.Database, "", "not of Consentline")
	wrong := filepath.Join(t.TempDir(), "wrong.key")
	if _, err := vault.CreateKeyFile(wrong); err != nil {
		t.Fatal(err)
	}
	refused(dir, places[1].config(t).Database, wrong, "give the key file that belongs to it")
	if contents(t, server.Config{DataDir: dir}) != before {
		t.Error("a refusal has changed the original")
	}
	s := open(t, dir)
	refused(dir, places[1].config(t).Database, "", "in use")
	closing(t, s)
}

func TestADatabaseOnWhichANodeRunsIsNotTransferred(t *testing.T) {
	config := places[1].config(t)
	s := openAt(t, config)
	_, err := transfer(config.Database, filepath.Join(t.TempDir(), "copy"), s.DataDir+"/master.key")
	var running *server.RunningError
	if !errors.As(err, &running) || running.Conns == 0 {
		t.Errorf("got %v, want a RunningError", err)
	}
	// A node that is not seen, since it names its connections itself, can append nothing once the transfer has begun.
	inside(t, config, "INSERT INTO transfers (id, filled, deployment, other, whole, begun_at) VALUES (1, 0, 'x', 'elsewhere', 0, 0)", "UPDATE head SET seq = seq")
	_, err = s.Recorder.Record(ctx, access.Local, report(consent.Granted, "late"))
	if !is[*ledger.MovedError](err) {
		t.Errorf("an act during the transfer: got %v, want a MovedError", err)
	}
	closing(t, s)
	if done := mustTransferAnyway(t, config); done.Entries == 0 {
		t.Errorf("once it is abandoned and nobody runs: got %+v", done)
	}
}

func mustTransferAnyway(t *testing.T, c server.Config) server.Transferred {
	t.Helper()
	if _, err := server.Abandon(ctx, c.Database); err != nil {
		t.Fatal(err)
	}
	return mustTransfer(t, c.Database, filepath.Join(t.TempDir(), "copy"), c.DataDir+"/master.key")
}

// TestDamageInTheCopyOrTheOriginalIsFound changes one thing at a time.
// TestATransferInterruptedWhileItMadeTheTablesGoesOn finds the copy's place as a process that was killed then left it.
func TestATransferInterruptedWhileItMadeTheTablesGoesOn(t *testing.T) {
	from, to := lived(t), pgtest.Shared(t).Database(t)
	db, err := postgres.Open(ctx, postgres.Config{URL: to})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(store.MigrateTo(ctx, db, 1), db.Close()); err != nil {
		t.Fatal(err)
	}
	mustTransfer(t, from, to, "")
}

func TestDamageInTheCopyOrTheOriginalIsFound(t *testing.T) {
	whole := lived(t)
	for name, damage := range map[string]string{
		"a body":       "UPDATE ledger SET body = (SELECT body FROM ledger WHERE seq = 20) WHERE seq = 21",
		"a commitment": "UPDATE ledger SET leaf = (SELECT leaf FROM ledger WHERE seq = 20) WHERE seq = 21",
		"an entry":     "DELETE FROM ledger WHERE seq = 21",
		"the last":     "DELETE FROM ledger WHERE seq = (SELECT max(seq) FROM ledger)",
		"a time":       "UPDATE ledger SET recorded_at = recorded_at + 1 WHERE seq = 21",
		"a checkpoint": "UPDATE checkpoints SET note = replace(note, 'A', 'B')",
		"the tree":     "UPDATE log_state SET size = size + 1",
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "original")
			if err := os.CopyFS(dir, os.DirFS(whole)); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(filepath.Join(dir, "master.key"), 0o600); err != nil {
				t.Fatal(err)
			}
			inside(t, server.Config{DataDir: dir}, damage)
			if done, err := transfer(dir, filepath.Join(t.TempDir(), "copy"), ""); err == nil {
				t.Errorf("got %+v, want it found", done)
			}
		})
	}
}
