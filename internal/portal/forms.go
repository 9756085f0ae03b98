package portal

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/catalog"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/form"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/phone"
)

// formPage is an opt-in form as it is shown. Everything but Hash, Once and what was typed is the same for everybody.
type formPage struct {
	Brand  catalog.Brand
	Boxes  []box
	Hash   string
	Once   string
	Number string
	Ticked []string
}

// Has reports whether somebody had ticked a box; no box is ticked for them.
func (p formPage) Has(key string) bool { return slices.Contains(p.Ticked, key) }

// box is one purpose on one channel with its words.
type box struct {
	Key         string
	Scope       consent.Scope
	Purpose     string // its name
	Ref         string
	Text        string
	Language    string
	DoubleOptIn bool // the purpose wants every yes confirmed
}

// form returns the form in the address with its boxes in the visitor's language.
func (p *portal) form(v *visit) (f form.Form, page formPage, err error) {
	if f, err = p.Forms.Get(v.Context(), v.PathValue("form")); err != nil {
		return f, page, err
	}
	if page.Brand, err = p.Catalog.Brand(string(f.Brand)); err != nil || f.Retired || page.Brand.Retired {
		return f, page, form.ErrNotFound
	}
	for _, item := range f.Items {
		purpose, err := p.Catalog.Purpose(string(item.Purpose))
		if err != nil || purpose.Retired {
			continue
		}
		b := box{
			Key:         string(item.Purpose) + "/" + item.Channel.String(),
			Scope:       consent.Scope{Brand: f.Brand, Purpose: item.Purpose, Channel: item.Channel},
			Purpose:     purpose.Name,
			DoubleOptIn: purpose.DoubleOptIn,
		}
		if err := p.wording(v, item, &b); err != nil {
			return f, page, err
		}
		page.Boxes = append(page.Boxes, b)
	}
	if len(page.Boxes) == 0 {
		return f, page, form.ErrNotFound
	}
	v.within(f.Origins)
	return f, page, nil
}

// within lets a page, and whatever it answers, stand within the pages of some sites.
func (v *visit) within(origins []string) {
	v.w.Header().Set("Content-Security-Policy", policy(strings.Join(append([]string{"'self'"}, origins...), " ")))
	// The form's address is no secret, and tells the next page nothing about the visitor.
	v.w.Header().Set("Referrer-Policy", "strict-origin-when-cross-origin")
}

// wording puts the latest words in the visitor's language into a box, or the first wording's.
func (p *portal) wording(v *visit, item form.Item, b *box) error {
	for _, id := range item.Wordings {
		d, err := p.Catalog.Disclosure(id)
		if err != nil {
			return err
		}
		latest := d.Versions[len(d.Versions)-1]
		if b.Ref == "" || sameLanguage(latest.Language, v.Tag) {
			b.Ref = ledger.FormatDisclosure(consent.DisclosureRef{ID: id, Version: latest.Version})
			b.Text, b.Language = latest.Text, latest.Language
		}
		if sameLanguage(latest.Language, v.Tag) {
			return nil
		}
	}
	return nil
}

func (p *portal) showForm(v *visit) error {
	_, page, err := p.form(v)
	if err != nil {
		return err
	}
	return p.renderForm(v, http.StatusOK, page, "")
}

// renderForm keeps the page as everybody sees it before it sends it, so that what is agreed to can always be shown.
func (p *portal) renderForm(v *visit, status int, page formPage, problem string) (err error) {
	if page.Hash, err = p.keep(v, page); err != nil {
		return err
	}
	page.Once = rand.Text()
	return p.render(v, status, "form", view{Brand: page.Brand, Title: v.Say("form.title", "brand", page.Brand.Name), Problem: problem, Page: page})
}

func (p *portal) keep(v *visit, page formPage) (string, error) {
	page.Hash, page.Once, page.Number, page.Ticked = "", "", "", nil
	body, err := p.html(v, "form", view{Brand: page.Brand, Title: v.Say("form.title", "brand", page.Brand.Name), Page: page})
	if err != nil {
		return "", err
	}
	return p.Forms.Keep(v.Context(), body)
}

