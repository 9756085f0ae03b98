package policy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/consentline/consentline/internal/consent"
)

// Rule is one statement of a law, code, platform or default, with what it rests on and when it holds.
type Rule struct {
	ID       string
	Pack     string
	Kind     Kind
	Citation string
	Source   string // URL of the text that was read
	Verified bool   // the source was read and states or names the rule
	Note     string

	// The rule holds from the midnight that begins EffectiveFrom until the midnight that begins EffectiveUntil, in
	// the zone of its pack; days since 1970-01-01.
	EffectiveFrom, EffectiveUntil int64
	HasFrom, HasUntil             bool

	Channels []consent.Channel // empty: every channel
	Classes  []consent.Class   // empty: every class
	Contacts []Contact         // empty: what is usual for the kind
	Sectors  []Sector          // empty: every sector
	Senders  []Sender          // empty: every sender
	Fallback bool              // holds only where the jurisdiction has no rule of its own of this kind

	When   *Condition  // the rule speaks only where this holds
	Unless []Condition // any of these lifts the rule

	Consent      *ConsentTerm
	Confirmed    *ConfirmedTerm
	Hours        *Hours
	Cap          *CapTerm
	CoolDown     *CoolDownTerm
	Registry     *RegistryTerm
	Expiry       *ExpiryTerm
	Confirmation *ConfirmationTerm
	Ban          *BanTerm
	Disclosure   *DisclosureTerm
	Duty         *DutyTerm
	OptOut       *OptOutTerm
	Retention    *RetentionTerm

	file string
	line int
}

// interval is a half-open stretch of Unix seconds.
type interval struct{ from, until int64 }

// Condition is a conjunction: all the parts that are set must hold. What is not known does not hold.
type Condition struct {
	Consent        Need // the standing consent is at least this strong
	Confirmed      bool
	Pending        bool // the person began an opt-in that awaits confirmation
	NewGrant       bool // the person granted consent after the latest restriction
	Facts          Fact
	PurchaseWithin *Period
	InquiryWithin  *Period
	InboundWithin  *Period // the person wrote or called within this time
	Line           Line
	Regions        []string // every region where the person may be is one of these
	Switch         string   // the operator has relaxed this contested point
}

// ConsentTerm is the least consent a contact needs, and what must be true of a soft opt-in to count as one.
type ConsentTerm struct {
	Requires   Need
	Conditions []string
}

// ConfirmedTerm asks for double opt-in; if it is not required, it is an obligation to consider.
type ConfirmedTerm struct{ Required bool }

// Per is the period of a cap: a rolling length of time, a calendar unit of the person's local time, or life.
type Per uint8

// The periods of caps; weeks begin on Monday.
const (
	Rolling Per = iota
	CalendarDay
	CalendarWeek
	CalendarMonth
)

var perWords = words[Per]{"", "day", "week", "month"}

// CapBy is what attempts are counted by, beside the number that was contacted.
type CapBy uint8

// The keys of caps: the person alone, with the subject matter, with the brand, or the event that it is about.
const (
	BySubject CapBy = iota + 1
	BySubjectMatter
	BySubjectBrand
	ByEvent
)

var capByWords = words[CapBy]{"", "subject", "subject_matter", "subject_brand", "event"}

// Counted is which contacts a cap counts.
type Counted uint8

// What caps count: every attempt, those that reached nobody, those that reached somebody, requests for consent, or
// confirmations of an opt-out.
const (
	Attempts Counted = iota + 1
	Unanswered
	Conversations
	Requests
	Confirmations
)

var countedWords = words[Counted]{"", "attempts", "unanswered", "conversations", "requests", "confirmations"}

// CapTerm allows at most Max contacts per period and key.
type CapTerm struct {
	Max    int
	Per    Per
	Window Period // for Rolling
	By     CapBy
	Counts Counted
}

// After is what starts a cool-down.
type After uint8

// The starts of a cool-down: any restriction, a refusal, a withdrawal, or a conversation held.
const (
	AfterRestriction After = iota + 1
	AfterRefusal
	AfterWithdrawal
	AfterConversation
)

var afterWords = words[After]{"", "restriction", "refusal", "withdrawal", "conversation"}

// CoolDownTerm forbids contact for a time after something happened.
type CoolDownTerm struct {
	After After
	Wait  Period
}

// RegistryTerm asks that a list kept by others be clear of the number, by an answer no older than MaxAge.
type RegistryTerm struct {
	ID        string
	Name      string
	About     string
	MaxAge    Period
	Voluntary bool // an absent or old answer is an obligation and no denial; a listing denies all the same
}

