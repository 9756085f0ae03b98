package policy

import (
	"fmt"
	"slices"
	"strings"
)

// words is the one table between an enumeration and the words that packs and verdicts use for it.
type words[E ~uint8] []string

func (w words[E]) name(e E) string {
	if int(e) < len(w) {
		return w[e]
	}
	return fmt.Sprintf("unknown(%d)", uint8(e))
}

func (w words[E]) parse(s string) (E, error) {
	if i := slices.Index(w, s); i >= 0 && s != "" {
		return E(i), nil
	}
	return 0, fmt.Errorf("unknown word %q: want one of %s", s, strings.Join(w.known(), ", "))
}

// known lists the words, without the empty one that some enumerations begin with.
func (w words[E]) known() []string {
	return slices.DeleteFunc(slices.Clone(w), func(s string) bool { return s == "" })
}

// Outcome is what a judgement comes to; the zero value denies.
type Outcome uint8

// The outcomes. Defer means that only time stands in the way: the same contact is allowed at NextAllowedAt.
const (
	Deny Outcome = iota
	Allow
	Defer
)

var outcomeWords = words[Outcome]{"deny", "allow", "defer"}

// String returns the word that verdicts use.
func (o Outcome) String() string { return outcomeWords.name(o) }

// Code says which gate failed, or why an allow needed no consent.
type Code uint8

// The codes of failed gates; [Codes] explains each. Exempt alone belongs to an allow.
const (
	NoCode Code = iota
	LevelTooLow
	NotConfirmed
	OutsideWindow
	Holiday
	CapReached
	CoolDown
	RegistryStale
	RegistryListed
	ExpiredByRule
	Banned
	NoRule
	Objected
	Exempt
)

var codeWords = words[Code]{
	"", "level_too_low", "not_confirmed", "outside_window", "holiday", "cap_reached", "cool_down", "registry_stale",
	"registry_listed", "expired_by_rule", "banned", "no_rule", "objected", "exempt",
}

// String returns the stable word that verdicts, the API and the console use for the code.
func (c Code) String() string { return codeWords.name(c) }

// Meaning explains one code to people: what failed, and what would clear it.
type Meaning struct {
	Code   Code
	Text   string
	Remedy string
}

// Codes lists every code with its exact meaning and remedy, in the order of the codes.
var Codes = []Meaning{
	{LevelTooLow, "The standing consent is absent, ended or weaker than the level that the rule asks for.", "Obtain a consent of the level that the rule names."},
	{NotConfirmed, "The rule asks for a consent confirmed by double opt-in, and this one was not.", "Send the confirmation request and wait for its answer."},
	{OutsideWindow, "In at least one time zone where the person may be, now is outside the hours of the rule.", "Send at next_allowed_at, or record where the person is."},
	{Holiday, "In at least one time zone where the person may be, today is a holiday on which the rule forbids contact at this hour.", "Send at next_allowed_at."},
	{CapReached, "As many contacts as the rule allows in its period were made or tried already.", "Wait until next_allowed_at; a cap for life has none."},
	{CoolDown, "The rule's waiting time since a refusal, withdrawal or conversation is not over.", "Wait until next_allowed_at, or for a new act of the person where the rule says so."},
	{RegistryStale, "The registry was never asked about this number, or its answer is older than the rule allows.", "Scrub the number against the registry."},
	{RegistryListed, "The registry lists the number and nothing that the rule accepts lifts that.", "Do not contact, unless the person gives the consent that the rule names."},
	{ExpiredByRule, "The consent stands in the record, but the rule's time limit for such a consent is over.", "Ask the person to renew."},
	{Banned, "The rule, the platform or a ban entered by an operator forbids this contact altogether here and now.", "Use another channel, or wait for the end of the ban where it has one."},
	{NoRule, "No rule says that this may be done: the jurisdiction is unknown or silent on this channel and class.", "Add a pack for the jurisdiction."},
	{Objected, "The person refused or withdrew, or the consent was revoked; no rule lifts that.", "Only a new act of the person does."},
	{Exempt, "Allowed without consent: the applicable rules ask for none, or only that the person has not objected.", ""},
}

// Kind is what a rule speaks about.
type Kind uint8

