package httpapi

import (
	"context"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/phone"
)

// LookupRequest asks for all that is held about a number.
type LookupRequest struct {
	Number  string            `json:"number" doc:"The number, in E.164 or as people write it; national numbers need a region." example:"+12025550123"`
	Region  string            `json:"region,omitempty" doc:"The ISO 3166-1 country of numbers that are written without a country code." example:"US"`
	Brand   consent.BrandID   `json:"brand,omitempty" doc:"With purpose and channel: a scope to add a verdict for." example:"default"`
	Purpose consent.PurposeID `json:"purpose,omitempty" doc:"The purpose of that scope." example:"marketing"`
	Channel *askedChannel     `json:"channel,omitempty" doc:"The channel of that scope."`
}

// Subject is all that is held about a person, and what a check would say of it.
type Subject struct {
	Subject      *string        `json:"subject" nullable:"true" doc:"The person's id; null if nothing is held."`
	Number       string         `json:"number" doc:"The number, masked for callers who need not see it." example:"+12025550123"`
	Records      []Record       `json:"records" doc:"What stands in each scope."`
	Suppressions []Suppression  `json:"suppressions" doc:"The suppression lists on which the number stands."`
	Verdicts     []ScopeVerdict `json:"verdicts" doc:"What a check would say now, for every scope with a record and for the one that was asked for."`
}

// Suppression is a list on which a number stands.
type Suppression struct {
	List  string          `json:"list" doc:"The list's id."`
	Name  string          `json:"name" doc:"The list's name."`
	Kind  string          `json:"kind" doc:"What kind of list it is."`
	Brand consent.BrandID `json:"brand,omitempty" doc:"The brand for which it holds; absent: for all."`
	AsOf  *ledger.Time    `json:"as_of,omitempty" doc:"The moment whose truth its members are."`
}

// ScopeVerdict is what a check says of one scope.
type ScopeVerdict struct {
	Brand   consent.BrandID   `json:"brand" doc:"The brand." example:"default"`
	Purpose consent.PurposeID `json:"purpose" doc:"The purpose." example:"marketing"`
	Channel consent.Channel   `json:"channel" doc:"The channel."`
	Verdict VerdictJSON       `json:"verdict" doc:"The answer to a check."`
}

func (a *API) lookupRoutes() {
	serve(a, operation{
		id: "lookUp", tag: tagSubjects, method: http.MethodPost, path: "/v1/lookups", permission: access.LookUp,
		summary: "Look a number up",
		description: "Tells what is held about a number and what a check would say, per scope. A number about which nothing is held is answered with a null subject. " +
			"No number ever stands in a URL: this is a POST, and what it answers has the subject id for further reading.",
		request: LookupRequest{Number: "+12025550123"},
		answer:  exampleSubjectAnswer(),
	}, a.lookUp)
	serve(a, operation{
		id: "readSubject", tag: tagSubjects, method: http.MethodGet, path: "/v1/subjects/{subject}", permission: access.LookUp,
		summary:     "Read a subject",
		description: "Tells the same as a lookup, by subject id.",
		params:      []*huma.Param{subjectParam()},
		errors:      []int{http.StatusNotFound},
		answer:      exampleSubjectAnswer(),
	}, a.readSubject)
}

func subjectParam() *huma.Param {
	p := pathParam("subject", "The subject id, 32 hexadecimal digits.", exampleSubject)
	p.Schema.Pattern = "^[0-9a-f]{32}$"
	return p
}

func (a *API) lookUp(ctx context.Context, c call, in *LookupRequest) (out reply[Subject], err error) {
	if in.Number == "" {
		return out, unprocessable(act.CodeMissingField, "number", "is missing: send the number with a plus sign and the country code")
	}
	asked, err := a.askedScope(ctx, c, in)
	if err != nil {
		return out, err
	}
	number, err := phone.Parse(in.Number, in.Region)
	if err != nil {
		return out, err
	}
	s, err := a.Ledger.ByNumber(ctx, number)
	if err != nil && !errors.Is(err, ledger.ErrNotFound) {
		return out, err
	}
	s.Number = number
	out.body = a.subject(c, s, asked)
	return out, nil
}

