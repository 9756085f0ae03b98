package check

import (
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/policy"
)

// Question asks whether a brand may contact a number. The slices are only read, and not kept after the answer.
type Question struct {
	Number  phone.Number
	Brand   []byte
	Purpose []byte
	Channel consent.Channel
	At      time.Time // zero: now

	// About tells the rules what is known of the contact beside the number, such as the sender and where the person is;
	// nil: nothing is known. It is only read.
	About *policy.Circumstances
}

// Outcome is the word that a verdict comes down to. The zero value denies.
type Outcome uint8

// The outcomes. Defer is a deny that ends by itself at NextAllowedAt.
const (
	Deny Outcome = iota
	Allow
	Defer
)

// String returns the name that the API uses.
func (o Outcome) String() string {
	switch o {
	case Allow:
		return "allow"
	case Defer:
		return "defer"
	}
	return "deny"
}

// MaxReasons is how many reasons a verdict can list; what finds no room is counted in Omitted.
const MaxReasons = 12

// RuleIndex names a rule within the rules that judged; zero is none.
type RuleIndex uint16

// Reason is one failed gate, or in an allow, what it rests on.
type Reason struct {
	Code  Code
	Rule  RuleIndex // the rule that failed or exempted
	List  *List     // the suppression list, nil for none
	Entry uint64    // the ledger entry it rests on, zero for none
}

// Verdict is the answer to a question. The zero value denies.
type Verdict struct {
	Outcome Outcome

	// Status is the record's at the moment asked about; Record is what the index holds, if Recorded.
	Status   consent.Status
	Recorded bool
	Record   State

	At            time.Time // the moment asked about
	CheckedAt     time.Time
	NextAllowedAt time.Time     // of a defer: the earliest moment that every rule admits
	ChangesAt     time.Time     // when time alone would change the outcome; zero if it would not
	UseWithin     time.Duration // of an allow: counted from the moment at which the question was sent
	Revision      uint64        // every entry up to this one has taken part

	// Omitted counts the reasons that found no room.
	Omitted int

	count       uint8
	obligations uint8
	hard        bool // some reason is not lifted by waiting
	reasons     [MaxReasons]Reason
	obliged     [maxObliged]RuleIndex

	// ObligationsOmitted counts the obligations that found no room.
	ObligationsOmitted int

	Place Place
}

// Reasons returns the failed gates in order, the first of which decided; of an allow, what it rests on.
func (v *Verdict) Reasons() []Reason { return v.reasons[:v.count] }

// Code returns the code of the reason that decided.
func (v *Verdict) Code() Code { return v.reasons[0].Code }

// Obligations returns the rules that bind whoever acts on an allow.
func (v *Verdict) Obligations() []RuleIndex { return v.obliged[:v.obligations] }

func (v *Verdict) note(r Reason) {
	if v.count == MaxReasons {
		v.Omitted++
		return
	}
	v.reasons[v.count] = r
	v.count++
}

// fail notes a failed gate that waiting does not lift.
func (v *Verdict) fail(r Reason) {
	v.hard = true
	v.note(r)
}

// The most failures and the most obligations that the rules can report for one question.
const (
	maxJudged  = 8
	maxObliged = 48
)

// Case is what the rules judge: the question with At set, and the record as it stands at that moment.
type Case struct {
	Question
	Class    consent.Class // NoClass when the purpose is unknown
	Status   consent.Status
	Recorded bool
	Record   State

	Registries policy.RegistryAnswers // what the lists say that are copies of registries
}

// Asking are rules that ask registries. A list that is the copy of one speaks through the rule that asks it.
type Asking interface {
	// Asks reports whether some rule asks the registry. It must not block, and is asked at each check.
	Asks(registry string) bool
}

// Rules are the last gate. Judge must not allocate, must not keep the slices of the question, and must report every
// rule that fails. It must not repeat the failure of a missing yes, which the record gate reports.
type Rules interface {
	Judge(Case) Judgement
}

// Failure is one rule that does not admit the contact. Defers says that it will at the judgement's NextAllowedAt.
type Failure struct {
	Code   Code
	Rule   RuleIndex
	Defers bool
}

// Judgement is what the rules say of a case. The zero value has no objection.
type Judgement struct {
	// Exempt is a rule that allows contact without a yes: it excuses silence, never a no.
	Exempt RuleIndex

	NextAllowedAt time.Time // when all failures that defer have passed
	ChangesAt     time.Time // when the rules would judge otherwise; zero for unknown

	failures    [maxJudged]Failure
	count       int
	obliged     [maxObliged]RuleIndex
	obligations int

	// Omitted counts the obligations for which there was no room.
	Omitted int

	Place Place
}

// Fail adds a failure. When there is no more room, the last place keeps the one that does not defer.
func (j *Judgement) Fail(f Failure) {
	if j.count < maxJudged {
		j.failures[j.count] = f
		j.count++
		return
	}
	if !f.Defers {
		j.failures[maxJudged-1] = f
	}
}

// Oblige adds a rule that binds whoever acts on an allow; it reports whether there was room.
func (j *Judgement) Oblige(r RuleIndex) bool {
	if j.obligations == maxObliged {
		return false
	}
	j.obliged[j.obligations] = r
	j.obligations++
	return true
}
