package optin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/consentline/consentline/internal/catalog"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/store"
)

const standingColumns = "id, brand, purpose, channel, seq, state, secret, misses, sent, sent_at, created_at, expires_at, settled"

func scanStanding(r store.Row) (Standing, error) {
	channel, err := consent.ParseChannel(r.Text(3))
	s := Standing{
		ID:    ID(r.Bytes(0)),
		Scope: consent.Scope{Brand: consent.BrandID(r.Text(1)), Purpose: consent.PurposeID(r.Text(2)), Channel: channel},
		Seq:   uint64(r.Int64(4)), Status: statuses[r.Int64(5)], misses: r.Int64(7), Sent: int(r.Int64(8)),
		SentAt: time.UnixMicro(r.Int64(9)).UTC(), CreatedAt: time.UnixMicro(r.Int64(10)).UTC(), ExpiresAt: time.UnixMicro(r.Int64(11)).UTC(),
	}
	if !r.IsNull(6) {
		s.secret = bytes.Clone(r.Bytes(6))
	}
	if !r.IsNull(12) {
		s.Settled = uint64(r.Int64(12))
	}
	return s, err
}

// Get returns a request, whatever its status, or ErrNotFound.
func (r *Requests) Get(ctx context.Context, id ID) (Standing, error) {
	return r.find(ctx, "id = $1", id[:])
}

func (r *Requests) find(ctx context.Context, where string, arg any) (s Standing, err error) {
	err = r.DB.Read(ctx, func(tx store.Tx) error {
		var scanned error
		err := store.One(tx.Query(ctx, "SELECT "+standingColumns+" FROM optins WHERE "+where, arg), func(row store.Row) {
			s, scanned = scanStanding(row)
		})
		return errors.Join(err, scanned)
	})
	if errors.Is(err, store.ErrNotFound) {
		return s, ErrNotFound
	}
	if s.Status == Open && !r.Now().Before(s.ExpiresAt) {
		s.Status = Expired // whether or not the entry that says so is there yet
	}
	return s, err
}

// Open returns the requests of a number that wait for confirmation in a scope, the latest first. An empty brand, an
// empty purpose and AnyChannel stand for all.
func (r *Requests) Open(ctx context.Context, n phone.Number, in consent.Scope) (open []Standing, err error) {
	lookup := r.Vault.Lookup(n)
	now := r.Now()
	const query = "SELECT " + standingColumns + " FROM optins WHERE recipient = $1 AND state = 0 ORDER BY sent_at DESC"
	err = r.DB.Read(ctx, func(tx store.Tx) error {
		return store.Each(tx.Query(ctx, query, lookup[:]), func(row store.Row) error {
			s, err := scanStanding(row)
			if now.Before(s.ExpiresAt) && (in.Brand == "" || in.Brand == s.Scope.Brand) && (in.Purpose == "" || in.Purpose == s.Scope.Purpose) &&
				(in.Channel == consent.AnyChannel || in.Channel == s.Scope.Channel) {
				open = append(open, s)
			}
			return err
		})
	})
	return open, err
}

// again lets the question of an open request go out anew. A code or a link is drawn anew too: the old one ends.
func (r *Requests) again(ctx context.Context, a *asking, s Standing) (Asked, error) {
	now := r.Now()
	switch {
	case s.Sent >= r.Limits.Resends:
		return Asked{}, &RefusedError{Code: CodeResends, Reason: fmt.Sprintf("The question went out %d times, and waits for its answer.", s.Sent)}
	case now.Before(s.SentAt.Add(r.Limits.ResendApart)):
		return Asked{}, &RefusedError{
			Code: CodeTooSoon, Reason: "The question went out just now.", RetryAfter: s.SentAt.Add(r.Limits.ResendApart).Sub(now),
		}
	}
	if err := r.spend(ctx, a); err != nil {
		return Asked{}, err
	}
	a.id = s.ID
	before := s.Sent
	s.Sent, s.SentAt = s.Sent+1, now
	resent := false
	err := r.DB.InTx(ctx, func(tx store.Tx) error {
		changed, err := tx.Exec(ctx, "UPDATE optins SET sent = sent + 1, sent_at = $3, secret = $4, misses = 0 WHERE id = $1 AND sent = $2 AND state = 0",
			a.id[:], before, now.UnixMicro(), r.secret(a))
		if resent = changed > 0; err != nil || !resent {
			return err // another call sent it at the same time
		}
		_, err = r.Outbox.Put(ctx, tx, r.question(a, s))
		return err
	})
	if err != nil {
		return Asked{}, fmt.Errorf("send the question again: %w", err)
	}
	e, err := r.Ledger.Entry(ctx, s.Seq)
	return Asked{Standing: s, Subject: e.Subject, Again: true, Resent: resent}, err
}

// Confirmation is how a person confirmed.
type Confirmation struct {
	By      string         // who tells of it
	Source  consent.Source // where the person did it
	Method  string
	At      time.Time // zero: now
	EventID string    // of the message that confirmed, if one did
	Key     string    // an idempotency key of who tells of it
	Message any       // that message, as evidence

	// Effect, if set, writes what else follows, in the same transaction.
	Effect func(context.Context, store.Tx, uint64) error
}

