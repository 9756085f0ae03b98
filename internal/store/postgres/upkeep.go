package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/consentline/consentline/internal/store"
)

// Upkeep makes the parts of the ledger ahead of the entries that they will hold, and returns how many it made. Running
// it every few minutes is enough: a part is made while the one before is half empty. Where it is not run, entries go
// to the part without bounds, and stay there.
func (db *DB) Upkeep(ctx context.Context) (done int, err error) {
	err = db.InTx(ctx, func(tx store.Tx) error {
		done = 0
		var seq int64
		err := store.One(tx.Query(ctx, "SELECT seq FROM head WHERE id = 1"), func(r store.Row) { seq = r.Int64(0) })
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		next := (seq + partEntries/2) / partEntries
		there := int64(0)
		err = store.One(tx.Query(ctx, "SELECT count(*) FROM pg_class WHERE oid = to_regclass($1)", fmt.Sprintf("ledger_%05d", next)), func(r store.Row) { there = r.Int64(0) })
		if err != nil || there > 0 {
			return err
		}
		done = 1
		_, err = tx.Exec(ctx, ledgerPart(next))
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("make the next part of the ledger: %w", err)
	}
	return done, nil
}
