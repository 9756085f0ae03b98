package transfer

import (
	"time"

	"github.com/consentline/consentline/internal/consent"
)

// Row is one act that a file states, in the ledger's words. Number is as the file has it, cleaned of what spreadsheets
// put around it; whether it is a number at all is for the caller to find out.
type Row struct {
	Number string
	Region string // ISO 3166-1 alpha-2, for numbers without a country code; empty: unknown

	Brand   consent.BrandID
	Purpose consent.PurposeID
	Channel consent.Channel

	Act       consent.Kind
	Level     consent.Level
	Confirmed bool
	Source    consent.Source
	Method    string

	// EffectiveAt is zero when neither the file nor the caller dates the act. To take the present for a grant then
	// would let an old yes beat a later no.
	EffectiveAt time.Time
	// EffectiveEnd is the latest moment that the date can mean: of a date without a time of day the end of that day, else
	// EffectiveAt. A restriction counts from then, or it would lose to a grant of the same day that it ended.
	EffectiveEnd time.Time
	ValidUntil   time.Time
	ReviewAt     time.Time

	Disclosure    consent.DisclosureRef // Version is 0 when the file names none
	Text          string
	Language      string
	Evidence      string
	Actor         string
	EventID       string
	CorrelationID string
}

// Scope is what the act is about.
func (r Row) Scope() consent.Scope {
	return consent.Scope{Brand: r.Brand, Purpose: r.Purpose, Channel: r.Channel}
}

// Skip says why a row, or one statement of it, states no consent; it is no error.
type Skip struct {
	Row    int64
	Code   Code
	Reason string
}

// Mapped is what one record of a file says: a record may state several things, about several channels.
type Mapped struct {
	Rows   []Row
	Skips  []Skip
	Errors []*FieldError
}

// The codes of skipped rows.
const (
	SkipNoConsent    Code = "no_consent_stated"
	SkipNoStatus     Code = "no_status"
	SkipNoNumber     Code = "no_number"
	SkipOtherChannel Code = "other_channel"
	SkipUnticked     Code = "box_not_ticked"
	SkipOverruled    Code = "overruled_in_row"
)

// The codes of fields that cannot be taken.
const (
	CodeMangledNumber   Code = "mangled_number"
	CodeUnknownRegion   Code = "unknown_region"
	CodeUnknownStatus   Code = "unknown_status"
	CodeConflict        Code = "conflicting_status"
	CodeUnknownChannel  Code = "unknown_channel"
	CodeMissingChannel  Code = "missing_channel"
	CodeMissingBrand    Code = "missing_brand"
	CodeUnmappedBrand   Code = "unmapped_brand"
	CodeUnmappedSender  Code = "unmapped_sender"
	CodeMissingPurpose  Code = "missing_purpose"
	CodeUnmappedPurpose Code = "unmapped_purpose"
	CodeUnknownLevel    Code = "unknown_level"
	CodeMissingLevel    Code = "missing_level"
	CodeUnknownSource   Code = "unknown_source"
	CodeWildcardGrant   Code = "wildcard_grant"
	CodeBadDate         Code = "bad_date"
	CodeAmbiguousDate   Code = "ambiguous_date"
	CodeBadDisclosure   Code = "bad_disclosure"
	CodeUnknownValue    Code = "unknown_value"
)

// Settings are what the caller knows and the file may not say. What the file says goes first, except where a table
// translates it.
type Settings struct {
	Region  string // for rows without a country
	Brand   consent.BrandID
	Purpose consent.PurposeID
	Channel consent.Channel // zero: none is given
	Level   consent.Level   // of grants; without it, grants that name no level are rejected
	Source  consent.Source  // zero: Import
	Method  string
	Actor   string

	// What the file's brands, senders and purposes are called here. Where a table is given, a name that is not in it
	// is rejected, except a purpose that the dialect itself defines.
	Brands   map[string]consent.BrandID
	Senders  map[string]consent.BrandID
	Purposes map[string]consent.PurposeID

	EffectiveAt  time.Time    // of rows that are not dated, such as the day the file was exported
	EffectiveEnd time.Time    // and its end, if that is a day; zero: EffectiveAt is a moment
	Unticked     consent.Kind // what an opt-in box that is not ticked means; zero: nothing
	DateOrder    DateOrder    // zero: learnt by Observe
	Zone         *time.Location
	UnixTime     bool // whole numbers in date columns are seconds or milliseconds since 1970
}
