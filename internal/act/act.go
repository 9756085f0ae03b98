// Package act takes in acts of consent as callers report them: it holds each against what the operator has defined and
// against what any act must be, and appends what is sound.
//
// It stores nothing of its own. Every surface reports through it, so a report means the same wherever it comes from.
package act

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/catalog"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/phone"
)

// Report is an act as a caller tells of it. Empty texts and zero times mean that the caller did not say.
type Report struct {
	Number string // as people write numbers; Region is for those without a country code
	Region string

	Brand   consent.BrandID // empty: "default"
	Purpose consent.PurposeID
	Channel consent.Channel

	Act       consent.Kind
	Level     consent.Level // of a grant; empty: express
	Confirmed bool
	Source    consent.Source // empty: api, or what the road implies
	Via       consent.Via
	Method    string

	EffectiveAt time.Time // zero: now
	ValidUntil  time.Time
	ReviewAt    time.Time

	// The wording that was shown: a reference id@version, or the exact words with their language.
	Disclosure string
	Text       string
	Language   string

	Evidence       string
	Actor          string
	EventID        string
	CorrelationID  string
	IdempotencyKey string
}

// DefaultBrand is the brand of a report that names none.
const DefaultBrand consent.BrandID = "default"

// MaxSkew is how far into the future an act may be dated, since clocks differ.
const MaxSkew = 5 * time.Minute

// The codes of an InvalidError; they are stable.
const (
	CodeInvalidNumber  = "invalid_number"
	CodeUnknownBrand   = "unknown_brand"
	CodeUnknownPurpose = "unknown_purpose"
	CodeInvalidField   = "invalid_field"
	CodeMissingField   = "missing_field"
	CodeFutureDate     = "effective_at_in_future"
	CodeUnknownWording = "unknown_disclosure"
	CodeDuplicateID    = "duplicate_correlation_id"
	CodeKeyReused      = "idempotency_key_reused"
	CodeEventReused    = "event_id_reused"
	CodeUnconfirmed    = "confirmation_needed"
)

// InvalidError says which field of a report is wrong, why, and what would be right. It never repeats a number.
type InvalidError struct{ Code, Field, Reason string }

func (e *InvalidError) Error() string { return fmt.Sprintf("field %q: %s", e.Field, e.Reason) }

// Result is what became of one report. Err is set when it was rejected: an *InvalidError, or one of the ledger's.
type Result struct {
	ledger.Result
	Number phone.Number
	Err    error
}

// Recorder takes in reports. It is safe for concurrent use.
type Recorder struct {
	// Proven says whether a caller is known to be in force now, where this node may have missed that it no longer is;
	// nil: it cannot. Whoever is not may say no, and nothing else. Set it before the recorder is used.
	Proven func(*access.Caller) error

	ledger  *ledger.Ledger
	catalog *catalog.Catalog
	now     func() time.Time
}

// NewRecorder returns a recorder that appends to a ledger.
func NewRecorder(l *ledger.Ledger, c *catalog.Catalog, now func() time.Time) *Recorder {
	return &Recorder{ledger: l, catalog: c, now: now}
}

// Record takes in reports in their order, and says of each what became of it. The sound ones are committed together,
// whatever the others are; an error means that nothing was.
func (r *Recorder) Record(ctx context.Context, caller *access.Caller, reports []Report) ([]Result, error) {
	results := make([]Result, len(reports))
	items := make([]ledger.Item, 0, len(reports))
	places := make([]int, 0, len(reports))
	for i := range reports {
		if r.Proven != nil && !reports[i].Act.Restricts() {
			if results[i].Err = r.Proven(caller); results[i].Err != nil {
				continue
			}
		}
		item, err := r.item(ctx, caller, &reports[i])
		results[i].Number = item.Number
		if err != nil {
			var invalid *InvalidError
			if !errors.As(err, &invalid) {
				return nil, err
			}
			results[i].Err = err
			continue
		}
		items, places = append(items, item), append(places, i)
	}
	appended, err := r.ledger.Append(ctx, items)
	if err != nil {
		return nil, err
	}
	for i, a := range appended {
		results[places[i]].Result, results[places[i]].Err = a, repeated(a.Err)
	}
	return results, nil
}

