package httpapi

import (
	"context"
	"encoding/hex"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
)

// ConsentRequest is one act, as a caller tells of it.
type ConsentRequest struct {
	Number  string            `json:"number" doc:"The number, in E.164 or as people write it; national numbers need a region." example:"+12025550123"`
	Region  string            `json:"region,omitempty" doc:"The ISO 3166-1 country of numbers that are written without a country code." example:"US"`
	Brand   consent.BrandID   `json:"brand,omitempty" doc:"On whose behalf; absent: default." example:"default"`
	Purpose consent.PurposeID `json:"purpose" doc:"What contact is for." example:"marketing"`
	Channel *consent.Channel  `json:"channel" doc:"The channel. Restrictions may cover all channels, purposes or brands with *."`

	Act       consent.Kind   `json:"act" doc:"What was done. Withdrawn is by the person, revoked by anybody else."`
	Level     consent.Level  `json:"level,omitzero" doc:"How strong a consent is; absent: express."`
	Confirmed bool           `json:"confirmed,omitempty" doc:"Whether a double opt-in was completed."`
	Source    consent.Source `json:"source,omitzero" doc:"Where the act came from; absent: api."`
	Method    string         `json:"method,omitempty" maxLength:"200" doc:"How within the source, in words." example:"checkbox"`

	EffectiveAt *ledger.Time `json:"effective_at,omitempty" doc:"When it happened; absent: now. Not in the future beyond five minutes."`
	ValidUntil  *ledger.Time `json:"valid_until,omitempty" doc:"When a consent runs out; absent: it stands until withdrawn."`
	ReviewAt    *ledger.Time `json:"review_at,omitempty" doc:"When it should be looked at again."`

	Disclosure string `json:"disclosure,omitempty" doc:"The wording that was shown, as id@version." example:"newsletter-sms@1"`
	Text       string `json:"text,omitempty" doc:"The exact words that were shown, in place of a disclosure."`
	Language   string `json:"language,omitempty" doc:"The language of those words (BCP 47); a no needs none." example:"en-US"`

	Evidence      string `json:"evidence,omitempty" maxLength:"2000" doc:"A reference to an artefact: sha256:…, a URL, a certificate's id."`
	Actor         string `json:"actor,omitempty" maxLength:"200" doc:"Who acted, where that is not the person: a member of staff, a system."`
	EventID       string `json:"event_id,omitempty" maxLength:"200" doc:"The source's own id of the event. Unique with its source, for ever."`
	CorrelationID string `json:"correlation_id,omitempty" maxLength:"200" doc:"The caller's name for this act; it comes back in the answer."`
}

// report returns the act as the recorder takes it.
func (q *ConsentRequest) report() (act.Report, error) {
	if q.Number == "" {
		return act.Report{}, unprocessable(act.CodeMissingField, "number", "is missing: send the number with a plus sign and the country code")
	}
	if q.Channel == nil {
		return act.Report{}, unprocessable(act.CodeMissingField, "channel", "is missing: want one of sms, whatsapp, voice_live, voice_auto, or * in a restriction that covers all of them")
	}
	return act.Report{
		Number: q.Number, Region: q.Region, Brand: q.Brand, Purpose: q.Purpose, Channel: *q.Channel,
		Act: q.Act, Level: q.Level, Confirmed: q.Confirmed, Source: q.Source, Method: q.Method,
		EffectiveAt: zeroOr(q.EffectiveAt), ValidUntil: zeroOr(q.ValidUntil), ReviewAt: zeroOr(q.ReviewAt),
		Disclosure: q.Disclosure, Text: q.Text, Language: q.Language,
		Evidence: q.Evidence, Actor: q.Actor, EventID: q.EventID, CorrelationID: q.CorrelationID,
	}, nil
}

func (q *ConsentRequest) brand() consent.BrandID {
	if q.Brand == "" {
		return act.DefaultBrand
	}
	return q.Brand
}

// ConsentAnswer is what became of one act.
type ConsentAnswer struct {
	Outcome
	Revision uint64 `json:"revision" doc:"Ask for checks with this min_revision to be answered from after this act."`
	Record   Record `json:"record" doc:"What stands now in the act's scope."`
}

// Outcome is what became of an act, in whatever way it was told.
type Outcome struct {
	CorrelationID string       `json:"correlation_id,omitempty" doc:"The caller's name for the act."`
	Status        string       `json:"status" enum:"recorded,duplicate,conflict,superseded,rejected" doc:"What became of it. A conflict is recorded, did not take effect and waits for review; what is superseded is recorded and older than what stands."`
	Effective     string       `json:"effective,omitempty" enum:"all,pending" doc:"Where checks are answered from after this act: on all nodes; or, if the caller did not want to wait, on all within moments."`
	Seq           uint64       `json:"seq,omitempty" doc:"The act's entry in the ledger."`
	RecordedAt    *ledger.Time `json:"recorded_at,omitempty" doc:"When the ledger learned of it."`
	Subject       string       `json:"subject,omitempty" doc:"The person at the number." example:"5e1f0a7c9b3d4e2f8a6b7c8d9e0f1a2b"`
	Reason        string       `json:"reason,omitempty" doc:"Why it did not take effect, as a code."`
	Text          string       `json:"text,omitempty" doc:"The reason in a sentence."`
}

