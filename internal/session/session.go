// Package session knows who is signed in to the console: it exchanges an access key, or a link that works once, for a
// token that a browser keeps.
//
// It stores the table sessions, with the SHA-256 of each token only, so sessions survive a restart and hold on every
// node. Others may rely on this: a session never outlives the key it rests on, nor may do more than that key; every
// sign-in is an entry in the ledger; a link signs in once, whoever else has read it.
package session

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/store"
)

// How long a session lasts at most, and unused; and how often its use is written down.
const (
	Lasts   = 12 * time.Hour
	Idle    = 2 * time.Hour
	noticed = 5 * time.Minute
)

// ErrEnded says that a token is unknown, used up, expired, or rests on a key that is no longer in force.
var ErrEnded = errors.New("the session or link has ended")

// Keys knows the access keys in force.
type Keys interface {
	// Authenticate must return the caller who holds a secret, or an error.
	Authenticate(secret string) (*access.Caller, error)
	// Key must return what is kept of the key with an ID, or an error.
	Key(id string) (access.Key, error)
}

// Appender takes the entries that sign-ins make.
type Appender interface {
	AppendOne(context.Context, ledger.Item) (ledger.Result, error)
}

// Sessions keeps the sessions of one deployment. It is safe for concurrent use.
type Sessions struct {
	db     store.DB
	keys   Keys
	ledger Appender
	now    func() time.Time
}

// New returns the sessions that a database keeps, resting on the keys of a gate.
func New(db store.DB, keys Keys, l Appender, now func() time.Time) *Sessions {
	return &Sessions{db: db, keys: keys, ledger: l, now: now}
}

// SignIn exchanges the secret of an access key for a session's token, or returns access.ErrUnknownKey.
func (s *Sessions) SignIn(ctx context.Context, secret string) (string, error) {
	caller, err := s.keys.Authenticate(strings.TrimSpace(secret))
	if err != nil {
		return "", err
	}
	return s.begin(ctx, caller, "key")
}

// Caller returns who is signed in under a token, or ErrEnded. It asks the gate each time: a revoked key ends at once.
func (s *Sessions) Caller(ctx context.Context, token string) (*access.Caller, error) {
	row, err := s.find(ctx, token, false)
	if err != nil {
		return nil, err
	}
	now := s.now()
	if now.Sub(row.seen) > Idle {
		return nil, ErrEnded
	}
	caller, err := s.callerOf(row.key)
	if err != nil || now.Sub(row.seen) < noticed {
		return caller, err
	}
	hash := digest(token)
	return caller, s.db.InTx(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE sessions SET seen_at = $1 WHERE token = $2", now.UnixMicro(), hash)
		return err
	})
}

// SignOut ends a session; one that has ended already stays so.
func (s *Sessions) SignOut(ctx context.Context, token string) error {
	hash := digest(token)
	return s.db.InTx(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM sessions WHERE token = $1", hash)
		return err
	})
}

// Link returns a token that signs in once as the holder of a key, within the time for which it is valid.
func (s *Sessions) Link(ctx context.Context, keyID string, valid time.Duration) (string, error) {
	if _, err := s.callerOf(keyID); err != nil {
		return "", err
	}
	return s.insert(ctx, keyID, 1, valid)
}

// Redeem exchanges a link's token for a session's token and uses the link up; ErrEnded if it was used before.
func (s *Sessions) Redeem(ctx context.Context, link string) (string, error) {
	row, err := s.find(ctx, link, true)
	if err != nil {
		return "", err
	}
	caller, err := s.callerOf(row.key)
	if err != nil {
		return "", err
	}
	var used int64
	hash := digest(link)
	err = s.db.InTx(ctx, func(tx store.Tx) (err error) {
		used, err = tx.Exec(ctx, "DELETE FROM sessions WHERE token = $1", hash)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("use the link up: %w", err)
	}
	if used != 1 {
		return "", ErrEnded // somebody else was faster
	}
	return s.begin(ctx, caller, "link")
}

// Good reports whether a link can still be redeemed, without using it up: mail scanners open links too.
func (s *Sessions) Good(ctx context.Context, link string) error {
	_, err := s.find(ctx, link, true)
	return err
}

func (s *Sessions) begin(ctx context.Context, caller *access.Caller, by string) (string, error) {
	id, _ := strings.CutPrefix(caller.ID, callerPrefix)
	token, err := s.insert(ctx, id, 0, Lasts)
	if err != nil {
		return "", err
	}
	_, err = s.ledger.AppendOne(ctx, ledger.Item{
		Kind: ledger.KindAccess, By: caller.ID, Widens: true, Detail: map[string]string{"signed_in": "console", "with": by},
	})
	if err != nil {
		return "", fmt.Errorf("record the sign-in: %w", err)
	}
	return token, nil
}

// insert keeps a new token, and clears those that have expired away.
func (s *Sessions) insert(ctx context.Context, key string, link int, valid time.Duration) (string, error) {
	token := newToken()
	hash, now := digest(token), s.now()
	err := s.db.InTx(ctx, func(tx store.Tx) error {
		if _, err := tx.Exec(ctx, "DELETE FROM sessions WHERE expires_at <= $1", now.UnixMicro()); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `
			INSERT INTO sessions (token, link, key, created_at, seen_at, expires_at)
			VALUES ($1, $2, $3, $4, $5, $6)`,
			hash, link, key, now.UnixMicro(), now.UnixMicro(), now.Add(valid).UnixMicro())
		return err
	})
	if err != nil {
		return "", fmt.Errorf("begin a session: %w", err)
	}
	return token, nil
}

type row struct {
	key  string
	seen time.Time
}

func (s *Sessions) find(ctx context.Context, token string, link bool) (out row, err error) {
	isLink := 0
	if link {
		isLink = 1
	}
	hash := digest(token)
	err = s.db.Read(ctx, func(tx store.Tx) error {
		rows := tx.Query(ctx, `
			SELECT key, seen_at
			FROM sessions
			WHERE token = $1 AND link = $2 AND expires_at > $3`, hash, isLink, s.now().UnixMicro())
		return store.One(rows, func(r store.Row) { out = row{r.Text(0), time.UnixMicro(r.Int64(1))} })
	})
	if errors.Is(err, store.ErrNotFound) {
		return out, ErrEnded
	}
	return out, err
}

const callerPrefix = "key:"

func (s *Sessions) callerOf(id string) (*access.Caller, error) {
	k, err := s.keys.Key(id)
	if errors.Is(err, access.ErrNotFound) {
		return nil, ErrEnded
	}
	if err != nil {
		return nil, err
	}
	if k.RevokedAt != nil || k.ExpiresAt != nil && !s.now().Before(time.Time(*k.ExpiresAt)) {
		return nil, ErrEnded
	}
	return &access.Caller{ID: callerPrefix + k.ID, Name: k.Name, Role: k.Role, Brands: k.Brands}, nil
}

// newToken draws 192 random bits.
func newToken() string {
	b := make([]byte, 24)
	if _, err := rand.Read(b); err != nil {
		panic(err) // crypto/rand does not fail
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

func digest(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}
