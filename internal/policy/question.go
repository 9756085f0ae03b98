package policy

import (
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/phone"
)

// Question asks whether one contact may be made at one moment. Only Number, Channel, Class and At are required;
// whatever else is left out is unknown, and what is unknown lifts no rule.
type Question struct {
	Number  phone.Number
	Channel consent.Channel
	Class   consent.Class
	At      time.Time
	Brand   uint32 // what caps count by, unique to the caller
	Seller  []byte // the brand's own name, by which registries are asked and declarations hold; only read
	Purpose []byte // the purpose's own name, likewise

	Circumstances

	// What the record says of consent in this scope.
	Status       consent.Status
	Level        consent.Level
	Confirmed    bool
	GrantedAt    time.Time
	RestrictedAt time.Time      // the latest refusal, withdrawal or revocation, even if a grant followed
	RestrictedBy consent.Status // which of them it was; None where that is not known

	Attempts   AttemptCounter
	Registries RegistryAnswers
	Switches   Switches // to be taken as relaxed, beside those that the operator relaxed
}

// DispatchZone is the zone in which a message leaves, as [Rules.DispatchZone] resolves it; zero is unknown.
type DispatchZone uint16

// DispatchZone resolves an IANA zone for use in questions, false if there is none of that name.
func (r *Rules) DispatchZone(name string) (DispatchZone, bool) {
	id, known := r.findZone(name)
	return DispatchZone(id + 1), known
}

// CapKey is what one cap counts: which contacts, with whom, by what key. Fields that the key leaves out are zero.
type CapKey struct {
	Number   phone.Number
	By       CapBy
	Counts   Counted
	Channels uint8 // bit 1<<consent.Channel
	Classes  uint8 // bit 1<<consent.Class
	Brand    uint32
	Matter   uint64 // zero: unknown, so that contacts on any matter count; likewise Event
	Event    uint64
	Until    int64 // the moment asked about, in Unix seconds: contacts after it do not count
}

// AttemptCounter knows the contacts made before. It must not keep the key, and must not block.
type AttemptCounter interface {
	// NthLatest returns the Unix second of the nth latest contact that the key counts, false if there are fewer.
	NthLatest(key CapKey, n int) (at int64, found bool)
}

// RegistryKey asks one registry about one number, on behalf of a brand.
type RegistryKey struct {
	Registry string // as packs name it, such as us.ndnc
	Number   phone.Number
	Brand    []byte // only read
	At       int64  // the moment asked about, in Unix seconds
}

// RegistryAnswers knows what registries answered about a number. It must not keep the key, and must not block.
type RegistryAnswers interface {
	// Answer returns the latest answer, and the Unix second at which the registry's data was current; an answer that
	// was never obtained has the zero time.
	Answer(RegistryKey) (listed bool, at int64)
}

// RegistryID names a registry within one compiled [Rules], as its place in [Rules.Registries].
type RegistryID uint16

// Registries lists the registries that rules ask about, by their RegistryID.
func (r *Rules) Registries() []RegistryTerm { return r.registry }

// Failure is one gate that did not pass.
type Failure struct {
	Rule RuleIndex // NoRuleIndex for no_rule
	Code Code
}

// The most failures and obligations that a judgement names; the first failure decides, so that none is lost that matters.
const (
	maxFailures    = 16
	maxObligations = 48
)

// Judgement is the answer to a question. It holds no pointers, so that it may be kept and reused.
type Judgement struct {
	Outcome  Outcome
	Code     Code      // of the first failed gate; Exempt, or NoCode where a consent carries the allow
	Rule     RuleIndex // of the first failed gate, or the one that exempts
	Evidence Evidence

	// Exempting is the rule by which no consent is needed, or by which an opt-out may be confirmed, also where another
	// gate failed; NoRuleIndex where there is none.
	Exempting RuleIndex

	// Where is what the judgement combined, as [Rules.Where] tells it, and Facts what was told and declared of the contact.
	Where Where
	Facts Fact
	// Unverified says that some rule took part whose text was not read in its source.
	Unverified bool

	// NextAllowedAt is the earliest moment that every window, cap, cool-down and ban admits, in Unix seconds. It is
	// set for a defer alone; where no moment of the next 60 days is open on all clocks, there is none.
	NextAllowedAt int64
	// ChangesAt is the moment until which this answer holds if nobody acts, in Unix seconds; zero: no such moment.
	ChangesAt int64

	failed      [maxFailures]Failure
	obligations [maxObligations]RuleIndex
	failures    uint8
	duties      uint8
	More        bool // more failed, or more is due, than there was room for
}

// Failed lists the gates that did not pass, the deciding one first.
func (j *Judgement) Failed() []Failure { return j.failed[:j.failures] }

// Obligations lists the rules that say what must accompany the contact: disclosures, duties, conditions, reviews.
func (j *Judgement) Obligations() []RuleIndex { return j.obligations[:j.duties] }

func (j *Judgement) fail(rule RuleIndex, code Code) {
	if int(j.failures) == maxFailures {
		j.More = true
		return
	}
	j.failed[j.failures] = Failure{rule, code}
	j.failures++
}

func (j *Judgement) oblige(rule RuleIndex) {
	if int(j.duties) == maxObligations {
		j.More = true
		return
	}
	j.obligations[j.duties] = rule
	j.duties++
}

// Rule returns the rule of an index, nil for [NoRuleIndex].
func (r *Rules) Rule(i RuleIndex) *Rule {
	if int(i) >= len(r.rules) {
		return nil
	}
	return r.rules[i]
}

// RuleByID returns the rule of the id as its pack states it, nil if there is none.
func (r *Rules) RuleByID(id string) *Rule {
	i, known := r.byID[id]
	if !known {
		return nil
	}
	return r.rules[i]
}

// All lists every rule, those made by the operator's changes last.
func (r *Rules) All() []*Rule { return r.rules }

// Changed reports whether the operator made the rule, or this form of it.
func (r *Rules) Changed(i RuleIndex) bool {
	rule := r.Rule(i)
	return rule != nil && (rule.Pack == operatorPack || r.byID[rule.ID] != i)
}

// Packs lists the packs that the rules were compiled from.
func (r *Rules) Packs() []*Pack { return r.packs }
