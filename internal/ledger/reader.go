package ledger

import (
	"context"
	"fmt"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/store"
	"github.com/consentline/consentline/internal/vault"
)

// ErrNotFound says that there is no such subject or entry.
var ErrNotFound = store.ErrNotFound

// Held is what the ledger holds of one subject in one scope.
type Held struct {
	Scope  consent.Scope
	Record consent.Record
}

// Subject is a person with their records.
type Subject struct {
	ID      SubjectID
	Number  phone.Number
	Records []Held
}

// ByNumber returns the subject at a number, or ErrNotFound.
func (l *Ledger) ByNumber(ctx context.Context, n phone.Number) (Subject, error) {
	lookup := l.vault.Lookup(n)
	return l.subject(ctx, "lookup = $1", lookup[:])
}

// ByID returns the subject with an ID, or ErrNotFound: it never was, or was erased.
func (l *Ledger) ByID(ctx context.Context, id SubjectID) (Subject, error) {
	return l.subject(ctx, "subject = $1", id[:])
}

func (l *Ledger) subject(ctx context.Context, where string, arg []byte) (out Subject, err error) {
	err = l.db.Read(ctx, func(tx store.Tx) error {
		who, err := l.findPerson(ctx, tx, where, arg)
		if err != nil {
			return err
		}
		out = Subject{ID: who.ID, Number: who.Number}
		const query = "SELECT " + recordColumns + " FROM records r JOIN scopes s ON s.id = r.scope WHERE r.subject = $1 ORDER BY r.scope"
		return store.Each(tx.Query(ctx, query, who.id), func(r store.Row) error {
			_, scope, record, err := scanRecord(r, 0)
			out.Records = append(out.Records, Held{scope, record})
			return err
		})
	})
	return out, err
}

func (l *Ledger) findPerson(ctx context.Context, tx store.Tx, where string, arg []byte) (*person, error) {
	who := &person{}
	var opened error
	err := store.One(tx.Query(ctx, "SELECT id, subject, sealed FROM subjects WHERE "+where, arg), func(r store.Row) {
		who.id = r.Int64(0)
		who.Subject, opened = l.vault.OpenSubject(SubjectID(r.Bytes(1)), r.Bytes(2))
	})
	if err == nil && opened != nil {
		err = fmt.Errorf("subject %d: %w", who.id, opened)
	}
	return who, err
}

// History returns up to limit entries about a subject after the entry numbered after, oldest first.
func (l *Ledger) History(ctx context.Context, id SubjectID, after uint64, limit int) (entries []Entry, err error) {
	err = l.db.Read(ctx, func(tx store.Tx) error {
		who, err := l.findPerson(ctx, tx, "subject = $1", id[:])
		if err != nil {
			return err
		}
		rows := tx.Query(ctx, entriesOfSubject, who.id, after, limit)
		return readEntries(who.Subject, rows, func(e *Entry) error {
			entries = append(entries, *e)
			return nil
		})
	})
	return entries, err
}

// Moment asks for the past: what stood at the time At, on what was known at KnownAt. Zero times mean now.
type Moment struct {
	At, KnownAt time.Time
}

// RecordAt returns the record of a number in a scope as it was at a moment. It is folded anew from the entries.
func (l *Ledger) RecordAt(ctx context.Context, n phone.Number, scope consent.Scope, m Moment) (consent.Record, error) {
	var acts []consent.Act
	err := l.db.Read(ctx, func(tx store.Tx) error {
		lookup := l.vault.Lookup(n)
		who, err := l.findPerson(ctx, tx, "lookup = $1", lookup[:])
		if err != nil {
			return err
		}
		rows := tx.Query(ctx, entriesOfSubject, who.id, 0, int64(1)<<62)
		return readEntries(who.Subject, rows, func(e *Entry) error {
			if act, ok := e.Act(); ok && m.includes(act) && governs(act, scope) {
				acts = append(acts, act)
			}
			return nil
		})
	})
	return consent.Fold(acts), err
}

