package ledger_test

import (
	"errors"
	"testing"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
)

// TestEveryEntryWhoseAnswerWasLostIsHeardOf loses the answer to a batch about several people and about none.
func TestEveryEntryWhoseAnswerWasLostIsHeardOf(t *testing.T) {
	f := open(t)
	f.append(t, item(consent.Granted, newsletter))
	f.Close()
	d := &deaf{DB: f.db}
	f.db, f.commits = d, nil
	f.reopen(t, master)
	wide, other := item(consent.Withdrawn, consent.Everything), item(consent.Granted, newsletter)
	other.Number = bob
	d.lose = true
	if _, err := f.Append(ctx, []ledger.Item{wide, {Kind: ledger.KindDefinition, Detail: "a brand"}, other}); !errors.Is(err, errLost) {
		t.Fatalf("got %v, want the lost connection", err)
	}
	last, err := f.AppendOne(ctx, ledger.Item{Kind: ledger.KindAccess, Detail: "a key"})
	if err != nil || len(f.commits) != 1 {
		t.Fatalf("got %v and %d commits, want one", err, len(f.commits))
	}
	c := f.commits[0]
	if c.From != 1 || c.To != last.Seq || last.Seq != 5 {
		t.Errorf("heard of %d to %d, want 2 to 5", c.From+1, c.To)
	}
	var notices []ledger.Kind
	for _, n := range c.Notices {
		notices = append(notices, n.Kind)
	}
	if len(notices) != 2 || notices[0] != ledger.KindDefinition || notices[1] != ledger.KindAccess || c.Notices[0].Seq != 3 || c.Notices[1].Detail != "a key" {
		t.Errorf("got notices %+v, want of the definition and the key", c.Notices)
	}
	records := map[consent.Scope]int{}
	for _, change := range c.Changes {
		records[change.Scope]++
		if want := change.Number == bob; (change.Record.Status == consent.StatusGranted) != want {
			t.Errorf("in %s: got %+v", change.Scope, change.Record)
		}
	}
	if len(c.Changes) != 3 || records[newsletter] != 2 || records[consent.Everything] != 1 {
		t.Errorf("got %+v, want both people's records", c.Changes)
	}
}
