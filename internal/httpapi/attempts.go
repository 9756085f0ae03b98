package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/attempt"
	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/policy"
)

const tagAttempts = "Attempts"

// AttemptRequest reports one contact that was made or tried.
type AttemptRequest struct {
	EventID string            `json:"event_id,omitempty" maxLength:"255" doc:"Your name for the contact: reported again under it, it counts once." example:"msg-1"`
	Number  string            `json:"number" doc:"The number, with a plus sign and the country code." example:"+12025550123"`
	Brand   consent.BrandID   `json:"brand,omitempty" doc:"On whose behalf; absent: default." example:"default"`
	Purpose consent.PurposeID `json:"purpose" doc:"What the contact was for." example:"marketing"`
	Channel askedChannel      `json:"channel" doc:"The means of contact."`
	At      *ledger.Time      `json:"at,omitempty" doc:"When it was made; absent: now."`
	Contact string            `json:"contact,omitempty" enum:"ordinary,consent_request,opt_out_confirmation" doc:"What it is in the life of a consent; absent: ordinary."`
	Outcome string            `json:"outcome,omitempty" enum:"made,unanswered,conversation" doc:"What became of it; absent: made."`
	Matter  string            `json:"matter,omitempty" maxLength:"255" doc:"What it was about, for caps that count by it, such as one debt; absent: it counts for every matter."`
	Event   string            `json:"event,omitempty" maxLength:"255" doc:"The event that it was about, for caps that count by it; absent: it counts for every event."`
}

// AttemptBatch reports many contacts, all or none of them.
type AttemptBatch struct {
	Items []AttemptRequest `json:"items" maxItems:"10000" doc:"The contacts."`
}

// AttemptAnswer names a contact that counts.
type AttemptAnswer struct {
	Attempt string `json:"attempt" doc:"The id of the contact."`
}

// AttemptsAnswer names contacts that count, in the order in which they were reported.
type AttemptsAnswer struct {
	Items []AttemptAnswer `json:"items" doc:"The contacts."`
}

// OutcomeRequest says what became of a reserved contact.
type OutcomeRequest struct {
	Outcome string `json:"outcome,omitempty" enum:"made,unanswered,conversation" doc:"What became of it; absent: made."`
}

func (a *API) attemptRoutes() {
	request := AttemptRequest{EventID: "msg-1", Number: "+12025550123", Purpose: "marketing", Channel: "sms"}
	answer := AttemptAnswer{Attempt: "3q2-7wAAAAAAAAAAAAAAAA"}
	id := pathParam("attempt", "The id of the contact, as the check or the report told it.", answer.Attempt)
	serve(a, operation{
		id: "reportAttempt", tag: tagAttempts, method: http.MethodPost, path: "/v1/attempts", permission: access.ReportAttempts,
		summary: "Report a contact", description: "Reports a contact that was made or tried, for the caps of the rules. Contacts that a check reserved are not reported but confirmed.",
		status: http.StatusCreated, request: request, answer: answer,
	}, a.postAttempt)
	a.attemptBatchRoute(operation{
		id: "reportAttempts", tag: tagAttempts, method: http.MethodPost, path: "/v1/attempts/batch", permission: access.ReportAttempts,
		summary: "Report many contacts", description: "Reports up to 10,000 contacts, all or none: what is wrong with one is a problem of all. Or any number as a stream of lines (application/x-ndjson), which is answered line by line in the same order: what is wrong with one is said of that one.",
		status: http.StatusCreated, request: AttemptBatch{Items: []AttemptRequest{request}}, answer: AttemptsAnswer{Items: []AttemptAnswer{answer}},
	})
	serve(a, operation{
		id: "confirmAttempt", tag: tagAttempts, method: http.MethodPost, path: "/v1/attempts/{attempt}/confirm", permission: access.ReportAttempts,
		summary: "Confirm a reserved contact", description: "Says that a contact that a check reserved was made. One that is neither confirmed nor released counts as made.",
		params: []*huma.Param{id}, errors: []int{http.StatusNotFound}, request: OutcomeRequest{Outcome: "made"}, answer: answer,
	}, a.confirmAttempt)
	serve(a, operation{
		id: "releaseAttempt", tag: tagAttempts, method: http.MethodPost, path: "/v1/attempts/{attempt}/release", permission: access.ReportAttempts,
		summary: "Release a reserved contact", description: "Says that a contact that a check reserved was not made, so that it counts no more.",
		params: []*huma.Param{id}, errors: []int{http.StatusNotFound, http.StatusConflict}, answer: answer,
	}, a.releaseAttempt)
}

