// Package session knows who is signed in to the console: it keeps the tokens that browsers hold, the links that sign in
// once, and passwords that wait for their second factor.
//
// It stores the table sessions, with the SHA-256 of each token only, so sessions survive a restart and hold on every
// node. Others may rely on this: a session never outlives the key or person on whom it rests, nor may do more than they
// may now; every sign-in is an entry in the ledger; a link signs in once, whoever else has read it.
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

// How long a session lasts at most, and unused; how often its use is written down; how long a second factor may take.
const (
	Lasts      = 12 * time.Hour
	Idle       = 2 * time.Hour
	noticed    = 5 * time.Minute
	HalfwayFor = 10 * time.Minute
)

// ErrEnded says that a token is unknown, used up, expired, or rests on a caller who is no longer in force.
var ErrEnded = errors.New("the session or link has ended")

// Gate knows the callers in force.
type Gate interface {
	// Authenticate must return the caller who holds a key's secret, or an error.
	Authenticate(secret string) (*access.Caller, error)
	// Caller must return the caller in force with an ID, as they may act now, or access.ErrUnknownKey.
	Caller(id string) (*access.Caller, error)
}

// Appender takes the entries that sign-ins make.
type Appender interface {
	AppendOne(context.Context, ledger.Item) (ledger.Result, error)
}

// Sessions keeps the sessions of one deployment. It is safe for concurrent use.
type Sessions struct {
	db     store.DB
	gate   Gate
	ledger Appender
	now    func() time.Time
}

// New returns the sessions that a database keeps, resting on the callers of a gate.
func New(db store.DB, gate Gate, l Appender, now func() time.Time) *Sessions {
	return &Sessions{db: db, gate: gate, ledger: l, now: now}
}

// kind is what a token is good for. The numbers stand in the database.
type kind int64

const (
	signedIn kind = 0
	link     kind = 1
	halfway  kind = 2
)

// Session is who is signed in under a token, and since when they proved it.
type Session struct {
	Caller  *access.Caller
	How     string
	BeganAt time.Time
}

// SignIn exchanges the secret of an access key for a session's token, or returns access.ErrUnknownKey.
func (s *Sessions) SignIn(ctx context.Context, secret, browser string) (string, error) {
	caller, err := s.gate.Authenticate(strings.TrimSpace(secret))
	if err != nil {
		return "", err
	}
	return s.Begin(ctx, caller.ID, "key", browser)
}

// Begin signs a caller in who has proved who they are, in the way named how, and records that. It returns the token
// for their browser, which is described for their own list of sessions.
func (s *Sessions) Begin(ctx context.Context, callerID, how, browser string) (string, error) {
	caller, err := s.callerOf(callerID)
	if err != nil {
		return "", err
	}
	token, err := s.insert(ctx, row{kind: signedIn, caller: caller.ID, how: how, browser: browser}, Lasts)
	if err != nil {
		return "", err
	}
	_, err = s.ledger.AppendOne(ctx, ledger.Item{
		Kind: ledger.KindAccess, By: caller.ID, Widens: true, Detail: map[string]string{"signed_in": "console", "with": how},
	})
	if err != nil {
		return "", fmt.Errorf("record the sign-in: %w", err)
	}
	return token, nil
}

// Find returns who is signed in under a token, or ErrEnded. It asks the gate each time: a revoked key and a disabled
// person end at once.
func (s *Sessions) Find(ctx context.Context, token string) (Session, error) {
	row, err := s.find(ctx, token, signedIn)
	if err != nil {
		return Session{}, err
	}
	now := s.now()
	if now.Sub(row.seen) > Idle {
		return Session{}, ErrEnded
	}
	caller, err := s.callerOf(row.caller)
	found := Session{Caller: caller, How: row.how, BeganAt: row.began}
	if err != nil || now.Sub(row.seen) < noticed {
		return found, err
	}
	hash := digest(token)
	return found, s.db.InTx(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE sessions SET seen_at = $1 WHERE token = $2", now.UnixMicro(), hash)
		return err
	})
}

// SignOut ends a session; one that has ended already stays so.
func (s *Sessions) SignOut(ctx context.Context, token string) error {
	_, err := s.take(ctx, token)
	return err
}

// Link returns a token that signs in once as a caller, within the time for which it is valid. It ends an earlier link
// of the same caller. The empty caller is for the link that lets the first person in.
func (s *Sessions) Link(ctx context.Context, callerID string, valid time.Duration) (string, error) {
	if callerID != "" {
		if _, err := s.callerOf(callerID); err != nil {
			return "", err
		}
	}
	err := s.db.InTx(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM sessions WHERE caller = $1 AND kind = $2", callerID, int64(link))
		return err
	})
	if err != nil {
		return "", fmt.Errorf("end the earlier link: %w", err)
	}
	return s.insert(ctx, row{kind: link, caller: callerID}, valid)
}

