package httpapi

import (
	"cmp"
	"context"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/catalog"
	"github.com/consentline/consentline/internal/consent"
)

// Brand is an organisation on whose behalf contact is made.
type Brand struct {
	ID      consent.BrandID `json:"id" doc:"The id by which acts and checks name it." pattern:"^[a-z0-9][a-z0-9._-]{0,63}$" example:"acme"`
	Name    string          `json:"name" doc:"Its name, for people." maxLength:"200" example:"Acme Shoes"`
	Country string          `json:"country,omitempty" doc:"Where it is established (ISO 3166-1)." example:"US"`
	Contact string          `json:"contact,omitempty" doc:"How a person reaches it." example:"privacy@example.com"`
	Colour  string          `json:"colour,omitempty" doc:"The colour of its public pages." pattern:"^#[0-9a-f]{6}$" example:"#0f5c4a"`
	Logo    string          `json:"logo,omitempty" doc:"The image on its public pages, by the hash that PUT /v1/brands/{brand}/logo gave it." pattern:"^sha256:[0-9a-f]{64}$"`
	Site    string          `json:"site,omitempty" doc:"Its site, https." maxLength:"500" example:"https://acme.example"`
	Privacy string          `json:"privacy,omitempty" doc:"Its privacy notice, https." maxLength:"500" example:"https://acme.example/privacy"`
	Terms   string          `json:"terms,omitempty" doc:"Its terms, https." maxLength:"500" example:"https://acme.example/terms"`
	Retired bool            `json:"retired,omitempty" doc:"Whether it is out of use: acts and checks for it are refused."`
}

// Purpose is what contact is for.
type Purpose struct {
	ID          consent.PurposeID `json:"id" doc:"The id by which acts and checks name it." pattern:"^[a-z0-9][a-z0-9._-]{0,63}$" example:"newsletter"`
	Name        string            `json:"name" doc:"Its name, for people." maxLength:"200" example:"Newsletter"`
	Class       consent.Class     `json:"class" doc:"The class, which says which rules it falls under. It cannot be changed."`
	Description string            `json:"description,omitempty" doc:"What it is, in a sentence." example:"News and offers by text message"`
	DoubleOptIn bool              `json:"double_opt_in,omitempty" doc:"Whether a yes to messages counts only once the person confirmed it. Who records one in another way names actor and method: who answers for skipping that, and why."`
	Retired     bool              `json:"retired,omitempty" doc:"Whether it is out of use: acts and checks for it are refused."`
}

// Sender is what a brand's messages and calls come from.
type Sender struct {
	ID      string            `json:"id" doc:"The sender's id." pattern:"^[a-z0-9][a-z0-9._-]{0,63}$" example:"acme-us"`
	Brand   consent.BrandID   `json:"brand" doc:"The brand that it belongs to." example:"acme"`
	Kind    string            `json:"kind" doc:"What it is." enum:"number,short_code,alphanumeric,messaging_service,whatsapp_number" example:"short_code"`
	Address string            `json:"address" doc:"An E.164 number, a short code, or the provider's name for it." example:"55512"`
	Channel askedChannel      `json:"channel" doc:"The channel that it serves."`
	Purpose consent.PurposeID `json:"purpose,omitempty" doc:"What it is used for, where it has one use."`
	Retired bool              `json:"retired,omitempty" doc:"Whether it is out of use."`
}

func senderOf(s catalog.Sender) Sender {
	return Sender{s.ID, s.Brand, s.Kind, s.Address, askedChannel(s.Channel.String()), s.Purpose, s.Retired}
}

func (s *Sender) defined() (catalog.Sender, error) {
	channel, err := consent.ParseChannel(string(s.Channel))
	if err != nil {
		return catalog.Sender{}, &catalog.InvalidError{Field: "channel", Reason: "want one of sms, whatsapp, voice_live, voice_auto"}
	}
	return catalog.Sender{ID: s.ID, Brand: s.Brand, Kind: s.Kind, Address: s.Address, Channel: channel, Purpose: s.Purpose, Retired: s.Retired}, nil
}