func (a *API) postAttempt(ctx context.Context, c call, in *AttemptRequest) (out reply[AttemptAnswer], err error) {
	ids, err := a.report(ctx, c, "", []AttemptRequest{*in})
	if err != nil {
		return out, err
	}
	out.body = AttemptAnswer{ids[0].String()}
	return out, nil
}

func (a *API) postAttempts(ctx context.Context, c call, in *AttemptBatch) (out reply[AttemptsAnswer], err error) {
	if len(in.Items) > maxBatch {
		return out, unprocessable(act.CodeInvalidField, "items", fmt.Sprintf("want at most %d", maxBatch))
	}
	ids, err := a.report(ctx, c, "items", in.Items)
	out.body.Items = make([]AttemptAnswer, 0, len(ids))
	for _, id := range ids {
		out.body.Items = append(out.body.Items, AttemptAnswer{id.String()})
	}
	return out, err
}

func (a *API) report(ctx context.Context, c call, within string, items []AttemptRequest) ([]attempt.ID, error) {
	list := make([]attempt.Attempt, len(items))
	for i := range items {
		at, err := a.attemptOf(&items[i])
		if p := (*Problem)(nil); errors.As(err, &p) && within != "" {
			return nil, unprocessable(p.Code, fmt.Sprintf("%s[%d].%s", within, i, p.Field), p.Detail)
		}
		if err != nil {
			return nil, err
		}
		if !c.For(at.Brand) {
			if err := a.Gate.Authorize(ctx, c.Caller, access.ReportAttempts, at.Brand); err != nil {
				return nil, err
			}
		}
		list[i] = at
	}
	return a.Attempts.Report(ctx, list...)
}

// attemptOf reads a report, and refuses words that nobody defined.
func (a *API) attemptOf(in *AttemptRequest) (at attempt.Attempt, err error) {
	at = attempt.Attempt{Name: in.EventID, Brand: in.Brand, Matter: in.Matter, Event: in.Event, At: zeroOr(in.At)}
	if at.Brand == "" {
		at.Brand = act.DefaultBrand
	}
	if at.Number, err = phone.Parse(in.Number, ""); err != nil {
		return at, unprocessable(act.CodeInvalidNumber, "number", err.Error())
	}
	if at.Channel, err = consent.ParseChannel(string(in.Channel)); err != nil || !slices.Contains(consent.Channels, at.Channel) {
		return at, unprocessable(act.CodeInvalidField, "channel", "want one of sms, whatsapp, voice_live, voice_auto")
	}
	if at.At.IsZero() {
		at.At = a.Now()
	}
	if at.At.After(a.Now().Add(act.MaxSkew)) {
		return at, unprocessable(act.CodeInvalidField, "at", "is in the future: report a contact once it was made")
	}
	if at.Contact, err = wordOf(contactWords, in.Contact, "contact"); err != nil {
		return at, err
	}
	if at.Outcome, err = wordOf(outcomeWords, in.Outcome, "outcome"); err != nil {
		return at, err
	}
	at.Class, err = a.classOf(at.Brand, in.Purpose)
	return at, err
}

var (
	contactWords = map[string]policy.Contact{
		"": policy.Ordinary, "ordinary": policy.Ordinary, "consent_request": policy.ConsentRequest, "opt_out_confirmation": policy.OptOutConfirmation,
	}
	outcomeWords = map[string]attempt.Outcome{"": attempt.Made, "made": attempt.Made, "unanswered": attempt.Unanswered, "conversation": attempt.Conversation}
)

