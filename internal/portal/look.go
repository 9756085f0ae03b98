package portal

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/consentline/consentline/internal/form"
)

// serveSheet serves a brand's colours as a style sheet: the policy of every page forbids styles within it.
func (p *portal) serveSheet(w http.ResponseWriter, r *http.Request) {
	id, ok := strings.CutSuffix(r.PathValue("sheet"), ".css")
	b, err := p.Catalog.Brand(id)
	if !ok || err != nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	w.Header().Set("Cache-Control", "public, max-age=300")
	if look, ok := b.Look(); ok {
		_, _ = fmt.Fprintf(w, ":root { --accent: %s; --accent-ink: %s; }\n", look.Colour, look.Ink) // a visitor who has left needs no error
	}
}

// serveImage serves a kept image by its hash, and nothing else that is kept.
func (p *portal) serveImage(v *visit) error {
	image, err := p.Forms.Page(v.Context(), v.PathValue("hash"))
	if err != nil {
		return err
	}
	kind := http.DetectContentType(image)
	if !form.IsImage(kind) {
		return form.ErrNotFound
	}
	h := v.w.Header()
	h.Set("Content-Type", kind)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	_, _ = v.w.Write(image) // a visitor who has left needs no error
	return nil
}
