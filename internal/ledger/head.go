package ledger

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/store"
	"github.com/consentline/consentline/internal/vault"
	"github.com/consentline/consentline/verify"
)

type rowSeq = iter.Seq2[store.Row, error]

// head is where the next entry, subject and scope go.
type head struct {
	seq         uint64
	recordedAt  time.Time
	nextSubject int64
	nextScope   int64
}

// WrongKeyError says that the database was written with another master key.
type WrongKeyError struct{ Deployment string }

func (e *WrongKeyError) Error() string {
	return fmt.Sprintf("the master key is not the one that ledger %s was written with: give the key file that belongs to it, or, if this is to be another deployment, a database or schema of its own", e.Deployment)
}

// initialise makes the head of a new ledger, and holds the master key against that of an old one.
func (l *Ledger) initialise(ctx context.Context) error {
	l.scopes = map[consent.Scope]int64{}
	return l.db.InTx(ctx, func(tx store.Tx) error {
		var check []byte
		const query = "SELECT h.deployment, h.key_check, h.seq, l.leaf FROM head h LEFT JOIN ledger l ON l.seq = h.seq WHERE h.id = 1"
		err := store.One(tx.Query(ctx, query), func(r store.Row) {
			l.deployment, check = r.Text(0), bytes.Clone(r.Bytes(1))
			l.told = Place{seq: uint64(r.Int64(2))}
			copy(l.told.leaf[:], r.Bytes(3))
		})
		if errors.Is(err, store.ErrNotFound) {
			l.deployment = newDeployment()
			_, err = tx.Exec(ctx, `
				INSERT INTO head (id, deployment, key_check, seq, recorded_at, next_subject, next_scope)
				VALUES (1, $1, $2, 0, 0, 1, 1)
				ON CONFLICT (id) DO NOTHING`, l.deployment, l.vault.Check()) // two that start at once: the later is run again
			return err
		}
		if err != nil {
			return fmt.Errorf("read the head: %w", err)
		}
		if !bytes.Equal(check, l.vault.Check()) {
			return &WrongKeyError{l.deployment}
		}
		return store.Each(tx.Query(ctx, "SELECT id, brand, purpose, channel FROM scopes"), func(r store.Row) error {
			id, scope, err := scanScope(r, 0)
			l.scopes[scope] = id
			return err
		})
	})
}

// Exists reports whether a database holds a ledger, whoever wrote it. It writes nothing.
func Exists(ctx context.Context, db store.DB) (bool, error) {
	name, err := DeploymentOf(ctx, db)
	return name != "", err
}

// DeploymentOf returns the random name of a database's ledger, empty if it has none yet. It writes nothing.
func DeploymentOf(ctx context.Context, db store.DB) (name string, err error) {
	err = db.Read(ctx, func(tx store.Tx) error {
		return store.One(tx.Query(ctx, "SELECT deployment FROM head WHERE id = 1"), func(r store.Row) { name = r.Text(0) })
	})
	if errors.Is(err, store.ErrNotFound) || db.Dialect().NoTable(err) {
		return "", nil
	}
	return name, err
}

// CheckKey refuses a database that was written with another master key. It writes nothing; one without a ledger passes.
func CheckKey(ctx context.Context, db store.DB, v *vault.Vault) error {
	var deployment string
	var check []byte
	err := db.Read(ctx, func(tx store.Tx) error {
		return store.One(tx.Query(ctx, "SELECT deployment, key_check FROM head WHERE id = 1"), func(r store.Row) {
			deployment, check = r.Text(0), bytes.Clone(r.Bytes(1))
		})
	})
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil
	case err != nil:
		return fmt.Errorf("read the head: %w", err)
	case !bytes.Equal(check, v.Check()):
		return &WrongKeyError{deployment}
	}
	return nil
}

func newDeployment() string {
	b := make([]byte, 8)
	if _, err := rand.Read(b); err != nil {
		panic(err) // crypto/rand does not fail
	}
	return hex.EncodeToString(b)
}

// Deployment returns the random name that this ledger got when it was made.
func (l *Ledger) Deployment() string { return l.deployment }

func (b *batch) lockHead(ctx context.Context) error {
	const query = `
		SELECT seq, recorded_at, next_subject, next_scope, deployment, (SELECT leaf FROM ledger WHERE seq = $1),
			(SELECT count(*) FROM transfers)
		FROM head
		WHERE id = 1`
	told, continues, moving := b.told, false, false
	err := store.One(b.tx.Query(ctx, query+b.l.db.Dialect().ForUpdate(), told.seq), func(r store.Row) {
		b.head = head{uint64(r.Int64(0)), fromMicros(r.Int64(1)), r.Int64(2), r.Int64(3)}
		continues = b.l.continues(told, b.head.seq, r.Text(4), r.Bytes(5))
		moving = r.Int64(6) != 0
	})
	switch {
	case err != nil:
		return err
	case moving:
		return Moved(ctx, b.tx)
	case !continues:
		return &ForkedError{told.seq}
	}
	return nil
}

func (b *batch) moveHead(ctx context.Context) error {
	return b.tx.ExecMany(ctx, "UPDATE head SET seq = $1, recorded_at = $2, next_subject = $3, next_scope = $4 WHERE id = 1",
		[][]any{{b.head.seq, b.at.UnixMicro(), b.head.nextSubject, b.head.nextScope}})
}

// scopeID returns the number of a scope, and gives it one when it is new.
func (b *batch) scopeID(ctx context.Context, s consent.Scope) (int64, error) {
	if id, ok := b.l.scopes[s]; ok {
		return id, nil
	}
	if id, ok := b.newScopes[s]; ok {
		return id, nil
	}
	var id int64
	const query = "SELECT id FROM scopes WHERE brand = $1 AND purpose = $2 AND channel = $3"
	args := []any{string(s.Brand), string(s.Purpose), s.Channel.String()}
	err := store.One(b.tx.Query(ctx, query, args...), func(r store.Row) { id = r.Int64(0) })
	if errors.Is(err, store.ErrNotFound) {
		id = b.head.nextScope
		b.head.nextScope++
		_, err = b.tx.Exec(ctx, "INSERT INTO scopes (id, brand, purpose, channel) VALUES ($1, $2, $3, $4)", append([]any{id}, args...)...)
	}
	if err != nil {
		return 0, fmt.Errorf("number the scope %s: %w", s, err)
	}
	b.newScopes[s] = id
	return id, nil
}

func commit(salt, body []byte) [32]byte { return verify.Commit([16]byte(salt), body) }
