// Package ledger keeps every act of consent, numbered, sealed and never rewritten, and the records that follow from
// them. Append is the one way in.
//
// Others may rely on this: what Append answered is on disk, and the observer (this node's index) has applied it;
// entries are numbered from 1 without gaps, in the order of their commits; the records in the database are the fold of
// the entries, written in the same transaction. It stores the tables ledger, subjects, scopes, records and seen. A
// crash at any moment leaves whole transactions only: an act that was not answered may be there or not, and the same
// idempotency key asks which.
package ledger

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/vault"
)

// SubjectID names the person reached at a number.
type SubjectID = vault.SubjectID

// Kind is what an entry is about. It stands in the public log, so it says nothing of persons.
type Kind byte

// The kinds of entry. Their numbers stand in Merkle leaves and never change.
const (
	KindAct         Kind = 1  // an act of consent about a subject
	KindDefinition  Kind = 2  // a brand, purpose, sender, disclosure or list was defined or changed
	KindSuppression Kind = 3  // members of a suppression list changed
	KindAccess      Kind = 4  // a key was made or revoked
	KindDenial      Kind = 5  // a call was refused
	KindDisclosed   Kind = 6  // personal data was exported or shown in full
	KindErasure     Kind = 7  // a subject's key was destroyed
	KindAttempt     Kind = 8  // a contact was made or tried
	KindOverride    Kind = 9  // an operator changed a rule
	KindRequest     Kind = 10 // a person asked for what is theirs, or that was seen to
)

var kindNames = map[Kind]string{
	KindAct: "act", KindDefinition: "definition", KindSuppression: "suppression", KindAccess: "access", KindDenial: "denial",
	KindDisclosed: "disclosed", KindErasure: "erasure", KindAttempt: "attempt", KindOverride: "override",
	KindRequest: "request",
}

func (k Kind) String() string {
	if name, ok := kindNames[k]; ok {
		return name
	}
	return fmt.Sprintf("kind(%d)", byte(k))
}

// Entry is one committed, numbered, immutable entry, opened.
type Entry struct {
	Seq        uint64
	RecordedAt time.Time
	Kind       Kind
	Subject    SubjectID    // zero when about no person
	Number     phone.Number // zero when about no person
	Body       Body

	// Sealed content: what the leaf's commitment was made from, and the commitment itself. Erased is true when the
	// subject's key is gone, so that nothing else of the entry can be read.
	Raw        []byte
	Commitment [32]byte
	Erased     bool
}

// Body is the content of an entry, as it is sealed. Its JSON is what the commitment in the log was made from, so a
// field, once used, keeps its name and meaning for ever.
type Body struct {
	Version int    `json:"v"`
	Salt    []byte `json:"salt"`

	// By is who was authenticated; Actor is whom they say acted.
	By    string `json:"by,omitempty"`
	Actor string `json:"actor,omitempty"`

	Act     consent.Kind      `json:"act,omitempty"`
	Brand   consent.BrandID   `json:"brand,omitempty"`
	Purpose consent.PurposeID `json:"purpose,omitempty"`
	Channel string            `json:"channel,omitempty"`

	Level       consent.Level  `json:"level,omitempty"`
	Confirmed   bool           `json:"confirmed,omitempty"`
	Source      consent.Source `json:"source,omitempty"`
	Via         consent.Via    `json:"via,omitempty"`
	Method      string         `json:"method,omitempty"`
	EffectiveAt *Time          `json:"effective_at,omitempty"` // absent: when it was recorded
	ValidUntil  *Time          `json:"valid_until,omitempty"`
	ReviewAt    *Time          `json:"review_at,omitempty"`

	Disclosure    string `json:"disclosure,omitempty"` // id@version
	Evidence      string `json:"evidence,omitempty"`
	EventID       string `json:"event_id,omitempty"`
	CorrelationID string `json:"correlation_id,omitempty"`

	// Detail is the content of an entry that is no act of consent.
	Detail json.RawMessage `json:"detail,omitempty"`
}

// bodyVersion is the version of Body that this program writes.
const bodyVersion = 1

// Time is an instant in whole microseconds, in JSON as RFC 3339 UTC.
type Time time.Time

// MarshalText implements encoding.TextMarshaler.
func (t Time) MarshalText() ([]byte, error) { return []byte(FormatTime(time.Time(t))), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (t *Time) UnmarshalText(b []byte) error {
	v, err := time.Parse(time.RFC3339Nano, string(b))
	if err != nil {
		return fmt.Errorf("time %q: want RFC 3339, such as 2026-03-01T14:03:00Z", b)
	}
	*t = Time(v.UTC().Truncate(time.Microsecond))
	return nil
}

// FormatTime writes an instant as the API and the ledger do: RFC 3339, UTC, no finer than a microsecond.
func FormatTime(t time.Time) string {
	return t.UTC().Truncate(time.Microsecond).Format(time.RFC3339Nano)
}

func optionalTime(t time.Time) *Time {
	if t.IsZero() {
		return nil
	}
	v := Time(t.UTC().Truncate(time.Microsecond))
	return &v
}

func (t *Time) orZero() time.Time {
	if t == nil {
		return time.Time{}
	}
	return time.Time(*t)
}

// Act returns the act of consent that the entry records; ok is false for other kinds and for erased entries.
func (e *Entry) Act() (act consent.Act, ok bool) {
	if e.Kind != KindAct || e.Erased {
		return consent.Act{}, false
	}
	return e.Body.act(e.Seq, e.RecordedAt), true
}

func (b *Body) act(seq uint64, recordedAt time.Time) consent.Act {
	channel, err := consent.ParseChannel(b.Channel)
	if err != nil {
		panic(fmt.Sprintf("entry %d holds channel %q", seq, b.Channel)) // Append wrote it from a Channel
	}
	ref, _ := ParseDisclosure(b.Disclosure)
	return consent.Act{
		Kind: b.Act, Scope: consent.Scope{Brand: b.Brand, Purpose: b.Purpose, Channel: channel},
		EffectiveAt: b.happened(recordedAt), RecordedAt: recordedAt, Dated: b.EffectiveAt != nil,
		Level: b.Level, Confirmed: b.Confirmed, Source: b.Source, Via: b.Via, Method: b.Method,
		ValidUntil: b.ValidUntil.orZero(), ReviewAt: b.ReviewAt.orZero(),
		Disclosure: ref, Evidence: b.Evidence, Seq: seq,
	}
}

// happened returns when the act took effect in the fold.
func (b *Body) happened(recordedAt time.Time) time.Time {
	return happened(consent.Act{Kind: b.Act, Via: b.Via, EffectiveAt: b.EffectiveAt.orZero(), Dated: b.EffectiveAt != nil}, recordedAt)
}

// slowClock is by how much the clock of whoever reports a no as it is said may be behind ours.
const slowClock = time.Minute

// happened returns when an act took effect: as it was told, but never later than it was recorded. A clock that is ahead
// of ours would otherwise date a yes after a no that is said before that moment comes. A no that is told live took
// effect when it was recorded, if it is dated just before: on a clock that is behind ours it would otherwise lose
// against the yes that it ends.
func happened(a consent.Act, recordedAt time.Time) time.Time {
	switch {
	case !a.Dated, a.EffectiveAt.After(recordedAt):
		return recordedAt
	case a.Kind.Restricts() && a.Via == consent.Live && recordedAt.Sub(a.EffectiveAt) < slowClock:
		return recordedAt
	}
	return a.EffectiveAt
}
