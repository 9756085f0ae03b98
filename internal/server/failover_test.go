package server_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/server"
	"github.com/consentline/consentline/internal/testkit/pgtest"
	"github.com/consentline/consentline/internal/testkit/reliability"
)

// cabledDelta is for how long a poll keeps cabled nodes fresh.
const cabledDelta = 200 * time.Millisecond

// cabled opens nodes on a cluster, each behind a proxy of its own. What they log is written to log.
func cabled(t testing.TB, c *pgtest.Cluster, nodes int, log *locked) (servers []*server.Server, cables []*pgtest.Proxy) {
	t.Helper()
	return cabledWith(t, c, filepath.Join(t.TempDir(), "master.key"), nodes, log)
}

// cabledWith opens nodes with a key that the test knows the file of.
func cabledWith(t testing.TB, c *pgtest.Cluster, key string, nodes int, log *locked) (servers []*server.Server, cables []*pgtest.Proxy) {
	t.Helper()
	logger := slog.New(slog.NewTextHandler(log, nil))
	for range nodes {
		cable := pgtest.NewProxy(t, c)
		s, err := server.Open(ctx, server.Config{
			Database: cable.URL(c.URL("postgres")), MasterKeyFile: key, DataDir: t.TempDir(), Log: logger,
			Delta: cabledDelta, Every: 20 * time.Millisecond, Rules: server.NoRules,
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { closing(t, s) })
		servers, cables = append(servers, s), append(cables, cable)
	}
	return servers, cables
}

// openDefault opens a node with the product's own times.
func openDefault(t testing.TB, c *pgtest.Cluster, key string) *server.Server {
	t.Helper()
	s, err := server.Open(ctx, server.Config{
		Database: c.URL("postgres"), MasterKeyFile: key, DataDir: t.TempDir(), Rules: server.NoRules,
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// locked is a buffer for many writers.
type locked struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *locked) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *locked) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func report(kind consent.Kind, key string) []act.Report {
	return []act.Report{{
		Number: alice, Purpose: "marketing", Channel: consent.SMS, Act: kind, Source: consent.WebForm, IdempotencyKey: key,
	}}
}

// insist records an act under a key until it is answered, however often the way to the database breaks.
func insist(t testing.TB, s *server.Server, kind consent.Kind, key string) act.Result {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; {
		r, err := s.Recorder.Record(ctx, access.Local, report(kind, key))
		if err == nil && r[0].Err == nil {
			return r[0]
		}
		if time.Now().After(deadline) {
			t.Fatal(err, r)
		}
		pause(10 * time.Millisecond)
	}
}

func silent(t testing.TB, s *server.Server) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; pause(time.Millisecond) {
		v := s.Index.Check(question())
		if v.Outcome == check.Deny && v.Code() == check.Stale {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("still answers %s (%s)", v.Outcome, v.Code())
		}
	}
}

// promote makes a standby the primary, and counts it.
func promote(t testing.TB, standby *pgtest.Cluster) {
	t.Helper()
	standby.Promote(t)
	reliability.Count(t, "standbys promoted", 1)
}

// TestAnOldPrimaryKeepsNobodyFresh promotes the synchronous standby while one node still reaches the old primary.
func TestAnOldPrimaryKeepsNobodyFresh(t *testing.T) {
	old := pgtest.Start(t)
	var log locked
	nodes, cables := cabled(t, old, 3, &log)
	standby := old.Standby(t)
	old.WaitForStandby(t)
	record(t, nodes[0], consent.Granted)
	for _, n := range nodes {
		within(t, n, check.Allow)
	}
	promote(t, standby)
	for i := range 2 {
		cables[i].Lead(standby)
		cables[i].Set(pgtest.Faults{Cut: true})
		cables[i].Set(pgtest.Faults{})
	}
	withdrawn := insist(t, nodes[0], consent.Withdrawn, "stop")
	for i, n := range nodes {
		if v := n.Index.Check(question()); v.Outcome == check.Allow {
			t.Errorf("node %d allows after the acknowledgement", i)
		}
	}
	silent(t, nodes[2]) // and stays so, though the old primary gives up waiting for its standby
	old.SQL(t, "postgres", "SET synchronous_commit = local", "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
	for range 100 {
		if v := nodes[2].Index.Check(question()); v.Outcome == check.Allow {
			t.Fatal("a poll that was not replicated made the node fresh")
		}
		pause(2 * time.Millisecond)
	}
	within(t, nodes[1], check.Deny)
	if got := insist(t, nodes[1], consent.Withdrawn, "stop"); got.Seq != withdrawn.Seq || got.Outcome != ledger.Duplicate {
		t.Errorf("told again by another node: got %+v, want a duplicate of entry %d", got, withdrawn.Seq)
	}
}

// TestALossyFailoverClosesEveryNodeThatKnowsMore promotes a standby that lacks the last entries.
func TestALossyFailoverClosesEveryNodeThatKnowsMore(t *testing.T) {
	old := pgtest.Start(t)
	var log locked
	nodes, cables := cabled(t, old, 2, &log)
	record(t, nodes[0], consent.Granted)
	standby := old.Standby(t)
	if err := standby.Stop(); err != nil {
		t.Fatal(err)
	}
	lost := record(t, nodes[0], consent.Withdrawn)
	if err := errors.Join(old.Kill(), standby.Start()); err != nil {
		t.Fatal(err)
	}
	promote(t, standby)
	for _, c := range cables {
		c.Lead(standby)
	}
	for _, n := range nodes {
		for deadline := time.Now().Add(10 * time.Second); !n.Node.State().Forked; pause(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("not noticed: %+v", n.Node.State())
			}
		}
		v := n.Index.Check(question())
		if v.Outcome != check.Deny || v.Code() != check.Stale || v.Status != consent.StatusWithdrawn {
			t.Errorf("got %s (%s) on %s, want stale, and the withdrawal kept", v.Outcome, v.Code(), v.Status)
		}
		var forked *ledger.ForkedError
		if _, err := n.Recorder.Record(ctx, access.Local, report(consent.Granted, "")); !errors.As(err, &forked) || forked.Seq != lost.Seq {
			t.Errorf("an append to the other log: got %v, want a ForkedError at entry %d", err, lost.Seq)
		}
	}
	if !strings.Contains(log.String(), "recorded again") {
		t.Errorf("the log does not say what to do: %s", log.String())
	}
}

// TestNothingAcknowledgedIsLostWhenPostgresIsKilled kills the database under load, again and again.
func TestNothingAcknowledgedIsLostWhenPostgresIsKilled(t *testing.T) {
	c := pgtest.Start(t)
	var log locked
	nodes, _ := cabled(t, c, 2, &log)
	w := write(nodes, 8)
	for range 4 {
		pause(300 * time.Millisecond)
		if err := errors.Join(c.Kill(), c.Start()); err != nil {
			t.Fatal(err)
		}
	}
	acknowledged := w.stop()
	t.Logf("%d acts acknowledged through 4 kills", len(acknowledged))
	reliability.Count(t, "database servers killed", 4)
	reliability.Count(t, "acts acknowledged before databases were killed", len(acknowledged))
	if len(acknowledged) < 50 {
		t.Fatal("too few for a proof")
	}
	for key, seq := range acknowledged {
		if r := insist(t, nodes[0], consent.Granted, key); r.Seq != seq || r.Outcome != ledger.Duplicate {
			t.Errorf("act %s: got %+v, want a duplicate of entry %d", key, r, seq)
		}
	}
	head := holds(t, nodes[0], acknowledged)
	for _, n := range nodes {
		logOf(t, n, head, nil)
	}
}

// TestACommitWhoseAnswerIsLostIsSettledByItsKey cuts the connection while the server commits.
func TestACommitWhoseAnswerIsLostIsSettledByItsKey(t *testing.T) {
	c := pgtest.Start(t)
	var log locked
	nodes, cables := cabled(t, c, 1, &log)
	const late = 5 * time.Millisecond
	unknown, tries := 0, 0
	for ; tries < 40 || unknown < 3 && tries < 300; tries++ {
		key := fmt.Sprint("key", tries)
		// Every other time the connection is cut when the commit has just been passed on, else at any moment.
		cables[0].Set(pgtest.Faults{Answers: late, Commits: tries%2 == 0})
		was := make(chan struct{})
		cut := time.AfterFunc(time.Duration(tries%40)*late/6, func() {
			defer close(was)
			cables[0].Set(pgtest.Faults{Cut: true})
		})
		r, err := nodes[0].Recorder.Record(ctx, access.Local, report(consent.Granted, key))
		if !cut.Stop() {
			<-was // or it would cut what is healed here
		}
		cables[0].Set(pgtest.Faults{})
		before, head := nodes[0].Ledger.Head(ctx)
		again := insist(t, nodes[0], consent.Granted, key)
		switch {
		case err == nil && again.Seq != r[0].Seq:
			t.Errorf("act %d: acknowledged as entry %d, and told again it is %d", tries, r[0].Seq, again.Seq)
		case err != nil && head == nil && again.Outcome == ledger.Duplicate && again.Seq <= before:
			unknown++ // committed, though nobody heard
		}
	}
	reliability.Count(t, "commits whose answer was lost", unknown)
	if unknown < 3 {
		t.Errorf("%d of %d commits lost their answers: too few for a proof", unknown, tries)
	}
}
