package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
)

type brandsCmd struct {
	List   brandsListCmd   `cmd:"" help:"List the brands."`
	Show   brandsShowCmd   `cmd:"" help:"Show what is known of a brand."`
	Define brandsDefineCmd `cmd:"" help:"Define a brand, or change what is given of one."`
}

// Help implements kong.HelpProvider.
func (brandsCmd) Help() string {
	return `A brand is on whose behalf contact is made. Its colour, logo and links stand on its opt-in forms and preference centre.

Example:
  consentline brands define acme --name "Acme Shoes" --country US --colour '#7a3e1d' --logo acme.png --privacy https://acme.example/privacy`
}

// wireBrand is a brand as the interface tells of it.
type wireBrand struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Country string `json:"country,omitempty"`
	Contact string `json:"contact,omitempty"`
	Colour  string `json:"colour,omitempty"`
	Logo    string `json:"logo,omitempty"`
	Site    string `json:"site,omitempty"`
	Privacy string `json:"privacy,omitempty"`
	Terms   string `json:"terms,omitempty"`
	Retired bool   `json:"retired,omitempty"`
}

func (b *wireBrand) state() string {
	if b.Retired {
		return "retired"
	}
	return "in use"
}

func (b *wireBrand) print(a *App) error {
	t := newTable(a.Out)
	t.pair("brand", b.ID)
	t.pair("name", b.Name)
	for _, p := range []struct{ name, value string }{
		{"country", b.Country}, {"contact", b.Contact}, {"colour", b.Colour}, {"logo", b.Logo}, {"site", b.Site}, {"privacy", b.Privacy}, {"terms", b.Terms},
	} {
		if p.value != "" {
			t.pair(p.name, p.value)
		}
	}
	t.pair("state", b.state())
	return t.flush()
}

type brandsListCmd struct {
	target
	jsonFlag
}

// Run lists the brands.
func (c *brandsListCmd) Run(ctx context.Context, a *App) error {
	t := newTable(a.Out)
	if !c.JSON {
		t.row("ID", "NAME", "COUNTRY", "STATE")
	}
	err := c.each(ctx, a, "/v1/brands", func(raw json.RawMessage) error {
		if c.JSON {
			return writeJSON(a.Out, raw)
		}
		var b wireBrand
		if err := json.Unmarshal(raw, &b); err != nil {
			return err
		}
		t.row(b.ID, b.Name, b.Country, b.state())
		return nil
	})
	return errors.Join(err, t.flush())
}

type brandsShowCmd struct {
	ID string `arg:"" help:"The brand's id."`
	target
	jsonFlag
}

// Run shows one brand.
func (c *brandsShowCmd) Run(ctx context.Context, a *App) error {
	return c.tellBrand(ctx, a, c.JSON, http.MethodGet, brandPath(c.ID), nil)
}

type brandsDefineCmd struct {
	ID      string  `arg:"" help:"The brand's id: a-z, 0-9, dot, dash, underscore."`
	Name    *string `placeholder:"TEXT" help:"Its name, for people; a new brand needs one."`
	Country *string `placeholder:"COUNTRY" help:"Where it is established (ISO 3166-1), such as FI."`
	Contact *string `placeholder:"TEXT" help:"How people reach it."`
	Colour  *string `placeholder:"#RRGGBB" help:"The colour of its public pages."`
	Site    *string `placeholder:"URL" help:"Its website, https."`
	Privacy *string `placeholder:"URL" help:"Its privacy notice, https."`
	Terms   *string `placeholder:"URL" help:"Its terms, https."`
	Retired *bool   `negatable:"" help:"End its use; --no-retired brings it back."`
	Logo    string  `type:"existingfile" placeholder:"FILE" help:"A PNG or JPEG image for its public pages."`
	target
	jsonFlag
}

// Run defines the brand, or changes what is given and leaves the rest. The logo goes last, since it needs its brand.
func (c *brandsDefineCmd) Run(ctx context.Context, a *App) error {
	b, known, err := c.now(ctx, a)
	if err != nil {
		return err
	}
	for _, f := range []struct {
		to   *string
		from *string
	}{
		{&b.Name, c.Name}, {&b.Country, c.Country}, {&b.Contact, c.Contact}, {&b.Colour, c.Colour}, {&b.Site, c.Site},
		{&b.Privacy, c.Privacy}, {&b.Terms, c.Terms},
	} {
		if f.from != nil {
			*f.to = *f.from
		}
	}
	if c.Retired != nil {
		b.Retired = *c.Retired
	}
	method, path := http.MethodPost, "/v1/brands"
	if known {
		method, path = http.MethodPut, brandPath(c.ID)
	}
	if c.Logo == "" {
		return c.tellBrand(ctx, a, c.JSON, method, path, b)
	}
	image, err := os.ReadFile(c.Logo)
	if err != nil {
		return fmt.Errorf("--logo: %w", err)
	}
	if _, err := c.ask(ctx, a, mayCreate, method, path, b, nil); err != nil {
		return err
	}
	return c.tellBrand(ctx, a, c.JSON, http.MethodPut, brandPath(c.ID)+"/logo", struct {
		Image []byte `json:"image"`
	}{image})
}

// now returns the brand as it is defined, or as a new one begins.
func (c *brandsDefineCmd) now(ctx context.Context, a *App) (b wireBrand, known bool, err error) {
	_, err = c.ask(ctx, a, mayCreate, http.MethodGet, brandPath(c.ID), nil, &b)
	var p *problemError
	if errors.As(err, &p) && p.Status == http.StatusNotFound {
		return wireBrand{ID: c.ID}, false, nil
	}
	return b, err == nil, err
}

func brandPath(id string) string { return "/v1/brands/" + url.PathEscape(id) }

func (t *target) tellBrand(ctx context.Context, a *App, asJSON bool, method, path string, body any) error {
	var b wireBrand
	raw, err := t.ask(ctx, a, mayCreate, method, path, body, &b)
	if err != nil {
		return err
	}
	if asJSON {
		return writeJSON(a.Out, raw)
	}
	return b.print(a)
}