// resource is a kind of definition whose four routes are alike. W is what crosses the wire, D what the catalog keeps.
type resource[W, D any] struct {
	one, many string // brand, brands
	title     string // Brand
	param     *huma.Param
	example   W

	tag               string            // empty: definitions
	request           W                 // an example of what is sent, where it is not what is answered
	reading, changing access.Permission // empty: those of the catalog
	ends              string            // how its use is ended; empty: by retired

	id     func(*W) string
	setID  func(*W, string)
	brand  func(*W) consent.BrandID // whose it is
	read   func(*W) (D, error)
	show   func(D) W
	all    func() []D
	get    func(id string) (D, error)
	create func(ctx context.Context, by string, d D) (D, error)
	change func(ctx context.Context, by string, d D) (D, error)
	hidden func(c call, w *W) bool // from a caller who acts for some brands only
}

func defineResource[W, D any](a *API, r resource[W, D]) {
	path := "/v1/" + r.many
	r.reading, r.changing = cmp.Or(r.reading, access.ReadCatalog), cmp.Or(r.changing, access.ChangeCatalog)
	r.tag = cmp.Or(r.tag, tagDefinitions)
	if r.id(&r.request) == "" {
		r.request = r.example
	}
	ends := cmp.Or(r.ends, "Nothing is deleted: set retired to end its use.")
	serve(a, operation{
		id: "create" + r.title, tag: r.tag, method: http.MethodPost, path: path, permission: r.changing,
		summary: "Define a " + r.one, description: "Defines a new " + r.one + ". An id that is taken is refused.",
		params: []*huma.Param{idempotencyParam()}, status: http.StatusCreated, errors: []int{http.StatusConflict},
		request: r.request, answer: r.example,
	}, func(ctx context.Context, c call, in *W) (reply[W], error) {
		out, err := define(ctx, a, c, &r, in, r.create)
		out.place = path + "/" + r.id(in)
		return out, err
	})
	serve(a, operation{
		id: "list" + r.title + "s", tag: r.tag, method: http.MethodGet, path: path, permission: r.reading,
		summary: "List " + r.many, description: "Lists the " + r.many + " by id, those out of use included.",
		params: pageParams(), answer: Page[W]{Items: []W{r.example}},
	}, func(_ context.Context, c call, _ *none) (reply[Page[W]], error) {
		var seen []W
		for _, d := range r.all() {
			if w := r.show(d); !r.hidden(c, &w) {
				seen = append(seen, w)
			}
		}
		return pageOf(a, c, r.many, seen, func(w W) string { return r.id(&w) })
	})
	serve(a, operation{
		id: "read" + r.title, tag: r.tag, method: http.MethodGet, path: path + "/{" + r.one + "}", permission: r.reading,
		summary: "Read a " + r.one, description: "Tells what is defined under an id.",
		params: []*huma.Param{r.param}, errors: []int{http.StatusNotFound}, answer: r.example,
	}, func(ctx context.Context, c call, _ *none) (reply[W], error) { return readOne(ctx, a, c, &r) })
	serve(a, operation{
		id: "change" + r.title, tag: r.tag, method: http.MethodPut, path: path + "/{" + r.one + "}", permission: r.changing,
		summary: "Change a " + r.one, description: "Puts a whole new definition in the place of the one under this id. What is left out is empty then. " + ends,
		params: []*huma.Param{r.param, idempotencyParam()}, errors: []int{http.StatusNotFound}, request: r.request, answer: r.example,
	}, func(ctx context.Context, c call, in *W) (reply[W], error) { return changeOne(ctx, a, c, &r, in) })
}

func readOne[W, D any](ctx context.Context, a *API, c call, r *resource[W, D]) (reply[W], error) {
	d, err := r.get(c.path(r.one))
	if err != nil {
		return reply[W]{}, err
	}
	w := r.show(d)
	if r.hidden(c, &w) {
		return reply[W]{}, a.Gate.Authorize(ctx, c.Caller, r.reading, r.brand(&w))
	}
	return reply[W]{body: w}, nil
}

