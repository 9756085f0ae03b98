package attempt

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/store"
)

// Past returns a counter of all contacts with one number that are on record, for questions about the past; if knownAt
// is not zero, only of those that had been told of by then. What was released was not made, and never counts.
func (a *Attempts) Past(ctx context.Context, n phone.Number, knownAt time.Time) (*Counter, error) {
	known := int64(math.MaxInt64)
	if !knownAt.IsZero() {
		known = knownAt.UnixMicro()
	}
	lookup := a.Vault.Lookup(n.WithoutExtension())
	c := NewCounter()
	err := a.DB.Read(ctx, func(tx store.Tx) error {
		query := "SELECT " + columns + " FROM attempts WHERE recipient = $1 AND state < $2 AND recorded_at <= $3 ORDER BY made_at"
		return store.Each(tx.Query(ctx, query, lookup[:], int64(released), known), func(r store.Row) error {
			c.add(n, c.contactOf(r))
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read the contacts of the past: %w", err)
	}
	return c, nil
}
