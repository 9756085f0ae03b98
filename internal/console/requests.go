package console

import (
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/optin"
	"github.com/consentline/consentline/internal/preference"
	"github.com/consentline/consentline/internal/report"
)

// requestsPage is what waits for somebody: people who asked to be erased, and people who were asked to confirm.
type requestsPage struct {
	Erasures    []erasure
	NextErasure uint64
	Waiting     []waiting
	NextWaiting uint64
	MaySettle   bool
}

// erasure is one request to be erased.
type erasure struct {
	preference.Erasure
	Number, Path, Brand string
}

// waiting is one record that waits for the person's answer.
type waiting struct {
	Scope        consent.Scope
	Number, Path string
	AskedAt      time.Time
	Source       consent.Source
	Question     *optin.Standing // that went out; nil: none did
}

const requestsOnPage = 20

func (s *console) requests(v *visit) error { return s.renderRequests(v, http.StatusOK, form{}) }

func (s *console) renderRequests(v *visit, status int, f form) (err error) {
	page := requestsPage{MaySettle: v.caller.Can(access.RecordConsent)}
	after, _ := strconv.ParseUint(v.URL.Query().Get("after"), 10, 64)
	if page.Erasures, page.NextErasure, err = s.erasures(v, after); err != nil {
		return err
	}
	from, _ := strconv.ParseUint(v.URL.Query().Get("from"), 10, 64)
	if page.Waiting, page.NextWaiting, err = s.waiting(v, from); err != nil {
		return err
	}
	return s.render(v, status, "requests", view{Title: "Requests", Section: "/console/requests", Form: f, Page: page})
}

// erasures reads on past what the visitor may not see, until a page is full or there is no more.
func (s *console) erasures(v *visit, after uint64) (out []erasure, next uint64, err error) {
	for {
		found, err := s.Erasures.Waiting(v.ctx(), after, requestsOnPage+1)
		if err != nil {
			return nil, 0, err
		}
		for _, e := range found {
			if len(out) == requestsOnPage {
				return out, after, nil
			}
			after = e.Entry
			if !v.caller.For(e.Brand) {
				continue
			}
			number, path, err := s.personOf(v, e.Subject)
			if err != nil {
				return nil, 0, err
			}
			out = append(out, erasure{e, number, path, s.brandName(e.Brand)})
		}
		if len(found) <= requestsOnPage {
			return out, 0, nil
		}
	}
}

func (s *console) waiting(v *visit, after uint64) (out []waiting, next uint64, err error) {
	for {
		found, err := s.Reports.Pending(v.ctx(), after, requestsOnPage+1)
		if err != nil {
			return nil, 0, err
		}
		for _, p := range found {
			if len(out) == requestsOnPage {
				return out, after, nil
			}
			after = p.Entry
			if !v.caller.For(p.Scope.Brand) {
				continue
			}
			one, err := s.waits(v, p)
			if err != nil {
				return nil, 0, err
			}
			out = append(out, one)
		}
		if len(found) <= requestsOnPage {
			return out, 0, nil
		}
	}
}

// waits adds to a pending record who it is, and the question that went out.
func (s *console) waits(v *visit, p report.Pending) (one waiting, err error) {
	subject, err := s.Ledger.ByID(v.ctx(), p.Subject)
	if err != nil {
		return one, err
	}
	one = waiting{Scope: p.Scope, Number: shown(v.caller, subject.Number), Path: "/console/people/" + hex.EncodeToString(subject.ID[:])}
	for _, h := range subject.Records {
		if h.Scope == p.Scope {
			one.AskedAt, one.Source = h.Record.RequestedAt, h.Record.Source
		}
	}
	open, err := s.OptIns.Open(v.ctx(), subject.Number, p.Scope)
	if len(open) > 0 {
		one.Question = &open[0]
	}
	return one, err
}

// personOf returns the number and the page of a subject; of one who was erased meanwhile nothing is left to say.
func (s *console) personOf(v *visit, id ledger.SubjectID) (number, path string, err error) {
	subject, err := s.Ledger.ByID(v.ctx(), id)
	if errors.Is(err, ledger.ErrNotFound) {
		return "erased", "", nil
	}
	if err != nil {
		return "", "", err
	}
	return shown(v.caller, subject.Number), "/console/people/" + hex.EncodeToString(subject.ID[:]), nil
}

// settleErasure closes a request, with what became of it and why.
func (s *console) settleErasure(v *visit) error {
	f, err := v.typed()
	if err != nil {
		return err
	}
	entry, err := strconv.ParseUint(f.Value("entry"), 10, 64)
	if err != nil {
		return errNoPage
	}
	one, err := s.Erasures.Get(v.ctx(), entry)
	if errors.Is(err, preference.ErrNoRequest) {
		return v.done("/console/requests", "unchanged")
	}
	if err != nil {
		return err
	}
	if err := s.Gate.Authorize(v.ctx(), v.caller, access.RecordConsent, brandOrAny(one.Brand)); err != nil {
		return err
	}
	outcome, reason := preference.Outcome(f.Value("outcome")), f.text("reason")
	switch {
	case outcome != preference.Erased && outcome != preference.Refused:
		return errNoPage
	case reason == "" || len(reason) > mostReason:
		f.Field, f.Problem = "reason", "say in a few words what was done, or why not: the person may ask"
		return s.renderRequests(v, http.StatusUnprocessableEntity, f)
	}
	err = s.Erasures.Settle(v.ctx(), v.caller.ID, v.caller.Name, entry, outcome, reason)
	if errors.Is(err, preference.ErrNoRequest) {
		return v.done("/console/requests", "unchanged")
	}
	if err != nil {
		return err
	}
	return v.done("/console/requests", "settled")
}

const mostReason = 500
