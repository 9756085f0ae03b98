package console

import (
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/catalog"
	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/phone"
)

func (s *console) showSearch(v *visit) error {
	return s.render(v, http.StatusOK, "number", view{Title: "Number", Section: "/console/number"})
}

// search finds a number in whatever way it is written. It comes as a post, so that no number stands in an address.
func (s *console) search(v *visit) error {
	f, err := v.typed()
	if err != nil {
		return err
	}
	n, err := phone.Parse(f.Value("number"), f.Value("region"))
	var bad *phone.InvalidError
	if errors.As(err, &bad) {
		f.Field, f.Problem = "number", bad.Error()
		return s.render(v, http.StatusUnprocessableEntity, "number", view{Title: "Number", Section: "/console/number", Form: f})
	}
	if err != nil {
		return err
	}
	p, err := s.byNumber(v, n)
	if err != nil {
		return err
	}
	return v.done(p.Path(), "")
}

// personPage is all that is held about a person, and what a check would say.
type personPage struct {
	Who       who
	Number    string
	Region    string
	Line      string
	Lists     []check.List
	Standings []standing
	Asked     *answer
	Choices   choices
	Timeline  []event
	Older     uint64 // the entry before which there are more; zero for none
	Link      string
	LinkEnds  time.Time
	AskWhy    bool // the number is masked until the visitor has said why they need it
	MayRecord bool
	MayRead   bool
}

// standing is one record with its verdict; a wildcard's has none.
type standing struct {
	ledger.Held
	Status consent.Status
	Answer *answer
}

// choices are what a form offers to choose from.
type choices struct {
	Brands   []catalog.Brand
	Purposes []catalog.Purpose
	Channels []consent.Channel
	Scope    consent.Scope
}

func (s *console) choices(v *visit) choices {
	c := choices{Channels: consent.Channels}
	for _, b := range s.Catalog.Brands() {
		if !b.Retired && v.caller.For(b.ID) {
			c.Brands = append(c.Brands, b)
		}
	}
	for _, p := range s.Catalog.Purposes() {
		if !p.Retired {
			c.Purposes = append(c.Purposes, p)
		}
	}
	q := v.URL.Query()
	c.Scope = consent.Scope{Brand: consent.BrandID(q.Get("brand")), Purpose: consent.PurposeID(q.Get("purpose"))}
	c.Scope.Channel, _ = consent.ParseChannel(q.Get("channel"))
	return c
}

func (s *console) showPerson(v *visit) error {
	p, err := s.byPath(v)
	if err != nil {
		return err
	}
	page, err := s.person(v, p)
	if err != nil {
		return err
	}
	return s.render(v, http.StatusOK, "person", view{Title: page.Number, Section: "/console/number", Page: page})
}

// explain takes the reason for an unusual look, and shows the page with the number in the answer itself.
func (s *console) explain(v *visit) error {
	p, err := s.byPath(v)
	if err != nil {
		return err
	}
	f, err := v.typed()
	if err != nil {
		return err
	}
	if !p.Known || !v.caller.Can(access.SeeNumbers) {
		return errNoPage
	}
	status := http.StatusOK
	if err := s.Gate.Explain(v.ctx(), v.caller, p.path, f.Value("reason")); err != nil {
		if err := f.wrong(err); err != nil {
			return err
		}
		status = http.StatusUnprocessableEntity
	}
	page, err := s.person(v, p)
	if err != nil {
		return err
	}
	return s.render(v, status, "person", view{Title: page.Number, Section: "/console/number", Form: f, Page: page})
}

func (s *console) person(v *visit, p who) (personPage, error) {
	page := personPage{
		Who: p, Region: phone.Region(p.Number), Line: strings.ReplaceAll(phone.Type(p.Number).String(), "_", " "),
		Choices: s.choices(v), MayRecord: v.caller.Can(access.RecordConsent), MayRead: v.caller.Can(access.ReadHistory),
	}
	page.Number, page.AskWhy = s.numberOf(v, p)
	for _, l := range s.Index.Suppressions(p.Number) {
		if l.Brand == "" || sees(v.caller, l.Brand) {
			page.Lists = append(page.Lists, l)
		}
	}
	for _, h := range p.Records {
		st := standing{Held: h, Status: h.Record.At(s.Now())}
		if h.Scope.Concrete() {
			a := s.ask(p.Number, h.Scope)
			st.Answer = &a
		}
		page.Standings = append(page.Standings, st)
	}
	if c := page.Choices.Scope; c.Brand != "" && c.Concrete() && v.caller.For(c.Brand) {
		a := s.askInFull(p.Number, c)
		page.Asked = &a
	}
	if page.Choices.Scope.Brand == "" {
		page.Choices.Scope = firstScope(p)
	}
	if !p.Known || !page.MayRead {
		return page, nil
	}
	before, _ := strconv.ParseUint(v.URL.Query().Get("before"), 10, 64)
	var err error
	page.Timeline, page.Older, err = s.timeline(v, p, before)
	return page, err
}

// firstScope is what forms offer first: the scope of the person's latest act.
func firstScope(p who) consent.Scope {
	for _, h := range p.Records {
		if h.Scope.Concrete() {
			return h.Scope
		}
	}
	return consent.Scope{}
}

// preferenceLink makes a link to the person's own preference centre, for a member of staff to pass on.
func (s *console) preferenceLink(v *visit) error {
	p, err := s.byPath(v)
	if err != nil {
		return err
	}
	f, err := v.typed()
	if err != nil {
		return err
	}
	brand, err := s.Catalog.Brand(f.Value("brand"))
	if err != nil || !p.Known {
		return errNoPage
	}
	if err := s.Gate.Authorize(v.ctx(), v.caller, access.RecordConsent, brand.ID); err != nil {
		return err
	}
	page, err := s.person(v, p)
	if err != nil {
		return err
	}
	token := s.Links.Sign(p.ID, brand.ID, 0)
	page.Link = home(v.Request) + "/p/" + token
	target, err := s.Links.Open(token)
	if err != nil {
		return err
	}
	page.LinkEnds = target.Until
	if err := s.tellOfLink(v, p, brand); err != nil {
		return err
	}
	return s.render(v, http.StatusOK, "person", view{Title: page.Number, Section: "/console/number", Page: page})
}

// tellOfLink records that a link was given out: whoever holds it may act for the person.
func (s *console) tellOfLink(v *visit, p who, brand catalog.Brand) error {
	_, err := s.Ledger.AppendOne(v.ctx(), ledger.Item{
		Kind: ledger.KindDisclosed, By: v.caller.ID, Widens: true,
		Detail: map[string]string{"made": "preference link", "subject": hex.EncodeToString(p.ID[:]), "brand": string(brand.ID)},
	})
	return err
}

// recordCodes says in which words the page tells what became of an act.
var recordCodes = map[ledger.Outcome]string{
	ledger.Recorded: "recorded", ledger.Duplicate: "duplicate", ledger.Conflicting: "conflict", ledger.Superseded: "superseded",
}

// tell reports one act through the recorder, as every surface does.
func (s *console) tell(v *visit, r act.Report) (act.Result, error) {
	if err := s.Gate.Authorize(v.ctx(), v.caller, access.RecordConsent, r.Brand); err != nil {
		return act.Result{}, err
	}
	results, err := s.Recorder.Record(v.ctx(), v.caller, []act.Report{r})
	if err != nil {
		return act.Result{}, err
	}
	return results[0], results[0].Err
}
