package server_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/catalog"
	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/server"
	"github.com/consentline/consentline/internal/suppression"
	"github.com/consentline/consentline/internal/testkit/pgtest"
)

// TestMain runs the tests, or is a node that a test talks to.
func TestMain(m *testing.M) {
	if text := os.Getenv(ordersVariable); text != "" {
		os.Exit(runNode(text))
	}
	if dir := os.Getenv(senderVariable); dir != "" {
		os.Exit(runSender(dir))
	}
	os.Exit(pgtest.Run(m))
}

// cluster opens nodes on one database, each with a data directory of its own and all with one master key.
func cluster(t testing.TB, nodes int) (servers []*server.Server, config server.Config) {
	t.Helper()
	config = server.Config{
		Database: pgtest.Shared(t).Schema(t), MasterKeyFile: filepath.Join(t.TempDir(), "master.key"),
		Delta: 200 * time.Millisecond, Every: 20 * time.Millisecond, Rules: server.NoRules,
	}
	for range nodes {
		c := config
		c.DataDir = t.TempDir()
		s, err := server.Open(ctx, c)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { closing(t, s) })
		servers = append(servers, s)
	}
	return servers, config
}

// within asks until the answer is the one that is wanted. What widens may take a poll to arrive.
func within(t testing.TB, s *server.Server, want check.Outcome) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for s.Index.Check(question()).Outcome != want {
		if time.Now().After(deadline) {
			v := s.Index.Check(question())
			t.Fatalf("got %s (%s) to the end, want %s", v.Outcome, v.Code(), want)
		}
		if err := s.Node.Confirm(ctx); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAWithdrawalAcknowledgedByOneNodeIsObeyedByAll(t *testing.T) {
	nodes, _ := cluster(t, 3)
	for round := range 6 {
		writer := nodes[round%3]
		record(t, writer, consent.Granted)
		for _, n := range nodes {
			within(t, n, check.Allow)
		}
		record(t, nodes[(round+1)%3], consent.Withdrawn)
		for i, n := range nodes {
			if v := n.Index.Check(question()); v.Outcome == check.Allow {
				t.Errorf("round %d: node %d allows after the acknowledgement", round, i)
			}
		}
	}
}

func TestANodeInAHurrySaysThatOthersMayNotObeyYet(t *testing.T) {
	nodes, _ := cluster(t, 2)
	report := act.Report{Number: alice, Purpose: "marketing", Channel: consent.SMS, Act: consent.Withdrawn, Source: consent.WebForm}
	r, err := nodes[0].Recorder.Record(ledger.WithoutWaiting(ctx), access.Local, []act.Report{report})
	if err != nil || r[0].Pending == nil {
		t.Fatalf("got %+v, %v; want it pending", r, err)
	}
	if err := r[0].Pending.Wait(ctx); err != nil {
		t.Fatal(err)
	}
	wantVerdict(t, nodes[1], check.Deny, check.Withdrawn)
	report.Act = consent.Granted
	r, err = nodes[0].Recorder.Record(ledger.WithoutWaiting(ctx), access.Local, []act.Report{report})
	if err != nil || r[0].Pending != nil {
		t.Errorf("a grant: got %+v, %v; want nothing pending", r, err)
	}
}

func TestListsDefinitionsAndKeysReachEveryNode(t *testing.T) {
	nodes, _ := cluster(t, 2)
	a, b := nodes[0], nodes[1]
	record(t, a, consent.Granted)
	within(t, b, check.Allow)
	if _, err := a.Lists.Create(ctx, "test", suppression.List{ID: "dnc", Name: "Do not call", Kind: "own"}, a.Now()); err != nil {
		t.Fatal(err)
	}
	if err := b.Node.Confirm(ctx); err != nil {
		t.Fatal(err)
	}
	if _, n, err := b.Lists.Add(ctx, "test", "dnc", []phone.Number{12025550123, 12025550124}); err != nil || n != 2 {
		t.Fatal(n, err)
	}
	wantVerdict(t, a, check.Deny, check.Suppressed)
	if _, n, err := a.Lists.Delete(ctx, "test", "dnc", []phone.Number{12025550123}); err != nil || n != 1 {
		t.Fatal(n, err)
	}
	within(t, b, check.Allow)
	r, err := b.Lists.Replace(ctx, "dnc")
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Add(ctx, 12025550123); err != nil {
		t.Fatal(err)
	}
	_, err = r.Commit(ctx, "test", b.Now())
	r.Close()
	if err != nil {
		t.Fatal(err)
	}
	wantVerdict(t, a, check.Deny, check.Suppressed)
	if got := a.Index.Suppressions(12025550124); len(got) != 0 {
		t.Errorf("the members before the replacement stand on %v", got)
	}
	key, secret, err := a.Gate.Create(ctx, access.Local, access.Key{Name: "k", Role: access.Sender})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Node.Confirm(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Gate.Authenticate(secret); err != nil {
		t.Errorf("a key made by another node: %v", err)
	}
	if _, err := a.Gate.Revoke(ctx, access.Local, key.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Gate.Authenticate(secret); !errors.Is(err, access.ErrUnknownKey) {
		t.Errorf("a key revoked by another node: got %v, want ErrUnknownKey", err)
	}
}

// TestTwoNodesThatChangeTheSameDoNotOverwriteEachOther lets both change a brand until each has met the other.
func TestTwoNodesThatChangeTheSameDoNotOverwriteEachOther(t *testing.T) {
	nodes, _ := cluster(t, 2)
	errs := make(chan error, 2)
	for i, n := range nodes {
		go func() {
			_, err := n.Catalog.CreateBrand(ctx, "test", catalog.Brand{ID: "acme", Name: []string{"first", "second"}[i]})
			errs <- err
		}()
	}
	made := 0
	for range nodes {
		switch err := <-errs; {
		case err == nil:
			made++
		case !errors.Is(err, ledger.ErrChanged) && !errors.Is(err, catalog.ErrExists):
			t.Error(err)
		}
	}
	if made != 1 {
		t.Errorf("%d nodes made the brand, want 1", made)
	}
}

func TestWhatDoesNotFitIsRefusedAtStartAndNothingIsWritten(t *testing.T) {
	nodes, config := cluster(t, 1)
	head, err := nodes[0].Ledger.Head(ctx)
	if err != nil {
		t.Fatal(err)
	}
	refused := func(c server.Config, want string) {
		t.Helper()
		c.DataDir = t.TempDir()
		s, err := server.Open(ctx, c)
		if err == nil {
			closing(t, s)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want it to say %q", err, want)
		}
	}
	other := config
	other.MasterKeyFile = ""
	refused(other, "copy the key file of a node that has it")
	other = config
	other.Database = "mysql://root@localhost/x"
	refused(other, "postgres://")
	if now, err := nodes[0].Ledger.Head(ctx); now != head || err != nil {
		t.Errorf("head: got %d, %v; want %d as before", now, err, head)
	}
}