func changeOne[W, D any](ctx context.Context, a *API, c call, r *resource[W, D], in *W) (out reply[W], err error) {
	id := c.path(r.one)
	if r.id(in) != "" && r.id(in) != id {
		return out, &catalog.InvalidError{Field: "id", Reason: "is not the one in the path: send that, or define another " + r.one}
	}
	r.setID(in, id)
	before, err := r.get(id)
	if err != nil {
		return out, err
	}
	was := r.show(before)
	if err := a.Gate.Authorize(ctx, c.Caller, r.changing, r.brand(&was)); err != nil {
		return out, err
	}
	return define(ctx, a, c, r, in, func(ctx context.Context, by string, d D) (D, error) {
		if reflect.DeepEqual(d, before) {
			return d, nil // as it is already: no entry is made of that
		}
		return r.change(ctx, by, d)
	})
}

func define[W, D any](ctx context.Context, a *API, c call, r *resource[W, D], in *W, put func(context.Context, string, D) (D, error)) (out reply[W], err error) {
	if err := a.Gate.Authorize(ctx, c.Caller, r.changing, r.brand(in)); err != nil {
		return out, err
	}
	d, err := r.read(in)
	if err != nil {
		return out, err
	}
	d, _, err = once(ctx, a, c, work[D]{
		content: in, replay: definition[D],
		do: func(ctx context.Context) (D, error) { return put(ctx, c.ID, d) },
	})
	out.body = r.show(d)
	return out, err
}

func (a *API) definitionRoutes() {
	defineResource(a, resource[Brand, catalog.Brand]{
		one: "brand", many: "brands", title: "Brand", param: pathParam("brand", "The brand's id.", "acme"),
		example: Brand{ID: "acme", Name: "Acme Shoes", Country: "US", Contact: "privacy@example.com", Colour: "#0f5c4a", Privacy: "https://acme.example/privacy"},
		id:      func(b *Brand) string { return string(b.ID) },
		setID:   func(b *Brand, id string) { b.ID = consent.BrandID(id) },
		brand:   func(b *Brand) consent.BrandID { return b.ID },
		read:    func(b *Brand) (catalog.Brand, error) { return catalog.Brand(*b), nil },
		show:    func(b catalog.Brand) Brand { return Brand(b) },
		all:     a.Catalog.Brands, get: a.Catalog.Brand, create: a.Catalog.CreateBrand, change: a.Catalog.ChangeBrand,
		hidden: func(c call, b *Brand) bool { return !c.For(b.ID) },
	})
	a.logoRoutes(pathParam("brand", "The brand's id.", "acme"))
	defineResource(a, resource[Purpose, catalog.Purpose]{
		one: "purpose", many: "purposes", title: "Purpose", param: pathParam("purpose", "The purpose's id.", "newsletter"),
		example: Purpose{ID: "newsletter", Name: "Newsletter", Class: consent.Marketing, Description: "News and offers by text message"},
		id:      func(p *Purpose) string { return string(p.ID) },
		setID:   func(p *Purpose, id string) { p.ID = consent.PurposeID(id) },
		brand:   func(*Purpose) consent.BrandID { return consent.Any }, // all brands share the purposes
		read:    func(p *Purpose) (catalog.Purpose, error) { return catalog.Purpose(*p), nil },
		show:    func(p catalog.Purpose) Purpose { return Purpose(p) },
		all:     a.Catalog.Purposes, get: a.Catalog.Purpose, create: a.Catalog.CreatePurpose, change: a.Catalog.ChangePurpose,
		hidden: func(call, *Purpose) bool { return false },
	})
	defineResource(a, resource[Sender, catalog.Sender]{
		one: "sender", many: "senders", title: "Sender", param: pathParam("sender", "The sender's id.", "acme-us"),
		example: Sender{ID: "acme-us", Brand: "acme", Kind: "short_code", Address: "55512", Channel: "sms"},
		id:      func(s *Sender) string { return s.ID },
		setID:   func(s *Sender, id string) { s.ID = id },
		brand:   func(s *Sender) consent.BrandID { return s.Brand },
		read:    (*Sender).defined, show: senderOf,
		all: a.Catalog.Senders, get: a.Catalog.Sender, create: a.Catalog.CreateSender, change: a.Catalog.ChangeSender,
		hidden: func(c call, s *Sender) bool { return !c.For(s.Brand) },
	})
}
