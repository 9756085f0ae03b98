package report

import (
	"context"
	"fmt"
	"time"

	"github.com/consentline/consentline/internal/store"
)

// Checks is how many questions were answered by one verdict for one reason.
type Checks struct {
	Verdict string // allow, deny or defer
	Code    string // of the reason that decided
	N       int
}

// AddChecks adds what was answered to the counts of a day. A crash before it loses what was answered since the last one:
// these counts are for people to look at, and prove nothing.
func (r *Reports) AddChecks(ctx context.Context, at time.Time, counts []Checks) error {
	sets := make([][]any, 0, len(counts))
	for _, c := range counts {
		if c.N > 0 {
			sets = append(sets, []any{at.Unix() / daySeconds, c.Verdict, c.Code, int64(c.N)})
		}
	}
	if len(sets) == 0 {
		return nil
	}
	err := r.db.InTx(ctx, func(tx store.Tx) error {
		return tx.ExecMany(ctx, `
			INSERT INTO check_counts (day, verdict, code, n)
			VALUES ($1, $2, $3, $4)
			ON CONFLICT (day, verdict, code) DO UPDATE SET n = check_counts.n + excluded.n`, sets)
	})
	if err != nil {
		return fmt.Errorf("count the checks: %w", err)
	}
	return nil
}

// ChecksSince returns how many questions were answered from the day that holds a moment on, the most frequent first.
func (r *Reports) ChecksSince(ctx context.Context, from time.Time) (out []Checks, err error) {
	err = r.db.Read(ctx, func(tx store.Tx) error {
		rows := tx.Query(ctx, `
			SELECT verdict, code, CAST(SUM(n) AS BIGINT) AS answered
			FROM check_counts
			WHERE day >= $1
			GROUP BY verdict, code
			ORDER BY answered DESC, verdict, code`, from.Unix()/daySeconds)
		return store.Each(rows, func(row store.Row) error {
			out = append(out, Checks{row.Text(0), row.Text(1), int(row.Int64(2))})
			return nil
		})
	})
	return out, err
}
