package portal

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/attempt"
	"github.com/consentline/consentline/internal/catalog"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/preference"
)

// holder is the person a link opens, with the brand it is about.
type holder struct {
	ledger.Subject
	brand catalog.Brand
	token string
}

// holder returns whom the link in the address is for. An expired link is preference.ErrExpired, with the holder.
func (p *portal) holder(v *visit) (h holder, err error) {
	h.token = v.PathValue("token")
	target, expired := p.Links.Open(h.token)
	if expired != nil && !errors.Is(expired, preference.ErrExpired) {
		return h, expired
	}
	if h.Subject, err = p.Ledger.ByID(v.Context(), target.Subject); err != nil {
		return h, err
	}
	if h.brand, err = p.Catalog.Brand(string(target.Brand)); err != nil {
		return h, ledger.ErrNotFound
	}
	return h, expired
}

// linkHolder is who answers for a yes that no question confirmed: the link itself was sent to the number.
const linkHolder = "the holder of a link that was sent to the number"

// choice is one purpose on one channel, on or off.
type choice struct {
	Key     string // purpose/channel
	Scope   consent.Scope
	Purpose catalog.Purpose
	On      bool
	Status  consent.Status
	Since   time.Time

	// Words are what was agreed to; Offer is what switching on agrees to, empty where it cannot be switched on.
	Words, WordsLanguage string
	Offer, OfferLanguage string
	OfferRef             string // id@version; empty for words of our own
}

// Seal names the offer by its hash, so that nobody agrees to other words than those they saw.
func (c choice) Seal() string {
	sum := sha256.Sum256([]byte(c.OfferRef + "\x00" + c.OfferLanguage + "\x00" + c.Offer))
	return hex.EncodeToString(sum[:12])
}

// State is what the page showed, for the form to send back.
func (c choice) State() string {
	on := "off"
	if c.On {
		on = "on"
	}
	return c.Key + " " + on + " " + c.Seal()
}

func (p *portal) choices(v *visit, h holder) []choice {
	var out []choice
	for _, held := range h.Records {
		if held.Scope.Brand != h.brand.ID || !held.Scope.Concrete() {
			continue
		}
		purpose, err := p.Catalog.Purpose(string(held.Scope.Purpose))
		if err != nil {
			continue // was never defined here, so nothing can be sent for it
		}
		c := choice{
			Key: string(held.Scope.Purpose) + "/" + held.Scope.Channel.String(), Scope: held.Scope, Purpose: purpose,
			Status: held.Record.At(p.Now()), Since: held.Record.LastEffectiveAt(),
		}
		if c.On = c.Status == consent.StatusGranted; c.On {
			c.Since = held.Record.GrantedAt
		}
		if w, err := p.Catalog.Wording(held.Record.Disclosure); err == nil && c.On {
			c.Words, c.WordsLanguage = w.Text, w.Language
		}
		if !purpose.Retired && !h.brand.Retired {
			p.offer(v, h.brand, &c)
		}
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b choice) int {
		return cmp.Or(cmp.Compare(a.Purpose.Name, b.Purpose.Name), cmp.Compare(a.Scope.Channel, b.Scope.Channel))
	})
	return out
}

// offer finds the words for switching a choice on: the operator's own for this purpose in the visitor's language, else ours.
func (p *portal) offer(v *visit, b catalog.Brand, c *choice) {
	for _, d := range p.Catalog.Disclosures() {
		if d.Brand != c.Scope.Brand || d.Purpose != c.Scope.Purpose {
			continue
		}
		if latest := d.Versions[len(d.Versions)-1]; sameLanguage(latest.Language, v.Tag) {
			c.Offer, c.OfferLanguage = latest.Text, latest.Language
			c.OfferRef = ledger.FormatDisclosure(consent.DisclosureRef{ID: d.ID, Version: latest.Version})
			return
		}
	}
	c.OfferLanguage = v.Tag
	c.Offer = v.Say("prefs.words", "brand", b.Name, "channel", v.Channel(c.Scope.Channel), "purpose", c.Purpose.Name)
}

func sameLanguage(a, b string) bool {
	a, _, _ = strings.Cut(a, "-")
	b, _, _ = strings.Cut(b, "-")
	return strings.EqualFold(a, b)
}

