package ledger

import (
	"context"
	"math"

	"github.com/consentline/consentline/internal/consent"
)

// waiting is an act of the batch whose outcome is known only when its records have been folded anew.
type waiting struct {
	act consent.Act
	own *held
	out *Result
}

// refold folds anew every record that an act reached late, from everything the subject ever did that counts there. It
// does so once for each record, however many late acts the batch holds: an import of old acts in no order would
// otherwise hold up everybody who waits for a withdrawal.
func (b *batch) refold(ctx context.Context) error {
	for _, who := range b.order {
		if len(who.waiting) == 0 {
			continue
		}
		if err := b.readHistory(ctx, who); err != nil {
			return err
		}
		for _, h := range who.records {
			if h.late {
				who.refold(h)
			}
		}
		for _, w := range who.waiting {
			w.out.Record = w.own.Record
			if w.out.Outcome == Recorded && b.overridden(who, w) {
				w.out.Outcome = Superseded
			}
		}
	}
	return nil
}

// refold folds one record, and tells the waiting acts what became of them in it.
func (p *person) refold(h *held) {
	var acts []consent.Act
	for _, a := range p.acts {
		if governs(a, h.scope) {
			acts = append(acts, a)
		}
	}
	before, without := h.Record, map[uint64]bool{} // without: acts that had no effect when their turn came
	h.Record = consent.FoldEach(acts, func(a consent.Act, after consent.Record) { without[a.Seq] = after.Conflict == a.Seq })
	earlier := recordedEarlier(acts)
	for i := range p.waiting {
		w := &p.waiting[i]
		w.out.restricts = w.out.restricts || weaker(before, h.Record)
		if w.own != h {
			continue
		}
		switch seq := w.act.Seq; {
		case h.Conflict == seq:
			w.out.Outcome = Conflicting
		case h.Entry != seq && (earlier[seq] || without[seq]):
			w.out.Outcome = Superseded
		}
	}
}

// recordedEarlier tells which of the acts, in the order of the fold, stand before one that the ledger had before them.
func recordedEarlier(acts []consent.Act) map[uint64]bool {
	out := map[uint64]bool{}
	least := uint64(math.MaxUint64)
	for i := len(acts) - 1; i >= 0; i-- {
		out[acts[i].Seq] = least < acts[i].Seq
		least = min(least, acts[i].Seq)
	}
	return out
}

// overridden reports whether a restriction with wildcards left a later yes standing in a scope that it covers.
func (b *batch) overridden(who *person, w waiting) bool {
	if w.act.Scope.Concrete() || !w.act.Kind.Restricts() {
		return false
	}
	for _, h := range who.records {
		if h != w.own && governs(w.act, h.scope) && h.Allows(b.at) {
			return true
		}
	}
	return false
}
