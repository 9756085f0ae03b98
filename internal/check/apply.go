package check

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/phone"
)

// ErrOutOfOrder says that a batch ends before what was applied already: it would claim less than is there.
var ErrOutOfOrder = errors.New("batch ends before the applied revision")

// Batch is what some entries change, in their order. A record that wildcards cover must follow in the same batch as
// the act that covers it, and a deletion of it after the wildcard that stays.
type Batch struct {
	Seq uint64 // the last entry it contains

	Brands   []BrandChange
	Purposes []PurposeChange
	Lists    []ListChange
	Records  []RecordChange
}

// BrandChange defines a brand, or retires it.
type BrandChange struct {
	Brand  consent.BrandID
	Retire bool
}

// PurposeChange gives a purpose a class; consent.NoClass retires it.
type PurposeChange struct {
	Purpose consent.PurposeID
	Class   consent.Class
}

// ListChange changes one suppression list: it is defined, replaced if there are Members, then numbers are added and
// deleted; or it is removed.
type ListChange struct {
	ID     string // of an existing list, when Define is nil
	Remove bool

	Define  *List
	Members iter.Seq[phone.Number] // with Define: all members, in the place of those it had
	Staged  *Staged                // the same, gathered by Stage before the batch: for members that are very many
	Add     []phone.Number
	Delete  []phone.Number
}

// RecordChange sets the state of a number in a scope, or deletes it. Only a restriction may stand in a wildcard scope.
type RecordChange struct {
	Number phone.Number
	Scope  consent.Scope
	State  State
	Delete bool
}

// Apply makes the changes of a batch visible and then, last, its revision. After an error the revision stands where it
// stood, and the batch can be applied again: changes that were made already are made once more without effect.
func (x *Index) Apply(b Batch) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if b.Seq < x.applied.Load() {
		return fmt.Errorf("apply batch up to %d: %w", b.Seq, ErrOutOfOrder)
	}
	for i, c := range b.Brands {
		if err := x.applyBrand(c); err != nil {
			return fmt.Errorf("apply brand %d of the batch up to %d: %w", i, b.Seq, err)
		}
	}
	for i, c := range b.Purposes {
		if err := x.applyPurpose(c); err != nil {
			return fmt.Errorf("apply purpose %d of the batch up to %d: %w", i, b.Seq, err)
		}
	}
	for i, c := range b.Lists {
		if err := x.applyList(c); err != nil {
			return fmt.Errorf("apply list %d of the batch up to %d: %w", i, b.Seq, err)
		}
	}
	for i := range b.Records {
		if err := x.applyRecord(&b.Records[i]); err != nil {
			return fmt.Errorf("apply record %d of the batch up to %d: %w", i, b.Seq, err)
		}
	}
	x.applied.Store(b.Seq)
	x.wake()
	return nil
}

func (x *Index) wake() {
	x.waiting.Lock()
	defer x.waiting.Unlock()
	if x.waiters != nil {
		close(x.waiters)
		x.waiters = nil
	}
}

func (x *Index) applyBrand(c BrandChange) error {
	if c.Retire {
		x.scopes.RetireBrand(c.Brand)
		return nil
	}
	return x.scopes.DefineBrand(c.Brand)
}

func (x *Index) applyPurpose(c PurposeChange) error {
	if c.Class == consent.NoClass {
		x.scopes.RetirePurpose(c.Purpose)
		return nil
	}
	return x.scopes.DefinePurpose(c.Purpose, c.Class)
}

func (x *Index) applyList(c ListChange) error {
	if c.Remove {
		return x.removeList(c.ID)
	}
	id := c.ID
	if c.Define != nil {
		id = c.Define.ID
		if err := x.defineList(*c.Define, c); err != nil {
			return err
		}
	}
	if err := x.lists.Add(id, c.Add...); err != nil {
		return err
	}
	return x.lists.Delete(id, c.Delete...)
}

func (x *Index) defineList(list List, c ListChange) error {
	switch {
	case c.Staged != nil:
		return x.lists.Replace(list, c.Staged)
	case c.Members != nil:
		staged := x.lists.Stage(c.Members)
		defer staged.Discard() // frees nothing once the list has them
		return x.lists.Replace(list, staged)
	}
	return x.lists.Define(list)
}

// Stage gathers the members of a list ahead of the batch that replaces them, so that no other batch has to wait while
// there are millions of them. Staged members that no batch takes must be discarded.
func (x *Index) Stage(members iter.Seq[phone.Number]) *Staged { return x.lists.Stage(members) }

// removeList lets a list be removed twice, since a batch may be applied twice.
func (x *Index) removeList(id string) error {
	var unknown *UnknownListError
	if err := x.lists.Remove(id); err != nil && !errors.As(err, &unknown) {
		return err
	}
	return nil
}

func (x *Index) applyRecord(c *RecordChange) error {
	id, err := x.scopes.Intern(c.Scope)
	if err != nil {
		return err
	}
	switch {
	case c.Delete && c.Scope.Concrete():
		x.table.Delete(c.Number, id)
		return nil
	case c.Delete:
		x.table.Delete(c.Number, id)
		x.unmark(c.Number)
		return nil
	case c.Scope.Concrete():
		return x.table.Put(c.Number, id, c.State)
	case !restricts(c.State):
		return fmt.Errorf("a state that is %v cannot stand in the scope %v: only a restriction may have wildcards", c.State.Status, c.Scope)
	}
	if err := x.table.Put(c.Number, id, c.State); err != nil {
		return err
	}
	return x.table.Put(c.Number, markerScope, State{})
}

// unmark removes the marker of a number that has no more records in wildcard scopes.
func (x *Index) unmark(n phone.Number) {
	var buf [16]ScopeID
	for _, id := range x.table.Scopes(n, buf[:0]) {
		if id != markerScope && !x.scopes.Concrete(id) {
			return
		}
	}
	x.table.Delete(n, markerScope)
}

// Revision returns the last entry whose effects are all visible.
func (x *Index) Revision() uint64 { return x.applied.Load() }

// WaitFor blocks until entry seq is applied, or returns the error of ctx when that ends first.
func (x *Index) WaitFor(ctx context.Context, seq uint64) error {
	for {
		advanced := x.advanced(seq)
		if advanced == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for entry %d: %w", seq, context.Cause(ctx))
		case <-advanced:
		}
	}
}

// advanced returns nil if seq is applied, else a channel that is closed by the next batch.
func (x *Index) advanced(seq uint64) <-chan struct{} {
	if x.applied.Load() >= seq {
		return nil
	}
	x.waiting.Lock()
	defer x.waiting.Unlock()
	if x.applied.Load() >= seq {
		return nil
	}
	if x.waiters == nil {
		x.waiters = make(chan struct{})
	}
	return x.waiters
}

// Lease returns the lease that the index answers under, for the follower that extends it.
func (x *Index) Lease() *Lease { return x.lease }

// Stats are the sizes of what the index holds.
type Stats struct {
	Records, Members      int // a number's marker counts as a record, as does a no that a yes has followed
	TableBytes, ListBytes int
}

// Stats counts what the index holds. It takes every shard's lock in turn, for a moment each.
func (x *Index) Stats() Stats {
	return Stats{
		Records: x.table.Len(), Members: x.lists.Members(),
		TableBytes: x.table.Bytes(), ListBytes: x.lists.Bytes(),
	}
}