func (m Moment) includes(a consent.Act) bool {
	return (m.At.IsZero() || !a.EffectiveAt.After(m.At)) && (m.KnownAt.IsZero() || !a.RecordedAt.After(m.KnownAt))
}

// governs reports whether an act counts in a scope: it was made there, or it restricts all that the scope is part of.
func governs(a consent.Act, scope consent.Scope) bool {
	return a.Scope == scope || a.Kind.Restricts() && scope.Concrete() && a.Scope.Covers(scope)
}

// Entry returns one entry, opened as far as its key is still there.
func (l *Ledger) Entry(ctx context.Context, seq uint64) (e Entry, err error) {
	entries, err := l.Entries(ctx, seq-1, 1)
	if err != nil {
		return Entry{}, err
	}
	if len(entries) == 0 || entries[0].Seq != seq {
		return Entry{}, ErrNotFound
	}
	return entries[0], nil
}

// Entries returns up to limit entries after the one numbered after, in order.
func (l *Ledger) Entries(ctx context.Context, after uint64, limit int) (out []Entry, err error) {
	err = l.db.Read(ctx, func(tx store.Tx) error {
		return store.Each(tx.Query(ctx, entriesAfter, after, limit), func(r store.Row) error {
			e, err := l.scanEntry(r)
			out = append(out, e)
			return err
		})
	})
	return out, err
}

// RuleChanges returns every entry that changed a rule, in order. They are few, and have an index of their own.
func (l *Ledger) RuleChanges(ctx context.Context) (out []Entry, err error) {
	const query = `
		SELECT l.seq, l.recorded_at, l.kind, l.body, l.leaf, 0
		FROM ledger l
		WHERE l.kind = 9 -- KindOverride, as the index names it
		ORDER BY l.seq`
	err = l.db.Read(ctx, func(tx store.Tx) error {
		return store.Each(tx.Query(ctx, query), func(r store.Row) error {
			e, err := l.scanEntry(r)
			out = append(out, e)
			return err
		})
	})
	return out, err
}

const entriesAfter = `
	SELECT l.seq, l.recorded_at, l.kind, l.body, l.leaf, l.subject, s.subject, s.sealed
	FROM ledger l
	LEFT JOIN subjects s ON s.id = l.subject
	WHERE l.seq > $1
	ORDER BY l.seq
	LIMIT $2`

func (l *Ledger) scanEntry(r store.Row) (Entry, error) {
	e := Entry{Seq: uint64(r.Int64(0)), RecordedAt: fromMicros(r.Int64(1)), Kind: Kind(r.Int64(2)), Commitment: [32]byte(r.Bytes(4))}
	key := l.vault.NotesKey()
	if r.Int64(5) != 0 {
		if r.IsNull(6) {
			e.Erased = true
			return e, nil
		}
		who, err := l.vault.OpenSubject(SubjectID(r.Bytes(6)), r.Bytes(7))
		if err != nil {
			return e, &DamagedError{e.Seq, "its subject " + err.Error()}
		}
		e.Subject, e.Number, key = who.ID, who.Number, who.Key
	}
	commitment := e.Commitment
	return e, e.open(key, r.Bytes(3), commitment[:])
}

// Head returns the number of the last entry.
func (l *Ledger) Head(ctx context.Context) (seq uint64, err error) {
	err = l.db.Read(ctx, func(tx store.Tx) error { seq, err = headSeq(ctx, tx); return err })
	return seq, err
}

func headSeq(ctx context.Context, tx store.Tx) (seq uint64, err error) {
	err = store.One(tx.Query(ctx, "SELECT seq FROM head WHERE id = 1"), func(r store.Row) { seq = uint64(r.Int64(0)) })
	return seq, err
}

// Reading returns a ledger that only reads, and refuses a database that was written with another master key.
func Reading(ctx context.Context, db store.DB, v *vault.Vault) (*Ledger, error) {
	if err := CheckKey(ctx, db, v); err != nil {
		return nil, err
	}
	return &Ledger{db: db, vault: v, closed: true}, nil
}
