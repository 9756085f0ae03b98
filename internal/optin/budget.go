package optin

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/store"
)

// Limit is how many questions may go out within a time.
type Limit struct {
	Max int
	Per time.Duration
}

// Limits bound what strangers can make us send. Zero values stand for the defaults, which suit a mid-sized shop.
type Limits struct {
	Number  Limit // zero: 3 in 24 hours
	Address Limit // from one address; zero: 10 in an hour
	Prefix  Limit // to numbers that differ in the last four digits only; zero: 20 in an hour
	Country Limit // zero: 500 in an hour
	Total   Limit // zero: 2,000 in an hour

	// Countries are those that may be sent to (ISO 3166-1 alpha-2). Empty: each brand's own.
	Countries []string

	Resends     int           // how often a question goes out at most; zero: 3
	ResendApart time.Duration // zero: a minute

	// The breaker: where at least BreakerAsked people were asked in a day and fewer than BreakerShare of them confirmed,
	// no more are. It looks at each country, and at each prefix with a fifth of BreakerAsked.
	BreakerAsked int     // zero: 50
	BreakerShare float64 // zero: 0.1
}

func (l Limits) withDefaults() Limits {
	for _, d := range []struct {
		limit *Limit
		def   Limit
	}{
		{&l.Number, Limit{3, 24 * time.Hour}},
		{&l.Address, Limit{10, time.Hour}},
		{&l.Prefix, Limit{20, time.Hour}},
		{&l.Country, Limit{500, time.Hour}},
		{&l.Total, Limit{2000, time.Hour}},
	} {
		if d.limit.Max <= 0 || d.limit.Per <= 0 {
			*d.limit = d.def
		}
	}
	if l.Resends <= 0 {
		l.Resends = 3
	}
	if l.ResendApart <= 0 {
		l.ResendApart = time.Minute
	}
	if l.BreakerAsked <= 0 {
		l.BreakerAsked = 50
	}
	if l.BreakerShare <= 0 {
		l.BreakerShare = 0.1
	}
	return l
}

const (
	// breakerSpan is what the breaker looks back on, less the time that people take to answer.
	breakerSpan = 24 * time.Hour
	answerTime  = 10 * time.Minute
)

// spend takes one question from every budget, or refuses. What is spent stays spent even if the request then fails.
func (r *Requests) spend(ctx context.Context, a *asking) error {
	now, id := r.Now(), newID()
	lookup := r.Vault.Lookup(a.number)
	prefix, address := r.prefixOf(a.number), r.Vault.Digest("optin address", a.Address)
	region := phone.Region(a.number)
	return r.DB.InTx(ctx, func(tx store.Tx) error {
		const gate = "SELECT id FROM optin_gate WHERE id = 1"
		if err := store.One(tx.Query(ctx, gate+r.DB.Dialect().ForUpdate()), func(store.Row) {}); err != nil {
			return fmt.Errorf("take the budget's lock: %w", err)
		}
		for _, b := range []struct {
			name, where string
			arg         any
			limit       Limit
		}{
			{"to this number", "recipient = $2", lookup[:], r.Limits.Number},
			{"from this address", "address = $2", address[:], r.Limits.Address},
			{"to numbers like this one", "prefix = $2", prefix, r.Limits.Prefix},
			{"to this country", "region = $2", region, r.Limits.Country},
			{"in all", "", nil, r.Limits.Total},
		} {
			if b.arg != nil && b.name == "from this address" && a.Address == "" {
				continue // the caller named none; the other budgets bind
			}
			if err := within(ctx, tx, now, b.name, b.where, b.arg, b.limit); err != nil {
				return err
			}
		}
		if err := r.breaker(ctx, tx, now, "region = $3", region, r.Limits.BreakerAsked); err != nil {
			return err
		}
		if err := r.breaker(ctx, tx, now, "prefix = $3", prefix, max(r.Limits.BreakerAsked/5, 1)); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `
			INSERT INTO optin_sends (id, recipient, address, prefix, region, asked_at, confirmed)
			VALUES ($1, $2, $3, $4, $5, $6, 0)`, id[:], lookup[:], address[:], prefix, region, now.UnixMicro())
		return err
	})
}

// prefixOf is the keyed hash of a number less its last four digits, which is how ranges are rented for pumping.
func (r *Requests) prefixOf(n phone.Number) []byte {
	digits := n.Digits()
	d := r.Vault.Digest("optin prefix", digits[:max(len(digits)-4, 0)])
	return d[:]
}

func within(ctx context.Context, tx store.Tx, now time.Time, name, where string, arg any, l Limit) error {
	query, args := "SELECT COUNT(*), COALESCE(MIN(asked_at), 0) FROM optin_sends WHERE asked_at > $1", []any{now.Add(-l.Per).UnixMicro()}
	if where != "" {
		query, args = query+" AND "+where, append(args, arg)
	}
	var count, first int64
	if err := store.One(tx.Query(ctx, query, args...), func(r store.Row) { count, first = r.Int64(0), r.Int64(1) }); err != nil {
		return fmt.Errorf("read the budget: %w", err)
	}
	if count < int64(l.Max) {
		return nil
	}
	return &RefusedError{
		Code: CodeBudget, Reason: fmt.Sprintf("The budget of questions %s is spent: %d in %s.", name, l.Max, span(l.Per)),
		RetryAfter: time.UnixMicro(first).Add(l.Per).Sub(now),
	}
}

// span writes a duration without the parts that are zero.
func span(d time.Duration) string {
	return strings.TrimSuffix(strings.TrimSuffix(d.String(), "0s"), "0m")
}

func (r *Requests) breaker(ctx context.Context, tx store.Tx, now time.Time, where string, arg any, least int) error {
	query := "SELECT COUNT(*), CAST(COALESCE(SUM(confirmed), 0) AS BIGINT) FROM optin_sends WHERE asked_at > $1 AND asked_at <= $2 AND " + where
	var asked, confirmed int64
	err := store.One(tx.Query(ctx, query, now.Add(-breakerSpan).UnixMicro(), now.Add(-answerTime).UnixMicro(), arg), func(row store.Row) {
		asked, confirmed = row.Int64(0), row.Int64(1)
	})
	if err != nil {
		return fmt.Errorf("read the share that confirms: %w", err)
	}
	if asked < int64(least) || float64(confirmed) >= r.Limits.BreakerShare*float64(asked) {
		return nil
	}
	return &RefusedError{
		Code:       CodeBreaker,
		Reason:     "Too few of those who were asked confirm, which is how paid-for traffic looks: no more questions go out until that changes.",
		RetryAfter: time.Hour,
	}
}
