package inbound

import (
	"context"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/store"
)

// optedOutThere records that a provider or its network keeps the person from being sent to. It is the person's own
// withdrawal, told by the provider; where they have withdrawn here already, it says nothing new.
func (b *Inbox) optedOutThere(ctx context.Context, t *Taken) error {
	var scopes []consent.Scope
	switch {
	case t.from.Marketing:
		for _, p := range b.marketing() {
			scopes = append(scopes, consent.Scope{Brand: t.sender.Brand, Purpose: p, Channel: t.sender.Channel})
		}
	case t.sender.Purpose != "":
		scopes = []consent.Scope{{Brand: t.sender.Brand, Purpose: t.sender.Purpose, Channel: t.sender.Channel}}
	}
	if len(scopes) == 0 {
		scopes = []consent.Scope{{Brand: t.sender.Brand, Purpose: consent.Any, Channel: t.sender.Channel}}
	}
	var items []ledger.Item
	for _, s := range scopes {
		if t.covered(s, func(r consent.Record) bool { return r.Status == consent.StatusWithdrawn }) {
			continue
		}
		items = append(items, t.item(consent.Withdrawn, s, consent.Provider))
	}
	return b.append(ctx, t, items, func(ctx context.Context, tx store.Tx, seq uint64) error {
		for _, s := range scopes {
			if err := b.OptIns.End(ctx, tx, t.number, s, seq); err != nil {
				return err
			}
		}
		if t.Flag != "" {
			return b.putReview(ctx, tx, t, nil)
		}
		return nil
	})
}

// optedInThere is that a provider sends again. It is no consent: what the person wrote comes as a text of its own, and
// what they set in an app lifts a block there and says yes to nothing here. A person may look at it.
func (b *Inbox) optedInThere(ctx context.Context, t *Taken) error {
	if t.from.Text == "" && t.from.Marketing {
		t.Flag = NothingToKeep
		return b.review(ctx, t)
	}
	return nil
}

// deactivated ends every consent at a number that has lost its holder, with whatever brand (47 CFR 64.1200(m)).
func (b *Inbox) deactivated(ctx context.Context, t *Taken) error {
	if t.Flag == UnknownSender {
		t.Flag = "" // it is about the number, whoever the sender was
	}
	it := t.item(consent.Reassigned, consent.Everything, consent.Provider)
	return b.append(ctx, t, []ledger.Item{it}, func(ctx context.Context, tx store.Tx, seq uint64) error {
		if err := b.OptIns.End(ctx, tx, t.number, consent.Everything, seq); err != nil {
			return err
		}
		// Whatever waits to be sent is for the holder that was.
		_, err := tx.Exec(ctx, "DELETE FROM outbox WHERE recipient = $1 AND state = 0", lookupOf(b, t))
		return err
	})
}

func lookupOf(b *Inbox, t *Taken) []byte {
	lookup := b.Vault.Lookup(t.number)
	return lookup[:]
}