// askedScope is the scope that a lookup names; none without a purpose.
func (a *API) askedScope(ctx context.Context, c call, in *LookupRequest) ([]consent.Scope, error) {
	switch {
	case in.Purpose == "" && in.Channel == nil && in.Brand == "":
		return nil, nil
	case in.Purpose == "":
		return nil, unprocessable(act.CodeMissingField, "purpose", "is missing: a scope needs a purpose and a channel")
	case in.Channel == nil:
		return nil, unprocessable(act.CodeMissingField, "channel", "is missing: a scope needs a purpose and a channel")
	}
	channel, err := consent.ParseChannel(string(*in.Channel))
	if err != nil || channel == consent.AnyChannel {
		return nil, unprocessable(act.CodeInvalidField, "channel", "want one of sms, whatsapp, voice_live, voice_auto")
	}
	scope := consent.Scope{Brand: in.Brand, Purpose: in.Purpose, Channel: channel}
	if scope.Brand == "" {
		scope.Brand = act.DefaultBrand
	}
	if err := a.authorize(ctx, c.Caller, access.LookUp, scope.Brand); err != nil {
		return nil, err
	}
	if _, err := a.Catalog.Brand(string(scope.Brand)); err != nil {
		return nil, unknownWord(act.CodeUnknownBrand, "brand", check.UnknownBrand)
	}
	if _, err := a.Catalog.Purpose(string(scope.Purpose)); err != nil {
		return nil, unknownWord(act.CodeUnknownPurpose, "purpose", check.UnknownPurpose)
	}
	return []consent.Scope{scope}, nil
}

func (a *API) readSubject(ctx context.Context, c call, _ *none) (out reply[Subject], err error) {
	id, err := subjectID(c)
	if err != nil {
		return out, err
	}
	s, err := a.Ledger.ByID(ctx, id)
	if err != nil {
		return out, notFoundSubject(err)
	}
	if out.body = a.subject(c, s, nil); out.body.Subject == nil {
		return out, notFoundSubject(ledger.ErrNotFound)
	}
	return out, nil
}

func subjectID(c call) (id ledger.SubjectID, err error) {
	raw, err := hex.DecodeString(c.path("subject"))
	if err != nil || len(raw) != len(id) {
		return id, unprocessable(act.CodeInvalidField, "subject", "want the 32 hexadecimal digits of a subject id")
	}
	return ledger.SubjectID(raw), nil
}

func notFoundSubject(err error) error {
	if errors.Is(err, ledger.ErrNotFound) {
		return problem(http.StatusNotFound, "not_found", "Not found", "subject", "There is no such subject, or they were erased.")
	}
	return err
}

// subject shows what a caller may see of a person. Somebody whom only other brands know is nobody to a caller who may
// not act for those.
func (a *API) subject(c call, s ledger.Subject, asked []consent.Scope) Subject {
	out := Subject{Number: s.Number.String(), Records: []Record{}, Suppressions: []Suppression{}, Verdicts: []ScopeVerdict{}}
	if c.masked() {
		out.Number = s.Number.Masked()
	}
	now := a.Now()
	for _, h := range s.Records {
		if !visible(c, h.Scope.Brand) {
			continue
		}
		out.Records = append(out.Records, recordOf(h.Scope, h.Record, now))
		if h.Scope.Concrete() && !slices.Contains(asked, h.Scope) {
			asked = append(asked, h.Scope)
		}
	}
	if known := s.ID != (ledger.SubjectID{}); known && (len(out.Records) > 0 || len(c.Brands) == 0) {
		id := hex.EncodeToString(s.ID[:])
		out.Subject = &id
	}
	for _, l := range a.Index.Suppressions(s.Number) {
		if l.Brand == "" || visible(c, l.Brand) {
			out.Suppressions = append(out.Suppressions, Suppression{List: l.ID, Name: l.Name, Kind: l.Kind, Brand: l.Brand, AsOf: moment(l.AsOf)})
		}
	}
	for _, scope := range asked {
		v := a.Index.Check(check.Question{Number: s.Number, Brand: []byte(scope.Brand), Purpose: []byte(scope.Purpose), Channel: scope.Channel})
		out.Verdicts = append(out.Verdicts, ScopeVerdict{
			Brand: scope.Brand, Purpose: scope.Purpose, Channel: scope.Channel, Verdict: check.AppendJSON(nil, &v, nil),
		})
	}
	return out
}

// visible reports whether a caller may see what is held under a brand; what covers every brand covers theirs.
func visible(c call, b consent.BrandID) bool { return b == consent.Any || c.For(b) }

func exampleSubjectAnswer() Subject {
	id := exampleSubject
	return Subject{
		Subject: &id, Number: "+12025550123", Records: []Record{exampleRecord()}, Suppressions: []Suppression{},
		Verdicts: []ScopeVerdict{{Brand: "default", Purpose: "marketing", Channel: consent.SMS, Verdict: VerdictJSON(exampleAllow)}},
	}
}

// exampleAllow is a verdict as check.AppendJSON writes it.
const exampleAllow = `{"verdict":"allow","reasons":[{"code":"granted","text":"The person gave consent.","entry":17}],` +
	`"record":{"status":"granted","level":"express_written","confirmed":false,"granted_at":"2026-03-01T14:03:00Z","valid_until":null,"entry":17},` +
	`"next_allowed_at":null,"changes_at":null,"use_within_ms":1000,"revision":17,"checked_at":"2026-03-01T14:03:05Z"}`
