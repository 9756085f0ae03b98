// Package gateway stands between an application and its provider, so that no message or call goes out that the check
// does not allow. It speaks as the provider does: an application changes only the address that it sends to.
//
// Twilio is a drop-in for https://api.twilio.com; SMPP a proxy between an ESME and its SMSC. Others may rely on this:
// what creates a message or a call is forwarded only after an allow, with the caller's own credentials and unchanged;
// what cannot be understood, or whose purpose nobody knows, is refused; everything else passes. It stores nothing.
package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/consentline/consentline/internal/attempt"
	"github.com/consentline/consentline/internal/catalog"
	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/phone"
)

// Checker answers the question whether contact is allowed.
type Checker interface {
	Check(q check.Question) check.Verdict
}

// Appender takes the entries that say what went out unchecked.
type Appender interface {
	AppendOne(ctx context.Context, item ledger.Item) (ledger.Result, error)
}

// Gate decides about one contact. It is shared by all that a gateway speaks.
type Gate struct {
	Check   Checker
	Catalog *catalog.Catalog
	Ledger  Appender
	Log     *slog.Logger

	// Tally counts what goes out, for the caps of the rules. Nil: nothing is counted.
	Tally *Tally

	// Confirm returns once this node knows all that was acknowledged before the call; nil: its lease is trusted.
	Confirm func(context.Context) error

	// FailOpen are the classes whose contacts go out although the check is stale. Each one that does is an entry.
	FailOpen []consent.Class
}

// Validate refuses to let anything but transactional messages and service alerts go out unchecked.
func (g *Gate) Validate() error {
	for _, c := range g.FailOpen {
		if c != consent.Transactional && c != consent.ServiceAlert {
			return fmt.Errorf("fail_open: %s may never go out unchecked: only transactional and service_alert may", c)
		}
	}
	return nil
}

// Contact is what an application wants to do.
type Contact struct {
	To      string   // as the application wrote it
	Senders []string // by what it sends: a messaging service, a number; the first one that is defined tells brand and purpose
	Brand   consent.BrandID
	Purpose consent.PurposeID // empty: the sender's
	Channel consent.Channel
	At      time.Time // when it is to go out; zero: now
}

// Ruling is what becomes of a contact.
type Ruling struct {
	Outcome check.Outcome
	Code    check.Code // why not, or check.Granted and the like
	Next    time.Time  // of a defer
	Number  phone.Number
	Open    bool // it goes out unchecked

	contact *attempt.Attempt // to be counted by Made; nil: it is not
}

// ErrUnknownPurpose says that nobody has told what a contact is for.
var ErrUnknownPurpose = errors.New("what the contact is for is unknown: define the sender with a purpose, or name one in the header X-Consentline-Purpose")

// Decide says what becomes of a contact. An error means that it cannot be judged, and must not go out.
func (g *Gate) Decide(ctx context.Context, c Contact) (Ruling, error) {
	if err := g.place(&c); err != nil {
		return Ruling{}, err
	}
	number, err := phone.Parse(c.To, "")
	if err != nil {
		return Ruling{Code: check.InvalidNumber}, nil
	}
	if g.Confirm != nil {
		if err := g.Confirm(ctx); err != nil {
			return Ruling{}, fmt.Errorf("confirm that the latest withdrawals are known: %w", err)
		}
	}
	v, contact, err := g.ask(ctx, c, number)
	if err != nil {
		return Ruling{}, err
	}
	r := Ruling{Outcome: v.Outcome, Code: v.Code(), Next: v.NextAllowedAt, Number: number, contact: contact}
	if v.Outcome != check.Allow && r.Code == check.Stale && len(v.Reasons()) == 1 && v.Omitted == 0 && g.failsOpen(c.Purpose) {
		r.Open = g.record(ctx, c) == nil
	}
	return r, nil
}

// ask returns the verdict on a contact, and what is to be counted if it is allowed. One that is scheduled counts from now
// on.
func (g *Gate) ask(ctx context.Context, c Contact, n phone.Number) (check.Verdict, *attempt.Attempt, error) {
	q := check.Question{Number: n, Brand: []byte(c.Brand), Purpose: []byte(c.Purpose), Channel: c.Channel, At: c.At}
	purpose, err := g.Catalog.Purpose(string(c.Purpose))
	if g.Tally == nil || err != nil {
		return g.Check.Check(q), nil, nil // a purpose that nobody has defined is denied
	}
	if err := g.Tally.begin(ctx, n); err != nil {
		return check.Verdict{}, nil, err
	}
	v := g.Check.Check(q)
	if v.Outcome != check.Allow {
		g.Tally.end(n)
		return v, nil, nil
	}
	return v, &attempt.Attempt{Number: n, Brand: c.Brand, Class: purpose.Class, Channel: c.Channel, At: v.CheckedAt}, nil
}

// Made says that a contact that was ruled on was made, or may have been: it counts. Each ruling that allows is followed
// by Made or Unmade.
func (g *Gate) Made(r Ruling) {
	if r.contact != nil {
		g.Tally.count(*r.contact)
	}
}

// Unmade says that a contact was not made, since the provider refused it.
func (g *Gate) Unmade(r Ruling) {
	if r.contact != nil {
		g.Tally.end(r.contact.Number)
	}
}

// place fills in brand and purpose from the first sender that is defined.
func (g *Gate) place(c *Contact) error {
	for _, address := range c.Senders {
		for _, s := range g.Catalog.Senders() {
			if address == "" || s.Retired || s.Channel != c.Channel || strings.TrimPrefix(s.Address, "+") != strings.TrimPrefix(address, "+") {
				continue
			}
			if c.Brand == "" {
				c.Brand = s.Brand
			}
			if c.Purpose == "" {
				c.Purpose = s.Purpose
			}
		}
	}
	if c.Brand == "" {
		c.Brand = "default"
	}
	if c.Purpose == "" {
		return ErrUnknownPurpose
	}
	return nil
}

func (g *Gate) failsOpen(p consent.PurposeID) bool {
	purpose, err := g.Catalog.Purpose(string(p))
	return err == nil && slices.Contains(g.FailOpen, purpose.Class)
}

// Unchecked is what the entry says of a contact that went out though the check was stale. It names no person.
type Unchecked struct {
	Why     string            `json:"why"`
	Brand   consent.BrandID   `json:"brand"`
	Purpose consent.PurposeID `json:"purpose"`
	Channel consent.Channel   `json:"channel"`
}

// record says in the ledger that a contact goes out unchecked. If that cannot be said, it does not go out.
func (g *Gate) record(ctx context.Context, c Contact) error {
	_, err := g.Ledger.AppendOne(ctx, ledger.Item{
		Kind: ledger.KindAttempt, By: "gateway", Detail: Unchecked{"the check was stale", c.Brand, c.Purpose, c.Channel},
	})
	if err != nil {
		g.Log.ErrorContext(ctx, "a contact was refused, since that it goes out unchecked cannot be recorded", "error", err)
	}
	return err
}
