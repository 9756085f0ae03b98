// Package report counts: how many acts happened on which day, and how many records stand where.
//
// It follows the ledger and stores the table act_counts, written in one transaction with its cursor, so each act is
// counted once however often it crashes; dropping table and cursor costs a rebuild. What would take a scan of all
// records is counted in the background and kept in memory, with the moment at which it was counted.
package report

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/store"
)

// Reports counts what the ledger of one deployment holds. It is safe for concurrent use.
type Reports struct {
	db     store.DB
	ledger *ledger.Ledger
	now    func() time.Time
	counts atomic.Pointer[Counts]
}

// New returns the reports over a ledger; RunOnce keeps them up to date.
func New(db store.DB, l *ledger.Ledger, now func() time.Time) *Reports {
	return &Reports{db: db, ledger: l, now: now}
}

const (
	follower = "report"
	batch    = 4000

	// recount is how often all records are counted while the ledger grows: a million take about a second.
	recount = 30 * time.Second
)

// RunOnce counts the next acts and returns how many entries it went through; once there are none it counts the records
// again if the last count is old. Run it whenever the ledger has grown, and at least every minute. Nodes may run it at
// once: a run that finds the cursor moved by another counts nothing.
func (r *Reports) RunOnce(ctx context.Context) (done int, err error) {
	cursor, err := r.cursor(ctx)
	if err != nil {
		return 0, err
	}
	entries, err := r.ledger.Entries(ctx, cursor, batch)
	if err != nil {
		return 0, err
	}
	if len(entries) == 0 {
		return 0, r.refresh(ctx, cursor)
	}
	if err := r.count(ctx, cursor, entries); err != nil {
		return 0, fmt.Errorf("count the acts from entry %d: %w", entries[0].Seq, err)
	}
	return len(entries), nil
}

// Refresh is the part of RunOnce that each node does for itself: it counts the records again if the last count is old.
// Run it in its place on nodes that leave the acts to another.
func (r *Reports) Refresh(ctx context.Context) error {
	cursor, err := r.cursor(ctx)
	if err != nil {
		return err
	}
	return r.refresh(ctx, cursor)
}

func (r *Reports) refresh(ctx context.Context, cursor uint64) error {
	if c := r.counts.Load(); c == nil || c.Head != cursor && r.now().Sub(c.At) >= recount || r.now().Sub(c.At) >= time.Hour {
		return r.Recount(ctx)
	}
	return nil
}

type countKey struct {
	day                     int64
	brand, purpose, channel string
	act, source             int64
}

const daySeconds = 24 * 60 * 60

// count adds entries to the counts and moves the cursor, unless another node did so meanwhile.
func (r *Reports) count(ctx context.Context, cursor uint64, entries []ledger.Entry) error {
	counts := map[countKey]int64{}
	for i := range entries {
		a, ok := entries[i].Act()
		if !ok {
			continue
		}
		counts[countKey{
			a.EffectiveAt.Unix() / daySeconds,
			string(a.Scope.Brand), string(a.Scope.Purpose), a.Scope.Channel.String(), int64(a.Kind), int64(a.Source),
		}]++
	}
	sets := make([][]any, 0, len(counts))
	for k, n := range counts {
		sets = append(sets, []any{k.day, k.brand, k.purpose, k.channel, k.act, k.source, n})
	}
	slices.SortFunc(sets, func(a, b []any) int { return cmp.Compare(a[0].(int64), b[0].(int64)) }) // as the table is ordered
	last := entries[len(entries)-1].Seq
	return r.db.InTx(ctx, func(tx store.Tx) error {
		if moved, err := moveCursor(ctx, tx, cursor, last); err != nil || !moved {
			return err
		}
		return tx.ExecMany(ctx, `
			INSERT INTO act_counts (day, brand, purpose, channel, act, source, n)
			VALUES ($1, $2, $3, $4, $5, $6, $7)
			ON CONFLICT (day, brand, purpose, channel, act, source) DO UPDATE SET n = act_counts.n + excluded.n`, sets)
	})
}

// moveCursor moves the cursor on from where it was read. It comes first in its transaction: of two nodes that counted
// the same entries, the second waits here for the first, finds that the cursor has moved, and adds nothing.
func moveCursor(ctx context.Context, tx store.Tx, from, to uint64) (moved bool, err error) {
	_, err = tx.Exec(ctx, `
		INSERT INTO cursors (follower, seq)
		VALUES ($1, 0)
		ON CONFLICT (follower) DO NOTHING`, follower)
	if err != nil {
		return false, err
	}
	n, err := tx.Exec(ctx, "UPDATE cursors SET seq = $1 WHERE follower = $2 AND seq = $3", to, follower, from)
	return n == 1, err
}

func (r *Reports) cursor(ctx context.Context) (seq uint64, err error) {
	err = r.db.Read(ctx, func(tx store.Tx) (err error) {
		seq, err = readCursor(ctx, tx)
		return err
	})
	return seq, err
}

func readCursor(ctx context.Context, tx store.Tx) (seq uint64, err error) {
	rows := tx.Query(ctx, "SELECT seq FROM cursors WHERE follower = $1", follower)
	err = store.One(rows, func(r store.Row) { seq = uint64(r.Int64(0)) })
	if errors.Is(err, store.ErrNotFound) {
		return 0, nil
	}
	return seq, err
}

// Acts is how many acts of one kind, from one source, happened in one purpose of a brand on a day.
type Acts struct {
	Day     time.Time // its beginning, UTC
	Brand   consent.BrandID
	Purpose consent.PurposeID
	Kind    consent.Kind
	Source  consent.Source
	N       int
}

// Since calls fn with the counts of every day from the one that holds a moment, in the order of days, channels together.
func (r *Reports) Since(ctx context.Context, from time.Time, fn func(Acts)) error {
	return r.db.Read(ctx, func(tx store.Tx) error {
		rows := tx.Query(ctx, `
			SELECT day, brand, purpose, act, source, CAST(SUM(n) AS BIGINT)
			FROM act_counts
			WHERE day >= $1
			GROUP BY day, brand, purpose, act, source
			ORDER BY day`, from.Unix()/daySeconds)
		return store.Each(rows, func(row store.Row) error {
			fn(Acts{
				Day: time.Unix(row.Int64(0)*daySeconds, 0).UTC(), Brand: consent.BrandID(row.Text(1)), Purpose: consent.PurposeID(row.Text(2)),
				Kind: consent.Kind(row.Int64(3)), Source: consent.Source(row.Int64(4)), N: int(row.Int64(5)),
			})
			return nil
		})
	})
}
