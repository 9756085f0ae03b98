package ledger_test

import (
	"errors"
	"testing"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
)

// TestWhatMakesARepetition changes one thing at a time of an act that was told before, and tells it again.
func TestWhatMakesARepetition(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*ledger.Item)
		want   error
	}{
		"nothing":            {func(*ledger.Item) {}, nil},
		"its correlation id": {func(it *ledger.Item) { it.CorrelationID = "row 2" }, nil},
		"the number":         {func(it *ledger.Item) { it.Number = bob }, ledger.ErrKeyReused},
		"the extension":      {func(it *ledger.Item) { it.Number |= 8 << 50 }, ledger.ErrKeyReused},
		"the act":            {func(it *ledger.Item) { it.Act.Kind = consent.Withdrawn }, ledger.ErrKeyReused},
		"the scope":          {func(it *ledger.Item) { it.Act.Scope.Purpose = "bills" }, ledger.ErrKeyReused},
		"the level":          {func(it *ledger.Item) { it.Act.Level = consent.Implied }, ledger.ErrKeyReused},
		"the source":         {func(it *ledger.Item) { it.Act.Source = consent.Paper }, ledger.ErrKeyReused},
		"the date":           {func(it *ledger.Item) { it.Act.EffectiveAt = noon }, ledger.ErrKeyReused},
		"the evidence":       {func(it *ledger.Item) { it.Act.Evidence = "sha256:00" }, ledger.ErrKeyReused},
		"who acted":          {func(it *ledger.Item) { it.Actor = "staff" }, ledger.ErrKeyReused},
	} {
		t.Run(name, func(t *testing.T) {
			f := open(t)
			it := item(consent.Granted, newsletter)
			it.IdempotencyKey, it.CorrelationID = "k1", "row 1"
			first := f.append(t, it)
			c.change(&it)
			r, err := f.AppendOne(ctx, it)
			if !errors.Is(err, c.want) || r.Seq != first.Seq || (err == nil) != (r.Outcome == ledger.Duplicate) {
				t.Errorf("got %+v, %v; want %v and entry %d", r, err, c.want, first.Seq)
			}
			if head, err := f.Head(ctx); err != nil || head != 1 {
				t.Errorf("got %d entries, %v; want 1", head, err)
			}
		})
	}
}

// TestEventIDsAreEachSourcesOwn tells of two events that two sources numbered alike.
func TestEventIDsAreEachSourcesOwn(t *testing.T) {
	f := open(t)
	form := item(consent.Granted, newsletter)
	form.EventID = "1"
	call := form
	call.Act.Source, call.Act.Kind = consent.VoiceCall, consent.Withdrawn
	f.append(t, form)
	if r := f.append(t, call); r.Outcome != ledger.Recorded || r.Seq != 2 {
		t.Errorf("got %+v, want another entry", r)
	}
	if r := f.append(t, call); r.Outcome != ledger.Duplicate || r.Seq != 2 {
		t.Errorf("again: got %+v, want a duplicate of entry 2", r)
	}
}

// TestARepetitionAmongOthersIsAnsweredForItself mixes an item that is refused with one that is new.
func TestARepetitionAmongOthersIsAnsweredForItself(t *testing.T) {
	f := open(t)
	it := item(consent.Granted, newsletter)
	it.IdempotencyKey = "k1"
	f.append(t, it)
	reused, fresh := it, item(consent.Withdrawn, newsletter)
	reused.Number = bob
	results, err := f.Append(ctx, []ledger.Item{reused, fresh, it})
	if err != nil {
		t.Fatal(err)
	}
	if r := results[0]; r.Outcome != ledger.Rejected || !errors.Is(r.Err, ledger.ErrKeyReused) {
		t.Errorf("reused: got %+v", r)
	}
	if r := results[1]; r.Outcome != ledger.Recorded || r.Seq != 2 || r.Err != nil {
		t.Errorf("new: got %+v", r)
	}
	if r := results[2]; r.Outcome != ledger.Duplicate || r.Seq != 1 || r.Record.Status != consent.StatusWithdrawn {
		t.Errorf("repeated: got %+v, want the record as it now is", r)
	}
	if _, err := f.ByNumber(ctx, bob); !errors.Is(err, ledger.ErrNotFound) {
		t.Errorf("the number of what was refused: got %v, want ErrNotFound", err)
	}
}
