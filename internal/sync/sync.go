// Package sync keeps outside systems in step: CRMs, marketing tools, providers, webhooks.
//
// Each destination follows the ledger from a durable cursor of its own, so a slow one never delays another. Others may
// rely on this: what happened to a number reaches a destination in the order in which it was recorded, at least once;
// an act that restricts goes before those that do not, wherever that order lets it; what is sent of a scope is how it
// stands when it is sent, so that a late delivery never undoes a later act; what the system refuses for good is parked
// with its reason and holds up nothing. It stores cursors, and the tables sync_items and sync_acks; a crash sends again
// what was not noted as taken.
//
// A kind of destination is a sub-folder that implements Connector; package kinds lists them.
package sync

import (
	"context"
	"fmt"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/phone"
)

// Change is how a number stands in a scope after an act.
type Change struct {
	// ID is the same whenever the same state is sent again, for systems that know idempotency keys.
	ID string

	Seq        uint64 // the entry that it follows from
	RecordedAt time.Time
	Subject    ledger.SubjectID
	Number     phone.Number
	Scope      consent.Scope // may have wildcards: "no texts at all" is a scope that nobody ever said yes in
	Record     consent.Record
	Records    []Held      // all that is on record of the person
	Act        consent.Act // what was done; zero when the change was not made by an act, as in a backfill

	restrictions []place // the entries that restrict and that this change tells of
}

// Restricts reports whether the change tells of an act that restricts.
func (c *Change) Restricts() bool { return len(c.restrictions) > 0 }

type place struct {
	seq uint64
	at  time.Time
}

// Held is what is on record in one scope.
type Held = ledger.Held

// Status is how the number stands in the scope at a moment.
func (c *Change) Status(at time.Time) consent.Status { return c.Record.At(at) }

// Granted reports whether there is a yes that holds at a moment.
func (c *Change) Granted(at time.Time) bool { return c.Record.Allows(at) }

// Limits says how a system wants to be called.
type Limits struct {
	Batch     int     // how many changes a call may hold; no two of them are of one number and scope
	InFlight  int     // how many calls at once
	PerSecond float64 // how many calls a second, zero for no limit; Burst how many at once after a pause
	Burst     int

	// Events says that the system wants every act, in order, where others want to know how things stand.
	Events bool
}

// Connector hands changes to one outside system. It must be safe for concurrent use and must not retry by itself. One
// that keeps a connection opens it when it first delivers, and is an io.Closer, which is called after its last delivery.
type Connector interface {
	Limits() Limits

	// Deliver hands over changes in one call, and returns for each what became of it: nil when the system has
	// acknowledged it, a *RefusedError, or a *LaterError. Other errors count as a LaterError of all.
	Deliver(ctx context.Context, changes []Change) []error
}

// Listing is a Connector that can tell what the system holds, for reconciliation.
type Listing interface {
	Connector

	// List calls fn with every number about which the system holds a yes or a no, in any order. What it has never heard
	// of, or holds as neither, it must leave out: a no is taken for one that was given.
	List(ctx context.Context, fn func(Listed) error) error
}

// Listed is what a system holds of one number in one scope.
type Listed struct {
	Number  string // as the system writes it
	Scope   consent.Scope
	Granted bool
}

// RefusedError says that a system will not take a change, however often it is sent. It holds no number.
type RefusedError struct{ Code, Reason string }

func (e *RefusedError) Error() string { return fmt.Sprintf("refused (%s): %s", e.Code, e.Reason) }

// LaterError says that a change may be taken when it is sent again. All says that the system as a whole takes nothing
// at present: it fails, or limits the rate. It holds no number.
type LaterError struct {
	Code, Reason string
	After        time.Duration // when to try again, zero if the system does not say
	All          bool
}

func (e *LaterError) Error() string { return fmt.Sprintf("not taken yet (%s): %s", e.Code, e.Reason) }

// Every returns the same error for each of n changes.
func Every(n int, err error) []error {
	out := make([]error, n)
	for i := range out {
		out[i] = err
	}
	return out
}
