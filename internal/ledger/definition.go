package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/consentline/consentline/internal/store"
)

// Definition is something that operators define: a brand, a purpose, a list, a key … The latest body under a kind and
// an ID holds; the earlier ones stay in the ledger.
type Definition struct {
	Kind string          `json:"kind"`
	ID   string          `json:"id"`
	Body json.RawMessage `json:"body"`

	Seq uint64 `json:"-"` // the entry that put it in force
}

// Define returns the item that records a definition and puts it in force.
func Define(kind Kind, by, what, id string, body any) (Item, error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return Item{}, fmt.Errorf("define %s: %w", what, err)
	}
	d := Definition{Kind: what, ID: id, Body: raw}
	return Item{Kind: kind, By: by, Detail: d, Effect: d.write}, nil
}

// Defined returns what an entry put in force.
func Defined(e Entry) (d Definition, err error) {
	if err := json.Unmarshal(e.Body.Detail, &d); err != nil {
		return d, fmt.Errorf("entry %d: %w", e.Seq, err)
	}
	d.Seq = e.Seq
	return d, nil
}

// IfStill lets the item be recorded only while the definition in force is that of the entry numbered seq, zero for
// none. Whoever changes a definition has looked at it first; another node may have changed it since.
func (it Item) IfStill(kind, id string, seq uint64) Item {
	it.Guard = func(ctx context.Context, tx store.Tx) error {
		now := uint64(0)
		err := store.One(tx.Query(ctx, "SELECT seq FROM definitions WHERE kind = $1 AND id = $2", kind, id), func(r store.Row) {
			now = uint64(r.Int64(0))
		})
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("look whether %s %s still stands: %w", kind, id, err)
		}
		if now != seq {
			return fmt.Errorf("%s %q %w", kind, id, ErrChanged)
		}
		return nil
	}
	return it
}

func (d Definition) write(ctx context.Context, tx store.Tx, seq uint64) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO definitions (kind, id, body, seq)
		VALUES ($1, $2, $3, $4)
		ON CONFLICT (kind, id) DO UPDATE SET body = excluded.body, seq = excluded.seq`, d.Kind, d.ID, string(d.Body), seq)
	if err != nil {
		return fmt.Errorf("define %s %s: %w", d.Kind, d.ID, err)
	}
	return nil
}

// Definitions calls fn with every definition in force, in the order in which they were last changed.
func (l *Ledger) Definitions(ctx context.Context, fn func(Definition, uint64) error) error {
	return l.db.Read(ctx, func(tx store.Tx) error {
		return store.Each(tx.Query(ctx, "SELECT kind, id, body, seq FROM definitions ORDER BY seq, kind, id"), func(r store.Row) error {
			seq := uint64(r.Int64(3))
			return fn(Definition{r.Text(0), r.Text(1), json.RawMessage(r.Text(2)), seq}, seq)
		})
	})
}
