package httpapi

import "github.com/consentline/consentline/internal/policy"

// RuleTerms are what the rules ask beside the moment of contact: of every rule that may apply the strictest.
type RuleTerms struct {
	Requires    TermBy      `json:"requires" doc:"The least consent for an ordinary contact."`
	DoubleOptIn *TermBy     `json:"double_opt_in,omitempty" doc:"That a consent must be confirmed to count; absent: it need not be."`
	Review      *TermBy     `json:"review,omitempty" doc:"After which period a consent ends or is to be reviewed, the soonest; absent: none is asked."`
	OptOut      OptOutTerms `json:"opt_out" doc:"How an opt-out is to be obeyed. Here it is obeyed at once, and until the person consents anew, which no rule asks more of."`
}

// TermBy is one thing that is asked, and the rule that asks it.
type TermBy struct {
	Value string `json:"value" doc:"What is asked, in the words of packs." example:"express_written"`
	Rule  string `json:"rule,omitempty" doc:"The rule that asks it; absent: none does."`
}

// OptOutTerms are the shortest deadline for an opt-out, and the longest of everything else.
type OptOutTerms struct {
	Deadline   *TermBy  `json:"deadline,omitempty" doc:"By when it must be obeyed."`
	Honour     *TermBy  `json:"honour,omitempty" doc:"For how long it must be honoured at least; absent: until the person consents anew."`
	Mechanism  *TermBy  `json:"mechanism,omitempty" doc:"For how long after a message the way to opt out must work."`
	Everything *TermBy  `json:"everything,omitempty" doc:"That an opt-out from one thing ends all contact by the brand that needs consent."`
	Keywords   []string `json:"keywords,omitempty" doc:"The words that must count as an opt-out."`
	Means      []TermBy `json:"means,omitempty" doc:"In which ways it may be given."`
}

func termsOf(rules *policy.Rules, q *policy.Question) RuleTerms {
	t := rules.Terms(q)
	by := func(value string, i policy.RuleIndex) *TermBy {
		if rule := rules.Rule(i); rule != nil {
			return &TermBy{value, rule.ID}
		}
		return nil
	}
	period := func(p *policy.Period, i policy.RuleIndex) *TermBy {
		if p == nil {
			return nil
		}
		return by(p.String(), i)
	}
	out := RuleTerms{Requires: TermBy{Value: t.Requires.String()}, Review: period(t.ReviewAfter, t.ReviewBy)}
	if asked := by(t.Requires.String(), t.RequiresBy); asked != nil {
		out.Requires = *asked
	}
	if t.DoubleOptIn {
		out.DoubleOptIn = by("required", t.DoubleOptInBy)
	}
	out.OptOut = OptOutTerms{
		Honour: period(t.OptOut.Honour, t.OptOut.HonourBy), Mechanism: period(t.OptOut.Mechanism, t.OptOut.MechanismBy), Keywords: t.OptOut.Keywords,
	}
	if t.OptOut.HasDeadline {
		out.OptOut.Deadline = by(t.OptOut.Deadline.String(), t.OptOut.DeadlineBy)
	}
	if t.OptOut.Everything {
		out.OptOut.Everything = by("required", t.OptOut.EverythingBy)
	}
	for _, i := range t.OptOut.Means {
		out.OptOut.Means = append(out.OptOut.Means, *by(rules.Rule(i).OptOut.Means, i))
	}
	return out
}
