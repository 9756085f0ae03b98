package portal

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/form"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/optin"
	"github.com/consentline/consentline/internal/phone"
)

// asks reports whether a tick in a box asks only: the form or the purpose wants it confirmed.
func (p *portal) asks(f form.Form, b box) bool { return f.Confirm || b.DoubleOptIn }

// ask asks the number to confirm what was ticked. Where no question may go out, as to a country that is not sent to or
// past a budget, the request is recorded all the same: it stays pending, and staff see it.
func (p *portal) ask(v *visit, f form.Form, r act.Report) error {
	q := optin.Request{
		Number: r.Number, Brand: r.Brand, Purpose: r.Purpose, Channel: r.Channel, Level: consent.ExpressWritten, Means: optin.ByCode,
		Disclosure: r.Disclosure, Source: r.Source, Method: r.Method, Evidence: r.Evidence, Address: address(v.Request), IdempotencyKey: r.IdempotencyKey,
	}
	if f.ConfirmBy == form.ByReply {
		q.Means = optin.ByReply
	}
	if !r.Channel.Texts() {
		return p.record(v, []act.Report{r})
	}
	_, err := p.OptIns.Ask(v.Context(), caller, q)
	if errors.Is(err, ledger.ErrKeyReused) {
		return nil // the same form asked before
	}
	var refused *optin.RefusedError
	if !errors.As(err, &refused) {
		return err
	}
	p.Log.InfoContext(v.Context(), "a form asked, and no question went out", "form", f.ID, "reason", refused.Code)
	switch refused.Code {
	case optin.CodeStands, optin.CodeTooSoon, optin.CodeResends:
		return nil // it was confirmed, or waits for its answer
	}
	return p.record(v, []act.Report{r})
}

// confirmLasts is for how long a code can be entered under a form: as long as somebody may look for it in their messages.
const confirmLasts = 30 * time.Minute

// renderConfirm tells what is to be done. It is the same whether or not a question went out.
func (p *portal) renderConfirm(v *visit, status int, f form.Form, page formPage, handle, problem, notice string) error {
	out := view{Brand: page.Brand, Title: v.Say("form.confirm.title"), Problem: problem, Notice: notice}
	if f.ConfirmBy == form.ByReply {
		out.Page = v.Say("form.confirm.reply", "brand", page.Brand.Name)
		return p.render(v, status, "message", out)
	}
	out.Page = codePage{
		Lead: v.Say("form.confirm.code", "brand", page.Brand.Name), To: "/o/" + f.ID + "/confirm", Again: "/o/" + f.ID, Name: "handle", Value: handle,
	}
	return p.render(v, status, "code", out)
}

// confirmForm confirms with the code what a form asked for. Each box has a code of its own, and any of them may come.
func (p *portal) confirmForm(v *visit) error {
	if !p.senders.allow(address(v.Request), p.Now()) {
		return errTooMany
	}
	if err := v.ParseForm(); err != nil {
		return err
	}
	v.say = p.languages.named(v.PostForm.Get("lang"), v.say)
	f, page, err := p.form(v)
	if err != nil {
		return err
	}
	handle := cut(v.PostForm.Get("handle"), 200)
	number, err := p.handles.Open(handle, f.ID)
	if err != nil {
		return p.renderConfirm(v, http.StatusUnprocessableEntity, f, page, handle, v.Say("code.wrong"), "")
	}
	confirmed, left, err := p.confirmCode(v.Context(), page, number, v.PostForm.Get("code"))
	switch {
	case err != nil:
		return err
	case !confirmed:
		return p.renderConfirm(v, http.StatusUnprocessableEntity, f, page, handle, v.Say("code.wrong"), "")
	case left:
		return p.renderConfirm(v, http.StatusOK, f, page, handle, "", v.Say("form.confirm.more"))
	}
	return p.render(v, http.StatusOK, "message", view{Brand: page.Brand, Title: v.Say("form.confirm.done.title"), Page: v.Say("form.confirm.done")})
}

// confirmCode tries a code on what waits at a number for the boxes of a form, and reports whether others still wait.
func (p *portal) confirmCode(ctx context.Context, page formPage, number phone.Number, code string) (confirmed, left bool, err error) {
	open, err := p.OptIns.Open(ctx, number, consent.Scope{Brand: page.Brand.ID})
	if err != nil {
		return false, false, fmt.Errorf("read what waits for confirmation: %w", err)
	}
	for _, s := range open {
		if !page.offers(s.Scope) {
			continue
		}
		if confirmed {
			left = true
			continue
		}
		_, err := p.OptIns.ConfirmCode(ctx, caller.ID, s.ID, code)
		var refused *optin.RefusedError
		switch {
		case err == nil:
			confirmed = true
		case errors.Is(err, optin.ErrNotFound):
		case errors.As(err, &refused):
			left = true
		default:
			return false, false, err
		}
	}
	return confirmed, left, nil
}

// offers reports whether a scope is one of the form's boxes.
func (page formPage) offers(scope consent.Scope) bool {
	for _, b := range page.Boxes {
		if b.Scope == scope {
			return true
		}
	}
	return false
}
