package rulebook

import (
	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/policy"
)

// Gate is what one rule, or one gate before the rules, came to.
type Gate struct {
	Gate     string `json:"gate" doc:"What it speaks about: number, fresh, suppression, record, or the kind of a rule."`
	Result   string `json:"result" enum:"passed,failed,obliges,exempts,lifted,informs" doc:"What it came to. A lifted rule does not bind here; one that informs is about what comes after a contact."`
	Code     string `json:"code,omitempty" doc:"Of a failure: the stable code."`
	Rule     string `json:"rule,omitempty" doc:"The rule's id."`
	Requires string `json:"requires,omitempty" doc:"What the rule asks, in words."`
	Evidence string `json:"evidence,omitempty" doc:"What it was held against."`
	Citation string `json:"citation,omitempty" doc:"What the rule is taken from."`
	Source   string `json:"source,omitempty" doc:"Where the text was read."`
	Pack     string `json:"pack,omitempty" doc:"The pack that holds the rule."`
	Version  string `json:"pack_version,omitempty" doc:"The day on which the facts of the pack were last looked at."`
	Verified *bool  `json:"verified,omitempty" doc:"Of a rule: whether its text was read in its source."`
	Changed  bool   `json:"changed,omitempty" doc:"Whether the operator made the rule what it is."`
}

// Explain tells every rule that speaks about a case, with what it comes to.
func (b *Book) Explain(c check.Case) []Gate { return b.current.Load().explain(&c, b.attempts) }

// Explain tells every rule that spoke about a case, with what it came to.
func (p *Past) Explain(c check.Case) []Gate { return p.edition.explain(&c, p.attempts) }

func (e *edition) explain(c *check.Case, contacts Attempts) (gates []Gate) {
	var q policy.Question
	ask(c, contacts, &q)
	e.rules.Declare(&q)
	versions := map[string]string{}
	for _, p := range e.rules.Packs() {
		versions[p.Name] = p.Version()
	}
	for _, f := range e.rules.Explain(&q) {
		gates = append(gates, e.gate(&f, versions))
	}
	return gates
}

func (e *edition) gate(f *policy.Ruling, versions map[string]string) Gate {
	g := Gate{Gate: "rules", Result: f.Result.String(), Code: f.Code.String(), Evidence: f.Evidence}
	if f.Result == policy.Failed && int(f.Code) < len(codes) {
		g.Code = codes[f.Code].String()
	}
	r := e.rules.Rule(f.Rule)
	if r == nil {
		return g
	}
	verified := r.Verified
	g.Gate, g.Rule, g.Requires, g.Citation, g.Source = r.Kind.String(), r.ID, statement(e.rules, f.Rule), r.Citation, r.Source
	g.Pack, g.Version, g.Verified, g.Changed = r.Pack, versions[r.Pack], &verified, e.rules.Changed(f.Rule)
	return g
}
