package console

import (
	"errors"
	"regexp"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/inbound"
)

// review is one message that can be read in more than one way, or event that could not be placed.
type review struct {
	inbound.Review
	Number  string
	Path    string // of the person's page; empty for an event that is about no person
	Brand   string
	Why     string
	Written string
	Person  bool
	First   bool
}

const reviewsOnPage = 10

// reviewWords say why a message waits.
var reviewWords = map[inbound.Flag]string{
	inbound.Ambiguous:     "can be read as a no, and as something else",
	inbound.UnknownSender: "came to a sender that nobody defined",
	inbound.UnknownNumber: "came from a number that is none",
	inbound.NothingToKeep: "asks to begin, and nothing says with what",
}

// reviews returns the messages that wait for a decision after a place, and the place after which the next page begins;
// empty for none.
func (s *console) reviews(v *visit, after inbound.Place) (out []review, next string, err error) {
	found, err := s.Inbox.Reviews(v.ctx(), after, reviewsOnPage+1)
	if err != nil {
		return nil, next, err
	}
	if len(found) > reviewsOnPage {
		found = found[:reviewsOnPage]
		next = found[reviewsOnPage-1].Place().String()
	}
	for _, r := range found {
		if !sees(v.caller, r.Brand) {
			continue
		}
		one, err := s.review(v, r)
		if err != nil {
			return nil, next, err
		}
		one.First = len(out) == 0
		out = append(out, one)
	}
	return out, next, nil
}

func (s *console) review(v *visit, r inbound.Review) (review, error) {
	one := review{Review: r, Brand: s.brandName(r.Brand), Why: reviewWords[r.Reason], Written: r.Text, Person: r.Content.Number != 0}
	if one.Why == "" {
		one.Why = string(r.Reason)
	}
	if !v.caller.Can(access.SeeNumbers) {
		one.Written = digits.ReplaceAllString(r.Text, "•")
	}
	if !one.Person {
		one.Number = "no number"
		return one, nil
	}
	p, err := s.byNumber(v, r.Content.Number)
	one.Number, one.Path = shown(v.caller, r.Content.Number), p.Path()
	return one, err
}

var digits = regexp.MustCompile(`\d`)

// decideReview closes a review with one button. Each decision but dismissing is an act in the ledger.
func (s *console) decideReview(v *visit) error {
	f, err := v.typed()
	if err != nil {
		return err
	}
	id, err := inbound.ParseReviewID(f.Value("review"))
	if err != nil {
		return errNoPage
	}
	r, err := s.Inbox.Review(v.ctx(), id)
	if errors.Is(err, inbound.ErrNoReview) {
		return v.done("/console/conflicts", "unchanged") // somebody else was faster
	}
	if err != nil {
		return err
	}
	if !sees(v.caller, r.Brand) {
		return errNoPage
	}
	if err := s.Gate.Authorize(v.ctx(), v.caller, access.RecordConsent, brandOrAny(r.Brand)); err != nil {
		return err
	}
	reason := f.text("reason")
	if reason == "" {
		reason = "read and decided in the console"
	}
	_, err = s.Inbox.Decide(v.ctx(), v.caller, id, inbound.Decision(f.Value("decision")), v.caller.Name, reason)
	if errors.Is(err, inbound.ErrNoReview) {
		return v.done("/console/conflicts", "unchanged")
	}
	if err != nil {
		if err := f.wrong(err); err != nil {
			return err
		}
		return s.renderConflicts(v, 422, f)
	}
	return v.done("/console/conflicts", "decided")
}
