package httpapi

import (
	"context"
	"encoding/hex"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/optin"
)

// OptInRequest asks for the confirmation of a consent (double opt-in).
type OptInRequest struct {
	Number     string            `json:"number" doc:"The number, with a plus sign and the country code." example:"+12025550123"`
	Region     string            `json:"region,omitempty" doc:"The ISO 3166-1 country of a number without a country code." maxLength:"2"`
	Brand      consent.BrandID   `json:"brand,omitempty" doc:"On whose behalf; absent: default." example:"default"`
	Purpose    consent.PurposeID `json:"purpose" doc:"What contact is for." example:"marketing"`
	Channel    *consent.Channel  `json:"channel,omitempty" doc:"sms or whatsapp: what the consent is for, and how the question goes out; absent: sms."`
	Level      consent.Level     `json:"level,omitzero" doc:"How strong the consent is once confirmed; absent: express."`
	Means      optin.Means       `json:"means,omitempty" doc:"How the person confirms: reply (absent), code or link." enum:"reply,code,link"`
	Sender     string            `json:"sender,omitempty" doc:"The id of the sender of the question; absent: the brand's first for the purpose."`
	Disclosure string            `json:"disclosure,omitempty" doc:"The wording that the person was shown, as id@version." example:"newsletter-sms@1"`
	Text       string            `json:"text,omitempty" doc:"The exact words instead, with their language." maxLength:"20000"`
	Language   string            `json:"language,omitempty" doc:"The language of text (BCP 47)." example:"en-US"`
	Source     consent.Source    `json:"source,omitzero" doc:"Where the person asked; absent: web_form."`
	Method     string            `json:"method,omitempty" doc:"How within the source, such as checkbox." maxLength:"200"`
	Evidence   string            `json:"evidence,omitempty" doc:"A reference to an artefact of the capture." maxLength:"2000"`
	Address    string            `json:"address,omitempty" doc:"Where the request came from, such as the person's IP address: it has a budget of its own." maxLength:"200"`
	Proof      string            `json:"proof,omitempty" doc:"The proof of work or of being human, where the operator asks for one." maxLength:"8192"`
	Actor      string            `json:"actor,omitempty" doc:"Who asked on the person's behalf." maxLength:"200"`
}

// OptInAnswer is a request for confirmation as it stands.
type OptInAnswer struct {
	ID        string            `json:"id" doc:"The request's id." example:"9f2c4e1a7b3d5f608192a3b4c5d6e7f8"`
	Status    optin.Status      `json:"status" enum:"pending,confirmed,expired,ended" doc:"Where it stands. While it is pending every check denies."`
	Brand     consent.BrandID   `json:"brand" doc:"The brand."`
	Purpose   consent.PurposeID `json:"purpose" doc:"The purpose."`
	Channel   consent.Channel   `json:"channel" doc:"The channel."`
	Subject   string            `json:"subject,omitempty" doc:"The person at the number."`
	Entry     uint64            `json:"entry" doc:"The ledger entry of the request."`
	Settled   uint64            `json:"settled,omitempty" doc:"The ledger entry that confirmed, expired or ended it."`
	Sent      int               `json:"sent" doc:"How often the question went out."`
	Resent    bool              `json:"resent,omitempty" doc:"The request was open already, and its question goes out anew."`
	CreatedAt ledger.Time       `json:"created_at" doc:"When it was made."`
	ExpiresAt ledger.Time       `json:"expires_at" doc:"Until when it can be confirmed."`
}

// OptInProof is what a person confirms with: the code with the request's id, or the token of the link.
type OptInProof struct {
	ID    string `json:"id,omitempty" doc:"The request's id, with code."`
	Code  string `json:"code,omitempty" doc:"The code that was sent." maxLength:"20"`
	Token string `json:"token,omitempty" doc:"The token that the link holds." maxLength:"100"`
}

func optInOf(s optin.Standing) OptInAnswer {
	return OptInAnswer{
		ID: s.ID.String(), Status: s.Status, Brand: s.Scope.Brand, Purpose: s.Scope.Purpose, Channel: s.Scope.Channel, Entry: s.Seq, Settled: s.Settled,
		Sent: s.Sent, CreatedAt: ledger.Time(s.CreatedAt), ExpiresAt: ledger.Time(s.ExpiresAt),
	}
}