// outcomeOf puts the ledger's result in the API's words.
func outcomeOf(id string, p *act.Report, r ledger.Result) Outcome {
	o := Outcome{
		CorrelationID: id, Effective: "all", Seq: r.Seq, RecordedAt: moment(r.RecordedAt), Subject: hex.EncodeToString(r.Subject[:]),
	}
	if r.Pending != nil {
		o.Effective = "pending"
	}
	switch r.Outcome {
	case ledger.Duplicate:
		o.Status = "duplicate"
	case ledger.Conflicting:
		o.Status, o.Reason = "conflict", "grant_after_restriction"
		o.Text = "The person said no before, or the consent had ended. A grant told by a third party, without the date, source and evidence of an act of the person, does not lift that: it was recorded and waits for review."
	case ledger.Superseded:
		o.Status, o.Reason = "superseded", "older_than_record"
		o.Text = "It was recorded, and is older than the act that the record rests on, which stands."
		if p.Act.Grants() && r.Record.Status.Restricted() {
			o.Reason, o.Text = "grant_older_than_withdrawal", "The grant was recorded, and is older than the person's no, which stands."
		}
	default:
		o.Status = "recorded"
	}
	return o
}

func (a *API) consentRoutes() {
	serve(a, operation{
		id: "recordConsent", tag: tagConsents, method: http.MethodPost, path: "/v1/consents", permission: access.RecordConsent,
		summary: "Record one act",
		description: "Records what somebody did about one scope: asked, granted, refused, withdrew. The answer comes when the act is durable and every " +
			"check is answered from after it. An old yes never beats a later no: a grant that is older than a withdrawal is recorded and superseded.",
		params: []*huma.Param{idempotencyParam(), preferParam()},
		status: http.StatusCreated, again: http.StatusOK, pending: true, errors: []int{http.StatusConflict},
		request: exampleGrant(), answer: exampleConsentAnswer(),
	}, a.recordConsent)
}

func (a *API) recordConsent(ctx context.Context, c call, in *ConsentRequest) (out reply[ConsentAnswer], err error) {
	if err := a.authorize(ctx, c.Caller, access.RecordConsent, in.brand()); err != nil {
		return out, err
	}
	p, err := in.report()
	if err != nil {
		return out, err
	}
	p.IdempotencyKey = c.key
	results, err := a.Recorder.Record(c.hurried(ctx), c.Caller, []act.Report{p})
	if err != nil {
		return out, err
	}
	r := results[0]
	if r.Err != nil {
		return out, r.Err
	}
	out.again, out.pending = r.Outcome == ledger.Duplicate, r.Pending != nil
	out.body = ConsentAnswer{
		Outcome:  outcomeOf(in.CorrelationID, &p, r.Result),
		Revision: a.Index.Revision(),
		Record:   recordOf(r.Scope, r.Record, a.Now()),
	}
	return out, nil
}

func idempotencyParam() *huma.Param {
	return &huma.Param{
		Name: "Idempotency-Key", In: "header", Schema: &huma.Schema{Type: huma.TypeString, MaxLength: new(maxKey)},
		Description: "Makes it harmless to send the request again: the same key with the same content has its effect once and is answered alike, with other content it is refused. Quoted or not. Keys do not expire.",
	}
}

func preferParam() *huma.Param {
	return &huma.Param{
		Name: "Prefer", In: "header", Schema: &huma.Schema{Type: huma.TypeString},
		Description: "respond-async (RFC 7240): answer when the act is durable, though other nodes may not obey it for a moment. That is a 202 with effective pending; where nothing has to be waited for, the preference changes nothing.",
	}
}

// exampleTime is when the examples in the document happen.
func exampleTime() *ledger.Time {
	return moment(time.Date(2026, 3, 1, 14, 3, 0, 0, time.UTC))
}

func exampleGrant() ConsentRequest {
	sms := consent.SMS
	return ConsentRequest{
		Number: "+12025550123", Brand: "default", Purpose: "marketing", Channel: &sms, Act: consent.Granted, Level: consent.ExpressWritten,
		Source: consent.WebForm, Method: "checkbox", EffectiveAt: exampleTime(),
		Text: "I agree to receive marketing texts from Example at this number. Reply STOP to end.", Language: "en-US",
		Evidence: "https://example.com/forms/17",
	}
}

func exampleRecord() Record {
	return Record{
		Brand: "default", Purpose: "marketing", Channel: consent.SMS, Status: consent.StatusGranted, Level: consent.ExpressWritten,
		Source: consent.WebForm, GrantedAt: exampleTime(), Disclosure: "newsletter-sms@1", Entry: 17, Version: 1,
	}
}

const exampleSubject = "5e1f0a7c9b3d4e2f8a6b7c8d9e0f1a2b"

func exampleConsentAnswer() ConsentAnswer {
	return ConsentAnswer{
		Outcome:  Outcome{Status: "recorded", Effective: "all", Seq: 17, RecordedAt: exampleTime(), Subject: exampleSubject},
		Revision: 17, Record: exampleRecord(),
	}
}
