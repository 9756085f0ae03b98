package optin

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/catalog"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/phone"
)

// prepare holds a request against what is defined. Errors are *act.InvalidError, or the ledger's.
func (r *Requests) prepare(ctx context.Context, caller *access.Caller, q Request) (a asking, err error) {
	if q.Brand == "" {
		q.Brand = act.DefaultBrand
	}
	if q.Means == "" {
		q.Means = ByReply
	}
	if q.Level == consent.NoLevel {
		q.Level = consent.Express
	}
	if q.Source == consent.NoSource {
		q.Source = consent.WebForm
	}
	a = asking{Request: q, id: newID(), scope: consent.Scope{Brand: q.Brand, Purpose: q.Purpose, Channel: q.Channel}}
	if a.number, err = phone.Parse(q.Number, q.Region); err != nil {
		return a, invalid(act.CodeInvalidNumber, "number", err.Error())
	}
	if err := r.checkFields(&a); err != nil {
		return a, err
	}
	if a.sender, err = r.senderFor(&a); err != nil {
		return a, err
	}
	if err := r.findWording(ctx, caller, &a); err != nil {
		return a, err
	}
	switch a.Means {
	case ByCode:
		a.code = newCode()
	case ByLink:
		a.token = strings.ToLower(rand.Text())
	}
	return a, nil
}

func invalid(code, field, reason string) error {
	return &act.InvalidError{Code: code, Field: field, Reason: reason}
}

func (r *Requests) checkFields(a *asking) error {
	var err error
	if a.brand, err = r.Catalog.Brand(string(a.Brand)); err != nil || a.brand.Retired {
		return invalid(act.CodeUnknownBrand, "brand", fmt.Sprintf("%q is not defined: define it with POST /v1/brands", a.Brand))
	}
	if p, err := r.Catalog.Purpose(string(a.Purpose)); err != nil || p.Retired {
		return invalid(act.CodeUnknownPurpose, "purpose", fmt.Sprintf("%q is not defined: define it with POST /v1/purposes", a.Purpose))
	}
	switch {
	case a.number.Extension() != "":
		return invalid(act.CodeInvalidNumber, "number", "has an extension, which cannot receive messages")
	case !a.Channel.Texts():
		return invalid(act.CodeInvalidField, "channel", "want sms or whatsapp: the question is a message")
	case !slices.Contains([]Means{ByReply, ByCode, ByLink}, a.Means):
		return invalid(act.CodeInvalidField, "means", "want reply, code or link")
	case a.Means == ByLink && r.LinkBase == "":
		return invalid(act.CodeInvalidField, "means", "links cannot be sent: the file of serve --providers gives no public_url for them")
	case !a.Source.OfThePerson() && a.Source != consent.API:
		return invalid(act.CodeInvalidField, "source", "want where the person asked, such as web_form")
	}
	for _, f := range []struct {
		name, value string
		max         int
	}{{"method", a.Method, 200}, {"evidence", a.Evidence, 2000}, {"address", a.Address, 200}, {"actor", a.Actor, 200}, {"Idempotency-Key", a.IdempotencyKey, 255}} {
		if len(f.value) > f.max {
			return invalid(act.CodeInvalidField, f.name, fmt.Sprintf("has %d bytes: at most %d", len(f.value), f.max))
		}
	}
	return nil
}

// senderFor returns the sender of the question: the one that was named, else the brand's first for channel and purpose.
// A brand without senders asks through whatever sends for none, which is the file of messages unless configured.
func (r *Requests) senderFor(a *asking) (catalog.Sender, error) {
	if a.Sender != "" {
		s, err := r.Catalog.Sender(a.Sender)
		if err != nil || s.Retired || s.Brand != a.Brand || s.Channel != a.Channel {
			return s, invalid(act.CodeInvalidField, "sender", "is not defined for this brand and channel: define it with POST /v1/senders, or leave it out")
		}
		return s, nil
	}
	var general catalog.Sender
	for _, s := range r.Catalog.Senders() {
		if s.Retired || s.Brand != a.Brand || s.Channel != a.Channel {
			continue
		}
		if s.Purpose == a.Purpose {
			return s, nil
		}
		if s.Purpose == "" && general.ID == "" {
			general = s
		}
	}
	return general, nil
}

