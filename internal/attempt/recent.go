package attempt

import (
	"context"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/policy"
	"github.com/consentline/consentline/internal/store"
)

// Past is one contact as it is told to the person it was made to.
type Past struct {
	Class   consent.Class
	Channel consent.Channel
	Contact policy.Contact
	Outcome Outcome
	At      time.Time
}

// Missed reports whether nobody answered.
func (p Past) Missed() bool { return p.Outcome == Unanswered }

// Recent returns the latest contacts of a brand to a number that are still kept, at most limit, the latest first.
func (a *Attempts) Recent(ctx context.Context, n phone.Number, brand consent.BrandID, limit int) (out []Past, err error) {
	lookup := a.Vault.Lookup(n.WithoutExtension())
	err = a.DB.Read(ctx, func(tx store.Tx) error {
		rows := tx.Query(ctx, `
			SELECT class, channel, contact, outcome, made_at
			FROM attempts
			WHERE recipient = $1 AND brand = $2 AND state <> $3
			ORDER BY made_at DESC
			LIMIT $4`, lookup[:], string(brand), int64(released), limit)
		return store.Each(rows, func(r store.Row) error {
			out = append(out, Past{
				consent.Class(r.Int64(0)), consent.Channel(r.Int64(1)), policy.Contact(r.Int64(2)), Outcome(r.Int64(3)), time.UnixMicro(r.Int64(4)).UTC(),
			})
			return nil
		})
	})
	return out, err
}
