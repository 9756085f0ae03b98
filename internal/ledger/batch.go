package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/store"
	"github.com/consentline/consentline/internal/vault"
)

type storeTx = store.Tx

// batch is one transaction's work: it reads what the items need, decides each in turn, and writes all at the end.
type batch struct {
	l  *Ledger
	tx store.Tx

	told      Place // before the transaction's snapshot
	head      head
	from      uint64   // the last entry before this batch
	leaf      [32]byte // of the last entry
	at        time.Time
	newScopes map[consent.Scope]int64

	people  map[phone.Number]*person
	order   []*person // as the items first named them
	seen    map[[16]byte]seenRow
	results [][]Result
	effects []effect
	notices []Notice

	ledgerRows, subjectRows, seenRows [][]any
}

type effect struct {
	run func(context.Context, store.Tx, uint64) error
	seq uint64
}

func newBatch(l *Ledger, tx store.Tx) *batch {
	return &batch{l: l, tx: tx, told: l.Reached(), newScopes: map[consent.Scope]int64{}, people: map[phone.Number]*person{}, seen: map[[16]byte]seenRow{}}
}

func (b *batch) run(ctx context.Context, group []*request) error {
	readSeen, readPeople := b.askSeen(ctx, group), b.askPeople(ctx, group)
	if err := b.lockHead(ctx); err != nil {
		return fmt.Errorf("lock the head: %w", err)
	}
	b.from, b.at = b.head.seq, b.clock()
	if err := readSeen(); err != nil {
		return fmt.Errorf("look for repetitions: %w", err)
	}
	if err := readPeople(); err != nil {
		return fmt.Errorf("find subjects: %w", err)
	}
	for _, r := range group {
		results := make([]Result, len(r.items))
		for i := range r.items {
			if err := b.decide(ctx, &r.items[i], &results[i]); err != nil {
				return err
			}
		}
		b.results = append(b.results, results)
	}
	if err := b.refold(ctx); err != nil {
		return err
	}
	return b.write(ctx)
}

func (b *batch) decide(ctx context.Context, p *prepared, out *Result) error {
	if repeated, err := b.repetition(ctx, p, out); repeated || err != nil {
		return err
	}
	if p.Guard != nil {
		err := p.Guard(ctx, b.tx)
		if errors.Is(err, ErrChanged) {
			*out = Result{Outcome: Rejected, Err: err}
			return nil
		}
		if err != nil {
			return err
		}
	}
	b.head.seq++
	seq := b.head.seq
	b.leaf = p.commitment
	*out = Result{Outcome: Recorded, Seq: seq, RecordedAt: b.at, restricts: p.restricts()}
	key, subject := b.l.vault.NotesKey(), int64(0)
	if p.Kind == KindAct {
		who := b.person(p)
		key, subject = who.Key, who.id
		act := p.Act
		act.Seq, act.RecordedAt = seq, b.at
		act.EffectiveAt = happened(act, b.at)
		if err := b.apply(ctx, who, act, out); err != nil {
			return err
		}
		out.Subject = who.ID
	} else {
		b.notices = append(b.notices, Notice{Seq: seq, Kind: p.Kind, Detail: p.Detail})
	}
	b.ledgerRows = append(b.ledgerRows, []any{seq, b.at.UnixMicro(), subject, int64(p.Kind), key.Seal(p.body, seq), p.commitment[:]})
	for i := range p.seen {
		b.remember(&p.seen[i], seq)
	}
	if p.Effect != nil {
		b.effects = append(b.effects, effect{p.Effect, seq})
	}
	return nil
}

// person returns the number's subject, who comes into being with their first act.
func (b *batch) person(p *prepared) *person {
	who := b.people[p.Number]
	if who.id == 0 {
		who.id, who.Subject, who.complete = b.head.nextSubject, p.fresh, true
		b.head.nextSubject++
		b.subjectRows = append(b.subjectRows, []any{who.id, who.ID[:], p.lookup[:], b.l.vault.SealSubject(p.fresh)})
	}
	return who
}

