package postgres

import (
	"context"
	"fmt"

	"github.com/consentline/consentline/internal/store"
)

// A connection of a node is named after its schema, once it knows it, so that deployments in one database are told apart.
const (
	unnamed = "consentline"
	ownName = "left('consentline ' || coalesce(current_schema(), ''), 63)"
)

// Others returns how many connections of nodes the server has on this schema. Nodes whose address names another
// application_name are not seen.
func (db *DB) Others(ctx context.Context) (n int, err error) {
	err = db.Read(ctx, func(tx store.Tx) error {
		return store.One(tx.Query(ctx, `
			SELECT count(*)
			FROM pg_stat_activity
			WHERE datname = current_database() AND application_name = `+ownName+` AND pid <> pg_backend_pid()`), func(r store.Row) { n = int(r.Int64(0)) })
	})
	if err != nil {
		return 0, fmt.Errorf("look who is connected: %w", err)
	}
	return n, nil
}

// Room makes all parts of the ledger that so many entries need, before they are loaded: an entry that comes before its
// part goes to the part without bounds, and stays there.
func (db *DB) Room(ctx context.Context, entries uint64) error {
	for n := int64(0); n <= int64(entries)/partEntries+1; n++ {
		err := db.InTx(ctx, func(tx store.Tx) error {
			_, err := tx.Exec(ctx, ledgerPart(n))
			return err
		})
		if err != nil {
			return fmt.Errorf("make part %d of the ledger: %w", n, err)
		}
	}
	return nil
}
