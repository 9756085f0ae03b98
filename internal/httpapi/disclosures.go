package httpapi

import (
	"context"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/catalog"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
)

// Disclosure is a wording that people are shown, with all its versions.
type Disclosure struct {
	ID       string            `json:"id" doc:"The id by which acts name it." example:"newsletter-sms"`
	Brand    consent.BrandID   `json:"brand,omitempty" doc:"The brand that shows it; absent: any."`
	Purpose  consent.PurposeID `json:"purpose,omitempty" doc:"The purpose that it asks consent for; absent: any."`
	Versions []Wording         `json:"versions" doc:"Its versions, the first numbered 1."`
}

// Wording is one version of a disclosure: exact words in one language, frozen.
type Wording struct {
	Version   int         `json:"version" doc:"The version, from 1."`
	Language  string      `json:"language" doc:"The language (BCP 47)." example:"en-US"`
	Text      string      `json:"text" doc:"The exact words."`
	Hash      string      `json:"hash" doc:"sha256: and the hash of the words' bytes, in hexadecimal."`
	CreatedAt ledger.Time `json:"created_at" doc:"When the version was made."`
}

// DisclosureRequest defines a disclosure with its first version.
type DisclosureRequest struct {
	ID      string            `json:"id" doc:"The id by which acts will name it." pattern:"^[a-z0-9][a-z0-9._-]{0,63}$" example:"newsletter-sms"`
	Brand   consent.BrandID   `json:"brand,omitempty" doc:"The brand that shows it; absent: any."`
	Purpose consent.PurposeID `json:"purpose,omitempty" doc:"The purpose that it asks consent for; absent: any."`
	WordingRequest
}

// WordingRequest is a new version of a disclosure.
type WordingRequest struct {
	Language string `json:"language" doc:"The language (BCP 47)." example:"en-US"`
	Text     string `json:"text" doc:"The exact words, up to 20,000 bytes." example:"I agree to receive marketing texts from Example. Reply STOP to end."`
}

func disclosureOf(d catalog.Disclosure) Disclosure {
	out := Disclosure{ID: d.ID, Brand: d.Brand, Purpose: d.Purpose, Versions: make([]Wording, len(d.Versions))}
	for i, w := range d.Versions {
		out.Versions[i] = Wording(w)
	}
	return out
}

func (a *API) disclosureRoutes() {
	id := pathParam("disclosure", "The disclosure's id.", "newsletter-sms")
	example := Disclosure{ID: "newsletter-sms", Purpose: "marketing", Versions: []Wording{*exampleWording()}}
	words := WordingRequest{Language: "en-US", Text: exampleWording().Text}
	serve(a, operation{
		id: "createDisclosure", tag: tagDefinitions, method: http.MethodPost, path: "/v1/disclosures", permission: access.ChangeWording,
		summary: "Define a disclosure", description: "Defines a wording that people are shown, with its first version. A version never changes once it is made.",
		params: []*huma.Param{idempotencyParam()}, status: http.StatusCreated, errors: []int{http.StatusConflict},
		request: DisclosureRequest{ID: "newsletter-sms", Purpose: "marketing", WordingRequest: words}, answer: example,
	}, a.createDisclosure)
	serve(a, operation{
		id: "listDisclosures", tag: tagDefinitions, method: http.MethodGet, path: "/v1/disclosures", permission: access.ReadCatalog,
		summary: "List disclosures", description: "Lists the disclosures with all their versions, by id.",
		params: pageParams(), answer: Page[Disclosure]{Items: []Disclosure{example}},
	}, a.listDisclosures)
	serve(a, operation{
		id: "readDisclosure", tag: tagDefinitions, method: http.MethodGet, path: "/v1/disclosures/{disclosure}", permission: access.ReadCatalog,
		summary: "Read a disclosure", description: "Tells a disclosure with all its versions.",
		params: []*huma.Param{id}, errors: []int{http.StatusNotFound}, answer: example,
	}, a.readDisclosure)
	serve(a, operation{
		id: "addVersion", tag: tagDefinitions, method: http.MethodPost, path: "/v1/disclosures/{disclosure}/versions", permission: access.ChangeWording,
		summary: "Add a version of a disclosure", description: "Adds the next version. The same words in the same language as the latest version add none and are answered with it.",
		params: []*huma.Param{id, idempotencyParam()}, status: http.StatusCreated, errors: []int{http.StatusNotFound},
		request: words, answer: *exampleWording(),
	}, a.addVersion)
	version := pathParam("version", "The version, from 1.", "1")
	version.Schema = &huma.Schema{Type: huma.TypeInteger, Minimum: new(1.0)}
	version.Example = 1
	serve(a, operation{
		id: "readVersion", tag: tagDefinitions, method: http.MethodGet, path: "/v1/disclosures/{disclosure}/versions/{version}", permission: access.ReadCatalog,
		summary: "Read a version of a disclosure", description: "Tells the exact words of one version.",
		params: []*huma.Param{id, version}, errors: []int{http.StatusNotFound}, answer: *exampleWording(),
	}, a.readVersion)
	serve(a, operation{
		id: "listVersions", tag: tagDefinitions, method: http.MethodGet, path: "/v1/disclosures/{disclosure}/versions", permission: access.ReadCatalog,
		summary: "List the versions of a disclosure", description: "Lists the versions of a disclosure, oldest first.",
		params: append([]*huma.Param{id}, pageParams()...), errors: []int{http.StatusNotFound}, answer: Page[Wording]{Items: []Wording{*exampleWording()}},
	}, a.listVersions)
}

