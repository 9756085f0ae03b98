package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/suppression"
)

// loadChunk is how many records are put into the index at once while it is loaded.
const loadChunk = 8192

// load fills the index from the database. Commits that come meanwhile wait behind the lock.
func (s *Server) load(ctx context.Context) error {
	s.applying.Lock()
	defer s.applying.Unlock()
	var changed []ledger.Definition
	err := s.Ledger.Definitions(ctx, func(d ledger.Definition, _ uint64) error {
		changed = append(changed, d)
		return nil
	})
	if err != nil {
		return err
	}
	var b check.Batch
	for _, d := range changed {
		if _, err := s.define(ctx, &b, d, wholeList); err != nil {
			return err
		}
	}
	if err := errors.Join(s.Index.Apply(b), s.applyLists(changed), s.applyRules(changed)); err != nil {
		return err
	}
	b = check.Batch{}
	var failed error
	seq, err := s.Ledger.LoadRecords(ctx, func(c ledger.Change) {
		if b.Records = append(b.Records, recordChange(c)); len(b.Records) == loadChunk && failed == nil {
			failed = s.Index.Apply(b)
			b.Records = b.Records[:0]
		}
	})
	if err := errors.Join(err, failed); err != nil {
		return err
	}
	b.Seq = seq
	if err := s.Index.Apply(b); err != nil {
		return err
	}
	s.Feed.Advance(seq)
	return nil
}

// committed applies a commit to this node's index, before its callers are answered. A commit that cannot be applied
// would leave the index behind the ledger for good, and so perhaps allow what was withdrawn: the node stops answering.
func (s *Server) committed(c ledger.Commit) {
	s.applying.Lock()
	defer s.applying.Unlock()
	if s.Node != nil {
		s.Node.Committed()
	}
	if err := s.applyAtLast(c); err != nil {
		s.Index.Lease().Break()
		s.Log.Error("the index cannot follow the ledger: every check is answered stale until a restart", "error", err, "entry", c.To)
		return
	}
	s.Feed.Advance(c.To)
	s.Metrics.Committed(c.To - c.From)
}

// applyAtLast tries again for a while where a commit needs the database to be applied, which may be away for a moment.
// The lease, which nothing extends meanwhile, keeps the node honest.
func (s *Server) applyAtLast(c ledger.Commit) error {
	const attempts, pause = 100, 100 * time.Millisecond
	for failures := 1; ; failures++ {
		err := s.apply(c)
		if err == nil || s.Node == nil || failures == attempts {
			return err
		}
		<-time.After(pause)
	}
}

// apply may be run again with the same commit after an error.
func (s *Server) apply(c ledger.Commit) error {
	b := check.Batch{Seq: c.To, Records: make([]check.RecordChange, len(c.Changes))}
	for i, change := range c.Changes {
		b.Records[i] = recordChange(change)
	}
	var lists, all []ledger.Definition
	for _, n := range c.Notices {
		definition, changed, err := s.defined(c, n)
		if err != nil {
			return err
		}
		if definition.Kind == "" {
			continue // an entry of another kind, or one that a later entry has put out of force
		}
		isList, err := s.define(context.Background(), &b, definition, changed)
		if err != nil {
			return err
		}
		all = append(all, definition)
		if isList {
			lists = append(lists, definition)
		}
	}
	// The rules come first, and are judged by before the revision that they belong to can be seen.
	if err := errors.Join(s.applyRules(all), s.Index.Apply(b)); err != nil {
		return err
	}
	return s.applyLists(lists)
}

// defined returns the definition that an entry put in force, if it did, and how to learn what became of a list.
func (s *Server) defined(c ledger.Commit, n ledger.Notice) (d ledger.Definition, changed listChange, err error) {
	switch detail := n.Detail.(type) {
	case ledger.Definition: // of a list: by another node
		d = detail
		changed = func(l suppression.List) (suppression.Change, error) {
			return s.Lists.Since(context.Background(), l, c.From, n.Seq)
		}
	case suppression.Change:
		d, err = detail.Definition()
		changed = func(suppression.List) (suppression.Change, error) { return detail, nil }
	}
	d.Seq = n.Seq
	return d, changed, err
}

// applyLists comes after the index has the members: what a node knows of a list is what it has applied of it.
func (s *Server) applyLists(definitions []ledger.Definition) error {
	for _, d := range definitions {
		if _, _, err := s.Lists.Apply(d); err != nil {
			return err
		}
	}
	return nil
}

func recordChange(c ledger.Change) check.RecordChange {
	return check.RecordChange{Number: c.Number, Scope: c.Scope, State: check.StateOf(c.Record)}
}

// listChange tells what became of a list.
type listChange func(suppression.List) (suppression.Change, error)

func wholeList(l suppression.List) (suppression.Change, error) {
	return suppression.Change{List: l, Replaced: true}, nil
}

// define puts a definition in force in every capability that it concerns, and adds to the batch what it changes in the
// index. Lists come into force later, by applyLists.
func (s *Server) define(ctx context.Context, b *check.Batch, d ledger.Definition, changed listChange) (isList bool, err error) {
	if err := errors.Join(s.Catalog.Apply(d), s.Gate.Apply(d), s.Conversations.Apply(d), s.Destinations.Apply(d)); err != nil {
		return false, err
	}
	list, isList, err := suppression.Defined(d)
	if err != nil {
		return false, err
	}
	switch {
	case isList:
		change, err := changed(list)
		if err != nil {
			return true, err
		}
		return true, s.defineList(ctx, b, list, change)
	case d.Kind == "brand":
		brand, err := s.Catalog.Brand(d.ID)
		if err != nil {
			return false, err
		}
		b.Brands = append(b.Brands, check.BrandChange{Brand: brand.ID, Retire: brand.Retired})
	case d.Kind == "purpose":
		purpose, err := s.Catalog.Purpose(d.ID)
		if err != nil {
			return false, err
		}
		class := purpose.Class
		if purpose.Retired {
			class = consent.NoClass
		}
		b.Purposes = append(b.Purposes, check.PurposeChange{Purpose: purpose.ID, Class: class})
	}
	return false, nil
}

func (s *Server) defineList(ctx context.Context, b *check.Batch, l suppression.List, change suppression.Change) error {
	if l.Removed {
		b.Lists = append(b.Lists, check.ListChange{ID: l.ID, Remove: true})
		return nil
	}
	c := check.ListChange{ID: l.ID, Define: &check.List{
		ID: l.ID, Name: l.Name, Kind: l.Kind, Brand: l.Brand, AsOf: time.Time(l.AsOf), MaxAge: l.MaxAge,
		Registry: l.Registry, Covers: l.Covers, Loaded: l.Members > 0,
	}}
	if !change.Replaced {
		c.Add, c.Delete = change.Add, change.Delete
	} else {
		// A missed number is a wrong allow, so an error while reading is an error of the whole change.
		numbers := make([]phone.Number, 0, l.Members)
		if err := s.Lists.Members(ctx, l, func(n phone.Number) { numbers = append(numbers, n) }); err != nil {
			return fmt.Errorf("read the members of list %s: %w", l.ID, err)
		}
		c.Members = func(yield func(phone.Number) bool) {
			for _, n := range numbers {
				if !yield(n) {
					return
				}
			}
		}
	}
	b.Lists = append(b.Lists, c)
	return nil
}
