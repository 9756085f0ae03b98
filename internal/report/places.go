package report

import (
	"context"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/store"
)

// Conflict is a grant that did not take effect and waits for review.
type Conflict struct {
	Subject ledger.SubjectID
	Scope   consent.Scope
	Grant   uint64 // the entry of the grant
	Entry   uint64 // the entry on which the record rests meanwhile
}

// Conflicts returns up to limit open conflicts whose grants come after an entry, oldest first.
func (r *Reports) Conflicts(ctx context.Context, after uint64, limit int) (out []Conflict, err error) {
	err = r.db.Read(ctx, func(tx store.Tx) error {
		scopes, err := readScopes(ctx, tx)
		if err != nil {
			return err
		}
		rows := tx.Query(ctx, `
			SELECT s.subject, r.scope, r.conflict, r.entry
			FROM records r
			JOIN subjects s ON s.id = r.subject
			WHERE r.conflict > 0 AND r.conflict > $1
			ORDER BY r.conflict
			LIMIT $2`, after, limit)
		return store.Each(rows, func(row store.Row) error {
			out = append(out, Conflict{
				ledger.SubjectID(row.Bytes(0)), scopes[row.Int64(1)], uint64(row.Int64(2)), uint64(row.Int64(3)),
			})
			return nil
		})
	})
	return out, err
}

// Pending is a record that waits for the person's answer.
type Pending struct {
	Subject ledger.SubjectID
	Scope   consent.Scope
	Entry   uint64 // on which it rests: the request
}

// Pending returns up to limit records that wait for an answer and rest on entries after one, the oldest request first.
func (r *Reports) Pending(ctx context.Context, after uint64, limit int) (out []Pending, err error) {
	err = r.db.Read(ctx, func(tx store.Tx) error {
		scopes, err := readScopes(ctx, tx)
		if err != nil {
			return err
		}
		rows := tx.Query(ctx, `
			SELECT s.subject, r.scope, r.entry
			FROM records r
			JOIN subjects s ON s.id = r.subject
			WHERE r.status = 1 -- pending, as the index has it
				AND r.entry > $1
			ORDER BY r.entry
			LIMIT $2`, after, limit)
		return store.Each(rows, func(row store.Row) error {
			out = append(out, Pending{ledger.SubjectID(row.Bytes(0)), scopes[row.Int64(1)], uint64(row.Int64(2))})
			return nil
		})
	})
	return out, err
}

// Places returns the numbers of a subject's entries before one, the latest first, at most limit of them.
func (r *Reports) Places(ctx context.Context, id ledger.SubjectID, before uint64, limit int) ([]uint64, error) {
	return r.places(ctx, `
		SELECT l.seq
		FROM ledger l
		JOIN subjects s ON s.id = l.subject
		WHERE s.subject = $1 AND l.subject > 0 AND l.seq < $2
		ORDER BY l.seq DESC
		LIMIT $3`, id[:], int64(min(before, maxSeq)), limit)
}

// Administrative returns the numbers of entries before one that are no acts of persons, the latest first.
func (r *Reports) Administrative(ctx context.Context, before uint64, limit int) ([]uint64, error) {
	return r.places(ctx, `
		SELECT seq
		FROM ledger
		WHERE kind <> 1 AND seq < $1
		ORDER BY seq DESC
		LIMIT $2`, int64(min(before, maxSeq)), limit)
}

const maxSeq = 1<<63 - 1

func (r *Reports) places(ctx context.Context, query string, args ...any) (out []uint64, err error) {
	err = r.db.Read(ctx, func(tx store.Tx) error {
		return store.Each(tx.Query(ctx, query, args...), func(row store.Row) error {
			out = append(out, uint64(row.Int64(0)))
			return nil
		})
	})
	return out, err
}
