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
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/inbound"
	"github.com/consentline/consentline/internal/ledger"
)

// conflictsPage is the queue of what somebody has to decide, oldest first: messages that can be read in more than one
// way, and grants that did not take effect.
type conflictsPage struct {
	Reviews     []review
	NextReviews string // the place after which their next page begins; empty for none
	Items       []conflict
	Next        uint64 // the grant after which the next page begins; zero for none
	Sources     []consent.Source
	Now         time.Time
	MayDecide   bool
}

// conflict is one grant with the no that stands against it.
type conflict struct {
	Who      who
	Number   string
	Scope    consent.Scope
	Status   consent.Status
	Grant    event
	Standing event
	Answer   answer
	Once     string
	First    bool
}

const conflictsOnPage = 10

// personalSources are the places of which a member of staff can say that the person acted there.
var personalSources = []consent.Source{consent.WebForm, consent.VoiceCall, consent.InPerson, consent.Paper, consent.SMSReply, consent.SMSKeyword, consent.PreferenceCentre}

func (s *console) conflicts(v *visit) error {
	return s.renderConflicts(v, http.StatusOK, form{})
}

func (s *console) renderConflicts(v *visit, status int, f form) error {
	after, _ := strconv.ParseUint(v.URL.Query().Get("after"), 10, 64)
	page := conflictsPage{Sources: personalSources, Now: s.Now().UTC(), MayDecide: v.caller.Can(access.RecordConsent)}
	reviews, next, err := s.reviews(v, inbound.ParsePlace(v.URL.Query().Get("replies")))
	if err != nil {
		return err
	}
	page.Reviews, page.NextReviews = reviews, next
	for len(page.Items) < conflictsOnPage {
		found, err := s.Reports.Conflicts(v.ctx(), after, conflictsOnPage+1)
		if err != nil {
			return err
		}
		for _, c := range found {
			if len(page.Items) == conflictsOnPage {
				page.Next = after
				break
			}
			after = c.Grant
			if !sees(v.caller, c.Scope.Brand) {
				continue
			}
			item, err := s.conflict(v, c.Subject, c.Scope, c.Grant, c.Entry)
			if err != nil {
				return err
			}
			item.First = len(page.Items) == 0
			page.Items = append(page.Items, item)
		}
		if len(found) <= conflictsOnPage {
			break
		}
	}
	return s.render(v, status, "conflicts", view{Title: "Conflicts and replies", Section: "/console/conflicts", Form: f, Page: page, Script: "queue.js"})
}

func (s *console) conflict(v *visit, id ledger.SubjectID, scope consent.Scope, grant, entry uint64) (conflict, error) {
	c := conflict{Scope: scope, Once: newOnce()}
	subject, err := s.Ledger.ByID(v.ctx(), id)
	if err != nil {
		return c, err
	}
	c.Who = s.visible(v, subject)
	c.Number, c.Answer = shown(v.caller, subject.Number), s.ask(subject.Number, scope)
	for _, h := range subject.Records {
		if h.Scope == scope {
			c.Status = h.Record.At(s.Now())
		}
	}
	for _, part := range []struct {
		seq uint64
		to  *event
	}{{grant, &c.Grant}, {entry, &c.Standing}} {
		e, err := s.Ledger.Entry(v.ctx(), part.seq)
		if err != nil {
			return c, err
		}
		*part.to = s.event(&e)
	}
	return c, nil
}

// decideConflict accepts a grant as the person's own act, with the evidence of it, or dismisses it. Each is an entry.
func (s *console) decideConflict(v *visit) error {
	f, err := v.typed()
	if err != nil {
		return err
	}
	subject, h, grant, err := s.openConflict(v, f)
	if err != nil {
		return err
	}
	if h.Record.Conflict != grant {
		return v.done("/console/conflicts", "unchanged") // somebody else was faster
	}
	tooEarly := invalid("effective_at", "the person's yes must be later than the no that stands against it")
	report, code, err := s.decision(v, f, grant)
	if err == nil && report.Act.Grants() && !report.EffectiveAt.After(h.Record.RestrictedAt) {
		err = tooEarly // an entry that has no effect would say that it was accepted
	}
	if err == nil {
		report.Number = subject.Number.String()
		report.Brand, report.Purpose, report.Channel = h.Scope.Brand, h.Scope.Purpose, h.Scope.Channel
		var result act.Result
		result, err = s.tell(v, report)
		if err == nil && (result.Outcome == ledger.Superseded || result.Outcome == ledger.Conflicting) {
			err = tooEarly // a no that covers more than this scope
		}
	}
	if err != nil {
		if err := f.wrong(err); err != nil {
			return err
		}
		return s.renderConflicts(v, http.StatusUnprocessableEntity, f)
	}
	return v.done("/console/conflicts", code)
}

// openConflict finds the record that a decision is about.
func (s *console) openConflict(v *visit, f form) (subject ledger.Subject, h ledger.Held, grant uint64, err error) {
	id, err := hex.DecodeString(f.Value("subject"))
	if err != nil || len(id) != len(ledger.SubjectID{}) {
		return subject, h, 0, errNoPage
	}
	if subject, err = s.Ledger.ByID(v.ctx(), ledger.SubjectID(id)); err != nil {
		return subject, h, 0, err
	}
	grant, _ = strconv.ParseUint(f.Value("grant"), 10, 64)
	scope := scopeIn(f)
	for _, h := range subject.Records {
		if h.Scope == scope && grant != 0 && sees(v.caller, scope.Brand) {
			return subject, h, grant, nil
		}
	}
	return subject, h, 0, errNoPage
}

func (s *console) decision(v *visit, f form, grant uint64) (r act.Report, code string, err error) {
	number := strconv.FormatUint(grant, 10)
	r = act.Report{Actor: v.caller.Name, IdempotencyKey: f.Value("once"), Evidence: strings.TrimSpace(f.Value("evidence"))}
	if f.Value("decision") == "dismiss" {
		r.Act, r.Source, r.Method = consent.Revoked, consent.Agent, "the grant of entry "+number+" was reviewed and dismissed"
		return r, "dismissed", nil
	}
	if f.Value("decision") != "accept" {
		return r, "", errNoPage
	}
	e, err := s.Ledger.Entry(v.ctx(), grant)
	if err != nil {
		return r, "", err
	}
	a, ok := e.Act()
	if !ok {
		return r, "", errors.Join(errNoPage, ledger.ErrNotFound)
	}
	r.Act, r.Level, r.ValidUntil, r.Disclosure = consent.Granted, a.Level, a.ValidUntil, e.Body.Disclosure
	r.Method = "the grant of entry " + number + " was reviewed and accepted"
	if r.Source, err = consent.ParseSource(f.Value("source")); err != nil || !r.Source.OfThePerson() {
		return r, "", invalid("source", "choose where the person themselves said yes")
	}
	if r.EffectiveAt, err = f.at("effective_at"); err != nil {
		return r, "", err
	}
	if r.EffectiveAt.IsZero() {
		return r, "", invalid("effective_at", "say when the person said yes")
	}
	if r.Evidence == "" {
		return r, "", invalid("evidence", "say what shows that the person said yes: a recording, a signed form, a page")
	}
	return r, "accepted", nil
}