// choicesPage is the preference centre.
type choicesPage struct {
	Brand   catalog.Brand
	Number  string
	Token   string
	Off     time.Time // since when everything is off; zero: it is not
	Choices []choice
	Uses    string // the purposes that are on, in words
	Senders string // what messages and calls come from
	Sent    []attempt.Past
	Erasure time.Time // when erasure was asked for; zero: it was not
	Events  []pastEvent
}

type pastEvent struct {
	At      time.Time
	Kind    consent.Kind
	Purpose string
	Channel consent.Channel
}

// mostEvents bounds the history on the page; the download has all of it.
const mostEvents = 200

func (p *portal) showChoices(v *visit) error {
	h, err := p.holder(v)
	if err != nil {
		return err
	}
	return p.renderChoices(v, http.StatusOK, h, "", "")
}

func (p *portal) renderChoices(v *visit, status int, h holder, problem, notice string) error {
	page := choicesPage{Brand: h.brand, Number: h.Number.Masked(), Token: h.token, Off: h.off(p.Now()), Choices: p.choices(v, h)}
	if err := p.readUse(v.Context(), h, &page); err != nil {
		return err
	}
	if err := p.readEvents(v.Context(), h, &page); err != nil {
		return err
	}
	return p.render(v, status, "choices", view{Brand: h.brand, Title: v.Say("prefs.title"), Problem: problem, Notice: notice, Page: page})
}

// saveChoices records what changed against what the page had shown: a page that was left open changes nothing else.
func (p *portal) saveChoices(v *visit) error {
	h, err := p.holder(v)
	if err != nil {
		return err
	}
	if err := v.ParseForm(); err != nil {
		return err
	}
	var reports []act.Report
	changed := false
	for _, c := range p.choices(v, h) {
		shown := slices.ContainsFunc(v.PostForm["was"], func(s string) bool { return strings.HasPrefix(s, c.Key+" ") })
		wanted := slices.Contains(v.PostForm["on"], c.Key)
		was := slices.ContainsFunc(v.PostForm["was"], func(s string) bool { return strings.HasPrefix(s, c.Key+" on ") })
		if !shown || wanted == was || wanted == c.On {
			continue
		}
		if wanted && (c.Offer == "" || !slices.Contains(v.PostForm["was"], c.Key+" off "+c.Seal())) {
			changed = true
			continue
		}
		reports = append(reports, h.report(c, wanted))
	}
	if changed {
		return p.renderChoices(v, http.StatusConflict, h, v.Say("prefs.changed"), "")
	}
	if err := p.record(v, reports); err != nil {
		return err
	}
	notice := "prefs.saved"
	if len(reports) == 0 {
		notice = "prefs.unchanged"
	}
	if h, err = p.holder(v); err != nil {
		return err
	}
	return p.renderChoices(v, http.StatusOK, h, "", v.Say(notice))
}

func (h holder) report(c choice, on bool) act.Report {
	r := act.Report{
		Number: h.Number.String(), Brand: c.Scope.Brand, Purpose: c.Scope.Purpose, Channel: c.Scope.Channel,
		Act: consent.Withdrawn, Source: consent.PreferenceCentre, Method: "switch",
	}
	if !on {
		return r
	}
	r.Actor = linkHolder
	// Only words that the operator wrote for it can make the written consent that some rules ask for.
	r.Act, r.Level, r.Disclosure = consent.Granted, consent.ExpressWritten, c.OfferRef
	if c.OfferRef == "" {
		r.Level, r.Text, r.Language = consent.Express, c.Offer, c.OfferLanguage
	}
	return r
}

// record records what people chose. What was told before under its key stands as it was told then: the same form may come
// again from another address, or after its yes was withdrawn.
func (p *portal) record(v *visit, reports []act.Report) error {
	if len(reports) == 0 {
		return nil
	}
	results, err := p.Recorder.Record(v.Context(), caller, reports)
	for _, r := range results {
		var repeated *act.InvalidError
		if errors.As(r.Err, &repeated) && repeated.Code == act.CodeKeyReused {
			continue
		}
		err = errors.Join(err, r.Err)
	}
	return err
}
