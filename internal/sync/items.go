package sync

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/store"
)

// Item is a change that a system has not taken.
type Item struct {
	Subject  ledger.SubjectID
	Scope    consent.Scope
	Seq      uint64
	Since    uint64 // the earliest entry that restricts and was not taken; zero: none does
	SinceAt  time.Time
	Parked   bool // it was refused for good, or tried too often
	Attempts int
	DueAt    time.Time
	Code     string
	Reason   string
}

// items are the rows of one destination.
type items struct {
	db          store.DB
	destination string
}

const itemColumns = "subject, scope, seq, since, since_at, parked, attempts, due_at, code, reason"

func scanItem(r store.Row) (Item, error) {
	scope, err := ParseScope(r.Text(1))
	it := Item{
		Subject: ledger.SubjectID(r.Bytes(0)), Scope: scope, Seq: uint64(r.Int64(2)), Since: uint64(r.Int64(3)),
		SinceAt: time.UnixMicro(r.Int64(4)).UTC(), Parked: r.Int64(5) != 0, Attempts: int(r.Int64(6)),
		DueAt: time.UnixMicro(r.Int64(7)).UTC(), Code: r.Text(8), Reason: r.Text(9),
	}
	return it, err
}

// ParseScope reads what consent.Scope writes.
func ParseScope(s string) (consent.Scope, error) {
	parts := strings.Split(s, "/")
	if len(parts) != 3 {
		return consent.Scope{}, fmt.Errorf("scope %q: want brand/purpose/channel", s)
	}
	channel, err := consent.ParseChannel(parts[2])
	return consent.Scope{Brand: consent.BrandID(parts[0]), Purpose: consent.PurposeID(parts[1]), Channel: channel}, err
}

// due returns what may be tried again now, oldest first.
func (s *items) due(ctx context.Context, now time.Time, limit int) ([]Item, error) {
	return s.read(ctx, "parked = 0 AND due_at <= $2 ORDER BY due_at LIMIT $3", now.UnixMicro(), limit)
}

// parked returns what was refused for good, after the one given, by subject and scope.
func (s *items) parked(ctx context.Context, after Item, limit int) ([]Item, error) {
	return s.read(ctx, "parked = 1 AND (subject > $2 OR subject = $2 AND scope > $3) ORDER BY subject, scope LIMIT $4",
		after.Subject[:], after.Scope.String(), limit)
}

// of returns all that is kept of one subject.
func (s *items) of(ctx context.Context, id ledger.SubjectID) ([]Item, error) {
	return s.read(ctx, "subject = $2", id[:])
}

func (s *items) read(ctx context.Context, where string, args ...any) (out []Item, err error) {
	err = s.db.Read(ctx, func(tx store.Tx) error {
		query := "SELECT " + itemColumns + " FROM sync_items WHERE destination = $1 AND " + where
		return store.Each(tx.Query(ctx, query, append([]any{s.destination}, args...)...), func(r store.Row) error {
			it, err := scanItem(r)
			out = append(out, it)
			return err
		})
	})
	return out, err
}

// nextDue returns when the next item may be tried again; ok is false when none waits.
func (s *items) nextDue(ctx context.Context) (at time.Time, ok bool, err error) {
	err = s.db.Read(ctx, func(tx store.Tx) error {
		const query = "SELECT due_at FROM sync_items WHERE destination = $1 AND parked = 0 ORDER BY due_at LIMIT 1"
		return store.One(tx.Query(ctx, query, s.destination), func(r store.Row) { at = time.UnixMicro(r.Int64(0)).UTC() })
	})
	if errors.Is(err, store.ErrNotFound) {
		return at, false, nil
	}
	return at, err == nil, err
}

// maxAttempts is how often a change that fails alone is tried, over about a day, before it is parked.
const maxAttempts = 16

