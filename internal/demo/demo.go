// Package demo fills an empty ledger with a sample that looks like two years of a real one: brands, purposes, wordings,
// senders, suppression lists, and the acts of some five thousand people who do not exist.
//
// Every number is from a range that a regulator keeps free for fiction and documentation. The sample is a function of
// its seed and of the moment it ends at, it goes through the same recorder as every other act, and it stores nothing
// of its own: a load that was cut short is finished by the next one.
package demo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/catalog"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/server"
	"github.com/consentline/consentline/internal/suppression"
)

// Options say which sample to load. The zero value is the one that newcomers see.
type Options struct {
	Seed   uint64
	People int // 0: as many as the sample has numbers for, about 5,000
}

// Summary counts what a load recorded.
type Summary struct {
	People, Acts, Conflicts, Listed int
}

// ErrNotEmpty says that the ledger holds records that are not the sample's, with which it must not mix.
var ErrNotEmpty = errors.New("the ledger holds records already: the sample is for an empty one")

// caller is whom the entries name as the one who recorded them.
var caller = &access.Caller{ID: "system", Name: "sample data", Role: access.Admin}

// Loaded reports whether the sample is there in full.
func Loaded(s *server.Server) bool {
	// The senders come last, so they say that all before them is there.
	_, err := s.Catalog.Sender(senders[len(senders)-1].ID)
	return err == nil
}

// Load records the sample, or what is missing of it. ErrNotEmpty means that others have used the ledger.
func Load(ctx context.Context, s *server.Server, o Options) (Summary, error) {
	until, err := begin(s)
	if err != nil {
		return Summary{}, err
	}
	if err := define(ctx, s, until); err != nil {
		return Summary{}, fmt.Errorf("define the sample: %w", err)
	}
	t := newTale(o, until)
	sum := Summary{People: len(t.people)}
	if err := record(ctx, s, t.reports(), &sum); err != nil {
		return sum, err
	}
	if err := suppress(ctx, s, t, &sum); err != nil {
		return sum, fmt.Errorf("load the sample's lists: %w", err)
	}
	for _, d := range senders {
		if _, err := s.Catalog.CreateSender(ctx, caller.ID, d); err != nil && !errors.Is(err, catalog.ErrExists) {
			return sum, fmt.Errorf("define sender %s: %w", d.ID, err)
		}
	}
	return sum, nil
}

// begin returns the moment at which the sample ends. A load that was cut short is continued with the moment it began
// with, which its first wording tells: only so are its acts the same, and those that are there found to be there.
func begin(s *server.Server) (time.Time, error) {
	first, err := s.Catalog.Disclosure(wordings[0].id)
	if err == nil {
		return time.Time(first.Versions[0].CreatedAt).AddDate(span, 0, 0), nil
	}
	if s.Index.Stats().Records > 0 {
		return time.Time{}, ErrNotEmpty
	}
	return s.Now().UTC().Truncate(time.Second), nil
}

// batch is how many acts go into one transaction.
const batch = 4096

func record(ctx context.Context, s *server.Server, reports []act.Report, sum *Summary) error {
	for chunk := range slices.Chunk(reports, batch) {
		if err := ctx.Err(); err != nil {
			return err
		}
		results, err := s.Recorder.Record(ctx, caller, chunk)
		if err != nil {
			return fmt.Errorf("record the sample: %w", err)
		}
		for i, r := range results {
			if r.Err != nil {
				return fmt.Errorf("record %s of the sample: %w", chunk[i].EventID, r.Err)
			}
			if r.Outcome == ledger.Conflicting {
				sum.Conflicts++
			}
		}
		sum.Acts += len(chunk)
	}
	return nil
}

func suppress(ctx context.Context, s *server.Server, t *tale, sum *Summary) error {
	for _, l := range lists {
		asOf := ledger.Time(t.until.Add(-l.age))
		_, err := s.Lists.Create(ctx, caller.ID, suppression.List{
			ID: l.id, Name: l.name, Kind: l.kind, Brand: l.brand, Source: l.source, AsOf: asOf, MaxAge: l.maxAge,
		}, t.until)
		if err != nil && !errors.Is(err, suppression.ErrExists) {
			return err
		}
		_, added, err := s.Lists.Add(ctx, caller.ID, l.id, t.members(l))
		if err != nil {
			return err
		}
		sum.Listed += added
	}
	return nil
}
