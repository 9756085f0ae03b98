package consent

import "time"

// Kind is what somebody did.
type Kind uint8

// The kinds of act. Withdrawn is by the subject; Revoked by anybody else; Reassigned ends consent because the number
// has a new holder (47 CFR 64.1200(m)).
const (
	NoKind Kind = iota
	Requested
	Granted
	Refused
	Withdrawn
	Revoked
	Renewed
	Expired
	Reassigned
)

// Kinds lists every act.
var Kinds = []Kind{Requested, Granted, Refused, Withdrawn, Revoked, Renewed, Expired, Reassigned}

var kindNames = names[Kind]{"act", []string{"", "requested", "granted", "refused", "withdrawn", "revoked", "renewed", "expired", "reassigned"}}

// String returns the name that the API and the ledger use.
func (k Kind) String() string { return kindNames.name(k) }

// ParseKind reads an act's name.
func ParseKind(s string) (Kind, error) { return kindNames.parse(s) }

// MarshalText implements encoding.TextMarshaler.
func (k Kind) MarshalText() ([]byte, error) { return kindNames.marshal(k) }

// UnmarshalText implements encoding.TextUnmarshaler.
func (k *Kind) UnmarshalText(b []byte) error { return kindNames.unmarshal(k, b) }

// Restricts reports whether the act can turn an allow into a deny. Only such acts may carry wildcards in their scope.
func (k Kind) Restricts() bool {
	switch k {
	case Refused, Withdrawn, Revoked, Expired, Reassigned:
		return true
	}
	return false
}

// Grants reports whether the act can turn a deny into an allow.
func (k Kind) Grants() bool { return k == Granted || k == Renewed }

// Level is how strong a consent is; a stronger one satisfies a rule that asks for a weaker.
type Level uint8

// The levels, weakest first. ExpressWritten is 47 CFR 64.1200(f)(9); SoftOptIn is Directive 2002/58/EC art. 13(2).
const (
	NoLevel Level = iota
	Implied
	SoftOptIn
	Express
	ExpressWritten
)

var levelNames = names[Level]{"level", []string{"", "implied", "soft_opt_in", "express", "express_written"}}

// String returns the name that the API and the ledger use.
func (l Level) String() string { return levelNames.name(l) }

// ParseLevel reads a level's name.
func ParseLevel(s string) (Level, error) { return levelNames.parse(s) }

// MarshalText implements encoding.TextMarshaler.
func (l Level) MarshalText() ([]byte, error) { return levelNames.marshal(l) }

// UnmarshalText implements encoding.TextUnmarshaler.
func (l *Level) UnmarshalText(b []byte) error { return levelNames.unmarshal(l, b) }

// Source is where an act came from.
type Source uint8

// The sources.
const (
	NoSource Source = iota
	WebForm
	SMSKeyword
	SMSReply
	VoiceCall
	InPerson
	Paper
	PreferenceCentre
	Agent
	API
	Import
	Provider
	CRM
	System
)

// Sources lists every source.
var Sources = []Source{WebForm, SMSKeyword, SMSReply, VoiceCall, InPerson, Paper, PreferenceCentre, Agent, API, Import, Provider, CRM, System}

var sourceNames = names[Source]{"source", []string{
	"", "web_form", "sms_keyword", "sms_reply", "voice_call", "in_person", "paper", "preference_centre",
	"agent", "api", "import", "provider", "crm", "system",
}}

// String returns the name that the API and the ledger use.
func (s Source) String() string { return sourceNames.name(s) }

// ParseSource reads a source's name.
func ParseSource(s string) (Source, error) { return sourceNames.parse(s) }

// MarshalText implements encoding.TextMarshaler.
func (s Source) MarshalText() ([]byte, error) { return sourceNames.marshal(s) }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Source) UnmarshalText(b []byte) error { return sourceNames.unmarshal(s, b) }

// OfThePerson reports whether the source is a place where the person acted, or told a member of staff who wrote it down.
func (s Source) OfThePerson() bool { return s >= WebForm && s <= Agent }

// Via is the road by which an act reached the ledger, where that matters to what the act may do.
type Via uint8

// The roads. Live is a single call made as the act happens; the others carry acts that happened earlier, elsewhere.
const (
	Live Via = iota
	ViaBatch
	ViaImport
	ViaProvider
	ViaCRM
)

var viaNames = names[Via]{"via", []string{"", "batch", "import", "provider", "crm"}}

// String returns the name that the ledger uses; a live act has the empty name.
func (v Via) String() string { return viaNames.name(v) }

// MarshalText implements encoding.TextMarshaler.
func (v Via) MarshalText() ([]byte, error) { return viaNames.marshal(v) }

// UnmarshalText implements encoding.TextUnmarshaler.
func (v *Via) UnmarshalText(b []byte) error { return viaNames.unmarshal(v, b) }

// DisclosureRef names the exact wording that was shown: a disclosure and its frozen version.
type DisclosureRef struct {
	ID      string `json:"id"`
	Version int    `json:"version"`
}

// Act is one thing that somebody did about one scope. It is immutable once it stands in the ledger.
type Act struct {
	Kind  Kind
	Scope Scope

	// EffectiveAt is when it happened, RecordedAt when the ledger learned of it. Dated says that whoever reported it
	// gave EffectiveAt; otherwise it is RecordedAt.
	EffectiveAt time.Time
	RecordedAt  time.Time
	Dated       bool

	Level     Level
	Confirmed bool // double opt-in was completed
	Source    Source
	Via       Via
	Method    string // how within the source: "checkbox", "keyword JOIN", "verbal" …

	ValidUntil time.Time // zero: until withdrawn
	ReviewAt   time.Time // zero: never

	Disclosure DisclosureRef
	Evidence   string // reference to an artefact: "sha256:…", a URL, or a certificate's id

	// Seq is the act's place in the ledger. Entries are numbered from 1.
	Seq uint64
}