func wordOf[T any](words map[string]T, word, field string) (T, error) {
	v, known := words[word]
	if !known {
		return v, unprocessable(act.CodeInvalidField, field, "is none of the words that the documentation lists")
	}
	return v, nil
}

// classOf returns the class of a purpose; caps count by it.
func (a *API) classOf(b consent.BrandID, p consent.PurposeID) (consent.Class, error) {
	if _, err := a.Catalog.Brand(string(b)); err != nil {
		return consent.NoClass, unknownWord(act.CodeUnknownBrand, "brand", check.UnknownBrand)
	}
	purpose, err := a.Catalog.Purpose(string(p))
	if err != nil {
		return consent.NoClass, unknownWord(act.CodeUnknownPurpose, "purpose", check.UnknownPurpose)
	}
	return purpose.Class, nil
}

// reserve answers a question and, if the answer is an allow, counts the contact before anybody else can ask.
func (a *API) reserve(ctx context.Context, caller *access.Caller, req *check.Request, n *answered) (err error) {
	if !req.At.IsZero() || !req.KnownAt.IsZero() {
		return unprocessable(act.CodeInvalidField, "reserve", "is for a contact that is about to be made: leave at and known_at out")
	}
	brand := consent.BrandID(req.Brand)
	if err := a.authorize(ctx, caller, access.ReportAttempts, brand); err != nil {
		return err
	}
	class, err := a.classOf(brand, consent.PurposeID(req.Purpose))
	if err != nil {
		return err
	}
	if n.question, err = a.question(ctx, caller, req, newPatience(revisionPatience)); err != nil {
		return err
	}
	told, err := about(req)
	if err != nil {
		return err
	}
	at := contactOf(attempt.Attempt{Number: n.question.Number, Brand: brand, Class: class, Channel: req.Channel}, told, n.question.About)
	n.verdict, n.reservation, err = a.Attempts.Reserve(ctx, at, func() check.Verdict { return a.Index.Check(n.question) })
	if err == nil {
		a.Metrics.Checked(n.verdict.Outcome, n.verdict.Code())
	}
	return err
}

// settled names the attempt of the path and says who may settle it.
func (a *API) settled(ctx context.Context, c call) (attempt.ID, func(consent.BrandID) error, error) {
	id, ok := attempt.ParseID(c.path("attempt"))
	if !ok {
		return id, nil, attemptProblem(attempt.ErrNotFound)
	}
	return id, func(b consent.BrandID) error {
		if c.For(b) {
			return nil
		}
		return a.Gate.Authorize(ctx, c.Caller, access.ReportAttempts, b)
	}, nil
}

func (a *API) confirmAttempt(ctx context.Context, c call, in *OutcomeRequest) (out reply[AttemptAnswer], err error) {
	outcome, err := wordOf(outcomeWords, in.Outcome, "outcome")
	if err != nil {
		return out, err
	}
	id, may, err := a.settled(ctx, c)
	if err != nil {
		return out, err
	}
	out.body.Attempt = id.String()
	return out, attemptProblem(a.Attempts.Confirm(ctx, id, outcome, may))
}

func (a *API) releaseAttempt(ctx context.Context, c call, _ *none) (out reply[AttemptAnswer], err error) {
	id, may, err := a.settled(ctx, c)
	if err != nil {
		return out, err
	}
	out.body.Attempt = id.String()
	return out, attemptProblem(a.Attempts.Release(ctx, id, may))
}

// attemptProblem turns what package attempt says into what callers are told; other errors pass.
func attemptProblem(err error) error {
	switch {
	case errors.Is(err, attempt.ErrNotFound):
		return problem(http.StatusNotFound, "not_found", "Not found", "", err.Error())
	case errors.Is(err, attempt.ErrSettled):
		return problem(http.StatusConflict, "settled", "Confirmed already", "", err.Error())
	}
	return err
}
