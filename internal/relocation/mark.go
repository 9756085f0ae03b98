package relocation

import (
	"context"
	"errors"
	"fmt"

	"github.com/consentline/consentline/internal/store"
)

// mark is the row by which a database knows of a transfer.
type mark struct {
	there, filled, whole bool
	deployment, other    string
}

func markOf(ctx context.Context, db store.DB) (m mark, err error) {
	err = db.Read(ctx, func(tx store.Tx) error {
		return store.One(tx.Query(ctx, "SELECT filled, whole, deployment, other FROM transfers WHERE id = 1"), func(r store.Row) {
			m = mark{there: true, filled: r.Int64(0) != 0, whole: r.Int64(1) != 0, deployment: r.Text(2), other: r.Text(3)}
		})
	})
	if errors.Is(err, store.ErrNotFound) {
		err = nil
	}
	return m, err
}

// begin marks both databases, the original first: from then on nothing is appended to it, whoever still runs.
func (r *relocation) begin(ctx context.Context) error {
	err := r.From.DB.InTx(ctx, func(tx store.Tx) error {
		// Whoever waits to append must not go on with what it saw before, so the head is written, not only locked.
		if _, err := tx.Exec(ctx, "UPDATE head SET seq = seq WHERE id = 1"); err != nil {
			return err
		}
		return r.mark(ctx, tx, r.To.Name, 0)
	})
	if err != nil {
		return fmt.Errorf("mark %s: %w", r.From.Name, err)
	}
	if _, r.head, err = deploymentOf(ctx, r.From.DB); err != nil {
		return err
	}
	if r.Room != nil {
		if err := r.Room(ctx, r.head); err != nil {
			return err
		}
	}
	to, err := markOf(ctx, r.To.DB)
	if err != nil || to.there {
		return err
	}
	err = r.To.DB.InTx(ctx, func(tx store.Tx) error {
		for _, t := range r.tables { // of what a new schema begins with
			if _, err := tx.Exec(ctx, "DELETE FROM "+t.Name); err != nil {
				return err
			}
		}
		return r.mark(ctx, tx, r.From.Name, 1)
	})
	if err != nil {
		return fmt.Errorf("mark %s: %w", r.To.Name, err)
	}
	return nil
}

func (r *relocation) mark(ctx context.Context, tx store.Tx, other string, filled int64) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO transfers (id, filled, deployment, other, whole, begun_at)
		VALUES (1, $1, $2, $3, 0, $4)
		ON CONFLICT (id) DO NOTHING`, filled, r.deployment, other, r.Now().UnixMicro())
	return err
}

// Abandon takes the mark of a transfer from its original, so that it may be served again. It does nothing to the copy,
// and refuses to be run on one.
func Abandon(ctx context.Context, p Place) (other string, err error) {
	m, err := markOf(ctx, p.DB)
	switch {
	case err != nil:
		return "", err
	case !m.there:
		return "", fmt.Errorf("%s is in no transfer: there is nothing to abandon", p.Name)
	case m.filled:
		return "", fmt.Errorf("%s is the unfinished copy: abandon the transfer on %s, and empty this one", p.Name, m.other)
	}
	return m.other, p.DB.InTx(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM transfers WHERE id = 1")
		return err
	})
}
