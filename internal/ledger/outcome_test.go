package ledger_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/store"
	"github.com/consentline/consentline/internal/testkit/audit"
)

// deaf is a database whose answer to a commit gets lost, as over a broken connection or after a failed sync.
type deaf struct {
	store.DB
	lose bool
}

var errLost = errors.New("connection lost")

func (d *deaf) InTx(ctx context.Context, fn func(store.Tx) error) error {
	err := d.DB.InTx(ctx, fn)
	if d.lose && err == nil {
		d.lose = false
		return errLost
	}
	return err
}

// TestACommitWhoseAnswerWasLostReachesTheObserver holds that a node's index cannot miss an entry for good: whoever is
// answered later is answered from after it.
func TestACommitWhoseAnswerWasLostReachesTheObserver(t *testing.T) {
	again := func(withdrawal ledger.Item) ledger.Item { return withdrawal }
	another := func(ledger.Item) ledger.Item {
		it := item(consent.Granted, newsletter)
		it.Number = bob
		return it
	}
	for name, next := range map[string]func(ledger.Item) ledger.Item{"told again": again, "another act": another} {
		t.Run(name, func(t *testing.T) {
			f := open(t)
			f.append(t, item(consent.Granted, newsletter))
			f.Close()
			d := &deaf{DB: f.db}
			f.db = d
			f.commits = nil
			f.reopen(t, master)
			withdrawal := item(consent.Withdrawn, newsletter)
			withdrawal.IdempotencyKey = "stop"
			d.lose = true
			if _, err := f.AppendOne(ctx, withdrawal); !errors.Is(err, errLost) {
				t.Fatalf("got %v, want the lost connection", err)
			}
			f.append(t, next(withdrawal))
			heard := audit.Records{}
			for _, c := range f.commits {
				heard.Apply(c.Changes)
			}
			if r := heard[audit.Place{Number: alice, Scope: newsletter}]; r.Status != consent.StatusWithdrawn {
				t.Errorf("got %+v from %d commits, want withdrawn", r, len(f.commits))
			}
			if first := f.commits[0]; first.From != 1 || first.To < 2 {
				t.Errorf("heard of %d to %d, want it from entry 2", first.From+1, first.To)
			}
		})
	}
}

// TestNoClockAheadGetsPastANo holds that an act cannot have happened after it was recorded: else a yes that a clock
// ahead of ours has dated would come back over a no that was said since.
func TestNoClockAheadGetsPastANo(t *testing.T) {
	f := open(t)
	yes := item(consent.Granted, newsletter)
	yes.Act.EffectiveAt = f.now.Add(5 * time.Minute)
	if r := f.append(t, yes); !r.Record.GrantedAt.Equal(r.RecordedAt) {
		t.Errorf("granted at %v, want when it was recorded, %v", r.Record.GrantedAt, r.RecordedAt)
	}
	if r := f.append(t, item(consent.Withdrawn, newsletter)); r.Record.Status != consent.StatusWithdrawn || r.Outcome != ledger.Recorded {
		t.Errorf("got %+v, want withdrawn", r)
	}
	f.append(t, item(consent.Withdrawn, consent.Everything)) // folds all again
	s, err := f.ByNumber(ctx, alice)
	if err != nil || s.Records[0].Record.Status != consent.StatusWithdrawn || s.Records[0].Record.Version != 3 {
		t.Errorf("got %+v, %v; want withdrawn", s.Records, err)
	}
	history, err := f.History(ctx, s.ID, 0, 1)
	if err != nil || time.Time(*history[0].Body.EffectiveAt) != yes.Act.EffectiveAt {
		t.Errorf("got %+v, %v; want the entry to say what was told", history, err)
	}
}

// TestWhatCouldNotBeReadIsNotWritten holds that no act gets in that would make the ledger, or a person, unreadable.
func TestWhatCouldNotBeReadIsNotWritten(t *testing.T) {
	for name, spoil := range map[string]func(*ledger.Item){
		"no number":               func(it *ledger.Item) { it.Number = 0 },
		"no kind of entry":        func(it *ledger.Item) { it.Kind = 0 },
		"no kind of act":          func(it *ledger.Item) { it.Act.Kind = consent.NoKind },
		"unknown kind of act":     func(it *ledger.Item) { it.Act.Kind = consent.Reassigned + 1 },
		"unknown channel":         func(it *ledger.Item) { it.Act.Scope.Channel = consent.VoiceAuto + 1 },
		"unknown level":           func(it *ledger.Item) { it.Act.Level = consent.ExpressWritten + 1 },
		"unknown source":          func(it *ledger.Item) { it.Act.Source = consent.System + 1 },
		"unknown road":            func(it *ledger.Item) { it.Act.Via = consent.ViaCRM + 1 },
		"no brand":                func(it *ledger.Item) { it.Act.Scope.Brand = "" },
		"no purpose":              func(it *ledger.Item) { it.Act.Scope.Purpose = "" },
		"brand not text":          func(it *ledger.Item) { it.Act.Scope.Brand = "ac\xffme" },
		"purpose with a zero":     func(it *ledger.Item) { it.Act.Scope.Purpose = "new\x00s" },
		"grant for every brand":   func(it *ledger.Item) { it.Act.Scope.Brand = consent.Any },
		"grant for every channel": func(it *ledger.Item) { it.Act.Scope.Channel = consent.AnyChannel },
		"disclosure no version":   func(it *ledger.Item) { it.Act.Disclosure.ID = "form" },
		"disclosure no id":        func(it *ledger.Item) { it.Act.Disclosure.Version = 1 },
		"effective in year 10000": func(it *ledger.Item) { it.Act.EffectiveAt = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) },
		"until year 10000":        func(it *ledger.Item) { it.Act.ValidUntil = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) },
		"review before year 1":    func(it *ledger.Item) { it.Act.ReviewAt = time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC) },
	} {
		t.Run(name, func(t *testing.T) {
			f := open(t)
			bad := item(consent.Granted, newsletter)
			spoil(&bad)
			var invalid *ledger.InvalidError
			if r, err := f.AppendOne(ctx, bad); !errors.As(err, &invalid) {
				t.Errorf("got %+v, %v; want an InvalidError", r, err)
			}
			good := item(consent.Granted, newsletter)
			good.Act.Disclosure = consent.DisclosureRef{ID: "form@site", Version: 2}
			good.Act.EffectiveAt = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)
			f.append(t, good)
			if found, err := audit.Ledger(ctx, f.Ledger); err != nil || found.Head != 1 {
				t.Errorf("got %+v, %v; want one sound entry", found, err)
			}
		})
	}
}