func repeated(err error) error {
	switch {
	case errors.Is(err, ledger.ErrKeyReused):
		return &InvalidError{CodeKeyReused, "Idempotency-Key", "was used before with other content: use a new key for a new act"}
	case errors.Is(err, ledger.ErrEventReused):
		return &InvalidError{CodeEventReused, "event_id", "was used before by this source for another event: event ids are unique for ever"}
	}
	return err
}

// item returns the entry that a report asks for. An error that is no *InvalidError is the ledger's.
func (r *Recorder) item(ctx context.Context, caller *access.Caller, p *Report) (ledger.Item, error) {
	var item ledger.Item
	number, err := phone.Parse(p.Number, p.Region)
	if err != nil {
		return item, &InvalidError{CodeInvalidNumber, "number", err.Error()}
	}
	item.Number = number
	if err := r.check(p, number); err != nil {
		return item, err
	}
	ref, err := r.wording(ctx, caller, p)
	if err != nil {
		return item, err
	}
	item.Kind, item.By, item.Actor = ledger.KindAct, caller.ID, p.Actor
	item.EventID, item.CorrelationID, item.IdempotencyKey = p.EventID, p.CorrelationID, p.IdempotencyKey
	item.Act = consent.Act{
		Kind: p.Act, Scope: consent.Scope{Brand: p.brand(), Purpose: p.Purpose, Channel: p.Channel},
		EffectiveAt: p.EffectiveAt, ValidUntil: p.ValidUntil, ReviewAt: p.ReviewAt,
		Level: p.level(), Confirmed: p.Confirmed, Source: p.source(), Via: p.Via, Method: p.Method,
		Disclosure: ref, Evidence: p.Evidence,
	}
	return item, nil
}

func (p *Report) brand() consent.BrandID {
	if p.Brand == "" {
		return DefaultBrand
	}
	return p.Brand
}

func (p *Report) level() consent.Level {
	if p.Act.Grants() && p.Level == consent.NoLevel {
		return consent.Express
	}
	return p.Level
}

func (p *Report) source() consent.Source {
	if p.Source != consent.NoSource {
		return p.Source
	}
	switch p.Via {
	case consent.ViaImport:
		return consent.Import
	case consent.ViaProvider:
		return consent.Provider
	case consent.ViaCRM:
		return consent.CRM
	}
	return consent.API
}

// undetermined is the language of words of which nobody said in which they are (RFC 5646, section 4.1).
const undetermined = "und"

// wording returns the reference to the words that were shown; words that come as they are get a disclosure of their own.
func (r *Recorder) wording(ctx context.Context, caller *access.Caller, p *Report) (consent.DisclosureRef, error) {
	if p.Text != "" {
		if p.Disclosure != "" {
			return consent.DisclosureRef{}, &InvalidError{CodeInvalidField, "text", "give either disclosure or text and language, not both"}
		}
		language := p.Language
		if language == "" && p.Act.Restricts() {
			language = undetermined // a no does not fail for what nobody knows of it
		}
		ref, err := r.catalog.Freeze(ctx, caller.ID, catalog.Wording{Language: language, Text: p.Text}, r.now())
		var invalid *catalog.InvalidError
		if errors.As(err, &invalid) {
			err = &InvalidError{CodeInvalidField, invalid.Field, invalid.Reason}
		}
		return ref, err
	}
	ref, err := ledger.ParseDisclosure(p.Disclosure)
	if err != nil {
		return ref, &InvalidError{CodeInvalidField, "disclosure", "want id@version, such as newsletter-sms@2"}
	}
	if ref != (consent.DisclosureRef{}) {
		if _, err := r.catalog.Wording(ref); err != nil {
			return ref, &InvalidError{CodeUnknownWording, "disclosure", "is not defined, or has no such version: GET /v1/disclosures lists them"}
		}
	}
	return ref, nil
}

// check holds a report against what any act must be.
func (r *Recorder) check(p *Report, n phone.Number) error {
	for _, check := range []func(*Report, phone.Number) error{r.checkScope, checkAct, r.checkConfirmed, r.checkTimes, checkTexts} {
		if err := check(p, n); err != nil {
			return err
		}
	}
	return nil
}

