// Package credential keeps how members of staff prove who they are: passwords, code generators, passkeys and recovery
// codes; and it slows down who guesses.
//
// It stores the tables credentials, sign_in_failures and spent_challenges. Secrets are sealed under a key that is not in
// the database, passwords hashed besides. Others may rely on this: every credential set or removed is an entry in the
// ledger, in the same transaction, and no entry holds a secret; a code, a recovery code and a passkey's answer are each
// good once, on whichever nodes they arrive.
package credential

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/store"
	"github.com/consentline/consentline/internal/vault"
)

// kind is what a credential is. The numbers stand in the database.
type kind int64

const (
	password  kind = 1
	generator kind = 2
	passkey   kind = 3
	recovery  kind = 4
)

var kindNames = map[kind]string{password: "password", generator: "code generator", passkey: "passkey", recovery: "recovery codes"}

// ErrWrong says that what was given does not prove who somebody is. It does not say why, so that nobody learns from it.
var ErrWrong = errors.New("does not prove who you are")

// InvalidError says what is wrong with a credential that somebody wants to have, by the field that holds it.
type InvalidError struct{ Field, Reason string }

func (e *InvalidError) Error() string { return fmt.Sprintf("field %q: %s", e.Field, e.Reason) }

// Appender takes the entries that changes make.
type Appender interface {
	AppendOne(context.Context, ledger.Item) (ledger.Result, error)
}

// Credentials keeps the credentials of one deployment's staff. It is safe for concurrent use.
type Credentials struct {
	db     store.DB
	ledger Appender
	key    vault.Key
	now    func() time.Time

	hashing chan struct{} // taken by who hashes a password: each needs 19 MiB
	decoy   string        // the hash that is tried for accounts that have none
}

// New returns the credentials that a database keeps, sealed under a key.
func New(db store.DB, l Appender, key vault.Key, now func() time.Time) *Credentials {
	return &Credentials{db: db, ledger: l, key: key, now: now, hashing: make(chan struct{}, hashersAtOnce), decoy: decoyHash()}
}

// Held is what somebody can prove who they are with.
type Held struct {
	Password  bool
	Generator bool
	Passkeys  []Passkey
	Codes     int // recovery codes left
}

// Any reports whether there is a way to sign in.
func (h Held) Any() bool { return h.Password || len(h.Passkeys) > 0 }

// Passkey is a passkey as its owner sees it.
type Passkey struct {
	ID        string // names it
	Name      string
	CreatedAt time.Time
	UsedAt    time.Time // zero: never
}

// Held returns what a person can prove who they are with.
func (c *Credentials) Held(ctx context.Context, personID string) (out Held, err error) {
	rows, err := c.of(ctx, personID)
	if err != nil {
		return out, err
	}
	for _, r := range rows {
		switch r.kind {
		case password:
			out.Password = true
		case generator:
			out.Generator = true
		case recovery:
			out.Codes++
		case passkey:
			out.Passkeys = append(out.Passkeys, r.passkey())
		}
	}
	return out, nil
}

// changed is the detail of the entry that says that somebody's credentials changed.
type changed struct {
	Person     string `json:"person"`
	Credential string `json:"credential"`
	Done       string `json:"done"`
}

// change writes and records a change of credentials in one transaction.
func (c *Credentials) change(ctx context.Context, by *access.Caller, personID, what, done string, write func(context.Context, store.Tx) error) error {
	_, err := c.ledger.AppendOne(ctx, ledger.Item{
		Kind: ledger.KindAccess, By: by.ID, Widens: true, Detail: changed{personID, what, done},
		Effect: func(ctx context.Context, tx store.Tx, _ uint64) error { return write(ctx, tx) },
	})
	if err != nil {
		return fmt.Errorf("change credentials: %w", err)
	}
	return nil
}

// row is one credential as it is stored, its secret opened.
type row struct {
	id                  []byte
	person              string
	kind                kind
	name                string
	secret              []byte
	counter             int64
	createdAt, lastUsed time.Time
}

const columns = "id, person, kind, name, secret, counter, created_at, used_at"

func (c *Credentials) scan(r store.Row) (out row, err error) {
	out = row{
		id: append([]byte(nil), r.Bytes(0)...), person: r.Text(1), kind: kind(r.Int64(2)), name: r.Text(3), counter: r.Int64(5),
		createdAt: time.UnixMicro(r.Int64(6)),
	}
	if at := r.Int64(7); at != 0 {
		out.lastUsed = time.UnixMicro(at)
	}
	if sealed := r.Bytes(4); len(sealed) > 0 {
		if out.secret, err = c.key.Open(sealed, placeOf(out.id)); err != nil {
			return out, fmt.Errorf("a %s: %w", kindNames[out.kind], err)
		}
	}
	return out, nil
}

// placeOf binds a sealed secret to its row.
func placeOf(id []byte) uint64 { return binary.BigEndian.Uint64(id) }

func (c *Credentials) of(ctx context.Context, personID string) (out []row, err error) {
	err = c.db.Read(ctx, func(tx store.Tx) error {
		out = nil
		rows := tx.Query(ctx, "SELECT "+columns+" FROM credentials WHERE person = $1 ORDER BY created_at, id", personID)
		return store.Each(rows, func(r store.Row) error {
			one, err := c.scan(r)
			out = append(out, one)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read credentials: %w", err)
	}
	return out, nil
}

// byID returns one credential, or store.ErrNotFound.
func (c *Credentials) byID(ctx context.Context, id []byte) (out row, err error) {
	err = c.db.Read(ctx, func(tx store.Tx) error {
		var opened error
		found := store.One(tx.Query(ctx, "SELECT "+columns+" FROM credentials WHERE id = $1", id), func(r store.Row) { out, opened = c.scan(r) })
		return errors.Join(found, opened)
	})
	if err != nil {
		return out, fmt.Errorf("read a credential: %w", err)
	}
	return out, nil
}

// put writes a credential in the place of one with the same ID.
func (c *Credentials) put(ctx context.Context, tx store.Tx, r row) error {
	sealed := []byte{}
	if len(r.secret) > 0 {
		sealed = c.key.Seal(r.secret, placeOf(r.id))
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO credentials (id, person, kind, name, secret, counter, created_at, used_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, 0)
		ON CONFLICT (id) DO UPDATE
		SET name = excluded.name, secret = excluded.secret, counter = excluded.counter, created_at = excluded.created_at, used_at = 0`,
		r.id, r.person, int64(r.kind), r.name, sealed, r.counter, c.now().UnixMicro())
	return err
}

// only is the ID of the one credential of its kind that a person can have.
func only(k kind, personID string) []byte {
	sum := sha256.Sum256([]byte(kindNames[k] + "\x00" + personID))
	return sum[:]
}

// mac is a keyed hash of parts, told apart by what they are for.
func (c *Credentials) mac(use string, parts ...[]byte) []byte {
	h := hmac.New(sha256.New, c.key[:])
	h.Write([]byte(use))
	for _, p := range parts {
		h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(p))))
		h.Write(p)
	}
	return h.Sum(nil)
}

func random(n int) []byte {
	b := make([]byte, n)
	if _, err := rand.Read(b); err != nil {
		panic(err) // crypto/rand does not fail
	}
	return b
}
