package form

import (
	"bytes"
	"context"
	"fmt"
	"image"
	_ "image/jpeg" // for reading sizes
	_ "image/png"
	"net/http"
	"slices"

	"github.com/consentline/consentline/internal/catalog"
)

// MaxImage is how many bytes an image for public pages may have, and MaxSide how many pixels each of its sides.
const (
	MaxImage = 60_000
	MaxSide  = 1200
)

// imageKinds are pictures that cannot hold a script; SVG can.
var imageKinds = []string{"image/png", "image/jpeg"}

// IsImage reports whether bytes of a detected type are an image that public pages may show.
func IsImage(kind string) bool { return slices.Contains(imageKinds, kind) }

// KeepImage keeps an image that pages show and returns its hash as Keep does. What is no PNG or JPEG of the allowed size
// is a *catalog.InvalidError for the field logo.
func (s *Forms) KeepImage(ctx context.Context, body []byte) (string, error) {
	wrong := func(reason string) error { return &catalog.InvalidError{Field: "logo", Reason: reason} }
	if len(body) > MaxImage {
		return "", wrong(fmt.Sprintf("is too large: at most %d bytes", MaxImage))
	}
	if !IsImage(http.DetectContentType(body)) {
		return "", wrong("want a PNG or JPEG image")
	}
	size, _, err := image.DecodeConfig(bytes.NewReader(body))
	if err != nil {
		return "", wrong("cannot be read as an image: it may be cut off")
	}
	if size.Width > MaxSide || size.Height > MaxSide {
		return "", wrong(fmt.Sprintf("is %d by %d pixels: at most %d by %d", size.Width, size.Height, MaxSide, MaxSide))
	}
	return s.Keep(ctx, body)
}
