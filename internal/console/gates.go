package console

import (
	"time"

	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/rulebook"
)

// answer is what a check says now of one scope, with all gates.
type answer struct {
	Scope     consent.Scope
	Outcome   string
	Because   string
	Gates     []gate
	ChangesAt time.Time
	NextAt    time.Time
	Rules     []rulebook.Gate // each rule that speaks about it; only where it was asked for
}

// gate is one step of the check: passed, or not and why.
type gate struct {
	Name    string
	Passed  bool
	Reasons []gateReason
}

type gateReason struct {
	Code, Text, Remedy string
	Rule, Citation     string
	List               string
	Entry              uint64
}

// gateOf says at which gate a code speaks. The order of the codes is the order of the gates.
func gateOf(c check.Code) int {
	switch {
	case c <= check.InvalidNumber:
		return 0
	case c <= check.Stale:
		return 1
	case c <= check.UnknownChannel:
		return 2
	case c <= check.ListStale:
		return 3
	case c <= check.NotYetGranted, c == check.Granted:
		return 4
	}
	return 5
}

var gateNames = []string{"The number is well-formed", "This node knows the latest withdrawals", "Brand, purpose and channel are defined", "No suppression list speaks against it", "The person's record says yes", "The rules allow it now"}

// ask asks the check about a scope, as a sender would.
func (s *console) ask(n phone.Number, scope consent.Scope) answer {
	v := s.Index.Check(question(n, scope))
	return s.answer(&v, scope)
}

// askInFull asks as ask does, and has every rule tell what it came to, those that allow it too.
func (s *console) askInFull(n phone.Number, scope consent.Scope) answer {
	q := question(n, scope)
	v := s.Index.Check(q)
	a := s.answer(&v, scope)
	if s.Rules != nil {
		a.Rules = s.Rules.Explain(s.Index.CaseOf(q, &v))
	}
	return a
}

func question(n phone.Number, scope consent.Scope) check.Question {
	return check.Question{Number: n, Brand: []byte(scope.Brand), Purpose: []byte(scope.Purpose), Channel: scope.Channel}
}

func (s *console) answer(v *check.Verdict, scope consent.Scope) answer {
	a := answer{Scope: scope, Outcome: v.Outcome.String(), ChangesAt: v.ChangesAt, NextAt: v.NextAllowedAt}
	for _, name := range gateNames {
		a.Gates = append(a.Gates, gate{Name: name, Passed: true})
	}
	for i, r := range v.Reasons() {
		reason := gateReason{Code: r.Code.String(), Text: r.Code.Text(), Remedy: r.Code.Remedy(), Entry: r.Entry}
		if i == 0 {
			a.Because = reason.Text
		}
		if r.List != nil {
			reason.List = r.List.Name
		}
		if s.Citations != nil && r.Rule != 0 {
			reason.Rule, reason.Citation = s.Citations.Rule(r.Rule)
		}
		g := &a.Gates[gateOf(r.Code)]
		g.Reasons = append(g.Reasons, reason)
		g.Passed = g.Passed && (r.Code == check.Granted || r.Code == check.Exempt)
	}
	return a
}
