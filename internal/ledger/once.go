package ledger

import (
	"context"
	"errors"
	"fmt"

	"github.com/consentline/consentline/internal/store"
)

// Once is a caller's wish that a request have its effect once, however often it is sent. Content is what it asks for.
type Once struct{ Key, Content string }

type onceKey struct{}

// WithOnce returns a context under which the one item that is appended is remembered by the caller's key. The key
// travels with the request, beside its deadline, since no capability between surface and ledger has any use for it.
func WithOnce(ctx context.Context, o Once) context.Context {
	return context.WithValue(ctx, onceKey{}, o)
}

// RepeatedError says that a request had its effect before, under the same key; Seq is the entry that it made then.
type RepeatedError struct{ Seq uint64 }

func (e *RepeatedError) Error() string {
	return fmt.Sprintf("the request was carried out as entry %d", e.Seq)
}

// Told returns the entry that a caller's request made under a key, zero if there is none, and ErrKeyReused if the key
// was used for another request.
func (l *Ledger) Told(ctx context.Context, by string, o Once) (seq uint64, err error) {
	k := l.seenOnce(by, o)
	var content [16]byte
	err = l.db.Read(ctx, func(tx store.Tx) error {
		return store.One(tx.Query(ctx, "SELECT content, seq FROM seen WHERE digest = $1", k.digest[:]), func(r store.Row) {
			content, seq = [16]byte(r.Bytes(0)), uint64(r.Int64(1))
		})
	})
	switch {
	case errors.Is(err, store.ErrNotFound):
		return 0, nil
	case err != nil:
		return 0, fmt.Errorf("look for the idempotency key: %w", err)
	case content != k.content:
		return 0, ErrKeyReused
	}
	return seq, nil
}

// seenOnce shares the namespace of Item.IdempotencyKey: a key that was used for an act is no key for a definition.
func (l *Ledger) seenOnce(by string, o Once) seenKey {
	return seenKey{l.vault.Digest("idempotency", by, o.Key), l.vault.Digest("request", o.Content), ErrKeyReused}
}

// rememberOnce lets the request's only item be remembered by the key that travels in the context.
func (l *Ledger) rememberOnce(ctx context.Context, r *request) {
	o, ok := ctx.Value(onceKey{}).(Once)
	if !ok || o.Key == "" || len(r.items) != 1 {
		return
	}
	r.once = true
	r.items[0].seen = append(r.items[0].seen, l.seenOnce(r.items[0].By, o))
}

// Tag returns a keyed hash by which the deployment knows again what it gave out, such as a cursor. All nodes of one
// deployment give the same.
func (l *Ledger) Tag(parts ...string) [16]byte {
	return l.vault.Digest(append([]string{"tag"}, parts...)...)
}