func (t *talk) optInRoutes() {
	request := OptInRequest{Number: "+12025550123", Purpose: "marketing", Text: "Offers by SMS, four a month.", Language: "en-US", Method: "checkbox", Address: "192.0.2.7"}
	example := OptInAnswer{
		ID: "9f2c4e1a7b3d5f608192a3b4c5d6e7f8", Status: optin.Open, Brand: "default", Purpose: "marketing", Channel: consent.SMS, Subject: exampleSubject,
		Entry: 17, Sent: 1, CreatedAt: *exampleTime(), ExpiresAt: *exampleTime(),
	}
	serve(t.API, operation{
		id: "askOptIn", tag: tagConversations, method: http.MethodPost, path: "/v1/optins", permission: access.RecordConsent,
		summary: "Ask for confirmation",
		description: "Records that a consent was asked for (status pending) and sends the person the wording and the question. Only their answer grants it. " +
			"Budgets bound how many questions go out, and where one is spent none does.",
		params: []*huma.Param{idempotencyParam()}, status: http.StatusCreated, again: http.StatusOK,
		errors: []int{http.StatusConflict, http.StatusTooManyRequests}, request: request, answer: example,
	}, t.askOptIn)
	serve(t.API, operation{
		id: "readOptIn", tag: tagConversations, method: http.MethodGet, path: "/v1/optins/{optin}", permission: access.RecordConsent,
		summary: "Read a request for confirmation", description: "Tells where a request for confirmation stands.",
		params: []*huma.Param{pathParam("optin", "The request's id.", example.ID)}, errors: []int{http.StatusNotFound}, answer: example,
	}, t.readOptIn)
	serve(t.API, operation{
		id: "confirmOptIn", tag: tagConversations, method: http.MethodPost, path: "/v1/optins/confirm", permission: access.RecordConsent,
		summary:     "Confirm with a code or a link",
		description: "Confirms a request with the code that the person entered, or with the token of the link that they opened and agreed to.",
		errors:      []int{http.StatusNotFound, http.StatusTooManyRequests},
		request:     OptInProof{ID: example.ID, Code: "123456"}, answer: exampleConsentAnswer(),
	}, t.confirmOptIn)
}

func (t *talk) askOptIn(ctx context.Context, c call, in *OptInRequest) (out reply[OptInAnswer], err error) {
	q := optin.Request{
		Number: in.Number, Region: in.Region, Brand: in.Brand, Purpose: in.Purpose, Channel: consent.SMS, Level: in.Level, Means: in.Means, Sender: in.Sender,
		Disclosure: in.Disclosure, Text: in.Text, Language: in.Language, Source: in.Source, Method: in.Method, Evidence: in.Evidence,
		Address: in.Address, Proof: in.Proof, Actor: in.Actor, IdempotencyKey: c.key,
	}
	if in.Channel != nil {
		q.Channel = *in.Channel
	}
	if q.Brand == "" {
		q.Brand = "default"
	}
	if err := t.API.authorize(ctx, c.Caller, access.RecordConsent, q.Brand); err != nil {
		return out, err
	}
	asked, err := t.OptIns.Ask(ctx, c.Caller, q)
	if err != nil {
		return out, conversed(nil, err)
	}
	out.again, out.body, out.place = asked.Again, optInOf(asked.Standing), "/v1/optins/"+asked.ID.String()
	out.body.Subject, out.body.Resent = hex.EncodeToString(asked.Subject[:]), asked.Resent
	return out, nil
}

// seen returns a request that the caller may see.
func (t *talk) seen(ctx context.Context, c call, id string) (optin.Standing, error) {
	parsed, err := optin.ParseID(id)
	if err != nil {
		return optin.Standing{}, conversed(nil, err)
	}
	s, err := t.OptIns.Get(ctx, parsed)
	if err != nil {
		return s, conversed(nil, err)
	}
	return s, t.API.Gate.Authorize(ctx, c.Caller, access.RecordConsent, s.Scope.Brand)
}

func (t *talk) readOptIn(ctx context.Context, c call, _ *none) (out reply[OptInAnswer], err error) {
	s, err := t.seen(ctx, c, c.path("optin"))
	out.body = optInOf(s)
	return out, err
}

func (t *talk) confirmOptIn(ctx context.Context, c call, in *OptInProof) (out reply[ConsentAnswer], err error) {
	var result ledger.Result
	switch {
	case (in.Code == "") == (in.Token == ""):
		return out, unprocessable("invalid_field", "code", "give either id and code, or token")
	case in.Token != "":
		result, err = t.OptIns.ConfirmLink(ctx, c.ID, in.Token)
	default:
		var s optin.Standing
		if s, err = t.seen(ctx, c, in.ID); err != nil {
			return out, err
		}
		result, err = t.OptIns.ConfirmCode(ctx, c.ID, s.ID, in.Code)
	}
	if err != nil {
		return out, conversed(nil, err)
	}
	out.body = ConsentAnswer{
		Outcome:  Outcome{Status: "recorded", Effective: "all", Seq: result.Seq, RecordedAt: moment(result.RecordedAt), Subject: hex.EncodeToString(result.Subject[:])},
		Revision: t.API.Index.Revision(), Record: recordOf(result.Scope, result.Record, t.API.Now()),
	}
	return out, nil
}
