package attempt

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/store"
)

// stored is a row in hand.
type stored struct {
	number  phone.Number
	brand   consent.BrandID
	state   state
	outcome Outcome
}

// Confirm says that a reserved contact was made, and what became of it. It may be said again.
func (a *Attempts) Confirm(ctx context.Context, id ID, o Outcome, may func(consent.BrandID) error) error {
	row, err := a.settle(ctx, id, confirmed, o, may)
	if err != nil {
		return err
	}
	a.setOutcome(row.number, id, o)
	return nil
}

// Release says that a reserved contact was not made: it counts no more. It may be said again.
func (a *Attempts) Release(ctx context.Context, id ID, may func(consent.BrandID) error) error {
	row, err := a.settle(ctx, id, released, Made, may)
	if err != nil {
		return err
	}
	a.drop(row.number, id)
	return nil
}

// settle stores what became of a reservation, before memory follows: a crash between is made good by the next start.
func (a *Attempts) settle(ctx context.Context, id ID, to state, o Outcome, may func(consent.BrandID) error) (row stored, err error) {
	err = a.DB.InTx(ctx, func(tx store.Tx) error {
		query := "SELECT sealed, brand, state, outcome FROM attempts WHERE id = $1" + a.DB.Dialect().ForUpdate()
		var opened error
		err := store.One(tx.Query(ctx, query, id[:]), func(r store.Row) {
			raw, err := a.Vault.NotesKey().Open(r.Bytes(0), id.place())
			if opened = err; err == nil {
				row = stored{phone.Number(binary.BigEndian.Uint64(raw)), consent.BrandID(r.Text(1)), state(r.Int64(2)), Outcome(r.Int64(3))}
			}
		})
		if errors.Is(err, store.ErrNotFound) {
			return ErrNotFound
		}
		if err := errors.Join(err, opened); err != nil {
			return fmt.Errorf("read attempt %s: %w", id, err)
		}
		if err := may(row.brand); err != nil {
			return err
		}
		switch {
		case row.state == released && to == released:
			return nil
		case row.state == released:
			return ErrNotFound // it counts no more, and another may have taken its place
		case row.state == confirmed && to == released:
			return ErrSettled
		}
		_, err = tx.Exec(ctx, "UPDATE attempts SET state = $2, outcome = $3 WHERE id = $1", id[:], int64(to), int64(o))
		return err
	})
	return row, err
}

// Kept is for how long an attempt is kept: longer than any cap of the built-in rules counts but those without an end,
// which count requests for consent; those are kept until the number is forgotten.
const Kept = 400 * 24 * time.Hour

// RunOnce deletes what no cap counts any more. Run it daily; to run it more often, or on several nodes, does no harm.
func (a *Attempts) RunOnce(ctx context.Context) (done int, err error) {
	before := a.Now().Add(-Kept)
	err = a.DB.InTx(ctx, func(tx store.Tx) error {
		changed, err := tx.Exec(ctx, "DELETE FROM attempts WHERE made_at < $1 AND contact = 0", before.UnixMicro())
		done = int(changed)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("delete old attempts: %w", err)
	}
	a.dropBefore(before.Unix())
	return done, nil
}

// Forget deletes whatever is kept of a number, as when its subject is erased.
func (a *Attempts) Forget(ctx context.Context, n phone.Number) error {
	lookup := a.Vault.Lookup(n.WithoutExtension())
	err := a.DB.InTx(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM attempts WHERE recipient = $1", lookup[:])
		return err
	})
	if err != nil {
		return fmt.Errorf("forget attempts: %w", err)
	}
	a.forget(n)
	return nil
}
