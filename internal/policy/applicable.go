package policy

import "time"

// Applicable lists the rules that speak about the question's number, channel, class and moment, in the order in which
// they are judged, terms last. It allocates.
func (r *Rules) Applicable(q *Question) []RuleIndex {
	s := scene{q: q}
	r.locate(q, &s)
	s.begin(r, q.At.Unix())
	return r.speaking(&s)
}

// Holds reports whether the rule is in force at the moment, by its own dates and the operator's changes.
func (r *Rules) Holds(i RuleIndex, at time.Time) bool {
	return int(i) < len(r.spans) && r.holdsAt(i, at.Unix())
}
