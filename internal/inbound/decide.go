package inbound

import (
	"context"
	"fmt"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/messaging"
	"github.com/consentline/consentline/internal/store"
)

// Decision is what a person made of a review.
type Decision string

// The decisions. Stop records the withdrawal that the message was; Resume gives back what was suspended; Dismiss
// changes nothing.
const (
	Stop    Decision = "stop"
	Resume  Decision = "resume"
	Dismiss Decision = "dismiss"
)

// Decide closes a review. Resume and Stop are acts in the ledger, with who decided and why. Errors are ErrNoReview,
// *act.InvalidError, or the ledger's.
func (b *Inbox) Decide(ctx context.Context, caller *access.Caller, id ReviewID, d Decision, actor, reason string) ([]Act, error) {
	v, err := b.Review(ctx, id)
	if err != nil {
		return nil, err
	}
	if reason == "" || actor == "" {
		return nil, &act.InvalidError{Code: act.CodeMissingField, Field: "reason", Reason: "is missing: say who decided and why"}
	}
	t := &Taken{
		name: v.Provider, by: caller.ID, number: v.Number, read: v.Reading, Label: v.Reading.Label,
		from: messaging.Event{ID: v.Event, Sender: v.Sender, Channel: v.Channel, Text: v.Text, At: v.At},
	}
	t.sender = b.senderOf(t)
	if v.Number == 0 && d != Dismiss {
		return nil, &act.InvalidError{Code: act.CodeInvalidField, Field: "decision", Reason: "the review is about no person: it can only be dismissed"}
	}
	var items []ledger.Item
	switch d {
	case Stop:
		items = b.stopped(t)
	case Resume:
		if items, err = b.resumed(ctx, t, &v); err != nil {
			return nil, err
		}
	case Dismiss:
	default:
		return nil, &act.InvalidError{Code: act.CodeInvalidField, Field: "decision", Reason: "want stop, resume or dismiss"}
	}
	for i := range items {
		items[i].Actor, items[i].EventID, items[i].IdempotencyKey = actor, "", fmt.Sprintf("review %s %s %d", id, d, i)
		items[i].Act.Method = "review: " + reason
	}
	if len(items) == 0 {
		return nil, b.DB.InTx(ctx, func(tx store.Tx) error { return b.closeReview(ctx, tx, id, actor, d) })
	}
	err = b.append(ctx, t, items, func(ctx context.Context, tx store.Tx, _ uint64) error { return b.closeReview(ctx, tx, id, actor, d) })
	return t.Acts, err
}

func (b *Inbox) stopped(t *Taken) []ledger.Item {
	scopes, _ := b.stopScopes(t)
	items := make([]ledger.Item, len(scopes))
	for i, s := range scopes {
		items[i] = t.item(consent.Withdrawn, s, consent.SMSReply)
	}
	return items
}

// resumed gives back the consents that were suspended. Each is a grant that a member of staff answers for, on the
// evidence of the person's own message; what the person did meanwhile stands.
func (b *Inbox) resumed(ctx context.Context, t *Taken, v *Review) ([]ledger.Item, error) {
	person, err := b.Ledger.ByNumber(ctx, v.Number)
	if err != nil {
		return nil, fmt.Errorf("read the records: %w", err)
	}
	var items []ledger.Item
	for _, h := range v.Held {
		if h.Status != consent.StatusGranted || !suspended(person, h.Scope) {
			continue
		}
		it := t.item(consent.Granted, h.Scope, consent.Agent)
		ref, err := ledger.ParseDisclosure(h.Disclosure)
		if err != nil {
			return nil, err // the ledger wrote it
		}
		it.Act.EffectiveAt = time.Time{} // the decision is an act of now
		it.Act.Level, it.Act.Confirmed, it.Act.ValidUntil, it.Act.ReviewAt = h.Level, h.Confirmed, h.ValidUntil, h.ReviewAt
		it.Act.Disclosure, it.Act.Evidence = ref, t.hash()
		items = append(items, it)
	}
	return items, nil
}

// suspended reports whether the record still stands as the suspension left it.
func suspended(person ledger.Subject, s consent.Scope) bool {
	for _, h := range person.Records {
		if h.Scope == s {
			return h.Record.Status == consent.StatusRevoked && h.Record.Source == consent.System
		}
	}
	return false
}

func (b *Inbox) closeReview(ctx context.Context, tx store.Tx, id ReviewID, actor string, d Decision) error {
	_, err := tx.Exec(ctx, "UPDATE reviews SET decided_at = $2, decided_by = $3, decision = $4, sealed = NULL WHERE id = $1 AND decided_at IS NULL",
		id[:], b.Now().UnixMicro(), actor, string(d))
	if err != nil {
		return fmt.Errorf("close the review: %w", err)
	}
	return nil
}