func (r *Recorder) checkScope(p *Report, n phone.Number) error {
	if p.Purpose == "" {
		return &InvalidError{CodeMissingField, "purpose", "is missing: name one of the purposes that are defined"}
	}
	if b := p.brand(); b != consent.Any {
		// What is retired takes no new yes, but every no.
		if brand, err := r.catalog.Brand(string(b)); err != nil || brand.Retired && !p.Act.Restricts() {
			return &InvalidError{CodeUnknownBrand, "brand", fmt.Sprintf("is not defined: define it with POST /v1/brands, or leave it out for %q", DefaultBrand)}
		}
	}
	if p.Purpose != consent.Any {
		if purpose, err := r.catalog.Purpose(string(p.Purpose)); err != nil || purpose.Retired && !p.Act.Restricts() {
			return &InvalidError{CodeUnknownPurpose, "purpose", "is not defined: define it with POST /v1/purposes"}
		}
	}
	if n.Extension() != "" && p.Channel.Texts() {
		return &InvalidError{CodeInvalidNumber, "number", "has an extension, which cannot receive messages: record a voice channel, or leave the extension out"}
	}
	return nil
}

func checkAct(p *Report, _ phone.Number) error {
	scope := consent.Scope{Brand: p.brand(), Purpose: p.Purpose, Channel: p.Channel}
	switch {
	case p.Act == consent.NoKind:
		return &InvalidError{CodeMissingField, "act", "is missing: want one of requested, granted, refused, withdrawn, revoked, renewed, expired, reassigned"}
	case !scope.Concrete() && (!p.Act.Restricts() || p.Act == consent.Expired):
		return &InvalidError{CodeInvalidField, "act", `only refused, withdrawn, revoked and reassigned may cover every brand, purpose or channel with "*": a consent is given for one scope at a time`}
	case !p.Act.Grants() && (p.Level != consent.NoLevel || p.Confirmed):
		return &InvalidError{CodeInvalidField, "level", "only granted and renewed have a level or a confirmation"}
	case p.Act == consent.Withdrawn && p.Source == consent.System:
		return &InvalidError{CodeInvalidField, "source", "a withdrawal is the person's: the system can only revoke"}
	}
	return nil
}

// checkConfirmed refuses a yes that skips the double opt-in its purpose wants, unless somebody answers for it: whether it
// says that it was confirmed elsewhere or not, nobody here has seen that.
func (r *Recorder) checkConfirmed(p *Report, _ phone.Number) error {
	if p.Act != consent.Granted || !p.Channel.Texts() || p.Actor != "" && p.Method != "" {
		return nil
	}
	if purpose, err := r.catalog.Purpose(string(p.Purpose)); err != nil || !purpose.DoubleOptIn {
		return nil // that it is defined was checked before
	}
	field := "actor"
	if p.Actor != "" {
		field = "method"
	}
	return &InvalidError{CodeUnconfirmed, field, "is missing: the purpose wants every yes confirmed. Ask with POST /v1/optins, or name who answers for skipping that (actor), and why (method)"}
}

func (r *Recorder) checkTimes(p *Report, _ phone.Number) error {
	now := r.now()
	at := p.EffectiveAt
	switch {
	case at.After(now.Add(MaxSkew)):
		return &InvalidError{CodeFutureDate, "effective_at", fmt.Sprintf("is more than %s in the future: an act is recorded when it has happened", MaxSkew)}
	case !at.IsZero() && at.Before(earliest):
		return &InvalidError{CodeInvalidField, "effective_at", "is before 1990: check the date's format"}
	case at.IsZero():
		at = now
	}
	if !p.ValidUntil.IsZero() && !p.ValidUntil.After(at) {
		return &InvalidError{CodeInvalidField, "valid_until", "is not after effective_at"}
	}
	if !p.ValidUntil.IsZero() && !p.Act.Grants() {
		return &InvalidError{CodeInvalidField, "valid_until", "only granted and renewed run out"}
	}
	return nil
}

// earliest is before any phone consent that a system could know of.
var earliest = time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC)

func checkTexts(p *Report, _ phone.Number) error {
	for _, f := range []struct {
		name, value string
		max         int
	}{
		{"method", p.Method, 200},
		{"evidence", p.Evidence, 2000},
		{"actor", p.Actor, 200},
		{"event_id", p.EventID, 200},
		{"correlation_id", p.CorrelationID, 200},
		{"Idempotency-Key", p.IdempotencyKey, 255},
	} {
		if len(f.value) > f.max {
			return &InvalidError{CodeInvalidField, f.name, fmt.Sprintf("has %d bytes: at most %d", len(f.value), f.max)}
		}
		if !utf8.ValidString(f.value) {
			return &InvalidError{CodeInvalidField, f.name, "is not valid UTF-8"}
		}
	}
	return nil
}
