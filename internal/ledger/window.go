package ledger

import (
	"context"

	"github.com/consentline/consentline/internal/store"
)

// Window is a run of entries with where the people they are about stand now.
type Window struct {
	From, To uint64  // after From, up to and with To; To is From when there is nothing new
	Acts     []Entry // the acts of consent among them, in order; those of people who were erased are left out
	Subjects map[SubjectID]Subject
}

// Window reads up to limit entries after the one numbered after, and every record of whom their acts are about, in one
// snapshot: each record is at least as new as the acts.
func (l *Ledger) Window(ctx context.Context, after uint64, limit int) (w Window, err error) {
	w = Window{From: after, To: after, Subjects: map[SubjectID]Subject{}}
	err = l.db.Read(ctx, func(tx store.Tx) error {
		err := store.Each(tx.Query(ctx, entriesAfter, after, limit), func(r store.Row) error {
			w.To = uint64(r.Int64(0))
			if Kind(r.Int64(2)) != KindAct || r.IsNull(6) {
				return nil
			}
			e, err := l.scanEntry(r)
			w.Acts = append(w.Acts, e)
			w.Subjects[e.Subject] = Subject{ID: e.Subject, Number: e.Number}
			return err
		})
		if err != nil || len(w.Acts) == 0 {
			return err
		}
		return store.Each(tx.Query(ctx, recordsTouched, after, w.To), func(r store.Row) error {
			who := w.Subjects[SubjectID(r.Bytes(0))]
			_, scope, record, err := scanRecord(r, 2)
			who.Records = append(who.Records, Held{scope, record})
			w.Subjects[who.ID] = who
			return err
		})
	})
	return w, err
}

// Subjects calls fn with up to limit people after the one whose place is after, and returns the place of the last, zero
// when there are none. Places begin at 1.
func (l *Ledger) Subjects(ctx context.Context, after int64, limit int, fn func(Subject) error) (last int64, err error) {
	const query = `
		SELECT p.id, p.subject, p.sealed, ` + recordColumns + `
		FROM (SELECT id, subject, sealed FROM subjects WHERE id > $1 ORDER BY id LIMIT $2) p
		JOIN records r ON r.subject = p.id
		JOIN scopes s ON s.id = r.scope
		ORDER BY p.id`
	err = l.db.Read(ctx, func(tx store.Tx) error {
		var who Subject
		err := store.Each(tx.Query(ctx, query, after, limit), func(r store.Row) error {
			if id := r.Int64(0); id != last {
				if last > 0 {
					if err := fn(who); err != nil {
						return err
					}
				}
				opened, err := l.vault.OpenSubject(SubjectID(r.Bytes(1)), r.Bytes(2))
				if err != nil {
					return err
				}
				who, last = Subject{ID: opened.ID, Number: opened.Number}, id
			}
			_, scope, record, err := scanRecord(r, 3)
			who.Records = append(who.Records, Held{scope, record})
			return err
		})
		if err != nil || last == 0 {
			return err
		}
		return fn(who)
	})
	return last, err
}
