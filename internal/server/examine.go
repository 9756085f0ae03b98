package server

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/store"
	"github.com/consentline/consentline/internal/vault"
)

// Examination is what can be told of a database that no server of this data directory runs on.
type Examination struct {
	Migration
	Deployment string // empty: there is no ledger yet
	KeyError   error  // why the master key is not the deployment's
	Moved      error  // that a transfer keeps it from being served
	Lost       error  // that it lacks entries which this data directory knows of, or is another ledger

	Head, LogSize, Checkpoint uint64 // the last entry; how many the tree and the newest checkpoint cover
	Nodes                     int    // rows of nodes: those that run, and those that ended within the last hours
}

// Examine looks at a deployment's database as Open would find it, and writes nothing. An error means that it cannot be
// opened at all.
func Examine(ctx context.Context, c Config) (x Examination, err error) {
	x.Migration, err = migrating(ctx, c, withoutKey, func(db store.DB, m Migration) error {
		x.Lost = lost(ctx, db, filepath.Join(c.DataDir, reachedFile))
		if !m.Current() {
			return nil
		}
		return x.read(ctx, db, c)
	})
	return x, err
}

func (x *Examination) read(ctx context.Context, db store.DB, c Config) error {
	err := db.Read(ctx, func(tx store.Tx) error {
		for _, q := range []struct {
			sql string
			fn  func(store.Row)
		}{
			{"SELECT deployment, seq FROM head WHERE id = 1", func(r store.Row) { x.Deployment, x.Head = r.Text(0), uint64(r.Int64(1)) }},
			{"SELECT size FROM log_state WHERE id = 1", func(r store.Row) { x.LogSize = uint64(r.Int64(0)) }},
			{"SELECT coalesce(max(size), 0) FROM checkpoints", func(r store.Row) { x.Checkpoint = uint64(r.Int64(0)) }},
			{"SELECT count(*) FROM nodes", func(r store.Row) { x.Nodes = int(r.Int64(0)) }},
		} {
			if err := store.One(tx.Query(ctx, q.sql), q.fn); err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
		}
		x.Moved = ledger.Moved(ctx, tx)
		return nil
	})
	if err != nil {
		return err
	}
	if x.KeyError = keyOf(ctx, db, c); x.KeyError != nil && x.Deployment == "" {
		x.KeyError = nil // one is made with the ledger
	}
	return nil
}

// keyOf reads the master key and holds it against the data.
func keyOf(ctx context.Context, db store.DB, c Config) error {
	master, err := vault.ReadKeyFile((&Server{DataDir: c.DataDir, config: c}).keyFile())
	if err != nil {
		return err
	}
	keys, err := vault.Open(master)
	if err != nil {
		return err
	}
	return ledger.CheckKey(ctx, db, keys)
}