// ExpiryTerm ends consents of the levels after a time, or asks for a review then.
type ExpiryTerm struct {
	Levels []Need
	After  Period
	From   Start
	Review bool
}

// Start is the moment an expiry counts from; where it is not known, the grant counts.
type Start uint8

// The starts of expiry.
const (
	FromGrant Start = iota
	FromPurchase
	FromInquiry
	FromInbound
)

var startWords = words[Start]{"grant", "purchase", "inquiry", "inbound"}

// ConfirmationTerm allows messages that confirm an opt-out: how many, and until when after it.
type ConfirmationTerm struct {
	Max    int
	Within Period
}

// BanTerm forbids the contact.
type BanTerm struct{ Text string }

// DisclosureTerm lists what a text must say at a moment in the life of a consent.
type DisclosureTerm struct {
	Moment Moment
	Items  []string
}

// Moment is when a disclosure is due.
type Moment uint8

// The moments of disclosure.
const (
	AtConsentRequest Moment = iota + 1
	AtCollection
	InFirstMessage
	InMessage
	AtCallStart
)

var momentWords = words[Moment]{"", "consent_request", "collection", "first_message", "message", "call_start"}

// DutyTerm is something that must be done or arranged and that no gate can see.
type DutyTerm struct {
	AtContact bool // it concerns each contact, and so stands among a verdict's obligations
	Text      string
}

// OptOutTerm says how fast an opt-out must be obeyed, for how long, and how it may be given.
type OptOutTerm struct {
	HasDeadline bool
	Deadline    Deadline
	Honour      *Period // nil: none found, so until a new consent
	Keywords    []string
	Means       string
	Mechanism   *Period // how long the way to opt out must work after a message
	Everything  bool    // a withdrawal from one thing ends contact by this brand on everything that needs consent
}

// Deadline is a time limit in days, business days or hours; zero is at once.
type Deadline struct {
	Count    int
	Business bool
	Hours    bool
}

func parseDeadline(s string) (Deadline, error) {
	if s == "immediate" {
		return Deadline{}, nil
	}
	count, unit, _ := strings.Cut(s, " ")
	n, err := strconv.Atoi(count)
	if err != nil || n < 1 || n > 400 {
		return Deadline{}, fmt.Errorf("%q is no deadline: want immediate, 10 business_days, 15 days or 24 hours", s)
	}
	switch unit {
	case "business_days":
		return Deadline{Count: n, Business: true}, nil
	case "days":
		return Deadline{Count: n}, nil
	case "hours":
		return Deadline{Count: n, Hours: true}, nil
	}
	return Deadline{}, fmt.Errorf("%q is no deadline: unknown unit %q", s, unit)
}

// hours is the least that the deadline can come to; business days count as days, which is never too long.
func (d Deadline) hours() int {
	if d.Hours {
		return d.Count
	}
	return d.Count * 24
}

// String returns the deadline as packs write it.
func (d Deadline) String() string {
	switch {
	case d.Count == 0:
		return "immediate"
	case d.Business:
		return fmt.Sprintf("%d business_days", d.Count)
	case d.Hours:
		return fmt.Sprintf("%d hours", d.Count)
	}
	return fmt.Sprintf("%d days", d.Count)
}

// RetentionTerm says how long a kind of record must be kept.
type RetentionTerm struct {
	Of            string
	For           Period
	From          string
	RestartsOnUse bool // each use of the consent starts the period again
}

var retentionOf = []string{"consent", "opt_out", "contact_log", "call_record"}

func (r *Rule) appliesTo(ch consent.Channel, cl consent.Class, c Contact) bool {
	if len(r.Channels) > 0 && !slices.Contains(r.Channels, ch) {
		return false
	}
	if len(r.Classes) > 0 && !slices.Contains(r.Classes, cl) {
		return false
	}
	if len(r.Contacts) > 0 {
		return slices.Contains(r.Contacts, c)
	}
	return usual(r.Kind, c)
}

// usual says which contacts a rule of the kind speaks about when it does not say so itself: asking for consent is
// held to the hours, caps and bans of an ordinary contact, but has consent rules of its own.
func usual(k Kind, c Contact) bool {
	switch k {
	case KindConfirmation:
		return c == OptOutConfirmation
	case KindConsent, KindConfirmed, KindExpiry:
		return c == Ordinary
	}
	return c == Ordinary || c == ConsentRequest
}
