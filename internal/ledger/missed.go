package ledger

import (
	"context"
	"fmt"

	"github.com/consentline/consentline/internal/store"
	"github.com/consentline/consentline/internal/vault"
)

// missed adds to a commit what entries changed that the observer has not heard of: those up to the commit's first whose
// own commit was answered with an error though it took place. Their notices carry no Detail.
func (l *Ledger) missed(ctx context.Context, c *Commit, upTo uint64) error {
	err := l.db.Read(ctx, func(tx store.Tx) error {
		subjects, notices, err := touched(ctx, tx, c.From, upTo)
		if err != nil {
			return err
		}
		c.Notices = append(notices, c.Notices...)
		for row, err := range tx.QueryMany(ctx, recordsOfSubject, subjects) {
			if err != nil {
				return err
			}
			change, err := l.scanChange(row.Row)
			if err != nil {
				return err
			}
			// Read after the commit, so at least as new as what the commit itself says of the same record.
			c.Changes = append(c.Changes, change)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read entries %d to %d: %w", c.From+1, upTo, err)
	}
	return nil
}

const recordsOfSubject = `
	SELECT u.subject, u.sealed, ` + recordColumns + `
	FROM subjects u
	JOIN records r ON r.subject = u.id
	JOIN scopes s ON s.id = r.scope
	WHERE u.id = $1`

// touched returns the subjects that some entries are about, and notices of the others.
func touched(ctx context.Context, tx store.Tx, after, upTo uint64) (subjects [][]any, notices []Notice, err error) {
	known := map[int64]bool{}
	rows := tx.Query(ctx, "SELECT seq, kind, subject FROM ledger WHERE seq > $1 AND seq <= $2 ORDER BY seq", after, upTo)
	err = store.Each(rows, func(r store.Row) error {
		kind, subject := Kind(r.Int64(1)), r.Int64(2)
		if kind != KindAct {
			notices = append(notices, Notice{Seq: uint64(r.Int64(0)), Kind: kind})
		} else if !known[subject] {
			known[subject] = true
			subjects = append(subjects, []any{subject})
		}
		return nil
	})
	return subjects, notices, err
}

func (l *Ledger) scanChange(r store.Row) (Change, error) {
	who, err := l.vault.OpenSubject(vault.SubjectID(r.Bytes(0)), r.Bytes(1))
	if err != nil {
		return Change{}, err
	}
	_, scope, record, err := scanRecord(r, 2)
	return Change{Number: who.Number, Scope: scope, Record: record}, err
}
