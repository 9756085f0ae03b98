package attempt

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/policy"
	"github.com/consentline/consentline/internal/store"
)

// Confirm says that a reserved contact was made, and what became of it. It may be said again.
func (a *Attempts) Confirm(ctx context.Context, id ID, o Outcome, may func(consent.BrandID) error) error {
	return a.settle(ctx, id, confirmed, o, may, func(n phone.Number) { a.setOutcome(n, id, o) })
}

// Release says that a reserved contact was not made: it counts no more. It may be said again.
func (a *Attempts) Release(ctx context.Context, id ID, may func(consent.BrandID) error) error {
	return a.settle(ctx, id, released, Made, may, func(n phone.Number) { a.drop(n, id) })
}

// settle stores what became of a reservation, before memory follows. Whether the caller may is asked before the
// transaction, since a denial is written down in one of its own.
func (a *Attempts) settle(ctx context.Context, id ID, to state, o Outcome, may func(consent.BrandID) error, then func(phone.Number)) error {
	part, brand, err := a.whose(ctx, id)
	if err == nil {
		err = may(brand)
	}
	if err != nil {
		return err
	}
	var number phone.Number
	return a.change(ctx, []int{part}, func(tx store.Tx, now versions) (err error) {
		var was state
		if number, was, err = a.stands(ctx, tx, id); err != nil {
			return err
		}
		switch {
		case was == released && to == released:
			return nil
		case was == released:
			return ErrNotFound // it counts no more, and another may have taken its place
		case was == confirmed && to == released:
			return ErrSettled
		}
		_, err = tx.Exec(ctx, "UPDATE attempts SET state = $2, outcome = $3, stripe = $4, version = $5 WHERE id = $1", id[:], int64(to), int64(o), int64(part), now[part])
		return err
	}, func() { then(number) })
}

// whose returns the part that an attempt falls into and the brand that made it.
func (a *Attempts) whose(ctx context.Context, id ID) (part int, brand consent.BrandID, err error) {
	err = a.DB.Read(ctx, func(tx store.Tx) error {
		query := "SELECT recipient, brand FROM attempts WHERE id = $1 AND state <> $2"
		return store.One(tx.Query(ctx, query, id[:], int64(forgotten)), func(r store.Row) {
			part, brand = int(r.Bytes(0)[0]), consent.BrandID(r.Text(1))
		})
	})
	if errors.Is(err, store.ErrNotFound) {
		err = ErrNotFound
	}
	return part, brand, err
}

// stands reads whom an attempt was to reach, and where it stands.
func (a *Attempts) stands(ctx context.Context, tx store.Tx, id ID) (n phone.Number, was state, err error) {
	var opened error
	query := "SELECT sealed, state FROM attempts WHERE id = $1 AND state <> $2"
	err = store.One(tx.Query(ctx, query, id[:], int64(forgotten)), func(r store.Row) {
		n, opened = a.open(id, r.Bytes(0))
		was = state(r.Int64(1))
	})
	if errors.Is(err, store.ErrNotFound) {
		return 0, was, ErrNotFound
	}
	if err := errors.Join(err, opened); err != nil {
		return 0, was, fmt.Errorf("read attempt %s: %w", id, err)
	}
	return n, was, nil
}

// RunOnce deletes what no cap counts and no law wants kept any more. Run it daily on every node; to run it more often
// does no harm. Requests for consent, which some caps count without end, are kept until the number is forgotten.
func (a *Attempts) RunOnce(ctx context.Context) (done int, err error) {
	err = a.DB.InTx(ctx, func(tx store.Tx) error {
		changed, err := tx.Exec(ctx, "DELETE FROM attempts WHERE keep_until < $1 AND contact = 0", a.Now().UnixMicro())
		done = int(changed)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("delete old attempts: %w", err)
	}
	a.dropBefore(a.Now().Add(-a.countedFor()).Unix())
	return done, nil
}

// rememberForgotten is for how long other nodes can learn that an attempt was forgotten.
const rememberForgotten = 24 * time.Hour

// Forget deletes whatever is kept of a number, as when its subject is erased. Other nodes forget it when they follow.
func (a *Attempts) Forget(ctx context.Context, n phone.Number) error {
	lookup := a.Vault.Lookup(n.WithoutExtension())
	part := int(lookup[0])
	err := a.change(ctx, []int{part}, func(tx store.Tx, now versions) error {
		_, err := tx.Exec(ctx, `
			UPDATE attempts SET recipient = id, sealed = id, brand = '', class = 0, channel = 0, contact = 0, outcome = 0,
				matter = 0, event = 0, state = $2, made_at = 0, keep_until = $3, stripe = $4, version = $5
			WHERE recipient = $1`, lookup[:], int64(forgotten), a.Now().Add(rememberForgotten).UnixMicro(), int64(part), now[part])
		return err
	}, func() { a.forget(n) })
	if err != nil {
		return fmt.Errorf("forget attempts: %w", err)
	}
	return nil
}

// LastUsed returns when a consent of the number was last used by an ordinary contact, zero if that is not on record.
func (a *Attempts) LastUsed(ctx context.Context, n phone.Number, b consent.BrandID, class consent.Class, c consent.Channel) (at time.Time, err error) {
	lookup := a.Vault.Lookup(n.WithoutExtension())
	err = a.DB.Read(ctx, func(tx store.Tx) error {
		query := `
			SELECT made_at FROM attempts
			WHERE recipient = $1 AND brand = $2 AND class = $3 AND channel = $4 AND contact = $5 AND state < $6
			ORDER BY made_at DESC LIMIT 1`
		return store.One(tx.Query(ctx, query, lookup[:], string(b), int64(class), int64(c), int64(policy.Ordinary), int64(released)), func(r store.Row) {
			at = time.UnixMicro(r.Int64(0)).UTC()
		})
	})
	if errors.Is(err, store.ErrNotFound) {
		err = nil
	}
	return at, err
}
