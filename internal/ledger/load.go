package ledger

import (
	"context"
	"fmt"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/store"
)

// LoadRecords calls fn with every record, in no order, and returns the number of the entry up to which they are folded.
// It is how an index begins; what is committed meanwhile comes after.
//
// People, scopes and records are read one after the other and put together here: a database joins as many rows by
// sorting or hashing what does not fit into its memory, while the reader waits. It takes 8 bytes for each subject ever.
func (l *Ledger) LoadRecords(ctx context.Context, fn func(Change)) (seq uint64, err error) {
	err = l.db.Read(ctx, func(tx store.Tx) error {
		var next int64
		err := store.One(tx.Query(ctx, "SELECT seq, next_subject FROM head WHERE id = 1"), func(r store.Row) {
			seq, next = uint64(r.Int64(0)), r.Int64(1)
		})
		if err != nil {
			return fmt.Errorf("read the head: %w", err)
		}
		numbers, err := l.loadNumbers(ctx, tx, next)
		if err != nil {
			return err
		}
		scopes, err := loadScopes(ctx, tx)
		if err != nil {
			return err
		}
		return store.Each(tx.Query(ctx, "SELECT r.subject, r.scope, "+stateColumns+" FROM records r"), func(r store.Row) error {
			subject, id := r.Int64(0), r.Int64(1)
			scope, defined := scopes[id]
			if subject <= 0 || subject >= next || !defined {
				return fmt.Errorf("the record of subject %d in scope %d is of nothing that is defined", subject, id)
			}
			if numbers[subject] == 0 {
				return nil // erased
			}
			record, err := scanState(r, 2)
			if err != nil {
				return fmt.Errorf("record in scope %d: %w", id, err)
			}
			fn(Change{Number: numbers[subject], Scope: scope, Record: record})
			return nil
		})
	})
	return seq, err
}

// loadNumbers returns the numbers of all subjects by their place, which is below next; zero where there is none.
func (l *Ledger) loadNumbers(ctx context.Context, tx store.Tx, next int64) ([]phone.Number, error) {
	numbers := make([]phone.Number, next)
	return numbers, store.Each(tx.Query(ctx, "SELECT id, subject, sealed FROM subjects"), func(r store.Row) error {
		id := r.Int64(0)
		if id <= 0 || id >= next {
			return fmt.Errorf("subject %d: the head says that there are %d", id, next-1)
		}
		who, err := l.vault.OpenSubject(SubjectID(r.Bytes(1)), r.Bytes(2))
		if err != nil {
			return fmt.Errorf("subject %d: %w", id, err)
		}
		numbers[id] = who.Number
		return nil
	})
}

func loadScopes(ctx context.Context, tx store.Tx) (map[int64]consent.Scope, error) {
	scopes := map[int64]consent.Scope{}
	return scopes, store.Each(tx.Query(ctx, "SELECT id, brand, purpose, channel FROM scopes"), func(r store.Row) error {
		id, scope, err := scanScope(r, 0)
		scopes[id] = scope
		return err
	})
}
