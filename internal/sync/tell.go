package sync

import (
	"context"
	"errors"
	"fmt"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/store"
)

// About is a number in a scope.
type About struct {
	Number phone.Number
	Scope  consent.Scope
}

// TellAgain lets a destination be told anew how numbers stand, as when it was found to hold something else. It returns
// how many it will be told of; of those about whom nothing is on record there is nothing to tell. What is to be told
// survives a crash, and goes out as everything does that a system has not taken yet.
func (e *Engine) TellAgain(ctx context.Context, id string, all []About) (int, error) {
	if _, err := e.Destinations.Get(id); err != nil {
		return 0, err
	}
	told := 0
	const group = 500
	for len(all) > 0 {
		n := min(group, len(all))
		done, err := e.tellAgain(ctx, id, all[:n])
		told += done
		if err != nil {
			return told, fmt.Errorf("note what is told again: %w", err)
		}
		all = all[n:]
	}
	if now := e.get(id); now != nil {
		now.runner.wake()
	}
	return told, nil
}

func (e *Engine) tellAgain(ctx context.Context, id string, group []About) (int, error) {
	var rows [][]any
	for _, one := range group {
		who, err := e.Ledger.ByNumber(ctx, one.Number)
		if errors.Is(err, ledger.ErrNotFound) {
			continue
		}
		if err != nil {
			return 0, err
		}
		if h, ok := holding(who, one.Scope); ok {
			rows = append(rows, []any{id, who.ID[:], h.Scope.String(), h.Record.Entry, e.Now().UnixMicro()})
		}
	}
	// What waits already goes out as it stands then, and keeps the acts that it is to acknowledge.
	const query = `
		INSERT INTO sync_items (destination, subject, scope, seq, since, since_at, parked, attempts, due_at, code, reason)
		VALUES ($1, $2, $3, $4, 0, 0, 0, 0, $5, '', '')
		ON CONFLICT (destination, subject, scope) DO UPDATE
		SET parked = 0, attempts = 0, due_at = excluded.due_at`
	err := e.DB.InTx(ctx, func(tx store.Tx) error { return tx.ExecMany(ctx, query, rows) })
	return len(rows), err
}

// holding returns the record that stands for a person in a scope: theirs there, or else the latest no that covers it.
func holding(who ledger.Subject, s consent.Scope) (found Held, ok bool) {
	for _, h := range who.Records {
		switch {
		case h.Scope == s:
			return h, true
		case h.Scope.Covers(s) && h.Record.Status.Restricted() && (!ok || h.Record.Entry > found.Record.Entry):
			found, ok = h, true
		}
	}
	return found, ok
}

// Waits reports whether a destination has not taken yet what it was told of a number in a scope.
func (e *Engine) Waits(ctx context.Context, id string, about About) (bool, error) {
	who, err := e.Ledger.ByNumber(ctx, about.Number)
	if errors.Is(err, ledger.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	s := items{e.DB, id}
	waiting, err := s.of(ctx, who.ID)
	for _, it := range waiting {
		if it.Scope.Covers(about.Scope) {
			return true, err
		}
	}
	return false, err
}

// Told returns the last entry that a destination has come to.
func (e *Engine) Told(ctx context.Context, id string) (uint64, error) {
	s, err := e.Status(ctx, id)
	return s.Cursor, err
}
