package optin

import (
	"context"
	"fmt"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/store"
)

// End ends the open requests of a number that a no covers, within the transaction of the entry that says the no.
func (r *Requests) End(ctx context.Context, tx store.Tx, n phone.Number, no consent.Scope, seq uint64) error {
	lookup := r.Vault.Lookup(n)
	_, err := tx.Exec(ctx, `
		UPDATE optins SET state = 3, settled = $2, secret = NULL
		WHERE recipient = $1 AND state = 0
			AND ($3 = '*' OR brand = $3) AND ($4 = '*' OR purpose = $4) AND ($5 = '*' OR channel = $5)`,
		lookup[:], seq, string(no.Brand), string(no.Purpose), no.Channel.String())
	if err != nil {
		return fmt.Errorf("end the requests for confirmation: %w", err)
	}
	return nil
}

// keptSends is how long spendings are kept: longer than any budget looks back.
const keptSends = 48 * time.Hour

// RunOnce records that requests have expired, up to a hundred, and returns how many. Run it again while it returns more
// than zero, and every minute besides; no verdict waits for it. It may run on several nodes at once.
func (r *Requests) RunOnce(ctx context.Context) (done int, err error) {
	var expired []Standing
	now := r.Now()
	err = r.DB.Read(ctx, func(tx store.Tx) error {
		const query = "SELECT " + standingColumns + " FROM optins WHERE state = 0 AND expires_at <= $1 ORDER BY expires_at LIMIT 100"
		return store.Each(tx.Query(ctx, query, now.UnixMicro()), func(row store.Row) error {
			s, err := scanStanding(row)
			expired = append(expired, s)
			return err
		})
	})
	if err != nil {
		return 0, fmt.Errorf("find requests that have expired: %w", err)
	}
	for _, s := range expired {
		if err := r.expire(ctx, s); err != nil {
			return done, err
		}
		done++
	}
	keep := max(keptSends, 2*r.Limits.Number.Per, 2*r.Limits.Country.Per, 2*r.Limits.Total.Per, 2*r.Limits.Prefix.Per, 2*r.Limits.Address.Per)
	err = r.DB.InTx(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM optin_sends WHERE asked_at < $1", now.Add(-keep).UnixMicro())
		return err
	})
	return done, err
}

func (r *Requests) expire(ctx context.Context, s Standing) error {
	e, err := r.Ledger.Entry(ctx, s.Seq)
	if err != nil {
		return fmt.Errorf("read the request: %w", err)
	}
	if e.Erased {
		return r.DB.InTx(ctx, func(tx store.Tx) error { return r.settle(ctx, tx, s.ID, stateExpired, s.Seq) })
	}
	_, err = r.Ledger.AppendOne(ctx, ledger.Item{
		Kind: ledger.KindAct, Number: e.Number, By: "system", IdempotencyKey: "optin expired " + s.ID.String(),
		Act:    consent.Act{Kind: consent.Expired, Scope: s.Scope, EffectiveAt: s.ExpiresAt, Source: consent.System},
		Detail: Detail{OptIn: s.ID.String(), Requested: s.Seq},
		Effect: func(ctx context.Context, tx store.Tx, seq uint64) error {
			return r.settle(ctx, tx, s.ID, stateExpired, seq)
		},
	})
	if err != nil {
		return fmt.Errorf("record that the request has expired: %w", err)
	}
	return nil
}

// Forget deletes what is kept of a number's requests, as when its subject is erased.
func (r *Requests) Forget(ctx context.Context, n phone.Number) error {
	lookup := r.Vault.Lookup(n)
	return r.DB.InTx(ctx, func(tx store.Tx) error {
		for _, table := range []string{"optins", "optin_sends"} {
			if _, err := tx.Exec(ctx, "DELETE FROM "+table+" WHERE recipient = $1", lookup[:]); err != nil {
				return fmt.Errorf("forget the number's requests: %w", err)
			}
		}
		return nil
	})
}
