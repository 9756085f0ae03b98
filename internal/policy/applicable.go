package policy

import (
	"cmp"
	"slices"
	"time"
)

// Applicable lists the rules that speak about the question's number, channel, class and moment, in the order in which
// they are judged, terms last. It allocates.
func (r *Rules) Applicable(q *Question) []RuleIndex {
	s := scene{q: q}
	r.locate(q, &s)
	s.begin(r, q.At.Unix())
	list := r.speaking(&s)
	if int(q.Channel) >= channels || int(q.Class) >= classes {
		return list
	}
	for g := range s.groupCount {
		for _, e := range r.groups[s.groups[g]].table[Ordinary][q.Channel][q.Class] {
			gate := &r.compiled[e.rule]
			if s.now >= e.from && s.now < e.until && gate.kind != NoKind && s.concerns(r, gate) && !s.lifted(r, gate) {
				list = append(list, e.rule)
			}
		}
	}
	slices.SortFunc(list, func(a, b RuleIndex) int {
		return cmp.Or(cmp.Compare(r.compiled[a].kind, r.compiled[b].kind), cmp.Compare(a, b))
	})
	return slices.Compact(list)
}

// Holds reports whether the rule is in force at the moment, by its own dates and the operator's changes.
func (r *Rules) Holds(i RuleIndex, at time.Time) bool {
	return int(i) < len(r.spans) && r.holdsAt(i, at.Unix())
}
