package httpapi

import (
	"encoding/json"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/rulebook"
)

// The types in this file are what crosses the wire in more than one resource. The OpenAPI document is emitted from
// them, so a tag "doc" is documentation that callers read.

// moment is an instant as answers write it; nil where there is none.
func moment(t time.Time) *ledger.Time {
	if t.IsZero() {
		return nil
	}
	m := ledger.Time(t)
	return &m
}

// zeroOr returns the instant, or the zero time for none.
func zeroOr(t *ledger.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return time.Time(*t)
}

// Record is what stands for one subject in one scope.
type Record struct {
	Brand   consent.BrandID   `json:"brand" doc:"The brand; * for a restriction that covers every brand." example:"default"`
	Purpose consent.PurposeID `json:"purpose" doc:"The purpose; * for a restriction that covers every purpose." example:"marketing"`
	Channel consent.Channel   `json:"channel" doc:"The channel; * for a restriction that covers every channel."`

	Status    consent.Status `json:"status" doc:"Where the record stands now, expiry included."`
	Level     consent.Level  `json:"level,omitzero" doc:"How strong the standing consent is."`
	Confirmed bool           `json:"confirmed" doc:"Whether the consent was confirmed (double opt-in)."`
	Source    consent.Source `json:"source,omitzero" doc:"Where the act that the status rests on came from."`

	GrantedAt    *ledger.Time `json:"granted_at,omitempty" doc:"When the standing consent was given."`
	ValidUntil   *ledger.Time `json:"valid_until,omitempty" doc:"When it runs out; absent: it stands until withdrawn."`
	ReviewAt     *ledger.Time `json:"review_at,omitempty" doc:"When the operator wants it looked at again."`
	RequestedAt  *ledger.Time `json:"requested_at,omitempty" doc:"When a confirmation was asked for that is still open."`
	RestrictedAt *ledger.Time `json:"restricted_at,omitempty" doc:"When the latest no was said."`

	Disclosure string `json:"disclosure,omitempty" doc:"The wording that was shown, as id@version." example:"newsletter-sms@1"`
	Entry      uint64 `json:"entry" doc:"The ledger entry that the status rests on."`
	Conflict   uint64 `json:"conflict,omitempty" doc:"The entry of a grant that did not take effect and waits for review."`
	Version    int    `json:"version" doc:"How many acts were folded into the record."`
}

func recordOf(s consent.Scope, r consent.Record, now time.Time) Record {
	out := Record{
		Brand: s.Brand, Purpose: s.Purpose, Channel: s.Channel,
		Status: r.At(now), Level: r.Level, Confirmed: r.Confirmed, Source: r.Source,
		GrantedAt: moment(r.GrantedAt), ValidUntil: moment(r.ValidUntil), ReviewAt: moment(r.ReviewAt),
		RequestedAt: moment(r.RequestedAt), RestrictedAt: moment(r.RestrictedAt),
		Disclosure: ledger.FormatDisclosure(r.Disclosure), Entry: r.Entry, Conflict: r.Conflict, Version: r.Version,
	}
	return out
}

// Question is what a check asks.
type Question struct {
	Number      string            `json:"number" doc:"The number, with a plus sign and the country code." example:"+12025550123"`
	Brand       consent.BrandID   `json:"brand,omitempty" doc:"On whose behalf; absent: default." example:"default"`
	Purpose     consent.PurposeID `json:"purpose" doc:"What the contact is for." example:"marketing"`
	Channel     askedChannel      `json:"channel" doc:"The means of contact."`
	At          *ledger.Time      `json:"at,omitempty" doc:"The moment asked about; absent: now."`
	KnownAt     *ledger.Time      `json:"known_at,omitempty" doc:"Answer on what was known at this moment; absent: now."`
	MinRevision uint64            `json:"min_revision,omitempty" doc:"Wait until the node has seen this entry, or answer 412."`
	About       *About            `json:"about,omitempty" doc:"What is known of the contact, for the rules: it may lift some and add others."`
	Explain     bool              `json:"explain,omitempty" doc:"Add every gate, also those that were passed."`
	Reserve     bool              `json:"reserve,omitempty" doc:"Count the contact at once, if it is allowed, so that caps hold; then confirm or release it."`
	Receipt     bool              `json:"receipt,omitempty" doc:"Add a signed statement that can be verified offline."`
}

// Verdict is the answer to a question.
type Verdict struct {
	Verdict            string          `json:"verdict" enum:"allow,deny,defer" doc:"The answer. A defer is a deny that ends by itself at next_allowed_at."`
	Reasons            []Reason        `json:"reasons" doc:"The gates that failed, the first of which decided; of an allow, what it rests on."`
	ReasonsOmitted     int             `json:"reasons_omitted,omitempty" doc:"How many more reasons there are."`
	Obligations        []Rule          `json:"obligations,omitempty" doc:"The rules that bind whoever acts on an allow."`
	ObligationsOmitted int             `json:"obligations_omitted,omitempty" doc:"How many more obligations there are."`
	Place              *Place          `json:"place,omitempty" doc:"Where the rules took the person to be, and by what; absent without rules."`
	Packs              []PackVersion   `json:"packs,omitempty" doc:"The packs of rules that were judged by, with their versions."`
	Verified           *bool           `json:"verified,omitempty" doc:"Whether the text of every rule that took part was read in its source. Rules that were not hold all the same; none is legal advice."`
	Record             *VerdictRecord  `json:"record" doc:"The record in the scope; null if there is none."`
	NextAllowedAt      *ledger.Time    `json:"next_allowed_at" nullable:"true" doc:"Of a defer: the earliest moment that every rule admits."`
	ChangesAt          *ledger.Time    `json:"changes_at" nullable:"true" doc:"When time alone would change the answer."`
	UseWithinMS        int64           `json:"use_within_ms" doc:"Of an allow: how many milliseconds after the question was sent it may be used."`
	Revision           uint64          `json:"revision" doc:"Every entry up to this one has taken part."`
	CheckedAt          ledger.Time     `json:"checked_at" doc:"When the question was answered."`
	Reservation        string          `json:"reservation,omitempty" doc:"The contact that was counted, if that was asked for; confirm or release it under /v1/attempts."`
	Past               *PastJSON       `json:"past,omitempty" doc:"Of a verdict about the past: on what it rests."`
	Gates              []rulebook.Gate `json:"gates,omitempty" doc:"Every gate, if that was asked for, in the order in which they were judged: those of the record first, then the rules."`
	Receipt            *ReceiptJSON    `json:"receipt,omitempty" doc:"The signed statement, if it was asked for."`
}

