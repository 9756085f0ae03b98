package credential

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/store"
)

// How failures lock an account: from the fifth in a row for a minute, doubled by each further one up to a quarter of an
// hour, so that nobody is locked out for long by somebody else. After a day without one they are forgotten.
const (
	toleratedFailures = 5
	firstLock         = time.Minute
	longestLock       = 15 * time.Minute
	failuresFor       = 24 * time.Hour
)

// LockedError says until when an account is locked. Nothing was tried.
type LockedError struct{ Until time.Time }

func (e *LockedError) Error() string {
	return "too many failures to sign in: try again at " + ledger.FormatTime(e.Until)
}

func (c *Credentials) account(login string) []byte {
	return c.mac("account", []byte(access.NormalLogin(login)))
}

// Try is one try to sign in. It counts as a failure until it has succeeded, so that many at once are counted too.
type Try struct {
	account []byte
	n       int64
}

// Try begins a try with a login, or returns a LockedError. Logins that nobody has lock in the same way, so that locks
// tell nothing.
func (c *Credentials) Try(ctx context.Context, login string) (Try, error) {
	t, now := Try{account: c.account(login)}, c.now()
	until := int64(0)
	err := c.db.InTx(ctx, func(tx store.Tx) error {
		if _, err := tx.Exec(ctx, "DELETE FROM sign_in_failures WHERE last_at < $1", now.Add(-failuresFor).UnixMicro()); err != nil {
			return err
		}
		t.n, until = 0, 0
		rows := tx.Query(ctx, "SELECT n, until FROM sign_in_failures WHERE account = $1"+c.db.Dialect().ForUpdate(), t.account)
		err := store.One(rows, func(r store.Row) { t.n, until = r.Int64(0), r.Int64(1) })
		if err != nil && !errors.Is(err, store.ErrNotFound) || now.UnixMicro() < until {
			return err
		}
		t.n++
		_, err = tx.Exec(ctx, `
			INSERT INTO sign_in_failures (account, n, last_at, until)
			VALUES ($1, $2, $3, $4)
			ON CONFLICT (account) DO UPDATE SET n = excluded.n, last_at = excluded.last_at, until = excluded.until`,
			t.account, t.n, now.UnixMicro(), now.Add(lockAfter(t.n)).UnixMicro())
		return err
	})
	if err != nil {
		return t, fmt.Errorf("count a try to sign in: %w", err)
	}
	if now.UnixMicro() < until {
		return t, &LockedError{time.UnixMicro(until)}
	}
	return t, nil
}

// Failed records that the account of a person became locked, if this failure did that.
func (c *Credentials) Failed(ctx context.Context, t Try, p access.Person) error {
	if t.n != toleratedFailures {
		return nil
	}
	_, err := c.ledger.AppendOne(ctx, ledger.Item{
		Kind: ledger.KindAccess, By: "system", Widens: true, Detail: changed{p.ID, "account", "locked after failures to sign in"},
	})
	if err != nil {
		return fmt.Errorf("record a lock: %w", err)
	}
	return nil
}

// Undecided takes back that a try counts as a failure, and forgets no failure before it: who knows a password and not
// the code could else guess codes for ever.
func (c *Credentials) Undecided(ctx context.Context, t Try) error {
	err := c.db.InTx(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE sign_in_failures SET n = n - 1, until = 0 WHERE account = $1 AND n = $2", t.account, t.n)
		return err
	})
	if err != nil {
		return fmt.Errorf("take a failure to sign in back: %w", err)
	}
	return nil
}

// Succeeded forgets the failures of an account.
func (c *Credentials) Succeeded(ctx context.Context, t Try) error {
	err := c.db.InTx(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM sign_in_failures WHERE account = $1", t.account)
		return err
	})
	if err != nil {
		return fmt.Errorf("forget failures to sign in: %w", err)
	}
	return nil
}

// lockAfter returns for how long an account is locked after n failures in a row.
func lockAfter(n int64) time.Duration {
	if n < toleratedFailures {
		return 0
	}
	lock := firstLock
	for ; n > toleratedFailures && lock < longestLock; n-- {
		lock *= 2
	}
	return min(lock, longestLock)
}
