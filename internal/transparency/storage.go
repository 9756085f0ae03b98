package transparency

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/consentline/consentline/internal/store"
	"github.com/consentline/consentline/verify"
	"golang.org/x/mod/sumdb/tlog"
)

// DamagedError says that what the database holds of the log contradicts itself. The log stops there, since signing or
// serving it would publish the contradiction.
type DamagedError struct {
	What    string // a tile's path, a checkpoint, or an entry
	Problem string
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("transparency log: %s: %s; verify the database's backups before going on", e.What, e.Problem)
}

// errMoved says that another node has saved a step first.
var errMoved = errors.New("another node extended the log first")

// storage is the log's rows in the database.
type storage struct{ db store.DB }

// signed is a stored checkpoint.
type signed struct {
	size     int64
	signedAt time.Time
	note     string
}

// load returns the tree's right edge as it was last saved.
func (s storage) load(ctx context.Context) (*builder, error) {
	var b *builder
	err := s.db.Read(ctx, func(tx store.Tx) error {
		frontier, err := readFrontier(ctx, tx)
		if err != nil {
			return err
		}
		b = newBuilder(frontier)
		return b.restore(func(t tlog.Tile) ([]byte, error) { return readTile(ctx, tx, t) })
	})
	if err != nil {
		return nil, fmt.Errorf("load the log's state: %w", err)
	}
	return b, nil
}

func readFrontier(ctx context.Context, tx store.Tx) (*verify.Frontier, error) {
	var size int64
	var peaks []tlog.Hash
	err := store.One(tx.Query(ctx, `
		SELECT size, frontier
		FROM log_state
		WHERE id = 1`), func(r store.Row) {
		size = r.Int64(0)
		for raw := r.Bytes(1); len(raw) >= tlog.HashSize; raw = raw[tlog.HashSize:] {
			peaks = append(peaks, tlog.Hash(raw[:tlog.HashSize]))
		}
	})
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	f, err := verify.RestoreFrontier(uint64(size), peaks)
	if err != nil {
		return nil, &DamagedError{What: "log_state", Problem: err.Error()}
	}
	return f, nil
}

// readTile returns the first t.W hashes of a stored tile; a tile that is missing or too short is fs.ErrNotExist.
func readTile(ctx context.Context, tx store.Tx, t tlog.Tile) ([]byte, error) {
	var data []byte
	err := store.One(tx.Query(ctx, `
		SELECT hashes
		FROM log_tiles
		WHERE level = $1 AND n = $2`, t.L, t.N), func(r store.Row) {
		data = append(data, r.Bytes(0)...)
	})
	if errors.Is(err, store.ErrNotFound) || err == nil && len(data) < t.W*tlog.HashSize {
		return nil, fmt.Errorf("hash tile %s: %w", verify.TilePath(t), fs.ErrNotExist)
	}
	if err != nil {
		return nil, err
	}
	return data[:t.W*tlog.HashSize], nil
}

// Fetch implements verify.Source over the stored hash tiles, for proofs.
func (s storage) Fetch(ctx context.Context, path string) ([]byte, error) {
	t, err := verify.ParseTilePath(path)
	if err != nil {
		return nil, err
	}
	var data []byte
	err = s.db.Read(ctx, func(tx store.Tx) error {
		data, err = readTile(ctx, tx, t)
		return err
	})
	return data, err
}

// save writes the changed tiles and moves the cursor from one size to the builder's, in one transaction. It returns
// errMoved if the cursor is not where it was loaded from: tiles of an older size must never overwrite those of a newer.
func (s storage) save(ctx context.Context, from int64, b *builder) error {
	var peaks []byte
	for _, h := range b.frontier.Peaks() {
		peaks = append(peaks, h[:]...)
	}
	var rows [][]any
	for _, t := range b.changed() {
		rows = append(rows, []any{t.level, t.n, t.hashes})
	}
	return s.db.InTx(ctx, func(tx store.Tx) error {
		if _, err := tx.Exec(ctx, `
			INSERT INTO log_state (id, size, frontier)
			VALUES (1, 0, $1)
			ON CONFLICT (id) DO NOTHING`, []byte{}); err != nil {
			return err
		}
		moved, err := tx.Exec(ctx, `
			UPDATE log_state
			SET size = $1, frontier = $2
			WHERE id = 1 AND size = $3`, b.size(), peaks, from)
		if err != nil {
			return err
		}
		if moved != 1 {
			return errMoved
		}
		return tx.ExecMany(ctx, `
			INSERT INTO log_tiles (level, n, hashes)
			VALUES ($1, $2, $3)
			ON CONFLICT (level, n) DO UPDATE SET hashes = excluded.hashes`, rows)
	})
}

// latest returns the newest checkpoint, and false if none was signed yet.
func (s storage) latest(ctx context.Context) (c signed, ok bool, err error) {
	err = s.db.Read(ctx, func(tx store.Tx) error {
		c, ok, err = readLatest(ctx, tx)
		return err
	})
	return c, ok, err
}

func readLatest(ctx context.Context, tx store.Tx) (c signed, ok bool, err error) {
	err = store.One(tx.Query(ctx, `
		SELECT size, signed_at, note
		FROM checkpoints
		ORDER BY size DESC
		LIMIT 1`), func(r store.Row) {
		c = signed{size: r.Int64(0), signedAt: time.UnixMicro(r.Int64(1)).UTC(), note: r.Text(2)}
		ok = true
	})
	if errors.Is(err, store.ErrNotFound) {
		return signed{}, false, nil
	}
	return c, ok, err
}

// publish stores a checkpoint that was verified to continue the one of size after, -1 if there was none. It returns
// errMoved if another has been stored since.
func (s storage) publish(ctx context.Context, after int64, c signed) error {
	return s.db.InTx(ctx, func(tx store.Tx) error {
		newest, ok, err := readLatest(ctx, tx)
		if err != nil {
			return err
		}
		if !ok {
			newest.size = -1
		}
		if newest.size != after {
			return errMoved
		}
		_, err = tx.Exec(ctx, `
			INSERT INTO checkpoints (size, signed_at, note)
			VALUES ($1, $2, $3)`, c.size, c.signedAt.UnixMicro(), c.note)
		return err
	})
}
