package portal

import (
	"errors"
	"net/http"
	"strings"

	"github.com/consentline/consentline/internal/catalog"
	"github.com/consentline/consentline/internal/form"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/preference"
)

// entrancePage asks for a number, to which a code is sent.
type entrancePage struct{ Number string }

// codePage asks for a code that was sent. To is where it is entered, Again where another one is asked for.
type codePage struct {
	Lead, To, Again string
	Name, Value     string // the hidden field that says what the code is for
}

// brand returns the brand in the address. One that is retired stays open: its people can still look and say no.
func (p *portal) brand(v *visit) (catalog.Brand, error) {
	b, err := p.Catalog.Brand(v.PathValue("brand"))
	if err != nil {
		return b, form.ErrNotFound
	}
	return b, nil
}

func (p *portal) showEntrance(v *visit) error {
	b, err := p.brand(v)
	if err != nil {
		return err
	}
	return p.renderEntrance(v, http.StatusOK, b, "", "")
}

func (p *portal) renderEntrance(v *visit, status int, b catalog.Brand, typed, problem string) error {
	return p.render(v, status, "entrance", view{Brand: b, Title: v.Say("enter.title", "brand", b.Name), Problem: problem, Page: entrancePage{typed}})
}

// sendCode answers the same for every number, and does the same work: nobody learns here whose number is known.
func (p *portal) sendCode(v *visit) error {
	b, err := p.brand(v)
	if err != nil {
		return err
	}
	if !p.senders.allow(address(v.Request), p.Now()) {
		return errTooMany
	}
	if err := v.ParseForm(); err != nil {
		return err
	}
	typed := strings.TrimSpace(v.PostForm.Get("number"))
	number, bad := phone.Parse(typed, b.Country)
	if bad != nil {
		return p.renderEntrance(v, http.StatusUnprocessableEntity, b, typed, v.Say("form.problem.number"))
	}
	id, err := p.Codes.Send(v.Context(), preference.CodeRequest{
		Number: number, Brand: b, Address: address(v.Request),
		Text: func(code string) string { return v.Say("code.sms", "brand", b.Name, "code", code) },
	})
	if err != nil {
		return err
	}
	return p.renderCode(v, http.StatusOK, b, id, "")
}

func (p *portal) renderCode(v *visit, status int, b catalog.Brand, id, problem string) error {
	page := codePage{
		Lead: v.Say("code.lead", "brand", b.Name), To: "/b/" + string(b.ID) + "/code", Again: "/b/" + string(b.ID), Name: "request", Value: id,
	}
	return p.render(v, status, "code", view{Brand: b, Title: v.Say("code.title"), Problem: problem, Page: page})
}

func (p *portal) enterCode(v *visit) error {
	b, err := p.brand(v)
	if err != nil {
		return err
	}
	if !p.senders.allow(address(v.Request), p.Now()) {
		return errTooMany
	}
	if err := v.ParseForm(); err != nil {
		return err
	}
	id := v.PostForm.Get("request")
	token, err := p.Codes.Enter(v.Context(), id, v.PostForm.Get("code"))
	if errors.Is(err, preference.ErrWrongCode) {
		return p.renderCode(v, http.StatusUnprocessableEntity, b, cut(id, 64), v.Say("code.wrong"))
	}
	if err != nil {
		return err
	}
	http.Redirect(v.w, v.Request, "/p/"+token+"?lang="+v.Tag, http.StatusSeeOther)
	return nil
}
