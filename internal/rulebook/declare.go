package rulebook

import (
	"context"
	"fmt"

	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/policy"
)

// Relaxation takes the relaxed reading of one contested point for a time. It loosens rules, so it needs a reason and an
// end. Its ID is that of the switch.
type Relaxation struct {
	ID     string       `json:"id"`
	Reason string       `json:"reason"`
	Actor  string       `json:"actor"`
	From   *ledger.Time `json:"from,omitempty"`
	Until  *ledger.Time `json:"until,omitempty"`

	Removed bool `json:"removed,omitempty"`
}

// Declaration says what holds of all contacts of a brand and a purpose: the kind of sender, the sector, the zone in
// which messages leave, and facts, which lift rules and so need a reason.
type Declaration struct {
	ID           string       `json:"id"`
	Brand        string       `json:"brand,omitempty"`
	Purpose      string       `json:"purpose,omitempty"`
	Sender       string       `json:"sender_kind,omitempty"`
	Sector       string       `json:"sector,omitempty"`
	DispatchZone string       `json:"dispatch_zone,omitempty"`
	Facts        []string     `json:"facts,omitempty"`
	Reason       string       `json:"reason,omitempty"`
	Actor        string       `json:"actor"`
	From         *ledger.Time `json:"from,omitempty"`
	Until        *ledger.Time `json:"until,omitempty"`

	Removed bool `json:"removed,omitempty"`
}

// The kinds of definition that relaxations and declarations are.
const (
	kindRelaxation  = "relaxation"
	kindDeclaration = "declaration"
)

// Relax records the relaxed reading of a contested point, in the place of an earlier record of it.
func (k *Keeper) Relax(ctx context.Context, by string, r Relaxation) error {
	if r.Actor == "" {
		r.Actor = by
	}
	return k.change(ctx, by, kindRelaxation, r.ID, r, func(c *changes) { c.relaxations[r.ID] = r })
}

// Tighten takes a relaxation back: the strict reading holds again.
func (k *Keeper) Tighten(ctx context.Context, by, id string) error {
	r, known := k.Book.state().relaxations[id]
	if !known || r.Removed {
		return fmt.Errorf("relaxation %q: %w", id, ErrNotFound)
	}
	r.Removed = true
	return k.Relax(ctx, by, r)
}

// Declare records what holds of all contacts of a kind, in the place of an earlier declaration with its ID.
func (k *Keeper) Declare(ctx context.Context, by string, d Declaration) error {
	if d.Actor == "" {
		d.Actor = by
	}
	return k.change(ctx, by, kindDeclaration, d.ID, d, func(c *changes) { c.declarations[d.ID] = d })
}

// Retract takes a declaration back.
func (k *Keeper) Retract(ctx context.Context, by, id string) error {
	d, known := k.Book.state().declarations[id]
	if !known || d.Removed {
		return fmt.Errorf("declaration %q: %w", id, ErrNotFound)
	}
	d.Removed = true
	return k.Declare(ctx, by, d)
}

// Relaxations lists the contested points that are relaxed, by ID, also those whose time is over or has not come.
func (b *Book) Relaxations() []Relaxation {
	return listed(b.state().relaxations, func(r Relaxation) bool { return r.Removed })
}

// Declarations lists the declarations that were not taken back, by ID.
func (b *Book) Declarations() []Declaration {
	return listed(b.state().declarations, func(d Declaration) bool { return d.Removed })
}

func (r *Relaxation) policy() policy.Relaxation {
	return policy.Relaxation{Switch: r.ID, Reason: r.Reason, Actor: r.Actor, From: instant(r.From), Until: instant(r.Until)}
}

func (d *Declaration) policy() (out policy.Declaration, err error) {
	out = policy.Declaration{
		ID: d.ID, Brand: d.Brand, Purpose: d.Purpose, DispatchZone: d.DispatchZone,
		Reason: d.Reason, Actor: d.Actor, From: instant(d.From), Until: instant(d.Until),
	}
	if out.Sender, err = policy.ParseSender(d.Sender); err != nil {
		return out, &InvalidError{"sender_kind", err.Error(), err}
	}
	if out.Sector, err = policy.ParseSector(d.Sector); err != nil {
		return out, &InvalidError{"sector", err.Error(), err}
	}
	if out.Facts, err = policy.ParseFacts(d.Facts); err != nil {
		return out, &InvalidError{"facts", err.Error(), err}
	}
	return out, nil
}