// Place is where the rules took the person to be: every region and time zone that may apply was combined.
type Place struct {
	Regions  []string `json:"regions" doc:"The regions, ISO 3166." example:"US-DC"`
	Zones    []string `json:"time_zones" doc:"The time zones; windows must be open in all." example:"America/New_York"`
	Evidence []string `json:"evidence" doc:"By what they were found: number_prefix, vague_number, address_region, address_zones, zones_narrowed, dispatcher_clock, several_regions, several_zones." example:"number_prefix"`
	Facts    []string `json:"facts,omitempty" doc:"What was told of the contact, or declared by the operator, and taken for true." example:"contract_in_force"`
}

// PackVersion names a pack of rules and the day on which its facts were last looked at.
type PackVersion struct {
	Pack    string `json:"pack" doc:"The pack's name." example:"us"`
	Version string `json:"version" format:"date" doc:"The day on which its facts were last looked at."`
}

// Reason is one gate that failed, or what an allow rests on.
type Reason struct {
	Code     reasonCode `json:"code" doc:"The stable code."`
	Text     string     `json:"text" doc:"The code in a sentence."`
	Rule     string     `json:"rule,omitempty" doc:"The rule that failed or exempted."`
	Citation string     `json:"citation,omitempty" doc:"What the rule is taken from."`
	RuleSource
	List  string `json:"list,omitempty" doc:"The suppression list."`
	Entry uint64 `json:"entry,omitempty" doc:"The ledger entry that it rests on."`
}

// Rule is a rule by which a verdict was reached.
type Rule struct {
	Rule     string `json:"rule" doc:"The rule's id."`
	Citation string `json:"citation,omitempty" doc:"What the rule is taken from."`
	RuleSource
}

// RuleSource is what a rule asks and where it comes from.
type RuleSource struct {
	Requires    string `json:"requires,omitempty" doc:"What the rule asks, in words."`
	Pack        string `json:"pack,omitempty" doc:"The pack that holds the rule; operator for what was entered here."`
	PackVersion string `json:"pack_version,omitempty" doc:"The day on which the facts of the pack were last looked at."`
	Verified    *bool  `json:"verified,omitempty" doc:"Whether the rule's text was read in its source. A rule that was not holds all the same."`
}

// VerdictRecord is what a verdict says of the record.
type VerdictRecord struct {
	_          struct{}       `nullable:"true"`
	Status     consent.Status `json:"status" doc:"Where the record stood at the moment asked about."`
	Level      levelOrNone    `json:"level" doc:"How strong the consent is; empty without one."`
	Confirmed  bool           `json:"confirmed" doc:"Whether the consent was confirmed."`
	GrantedAt  *ledger.Time   `json:"granted_at" nullable:"true" doc:"When the consent was given."`
	ValidUntil *ledger.Time   `json:"valid_until" nullable:"true" doc:"When it runs out."`
	Entry      uint64         `json:"entry" doc:"The ledger entry that the status rests on."`
}

// VerdictJSON is a verdict as check.AppendJSON has written it.
type VerdictJSON json.RawMessage

// MarshalJSON returns the verdict as it is.
func (v VerdictJSON) MarshalJSON() ([]byte, error) { return v, nil }

// ReceiptJSON is a receipt as package verify writes it.
type ReceiptJSON json.RawMessage

// MarshalJSON returns the receipt as it is.
func (r ReceiptJSON) MarshalJSON() ([]byte, error) { return r, nil }

// CheckBatch is many questions at once.
type CheckBatch struct {
	Items []CheckItem `json:"items" maxItems:"10000" doc:"Up to 10,000 questions; stream more as application/x-ndjson."`
}

// CheckItem is a question with the caller's name for it.
type CheckItem struct {
	CorrelationID string `json:"correlation_id,omitempty" doc:"The caller's name for the question; absent: its index."`
	Question
}

// CheckBatchAnswer is what became of many questions, in their order.
type CheckBatchAnswer struct {
	Items []CheckAnswer `json:"items" doc:"One answer for each question, in their order."`
}

// CheckAnswer is a verdict, or why the question could not be answered.
type CheckAnswer struct {
	CorrelationID string `json:"correlation_id" doc:"The caller's name for the question."`
	*Verdict
	Problem *Problem `json:"problem,omitempty" doc:"Why there is no verdict."`
}

// Schema lets huma describe an answer whose verdict may be missing, and with it all that belongs to a verdict.
func (CheckAnswer) Schema(r huma.Registry) *huma.Schema {
	type withVerdict struct {
		CorrelationID string `json:"correlation_id" doc:"The caller's name for the question."`
		Verdict
		Problem *Problem `json:"problem,omitempty" doc:"Why there is no verdict."`
	}
	s := huma.SchemaFromType(r, reflect.TypeFor[withVerdict]())
	s.Required = []string{"correlation_id"}
	return s
}
