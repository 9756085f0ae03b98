package report

import (
	"context"
	"fmt"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/store"
)

// ExpiringWithin is how soon a consent must end to be counted as expiring.
const ExpiringWithin = 30 * 24 * time.Hour

// Counts are the sizes of what stood at one moment.
type Counts struct {
	At       time.Time
	Head     uint64 // the last entry whose acts were counted by day then
	Standing []Standing
	Wordings map[string]int // records that rest on a wording, by id@version
}

// Standing is how many records stand at one status in one scope, and how many of them run out soon.
type Standing struct {
	Scope    consent.Scope
	Status   consent.Status
	N        int
	Expiring int // within ExpiringWithin; of granted only
}

// Counts returns the latest count of all records; its zero value, with no time, before the first.
func (r *Reports) Counts() Counts {
	if c := r.counts.Load(); c != nil {
		return *c
	}
	return Counts{}
}

// Recount counts all records now. RunOnce calls it as often as it is worth its scan.
func (r *Reports) Recount(ctx context.Context) error {
	c := Counts{At: r.now(), Wordings: map[string]int{}}
	err := r.db.Read(ctx, func(tx store.Tx) (err error) {
		if c.Head, err = readCursor(ctx, tx); err != nil {
			return err
		}
		scopes, err := readScopes(ctx, tx)
		if err != nil {
			return err
		}
		if err := c.readStanding(ctx, tx, scopes); err != nil {
			return err
		}
		rows := tx.Query(ctx, `
			SELECT disclosure, COUNT(*)
			FROM records
			WHERE disclosure IS NOT NULL AND disclosure <> ''
			GROUP BY disclosure`)
		return store.Each(rows, func(row store.Row) error {
			c.Wordings[row.Text(0)] = int(row.Int64(1))
			return nil
		})
	})
	if err != nil {
		return fmt.Errorf("count the records: %w", err)
	}
	r.counts.Store(&c)
	return nil
}

func (c *Counts) readStanding(ctx context.Context, tx store.Tx, scopes map[int64]consent.Scope) error {
	// Expiry is arithmetic: a yes past its end still stands as granted in its row.
	rows := tx.Query(ctx, `
		SELECT scope,
			CASE WHEN status = $1 AND valid_until IS NOT NULL AND valid_until <= $2 THEN $3 ELSE status END AS stands,
			COUNT(*),
			CAST(SUM(CASE WHEN status = $1 AND valid_until > $2 AND valid_until <= $4 THEN 1 ELSE 0 END) AS BIGINT)
		FROM records
		GROUP BY scope, stands
		ORDER BY scope, stands`,
		int64(consent.StatusGranted), c.At.UnixMicro(), int64(consent.StatusExpired), c.At.Add(ExpiringWithin).UnixMicro())
	return store.Each(rows, func(row store.Row) error {
		c.Standing = append(c.Standing, Standing{
			Scope: scopes[row.Int64(0)], Status: consent.Status(row.Int64(1)), N: int(row.Int64(2)), Expiring: int(row.Int64(3)),
		})
		return nil
	})
}

func readScopes(ctx context.Context, tx store.Tx) (map[int64]consent.Scope, error) {
	out := map[int64]consent.Scope{}
	err := store.Each(tx.Query(ctx, "SELECT id, brand, purpose, channel FROM scopes"), func(r store.Row) error {
		channel, err := consent.ParseChannel(r.Text(3))
		if err != nil {
			return fmt.Errorf("scope %d: %w", r.Int64(0), err)
		}
		out[r.Int64(0)] = consent.Scope{Brand: consent.BrandID(r.Text(1)), Purpose: consent.PurposeID(r.Text(2)), Channel: channel}
		return nil
	})
	return out, err
}