// settle writes down what became of changes, within a transaction.
func (s *items) settle(ctx context.Context, tx store.Tx, outcomes []outcome, before map[changeKey]Item) error {
	var gone, kept, acked [][]any
	for i := range outcomes {
		o := &outcomes[i]
		was, waited := before[changeKey{o.Subject, o.Scope}]
		if o.err != nil {
			kept = append(kept, s.row(o, was))
			continue
		}
		if waited {
			gone = append(gone, []any{s.destination, o.Subject[:], o.Scope.String()})
		}
		for _, p := range o.restrictions {
			acked = append(acked, []any{s.destination, p.seq, p.at.UnixMicro(), o.at.UnixMicro()})
		}
	}
	const remove = "DELETE FROM sync_items WHERE destination = $1 AND subject = $2 AND scope = $3"
	if err := tx.ExecMany(ctx, remove, gone); err != nil {
		return err
	}
	if err := tx.ExecMany(ctx, upsertItem, kept); err != nil {
		return err
	}
	return tx.ExecMany(ctx, insertAck, acked)
}

const upsertItem = `
	INSERT INTO sync_items (destination, subject, scope, seq, since, since_at, parked, attempts, due_at, code, reason)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
	ON CONFLICT (destination, subject, scope) DO UPDATE
	SET seq = excluded.seq, since = excluded.since, since_at = excluded.since_at, parked = excluded.parked,
		attempts = excluded.attempts, due_at = excluded.due_at, code = excluded.code, reason = excluded.reason`

// An act that restricts is acknowledged when every scope it reached is: the latest of them counts.
const insertAck = `
	INSERT INTO sync_acks (destination, seq, recorded_at, acked_at)
	VALUES ($1, $2, $3, $4)
	ON CONFLICT (destination, seq) DO UPDATE SET acked_at = excluded.acked_at`

// row is what is kept of a change that was not taken; was is what was kept of it before.
func (s *items) row(o *outcome, was Item) []any {
	parked, code, reason := int64(1), "", ""
	attempts, due := was.Attempts+1, o.at
	var refused *RefusedError
	var later *LaterError
	switch {
	case errors.As(o.err, &refused):
		code, reason = refused.Code, refused.Reason
	case errors.As(o.err, &later):
		code, reason = later.Code, later.Reason
		if attempts < maxAttempts {
			parked, due = 0, o.at.Add(max(later.After, backoff(attempts, leastPause)))
		}
	}
	since, at := was.Since, was.SinceAt.UnixMicro()
	if since == 0 && o.Restricts() {
		since, at = o.restrictions[0].seq, o.restrictions[0].at.UnixMicro()
	}
	return []any{s.destination, o.Subject[:], o.Scope.String(), o.Seq, since, at, parked, int64(attempts), due.UnixMicro(), code, clip(reason)}
}

func clip(s string) string {
	const most = 300
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "")
	}
	return s
}

// unpark lets what was refused be tried again at once, as when the cause was mended.
func (s *items) unpark(ctx context.Context, now time.Time) (n int64, err error) {
	err = s.db.InTx(ctx, func(tx store.Tx) error {
		n, err = tx.Exec(ctx, "UPDATE sync_items SET parked = 0, attempts = 0, due_at = $2 WHERE destination = $1 AND parked = 1", s.destination, now.UnixMicro())
		return err
	})
	return n, err
}

// forget deletes everything kept of a destination.
func (s *items) forget(ctx context.Context) error {
	return s.db.InTx(ctx, func(tx store.Tx) error {
		for _, table := range []string{"sync_items", "sync_acks", "sync_said"} {
			if _, err := tx.Exec(ctx, "DELETE FROM "+table+" WHERE destination = $1", s.destination); err != nil {
				return err
			}
		}
		return tx.ExecMany(ctx, "DELETE FROM cursors WHERE follower = $1", [][]any{
			{cursorName(s.destination)}, {versionName(s.destination)}, {backfillName(s.destination)},
		})
	})
}

func cursorName(destination string) string   { return "sync " + destination }
func versionName(destination string) string  { return "definition of " + destination }
func backfillName(destination string) string { return "backfill " + destination }
