// Package attempt keeps the contacts that were made, tried, or are about to be made: what caps count.
//
// It stores the table attempts, one row a contact with the number sealed, and holds the same in memory for the judge,
// which asks without a transaction. Others may rely on this: what Report and Reserve answered is on disk and counted;
// of reservations that race for the last place under a cap, one gets it, whichever nodes they are asked of; a
// reservation that is neither confirmed nor released counts as a contact made. What other nodes counted is known here
// before a reservation is decided, and to other questions once Follow has run.
package attempt

import (
	"encoding/base64"
	"errors"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/policy"
	"github.com/consentline/consentline/internal/store"
	"github.com/consentline/consentline/internal/vault"
)

// ID names an attempt.
type ID [16]byte

// String writes the ID as callers see it.
func (i ID) String() string { return base64.RawURLEncoding.EncodeToString(i[:]) }

// ParseID reads what String wrote.
func ParseID(s string) (id ID, ok bool) {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || len(b) != len(id) {
		return id, false
	}
	return ID(b), true
}

// Outcome is what became of a contact.
type Outcome uint8

// The outcomes: it was made, nobody answered, or a conversation was held.
const (
	Made Outcome = iota
	Unanswered
	Conversation
)

// state is where an attempt stands. Only the first two count.
type state uint8

const (
	reserved state = iota
	confirmed
	released
	forgotten // nothing but the ID is left, so that other nodes forget it too
)

// Attempt is one contact.
type Attempt struct {
	Name    string // the caller's name for it, by which it counts once; empty: it has none
	Number  phone.Number
	Brand   consent.BrandID
	Class   consent.Class
	Channel consent.Channel
	Contact policy.Contact
	Outcome Outcome
	Matter  string // what it was about, for caps that count by it; empty: unknown
	Event   string
	At      time.Time
}

// ErrNotFound says that there is no attempt with an ID, or that it was deleted since nothing counts it any more.
var ErrNotFound = errors.New("no such attempt")

// ErrSettled says that an attempt was confirmed already, so that it cannot be released.
var ErrSettled = errors.New("the attempt was confirmed already")

// Rules say how long contacts matter. A *rulebook.Book is one.
type Rules interface {
	// CountedFor returns the longest time for which a cap counts an ordinary contact.
	CountedFor() time.Duration
	// KeptUntil returns when the law lets the log of a contact go, and what it proves of the use of a consent.
	KeptUntil(n phone.Number, c consent.Channel, class consent.Class, made time.Time) time.Time
}

// Config is what attempts are kept with.
type Config struct {
	DB    store.DB
	Vault *vault.Vault
	Now   func() time.Time
	Rules Rules // nil: contacts are counted and kept for Kept
}

// Attempts are all contacts that a cap may count. It is safe for concurrent use.
type Attempts struct {
	Config
	*Counter

	parts [stripes]stripe
}

// New returns attempts that are counted by a counter; Load brings those that are stored.
func New(c Config, counter *Counter) *Attempts { return &Attempts{Config: c, Counter: counter} }

// Kept is for how long an attempt is counted and kept where no rules say otherwise.
const Kept = 400 * 24 * time.Hour

// countedFor is for how long an ordinary attempt is held in memory.
func (a *Attempts) countedFor() time.Duration {
	if a.Rules == nil {
		return Kept
	}
	return a.Rules.CountedFor()
}

// keptUntil is when an attempt is deleted: when no cap counts it any more, and no law wants it kept.
func (a *Attempts) keptUntil(at *Attempt) time.Time {
	counted := at.At.Add(a.countedFor())
	if a.Rules == nil {
		return counted
	}
	if kept := a.Rules.KeptUntil(at.Number, at.Channel, at.Class, at.At); kept.After(counted) {
		return kept
	}
	return counted
}
