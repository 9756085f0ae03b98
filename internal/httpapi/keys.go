package httpapi

import (
	"context"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
)

// KeyRequest asks for an API key.
type KeyRequest struct {
	Name      string            `json:"name" doc:"What it is for, for people." maxLength:"200" example:"Campaign tool"`
	Role      access.Role       `json:"role" doc:"What its holder may do."`
	Brands    []consent.BrandID `json:"brands,omitempty" doc:"The only brands for which it may act; absent: all."`
	ExpiresAt *ledger.Time      `json:"expires_at,omitempty" doc:"When it stops being accepted; absent: never."`
}

// Key is what is kept of an API key.
type Key struct {
	ID string `json:"id" doc:"The key's id." example:"k3v9a2m0"`
	KeyRequest
	CreatedAt ledger.Time  `json:"created_at" doc:"When it was made."`
	CreatedBy string       `json:"created_by" doc:"Who made it." example:"local"`
	RevokedAt *ledger.Time `json:"revoked_at,omitempty" doc:"When it was revoked."`
	RevokedBy string       `json:"revoked_by,omitempty" doc:"Who revoked it."`
}

// NewKey is a key that was just made, with its secret.
type NewKey struct {
	Key
	Secret string `json:"secret,omitempty" doc:"The secret, to be sent as Authorization: Bearer. It is shown in this answer only and kept nowhere: a repeated request is answered without it." example:"cl_…"`
}

func keyOf(k access.Key) Key {
	return Key{
		ID: k.ID, KeyRequest: KeyRequest{Name: k.Name, Role: k.Role, Brands: k.Brands, ExpiresAt: k.ExpiresAt},
		CreatedAt: k.CreatedAt, CreatedBy: k.CreatedBy, RevokedAt: k.RevokedAt, RevokedBy: k.RevokedBy,
	}
}

func (a *API) keyRoutes() {
	id := pathParam("key", "The key's id.", "k3v9a2m0")
	request := KeyRequest{Name: "Campaign tool", Role: access.Sender, Brands: []consent.BrandID{"default"}}
	example := Key{ID: "k3v9a2m0", KeyRequest: request, CreatedAt: *exampleTime(), CreatedBy: "local"}
	revoked := example
	revoked.RevokedAt, revoked.RevokedBy = exampleTime(), "local"
	serve(a, operation{
		id: "createKey", tag: tagKeys, method: http.MethodPost, path: "/v1/keys", permission: access.ManageKeys,
		summary: "Make a key", description: "Makes an API key and shows its secret, once.",
		params: []*huma.Param{idempotencyParam()}, status: http.StatusCreated, request: request, answer: NewKey{Key: example, Secret: "cl_shown-once"},
	}, a.createKey)
	serve(a, operation{
		id: "listKeys", tag: tagKeys, method: http.MethodGet, path: "/v1/keys", permission: access.ManageKeys,
		summary: "List the keys", description: "Lists the keys by id, revoked ones included.", params: pageParams(), answer: Page[Key]{Items: []Key{example}},
	}, a.listKeys)
	serve(a, operation{
		id: "readKey", tag: tagKeys, method: http.MethodGet, path: "/v1/keys/{key}", permission: access.ManageKeys,
		summary: "Read a key", description: "Tells what is kept of a key. The secret is not.", params: []*huma.Param{id}, errors: []int{http.StatusNotFound}, answer: example,
	}, a.readKey)
	serve(a, operation{
		id: "revokeKey", tag: tagKeys, method: http.MethodDelete, path: "/v1/keys/{key}", permission: access.ManageKeys,
		summary: "Revoke a key", description: "Ends a key: it is refused from the moment of this answer. To revoke it again changes nothing.",
		params: []*huma.Param{id, idempotencyParam()}, errors: []int{http.StatusNotFound}, answer: revoked,
	}, a.revokeKey)
}

func (a *API) createKey(ctx context.Context, c call, in *KeyRequest) (out reply[NewKey], err error) {
	if err := a.Gate.Authorize(ctx, c.Caller, access.ManageKeys, brandsOrAll(in.Brands)...); err != nil {
		return out, err
	}
	for _, b := range in.Brands {
		if _, err := a.Catalog.Brand(string(b)); err != nil {
			return out, &access.InvalidError{Field: "brands", Reason: "names a brand that is not defined: define it with POST /v1/brands"}
		}
	}
	out.body, _, err = once(ctx, a, c, work[NewKey]{
		content: in,
		do: func(ctx context.Context) (NewKey, error) {
			k, secret, err := a.Gate.Create(ctx, c.Caller, access.Key{Name: in.Name, Role: in.Role, Brands: in.Brands, ExpiresAt: in.ExpiresAt})
			return NewKey{keyOf(k), secret}, err
		},
		replay: func(e ledger.Entry) (NewKey, error) {
			k, err := definition[access.Key](e)
			return NewKey{Key: keyOf(k)}, err
		},
	})
	out.place = "/v1/keys/" + out.body.ID
	return out, err
}

func (a *API) listKeys(_ context.Context, c call, _ *none) (reply[Page[Key]], error) {
	var seen []Key
	for _, k := range a.Gate.Keys() {
		if len(c.Brands) == 0 || !slices.ContainsFunc(brandsOrAll(k.Brands), func(b consent.BrandID) bool { return !c.For(b) }) {
			seen = append(seen, keyOf(k))
		}
	}
	return pageOf(a, c, "keys", seen, func(k Key) string { return k.ID })
}

func (a *API) keyFor(ctx context.Context, c call) (access.Key, error) {
	k, err := a.Gate.Key(c.path("key"))
	if err != nil {
		return k, err
	}
	return k, a.Gate.Authorize(ctx, c.Caller, access.ManageKeys, brandsOrAll(k.Brands)...)
}

func (a *API) readKey(ctx context.Context, c call, _ *none) (reply[Key], error) {
	k, err := a.keyFor(ctx, c)
	return reply[Key]{body: keyOf(k)}, err
}

// revokeKey needs no memory of its idempotency key: a key that is revoked stays so.
func (a *API) revokeKey(ctx context.Context, c call, _ *none) (reply[Key], error) {
	k, err := a.keyFor(ctx, c)
	if err == nil {
		k, err = a.Gate.Revoke(ctx, c.Caller, k.ID)
	}
	return reply[Key]{body: keyOf(k)}, err
}

// brandsOrAll are the brands that a key is for; one for none in particular is for all.
func brandsOrAll(brands []consent.BrandID) []consent.BrandID {
	if len(brands) == 0 {
		return []consent.BrandID{consent.Any}
	}
	return brands
}