// apply folds the act into every record that it covers: at once where it follows all that the record is folded from,
// else together with all others of the batch that do not, in refold.
func (b *batch) apply(ctx context.Context, who *person, act consent.Act, out *Result) error {
	who.acts = append(who.acts, act)
	own, err := b.record(ctx, who, act.Scope)
	if err != nil {
		return err
	}
	out.Scope = act.Scope
	anyLate := false
	for _, h := range who.records {
		if h != own && !governs(act, h.scope) {
			continue
		}
		h.dirty = true
		if h.late || !h.Follows(act) {
			h.late, anyLate = true, true
			continue
		}
		before := h.Record
		h.Record = h.Next(act)
		out.restricts = out.restricts || weaker(before, h.Record)
	}
	if anyLate {
		who.waiting = append(who.waiting, waiting{act, own, out})
	}
	out.Record = own.Record
	if own.Conflict == act.Seq {
		out.Outcome = Conflicting
	}
	return nil
}

func (b *batch) changes() []Change {
	var out []Change
	for _, who := range b.order {
		for _, h := range who.records {
			if h.dirty {
				out = append(out, Change{Number: who.Number, Scope: h.scope, Record: h.Record})
			}
		}
	}
	return out
}

func (b *batch) write(ctx context.Context) error {
	if b.head.seq == b.from {
		return nil // repetitions only
	}
	err := b.tx.Load(ctx, "ledger", []string{"seq", "recorded_at", "subject", "kind", "body", "leaf"}, b.ledgerRows)
	if err != nil {
		return fmt.Errorf("write entries: %w", err)
	}
	// Keys that are random are put in order first: neighbours in an index share its pages.
	sortByKey(b.subjectRows, 2)
	sortByKey(b.seenRows, 0)
	if err := b.tx.Load(ctx, "subjects", []string{"id", "subject", "lookup", "sealed"}, b.subjectRows); err != nil {
		return fmt.Errorf("write subjects: %w", err)
	}
	if err := b.tx.Load(ctx, "seen", []string{"digest", "content", "seq"}, b.seenRows); err != nil {
		return fmt.Errorf("remember what was told: %w", err)
	}
	if err := b.writeRecords(ctx); err != nil {
		return fmt.Errorf("write records: %w", err)
	}
	for _, e := range b.effects {
		if err := e.run(ctx, b.tx, e.seq); err != nil {
			return err
		}
	}
	return b.moveHead(ctx)
}

// sortByKey puts rows in the order of the bytes in one column.
func sortByKey(rows [][]any, column int) {
	slices.SortFunc(rows, func(a, b []any) int { return bytes.Compare(a[column].([]byte), b[column].([]byte)) })
}

// held is one record in hand.
type held struct {
	consent.Record
	scope   consent.Scope
	scopeID int64
	stored  bool // there is a row already
	dirty   bool
	late    bool // it waits to be folded anew, from all there is
}

// person is a subject in hand, with all their records.
type person struct {
	vault.Subject
	id       int64 // 0: the number has no subject yet
	records  map[int64]*held
	acts     []consent.Act // of this batch; all there are once complete
	complete bool
	waiting  []waiting
}

// record returns the subject's record in a scope, which begins with whatever wildcard restrictions cover it.
func (b *batch) record(ctx context.Context, who *person, scope consent.Scope) (*held, error) {
	id, err := b.scopeID(ctx, scope)
	if err != nil {
		return nil, err
	}
	if h, ok := who.records[id]; ok {
		return h, nil
	}
	h := &held{scope: scope, scopeID: id, late: scope.Concrete() && who.restrictedWidely()}
	who.records[id] = h
	return h, nil
}

func (p *person) restrictedWidely() bool {
	for _, h := range p.records {
		if !h.scope.Concrete() {
			return true
		}
	}
	return false
}