// The kinds of rule. The first group is judged at every contact, the second tells what else must be done.
const (
	NoKind Kind = iota
	KindExpiry
	KindConsent
	KindConfirmed
	KindBan
	KindHours
	KindCap
	KindCoolDown
	KindRegistry
	KindConfirmation

	KindDisclosure
	KindDuty
	KindOptOut
	KindRetention
)

var kindWords = words[Kind]{
	"", "expiry", "consent", "double_opt_in", "ban", "hours", "cap", "cool_down", "registry", "confirmation",
	"disclosure", "duty", "opt_out", "retention",
}

// String returns the key under which packs state a rule of this kind.
func (k Kind) String() string { return kindWords.name(k) }

// Need is the least that a rule asks of the standing consent, weakest first.
type Need uint8

// The needs. NeedNothing exempts; NeedNoObjection is an opt-out regime; the others are consent.Level's steps.
const (
	NeedNothing Need = iota
	NeedNoObjection
	NeedImplied
	NeedSoftOptIn
	NeedExpress
	NeedExpressWritten
)

var needWords = words[Need]{"none", "no_objection", "implied", "soft_opt_in", "express", "express_written"}

// String returns the word that packs use.
func (n Need) String() string { return needWords.name(n) }

// Contact is what the message or call is for in the life of a consent.
type Contact uint8

// The contacts: an ordinary one, a request to give or confirm consent, and the one that confirms an opt-out.
const (
	Ordinary Contact = iota
	ConsentRequest
	OptOutConfirmation

	contacts = 3
)

var contactWords = words[Contact]{"ordinary", "consent_request", "opt_out_confirmation"}

// String returns the word that packs use.
func (c Contact) String() string { return contactWords.name(c) }

// Line is the kind of line behind a number, as far as rules distinguish it.
type Line uint8

// The lines; UnknownLine satisfies no condition that would lift a rule.
const (
	UnknownLine Line = iota
	Fixed
	Mobile
)

var lineWords = words[Line]{"", "fixed", "mobile"}

// Sender is the kind of identity that the message comes from, as far as rules distinguish it.
type Sender uint8

// The senders; rules for one kind of sender do not apply to an unknown one.
const (
	UnknownSender Sender = iota
	LongCode
	ShortCode
	TollFree
	Alphanumeric
)

var senderWords = words[Sender]{"", "long_code", "short_code", "toll_free", "alphanumeric"}

// Sector is the trade of what is offered, where a rule singles it out; an undeclared sector is none of them.
type Sector uint8

// The sectors that rules name.
const (
	NoSector Sector = iota
	Energy
	Telecoms
	Pensions
	ClaimsManagement
	Finance
)

var sectorWords = words[Sector]{"", "energy", "telecoms", "pensions", "claims_management", "finance"}

// Fact is something true of the person, the consent or the contact that lifts or triggers a rule.
type Fact uint16

// The facts. Each is a claim of the caller, who must be able to show it; none is assumed.
const (
	ContractInForce   Fact = 1 << iota // a contract with the person is in force and the contact concerns it
	HoursAgreed                        // the person agreed in provable form to contact at other hours
	OwnInquiry                         // the contact answers an inquiry that the person made
	ThirdPartyConsent                  // the consent was obtained by somebody else and passed on
	PeriodStated                       // the consent itself stated how long it holds
	Customer                           // the person bought from the brand, and this is about similar products
	FreeHealthMessage                  // free to the person, under the US health care exemption
	FreeFraudAlert                     // free to the person, under the US bank exemption
	ExplicitRequest                    // the person asked for this very contact
	Charity                            // the brand is a charity or a charity lottery
	Press                              // the contact is about a subscription to a newspaper or magazine
)

var factWords = []string{
	"contract_in_force", "hours_agreed", "own_inquiry", "third_party_consent", "period_stated", "customer",
	"free_health_message", "free_fraud_alert", "explicit_request", "charity", "press",
}

func parseFact(s string) (Fact, error) {
	if i := slices.Index(factWords, s); i >= 0 {
		return Fact(1) << i, nil
	}
	return 0, fmt.Errorf("unknown fact %q: want one of %s", s, strings.Join(factWords, ", "))
}
