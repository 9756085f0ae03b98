package freshness_test

import (
	"context"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/freshness"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/store"
	"github.com/consentline/consentline/internal/vault"
)

// held is a database that does something once a poll has taken its snapshot.
type held struct {
	freshness.Database
	meanwhile func()
}

func (h *held) Poll(ctx context.Context, fn func(store.Tx) error) error {
	return h.Database.Poll(ctx, func(tx store.Tx) error { return fn(heldTx{tx, h}) })
}

type heldTx struct {
	store.Tx
	held *held
}

func (t heldTx) Exec(ctx context.Context, sql string, args ...any) (int64, error) {
	n, err := t.Tx.Exec(ctx, sql, args...)
	if once := t.held.meanwhile; once != nil {
		t.held.meanwhile = nil
		once()
	}
	return n, err
}

// TestAPollThatWasOvertakenIsNoFork lets a node commit after its poll has taken a snapshot, as happens when the poll
// has to wait: the snapshot is older than the node then, and no sign of another log.
func TestAPollThatWasOvertakenIsNoFork(t *testing.T) {
	db := database(t)
	ctx := t.Context()
	v, err := vault.Open([]byte("0123456789abcdef0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	l, err := ledger.Open(ctx, ledger.Config{DB: db, Vault: v, OnCommit: func(ledger.Commit) {}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	now := check.Instant(0)
	lease := check.NewLease(func() check.Instant { return now })
	polled := &held{Database: db}
	node := freshness.New(freshness.Config{Database: polled, Log: l, Lease: lease, Clock: lease.Now})
	withdraw := func() {
		_, err := l.AppendOne(ctx, ledger.Item{
			Kind: ledger.KindAct, Number: 12025550123, By: "key:test",
			Act: consent.Act{Kind: consent.Withdrawn, Scope: consent.Everything, Source: consent.WebForm},
		})
		if err != nil {
			t.Error(err)
		}
	}
	withdraw()
	if err := node.Join(ctx); err != nil {
		t.Fatal(err)
	}
	polled.meanwhile = func() { withdraw(); withdraw() }
	for range 2 {
		if behind, err := node.RunOnce(ctx); behind || err != nil {
			t.Fatalf("got behind %t, %v", behind, err)
		}
	}
	if !lease.Fresh(now) || lease.Remaining(now) != 500*time.Millisecond || node.State().Forked {
		t.Errorf("the lease runs for %s; %+v", lease.Remaining(now), node.State())
	}
}
