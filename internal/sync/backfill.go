package sync

import (
	"context"
	"errors"

	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/store"
)

// backfill sends the next people of a backfill, all that is on record of them. Its place is written down, so that it
// goes on where it was after a crash.
func (r *runner) backfill(ctx context.Context) (more bool, err error) {
	place, running, err := r.backfillPlace(ctx)
	if err != nil || !running {
		return false, err
	}
	var changes []Change
	last, err := r.ledger.Subjects(ctx, place, windowSize, func(who ledger.Subject) error {
		for _, h := range who.Records {
			if r.definition.Wants(who.Number, h.Scope) {
				changes = append(changes, newChange(who, h, max(h.Record.Entry, 1)))
			}
		}
		return nil
	})
	if err != nil {
		return false, err
	}
	if len(changes) > 0 {
		if err := r.send(ctx, changes, 0); err != nil {
			return false, err
		}
	}
	return true, r.moveBackfill(ctx, last)
}

// backfillPlace returns the last person that a running backfill has sent.
func (r *runner) backfillPlace(ctx context.Context) (place int64, running bool, err error) {
	err = r.db.Read(ctx, func(tx store.Tx) error {
		return store.One(tx.Query(ctx, "SELECT seq FROM cursors WHERE follower = $1", backfillName(r.definition.ID)), func(row store.Row) {
			place = row.Int64(0)
		})
	})
	if errors.Is(err, store.ErrNotFound) {
		return 0, false, nil
	}
	return place, err == nil, err
}

// moveBackfill writes down the last person sent; zero ends the backfill.
func (r *runner) moveBackfill(ctx context.Context, last int64) error {
	return r.db.InTx(ctx, func(tx store.Tx) error {
		if last == 0 {
			_, err := tx.Exec(ctx, "DELETE FROM cursors WHERE follower = $1", backfillName(r.definition.ID))
			return err
		}
		return tx.ExecMany(ctx, moveCursor, [][]any{{backfillName(r.definition.ID), last}})
	})
}
