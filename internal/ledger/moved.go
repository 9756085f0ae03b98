package ledger

import (
	"context"
	"errors"
	"fmt"

	"github.com/consentline/consentline/internal/store"
)

// MovedError says that a database may not be served, since its deployment is being transferred or has been.
type MovedError struct {
	Other string // the other database of the transfer
	Copy  bool   // this is the copy, which is not whole yet
	Whole bool   // the copy elsewhere is whole
}

func (e *MovedError) Error() string {
	switch {
	case e.Copy:
		return fmt.Sprintf("this database is the unfinished copy of %s: run the same consentline transfer again to finish it, or empty it", e.Other)
	case e.Whole:
		return fmt.Sprintf("this ledger was transferred to %s and goes on there: serve that one (two copies that are both served contradict each other; to give the other one up: consentline transfer --abandon --from this one)", e.Other)
	}
	return fmt.Sprintf("this ledger is being transferred to %s: run the same consentline transfer again to finish, or give it up with consentline transfer --abandon --from this one", e.Other)
}

// Moved returns a *MovedError if the deployment in a migrated database is being transferred or has been.
func Moved(ctx context.Context, tx store.Tx) error {
	var moved MovedError
	err := store.One(tx.Query(ctx, "SELECT other, filled, whole FROM transfers WHERE id = 1"), func(r store.Row) {
		moved = MovedError{Other: r.Text(0), Copy: r.Int64(1) != 0, Whole: r.Int64(2) != 0}
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look for a transfer: %w", err)
	}
	return &moved
}
