package freshness_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/freshness"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/store"
)

// still is a log on which nothing happens.
type still struct{}

func (still) Reached() ledger.Place { return ledger.Place{} }
func (still) Tell(ledger.Commit)    {}
func (still) Follow(context.Context, store.Tx, ledger.Place) (ledger.Commit, uint64, error) {
	return ledger.Commit{}, 0, nil
}

func joining(db freshness.Database, c freshness.Config) *freshness.Node {
	c.Database, c.Log, c.Lease = db, still{}, check.NewLease(check.BootClock)
	return freshness.New(c)
}

func mustJoin(t *testing.T, n *freshness.Node) {
	t.Helper()
	if err := n.Join(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := n.RunOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// running lets a node poll until the test has ended.
func running(t *testing.T, n *freshness.Node) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); n.Run(ctx) }()
	t.Cleanup(func() { stop(); <-ended })
}

func TestANodeThatKeepsAnotherLeaseThanOneThatRunsDoesNotJoin(t *testing.T) {
	db := database(t)
	first := joining(db, freshness.Config{Delta: 200 * time.Millisecond, Every: 10 * time.Millisecond})
	mustJoin(t, first)
	running(t, first)
	mustJoin(t, joining(db, freshness.Config{Delta: 200 * time.Millisecond}))
	for _, c := range []freshness.Config{{Delta: 300 * time.Millisecond}, {Delta: 200 * time.Millisecond, Confirms: true}} {
		err := joining(db, c).Join(t.Context())
		var unequal *freshness.UnequalError
		if !errors.As(err, &unequal) || unequal.Theirs != "200ms" {
			t.Errorf("%+v: got %v, want an UnequalError about 200ms", c, err)
		}
	}
}

// TestANodeThatEndedWithoutLeavingIsNoHindrance joins with another lease once a node was killed; and when that node comes
// back after all, cut off and not killed, it is the one that may not answer.
func TestANodeThatEndedWithoutLeavingIsNoHindrance(t *testing.T) {
	db := database(t)
	killed := joining(db, freshness.Config{Delta: 200 * time.Millisecond})
	mustJoin(t, killed)
	next := joining(db, freshness.Config{Delta: 300 * time.Millisecond, Every: 10 * time.Millisecond})
	mustJoin(t, next)
	running(t, next)
	if _, err := killed.RunOnce(t.Context()); err == nil {
		t.Error("a node that was taken for ended has polled")
	}
	var unequal *freshness.UnequalError
	if err := killed.Join(t.Context()); !errors.As(err, &unequal) {
		t.Errorf("got %v, want an UnequalError", err)
	}
}
