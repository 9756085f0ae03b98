package consent

import "time"

// Status is where a record stands. The words are those of W3C DPV's consent statuses.
type Status uint8

// The statuses. Withdrawn is by the subject, Revoked by anybody else.
const (
	None Status = iota
	Pending
	StatusGranted
	StatusRefused
	StatusWithdrawn
	StatusRevoked
	StatusExpired
)

var statusNames = names[Status]{"status", []string{"none", "pending", "granted", "refused", "withdrawn", "revoked", "expired"}}

// String returns the name that the API and the ledger use.
func (s Status) String() string { return statusNames.name(s) }

// ParseStatus reads a status's name.
func ParseStatus(s string) (Status, error) { return statusNames.parse(s) }

// MarshalText implements encoding.TextMarshaler.
func (s Status) MarshalText() ([]byte, error) { return statusNames.marshal(s) }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Status) UnmarshalText(b []byte) error { return statusNames.unmarshal(s, b) }

// Restricted reports whether somebody said no, or said that the yes is over, as distinct from a yes that ran out.
func (s Status) Restricted() bool {
	return s == StatusRefused || s == StatusWithdrawn || s == StatusRevoked
}

// Record is the current state of one subject in one scope: a fold of every act that covers the scope.
// The zero value is the record of a scope in which nobody has acted.
type Record struct {
	Status Status

	// What the standing grant says; zero unless Status is StatusGranted (or StatusExpired by an act).
	Level      Level
	Confirmed  bool
	GrantedAt  time.Time
	ValidUntil time.Time // zero: until withdrawn
	ReviewAt   time.Time
	Disclosure DisclosureRef
	Evidenced  bool // the grant came with a reference to evidence
	Source     Source

	// RequestedAt is when a double opt-in was asked for that is still open; zero if none is.
	RequestedAt time.Time

	// RestrictedAt and RestrictedBy tell of the latest no, also when the person has given a yes since: some laws ask to
	// be left alone for a while even so. Under is that no as long as it stands: it outlasts a later request, which is
	// no yes, and ends with the grant that the person gives after it.
	RestrictedAt time.Time
	RestrictedBy Status
	Under        Status

	// Entry is the act that the status rests on; Conflict a grant that did not take effect and waits for review.
	Entry    uint64
	Conflict uint64

	// Version counts the acts folded; last is the place of the latest of them in the fold's order.
	Version int
	last    place
}

// At returns the record's status at the moment t: expiry is arithmetic, no entry needs to say it.
func (r Record) At(t time.Time) Status {
	if r.Status == StatusGranted && r.ranOut(t) {
		return StatusExpired
	}
	return r.Status
}

func (r Record) ranOut(t time.Time) bool { return !r.ValidUntil.IsZero() && !t.Before(r.ValidUntil) }

// Allows reports whether the record alone, without any rule or suppression, permits contact at the moment t.
func (r Record) Allows(t time.Time) bool { return r.At(t) == StatusGranted }

// LastEffectiveAt is when the latest act folded into the record happened.
func (r Record) LastEffectiveAt() time.Time { return r.last.at }