func (r *Requests) findWording(ctx context.Context, caller *access.Caller, a *asking) (err error) {
	switch {
	case a.Text != "" && a.Disclosure != "":
		return invalid(act.CodeInvalidField, "text", "give either disclosure or text and language, not both")
	case a.Text != "":
		a.ref, err = r.Catalog.Freeze(ctx, caller.ID, catalog.Wording{Language: a.Language, Text: a.Text}, r.Now())
		var flaw *catalog.InvalidError
		if errors.As(err, &flaw) {
			return invalid(act.CodeInvalidField, flaw.Field, flaw.Reason)
		}
	case a.Disclosure != "":
		if a.ref, err = ledger.ParseDisclosure(a.Disclosure); err != nil {
			return invalid(act.CodeInvalidField, "disclosure", err.Error())
		}
	default:
		return invalid(act.CodeMissingField, "disclosure", "is missing: the question tells the person what they consent to. Give disclosure, or text and language")
	}
	if err != nil {
		return err
	}
	if a.wording, err = r.Catalog.Wording(a.ref); err != nil {
		return invalid(act.CodeUnknownWording, "disclosure", err.Error())
	}
	return nil
}

// mayAsk refuses what no budget is spent on.
func (r *Requests) mayAsk(ctx context.Context, a *asking) error {
	if err := r.mayReach(a); err != nil {
		return err
	}
	if r.Listed(a.number, a.Brand) {
		return &RefusedError{Code: CodeListed, Reason: "The number stands on a suppression list."}
	}
	subject, err := r.Ledger.ByNumber(ctx, a.number)
	if err != nil && !errors.Is(err, ledger.ErrNotFound) {
		return fmt.Errorf("read the records: %w", err)
	}
	now := r.Now()
	for _, h := range subject.Records {
		switch {
		case h.Scope == a.scope && h.Record.Allows(now) && h.Record.Confirmed && h.Record.Level >= a.Level:
			return &RefusedError{Code: CodeStands, Reason: "The consent stands already, and was confirmed."}
		case h.Scope.Covers(a.scope) && restricted(h.Record):
			return &RefusedError{
				Code: CodeOptedOut, Reason: "The person said no before. Only a message of their own, such as START, can begin anew.",
			}
		}
	}
	if r.Challenge != nil {
		if err := r.Challenge(ctx, a.Request); err != nil {
			return &RefusedError{Code: CodeChallenge, Reason: "The proof that came with the request does not hold."}
		}
	}
	return nil
}

// restricted reports whether a no stands, also beneath a request that is open.
func restricted(r consent.Record) bool {
	return r.Status.Restricted() || r.Status == consent.Pending && r.Under.Restricted()
}

// countries returns those that a question may go to: the configured ones, else the brand's own, else those of the
// numbers that it sends from.
func (r *Requests) countries(a *asking) []string {
	switch {
	case len(r.Limits.Countries) > 0:
		return r.Limits.Countries
	case a.brand.Country != "":
		return []string{a.brand.Country}
	}
	var own []string
	for _, s := range r.Catalog.Senders() {
		if n, err := phone.Parse(s.Address, ""); err == nil && s.Brand == a.Brand && !s.Retired {
			own = append(own, phone.Region(n))
		}
	}
	return own
}

// mayReach refuses countries that are not allowed, and lines on which each message costs or earns somebody money.
func (r *Requests) mayReach(a *asking) error {
	region := phone.Region(a.number)
	allowed := r.countries(a)
	// What goes into the file of messages costs nobody anything, so there a brand may be tried out before it is set up.
	anywhere := len(allowed) == 0 && r.ProviderOf(a.sender) == fileProvider
	if region == "" || !anywhere && !slices.Contains(allowed, region) {
		return &RefusedError{
			Code: CodeCountry,
			Reason: "The number's country is not one that may be sent to. Allow it with serve --optin-countries, give the brand its country " +
				"(PUT /v1/brands/{brand}), or define a sender of the brand with a number of that country.",
		}
	}
	switch phone.Type(a.number) {
	case phone.Mobile, phone.FixedOrMobile, phone.VoIP:
		return nil
	}
	return &RefusedError{Code: CodeLine, Reason: "The number is not a mobile line: premium, shared-cost and fixed lines are not sent to."}
}
