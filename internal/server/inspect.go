package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/store"
)

// Inspection is what a server finds when it looks at itself.
type Inspection struct {
	Database string            // with its version
	Settings map[string]string // of the database, those that durability rests on
	Schema   int

	Head       uint64    // the last entry
	RecordedAt time.Time // when it was recorded; zero if there is none
	Indexed    uint64    // the entry up to which the index answers

	Records, Compared int      // in the database; of those, held against the index
	Differing         []uint64 // the entries on which records rest that the index has otherwise, the first few
}

// SchemaVersion is the newest database schema that this program knows.
func SchemaVersion() int { return store.LatestSchema() }

const (
	inspectEvery = 7 // one record in so many is held against the index
	inspectAll   = 50_000
	inspectShows = 5
)

// Inspect looks at the database and holds a sample of its records against the index; while nothing is recorded it is exact.
func (s *Server) Inspect(ctx context.Context) (Inspection, error) {
	in := Inspection{Settings: map[string]string{}, Indexed: s.Index.Revision()}
	var err error
	if in.Schema, err = store.SchemaOf(ctx, s.db); err != nil {
		return in, fmt.Errorf("read the schema's version: %w", err)
	}
	if err := s.inspectDatabase(ctx, &in); err != nil {
		return in, fmt.Errorf("read the database's settings: %w", err)
	}
	if in.Head, err = s.Ledger.Head(ctx); err != nil {
		return in, err
	}
	if in.Head > 0 {
		last, err := s.Ledger.Entry(ctx, in.Head)
		if err != nil && !errors.Is(err, ledger.ErrNotFound) {
			return in, err
		}
		in.RecordedAt = last.RecordedAt
	}
	_, err = s.Ledger.LoadRecords(ctx, func(c ledger.Change) { s.compare(&in, c) })
	return in, err
}

func (s *Server) inspectDatabase(ctx context.Context, in *Inspection) error {
	in.Database = s.db.Dialect().Name()
	if in.Database != "sqlite" {
		return nil
	}
	return s.db.Read(ctx, func(tx store.Tx) error {
		for _, name := range []string{"journal_mode", "page_size", "page_count", "freelist_count"} {
			if err := store.One(tx.Query(ctx, "PRAGMA "+name), func(r store.Row) { in.Settings[name] = r.Text(0) }); err != nil {
				return err
			}
		}
		return store.One(tx.Query(ctx, "SELECT sqlite_version()"), func(r store.Row) { in.Database = "SQLite " + r.Text(0) })
	})
}

// compare holds one record against the index: all of a small ledger, a sample of a large one.
func (s *Server) compare(in *Inspection, c ledger.Change) {
	in.Records++
	if !c.Scope.Concrete() || in.Records > inspectAll && in.Records%inspectEvery != 0 {
		return
	}
	in.Compared++
	v := s.Index.Check(check.Question{
		Number: c.Number, Brand: []byte(c.Scope.Brand), Purpose: []byte(c.Scope.Purpose), Channel: c.Scope.Channel,
	})
	if want := check.StateOf(c.Record); v.Recorded && v.Record.Seq == want.Seq && v.Record.Status == want.Status {
		return
	}
	if len(in.Differing) < inspectShows {
		in.Differing = append(in.Differing, c.Record.Entry)
	}
}