// Confirm records that an open request was confirmed: granted and confirmed, with both moments.
func (r *Requests) Confirm(ctx context.Context, s Standing, c Confirmation) (ledger.Result, error) {
	e, err := r.Ledger.Entry(ctx, s.Seq)
	if err != nil {
		return ledger.Result{}, fmt.Errorf("read the request: %w", err)
	}
	asked, ok := e.Act()
	if !ok {
		return ledger.Result{}, ErrNotFound // the person was erased
	}
	var how Detail
	if err := json.Unmarshal(e.Body.Detail, &how); err != nil {
		return ledger.Result{}, fmt.Errorf("entry %d: %w", s.Seq, err)
	}
	level, err := consent.ParseLevel(how.Level)
	if err != nil {
		return ledger.Result{}, fmt.Errorf("entry %d: %w", s.Seq, err)
	}
	requested := ledger.Time(asked.EffectiveAt)
	item := ledger.Item{
		Kind: ledger.KindAct, Number: e.Number, By: c.By, EventID: c.EventID, IdempotencyKey: c.Key,
		Act: consent.Act{
			Kind: consent.Granted, Scope: s.Scope, EffectiveAt: c.At, Level: level, Confirmed: true, Source: c.Source, Method: c.Method,
			Disclosure: asked.Disclosure, Evidence: asked.Evidence,
		},
		Detail: Detail{
			OptIn: s.ID.String(), Means: how.Means, Sender: how.Sender, RequestedAt: &requested, Requested: s.Seq, Message: c.Message,
		},
	}
	item.Effect = func(ctx context.Context, tx store.Tx, seq uint64) error {
		if err := r.settle(ctx, tx, s.ID, stateConfirmed, seq); err != nil {
			return err
		}
		lookup := r.Vault.Lookup(e.Number)
		if _, err := tx.Exec(ctx, "UPDATE optin_sends SET confirmed = 1 WHERE recipient = $1", lookup[:]); err != nil {
			return fmt.Errorf("count the confirmation: %w", err)
		}
		if c.Effect != nil {
			return c.Effect(ctx, tx, seq)
		}
		return nil
	}
	return r.Ledger.AppendOne(ctx, item)
}

func (r *Requests) settle(ctx context.Context, tx store.Tx, id ID, state int64, seq uint64) error {
	_, err := tx.Exec(ctx, "UPDATE optins SET state = $2, settled = $3, secret = NULL WHERE id = $1 AND state = 0", id[:], state, seq)
	if err != nil {
		return fmt.Errorf("settle the request for confirmation: %w", err)
	}
	return nil
}

// maxMisses is how many wrong codes end a code: a guess at six digits then finds it once in 200,000 tries.
const maxMisses = 5

// ConfirmCode confirms a request with the code that was sent. Errors are ErrNotFound, *RefusedError, or the ledger's.
func (r *Requests) ConfirmCode(ctx context.Context, by string, id ID, code string) (ledger.Result, error) {
	s, err := r.Get(ctx, id)
	if err != nil {
		return ledger.Result{}, err
	}
	if s.Status != Open || s.secret == nil {
		return ledger.Result{}, ErrNotFound
	}
	right, locked := false, false
	digest := r.digestCode(id, strings.TrimSpace(code))
	err = r.DB.InTx(ctx, func(tx store.Tx) error {
		right, locked = false, false
		var secret []byte
		var misses int64
		const query = "SELECT secret, misses FROM optins WHERE id = $1 AND state = 0"
		err := store.One(tx.Query(ctx, query+r.DB.Dialect().ForUpdate(), id[:]), func(row store.Row) {
			secret, misses = bytes.Clone(row.Bytes(0)), row.Int64(1)
		})
		if err != nil {
			return err
		}
		if locked = misses >= maxMisses; locked {
			return nil
		}
		if right = bytes.Equal(secret, digest); right { // keyed hashes: how long this takes tells nothing of the code
			return nil
		}
		_, err = tx.Exec(ctx, "UPDATE optins SET misses = misses + 1 WHERE id = $1", id[:])
		return err
	})
	switch {
	case errors.Is(err, store.ErrNotFound):
		return ledger.Result{}, ErrNotFound
	case err != nil:
		return ledger.Result{}, fmt.Errorf("compare the code: %w", err)
	case locked:
		return ledger.Result{}, &RefusedError{Code: CodeLocked, Reason: "Too many wrong codes were entered. Ask for the question to be sent again."}
	case !right:
		return ledger.Result{}, &RefusedError{Code: CodeWrong, Reason: "The code is not the one that was sent."}
	}
	return r.Confirm(ctx, s, Confirmation{By: by, Source: consent.WebForm, Method: "code"})
}

// ByToken returns the open request whose link holds a token, or ErrNotFound.
func (r *Requests) ByToken(ctx context.Context, token string) (Standing, error) {
	s, err := r.find(ctx, "secret = $1", r.digestToken(strings.ToLower(strings.TrimSpace(token))))
	if err == nil && s.Status != Open {
		err = ErrNotFound
	}
	return s, err
}

// Wording returns the words that the person of a request is asked to agree to.
func (r *Requests) Wording(ctx context.Context, s Standing) (catalog.Wording, error) {
	e, err := r.Ledger.Entry(ctx, s.Seq)
	if err != nil {
		return catalog.Wording{}, fmt.Errorf("read the request: %w", err)
	}
	asked, ok := e.Act()
	if !ok {
		return catalog.Wording{}, ErrNotFound // the person was erased
	}
	return r.Catalog.Wording(asked.Disclosure)
}

// ConfirmLink confirms the request whose link holds a token. Opening a link must not call it by itself: mail and
// message scanners open links. Errors are ErrNotFound, or the ledger's.
func (r *Requests) ConfirmLink(ctx context.Context, by, token string) (ledger.Result, error) {
	s, err := r.ByToken(ctx, token)
	if err != nil {
		return ledger.Result{}, err
	}
	return r.Confirm(ctx, s, Confirmation{By: by, Source: consent.WebForm, Method: "link"})
}