// LinkFor returns the ID of the caller whom a link would sign in, without using it up: mail scanners open links too.
func (s *Sessions) LinkFor(ctx context.Context, token string) (callerID string, err error) {
	return s.resting(ctx, token, link)
}

// Redeem uses a link up and returns whom it signs in; ErrEnded if it was used before.
func (s *Sessions) Redeem(ctx context.Context, token string) (callerID string, err error) {
	return s.spend(ctx, token, link)
}

// Halfway returns a token for a caller whose password was right and who still owes a second factor.
func (s *Sessions) Halfway(ctx context.Context, callerID string) (string, error) {
	return s.insert(ctx, row{kind: halfway, caller: callerID}, HalfwayFor)
}

// HalfwayFrom returns the ID of the caller who owes a second factor, or ErrEnded.
func (s *Sessions) HalfwayFrom(ctx context.Context, token string) (callerID string, err error) {
	return s.resting(ctx, token, halfway)
}

// Arrive uses up the token of a caller who has given the second factor; ErrEnded if it was used before.
func (s *Sessions) Arrive(ctx context.Context, token string) (callerID string, err error) {
	return s.spend(ctx, token, halfway)
}

// resting returns on whom a token rests, if they are in force.
func (s *Sessions) resting(ctx context.Context, token string, k kind) (string, error) {
	row, err := s.find(ctx, token, k)
	if err != nil || row.caller == "" {
		return "", err
	}
	caller, err := s.callerOf(row.caller)
	if err != nil {
		return "", err
	}
	return caller.ID, nil
}

// spend uses a token up, which only one of many who try at once does.
func (s *Sessions) spend(ctx context.Context, token string, k kind) (string, error) {
	callerID, err := s.resting(ctx, token, k)
	if err != nil {
		return "", err
	}
	used, err := s.take(ctx, token)
	if err != nil {
		return "", err
	}
	if !used {
		return "", ErrEnded // somebody else was faster
	}
	return callerID, nil
}

// take deletes a token and reports whether it was there.
func (s *Sessions) take(ctx context.Context, token string) (there bool, err error) {
	hash, used := digest(token), int64(0)
	err = s.db.InTx(ctx, func(tx store.Tx) (err error) {
		used, err = tx.Exec(ctx, "DELETE FROM sessions WHERE token = $1", hash)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("use a token up: %w", err)
	}
	return used == 1, nil
}

// insert keeps a new token, and clears those that have expired away.
func (s *Sessions) insert(ctx context.Context, r row, valid time.Duration) (string, error) {
	token := newToken()
	hash, now := digest(token), s.now()
	err := s.db.InTx(ctx, func(tx store.Tx) error {
		if _, err := tx.Exec(ctx, "DELETE FROM sessions WHERE expires_at <= $1", now.UnixMicro()); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `
			INSERT INTO sessions (token, kind, caller, how, browser, created_at, seen_at, expires_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
			hash, int64(r.kind), r.caller, r.how, r.browser, now.UnixMicro(), now.UnixMicro(), now.Add(valid).UnixMicro())
		return err
	})
	if err != nil {
		return "", fmt.Errorf("keep a token: %w", err)
	}
	return token, nil
}

type row struct {
	kind                 kind
	caller, how, browser string
	began, seen          time.Time
}

func (s *Sessions) find(ctx context.Context, token string, k kind) (out row, err error) {
	hash := digest(token)
	err = s.db.Read(ctx, func(tx store.Tx) error {
		rows := tx.Query(ctx, `
			SELECT caller, how, browser, created_at, seen_at
			FROM sessions
			WHERE token = $1 AND kind = $2 AND expires_at > $3`, hash, int64(k), s.now().UnixMicro())
		return store.One(rows, func(r store.Row) {
			out = row{k, r.Text(0), r.Text(1), r.Text(2), time.UnixMicro(r.Int64(3)), time.UnixMicro(r.Int64(4))}
		})
	})
	if errors.Is(err, store.ErrNotFound) {
		return out, ErrEnded
	}
	return out, err
}

func (s *Sessions) callerOf(id string) (*access.Caller, error) {
	caller, err := s.gate.Caller(id)
	if errors.Is(err, access.ErrUnknownKey) {
		return nil, ErrEnded
	}
	return caller, err
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