func (a *API) createDisclosure(ctx context.Context, c call, in *DisclosureRequest) (out reply[Disclosure], err error) {
	if err := a.Gate.Authorize(ctx, c.Caller, access.ChangeWording, brandOrAll(in.Brand)); err != nil {
		return out, err
	}
	d, _, err := once(ctx, a, c, work[catalog.Disclosure]{
		content: in, replay: definition[catalog.Disclosure],
		do: func(ctx context.Context) (catalog.Disclosure, error) {
			return a.Catalog.CreateDisclosure(ctx, c.ID, catalog.Disclosure{ID: in.ID, Brand: in.Brand, Purpose: in.Purpose},
				catalog.Wording{Language: in.Language, Text: in.Text}, a.Now())
		},
	})
	out.body, out.place = disclosureOf(d), "/v1/disclosures/"+d.ID
	return out, err
}

func (a *API) listDisclosures(_ context.Context, c call, _ *none) (reply[Page[Disclosure]], error) {
	var seen []Disclosure
	for _, d := range a.Catalog.Disclosures() {
		if d.Brand == "" || c.For(d.Brand) {
			seen = append(seen, disclosureOf(d))
		}
	}
	return pageOf(a, c, "disclosures", seen, func(d Disclosure) string { return d.ID })
}

// disclosure returns the one that a path names, if the caller may see it.
func (a *API) disclosure(ctx context.Context, c call, permission access.Permission) (catalog.Disclosure, error) {
	d, err := a.Catalog.Disclosure(c.path("disclosure"))
	if err != nil {
		return d, err
	}
	if d.Brand == "" && permission == access.ReadCatalog {
		return d, nil
	}
	return d, a.Gate.Authorize(ctx, c.Caller, permission, brandOrAll(d.Brand))
}

func (a *API) readDisclosure(ctx context.Context, c call, _ *none) (reply[Disclosure], error) {
	d, err := a.disclosure(ctx, c, access.ReadCatalog)
	return reply[Disclosure]{body: disclosureOf(d)}, err
}

func (a *API) addVersion(ctx context.Context, c call, in *WordingRequest) (out reply[Wording], err error) {
	d, err := a.disclosure(ctx, c, access.ChangeWording)
	if err != nil {
		return out, err
	}
	w, _, err := once(ctx, a, c, work[catalog.Wording]{
		content: in,
		do: func(ctx context.Context) (catalog.Wording, error) {
			return a.Catalog.AddVersion(ctx, c.ID, d.ID, catalog.Wording{Language: in.Language, Text: in.Text}, a.Now())
		},
		replay: func(e ledger.Entry) (catalog.Wording, error) {
			then, err := definition[catalog.Disclosure](e)
			if err != nil {
				return catalog.Wording{}, err
			}
			return then.Versions[len(then.Versions)-1], nil
		},
	})
	out.body, out.place = Wording(w), "/v1/disclosures/"+d.ID+"/versions/"+strconv.Itoa(w.Version)
	return out, err
}

func (a *API) readVersion(ctx context.Context, c call, _ *none) (out reply[Wording], err error) {
	d, err := a.disclosure(ctx, c, access.ReadCatalog)
	if err != nil {
		return out, err
	}
	n, err := strconv.Atoi(c.path("version"))
	if err != nil {
		return out, unprocessable(act.CodeInvalidField, "version", "want a whole number, from 1")
	}
	w, err := a.Catalog.Wording(consent.DisclosureRef{ID: d.ID, Version: n})
	return reply[Wording]{body: Wording(w)}, err
}

func (a *API) listVersions(ctx context.Context, c call, _ *none) (out reply[Page[Wording]], err error) {
	d, err := a.disclosure(ctx, c, access.ReadCatalog)
	if err != nil {
		return out, err
	}
	// Cursors compare as text, so that versions are written with the same number of digits.
	return pageOf(a, c, "versions of "+d.ID, disclosureOf(d).Versions, func(w Wording) string {
		return "v" + strconv.Itoa(1_000_000_000+w.Version)
	})
}

// brandOrAll is the brand that something belongs to; what belongs to none concerns all.
func brandOrAll(b consent.BrandID) consent.BrandID {
	if b == "" {
		return consent.Any
	}
	return b
}

func exampleWording() *Wording {
	return &Wording{
		Version: 1, Language: "en-US", Text: "I agree to receive marketing texts from Example. Reply STOP to end.",
		Hash: "sha256:" + "b1ff8b1ae2d0ae63f8b95d4cfb1a1bbd8c05c1ee3b46bd3ac45d3e13ac7e6d92", CreatedAt: *exampleTime(),
	}
}
