package ledger

import (
	"context"
	"errors"

	"github.com/consentline/consentline/internal/store"
)

// What the storage may say of itself, for surfaces, which do not know it. The texts and what they mean are those of
// package store: after the first three nothing was recorded, after an UnconfirmedError the idempotency key tells.
var (
	ErrFull        = store.ErrFull
	ErrFailing     = store.ErrFailing
	ErrUnavailable = store.ErrUnavailable
)

// UnconfirmedError says that the outcome of a commit is unknown.
type UnconfirmedError = store.UnconfirmedError

// Writable returns what keeps entries from being recorded, nil if nothing is known to. After a commit that failed it
// writes the head as it is, so that it also tells when the trouble is over. A log that has forked never joins again.
func (l *Ledger) Writable(ctx context.Context) error {
	failed := l.failing.Load()
	if failed == nil {
		return nil
	}
	var forked *ForkedError
	if errors.As(*failed, &forked) {
		return *failed
	}
	err := l.db.InTx(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE head SET seq = seq WHERE id = 1")
		return err
	})
	if ctx.Err() != nil { // the caller's patience says nothing about the storage
		return *failed
	}
	l.committed(err)
	return err
}

// committed takes note of how a commit went.
func (l *Ledger) committed(err error) {
	var forked *ForkedError
	switch {
	case err == nil:
		l.failing.Store(nil)
	case errors.Is(err, ErrFull), errors.Is(err, ErrFailing), errors.Is(err, ErrUnavailable), errors.As(err, &forked):
		l.failing.Store(&err)
	}
}