func (p *portal) sendForm(v *visit) error {
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
	page.Number, page.Ticked = strings.TrimSpace(v.PostForm.Get("number")), v.PostForm["agree"]
	current, err := p.keep(v, page)
	if err != nil {
		return err
	}
	number, bad := phone.Parse(page.Number, f.Region)
	problem := ""
	switch {
	case v.PostForm.Get("page") != current:
		problem, page.Ticked = "form.changed", nil // to other words nobody has agreed yet
	case bad != nil:
		problem = "form.problem.number"
	case !slices.ContainsFunc(page.Boxes, func(b box) bool { return page.Has(b.Key) }):
		problem = "form.problem.tick"
	}
	if problem != "" {
		return p.renderForm(v, http.StatusUnprocessableEntity, page, v.Say(problem))
	}
	return p.agree(v, f, page, current, number)
}

// agree records one act for each box that was ticked, or asks for its confirmation. The answer is the same for every
// number: nobody learns from it what another person has chosen.
func (p *portal) agree(v *visit, f form.Form, page formPage, hash string, number phone.Number) error {
	subject, err := p.Ledger.ByNumber(v.Context(), number)
	if err != nil && !errors.Is(err, ledger.ErrNotFound) {
		return err
	}
	evidence, err := p.evidence(v, hash)
	if err != nil {
		return err
	}
	var told, asked []act.Report
	confirm := false
	for _, b := range page.Boxes {
		if !page.Has(b.Key) {
			continue
		}
		r := p.told(v, f, b, number, evidence)
		confirm = confirm || p.asks(f, b)
		switch no := saidNo(subject, b.Scope); {
		case no:
			// Anybody can type any number. Against a no that stands, a tick is a request that only staff see.
			r.Act, r.Level = consent.Requested, consent.NoLevel
			told = append(told, r)
		case p.asks(f, b):
			r.Act, r.Level = consent.Requested, consent.NoLevel
			asked = append(asked, r)
		default:
			told = append(told, r)
		}
	}
	if err := p.record(v, told); err != nil {
		return err
	}
	for _, r := range asked {
		if err := p.ask(v, f, r); err != nil {
			return err
		}
	}
	if confirm {
		return p.renderConfirm(v, http.StatusOK, f, page, p.handles.Seal(number, f.ID, confirmLasts), "", "")
	}
	return p.render(v, http.StatusOK, "message", view{Brand: page.Brand, Title: v.Say("form.done.title"), Page: v.Say("form.done", "brand", page.Brand.Name)})
}

// told is the yes that a tick tells of.
func (p *portal) told(v *visit, f form.Form, b box, number phone.Number, evidence string) act.Report {
	r := act.Report{
		Number: number.String(), Brand: b.Scope.Brand, Purpose: b.Scope.Purpose, Channel: b.Scope.Channel,
		Act: consent.Granted, Level: consent.ExpressWritten, Source: consent.WebForm, Method: "form " + f.ID,
		Disclosure: b.Ref, Evidence: evidence,
	}
	if once := v.PostForm.Get("once"); once != "" && len(once) <= 64 {
		// Of the number too: who goes back and corrects it sends the same form for somebody else. Keys are kept as keyed hashes.
		r.IdempotencyKey = "form " + once + " " + number.String() + " " + b.Key
	}
	return r
}

// saidNo reports whether a no of the person stands in a scope.
func saidNo(s ledger.Subject, scope consent.Scope) bool {
	no := false
	for _, h := range s.Records {
		if h.Scope == scope {
			return h.Record.Status.Restricted() || h.Record.Under != consent.None && h.Record.Status == consent.Pending
		}
		no = no || h.Scope.Covers(scope) && h.Record.Status.Restricted()
	}
	return no
}

// captured is the evidence of a form that was sent. It stands in the entry, so it is sealed and erased with the person.
type captured struct {
	Page     string `json:"page"` // the hash of the page that was shown
	URL      string `json:"url,omitempty"`
	Address  string `json:"address"`
	Agent    string `json:"agent,omitempty"`
	Language string `json:"language"`
}

func (p *portal) evidence(v *visit, hash string) (string, error) {
	c := captured{Page: hash, URL: pageURL(v.URL.Query().Get("from")), Address: address(v.Request), Agent: cut(v.UserAgent(), 300), Language: v.Tag}
	body, err := json.Marshal(c)
	return string(body), err
}

// pageURL is the page in which the form was shown, without what may be personal in it.
func pageURL(text string) string {
	u, err := url.Parse(cut(text, 2000))
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return ""
	}
	return cut((&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String(), 500)
}

func cut(s string, most int) string {
	return strings.ToValidUTF8(s[:min(len(s), most)], "")
}
