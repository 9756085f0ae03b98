package optin

import (
	"context"
	"time"

	"github.com/consentline/consentline/internal/store"
)

// Place is where a page of waiting requests begins: after the request that expires at a moment under an ID.
type Place struct {
	ExpiresAt time.Time
	ID        ID
}

// Waiting returns up to limit requests that wait for their answer, in the order in which they expire, from a place on.
func (r *Requests) Waiting(ctx context.Context, after Place, limit int) (out []Standing, err error) {
	const query = "SELECT " + standingColumns + ` FROM optins
		WHERE state = 0 AND expires_at > $1 AND expires_at >= $2 AND (expires_at > $2 OR id > $3)
		ORDER BY expires_at, id
		LIMIT $4`
	err = r.DB.Read(ctx, func(tx store.Tx) error {
		return store.Each(tx.Query(ctx, query, r.Now().UnixMicro(), after.ExpiresAt.UnixMicro(), after.ID[:], limit), func(row store.Row) error {
			s, err := scanStanding(row)
			out = append(out, s)
			return err
		})
	})
	return out, err
}
