package console

import (
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/catalog"
	forms "github.com/consentline/consentline/internal/form"
)

// brandPage is one brand with how its public pages look.
type brandPage struct {
	catalog.Brand
	MaxKB     int // of a logo
	MayChange bool
}

func (s *console) brand(v *visit) error {
	b, err := s.visibleBrand(v)
	if err != nil {
		return err
	}
	return s.renderBrand(v, http.StatusOK, b, form{})
}

// visibleBrand returns the brand in the address, if the visitor may see it.
func (s *console) visibleBrand(v *visit) (catalog.Brand, error) {
	b, err := s.Catalog.Brand(v.PathValue("id"))
	if err == nil && !v.caller.For(b.ID) {
		err = catalog.ErrNotFound
	}
	return b, err
}

func (s *console) renderBrand(v *visit, status int, b catalog.Brand, f form) error {
	page := brandPage{Brand: b, MaxKB: forms.MaxImage / 1000, MayChange: v.caller.Can(access.ChangeCatalog)}
	return s.render(v, status, "brand", view{Title: b.Name, Section: "/console/definitions", Form: f, Page: page})
}

// changedBrand runs a change of the brand in the address and answers for it. What was typed stays if it is refused.
func (s *console) changedBrand(v *visit, change func(*catalog.Brand) (form, error)) error {
	b, err := s.visibleBrand(v)
	if err != nil {
		return err
	}
	if err := s.Gate.Authorize(v.ctx(), v.caller, access.ChangeCatalog, b.ID); err != nil {
		return err
	}
	was := b
	f, err := change(&b)
	if err == nil && b == was {
		return v.done("/console/brands/"+string(b.ID), "unchanged")
	}
	if err == nil {
		_, err = s.Catalog.ChangeBrand(v.ctx(), v.caller.ID, b)
	}
	if err != nil {
		if err := f.wrong(err); err != nil {
			return err
		}
		return s.renderBrand(v, http.StatusUnprocessableEntity, b, f)
	}
	return v.done("/console/brands/"+string(b.ID), "saved")
}

func (s *console) changeBrand(v *visit) error {
	return s.changedBrand(v, func(b *catalog.Brand) (form, error) {
		f, err := v.typed()
		b.Name, b.Country, b.Contact = f.text("name"), strings.ToUpper(f.text("country")), f.text("contact")
		b.Colour, b.Site, b.Privacy, b.Terms = strings.ToLower(f.text("colour")), f.text("site"), f.text("privacy"), f.text("terms")
		return f, err
	})
}

// changeLogo takes an image, or takes the one away that is there.
func (s *console) changeLogo(v *visit) error {
	return s.changedBrand(v, func(b *catalog.Brand) (f form, err error) {
		file, _, err := v.FormFile("logo")
		f.Values = v.PostForm
		if f.Value("remove") != "" {
			b.Logo = ""
			return f, nil
		}
		if errors.Is(err, http.ErrMissingFile) || errors.Is(err, http.ErrNotMultipart) {
			return f, invalid("logo", "choose a PNG or JPEG image")
		}
		if err != nil {
			return f, err
		}
		defer func() { _ = file.Close() }() // it was only read
		body, err := io.ReadAll(io.LimitReader(file, forms.MaxImage+1))
		if err != nil {
			return f, err
		}
		b.Logo, err = s.Forms.KeepImage(v.ctx(), body)
		return f, err
	})
}
