package httpapi

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/consentline/consentline/internal/access"
)

// LogoRequest is the image on a brand's public pages.
type LogoRequest struct {
	Image []byte `json:"image" doc:"A PNG or JPEG image in base64, of at most 60,000 bytes and 1,200 pixels a side. Empty takes the logo away."`
}

func (a *API) logoRoutes(brand *huma.Param) {
	example := Brand{ID: "acme", Name: "Acme Shoes"}
	serve(a, operation{
		id: "changeLogo", tag: tagDefinitions, method: http.MethodPut, path: "/v1/brands/{brand}/logo", permission: access.ChangeCatalog,
		summary: "Change a brand's logo", description: "Keeps an image and puts it on the brand's public pages. Images are kept for ever, since people agreed on pages that showed them.",
		params: []*huma.Param{brand}, errors: []int{http.StatusNotFound}, request: LogoRequest{Image: []byte{}}, answer: example,
	}, a.changeLogo)
}

func (a *API) changeLogo(ctx context.Context, c call, in *LogoRequest) (out reply[Brand], err error) {
	b, err := a.Catalog.Brand(c.path("brand"))
	if err != nil {
		return out, err
	}
	if err := a.Gate.Authorize(ctx, c.Caller, access.ChangeCatalog, b.ID); err != nil {
		return out, err
	}
	was := b.Logo
	if b.Logo = ""; len(in.Image) > 0 {
		if b.Logo, err = a.Forms.KeepImage(ctx, in.Image); err != nil {
			return out, err
		}
	}
	if b.Logo != was {
		b, err = a.Catalog.ChangeBrand(ctx, c.ID, b)
	}
	out.body = Brand(b)
	return out, err
}
