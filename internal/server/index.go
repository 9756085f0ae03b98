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
		if err := s.define(ctx, &b, d, nil); err != nil {
			return err
		}
	}
	if err := s.Index.Apply(b); err != nil {
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
	if err := s.apply(c); err != nil {
		s.Index.Lease().Break()
		s.Log.Error("the index cannot follow the ledger: every check is answered stale until a restart", "error", err, "entry", c.To)
		return
	}
	s.Feed.Advance(c.To)
	s.Metrics.Committed(c.To - c.From)
}

func (s *Server) apply(c ledger.Commit) error {
	b := check.Batch{Seq: c.To, Records: make([]check.RecordChange, len(c.Changes))}
	for i, change := range c.Changes {
		b.Records[i] = recordChange(change)
	}
	for _, n := range c.Notices {
		switch d := n.Detail.(type) {
		case ledger.Definition:
			if err := s.define(context.Background(), &b, d, nil); err != nil {
				return err
			}
		case suppression.Change:
			definition, err := d.Definition()
			if err != nil {
				return err
			}
			if err := s.define(context.Background(), &b, definition, &d); err != nil {
				return err
			}
		}
	}
	return s.Index.Apply(b)
}

func recordChange(c ledger.Change) check.RecordChange {
	return check.RecordChange{Number: c.Number, Scope: c.Scope, State: check.StateOf(c.Record)}
}

// define puts a definition in force in every capability that it concerns, and adds to the batch what it changes in the
// index. The change of a list is given where it is known, else its members are read from the database.
func (s *Server) define(ctx context.Context, b *check.Batch, d ledger.Definition, change *suppression.Change) error {
	if err := s.Catalog.Apply(d); err != nil {
		return err
	}
	if err := s.Gate.Apply(d); err != nil {
		return err
	}
	list, isList, err := s.Lists.Apply(d)
	if err != nil {
		return err
	}
	switch {
	case isList:
		return s.defineList(ctx, b, list, change)
	case d.Kind == "brand":
		brand, err := s.Catalog.Brand(d.ID)
		if err != nil {
			return err
		}
		b.Brands = append(b.Brands, check.BrandChange{Brand: brand.ID, Retire: brand.Retired})
	case d.Kind == "purpose":
		purpose, err := s.Catalog.Purpose(d.ID)
		if err != nil {
			return err
		}
		class := purpose.Class
		if purpose.Retired {
			class = consent.NoClass
		}
		b.Purposes = append(b.Purposes, check.PurposeChange{Purpose: purpose.ID, Class: class})
	}
	return nil
}

func (s *Server) defineList(ctx context.Context, b *check.Batch, l suppression.List, change *suppression.Change) error {
	if l.Removed {
		b.Lists = append(b.Lists, check.ListChange{ID: l.ID, Remove: true})
		return nil
	}
	c := check.ListChange{ID: l.ID, Define: &check.List{
		ID: l.ID, Name: l.Name, Kind: l.Kind, Brand: l.Brand, AsOf: time.Time(l.AsOf), MaxAge: l.MaxAge,
	}}
	if change != nil && !change.Replaced {
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
